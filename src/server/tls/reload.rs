//! Looks whether files of certificates, keys and authorities have changed, and has what is made of them made anew.

use super::files::{Expiry, Stamp};
use super::{Origins, Problem};
use crate::server::event_aside;
use arc_swap::ArcSwap;
use log::{error, info, warn};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often the files' stamps are compared.
const INTERVAL: Duration = Duration::from_secs(10);

/// Something that is made of files, in use, and can be made anew.
pub(in crate::server) trait Secured: Send + Sync {
    /// The files.
    fn files(&self) -> Vec<PathBuf>;

    /// Reads them again and puts what they hold to use; false where that is in use already. `made` holds what others
    /// were given in the same round.
    ///
    /// # Errors
    /// What is wrong with them: what was in use stays so.
    fn renew(&self, made: &mut Origins) -> Result<bool, Problem>;

    /// What is told of it.
    fn told(&self) -> &Told;
}

/// What is told of a [`Secured`].
#[derive(Debug)]
pub(in crate::server) struct Told {
    /// The listener whose it is, or nothing.
    pub(in crate::server) listener: String,
    /// The pool whose it is, or nothing.
    pub(in crate::server) pool: String,
    expiries: ArcSwap<Vec<Expiry>>,
    /// How often what is in use was made anew.
    pub(in crate::server) reloads: AtomicU64,
    /// How often it could not be.
    pub(in crate::server) failures: AtomicU64,
}

impl Told {
    pub(super) fn listener(name: &str) -> Self {
        Self::of(name.to_owned(), String::new())
    }

    pub(super) fn pool(name: &str) -> Self {
        Self::of(String::new(), name.to_owned())
    }

    fn of(listener: String, pool: String) -> Self {
        let (reloads, failures) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { listener, pool, expiries: ArcSwap::default(), reloads, failures }
    }

    /// What expires is this. A file that is used twice is told once, and of two with the same name in different
    /// folders the one that expires first.
    pub(super) fn expire(&self, mut expiries: Vec<Expiry>) {
        expiries.sort_by(|one, two| {
            let key = |of: &Expiry| (of.kind.as_str(), of.file.clone(), of.at);
            key(one).cmp(&key(two))
        });
        expiries.dedup_by(|later, first| later.kind == first.kind && later.file == first.file);
        self.expiries.store(Arc::new(expiries));
    }

    /// What expires when.
    pub(in crate::server) fn expiries(&self) -> Arc<Vec<Expiry>> {
        self.expiries.load_full()
    }

    fn place(&self) -> (&'static str, &str) {
        if self.pool.is_empty() { ("listener", &self.listener) } else { ("pool", &self.pool) }
    }
}

struct Watched {
    secured: Arc<dyn Secured>,
    stamps: Vec<Stamp>,
    /// What was wrong at the last look.
    problem: Option<Problem>,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Renewed,
    Broken(Problem),
    /// Still broken in the same way.
    Unmended,
}

impl Watched {
    /// Compares the stamps and has everything made anew if one differs; or in any case.
    fn look(&mut self, in_any_case: bool, made: &mut Origins) -> Found {
        let files = self.secured.files();
        // Before the files are read: what changes meanwhile is seen at the next look.
        let stamps: Vec<Stamp> = files.iter().map(|path| Stamp::of(path)).collect();
        let changed = stamps != self.stamps;
        // What could not be read may be readable now, though its stamp says nothing of it.
        if !changed && !in_any_case && self.problem.is_none() {
            return Found::Nothing;
        }
        self.stamps = stamps;
        match self.secured.renew(made) {
            Ok(renewed) => {
                self.problem = None;
                if !renewed {
                    return Found::Nothing;
                }
                self.secured.told().reloads.fetch_add(1, Ordering::Relaxed);
                Found::Renewed
            }
            Err(problem) => {
                let known = !changed && self.problem.as_ref() == Some(&problem);
                self.problem = Some(problem.clone());
                if known {
                    return Found::Unmended;
                }
                self.secured.told().failures.fetch_add(1, Ordering::Relaxed);
                Found::Broken(problem)
            }
        }
    }

    fn tell(&self, found: Found) {
        let (place, name) = self.secured.told().place();
        match found {
            Found::Nothing | Found::Unmended => {}
            Found::Renewed => {
                info!("{place} {name}: certificates and keys were read again and are in use");
                event_aside(serde_json::json!({ "event": "certificate_reloaded", place: name }));
            }
            Found::Broken(problem) => {
                warn!("{place} {name}: the certificates and keys in use are kept: {problem}");
                let reason = problem.as_str();
                event_aside(
                    serde_json::json!({ "event": "certificate_reload_failed", place: name, "reason": reason }),
                );
            }
        }
    }
}

