//! `identity-edge keys new|rotate|promote FILE`: makes and changes the file of cookie keys.
//!
//! A new key goes to every edge in two steps, see [`crate::persistence::keys`]; each message says which step
//! comes next.

mod held;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::Timestamp;

use crate::persistence::keys::{KeyFileError, KeyId, KeyRing, KeyRingError, Promotion};
use held::Held;

/// What is to be done with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// Make a file with one new key; an existing file is left alone
    New,
    /// Add a new key that opens cookies and does not sign yet
    Rotate,
    /// Let the newest key sign, once every edge has it
    Promote,
}

/// Does it, says on standard output what comes next, and on standard error what went wrong.
#[must_use]
pub fn run(action: Action, file: &Path) -> ExitCode {
    match apply(action, file, Timestamp::now()) {
        Ok(report) => {
            // Nobody listening does not undo the change.
            let _ = write!(io::stdout(), "{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = write!(io::stderr(), "error: {error}");
            let mut source = error.source();
            while let Some(inner) = source {
                let _ = write!(io::stderr(), ": {inner}");
                source = inner.source();
            }
            let _ = writeln!(io::stderr());
            ExitCode::FAILURE
        }
    }
}

fn apply(action: Action, file: &Path, now: Timestamp) -> Result<Report, KeysError> {
    let done = match action {
        Action::New => new(file, now)?,
        Action::Rotate => {
            let held = Held::open(file)?;
            let mut ring = held.ring()?;
            let key = ring.rotate(&date_after(&ring, now)?).map_err(|source| in_ring(file, source))?;
            held.replace(&ring.render())?;
            Done::Rotated { key, signing: ring.signing().id() }
        }
        Action::Promote => {
            let held = Held::open(file)?;
            let mut ring = held.ring()?;
            let promotion = ring.promote().map_err(|source| in_ring(file, source))?;
            held.replace(&ring.render())?;
            Done::Promoted(promotion)
        }
    };
    let mode = held::mode(file).unwrap_or(0);
    Ok(Report { file: file.to_owned(), done, open_to_all: (mode & 0o007 != 0).then_some(mode) })
}

fn new(file: &Path, now: Timestamp) -> Result<Done, KeysError> {
    let ring = KeyRing::generate(&date(now.as_second(), file)?).map_err(|source| in_ring(file, source))?;
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut made = made.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeysError::Exists(file.to_owned()),
        _ => failed("create", file)(source),
    })?;
    if let Err(source) = made.write_all(ring.render().as_bytes()).and_then(|()| made.sync_all()) {
        let _ = fs::remove_file(file);
        return Err(failed("write", file)(source));
    }
    Ok(Done::Made { key: ring.signing().id() })
}

/// The date of a key that joins `ring`: now, but later than every other key's even if this machine's clock
/// is behind the one that made them, or the last key is of the same second.
fn date_after(ring: &KeyRing, now: Timestamp) -> Result<String, KeysError> {
    date(now.as_second().max(ring.youngest_created().saturating_add(1)), Path::new("the new key"))
}

fn date(unix_seconds: i64, of: &Path) -> Result<String, KeysError> {
    let date = Timestamp::from_second(unix_seconds).map_err(|_| in_ring(of, KeyRingError::Created))?;
    Ok(date.to_string())
}

/// What was done and what comes next.
#[derive(Debug)]
struct Report {
    file: PathBuf,
    done: Done,
    /// The file's mode, if everyone on the machine can get at it.
    open_to_all: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
enum Done {
    Made { key: KeyId },
    Rotated { key: KeyId, signing: KeyId },
    Promoted(Promotion),
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.done {
            Done::Made { key } => {
                writeln!(formatter, "{file}: made, with key {key}.")?;
                writeln!(
                    formatter,
                    "Next: copy the file to every edge (keep it secret), list it under cookie.keys of the \
                     persistence groups, and restart."
                )?;
            }
            Done::Rotated { key, signing } => {
                writeln!(formatter, "{file}: key {key} added; it opens cookies, {signing} still signs.")?;
                writeln!(
                    formatter,
                    "Next: copy the file to every edge and restart them all; then run \
                     `identity-edge keys promote {file}`."
                )?;
            }
            Done::Promoted(Promotion { signing, retired, dropped }) => {
                writeln!(
                    formatter,
                    "{file}: key {signing} signs from now on; {retired} still opens cookies."
                )?;
                if !dropped.is_empty() {
                    let dropped: Vec<String> = dropped.iter().map(KeyId::to_string).collect();
                    writeln!(
                        formatter,
                        "Dropped, their cookies are no longer accepted: {}.",
                        dropped.join(", ")
                    )?;
                }
                writeln!(formatter, "Next: copy the file to every edge and restart them, in any order.")?;
            }
        }
        if let Some(mode) = self.open_to_all {
            writeln!(
                formatter,
                "Warning: everyone on this machine can get at it (mode {mode:04o}); chmod o= {file}"
            )?;
        }
        Ok(())
    }
}

/// Why the file was left as it was.
#[derive(Debug)]
enum KeysError {
    Exists(PathBuf),
    NotAFile(PathBuf),
    NotText(PathBuf),
    Busy(PathBuf),
    Changed(PathBuf),
    Failed { doing: &'static str, file: PathBuf, source: io::Error },
    File { file: PathBuf, source: KeyFileError },
    Ring { file: PathBuf, source: KeyRingError },
}

fn failed(doing: &'static str, file: &Path) -> impl FnOnce(io::Error) -> KeysError {
    move |source| KeysError::Failed { doing, file: file.to_owned(), source }
}

fn in_ring(file: &Path, source: KeyRingError) -> KeysError {
    KeysError::Ring { file: file.to_owned(), source }
}

impl fmt::Display for KeysError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(file) => write!(
                formatter,
                "{}: exists, and is not overwritten; `keys rotate` adds a key to it",
                file.display()
            ),
            Self::NotAFile(file) => write!(formatter, "{}: not a file", file.display()),
            Self::NotText(file) => {
                write!(formatter, "{}: not a text in UTF-8, this is no key file", file.display())
            }
            Self::Busy(file) => {
                write!(formatter, "{}: another `identity-edge keys` is at work on it", file.display())
            }
            Self::Changed(file) => {
                write!(
                    formatter,
                    "{}: was changed meanwhile by someone else; look at it and try again",
                    file.display()
                )
            }
            Self::Failed { doing, file, .. } => write!(formatter, "cannot {doing} {}", file.display()),
            Self::File { file, .. } | Self::Ring { file, .. } => write!(formatter, "{}", file.display()),
        }
    }
}

impl Error for KeysError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { source, .. } => Some(source),
            Self::File { source, .. } => Some(source),
            Self::Ring { source, .. } => Some(source),
            Self::Exists(_) | Self::NotAFile(_) | Self::NotText(_) | Self::Busy(_) | Self::Changed(_) => None,
        }
    }
}
