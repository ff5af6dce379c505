//! Worker threads and the connections they serve.

use super::active::{Active, Place};
use super::admin_port::AdminPort;
use super::event;
use super::listen::Bound;
use super::vitals::Heartbeats;
use crate::admin::Admin;
use crate::client_addr::canonical;
use crate::config::Config;
use crate::engine::deadline::SWEEP_INTERVAL;
use crate::engine::stream::Downstream;
use crate::engine::upstream::sweep_idle;
use crate::engine::{Connection, Handler, Settings, Worker, serve};
use crate::metrics::PerWorker;
use crate::metrics::tally::ListenerTally;
use crate::proxy::{Edge, Shared};
use async_trait::async_trait;
use log::{debug, error, info};
use parking_lot::Mutex;
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::protocols::l4::socket::SocketAddr as PingoraAddr;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{GetSocketDigest, Stream};
use pingora::server::{Fds, ShutdownWatch};
use pingora::services::Service as _;
use pingora::services::listening::Service;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The longest an answer of the edge's own may take to be written.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// The admin listener's own bounds: a few scrapers and people.
const ADMIN_CONNECTIONS: usize = 64;
/// Of them, those of one address: nobody keeps the others from looking.
const ADMIN_CONNECTIONS_EACH: usize = 16;
/// How long a head may take there, and a new connection until it comes.
const ADMIN_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const ADMIN_KEEPALIVE: Duration = Duration::from_secs(120);

/// A place and its count: dropped on the worker that counted it.
struct Entered {
    _place: Place,
    tally: Arc<PerWorker<ListenerTally>>,
    worker: usize,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.tally.of(self.worker).closed.one();
    }
}

/// Takes connections from one of Pingora's listeners and serves them.
struct ConnectionApp<H> {
    handler: Arc<H>,
    settings: Arc<Settings>,
    worker: Arc<Worker>,
    number: usize,
    active: Active,
    acceptor: Option<Arc<Acceptor>>,
    local: SocketAddr,
    tally: Arc<PerWorker<ListenerTally>>,
}

