//! Files that the configuration names: certificates, keys and a token. They are read now, so that what is wrong with
//! them is found before a listener opens.

use super::CertifiedKey;
use super::certificates::{Leaf, warn_of_expiry};
use super::read::Value;
use crate::persistence::keys::KeyRing;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::sign::CertifiedKey as Usable;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore};

/// The largest key or certificate file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// The largest page that is answered, in bytes.
const LARGEST_PAGE: usize = 64 << 10;
/// The length of a token, in characters.
const TOKEN: RangeInclusive<usize> = 16..=256;

/// A PEM file of authorities that are trusted.
pub(super) fn authorities(value: &Value<'_>) -> Option<PathBuf> {
    let (path, certificates) = certificates(value)?;
    let mut roots = RootCertStore::empty();
    if certificates.iter().any(|certificate| roots.add(certificate.clone()).is_err()) {
        value.error("no usable certificate among them, expected those of authorities, of X.509 version 3");
        return None;
    }
    warn_of_expiry(
        value,
        &certificates,
        "what it issued does not outlast it: put its successor into the file too",
    );
    Some(path)
}

/// The path of a PEM file with at least one certificate, and its certificates.
fn certificates(value: &Value<'_>) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
    let path = value.file("expected a PEM file of certificates")?;
    let pem = contents(value, &path, "")?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Some((path, certificates)),
        Ok(_) => {
            value.error("no certificate in the file, expected PEM with BEGIN CERTIFICATE");
            None
        }
        Err(error) => {
            value.error(broken_pem(&error));
            None
        }
    }
}

/// A certificate and its key, which must belong together, and what the leaf says if that can be read; `others` are those
/// who refuse it once it has expired.
pub(super) fn certified_key(
    certificate: &Value<'_>,
    key: &Value<'_>,
    others: &str,
) -> Option<(CertifiedKey, Option<Leaf>)> {
    let chain = certificates(certificate);
    let key_path = key.file("expected a PEM file of the certificate's private key")?;
    let pem = contents(key, &key_path, "")?;
    let der = match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(der) => der,
        Err(pem::Error::NoItemsFound) => {
            key.error("no private key in the file, expected PEM with BEGIN PRIVATE KEY");
            return None;
        }
        Err(error) => {
            key.error(broken_pem(&error));
            return None;
        }
    };
    let Ok(signing) = any_supported_type(&der) else {
        key.error("no usable key, expected RSA of 2048 bits or more, ECDSA (P-256, P-384) or Ed25519");
        return None;
    };
    let (certificate_path, chain) = chain?;
    let usable = Usable::new(chain, signing);
    match usable.keys_match() {
        // A key type that cannot tell is left to the handshake.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
            warn_of_expiry(certificate, &usable.cert, &format!("{others} refuse it from then on: renew it"));
            let leaf = Leaf::of(&usable.cert, usable.key.algorithm());
            Some((CertifiedKey { certificate: certificate_path, key: key_path }, leaf))
        }
        Err(Error::InconsistentKeys(_)) => {
            key.error("not the key of the certificate, expected the one it was issued for");
            None
        }
        Err(_) => {
            certificate.error("no usable certificate, expected one of X.509 version 3 first in the file");
            None
        }
    }
}

/// A page of HTML.
pub(super) fn page(value: &Value<'_>) -> Option<PathBuf> {
    let path = value.file("expected an HTML file of at most 64 KiB")?;
    let bytes = contents(value, &path, "")?;
    let problem = match std::str::from_utf8(&bytes) {
        _ if bytes.len() > LARGEST_PAGE => "larger than 64 KiB, expected a smaller page",
        Err(_) => "no text, expected HTML in UTF-8",
        Ok(text) if text.trim().is_empty() => "empty, expected HTML in UTF-8",
        Ok(_) => return Some(path),
    };
    value.error(problem);
    None
}

/// What is wrong with a PEM file; the library's own words show bytes.
fn broken_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section without its END line, expected PEM",
        pem::Error::IllegalSectionStart { .. } => "a broken BEGIN line, expected PEM",
        _ => "broken base64, expected PEM",
    }
}

/// A file of cookie keys.
pub(super) fn key_ring(value: &Value<'_>) -> Option<(PathBuf, KeyRing)> {
    let path = value.file("expected a file of cookie keys")?;
    let remedy = format!("; make one with `identity-edge keys new {}`", shown(value, &path));
    let text = contents(value, &path, &remedy)?;
    let Ok(text) = String::from_utf8(text) else {
        value.error("no key file: not UTF-8");
        return None;
    };
    match KeyRing::parse(&text) {
        Ok(ring) => {
            warn_if_shared(value, &path, "use the keys that protect the cookies");
            Some((path, ring))
        }
        Err(error) => {
            value.error(&format!("no key file: {error}"));
            None
        }
    }
}

/// A file whose content is a token. Nothing of it is repeated.
pub(super) fn token(value: &Value<'_>) -> Option<PathBuf> {
    let path = value.file("expected a file with a token, or null for none")?;
    let remedy = format!("; make one with `openssl rand -hex 32 > {}`", shown(value, &path));
    let bytes = contents(value, &path, &remedy)?;
    let token = bytes.trim_ascii();
    if !token.iter().all(u8::is_ascii_graphic) {
        value.error(
            "no token: expected one word of visible ASCII characters, such as `openssl rand -hex 32` makes",
        );
        return None;
    }
    if !TOKEN.contains(&token.len()) {
        let (least, most) = TOKEN.into_inner();
        value.error(&format!("no token: {} characters, expected {least} to {most}", token.len()));
        return None;
    }
    warn_if_shared(value, &path, "read the token of the admin interface");
    Some(path)
}

/// `path` as it was probably written.
fn shown<'p>(value: &Value<'_>, path: &'p Path) -> std::path::Display<'p> {
    path.strip_prefix(&value.document().folder).unwrap_or(path).display()
}

/// The content of a certificate, a key or a token: of a file, and of no more than 1 MiB.
pub(crate) fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    if metadata.len() > LARGEST {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    std::fs::read(path)
}

fn contents(value: &Value<'_>, path: &Path, remedy: &str) -> Option<Vec<u8>> {
    match read_file(path) {
        Ok(contents) => Some(contents),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            value.error(&format!("no such file{remedy}"));
            None
        }
        Err(error) => {
            value.error(&format!("cannot be read: {error}"));
            None
        }
    }
}

#[cfg(unix)]
fn warn_if_shared(value: &Value<'_>, path: &Path, what: &str) {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(metadata) = std::fs::metadata(path) {
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            let why = format!("other users may {what}; make it 0600");
            value.warn(&format!("the file's mode is {mode:04o}"), &why);
        }
    }
}

#[cfg(not(unix))]
fn warn_if_shared(_: &Value<'_>, _: &Path, _: &str) {}
