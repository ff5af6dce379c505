//! The files that TLS is made of: reading them, and noticing that they changed.

use super::Problem;
use crate::config;
use ring::digest;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What the system tells of a file; another stamp means that it may have other content. A file that is replaced by
/// renaming another over it has another inode; one that is written in place, another time of change, which unlike
/// that of modification nobody can set back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Option<[i128; 5]>);

impl Stamp {
    /// The present one; symbolic links are followed.
    pub(super) fn of(path: &Path) -> Self {
        let numbers = |of: Metadata| {
            let moment = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            [
                moment(of.mtime(), of.mtime_nsec()),
                moment(of.ctime(), of.ctime_nsec()),
                i128::from(of.size()),
                i128::from(of.ino()),
                i128::from(of.dev()),
            ]
        };
        Self(std::fs::metadata(path).ok().map(numbers))
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Kind {
    /// The certificate that the edge shows, and what leads from it to an authority.
    Certificate,
    /// Authorities that it trusts.
    Authorities,
}

impl Kind {
    /// The value of the label `kind`.
    pub(in crate::server) fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Authorities => "ca",
        }
    }
}

/// When a file needs to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Expiry {
    /// The file's name without its folder.
    pub(in crate::server) file: String,
    pub(in crate::server) kind: Kind,
    /// In seconds since 1970.
    pub(in crate::server) at: i64,
}

/// Reads files and remembers what they were.
pub(super) struct Reading {
    digest: digest::Context,
    expiries: Vec<Expiry>,
}

/// What tells two readings apart: a digest of all the bytes.
pub(super) type Content = [u8; 32];

impl Reading {
    pub(super) fn new() -> Self {
        Self { digest: digest::Context::new(&digest::SHA256), expiries: Vec::new() }
    }

    /// What was read, and when it expires.
    pub(super) fn finish(self) -> (Content, Vec<Expiry>) {
        let mut content = [0; 32];
        content.copy_from_slice(self.digest.finish().as_ref());
        (content, self.expiries)
    }

    /// The certificates of a file: at least one.
    pub(super) fn certificates(
        &mut self,
        path: &Path,
        kind: Kind,
    ) -> Result<Vec<CertificateDer<'static>>, Problem> {
        let pem = self.bytes(path)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        if chain.is_empty() {
            return Err(format!("{} holds no certificate", path.display()));
        }
        if let Some(at) = expiry(&chain, kind, SystemTime::now()) {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.expiries.push(Expiry { file, kind, at });
        }
        Ok(chain)
    }

    /// A certificate and its key; they must belong together, and they do not while only one of them has been
    /// replaced.
    pub(super) fn certified_key(&mut self, files: &config::CertifiedKey) -> Result<CertifiedKey, Problem> {
        let chain = self.certificates(&files.certificate, Kind::Certificate)?;
        let unreadable =
            |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", files.key.display());
        let pem = self.bytes(&files.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unreadable(&error))?;
        let key = any_supported_type(&key).map_err(|error| unreadable(&error))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // A key type that cannot tell is left to the handshake.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(error) => Err(format!(
                "{} and {} do not belong together: {error}",
                files.certificate.display(),
                files.key.display()
            )),
        }
    }

    fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, Problem> {
        let bytes =
            config::read_file(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        // With the length, so that bytes which move from one file to the next are another content.
        self.digest.update(&(bytes.len() as u64).to_be_bytes());
        self.digest.update(&bytes);
        Ok(bytes)
    }
}

/// The files of a certificate and its key.
pub(super) fn pair(files: &config::CertifiedKey) -> [PathBuf; 2] {
    [files.certificate.clone(), files.key.clone()]
}

/// When a file needs to be replaced, in seconds since 1970: at the first end of a certificate in it.
///
/// Authorities, and what follows the first certificate of a chain, are often kept beside their successors. Those that
/// have ended already do not count, unless all have.
fn expiry(chain: &[CertificateDer<'_>], kind: Kind, now: SystemTime) -> Option<i64> {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let ends: Vec<i64> = chain.iter().filter_map(|certificate| end(certificate)).collect();
    let alive = ends.iter().copied().filter(|at| *at > now).min();
    match kind {
        Kind::Authorities => alive.or(ends.iter().copied().max()),
        Kind::Certificate => {
            let own = end(chain.first()?)?;
            Some(alive.map_or(own, |alive| own.min(alive)))
        }
    }
}

fn end(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

/// Several keys, shared by whoever shows one of them.
pub(super) type Keys = Vec<Arc<CertifiedKey>>;

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn ending(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 7, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_first_end_counts_and_what_has_ended_does_not() {
        let now = UNIX_EPOCH + std::time::Duration::from_secs(1_767_225_600); // 2026
        let year = |at: Option<i64>| at.map(|at| 1970 + at / 31_556_952);
        let told = |years: &[i32], kind| {
            let chain: Vec<_> = years.iter().map(|year| ending(*year)).collect();
            year(expiry(&chain, kind, now))
        };
        assert_eq!(told(&[2027, 2030], Kind::Certificate), Some(2027));
        assert_eq!(told(&[2030, 2027], Kind::Certificate), Some(2027), "what leads to the authority");
        assert_eq!(told(&[2030, 2021], Kind::Certificate), Some(2030), "a left-over");
        assert_eq!(told(&[2021, 2030], Kind::Certificate), Some(2021), "its own end always counts");
        assert_eq!(told(&[2021, 2030, 2028], Kind::Authorities), Some(2028));
        assert_eq!(told(&[2021, 2022], Kind::Authorities), Some(2022), "nothing is left");
    }

    #[test]
    fn a_file_that_changes_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        let none = Stamp::of(&path);
        assert_eq!(none, Stamp::of(&path));
        std::fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path);
        assert_ne!(first, none);
        assert_eq!(first, Stamp::of(&path));
        let other = folder.path().join("b.pem");
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(Stamp::of(&path), first, "another inode");
    }
}
