//! Assembly: a checked configuration becomes running services.
//!
//! Worker threads serve connections: one for each core, each with a runtime, listening sockets, idle upstream
//! connections and deadlines of its own, so that a request's path crosses no thread. The kernel spreads
//! connections over the workers' sockets (`SO_REUSEPORT`). Everything that is not a request (probes, names,
//! signals, sweeping) runs on the control thread.
//!
//! Pingora's `Server` was rejected as the driver: it sleeps its whole grace period at SIGTERM and takes
//! listeners only before it starts. Its listening services were rejected for what they cost each connection
//! (`accept`); TLS and health checks are Pingora's.

mod accept;
mod active;
mod admin_port;
mod assemble;
mod figures;
mod groups;
mod handshake;
mod listen;
mod offline;
mod opening;
mod resolve;
mod tls;
mod vitals;
mod worker;

pub use assemble::{AssemblyError, LiveState};
pub use listen::BindError;
pub use offline::offline;

use crate::admin::{Admin, Token};
use crate::clock::CoarseClock;
use crate::config::{AccessLogTarget, Config, LogFormat};
use crate::health;
use crate::metrics::Registry;
use crate::proxy::{AccessLog, Figures, LogSink, LogStyle, RequestIds, Shared};
use crate::snapshot::HealthNews;
use active::Active;
use admin_port::AdminPort;
use arc_swap::ArcSwap;
use log::{info, warn};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tls::{Reloading, Secured};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, Semaphore, watch};
use vitals::{EdgeVitals, Heartbeats};
use worker::Workers;

/// How often the coarse clock is read.
const CLOCK_INTERVAL: Duration = Duration::from_millis(20);

/// How often expired pins are looked for, and how many pins are looked at each time.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
const SWEEP_BUDGET: usize = 4096;

/// How long the last lines of the access log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Why the edge could not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// A part of the configuration turned out unusable.
    Assembly(AssemblyError),
    /// The admin token cannot be used.
    Token(String),
    /// The access log cannot be opened.
    AccessLog(std::io::Error),
    /// The system gave no thread, runtime or signal handler.
    System(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(formatter),
            Self::Assembly(error) => error.fmt(formatter),
            Self::Token(why) => write!(formatter, "admin.token_file: {why}"),
            Self::AccessLog(_) => formatter.write_str("the access log cannot be opened"),
            Self::System(_) => formatter.write_str("the system refused a thread or a signal handler"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind(error) => error.source(),
            Self::Assembly(error) => error.source(),
            Self::Token(_) => None,
            Self::AccessLog(error) | Self::System(error) => Some(error),
        }
    }
}

/// Runs the edge until it is told to stop.
///
/// # Errors
/// [`StartError`] if it could not start; once it runs, nothing makes it return but a signal.
pub fn run(config: &Config) -> Result<(), StartError> {
    raise_descriptor_limit(config.limits.connections);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let clock = Arc::new(CoarseClock::start());
    let live = LiveState::default();
    let assembled = assemble::assemble(config, &live, threads).map_err(StartError::Assembly)?;
    let acceptors = assemble::acceptors(config).map_err(StartError::Assembly)?;
    let listeners = acceptors.iter().flatten().map(|listener| Arc::clone(listener) as Arc<dyn Secured>);
    let secured: Vec<Arc<dyn Secured>> = listeners.chain(assembled.secured).collect();
    let wanted: Vec<listen::Wanted<'_>> =
        config.listeners.iter().map(|listener| (listener.name.as_str(), &*listener.bind)).collect();
    let sockets = listen::bind(&wanted, threads).map_err(StartError::Bind)?;
    let admin_port = prepare_admin(config)?;
    let (access_log, log_writer) = start_access_log(config)?;
    let shared = Arc::new(Shared {
        snapshot: ArcSwap::from_pointee(assembled.snapshot),
        clock: clock.clone(),
        news: HealthNews::default(),
        waiting: Semaphore::new(config.limits.waiting),
        access_log,
        request_ids: RequestIds::default(),
    });
    let control =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::System)?;
    let result = control.block_on(async {
        let (stop, stopping) = watch::channel(false);
        let mut signals = Signals::new().map_err(StartError::System)?;
        tokio::spawn(keep_time(clock.clone()));
        for (observed, grace) in assembled.observed {
            observed.endpoint.backend.live.start(clock.refresh().mono, grace);
            tokio::spawn(health::observe(observed, clock.clone(), shared.news.clone(), stopping.clone()));
        }
        tokio::spawn(resolve::keep_resolved(assembled.addresses, stopping.clone()));
        tokio::spawn(sweep_pins(shared.clone(), stopping.clone()));
        let reloading = Reloading::new(secured.iter().cloned());
        let reload = reloading.asked();
        tokio::spawn(reloading.run(stopping.clone()));
        let active = Active::new("limits.connections", config.limits.connections, None);
        let beat = Arc::new(Heartbeats::new(clock.clone(), threads));
        let mut workers = Workers::start(config, &shared, &acceptors, sockets, &active, &stopping, &beat)
            .map_err(StartError::System)?;
        if let Some((port, token)) = admin_port {
            let vitals = EdgeVitals { shared: shared.clone(), beat, stopping: stopping.clone() };
            let admin =
                Admin::new(registry(config, &shared, vitals.clone(), secured), vitals.clone(), vitals, token);
            workers.start_admin(config, port, admin).map_err(StartError::System)?;
        }
        workers.announce();
        tokio::spawn(announce_ready(shared.clone(), stopping.clone()));
        tokio::spawn(groups::watch(shared.clone(), stopping.clone()));
        signals.wait_for_stop(&shared, &reload).await;
        info!(
            "stopping: no new connections, waiting up to {:?} for requests in flight",
            config.shutdown_grace
        );
        workers.stop(&stop);
        let left = tokio::select! {
            () = active.none_left() => 0,
            () = tokio::time::sleep(config.shutdown_grace) => active.count(),
            () = signals.next_stop() => active.count(),
        };
        if left > 0 {
            warn!("stopped with {left} connections still open");
        } else {
            info!("stopped: nothing was in flight any more");
        }
        workers.finish();
        Ok(())
    });
    // The runtime's tasks hold the log and end with it; a look-up of a name may be stuck, and is left behind.
    control.shutdown_background();
    drop(shared);
    if log_writer.is_some_and(|writer| !writer.finish(LOG_PATIENCE)) {
        warn!("the last lines of the access log could not be written in time");
    }
    result
}

