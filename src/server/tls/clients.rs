//! Certificates of clients: which are accepted, and whose they are.

use super::Problem;
use super::files::{Kind, Reading};
use super::subject::{self, NoText};
use crate::config::ClientCertificates;
use crate::engine::TlsFacts;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What verifies clients by the authorities of a file.
pub(super) fn verifier(
    settings: &ClientCertificates,
    reading: &mut Reading,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Problem> {
    let unusable = |why: &dyn std::fmt::Display| format!("{}: {why}", settings.ca.display());
    let mut roots = RootCertStore::empty();
    for certificate in reading.certificates(&settings.ca, Kind::Authorities)? {
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = if settings.required { builder } else { builder.allow_unauthenticated() };
    let inner = builder.build().map_err(|error| unusable(&error))?;
    Ok(Arc::new(Verifier { inner }))
}

/// webpki's verifier, and after it what reads the certificate later: Pingora ends the task of a connection whose
/// certificate its own reader does not take, and what has no usable subject cannot be told to a backend.
#[derive(Debug)]
struct Verifier {
    inner: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        whose(end_entity, now)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The subject of a certificate that is valid now; none where the subject is empty.
fn whose(certificate: &[u8], now: UnixTime) -> Result<Option<Box<str>>, CertificateError> {
    let Ok((rest, certificate)) = X509Certificate::from_der(certificate) else {
        return Err(CertificateError::BadEncoding);
    };
    if !rest.is_empty() {
        return Err(CertificateError::BadEncoding);
    }
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if certificate.validity().not_after.timestamp() < now {
        return Err(CertificateError::Expired);
    }
    match subject::text(certificate.subject()) {
        Ok(text) => Ok(Some(text)),
        Err(NoText::Empty) => Ok(None),
        Err(NoText::Unusable) => Err(CertificateError::BadEncoding),
    }
}

/// What a finished handshake showed of the client. A session that is resumed brings the certificate of its first
/// handshake unverified: since then it may have expired.
///
/// # Errors
/// The certificate is not acceptable any more.
pub(super) fn facts(
    server_name: Option<&str>,
    certificate: Option<&[u8]>,
) -> Result<TlsFacts, CertificateError> {
    let subject = match certificate {
        Some(certificate) => whose(certificate, UnixTime::now())?,
        None => None,
    };
    let server_name = server_name.map(|name| super::names::plain(name).into());
    Ok(TlsFacts { server_name, subject })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    /// Accepts everything, as a library that is laxer than the other would.
    #[derive(Debug)]
    struct Lax;

    impl ClientCertVerifier for Lax {
        fn root_hint_subjects(&self) -> &[DistinguishedName] {
            &[]
        }

        fn verify_client_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: UnixTime,
        ) -> Result<ClientCertVerified, Error> {
            Ok(ClientCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    #[test]
    fn what_pingora_could_not_read_is_refused_whatever_webpki_says() {
        let verifier = Verifier { inner: Arc::new(Lax) };
        let verify = |der: Vec<u8>| {
            verifier.verify_client_cert(&CertificateDer::from(der), &[], UnixTime::now()).map(drop)
        };
        let good = certificate(|params| params.distinguished_name.push(DnType::CommonName, "a")).to_vec();
        assert_eq!(verify(good.clone()), Ok(()));
        let bad = Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        assert_eq!(verify(Vec::new()), bad);
        assert_eq!(verify(good[..good.len() - 1].to_vec()), bad);
        assert_eq!(verify([&good[..], b"\0"].concat()), bad);
        // The version of the certificate, which only its reader looks at, is not one there is.
        let version = good.windows(5).position(|part| part == [0xa0, 3, 2, 1, 2]).unwrap() + 4;
        let mut odd = good;
        odd[version - 2] = 0x04;
        assert_eq!(verify(odd), bad);
    }

    #[test]
    fn a_resumed_session_ends_with_its_certificate() {
        let valid = certificate(|params| params.distinguished_name.push(DnType::CommonName, "a"));
        let told = facts(Some("Edge.Test."), Some(&valid)).unwrap();
        assert_eq!(told.server_name.as_deref(), Some("edge.test"));
        assert_eq!(told.subject.as_deref(), Some("CN=a"));
        let expired = certificate(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
        assert_eq!(facts(None, Some(&expired)), Err(CertificateError::Expired));
        let nameless = certificate(|_| {});
        assert_eq!(facts(None, Some(&nameless)), Ok(TlsFacts::default()));
    }
}
