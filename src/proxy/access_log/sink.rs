//! Where lines go.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

/// What takes lines.
pub(super) trait Out {
    /// Writes `bytes` from `*done` on, and says in `done` how far it came, also when it fails.
    fn push(&mut self, bytes: &[u8], done: &mut usize) -> io::Result<()>;

    /// Opens it anew. True if it is another one and empty: a line that was begun before is not in it.
    fn reopen(&mut self) -> io::Result<bool>;
}

/// A [`Sink`], opened.
#[derive(Debug)]
pub(super) enum Open {
    /// The descriptor itself, so that what is written is written: the library's own buffer would keep the rest of
    /// a line that failed.
    Stdout(File),
    File {
        file: File,
        path: PathBuf,
    },
}

impl Open {
    pub(super) fn new(sink: &Sink) -> io::Result<Self> {
        Ok(match sink {
            Sink::Stdout => Self::Stdout(io::stdout().as_fd().try_clone_to_owned()?.into()),
            Sink::File(path) => Self::File { file: append(path)?, path: path.clone() },
        })
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Out for Open {
    fn push(&mut self, bytes: &[u8], done: &mut usize) -> io::Result<()> {
        match self {
            // Locked, so that no event for machines gets between a line's parts, unless writing fails there.
            Self::Stdout(out) => {
                let _lock = io::stdout().lock();
                push(out, bytes, done)
            }
            Self::File { file, .. } => push(file, bytes, done),
        }
    }

    fn reopen(&mut self) -> io::Result<bool> {
        let Self::File { file, path } = self else { return Ok(false) };
        *file = append(path)?;
        Ok(file.metadata().is_ok_and(|now| now.is_file() && now.len() == 0))
    }
}

/// `write_all` that tells how far it came.
pub(super) fn push(out: &mut impl Write, bytes: &[u8], done: &mut usize) -> io::Result<()> {
    while *done < bytes.len() {
        match out.write(&bytes[*done..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => *done += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.flush()
}