/// A connection takes two descriptors, one on each side. The system's soft limit is meant for programs that
/// do not know better; the hard one is the administrator's.
fn raise_descriptor_limit(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        warn!("the limit of descriptors cannot be raised from {current:?} to {maximum:?}");
    }
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1000);
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < needed) {
        warn!(
            "{limit} descriptors are too few for limits.connections: {connections}, which may take {needed}: \
             raise the hard limit (systemd: LimitNOFILE) or lower the number"
        );
    }
}

/// The admin listener's port and token, if there is to be one.
fn prepare_admin(config: &Config) -> Result<Option<(AdminPort, Option<Token>)>, StartError> {
    let Some(address) = config.admin.bind else { return Ok(None) };
    let token = config.admin.token_file.as_deref().map(Token::read).transpose().map_err(StartError::Token)?;
    let port = AdminPort::take(address).map_err(StartError::Bind)?;
    Ok(Some((port, token)))
}

/// Everybody who has figures to tell.
fn registry(
    config: &Config,
    shared: &Arc<Shared>,
    vitals: EdgeVitals,
    secured: Vec<Arc<dyn Secured>>,
) -> Registry {
    let registry = Registry::new();
    registry.add(Figures::new(shared.clone(), config.limits.waiting));
    registry.add(figures::EdgeFigures::new(config, vitals, secured));
    registry
}

fn start_access_log(
    config: &Config,
) -> Result<(Option<AccessLog>, Option<crate::proxy::LogWriting>), StartError> {
    let sink = match &config.log.access.to {
        AccessLogTarget::Off => return Ok((None, None)),
        AccessLogTarget::Stdout => LogSink::Stdout,
        AccessLogTarget::File(path) => LogSink::File(path.clone()),
    };
    let style = match config.log.access.format {
        LogFormat::Json => LogStyle::Json,
        LogFormat::Text => LogStyle::Text,
    };
    let (log, writer) = AccessLog::start(&sink, style).map_err(StartError::AccessLog)?;
    Ok((Some(log), Some(writer)))
}

/// The signals the edge answers to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reopen: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reopen: signal(SignalKind::user_defined1())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    async fn wait_for_stop(&mut self, shared: &Shared, reload: &Notify) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    info!(
                        "SIGHUP: certificates, keys and authorities are read again; for any other change of the \
                         configuration restart the edge"
                    );
                    reload.notify_one();
                }
                _ = self.reopen.recv() => {
                    if let Some(log) = &shared.access_log {
                        log.reopen();
                        info!("the access log is opened again");
                        event_aside(serde_json::json!({ "event": "access_log_reopened" }));
                    }
                }
            }
        }
    }
}

async fn keep_time(clock: Arc<CoarseClock>) {
    let mut interval = tokio::time::interval(CLOCK_INTERVAL);
    loop {
        interval.tick().await;
        clock.refresh();
    }
}

async fn sweep_pins(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_INTERVAL) => {
                shared.snapshot.load().selector.sweep(shared.clock.now(), SWEEP_BUDGET);
            }
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Says so once every backend's first probe has answered, or its start grace is over.
async fn announce_ready(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let mut news = shared.news.listen();
    while vitals::waits_for(&shared).is_some() {
        tokio::select! {
            _ = news.changed() => {}
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
    info!("ready");
    event_aside(serde_json::json!({ "event": "ready" }));
}

/// Writes an event for machines: one JSON object, one line, on standard output.
fn event(value: &serde_json::Value) {
    // Nobody may be reading: then nobody misses it.
    let _ = writeln!(std::io::stdout(), "{value}");
}

/// The same from the control thread, which must not wait for whoever reads: it hears signals and probes nodes.
fn event_aside(value: serde_json::Value) {
    drop(tokio::task::spawn_blocking(move || event(&value)));
}