#[async_trait]
impl<H: Handler> ServerApp for ConnectionApp<H> {
    async fn process_new(self: &Arc<Self>, stream: Stream, stopping: &ShutdownWatch) -> Option<Stream> {
        // The listener itself speaks no TLS, so this is what it accepted.
        let stream = stream.into_any().downcast::<L4Stream>().ok()?;
        let connection = self.connection(&stream);
        let place = self.enter(connection.client_ip())?;
        let (handler, settings, worker) = (self.handler.clone(), self.settings.clone(), self.worker.clone());
        // A task of its own: Pingora's is larger than an idle connection must be.
        match self.acceptor.clone() {
            None => {
                let serving = serve(Downstream::Plain(stream), connection, handler, settings, worker);
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Some(acceptor) => {
                let mut stopping = stopping.clone();
                tokio::spawn(async move {
                    let accepting = Box::pin(accept(acceptor, stream, settings.head_timeout));
                    let accepted = tokio::select! {
                        accepted = accepting => accepted,
                        // A connection without a request is idle, be its handshake done or not.
                        _ = stopping.wait_for(|stopping| *stopping) => return,
                    };
                    drop(stopping);
                    match accepted {
                        Ok(stream) => serve(stream, connection, handler, settings, worker).await,
                        Err(why) => {
                            // Whoever sends garbage must not be able to fill the log.
                            debug!("TLS handshake with {} failed: {why}", connection.client);
                            place.tally.of(place.worker).handshakes_failed.one();
                        }
                    }
                    drop(place);
                });
            }
        }
        None
    }
}

/// Carries out the TLS handshake within `limit`.
async fn accept(
    acceptor: Arc<Acceptor>,
    stream: Box<L4Stream>,
    limit: Duration,
) -> Result<Downstream, String> {
    match tokio::time::timeout(limit, acceptor.tls_handshake(*stream)).await {
        Ok(Ok(stream)) => Ok(Downstream::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not done within {limit:?}")),
    }
}

impl<H> ConnectionApp<H> {
    fn enter(&self, client: IpAddr) -> Option<Entered> {
        let tally = self.tally.of(self.number);
        let Some(place) = self.active.enter(client) else {
            tally.over_limit.one();
            return None;
        };
        tally.accepted.one();
        Some(Entered { _place: place, tally: self.tally.clone(), worker: self.number })
    }

    fn connection(&self, stream: &L4Stream) -> Connection {
        let digest = stream.get_socket_digest();
        let inet = |address: Option<&PingoraAddr>| address.and_then(PingoraAddr::as_inet).copied();
        let peer = digest.as_ref().and_then(|digest| inet(digest.peer_addr()));
        let mut client = peer.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        client.set_ip(canonical(client.ip()));
        let mut local = self.local;
        if local.ip().is_unspecified()
            && let Some(exact) = digest.as_ref().and_then(|digest| inet(digest.local_addr()))
        {
            local = exact;
        }
        local.set_ip(canonical(local.ip()));
        Connection { client, local, tls: self.acceptor.is_some() }
    }
}

/// A socket of a listener, and what serves its connections.
struct Accepting<H> {
    socket: std::net::TcpListener,
    address: SocketAddr,
    handler: Arc<H>,
    settings: Arc<Settings>,
    acceptor: Option<Arc<Acceptor>>,
    tally: Arc<PerWorker<ListenerTally>>,
}

/// What one thread is given.
struct Share<H> {
    number: usize,
    accepting: Vec<Accepting<H>>,
    active: Active,
    stopping: watch::Receiver<bool>,
    stop_flag: Arc<AtomicBool>,
    finish: watch::Receiver<bool>,
    beat: Option<Arc<Heartbeats>>,
}

impl<H: Handler> Share<H> {
    fn start(self, name: String) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(name).spawn(move || runtime.block_on(work(self)))
    }
}

/// The running workers.
pub(super) struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop_flag: Arc<AtomicBool>,
    finish: watch::Sender<bool>,
    listening: Vec<(String, SocketAddr)>,
}

/// What every connection of a listener has in common.
fn settings(config: &Config, keepalive: Duration) -> Arc<Settings> {
    Arc::new(Settings {
        head_bytes: config.limits.request_header_bytes,
        head_timeout: config.limits.header_timeout,
        keepalive,
        requests: config.limits.requests_per_connection,
        answer_patience: ANSWER_PATIENCE,
    })
}

impl Workers {
    pub(super) fn start(
        config: &Config,
        shared: &Arc<Shared>,
        acceptors: &[Option<Arc<Acceptor>>],
        bound: Vec<Bound>,
        active: &Active,
        stopping: &watch::Receiver<bool>,
        beat: &Arc<Heartbeats>,
    ) -> std::io::Result<Self> {
        let settings: Vec<_> =
            config.listeners.iter().map(|listener| settings(config, listener.keepalive)).collect();
        let listening = bound
            .iter()
            .map(|bound| (config.listeners[bound.listener].name.clone(), bound.address))
            .collect();
        let count = bound.first().map_or(0, |bound| bound.sockets.len());
        let mut shares: Vec<Vec<Accepting<Edge>>> = (0..count).map(|_| Vec::new()).collect();
        let snapshot = shared.snapshot.load();
        for Bound { listener, address, sockets } in bound {
            for (worker, (share, socket)) in shares.iter_mut().zip(sockets).enumerate() {
                share.push(Accepting {
                    socket,
                    address,
                    handler: Arc::new(Edge { listener, worker, shared: shared.clone() }),
                    settings: settings[listener].clone(),
                    acceptor: acceptors[listener].clone(),
                    tally: snapshot.listeners[listener].tally.clone(),
                });
            }
        }
        let stop_flag = Arc::new(AtomicBool::new(false));
        let (finish, finished) = watch::channel(false);
        let mut threads = Vec::new();
        for (number, accepting) in shares.into_iter().enumerate() {
            let share = Share {
                number,
                accepting,
                active: active.clone(),
                stopping: stopping.clone(),
                stop_flag: stop_flag.clone(),
                finish: finished.clone(),
                beat: Some(beat.clone()),
            };
            threads.push(share.start(format!("worker-{number}"))?);
        }
        Ok(Self { threads, stop_flag, finish, listening })
    }

