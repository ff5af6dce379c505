//! What a connection goes through between being accepted and its first request.

use super::accept::Acceptance;
use super::active::{ClientPlace, Clients};
use super::preface::{Preface, Unfit};
use crate::engine::buffer::Buffer;
use crate::engine::stream::Downstream;
use crate::engine::{Connection, TlsFacts};
use log::debug;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::l4::stream::Stream as L4Stream;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A connection that is ready for requests.
pub(super) struct Opened {
    pub(super) stream: Downstream,
    pub(super) connection: Connection,
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
    pub(super) acceptor: Option<Arc<Acceptor>>,
    /// How long each step may take.
    pub(super) limit: Duration,
}

impl Opening {
    /// Whether connections are ready as they are.
    pub(super) fn is_open(&self) -> bool {
        self.acceptor.is_none() && self.preface.is_none()
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
        let Some(acceptor) = &self.acceptor else {
            return Ok(Opened { stream: Downstream::Plain(stream), connection, first, place });
        };
        let read = first.as_ref().map_or(&[][..], Buffer::bytes);
        let (stream, facts) = shake_hands(acceptor, stream, read, self.limit).await.map_err(|why| {
            // Whoever sends garbage must not be able to fill the log.
            debug!("TLS handshake with {} failed: {why}", connection.peer);
            Unopened::Refused("tls_handshake")
        })?;
        connection.tls = Some(Arc::new(facts));
        Ok(Opened { stream, connection, first: None, place })
    }
}

/// Carries out the TLS handshake within `limit`; `read` is what was read of it already.
async fn shake_hands(
    acceptor: &Acceptor,
    stream: TcpStream,
    read: &[u8],
    limit: Duration,
) -> Result<(Downstream, TlsFacts), String> {
    let mut stream = L4Stream::from(stream);
    stream.rewind(read);
    let handshake = Box::pin(acceptor.tls_handshake(stream));
    match tokio::time::timeout(limit, handshake).await {
        Ok(Ok(stream)) => Ok((Downstream::Tls(Box::new(stream)), TlsFacts::default())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not done within {limit:?}")),
    }
}
