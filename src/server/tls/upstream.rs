//! The side of TLS that leads to backends.

use super::Problem;
use super::files::{Content, Expiry, Kind, Reading, pair};
use super::reload::{Secured, Told};
use crate::config::UpstreamTls;
use crate::engine::upstream::OriginTls;
use crate::snapshot::Endpoint;
use log::warn;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

/// How connections to backends are secured: made once for all backends with the same settings, so that sessions
/// resume.
#[derive(Default)]
pub(in crate::server) struct Origins(HashMap<UpstreamTls, Made>);

/// What one group of settings became, and the files behind it.
#[derive(Clone)]
struct Made {
    tls: OriginTls,
    content: Content,
    expiries: Vec<Expiry>,
}

impl Origins {
    fn made(&mut self, settings: &UpstreamTls) -> Result<Made, Problem> {
        if let Some(known) = self.0.get(settings) {
            return Ok(known.clone());
        }
        let made = make(settings)?;
        self.0.insert(settings.clone(), made.clone());
        Ok(made)
    }

    /// How connections with these settings are secured.
    ///
    /// # Errors
    /// What is wrong with the settings, or the files they name.
    pub(in crate::server) fn get(&mut self, settings: &UpstreamTls) -> Result<OriginTls, Problem> {
        self.made(settings).map(|made| made.tls)
    }
}

/// The files of a pool: its backends are reached anew when one of them changes. Connections that are open keep what
/// they were made with, and idle ones among them are not used again.
pub(in crate::server) struct PoolTls {
    parts: Vec<Part>,
    told: Told,
}

/// Backends with the same settings.
struct Part {
    settings: UpstreamTls,
    endpoints: Vec<Arc<Endpoint>>,
    content: Mutex<Content>,
}

impl PoolTls {
    /// Of the backends of a pool that speak TLS, with their settings, as `made` gave it to them.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(in crate::server) fn new(
        name: &str,
        backends: Vec<(UpstreamTls, Arc<Endpoint>)>,
        made: &mut Origins,
    ) -> Result<Self, Problem> {
        let mut parts: Vec<Part> = Vec::new();
        let mut expiries = Vec::new();
        for (settings, endpoint) in backends {
            if let Some(part) = parts.iter_mut().find(|part| part.settings == settings) {
                part.endpoints.push(endpoint);
                continue;
            }
            if !settings.verify {
                let server_name = &settings.server_name;
                warn!(
                    "pool {name}: the certificate of {server_name} is not verified: whoever can stand between reads \
                     everything"
                );
            }
            let made = made.made(&settings)?;
            expiries.extend(made.expiries);
            let (endpoints, content) = (vec![endpoint], Mutex::new(made.content));
            parts.push(Part { settings, endpoints, content });
        }
        let told = Told::pool(name);
        told.expire(expiries);
        Ok(Self { parts, told })
    }
}

impl Part {
    fn files(&self) -> Vec<PathBuf> {
        let identity = self.settings.identity.iter().flat_map(pair);
        identity.chain(self.settings.ca.clone()).collect()
    }
}

impl Secured for PoolTls {
    fn files(&self) -> Vec<PathBuf> {
        self.parts.iter().flat_map(Part::files).collect()
    }

    fn renew(&self, origins: &mut Origins) -> Result<bool, Problem> {
        // All of them before one is put to use: a pool is not reached by half of its new files. The system's own
        // authorities are no files of the pool's.
        let parts: Vec<&Part> = self.parts.iter().filter(|part| !part.files().is_empty()).collect();
        let made: Vec<Made> =
            parts.iter().map(|part| origins.made(&part.settings)).collect::<Result<_, _>>()?;
        let mut renewed = false;
        for (part, made) in parts.into_iter().zip(&made) {
            let mut content = part.content.lock();
            if *content != made.content {
                *content = made.content;
                renewed = true;
                for endpoint in &part.endpoints {
                    endpoint.secure_anew(made.tls.clone());
                }
            }
        }
        if renewed {
            self.told.expire(made.into_iter().flat_map(|made| made.expiries).collect());
        }
        Ok(renewed)
    }

    fn told(&self) -> &Told {
        &self.told
    }
}

fn make(settings: &UpstreamTls) -> Result<Made, Problem> {
    let server_name = ServerName::try_from(settings.server_name.clone())
        .map_err(|_| format!("{} is no server name", settings.server_name))?;
    let mut reading = Reading::new();
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if settings.verify {
        builder.with_root_certificates(roots(settings, &mut reading)?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let certified = reading.certified_key(files)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    let (content, expiries) = reading.finish();
    let tls = OriginTls { connector: TlsConnector::from(Arc::new(config)), server_name };
    Ok(Made { tls, content, expiries })
}

fn roots(settings: &UpstreamTls, reading: &mut Reading) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    match &settings.ca {
        Some(path) => {
            for certificate in reading.certificates(path, Kind::Authorities)? {
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
