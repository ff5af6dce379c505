//! What requests, pins and listeners tell at a scrape.

use super::Shared;
use crate::metrics::names::{self, Family};
use crate::metrics::reasons::REASONS;
use crate::metrics::tally::{CONNECTION_REFUSALS, CONNECTS, FAILURES, STATUS_CLASSES, WAITS};
use crate::metrics::{Samples, Source};
use crate::persistence::Outcome;
use crate::persistence::client_class::Why;
use crate::persistence::cookie::CookieRefusal;
use crate::persistence::settings::By;
use crate::snapshot::{GroupTraffic, PoolTargets, Route, Snapshot};
use std::sync::Arc;

/// Tells the figures of everything that requests pass.
#[derive(Debug)]
pub struct Figures {
    shared: Arc<Shared>,
    /// `limits.waiting`.
    waiting_limit: usize,
}

impl Figures {
    /// The figures of `shared`, where so many requests may wait.
    #[must_use]
    pub fn new(shared: Arc<Shared>, waiting_limit: usize) -> Self {
        Self { shared, waiting_limit }
    }
}

const FAMILIES: [&Family; 32] = [
    &names::REQUESTS,
    &names::REQUEST_DURATION,
    &names::REQUEST_BODY_BYTES,
    &names::RESPONSE_BODY_BYTES,
    &names::REFUSED_REQUESTS,
    &names::REQUEST_FAILURES,
    &names::RETRIES,
    &names::WAITS,
    &names::WAITING_REQUESTS,
    &names::WAITING_LIMIT,
    &names::PERSISTENCE_OUTCOMES,
    &names::PINS,
    &names::TABLE_ENTRIES,
    &names::TABLE_CAPACITY,
    &names::TABLE_BYTES,
    &names::TABLE_EVICTIONS,
    &names::TABLE_REFUSALS,
    &names::TABLE_EXPIRATIONS,
    &names::COOKIES_SET,
    &names::COOKIE_REFUSALS,
    &names::DOWNSTREAM_CONNECTIONS,
    &names::DOWNSTREAM_CONNECTIONS_TOTAL,
    &names::DOWNSTREAM_CONNECTIONS_REFUSED,
    &names::UPSTREAM_CONNECTIONS,
    &names::UPSTREAM_CONNECTS,
    &names::UPSTREAM_REUSES,
    &names::UPSTREAM_CONNECT_DURATION,
    &names::UPSTREAM_FIRST_BYTE,
    &names::BACKEND_REQUESTS,
    &names::BACKEND_FAILURES,
    &names::ACCESS_LOG_LINES,
    &names::ACCESS_LOG_DROPPED,
];

impl Source for Figures {
    fn families(&self) -> &[&'static Family] {
        &FAMILIES
    }

    fn collect(&self, samples: &mut Samples) {
        let snapshot = self.shared.snapshot.load();
        listeners(samples, &snapshot);
        for route in &snapshot.routes {
            self::route(samples, &snapshot, route);
        }
        for pool in &snapshot.pools {
            self::pool(samples, pool);
        }
        for traffic in &snapshot.groups {
            group_traffic(samples, traffic);
        }
        tables(samples, &snapshot);
        let waiting = self.waiting_limit.saturating_sub(self.shared.waiting.available_permits());
        samples.gauge(&names::WAITING_REQUESTS, &[], waiting as f64);
        samples.gauge(&names::WAITING_LIMIT, &[], self.waiting_limit as f64);
        if let Some(log) = &self.shared.access_log {
            let listeners = snapshot.listeners.iter();
            let lines = listeners.map(|listener| listener.tally.total(|tally| &tally.logged)).sum();
            samples.count(&names::ACCESS_LOG_LINES, &[], lines);
            samples.count(&names::ACCESS_LOG_DROPPED, &[], log.dropped());
        }
    }
}

