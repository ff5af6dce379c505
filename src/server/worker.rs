//! Worker threads.

use super::accept::{Acceptance, Accepting, Site};
use super::active::{Active, Clients};
use super::admin_port::AdminPort;
use super::listen::Bound;
use super::opening::Opening;
use super::preface::Preface;
use super::tls::TlsListener;
use super::vitals::Heartbeats;
use super::{event, event_aside};
use crate::admin::Admin;
use crate::client_addr::ClientPrefixes;
use crate::config::{Config, Listener, ListenerLimits, ProxyProtocol};
use crate::engine::deadline::SWEEP_INTERVAL;
use crate::engine::h2::Limits;
use crate::engine::upstream::sweep_idle;
use crate::engine::{Handler, Settings, Worker};
use crate::metrics::PerWorker;
use crate::metrics::tally::ListenerTally;
use crate::proxy::{Edge, Shared};
use log::{error, info};
use std::net::SocketAddr;
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
fn settings(limits: &ListenerLimits, keepalive: Duration) -> Arc<Settings> {
    Arc::new(Settings {
        head_bytes: limits.request_header_bytes,
        fields: limits.request_headers,
        head_timeout: limits.header_timeout,
        keepalive,
        requests: limits.requests_per_connection,
        body_rate: limits.body_rate,
        answer_patience: ANSWER_PATIENCE,
        http2: Limits {
            streams: limits.http2.streams,
            resets: limits.http2.resets,
            control_frames: limits.http2.control_frames,
        },
    })
}

/// What the connections of a listener go through, on any of its addresses and workers.
fn opening(listener: &Listener, tls: Option<Arc<TlsListener>>) -> Opening {
    let limit = listener.limits.header_timeout;
    let preface = |required| Arc::new(Preface::new(&listener.trusted_proxies, required, limit));
    let clients = listener.limits.connections_per_client.map(|each| {
        let what = format!("connections_per_client of listener {}", listener.name);
        Clients::new(what, each.limit, each.prefixes, &listener.trusted_proxies)
    });
    Opening {
        preface: match listener.proxy_protocol {
            ProxyProtocol::Off => None,
            ProxyProtocol::Accept => Some(preface(false)),
            ProxyProtocol::Require => Some(preface(true)),
        },
        clients,
        tls,
        limit,
    }
}

/// The bound on a listener's connections, where it has one of its own.
fn bound(listener: &Listener) -> Option<Active> {
    let most = listener.limits.connections?;
    Some(Active::new(format!("listeners.{}.limits.connections", listener.name), most))
}

impl Workers {
    pub(super) fn start(
        config: &Config,
        shared: &Arc<Shared>,
        secured: &[Option<Arc<TlsListener>>],
        bound: Vec<Bound>,
        active: &Active,
        stopping: &watch::Receiver<bool>,
        beat: &Arc<Heartbeats>,
    ) -> std::io::Result<Self> {
        let settings: Vec<_> =
            config.listeners.iter().map(|listener| settings(&listener.limits, listener.keepalive)).collect();
        let openings: Vec<_> =
            config.listeners.iter().zip(secured).map(|(each, tls)| opening(each, tls.clone())).collect();
        let bounds: Vec<_> = config.listeners.iter().map(self::bound).collect();
        let listening = bound
            .iter()
            .map(|bound| (config.listeners[bound.listener].name.clone(), bound.address))
            .collect();
        let count = bound.first().map_or(0, |bound| bound.sockets.len());
        let mut shares: Vec<Vec<Accepting<Edge>>> = (0..count).map(|_| Vec::new()).collect();
        let snapshot = shared.snapshot.load();
        for Bound { listener, address, sockets } in bound {
            for (worker, (share, socket)) in shares.iter_mut().zip(sockets).enumerate() {
                let site = Site {
                    address,
                    handler: Arc::new(Edge { listener, worker, shared: shared.clone() }),
                    settings: settings[listener].clone(),
                    bound: bounds[listener].clone(),
                    opening: openings[listener].clone(),
                    tally: snapshot.listeners[listener].tally.clone(),
                };
                share.push(Accepting { socket, site });
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
        let head_timeout = ADMIN_HEAD_TIMEOUT.min(config.limits.each.header_timeout);
        let settings = Arc::new(Settings { head_timeout, ..*settings(&config.limits.each, ADMIN_KEEPALIVE) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                let Some(Bound { address, sockets, .. }) = port.bound(&mut finished).await else { return };
                info!("metrics are at http://{address}/metrics");
                event_aside(serde_json::json!({ "event": "admin_listening", "address": address }));
                let everyone = ClientPrefixes { ipv4: 32, ipv6: 128 };
                let clients = Clients::new("the admin listener", ADMIN_CONNECTIONS_EACH, everyone, &[]);
                let site = || Site {
                    address,
                    handler: handler.clone(),
                    settings: settings.clone(),
                    bound: None,
                    opening: Opening {
                        preface: None,
                        clients: Some(clients.clone()),
                        tls: None,
                        limit: settings.head_timeout,
                    },
                    tally: tally.clone(),
                };
                let accepting =
                    sockets.into_iter().map(|socket| Accepting { socket, site: site() }).collect();
                let active = Active::new("the admin listener", ADMIN_CONNECTIONS);
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
    let acceptance = Acceptance {
        worker: worker.clone(),
        number: share.number,
        active: share.active,
        stopping: share.stopping.clone(),
    };
    for accepting in share.accepting {
        let (address, acceptance) = (accepting.site.address, acceptance.clone());
        tokio::spawn(async move {
            if let Err(error) = accepting.run(acceptance).await {
                error!("connections to {address} cannot be accepted: {error}");
            }
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
