//! What a connection goes through between being accepted and its first request.

use super::accept::Acceptance;
use super::active::{ClientPlace, Clients};
use super::handshake::{Protocol, Shaken, shake_hands};
use super::preface::{Preface, Unfit};
use super::tls::TlsListener;
use crate::engine::Connection;
use crate::engine::buffer::Buffer;
use crate::engine::stream::Downstream;
use log::debug;
use pingora::protocols::l4::stream::Stream as L4Stream;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A connection that is ready for requests.
pub(super) struct Opened {
    pub(super) stream: Downstream,
    pub(super) connection: Connection,
    pub(super) protocol: Protocol,
    /// What was read of the first request already.
    pub(super) first: Option<Buffer>,
    /// The client's place, where its connections are bounded.
    pub(super) place: Option<ClientPlace>,
}

/// Why a connection did not become ready.
pub(super) enum Unopened {
    /// For this reason, to be counted: one of [`crate::metrics::tally::CONNECTION_REFUSALS`].
    Refused(&'static str),
    /// The other end closed it before it had said anything.
    Gone,
    /// The worker stops, and a connection without a request is idle.
    Stopping,
}

impl From<Unfit> for Unopened {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Because(reason) => Self::Refused(reason),
            Unfit::Gone => Self::Gone,
        }
    }
}

/// What every connection of a socket has to go through.
#[derive(Clone)]
pub(super) struct Opening {
    /// The PROXY header, where there may be one.
    pub(super) preface: Option<Arc<Preface>>,
    /// The bound on each client's connections, where there is one.
    pub(super) clients: Option<Clients>,
    pub(super) tls: Option<Arc<TlsListener>>,
    /// How long each step may take.
    pub(super) limit: Duration,
}

impl Opening {
    /// Whether connections are ready as they are.
    pub(super) fn is_open(&self) -> bool {
        self.tls.is_none() && self.preface.is_none()
    }

    /// What a connection from this address is refused for before it has said anything.
    pub(super) fn refuses(&self, peer: IpAddr) -> Option<&'static str> {
        self.preface.as_ref()?.refuses(peer)
    }

    /// A place for one more connection of a client; `Ok(None)` where nobody counts them.
    pub(super) fn admit(&self, client: IpAddr) -> Result<Option<ClientPlace>, &'static str> {
        let clients = self.clients.as_ref().filter(|clients| !clients.spares(client));
        clients.map(|clients| clients.enter(client).ok_or("client_limit")).transpose()
    }

    /// Makes a connection ready.
    pub(super) async fn open(
        self,
        stream: TcpStream,
        connection: Connection,
        acceptance: &Acceptance,
    ) -> Result<Opened, Unopened> {
        let mut stopping = acceptance.stopping.clone();
        tokio::select! {
            opened = self.steps(stream, connection) => opened,
            _ = stopping.wait_for(|stopping| *stopping) => Err(Unopened::Stopping),
        }
    }

    async fn steps(&self, mut stream: TcpStream, mut connection: Connection) -> Result<Opened, Unopened> {
        let mut first = None;
        if let Some(preface) = &self.preface {
            let told = preface.read(&mut stream, connection.peer).await?;
            if let Some(ends) = told.ends {
                connection.client = ends.source;
                // Where the client came in, which the backend is told.
                connection.local = ends.destination;
            }
            first = told.rest;
        }
        // Not before it is known whose connection it is: those behind one proxy are not one client.
        let place = self.admit(connection.client_ip()).map_err(Unopened::Refused)?;
        let Some(tls) = &self.tls else {
            let stream = Downstream::Plain(stream);
            return Ok(Opened { stream, connection, protocol: Protocol::Http1, first, place });
        };
        let mut stream = L4Stream::from(stream);
        if let Some(read) = first.take() {
            stream.rewind(read.bytes());
        }
        let shaken = shake_hands(tls, stream, self.limit).await;
        let Shaken { stream, facts, protocol } = shaken.map_err(|unshaken| {
            // Whoever sends garbage must not be able to fill the log.
            debug!("TLS handshake with {} failed: {}", connection.peer, unshaken.why);
            Unopened::Refused(unshaken.reason)
        })?;
        connection.tls = Some(Arc::new(facts));
        Ok(Opened { stream, connection, protocol, first: None, place })
    }
}