fn listeners(samples: &mut Samples, snapshot: &Snapshot) {
    for listener in &snapshot.listeners {
        let (name, tally) = (&*listener.name, &listener.tally);
        // What was closed is read first: never more than was accepted.
        let closed = tally.total(|tally| &tally.closed);
        let accepted = tally.total(|tally| &tally.accepted);
        let open = accepted.saturating_sub(closed);
        samples.gauge(&names::DOWNSTREAM_CONNECTIONS, &[name], open as f64);
        samples.count(&names::DOWNSTREAM_CONNECTIONS_TOTAL, &[name], accepted);
        for (place, reason) in CONNECTION_REFUSALS.iter().enumerate() {
            let refused = tally.total(|tally| tally.connections_refused.reason(place));
            samples.count(&names::DOWNSTREAM_CONNECTIONS_REFUSED, &[name, reason], refused);
        }
        for (place, reason) in REASONS.iter().enumerate() {
            let refused = tally.total(|tally| tally.refused.reason(place));
            if refused > 0 {
                samples.count(&names::REFUSED_REQUESTS, &[name, reason], refused);
            }
        }
        for (place, class) in STATUS_CLASSES.iter().enumerate() {
            let count = tally.total(|tally| tally.unrouted.class(place));
            // A series that is there from the start shows its first increase.
            if count > 0 || *class == "4xx" {
                samples.count(&names::REQUESTS, &[name, "", "", "", class], count);
            }
        }
    }
}

fn route(samples: &mut Samples, snapshot: &Snapshot, route: &Route) {
    let Some(listener) = snapshot.listeners.get(route.listener) else { return };
    let pool = route.pool().and_then(|pool| snapshot.pools.get(pool));
    let labels: [&str; 3] = [&listener.name, &route.name, pool.map_or("", |pool| &*pool.name)];
    let tally = &route.tally;
    let endpoints = pool.map_or(&[][..], |pool| &pool.endpoints);
    let nodes = endpoints.iter().map(|endpoint| endpoint.backend.node.name.as_str());
    let places = nodes.enumerate().map(|(place, node)| (Some(place), node)).chain([(None, "")]);
    for (place, node) in places {
        for (class_place, class) in STATUS_CLASSES.iter().enumerate() {
            let count = tally.total(|tally| tally.requests(place).class(class_place));
            if count > 0 || expected(class, place.is_some()) {
                let [listener, route, pool] = labels;
                samples.count(&names::REQUESTS, &[listener, route, pool, node, class], count);
            }
        }
    }
    samples.durations(&names::REQUEST_DURATION, &labels, tally, |tally| &tally.duration);
    samples.count(&names::REQUEST_BODY_BYTES, &labels, tally.total(|tally| &tally.request_bytes));
    samples.count(&names::RESPONSE_BODY_BYTES, &labels, tally.total(|tally| &tally.response_bytes));
    for (place, reason) in REASONS.iter().enumerate() {
        let failed = tally.total(|tally| tally.failures.reason(place));
        if failed > 0 || ["no_node", "upstream_closed", "upstream_timeout"].contains(reason) {
            let [listener, route, pool] = labels;
            samples.count(&names::REQUEST_FAILURES, &[listener, route, pool, reason], failed);
        }
    }
}

/// Whether a class of status is told before one was met, so that its first increase shows.
fn expected(class: &str, from_a_node: bool) -> bool {
    match class {
        "2xx" | "3xx" => from_a_node,
        "4xx" | "5xx" => true,
        _ => false,
    }
}

