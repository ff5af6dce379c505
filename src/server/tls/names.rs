//! Which of a listener's certificates a client is shown.

use super::files::Keys;
use hashbrown::HashMap;
use rustls_pki_types::CertificateDer;
use std::borrow::Cow;
use std::sync::Arc;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{SignatureAlgorithm, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A listener's certificates by the names they are for (RFC 6066 section 3, RFC 9525 section 6.3): the exact name, else
/// a wildcard for its first label, else the first certificate of the listener. Of several for a name, the client gets
/// one whose signatures it understands: ECDSA where it can, which costs the edge a tenth of RSA.
#[derive(Debug)]
pub(super) struct ByName {
    exact: HashMap<Box<str>, Keys>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<str>, Keys>,
    /// Of no name, and of names that no certificate is for.
    other: Keys,
}

impl ByName {
    pub(super) fn new(keys: Keys) -> Self {
        let mut sorted = keys.clone();
        // Stable: of two with the same kind of key, the first of the file.
        sorted.sort_by_key(|key| rank(key));
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for key in &sorted {
            for name in key.cert.first().map(names).unwrap_or_default() {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut wildcard, rest),
                    None => (&mut exact, &*name),
                };
                let keys: &mut Keys = map.entry(name.into()).or_default();
                if !keys.iter().any(|known| Arc::ptr_eq(known, key)) {
                    keys.push(key.clone());
                }
            }
        }
        let other = match keys.first() {
            None => Keys::new(),
            // With it, whichever is for all of its names: the same site with another kind of key.
            Some(first) => {
                let own = first.cert.first().map(names).unwrap_or_default();
                let is_alike = |key: &Arc<CertifiedKey>| {
                    let theirs = key.cert.first().map(names).unwrap_or_default();
                    Arc::ptr_eq(key, first) || !own.is_empty() && own.iter().all(|name| theirs.contains(name))
                };
                sorted.into_iter().filter(is_alike).collect()
            }
        };
        Self { exact, wildcard, other }
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = |keys: &Keys| keys.iter().find(|key| key.key.choose_scheme(schemes).is_some()).cloned();
        let name = name.map(plain);
        let exact = name.as_deref().and_then(|name| self.exact.get(name));
        let wildcard = name.as_deref().and_then(|name| self.wildcard.get(name.split_once('.')?.1));
        match (exact, wildcard) {
            (None, None) => usable(&self.other),
            (exact, wildcard) => exact.and_then(usable).or_else(|| wildcard.and_then(usable)),
        }
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

fn rank(key: &CertifiedKey) -> u8 {
    match key.key.algorithm() {
        SignatureAlgorithm::ECDSA => 0,
        SignatureAlgorithm::ED25519 => 1,
        _ => 2,
    }
}

/// A name in lower case and without a final dot, as names are compared.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The DNS names that a certificate is for. A wildcard stands for the whole first label and nothing else; the subject's
/// common name is no name of a host (RFC 9525 section 2).
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let mut names = Vec::new();
    for name in &extension.value.general_names {
        if let GeneralName::DNSName(name) = name {
            let name = plain(name).into_owned();
            let rest = name.strip_prefix("*.").unwrap_or(&name);
            if !rest.is_empty() && !rest.contains('*') {
                names.push(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm as Kind,
    };
    use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;

    fn key(kind: &'static Kind, names: &[&str]) -> Arc<CertifiedKey> {
        let pair = KeyPair::generate_for(kind).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&pair).unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        Arc::new(CertifiedKey::new(vec![certificate.der().clone()], any_supported_type(&der).unwrap()))
    }

    const ALL: [SignatureScheme; 2] = [SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256];

    #[test]
    fn a_name_finds_its_certificate() {
        let first = key(&PKCS_ECDSA_P256_SHA256, &["first.test"]);
        let wild = key(&PKCS_ECDSA_P256_SHA256, &["*.Example.test", "example.test"]);
        let exact = key(&PKCS_ECDSA_P256_SHA256, &["exact.example.test", "192.0.2.1"]);
        let by_name = ByName::new(vec![first.clone(), wild.clone(), exact.clone()]);
        for (name, expected) in [
            (Some("first.test"), &first),
            (Some("FIRST.test."), &first),
            (Some("example.test"), &wild),
            (Some("any.example.test"), &wild),
            (Some("exact.example.test"), &exact),
            (Some("two.labels.example.test"), &first),
            (Some("stranger.test"), &first),
            (Some("192.0.2.1"), &first),
            (Some("test"), &first),
            (None, &first),
        ] {
            let chosen = by_name.choose(name, &ALL).unwrap();
            assert!(Arc::ptr_eq(&chosen, expected), "{name:?}");
        }
    }

    #[test]
    fn of_several_keys_for_a_name_the_client_gets_one_that_it_understands() {
        let edwards = key(&PKCS_ED25519, &["a.test"]);
        let ecdsa = key(&PKCS_ECDSA_P256_SHA256, &["a.test", "b.test"]);
        let wild = key(&PKCS_ED25519, &["*.b.test"]);
        let narrow = key(&PKCS_ECDSA_P256_SHA256, &["c.b.test"]);
        let by_name = ByName::new(vec![edwards.clone(), ecdsa.clone(), wild.clone(), narrow.clone()]);
        let [only_edwards, only_ecdsa] = [&ALL[..1], &ALL[1..]];
        for (name, schemes, expected) in [
            (Some("a.test"), &ALL[..], Some(&ecdsa)),
            (Some("a.test"), only_edwards, Some(&edwards)),
            (Some("b.test"), only_edwards, None),
            (Some("c.b.test"), &ALL, Some(&narrow)),
            (Some("c.b.test"), only_edwards, Some(&wild)),
            // Whoever asks for nobody gets the first site, with whichever of its keys.
            (None, &ALL, Some(&ecdsa)),
            (None, only_edwards, Some(&edwards)),
            (None, only_ecdsa, Some(&ecdsa)),
            (None, &[], None),
        ] {
            let chosen = by_name.choose(name, schemes);
            let same = match (&chosen, expected) {
                (Some(chosen), Some(expected)) => Arc::ptr_eq(chosen, expected),
                (None, None) => true,
                _ => false,
            };
            assert!(same, "{name:?} {schemes:?}");
        }
    }
}