/// Everything that is made of files.
pub(in crate::server) struct Reloading {
    watched: Vec<Watched>,
    asked: Arc<Notify>,
}

impl Reloading {
    /// Watches these. What changed since they were read is found at the first look.
    pub(in crate::server) fn new(secured: impl IntoIterator<Item = Arc<dyn Secured>>) -> Self {
        // Without stamps: the first look reads everything again, and finds nothing new where nothing is.
        let watch = |secured| Watched { secured, stamps: Vec::new(), problem: None };
        let watched = secured.into_iter().map(watch).filter(|watched| !watched.secured.files().is_empty());
        Self { watched: watched.collect(), asked: Arc::default() }
    }

    /// What asks for a look at once, at everything.
    pub(in crate::server) fn asked(&self) -> Arc<Notify> {
        self.asked.clone()
    }

    /// Looks every ten seconds, until the edge stops. Files may be slow: another thread reads them.
    pub(in crate::server) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        if self.watched.is_empty() {
            return;
        }
        loop {
            let in_any_case = tokio::select! {
                () = tokio::time::sleep(INTERVAL) => false,
                () = self.asked.notified() => true,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
            let looked = tokio::task::spawn_blocking(move || {
                let mut made = Origins::default();
                let found: Vec<Found> =
                    self.watched.iter_mut().map(|watched| watched.look(in_any_case, &mut made)).collect();
                (self, found)
            });
            let Ok((looked, found)) = looked.await else {
                error!("looking after certificates ended: they will not be read again before a restart");
                return;
            };
            self = looked;
            for (watched, found) in self.watched.iter().zip(found) {
                watched.tell(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    /// Something made of one file, which is broken where it says so.
    struct Text {
        path: PathBuf,
        content: Mutex<String>,
        told: Told,
    }

    impl Secured for Text {
        fn files(&self) -> Vec<PathBuf> {
            vec![self.path.clone()]
        }

        fn renew(&self, _made: &mut Origins) -> Result<bool, Problem> {
            let content = std::fs::read_to_string(&self.path).map_err(|error| error.to_string())?;
            if content.contains("broken") {
                return Err(content);
            }
            let renewed = *self.content.lock() != content;
            *self.content.lock() = content;
            Ok(renewed)
        }

        fn told(&self) -> &Told {
            &self.told
        }
    }

    #[test]
    fn a_file_is_told_once() {
        use crate::server::tls::files::Kind;
        let expiry = |file: &str, kind, at| Expiry { file: file.to_owned(), kind, at };
        let told = Told::pool("app");
        told.expire(vec![
            expiry("b.pem", Kind::Certificate, 3),
            expiry("a.pem", Kind::Authorities, 2),
            expiry("b.pem", Kind::Certificate, 1),
            expiry("b.pem", Kind::Authorities, 4),
        ]);
        let expected = [
            expiry("a.pem", Kind::Authorities, 2),
            expiry("b.pem", Kind::Authorities, 4),
            expiry("b.pem", Kind::Certificate, 1),
        ];
        assert_eq!(**told.expiries(), expected);
    }

    #[test]
    fn what_is_broken_is_kept_said_once_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        let write = |content: &str| {
            let other = folder.path().join("new");
            std::fs::write(&other, content).unwrap();
            std::fs::rename(&other, &path).unwrap();
        };
        write("one");
        let text = Arc::new(Text {
            path: path.clone(),
            content: Mutex::new("one".to_owned()),
            told: Told::listener("web"),
        });
        let mut watched = Watched { secured: text.clone(), stamps: Vec::new(), problem: None };
        let mut look = |in_any_case| watched.look(in_any_case, &mut Origins::default());
        assert_eq!(look(false), Found::Nothing, "read at the start and not changed since");
        write("two");
        assert_eq!(look(false), Found::Renewed);
        assert_eq!(look(true), Found::Nothing, "asked for, and the same");
        write("broken");
        assert_eq!(look(false), Found::Broken("broken".to_owned()));
        assert_eq!(look(false), Found::Unmended);
        assert_eq!(look(true), Found::Unmended);
        assert_eq!(*text.content.lock(), "two");
        write("broken, too");
        assert_eq!(look(false), Found::Broken("broken, too".to_owned()));
        write("two");
        assert_eq!(look(false), Found::Nothing, "mended, to what is in use");
        write("three");
        assert_eq!(look(false), Found::Renewed);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(look(false), Found::Broken(_)));
        let counted = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!((counted(&text.told.reloads), counted(&text.told.failures)), (2, 3));
    }
}
