//! A listener's side of TLS.

use super::Problem;
use super::clients;
use super::files::{Content, Reading, pair};
use super::names::ByName;
use super::reload::{Secured, Told};
use crate::config::{Listener, ListenerTls, TlsVersion};
use crate::engine::TlsFacts;
use arc_swap::ArcSwap;
use pingora::listeners::tls::Acceptor;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CertificateError, ServerConfig, SupportedProtocolVersion};

/// What accepts TLS on a listener: shared by all workers, so that sessions resume on any, and made anew when its files
/// change. Connections that are open keep what they were made with.
///
/// The handshake is driven by the worker and not by Pingora's service, which gives it a minute and a place outside
/// every limit.
pub(in crate::server) struct TlsListener {
    settings: ListenerTls,
    alpn: Vec<Vec<u8>>,
    current: ArcSwap<Serving>,
    told: Told,
}

/// What is swapped, whole.
struct Serving {
    acceptor: Arc<Acceptor>,
    config: Arc<ServerConfig>,
    certificates: Content,
    clients: Option<Content>,
}

impl TlsListener {
    /// Reads the listener's files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(in crate::server) fn new(listener: &Listener, settings: &ListenerTls) -> Result<Self, Problem> {
        let alpn = alpn(listener);
        let told = Told::listener(&listener.name);
        let serving = serve(settings, &alpn, None, &told)?.ok_or("nothing to serve")?;
        Ok(Self { settings: settings.clone(), alpn, current: ArcSwap::from_pointee(serving), told })
    }

    /// What accepts a connection now.
    pub(in crate::server) fn acceptor(&self) -> Arc<Acceptor> {
        self.current.load().acceptor.clone()
    }

    /// What a finished handshake showed of the client.
    ///
    /// # Errors
    /// Its certificate is not acceptable any more.
    pub(in crate::server) fn facts(
        server_name: Option<&str>,
        certificate: Option<&[u8]>,
    ) -> Result<TlsFacts, CertificateError> {
        clients::facts(server_name, certificate)
    }
}

impl Secured for TlsListener {
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.settings.certificates.iter().flat_map(pair).collect();
        files.extend(self.settings.clients.iter().map(|clients| clients.ca.clone()));
        files
    }

    fn renew(&self, _made: &mut super::Origins) -> Result<bool, Problem> {
        let before = self.current.load_full();
        let serving = serve(&self.settings, &self.alpn, Some(&before), &self.told)?;
        let renewed = serving.is_some();
        if let Some(serving) = serving {
            self.current.store(Arc::new(serving));
        }
        Ok(renewed)
    }

    fn told(&self) -> &Told {
        &self.told
    }
}

/// The protocols that a listener offers (RFC 7301), the preferred one first. A client that names none speaks HTTP/1.1.
fn alpn(listener: &Listener) -> Vec<Vec<u8>> {
    let offered: &[&[u8]] = if listener.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    offered.iter().map(|protocol| protocol.to_vec()).collect()
}

/// Reads the files; none where they hold what is served already.
fn serve(
    settings: &ListenerTls,
    alpn: &[Vec<u8>],
    before: Option<&Serving>,
    told: &Told,
) -> Result<Option<Serving>, Problem> {
    let provider = Arc::new(ring::default_provider());
    let mut reading = Reading::new();
    let mut keys = Vec::new();
    for files in &settings.certificates {
        keys.push(Arc::new(reading.certified_key(files)?));
    }
    let (certificates, mut expiries) = reading.finish();
    let (mut clients, mut verifier) = (None, None);
    if let Some(settings) = &settings.clients {
        let mut reading = Reading::new();
        verifier = Some(clients::verifier(settings, &mut reading, &provider)?);
        let (content, authorities) = reading.finish();
        clients = Some(content);
        expiries.extend(authorities);
    }
    if before.is_some_and(|before| before.certificates == certificates && before.clients == clients) {
        return Ok(None);
    }
    let versions: &[&SupportedProtocolVersion] = match settings.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(keys)));
    config.alpn_protocols = alpn.to_vec();
    match before.filter(|before| before.clients == clients) {
        Some(before) => {
            config.ticketer = before.config.ticketer.clone();
            config.session_storage = before.config.session_storage.clone();
        }
        // A session that is resumed is not verified again: none may outlive the authorities that it began with.
        None => config.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?,
    }
    told.expire(expiries);
    let config = Arc::new(config);
    let acceptor = Arc::new(Acceptor::from_server_config(config.clone()));
    Ok(Some(Serving { acceptor, config, certificates, clients }))
}
