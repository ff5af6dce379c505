//! Who can be used: probes, and what they make of a backend.
//!
//! Each backend is probed by a task of its own, one probe at a time, through Pingora's
//! [`HealthCheck`](pingora_load_balancing::health_check::HealthCheck) trait. A probe that is due comes at its
//! interval; at the fast interval while results speak against the current health; soon when a request doubts
//! the backend; at once when its address changes. The same task takes back what requests have ejected.

mod cause;
mod judge;
mod probe;

pub use judge::{Judge, Thresholds};
pub use probe::{Check, HttpCheck};

use crate::clock::CoarseClock;
use crate::pool::{DownCause, Health};
use crate::snapshot::{Endpoint, HealthNews};
use log::{info, warn};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How soon a probe follows at the earliest that requests ask for, and so the shortest time between two of them.
const DOUBT_PAUSE: Duration = Duration::from_millis(200);

/// The same where even fast probes are to be rare: a held client cannot wait much longer.
const LONGEST_DOUBT_PAUSE: Duration = Duration::from_secs(1);

/// How a backend is probed.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What it is asked.
    pub check: Check,
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
    /// The backend.
    pub endpoint: Arc<Endpoint>,
    /// How it is probed.
    pub probe: Probe,
    /// How long its first probe waits, so that those of many backends do not start in one instant.
    pub first_after: Duration,
}

/// Follows one backend until `stopping` turns true.
pub async fn observe(
    observed: Observed,
    clock: Arc<CoarseClock>,
    news: HealthNews,
    mut stopping: watch::Receiver<bool>,
) {
    let Observed { endpoint, probe, first_after } = observed;
    tokio::select! {
        () = keep_probing(&endpoint, &probe, first_after, &clock, &news) => {}
        () = keep_taking_back(&endpoint, &clock, &news) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

async fn keep_probing(
    endpoint: &Endpoint,
    probe: &Probe,
    first_after: Duration,
    clock: &CoarseClock,
    news: &HealthNews,
) {
    let mut address = endpoint.address.listen();
    // Before its name has been looked up, nothing can be said of a backend.
    if address.wait_for(|count| *count > 0).await.is_err() {
        return;
    }
    tokio::time::sleep(first_after).await;
    let mut judge = Judge::default();
    let mut last = as_probes_see(endpoint);
    loop {
        address.mark_unchanged();
        let began = Instant::now();
        let result = probe::attempt(endpoint, &probe.check, probe.timeout).await;
        endpoint.probed(result.is_ok(), began.elapsed());
        let before = as_probes_see(endpoint);
        if before != last {
            // Requests have decided meanwhile: what probes saw before counts no more.
            judge = Judge::default();
        }
        weigh(endpoint, probe, &mut judge, before, &result, clock, news);
        last = as_probes_see(endpoint);
        let pause = if judge.is_changing(last) { probe.fast_interval } else { probe.interval };
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            () = doubted(endpoint, probe.fast_interval / 5) => {}
            _ = address.changed() => {}
        }
    }
}

/// What one more result makes of a backend.
fn weigh(
    endpoint: &Endpoint,
    probe: &Probe,
    judge: &mut Judge,
    before: Health,
    result: &Result<(), String>,
    clock: &CoarseClock,
    news: &HealthNews,
) {
    let now = clock.refresh().mono;
    let name = &endpoint.name;
    match (judge.observe(before, result.is_ok(), probe.thresholds), result) {
        (Some(health), result) => {
            let why = || result.as_ref().err().cloned().unwrap_or_default();
            if !endpoint.judged(health, now, why) {
                return;
            }
            match result {
                Err(why) => warn!("{name} is down: {why}"),
                Ok(()) if before == Health::Unknown => info!("{name} is up"),
                Ok(()) => warn!("{name} is up again"),
            }
            news.tell();
        }
        // One that requests took down between the probe and now: a connect is what they lacked.
        (None, Ok(())) if before == Health::Up && endpoint.well(now) => {
            warn!("{name} is up again");
            news.tell();
        }
        (None, _) => {}
    }
}

/// An ejected backend is up for its probes: they cannot end that, and they can find that it is down.
fn as_probes_see(endpoint: &Endpoint) -> Health {
    let live = &endpoint.backend.live;
    if live.down_cause() == Some(DownCause::Ejected) { Health::Up } else { live.health() }
}

/// Ends ejections when their time has come.
async fn keep_taking_back(endpoint: &Endpoint, clock: &CoarseClock, news: &HealthNews) {
    loop {
        // One may have begun under an earlier configuration.
        while let Some(until) = endpoint.backend.live.ejected_until() {
            let now = clock.refresh().mono;
            if now < until {
                tokio::time::sleep(until.since(now)).await;
            } else if endpoint.take_back(now) {
                warn!("{} is taken back: one request that fails now ejects it again", endpoint.name);
                news.tell();
            }
        }
        endpoint.ejected.notified().await;
    }
}

/// Waits for doubt, and then a moment: a hundred requests that fail at once are one reason to look, and not
/// as many probes in a row as make a backend down.
/// Where even fast probes are to be rare, these are rarer too.
async fn doubted(endpoint: &Endpoint, at_least: Duration) {
    endpoint.doubt.notified().await;
    tokio::time::sleep(at_least.clamp(DOUBT_PAUSE, LONGEST_DOUBT_PAUSE)).await;
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
