//! What the edge as a whole tells at a scrape: its farm, its bounds, its certificates.

use super::tls::Secured;
use super::vitals::EdgeVitals;
use crate::admin::Vitals;
use crate::config::Config;
use crate::metrics::names::{self, Family};
use crate::metrics::{Samples, Source};
use crate::pool::{AdminState, DownCause, Fitness};
use crate::snapshot::Endpoint;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells the figures that are not counted for requests.
pub(super) struct EdgeFigures {
    vitals: EdgeVitals,
    connections: usize,
    secured: Vec<Arc<dyn Secured>>,
}

impl EdgeFigures {
    pub(super) fn new(config: &Config, vitals: EdgeVitals, secured: Vec<Arc<dyn Secured>>) -> Self {
        Self { vitals, connections: config.limits.connections, secured }
    }
}

const FAMILIES: [&Family; 16] = [
    &names::BUILD_INFO,
    &names::READY,
    &names::GROUP_NODES,
    &names::GROUP_WHOLE_NODES,
    &names::NODE_SHARE,
    &names::GROUP_POOL,
    &names::BACKEND_UP,
    &names::BACKEND_EJECTED,
    &names::BACKEND_HEALTH_CHANGES,
    &names::BACKEND_EJECTIONS,
    &names::NODE_STATE,
    &names::PROBES,
    &names::PROBE_DURATION,
    &names::DOWNSTREAM_CONNECTIONS_LIMIT,
    &names::CERTIFICATE_EXPIRY,
    &names::CERTIFICATE_RELOADS,
];

impl Source for EdgeFigures {
    fn families(&self) -> &[&'static Family] {
        &FAMILIES
    }

    fn collect(&self, samples: &mut Samples) {
        samples.gauge(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
        samples.flag(&names::READY, &[], self.vitals.ready().is_ok());
        samples.gauge(&names::DOWNSTREAM_CONNECTIONS_LIMIT, &[], self.connections as f64);
        for secured in &self.secured {
            certificates(samples, &**secured);
        }
        let shared = &self.vitals.shared;
        let now = shared.clock.refresh().mono;
        let snapshot = shared.snapshot.load();
        let mut told = Vec::new();
        for pool in &snapshot.pools {
            for endpoint in &pool.endpoints {
                let node = &endpoint.backend.node;
                let labels: [&str; 2] = [&pool.name, &node.name];
                let up = endpoint.backend.fitness(now) == Fitness::Up;
                samples.flag(&names::BACKEND_UP, &labels, up);
                self::endpoint(samples, labels, endpoint);
                if !told.contains(&node.id) {
                    told.push(node.id);
                    for (word, state) in AdminState::WORDS {
                        samples.flag(&names::NODE_STATE, &[&node.name, word], node.admin() == state);
                    }
                }
            }
        }
        for group in snapshot.selector.groups() {
            samples.gauge(&names::GROUP_NODES, &[group.name()], group.nodes() as f64);
            samples.gauge(&names::GROUP_WHOLE_NODES, &[group.name()], group.whole_nodes(now) as f64);
            for (node, share) in group.shares(now) {
                samples.gauge(&names::NODE_SHARE, &[group.name(), &node.name], share);
            }
            for pool in group.pools().filter_map(|pool| snapshot.pools.get(pool)) {
                samples.gauge(&names::GROUP_POOL, &[group.name(), &pool.name], 1.0);
            }
        }
    }
}

/// What is made of files: when they expire, and how often they were read again. Nothing for a pool that trusts the
/// system's authorities and shows no certificate.
fn certificates(samples: &mut Samples, secured: &dyn Secured) {
    if secured.files().is_empty() {
        return;
    }
    let told = secured.told();
    let (listener, pool) = (&*told.listener, &*told.pool);
    for expiry in told.expiries().iter() {
        let labels = [listener, pool, &*expiry.file, expiry.kind.as_str()];
        samples.gauge(&names::CERTIFICATE_EXPIRY, &labels, expiry.at as f64);
    }
    for (result, count) in [("ok", &told.reloads), ("failed", &told.failures)] {
        let labels = [listener, pool, result];
        samples.count(&names::CERTIFICATE_RELOADS, &labels, count.load(Ordering::Relaxed));
    }
}

fn endpoint(samples: &mut Samples, labels: [&str; 2], endpoint: &Endpoint) {
    let ejected = endpoint.backend.live.down_cause() == Some(DownCause::Ejected);
    samples.flag(&names::BACKEND_EJECTED, &labels, ejected);
    let [pool, node] = labels;
    let tally = &endpoint.tally;
    let mut count = |family, word, cell: &AtomicU64| {
        samples.count(family, &[pool, node, word], cell.load(Ordering::Relaxed));
    };
    count(&names::BACKEND_HEALTH_CHANGES, "up", &tally.went_up);
    count(&names::BACKEND_HEALTH_CHANGES, "down", &tally.went_down);
    count(&names::BACKEND_EJECTIONS, "upstream_closed", &tally.ejections_closed);
    count(&names::BACKEND_EJECTIONS, "upstream_timeout", &tally.ejections_timed_out);
    count(&names::BACKEND_EJECTIONS, "spared", &tally.ejections_spared);
    count(&names::PROBES, "ok", &tally.probes_ok);
    count(&names::PROBES, "failed", &tally.probes_failed);
    let micros = tally.probe_micros.load(Ordering::Relaxed);
    if micros > 0 {
        samples.gauge(&names::PROBE_DURATION, &labels, micros as f64 / 1e6);
    }
}
