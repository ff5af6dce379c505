//! The access log: one line a request, written by a thread of its own.
//!
//! A request never waits for the log. It appends its line to those that [`waiting`] holds; the thread takes
//! them all at once, some milliseconds after the first, so that under load a hundred lines cost one wake-up and
//! one system call. When the thread does not keep up, lines are dropped whole and counted, and the count is told.
//! A channel of lines was rejected: it allocates and wakes for nearly every one.

mod entry;
pub(super) mod line;
mod sink;
mod stamp;
#[cfg(test)]
mod tests;
mod waiting;
mod writer;

pub(super) use entry::Entry;
use log::warn;
pub use sink::Sink;
use sink::{Open, Out};
use stamp::Stamp;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use waiting::Waiting;
use writer::Pace;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
}

/// The log, as requests see it.
#[derive(Debug)]
pub struct AccessLog {
    waiting: Arc<Waiting>,
    format: Format,
}

/// The writing thread, to be waited for at the end.
#[derive(Debug)]
pub struct Writing {
    finished: Receiver<()>,
}

impl Writing {
    /// Waits until every line is written, at most for so long: whoever should read the log may not. Every
    /// [`AccessLog`] must be gone. False if lines were left.
    #[must_use]
    pub fn finish(self, limit: Duration) -> bool {
        // The writer's end of the channel is dropped when its thread ends.
        self.finished.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }
}

/// What a thread formats its lines with.
#[derive(Debug, Default)]
struct Desk {
    line: Vec<u8>,
    stamp: Stamp,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

impl AccessLog {
    /// A log and the thread that writes it.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not started.
    pub fn start(sink: &Sink, format: Format) -> io::Result<(Self, Writing)> {
        Self::onto(Open::new(sink)?, format, Pace::default())
    }

    fn onto(out: impl Out + Send + 'static, format: Format, pace: Pace) -> io::Result<(Self, Writing)> {
        let log = Self { waiting: Arc::default(), format };
        let waiting = log.waiting.clone();
        let (finish, finished) = sync_channel::<()>(1);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            writer::Writer::new(&waiting, out, |notice| warn!("{notice}"), pace).run();
            drop(finish);
        })?;
        Ok((log, Writing { finished }))
    }

    /// Writes an entry, or counts it as dropped.
    pub(super) fn write(&self, entry: &Entry<'_>) {
        let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        DESK.with_borrow_mut(|Desk { line, stamp }| {
            line.clear();
            match self.format {
                Format::Json => entry.write_json(line, stamp, ended),
                Format::Text => entry.write_text(line, stamp, ended),
            }
            line.push(b'\n');
            self.waiting.add(line);
        });
    }

    /// Lines dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.waiting.dropped()
    }

    /// Opens the file anew before the next line is written, after whoever rotates logs has moved it away.
    pub fn reopen(&self) {
        self.waiting.reopen();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.waiting.close();
    }
}