    /// Serves the admin interface on a thread of its own, until everything else has ended: what stops can
    /// still be watched.
    pub(super) fn start_admin(
        &mut self,
        config: &Config,
        port: AdminPort,
        admin: Admin,
    ) -> std::io::Result<()> {
        let handler = Arc::new(admin);
        let tally = Arc::new(PerWorker::new(1, ListenerTally::default));
        let mut finished = self.finish.subscribe();
        let head_timeout = ADMIN_HEAD_TIMEOUT.min(config.limits.header_timeout);
        let settings = Arc::new(Settings { head_timeout, ..*settings(config, ADMIN_KEEPALIVE) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Some(Bound { address, sockets, .. }) = port.bound(&mut finished).await else { return };
                info!("metrics are at http://{address}/metrics");
                event(&serde_json::json!({ "event": "admin_listening", "address": address }));
                let accepting = sockets.into_iter().map(|socket| Accepting {
                    socket,
                    address,
                    handler: handler.clone(),
                    settings: settings.clone(),
                    acceptor: None,
                    tally: tally.clone(),
                });
                let accepting = accepting.collect();
                let active =
                    Active::new("the admin listener", ADMIN_CONNECTIONS, Some(ADMIN_CONNECTIONS_EACH));
                let stop_flag = Arc::new(AtomicBool::new(false));
                let stopping = finished.clone();
                work(Share {
                    number: 0,
                    accepting,
                    active,
                    stopping,
                    stop_flag,
                    finish: finished,
                    beat: None,
                })
                .await;
            });
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Says, for people and for machines, where connections are accepted.
    pub(super) fn announce(&self) {
        for (listener, address) in &self.listening {
            info!("listener {listener} accepts connections on {address}");
            event(&serde_json::json!({ "event": "listening", "listener": listener, "address": address }));
        }
    }

    /// No new connections; those that are open end after the request in flight.
    pub(super) fn stop(&self, stop: &watch::Sender<bool>) {
        self.stop_flag.store(true, Ordering::Relaxed);
        stop.send_replace(true);
    }

    /// Ends the threads, and with them whatever is still open.
    pub(super) fn finish(self) {
        self.finish.send_replace(true);
        for thread in self.threads {
            if thread.join().is_err() {
                error!("a worker thread had panicked");
            }
        }
    }
}

/// The life of a worker thread.
async fn work<H: Handler>(share: Share<H>) {
    let worker = Arc::new(Worker::new(share.stop_flag.clone()));
    for Accepting { socket, address, handler, settings, acceptor, tally } in share.accepting {
        let app = ConnectionApp {
            handler,
            settings,
            worker: worker.clone(),
            number: share.number,
            active: share.active.clone(),
            acceptor,
            local: address,
            tally,
        };
        let config = ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::unbuffered());
        let mut service = Service::new(format!("listener {address}"), app);
        service.add_listener(config);
        let mut sockets = Fds::new();
        sockets.add(address.to_string(), socket.into_raw_fd());
        let stopping = share.stopping.clone();
        tokio::spawn(async move {
            service.start_service(Some(Arc::new(Mutex::new(sockets))), stopping, 1).await;
        });
    }
    let mut stopping = share.stopping;
    let mut finish = share.finish;
    let started = Instant::now();
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    let mut stopped = false;
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopping.wait_for(|stopping| *stopping), if !stopped => stopped = true,
            _ = finish.wait_for(|finish| *finish) => return,
        }
        if let Some(beat) = &share.beat {
            beat.beat(share.number);
        }
        worker.deadlines.sweep(started.elapsed(), stopped);
        sweep_idle(Instant::now(), stopped);
    }
}
