//! Worker threads and the connections they serve.

use super::event;
use super::listen::Bound;
use crate::client_addr::canonical;
use crate::config::Config;
use crate::engine::deadline::SWEEP_INTERVAL;
use crate::engine::stream::Downstream;
use crate::engine::upstream::sweep_idle;
use crate::engine::{Connection, Settings, Worker, serve};
use crate::proxy::{Edge, Shared};
use async_trait::async_trait;
use log::{debug, error, info, warn};
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
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// The longest an answer of the edge's own may take to be written.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// Connections that are open, and the bound on them.
#[derive(Clone, Debug)]
pub(super) struct Active(Arc<ActiveState>);

#[derive(Debug)]
struct ActiveState {
    count: AtomicUsize,
    limit: usize,
    full: AtomicBool,
    changed: Notify,
}

impl Active {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(ActiveState {
            count: AtomicUsize::new(0),
            limit,
            full: AtomicBool::new(false),
            changed: Notify::new(),
        }))
    }

    pub(super) fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// A place for one connection, if there is one.
    fn enter(&self) -> Option<Place> {
        let before = self.0.count.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone());
        if before < self.0.limit {
            return Some(place);
        }
        if !self.0.full.swap(true, Ordering::Relaxed) {
            warn!("{} connections are open, more are refused (limits.connections)", self.0.limit);
        }
        None
    }

    /// Waits until no connection is open.
    pub(super) async fn none_left(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }
}

struct Place(Active);

impl Drop for Place {
    fn drop(&mut self) {
        let state = &self.0.0;
        let left = state.count.fetch_sub(1, Ordering::Relaxed) - 1;
        // A tenth of the room must be free again before the next warning.
        if left < state.limit - state.limit / 10 && state.full.load(Ordering::Relaxed) {
            state.full.store(false, Ordering::Relaxed);
        }
        if left == 0 {
            state.changed.notify_waiters();
        }
    }
}

/// Takes connections from one of Pingora's listeners and serves them.
struct ConnectionApp {
    edge: Arc<Edge>,
    settings: Arc<Settings>,
    worker: Arc<Worker>,
    active: Active,
    acceptor: Option<Arc<Acceptor>>,
    local: SocketAddr,
}

#[async_trait]
impl ServerApp for ConnectionApp {
    async fn process_new(self: &Arc<Self>, stream: Stream, stopping: &ShutdownWatch) -> Option<Stream> {
        let place = self.active.enter()?;
        // The listener itself speaks no TLS, so this is what it accepted.
        let stream = stream.into_any().downcast::<L4Stream>().ok()?;
        let connection = self.connection(&stream);
        let (edge, settings, worker) = (self.edge.clone(), self.settings.clone(), self.worker.clone());
        // A task of its own: Pingora's is larger than an idle connection must be.
        match self.acceptor.clone() {
            None => {
                let serving = serve(Downstream::Plain(stream), connection, edge, settings, worker);
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
                        Ok(stream) => serve(stream, connection, edge, settings, worker).await,
                        Err(why) => {
                            // Whoever sends garbage must not be able to fill the log.
                            debug!("TLS handshake with {} failed: {why}", connection.client);
                            edge.shared.counters.refused("tls_handshake");
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

impl ConnectionApp {
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

/// What one worker thread is given.
struct Share {
    sockets: Vec<(usize, SocketAddr, std::net::TcpListener)>,
    shared: Arc<Shared>,
    settings: Vec<Arc<Settings>>,
    acceptors: Vec<Option<Arc<Acceptor>>>,
    active: Active,
    stopping: watch::Receiver<bool>,
    stop_flag: Arc<AtomicBool>,
    finish: watch::Receiver<bool>,
}

/// The running workers.
pub(super) struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop_flag: Arc<AtomicBool>,
    finish: watch::Sender<bool>,
    listening: Vec<(String, SocketAddr)>,
}

impl Workers {
    pub(super) fn start(
        config: &Config,
        shared: &Arc<Shared>,
        acceptors: &[Option<Arc<Acceptor>>],
        bound: Vec<Bound>,
        active: &Active,
        stopping: &watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        let settings: Vec<Arc<Settings>> = config
            .listeners
            .iter()
            .map(|listener| {
                Arc::new(Settings {
                    head_bytes: config.limits.request_header_bytes,
                    head_timeout: config.limits.header_timeout,
                    keepalive: listener.keepalive,
                    requests: config.limits.requests_per_connection,
                    answer_patience: ANSWER_PATIENCE,
                })
            })
            .collect();
        let listening = bound
            .iter()
            .map(|bound| (config.listeners[bound.listener].name.clone(), bound.address))
            .collect();
        let count = bound.first().map_or(0, |bound| bound.sockets.len());
        let mut shares: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for Bound { listener, address, sockets } in bound {
            for (share, socket) in shares.iter_mut().zip(sockets) {
                share.push((listener, address, socket));
            }
        }
        let stop_flag = Arc::new(AtomicBool::new(false));
        let (finish, finished) = watch::channel(false);
        let mut threads = Vec::new();
        for (index, sockets) in shares.into_iter().enumerate() {
            let share = Share {
                sockets,
                shared: shared.clone(),
                settings: settings.clone(),
                acceptors: acceptors.to_vec(),
                active: active.clone(),
                stopping: stopping.clone(),
                stop_flag: stop_flag.clone(),
                finish: finished.clone(),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || runtime.block_on(work(share)))?;
            threads.push(thread);
        }
        Ok(Self { threads, stop_flag, finish, listening })
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
async fn work(share: Share) {
    let worker = Arc::new(Worker::new(share.stop_flag.clone()));
    for (listener, address, socket) in share.sockets {
        let app = ConnectionApp {
            edge: Arc::new(Edge { listener, shared: share.shared.clone() }),
            settings: share.settings[listener].clone(),
            worker: worker.clone(),
            active: share.active.clone(),
            acceptor: share.acceptors[listener].clone(),
            local: address,
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
        worker.deadlines.sweep(started.elapsed(), stopped);
        sweep_idle(Instant::now(), stopped);
    }
}
