//! Whether the edge works, and whether it should get requests.

use super::worker::Heartbeats;
use crate::admin::Vitals;
use crate::pool::Fitness;
use crate::proxy::Shared;
use std::sync::Arc;
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

/// A backend of which nothing is known yet: neither has a probe answered, nor is its start grace over.
pub(super) fn waits_for(shared: &Shared) -> Option<String> {
    let now = shared.clock.refresh().mono;
    let snapshot = shared.snapshot.load();
    let mut endpoints =
        snapshot.pools.iter().flat_map(|pool| pool.endpoints.iter().map(move |endpoint| (pool, endpoint)));
    let (pool, endpoint) =
        endpoints.find(|(_, endpoint)| endpoint.backend.fitness(now) == Fitness::Unknown)?;
    Some(format!("{}/{}", pool.name, endpoint.backend.node.name))
}
