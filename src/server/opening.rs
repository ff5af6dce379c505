//! What a connection goes through between being accepted and its first request.

use super::accept::Acceptance;
use super::handshake::{Protocol, Shaken, shake_hands};
use super::tls::TlsListener;
use crate::engine::Connection;
use crate::engine::stream::Downstream;
use log::debug;
use pingora::protocols::l4::stream::Stream as L4Stream;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A connection that is ready for requests.
pub(super) struct Opened {
    pub(super) stream: Downstream,
    pub(super) connection: Connection,
    pub(super) protocol: Protocol,
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
    pub(super) tls: Option<Arc<TlsListener>>,
    /// How long each step may take.
    pub(super) limit: Duration,
}

impl Opening {
    /// Whether connections are ready as they are.
    pub(super) fn is_open(&self) -> bool {
        self.tls.is_none()
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
            let Some(tls) = &self.tls else { return Ok((Downstream::Plain(stream), Protocol::Http1)) };
            let shaken = shake_hands(tls, L4Stream::from(stream), self.limit).await;
            let Shaken { stream, facts, protocol } = shaken.map_err(|unshaken| {
                // Whoever sends garbage must not be able to fill the log.
                debug!("TLS handshake with {} failed: {}", connection.peer, unshaken.why);
                Unopened::Refused(unshaken.reason)
            })?;
            connection.tls = Some(Arc::new(facts));
            Ok((stream, protocol))
        };
        let (stream, protocol) = tokio::select! {
            opened = steps => opened?,
            _ = stopping.wait_for(|stopping| *stopping) => return Err(Unopened::Stopping),
        };
        Ok(Opened { stream, connection, protocol })
    }
}
