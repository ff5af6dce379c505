//! Whether the edge works, whether it should get requests, and where its clients are.

use crate::admin::{Clients, Vitals};
use crate::clock::{CoarseClock, Millis};
use crate::persistence::ClientPin;
use crate::pool::Fitness;
use crate::proxy::Shared;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How this edge is.
#[derive(Clone)]
pub(super) struct EdgeVitals {
    pub(super) shared: Arc<Shared>,
    pub(super) beat: Arc<Heartbeats>,
    pub(super) stopping: watch::Receiver<bool>,
}

impl Vitals for EdgeVitals {
    fn alive(&self) -> Result<(), String> {
        self.beat.all_alive()
    }

    fn ready(&self) -> Result<(), String> {
        if *self.stopping.borrow() {
            return Err("it stops".to_owned());
        }
        match waits_for(&self.shared) {
            Some(backend) => Err(format!("no probe of {backend} has answered yet")),
            None => Ok(()),
        }
    }
}

impl Clients for EdgeVitals {
    fn pins(&self, address: IpAddr) -> Vec<ClientPin> {
        let now = self.shared.clock.refresh().mono;
        self.shared.snapshot.load().selector.client(address, now)
    }
}

/// A backend of which nothing is known yet: neither has a probe answered, nor is its start grace over.
pub(super) fn waits_for(shared: &Shared) -> Option<Arc<str>> {
    let now = shared.clock.refresh().mono;
    let snapshot = shared.snapshot.load();
    let mut endpoints = snapshot.pools.iter().flat_map(|pool| &pool.endpoints);
    let unknown = endpoints.find(|endpoint| endpoint.backend.fitness(now) == Fitness::Unknown)?;
    Some(Arc::clone(&unknown.name))
}

/// When each worker was last seen at work.
#[derive(Debug)]
pub(super) struct Heartbeats {
    clock: Arc<CoarseClock>,
    last: Box<[AtomicU64]>,
}

impl Heartbeats {
    /// A worker looks around four times a second; one that has not for so long is stuck.
    const STUCK: Duration = Duration::from_secs(10);

    pub(super) fn new(clock: Arc<CoarseClock>, workers: usize) -> Self {
        let now = clock.refresh().mono.0;
        Self { clock, last: (0..workers).map(|_| AtomicU64::new(now)).collect() }
    }

    pub(super) fn beat(&self, worker: usize) {
        if let Some(last) = self.last.get(worker) {
            last.store(self.clock.refresh().mono.0, Ordering::Relaxed);
        }
    }

    /// # Errors
    /// Which worker is stuck.
    pub(super) fn all_alive(&self) -> Result<(), String> {
        let now = self.clock.refresh().mono;
        for (worker, last) in self.last.iter().enumerate() {
            let silent = now.since(Millis(last.load(Ordering::Relaxed)));
            if silent > Self::STUCK {
                return Err(format!("worker {worker} has not moved for {} s", silent.as_secs()));
            }
        }
        Ok(())
    }
}
