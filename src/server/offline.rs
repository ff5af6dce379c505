//! The farm as a configuration has it, without sockets, probes or threads.

use super::assemble::{AssemblyError, LiveState, assemble};
use crate::clock::CoarseClock;
use crate::config::Config;
use crate::pool::{DownCause, Health};
use crate::proxy::{RequestIds, Shared};
use crate::snapshot::HealthNews;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What requests would meet just after a start, once every backend is up. Nobody is served; a key that the
/// configuration gives to a node, such as its state, holds.
///
/// # Errors
/// A part of the configuration turned out unusable.
pub fn offline(config: &Config) -> Result<Shared, AssemblyError> {
    let snapshot = assemble(config, &LiveState::default(), 1)?.snapshot;
    let clock = Arc::new(CoarseClock::start());
    let now = clock.now().mono;
    for endpoint in snapshot.pools.iter().flat_map(|pool| &pool.endpoints) {
        endpoint.backend.live.set_health(Health::Up, DownCause::Probe, now);
    }
    Ok(Shared {
        snapshot: ArcSwap::from_pointee(snapshot),
        clock,
        news: HealthNews::default(),
        waiting: Semaphore::new(0),
        access_log: None,
        request_ids: RequestIds::default(),
    })
}
