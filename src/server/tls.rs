//! TLS on both sides, with rustls.

use crate::config::{ListenerTls, UpstreamTls};
use crate::engine::upstream::OriginTls;
use log::warn;
use pingora::listeners::tls::Acceptor;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, ServerConfig, SignatureScheme,
};

/// What went wrong with certificates, in words for an operator.
type Problem = String;

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(format!("{} holds no certificate", path.display())),
        Ok(list) => Ok(list),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// When the first certificate of a file expires, in seconds since 1970.
pub(super) fn expiry(file: &Path) -> Option<i64> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let chain = certificates(file).ok()?;
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

/// What accepts TLS on a listener: made once and shared by all workers, so that sessions resume on any.
///
/// The handshake is driven by the worker and not by Pingora's service, which gives it a minute and a place outside
/// every limit.
pub(super) fn acceptor(tls: &ListenerTls, http2: bool) -> Result<Arc<Acceptor>, Problem> {
    let tls = tls.certificates.first().ok_or("no certificate")?;
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| format!("{} cannot be read: {error}", tls.key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            format!("{} and {} do not belong together: {error}", tls.certificate.display(), tls.key.display())
        })?;
    config.alpn_protocols = alpn(http2);
    config.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
    Ok(Arc::new(Acceptor::from_server_config(Arc::new(config))))
}

/// What is offered to clients that ask which protocols there are (RFC 7301), the preferred one first.
fn alpn(http2: bool) -> Vec<Vec<u8>> {
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    offered.iter().map(|protocol| protocol.to_vec()).collect()
}

/// How connections to a backend are secured. Made once for all backends with the same settings, so that
/// sessions resume.
pub(super) fn upstream(tls: &UpstreamTls) -> Result<OriginTls, Problem> {
    let server_name = ServerName::try_from(tls.server_name.clone())
        .map_err(|_| format!("{} is no server name", tls.server_name))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if tls.verify {
        builder.with_root_certificates(roots(tls.ca.as_deref())?).with_no_client_auth()
    } else {
        warn!(
            "the certificate of {} is not verified: whoever can stand between reads everything",
            tls.server_name
        );
        let unverified = Arc::new(Unverified(provider));
        builder.dangerous().with_custom_certificate_verifier(unverified).with_no_client_auth()
    };
    Ok(OriginTls { connector: TlsConnector::from(Arc::new(config)), server_name })
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                return Err("the system has no certificate authorities: set tls.ca".to_owned());
            }
        }
    }
    Ok(roots)
}

/// Accepts every certificate, where the operator wrote `verify: false`. Signatures are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