fn pool(samples: &mut Samples, pool: &PoolTargets) {
    for (place, reason) in WAITS.iter().enumerate() {
        let waits = pool.tally.total(|tally| &tally.waits[place]);
        samples.count(&names::WAITS, &[&pool.name, reason], waits);
    }
    for (endpoint, traffic) in pool.endpoints.iter().zip(&pool.traffic) {
        let labels: [&str; 2] = [&pool.name, &endpoint.backend.node.name];
        let [pool, node] = labels;
        for (place, result) in CONNECTS.iter().enumerate() {
            let connects = traffic.total(|tally| tally.connects(place));
            if connects > 0 || *result != "name_not_resolved" {
                samples.count(&names::UPSTREAM_CONNECTS, &[pool, node, result], connects);
            }
        }
        for (place, reason) in FAILURES.iter().enumerate() {
            let failed = traffic.total(|tally| &tally.failures[place]);
            samples.count(&names::BACKEND_FAILURES, &[pool, node, reason], failed);
        }
        let (resends, connects) =
            (traffic.total(|tally| &tally.resends), traffic.total(|tally| &tally.connect_retries));
        samples.count(&names::RETRIES, &[pool, node, "resend"], resends);
        samples.count(&names::RETRIES, &[pool, node, "connect"], connects);
        samples.count(&names::UPSTREAM_REUSES, &labels, traffic.total(|tally| &tally.reuses));
        samples.durations(&names::UPSTREAM_CONNECT_DURATION, &labels, traffic, |tally| &tally.connect);
        samples.durations(&names::UPSTREAM_FIRST_BYTE, &labels, traffic, |tally| &tally.first_byte);
        samples.gauge(&names::UPSTREAM_CONNECTIONS, &labels, f64::from(endpoint.origin().open()));
        let in_flight = endpoint.backend.live.in_flight();
        samples.gauge(&names::BACKEND_REQUESTS, &labels, f64::from(in_flight));
    }
}

fn group_traffic(samples: &mut Samples, group: &GroupTraffic) {
    let (name, tally) = (&*group.name, &group.tally);
    for (outcome_place, outcome) in Outcome::ALL.iter().enumerate() {
        for (why_place, why) in Why::ALL.iter().enumerate() {
            let count = tally.total(|tally| tally.outcome(outcome_place, why_place));
            if count > 0 || is_usual(group, *outcome, *why) {
                let labels = [name, outcome.as_str(), why.name()];
                samples.count(&names::PERSISTENCE_OUTCOMES, &labels, count);
            }
        }
    }
    for (place, reason) in REASONS.iter().enumerate() {
        let refused = tally.total(|tally| tally.refused.reason(place));
        if refused > 0 || *reason == "no_node" {
            samples.count(&names::PERSISTENCE_OUTCOMES, &[name, "refused", reason], refused);
        }
    }
    if matches!(group.by, By::Cookie | By::Auto) {
        samples.count(&names::COOKIES_SET, &[name], tally.total(|tally| &tally.cookies_set));
        for (place, refusal) in CookieRefusal::ALL.iter().enumerate() {
            let refused = tally.total(|tally| &tally.cookies_refused[place]);
            samples.count(&names::COOKIE_REFUSALS, &[name, refusal.reason()], refused);
        }
    }
}

/// Whether such an outcome is told before one was met.
fn is_usual(group: &GroupTraffic, outcome: Outcome, why: Why) -> bool {
    if why == Why::Static {
        return group.has_static && outcome != Outcome::Unpinned;
    }
    match group.by {
        By::None => outcome == Outcome::Unpinned && why == Why::Group,
        By::SourceIp | By::Cookie => outcome != Outcome::Unpinned && why == Why::Group,
        By::Auto => outcome != Outcome::Unpinned && why != Why::Group,
    }
}

fn tables(samples: &mut Samples, snapshot: &Snapshot) {
    for (group, traffic) in snapshot.selector.groups().zip(&snapshot.groups) {
        if !matches!(traffic.by, By::SourceIp | By::Auto) {
            continue;
        }
        let (name, table) = (group.name(), group.table());
        for (node, pins) in group.pins() {
            samples.gauge(&names::PINS, &[name, &node.name], pins as f64);
        }
        samples.gauge(&names::TABLE_ENTRIES, &[name], table.len() as f64);
        samples.gauge(&names::TABLE_CAPACITY, &[name], table.capacity() as f64);
        samples.gauge(&names::TABLE_BYTES, &[name], table.bytes() as f64);
        samples.count(&names::TABLE_EVICTIONS, &[name], table.evictions());
        samples.count(&names::TABLE_REFUSALS, &[name], table.refusals());
        samples.count(&names::TABLE_EXPIRATIONS, &[name], table.expirations());
    }
}
