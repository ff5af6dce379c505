//! A key file that is being changed: locked, and replaced whole or not at all.
//!
//! The lock (advisory, `flock`) keeps a second `identity-edge keys` out. It is on the file's inode, which
//! a rename replaces, and editors do not know it; so before the rename the name must still lead to the very
//! file that was read, untouched. What remains is the moment between that look and the rename.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::{KeysError, failed};
use crate::persistence::keys::{KeyRing, MAX_FILE_LENGTH};

/// The bits of a file's mode that say who may do what.
pub(super) fn mode(path: &Path) -> io::Result<u32> {
    fs::metadata(path).map(|metadata| metadata.mode() & 0o777)
}

/// A locked key file and what was in it.
#[derive(Debug)]
pub(super) struct Held {
    /// Without symbolic links: the file is replaced where it lies, a link to it stays.
    path: PathBuf,
    metadata: Metadata,
    text: String,
    /// Holds the lock.
    _file: File,
}

impl Held {
    pub(super) fn open(path: &Path) -> Result<Self, KeysError> {
        let path = fs::canonicalize(path).map_err(failed("open", path))?;
        // Asked before opening, for to open a pipe would wait.
        if !fs::metadata(&path).map_err(failed("open", &path))?.is_file() {
            return Err(KeysError::NotAFile(path));
        }
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(KeysError::Busy(path)),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        let metadata = file.metadata().map_err(failed("read", &path))?;
        let mut bytes = Vec::new();
        let limit = MAX_FILE_LENGTH as u64 + 1; // one more, for the parser to refuse
        (&mut file).take(limit).read_to_end(&mut bytes).map_err(failed("read", &path))?;
        let text = String::from_utf8(bytes).map_err(|_| KeysError::NotText(path.clone()))?;
        let held = Self { path, metadata, text, _file: file };
        held.unchanged()?;
        Ok(held)
    }

    pub(super) fn ring(&self) -> Result<KeyRing, KeysError> {
        KeyRing::parse(&self.text).map_err(|source| KeysError::File { file: self.path.clone(), source })
    }

    /// Puts a file with `text`, of the same owner and mode, in the place of the one that was read.
    pub(super) fn replace(self, text: &str) -> Result<(), KeysError> {
        let beside = self.beside();
        let written = self.write_beside(&beside, text).and_then(|()| {
            self.unchanged()?;
            fs::rename(&beside, &self.path).map_err(failed("replace", &self.path))
        });
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        // The rename itself must survive a power failure. If the folder cannot be synchronised it is done all
        // the same.
        if let Some(folder) = self.path.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    fn write_beside(&self, beside: &Path, text: &str) -> Result<(), KeysError> {
        match fs::remove_file(beside) {
            // Left by a run that was killed; with the lock in hand nobody else is writing it.
            Ok(()) => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("remove", beside)(source)),
        }
        let create = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside);
        let mut file = create.map_err(failed("create", beside))?;
        let made = file.metadata().map_err(failed("create", beside))?;
        if (made.uid(), made.gid()) != (self.metadata.uid(), self.metadata.gid()) {
            // An edge that runs as the owner could not read it otherwise.
            fchown(&file, Some(self.metadata.uid()), Some(self.metadata.gid()))
                .map_err(failed("keep the owner of the file in", beside))?;
        }
        file.write_all(text.as_bytes()).map_err(failed("write", beside))?;
        file.set_permissions(fs::Permissions::from_mode(self.metadata.mode() & 0o777))
            .map_err(failed("keep the mode of the file in", beside))?;
        file.sync_all().map_err(failed("write", beside))
    }

    fn beside(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".new");
        self.path.with_file_name(name)
    }

    /// Whether the name still leads to what was read. Every write, chmod and chown moves the change time.
    fn unchanged(&self) -> Result<(), KeysError> {
        let stamp = |of: &Metadata| (of.dev(), of.ino(), of.len(), of.ctime(), of.ctime_nsec());
        let now = fs::metadata(&self.path).map_err(failed("open", &self.path))?;
        if stamp(&now) == stamp(&self.metadata) { Ok(()) } else { Err(KeysError::Changed(self.path.clone())) }
    }
}
