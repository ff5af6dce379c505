//! What a connection goes through between being accepted and its first request.

use super::accept::Acceptance;
use crate::engine::stream::Downstream;
use crate::engine::{Connection, TlsFacts};
use log::debug;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{ALPN, Ssl};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A connection that is ready for requests.
pub(super) struct Opened {
    pub(super) stream: Downstream,
    pub(super) connection: Connection,
    /// HTTP/2 was agreed on (RFC 7301).
    pub(super) http2: bool,
}

/// Why a connection did not become ready.
pub(super) enum Unopened {
    /// For this reason, to be counted: one of [`crate::metrics::tally::CONNECTION_REFUSALS`].
    Refused(&'static str),
    /// The worker stops, and a connection without a request is idle.
    Stopping,
}

/// What every connection of a socket has to go through.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) acceptor: Option<Arc<Acceptor>>,
    /// How long each step may take.
    pub(super) limit: Duration,
}

impl Opening {
    /// Whether connections are ready as they are.
    pub(super) fn is_open(&self) -> bool {
        self.acceptor.is_none()
    }

    /// Makes a connection ready.
    pub(super) async fn open(
        self,
        stream: TcpStream,
        mut connection: Connection,
        acceptance: &Acceptance,
    ) -> Result<Opened, Unopened> {
        let mut stopping = acceptance.stopping.clone();
        let steps = async {
            let Some(acceptor) = &self.acceptor else { return Ok((Downstream::Plain(stream), false)) };
            let (stream, facts, http2) = shake_hands(acceptor, stream, self.limit).await.map_err(|why| {
                // Whoever sends garbage must not be able to fill the log.
                debug!("TLS handshake with {} failed: {why}", connection.peer);
                Unopened::Refused("tls_handshake")
            })?;
            connection.tls = Some(Arc::new(facts));
            Ok((stream, http2))
        };
        let (stream, http2) = tokio::select! {
            stream = steps => stream?,
            _ = stopping.wait_for(|stopping| *stopping) => return Err(Unopened::Stopping),
        };
        Ok(Opened { stream, connection, http2 })
    }
}

/// Carries out the TLS handshake within `limit`.
async fn shake_hands(
    acceptor: &Acceptor,
    stream: TcpStream,
    limit: Duration,
) -> Result<(Downstream, TlsFacts, bool), String> {
    let handshake = Box::pin(acceptor.tls_handshake(L4Stream::from(stream)));
    match tokio::time::timeout(limit, handshake).await {
        Ok(Ok(stream)) => {
            let http2 = stream.selected_alpn_proto() == Some(ALPN::H2);
            Ok((Downstream::Tls(Box::new(stream)), TlsFacts::default(), http2))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not done within {limit:?}")),
    }
}
