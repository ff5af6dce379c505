//! Who can be used: probes, and what they make of a backend.
//!
//! Each backend is probed by a task of its own, through Pingora's [`HealthCheck`] trait. A probe that is due
//! comes at its interval; at the fast interval while results speak against the current health; at once when a
//! request could not connect.

mod judge;
pub use judge::{Judge, Thresholds};

use crate::clock::CoarseClock;
use crate::engine::upstream::{ConnectError, connect};
use crate::pool::{DownCause, Health};
use crate::snapshot::{Endpoint, HealthNews};
use async_trait::async_trait;
use log::{info, warn};
use pingora::ErrorType;
use pingora_load_balancing::Backend as ProbeTarget;
use pingora_load_balancing::health_check::HealthCheck;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The shortest time between two probes that requests ask for.
const DOUBT_PAUSE: Duration = Duration::from_millis(200);

/// How a backend is probed.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Between two probes.
    pub interval: Duration,
    /// The same while the health is changing.
    pub fast_interval: Duration,
    /// The longest a probe may take.
    pub timeout: Duration,
    /// How many results in a row count.
    pub thresholds: Thresholds,
}

/// A backend under observation.
#[derive(Debug)]
pub struct Observed {
    /// The pool's name, for messages.
    pub pool: Arc<str>,
    /// The backend.
    pub endpoint: Arc<Endpoint>,
    /// How it is probed.
    pub probe: Probe,
}

/// Probes one backend until `stopping` turns true.
pub async fn observe(
    observed: Observed,
    clock: Arc<CoarseClock>,
    news: HealthNews,
    mut stopping: watch::Receiver<bool>,
) {
    let mut judge = Judge::default();
    let Observed { pool, endpoint, probe } = &observed;
    let live = &endpoint.backend.live;
    let node = &endpoint.backend.node.name;
    let mut address = endpoint.address.listen();
    // Before its name has been looked up, nothing can be said of a backend.
    tokio::select! {
        _ = address.wait_for(|count| *count > 0) => {}
        _ = stopping.wait_for(|stopping| *stopping) => return,
    }
    let mut last = live.health();
    loop {
        address.mark_unchanged();
        let result = attempt(endpoint, probe.timeout).await;
        let now = clock.refresh().mono;
        let before = live.health();
        if before != last {
            // Requests have decided meanwhile: what probes saw before counts no more.
            judge = Judge::default();
        }
        // What requests' failed connects decided, probes may correct: both look at the same thing.
        if let Some(health) = judge.observe(before, result.is_ok(), probe.thresholds) {
            let cause = DownCause::Connect;
            if live.set_health(health, cause, now) {
                match (&result, health) {
                    (Err(why), _) => warn!("{pool}/{node} is down: {why}"),
                    (Ok(()), _) if before == Health::Unknown => info!("{pool}/{node} is up"),
                    (Ok(()), _) => warn!("{pool}/{node} is up again"),
                }
                news.tell();
            }
        } else if result.is_ok() && before == Health::Up {
            live.connect_succeeded(now);
        }
        last = live.health();
        let pause = if judge.is_changing(live.health()) { probe.fast_interval } else { probe.interval };
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            () = doubted(endpoint, probe.fast_interval) => {}
            _ = address.changed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Waits for doubt, and then a moment: a hundred requests that fail at once are one reason to look, and not
/// as many probes in a row as make a backend down.
async fn doubted(endpoint: &Endpoint, fast_interval: Duration) {
    endpoint.doubt.notified().await;
    tokio::time::sleep(fast_interval.min(DOUBT_PAUSE)).await;
}

/// One probe.
async fn attempt(endpoint: &Endpoint, timeout: Duration) -> Result<(), String> {
    let Some(address) = endpoint.socket() else {
        let name = endpoint.address.name.as_deref().unwrap_or_default();
        return Err(format!("the name {name} is not resolved"));
    };
    let target = ProbeTarget::new(&address.to_string()).map_err(|error| error.to_string())?;
    let probe = ConnectProbe { endpoint, timeout };
    probe.check(&target).await.map_err(|error| cause(&error))
}

/// Whether a connection can be made as requests make it: TLS included, where the backend speaks it, so that
/// a backend with the wrong certificate is not taken for one that works.
///
/// Pingora's own check was rejected: each one brings a connector that reads the system's certificate
/// authorities, which costs more than everything else a probe does, and trusts others than requests do.
struct ConnectProbe<'e> {
    endpoint: &'e Endpoint,
    timeout: Duration,
}

#[async_trait]
impl HealthCheck for ConnectProbe<'_> {
    async fn check(&self, target: &ProbeTarget) -> pingora::Result<()> {
        let Some(address) = target.addr.as_inet() else {
            return pingora::Error::e_explain(ErrorType::ConnectError, "no internet address");
        };
        let result = connect(&self.endpoint.origin, *address, self.timeout).await;
        self.endpoint.note_trust(result.as_ref().err());
        match result {
            Ok(_closed) => Ok(()),
            Err(error) => pingora::Error::e_because(ErrorType::ConnectError, "probe", error),
        }
    }

    /// Counting is the judge's.
    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}

/// What an operator can do something about: the operating system's words, or those of TLS.
fn cause(error: &pingora::Error) -> String {
    let root = error.root_cause();
    match root.downcast_ref::<ConnectError>() {
        Some(ConnectError::Tcp(io)) => io.to_string(),
        Some(tls @ ConnectError::Tls(io)) => format!("{tls}: {io}"),
        Some(late) => late.to_string(),
        None => root.to_string(),
    }
}

/// Up to a tenth more or less, so that many probes do not march in step.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    let random = foldhash::fast::RandomState::default().build_hasher().finish();
    let permille = 900 + random % 201;
    pause.mul_f64(permille as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth() {
        for _ in 0..1000 {
            let pause = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(9)..=Duration::from_secs(11)).contains(&pause), "{pause:?}");
        }
    }
}
