//! The TLS handshake of a client's connection.

use super::tls::TlsListener;
use crate::engine::TlsFacts;
use crate::engine::stream::Downstream;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{ALPN, Ssl};
use std::time::Duration;
use tokio_rustls::rustls::{self, CertificateError};

/// What is spoken on a connection, as its handshake agreed (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, also where nothing was agreed.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection after its handshake.
pub(super) struct Shaken {
    pub(super) stream: Downstream,
    pub(super) facts: TlsFacts,
    pub(super) protocol: Protocol,
}

/// A handshake that failed.
pub(super) struct Unshaken {
    /// To be counted: one of [`crate::metrics::tally::CONNECTION_REFUSALS`].
    pub(super) reason: &'static str,
    /// In more words.
    pub(super) why: String,
}

/// Carries out the TLS handshake within `limit`.
pub(super) async fn shake_hands(
    tls: &TlsListener,
    stream: L4Stream,
    limit: Duration,
) -> Result<Shaken, Unshaken> {
    let acceptor = tls.acceptor();
    let handshake = Box::pin(acceptor.tls_handshake(stream));
    let stream = match tokio::time::timeout(limit, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Unshaken { reason: reason(&error), why: error.to_string() }),
        Err(_) => {
            return Err(Unshaken { reason: "tls_handshake", why: format!("not done within {limit:?}") });
        }
    };
    let shown = stream.get_ssl();
    let server_name = shown.and_then(|shown| shown.server_name());
    let certificate = shown.and_then(|shown| shown.peer_certificate_der());
    let facts = TlsListener::facts(server_name, certificate)
        .map_err(|error| Unshaken { reason: "client_certificate", why: error.to_string() })?;
    let protocol = match stream.selected_alpn_proto() {
        Some(ALPN::H2) => Protocol::Http2,
        _ => Protocol::Http1,
    };
    Ok(Shaken { stream: Downstream::Tls(Box::new(stream)), facts, protocol })
}

/// Whether it was the client's certificate that was not accepted. Pingora keeps of rustls' error only what it says, so
/// that is compared with what rustls says.
fn reason(error: &pingora::Error) -> &'static str {
    let said = error.to_string();
    let missing = rustls::Error::NoCertificatesPresented.to_string();
    let unacceptable = rustls::Error::InvalidCertificate(CertificateError::Expired).to_string();
    let unacceptable = unacceptable.split(':').next().unwrap_or(&unacceptable);
    if said.contains(&missing) || said.contains(unacceptable) {
        "client_certificate"
    } else {
        "tls_handshake"
    }
}
