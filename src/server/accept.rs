//! Takes connections from a listening socket and serves them.
//!
//! The loop is our own. Pingora's gives each connection a digest of its addresses, two watches, a timer, a task around
//! the task and a clock that is read at every wait, none of which is needed here. TLS is Pingora's.

use super::active::{Active, ClientPlace, Place};
use super::handshake::Protocol;
use super::opening::{Opened, Opening, Unopened};
use crate::client_addr::canonical;
use crate::engine::stream::Downstream;
use crate::engine::{Connection, Handler, Settings, Worker, h2, serve};
use crate::metrics::PerWorker;
use crate::metrics::tally::ListenerTally;
use log::warn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long nothing is accepted after the system had no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two messages about that: clients that come and go can keep a process at its limit.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// A listening socket, and what serves its connections.
pub(super) struct Accepting<H> {
    pub(super) socket: std::net::TcpListener,
    pub(super) site: Site<H>,
}

/// What the connections of a socket have in common.
pub(super) struct Site<H> {
    pub(super) address: SocketAddr,
    pub(super) handler: Arc<H>,
    pub(super) settings: Arc<Settings>,
    /// The bound on this listener's connections, where it has one of its own.
    pub(super) bound: Option<Active>,
    pub(super) opening: Opening,
    pub(super) tally: Arc<PerWorker<ListenerTally>>,
}

/// The worker that accepts.
#[derive(Clone)]
pub(super) struct Acceptance {
    pub(super) worker: Arc<Worker>,
    pub(super) number: usize,
    pub(super) active: Active,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Its places and its count: dropped on the worker that counted it.
struct Entered {
    _place: Place,
    _on_listener: Option<Place>,
    /// The client's, once it is known.
    client: Option<ClientPlace>,
    tally: Arc<PerWorker<ListenerTally>>,
    worker: usize,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.tally.of(self.worker).closed.one();
    }
}

impl<H: Handler> Accepting<H> {
    /// Accepts until the worker stops.
    pub(super) async fn run(self, acceptance: Acceptance) -> io::Result<()> {
        let Self { socket, site } = self;
        let listener = TcpListener::from_std(socket)?;
        let mut stopping = acceptance.stopping.clone();
        let mut stopped = pin!(stopping.wait_for(|stopping| *stopping));
        let mut told: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = &mut stopped => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, client)) => site.spawn(&acceptance, stream, client),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    if told.is_none_or(|told| told.elapsed() >= TOLD_AGAIN) {
                        told = Some(Instant::now());
                        warn!("no connection can be accepted on {}: {error}", site.address);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl<H: Handler> Site<H> {
    /// Serves a connection in a task of its own.
    fn spawn(&self, acceptance: &Acceptance, stream: TcpStream, peer: SocketAddr) {
        let connection = self.connection(&stream, peer);
        let mut place = match self.enter(acceptance, connection.peer.ip()) {
            Ok(place) => place,
            Err(reason) => {
                self.tally.of(acceptance.number).connections_refused.one(reason);
                return;
            }
        };
        let (handler, settings) = (self.handler.clone(), self.settings.clone());
        let worker = acceptance.worker.clone();
        if self.opening.is_open() {
            let serving = serve(Downstream::Plain(stream), None, connection, handler, settings, worker);
            tokio::spawn(async move {
                serving.await;
                drop(place);
            });
            return;
        }
        let (opening, acceptance) = (self.opening.clone(), acceptance.clone());
        tokio::spawn(async move {
            match Box::pin(opening.open(stream, connection, &acceptance)).await {
                Ok(Opened { stream, connection, first, place: client, protocol }) => {
                    drop(acceptance);
                    place.client = client;
                    match protocol {
                        Protocol::Http1 => serve(stream, first, connection, handler, settings, worker).await,
                        // Boxed: it is larger, and most connections are not.
                        Protocol::Http2 => {
                            Box::pin(h2::serve(stream, connection, handler, settings, worker)).await;
                        }
                    }
                }
                Err(Unopened::Refused(reason)) => {
                    place.tally.of(place.worker).connections_refused.one(reason);
                }
                Err(Unopened::Gone | Unopened::Stopping) => {}
            }
            drop(place);
        });
    }

    /// Takes what places a connection needs, or says why it is refused.
    fn enter(&self, acceptance: &Acceptance, peer: IpAddr) -> Result<Entered, &'static str> {
        if let Some(reason) = self.opening.refuses(peer) {
            return Err(reason);
        }
        let place = acceptance.active.enter().ok_or("limit")?;
        let on_listener = self.bound.as_ref().map(|bound| bound.enter().ok_or("listener_limit"));
        // Where there is more to come, who the client is may come with it.
        let client = if self.opening.is_open() { self.opening.admit(peer)? } else { None };
        let (tally, worker) = (self.tally.clone(), acceptance.number);
        let entered =
            Entered { _place: place, _on_listener: on_listener.transpose()?, client, tally, worker };
        entered.tally.of(worker).accepted.one();
        Ok(entered)
    }

    fn connection(&self, stream: &TcpStream, mut peer: SocketAddr) -> Connection {
        peer.set_ip(canonical(peer.ip()));
        let mut local = self.address;
        if local.ip().is_unspecified()
            && let Ok(exact) = stream.local_addr()
        {
            local = exact;
        }
        local.set_ip(canonical(local.ip()));
        Connection::direct(peer, local, None)
    }
}

/// Errors of accept(2) that say something of the connection that was to be accepted, which is gone: the next one may
/// be fine. All others are about the process or the machine, and come again: no descriptors, no memory, a security
/// module that refuses.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
        TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn what_comes_again_is_waited_out() {
        let is_about_one = |errno: Errno| is_about_one_connection(&errno.into());
        assert!(
            [Errno::CONNABORTED, Errno::INTR, Errno::NETDOWN, Errno::HOSTUNREACH]
                .into_iter()
                .all(is_about_one)
        );
        assert!(
            ![
                Errno::MFILE,
                Errno::NFILE,
                Errno::NOBUFS,
                Errno::NOMEM,
                Errno::ACCESS,
                Errno::PERM,
                Errno::INVAL
            ]
            .into_iter()
            .any(is_about_one)
        );
    }
}
