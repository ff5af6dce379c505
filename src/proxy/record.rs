//! The request is over: count it, write it down, renew its pin.

use super::access_log::Entry;
use super::context::RequestContext;
use super::{Edge, Shared, dress, rescue};
use crate::engine::handler::{Answer, Connection, Summary};
use crate::engine::refusal::Refusal;
use crate::metrics::tally::ListenerTally;
use crate::persistence::client_class::{ClientClass, Why};
use std::time::Duration;

pub(super) fn end(shared: &Shared, context: &mut RequestContext, summary: &Summary) {
    let recognised = recognised(context);
    count(context, summary, recognised.1);
    if shared.access_log.is_some() {
        write(shared, context, summary, recognised);
    }
    // Before the node knows of one request less: who is then sent there finds its place.
    context.slot = None;
    if let Some(selection) = context.selection.take() {
        let now = if summary.times.total > Duration::from_millis(50) {
            shared.clock.refresh()
        } else {
            shared.clock.now()
        };
        context.snapshot.selector.finish(selection, now);
    }
}

/// The client's class and the rule that decided it.
fn recognised(context: &RequestContext) -> (ClientClass, Why) {
    match &context.selection {
        Some(selection) => (selection.class(), selection.why()),
        // Nothing was selected; the class mattered only where it decides.
        None => {
            let by_class =
                context.route().and_then(|route| route.group.as_ref()).is_some_and(|group| group.by_class);
            (context.class.0, if by_class { context.class.1 } else { Why::Group })
        }
    }
}

/// Everything here belongs to this worker alone: plain additions.
fn count(context: &RequestContext, summary: &Summary, why: Why) {
    let Some(listener) = context.snapshot.listeners.get(context.listener) else { return };
    let listener = listener.tally.of(context.worker);
    // What the edge answers with a 4xx is the client's doing; anything else failed on the way.
    let refused = summary.failure.filter(|_| summary.local && (400..500).contains(&summary.status));
    if let Some(reason) = refused {
        listener.refused.one(reason);
    }
    let Some(route) = context.route() else {
        listener.unrouted.one(summary.status);
        return;
    };
    let tally = route.tally.of(context.worker);
    let place = context.place();
    let answered = place.filter(|_| !summary.local);
    tally.requests(answered).one(summary.status);
    tally.request_bytes.add(summary.request_bytes);
    tally.response_bytes.add(summary.response_bytes);
    if summary.status != 101 {
        // How long a tunnel stood says nothing about how long requests take.
        tally.duration.record(summary.times.total);
    }
    if let Some(reason) = summary.failure.filter(|_| refused.is_none()) {
        tally.failures.one(reason);
    }
    if let Some(traffic) = place.and_then(|place| context.traffic_at(place)) {
        traffic.resends.add(u64::from(summary.retries));
        if let Some(first_byte) = summary.times.first_byte.filter(|_| answered.is_some()) {
            traffic.first_byte.record(first_byte);
        }
    }
    if let Some(group) = context.group_tally() {
        match (context.no_node, context.outcome) {
            (Some(reason), _) => group.refused.one(reason),
            (None, Some(outcome)) => group.outcome(outcome as usize, why as usize).one(),
            (None, None) => {}
        }
    }
}

fn write(shared: &Shared, context: &RequestContext, summary: &Summary, (class, why): (ClientClass, Why)) {
    let Some(log) = &shared.access_log else { return };
    let snapshot = &context.snapshot;
    let route = context.route();
    let group = route.and_then(|route| route.group.as_ref());
    // Who answered, or failed to.
    let asked = !summary.local || matches!(summary.status, 502 | 504);
    let backend = context.backend().filter(|_| asked);
    let listener = snapshot.listeners.get(context.listener);
    log.write(&Entry {
        request_id: context.request_id,
        listener: listener.map(|listener| &*listener.name),
        route: route.map(|route| &*route.name),
        pool: context.targets().map(|pool| &*pool.name),
        group: group.map(|group| &*group.name),
        peer: Some(context.peer).filter(|peer| *peer != context.client),
        client: context.client,
        key: context.selection.as_ref().and_then(|selection| selection.key()),
        class: group.map(|_| class.name()),
        why: group.map(|_| why.name()),
        cookie: context.cookie_refusal().map(|refusal| refusal.reason()),
        outcome: match context.no_node {
            Some(_) => Some("refused"),
            None => context.outcome.map(|outcome| outcome.as_str()),
        },
        node: backend.map(|backend| &*backend.node.name),
        method: context.line.method(),
        path: context.line.path(),
        status: summary.status,
        request_bytes: summary.request_bytes,
        response_bytes: summary.response_bytes,
        times: summary.times,
        retries: summary.retries + context.connects_failed,
        failure: summary.failure.or(context.connect_error.filter(|_| summary.local)),
    });
    // After the line, so that whoever sees it counted sees it counted as dropped, too.
    if let Some(listener) = listener {
        listener.tally.of(context.worker).logged.one();
    }
}

/// A connection that was ended for what its client did.
pub(super) fn ended(edge: &Edge, reason: &'static str) {
    if let Some(listener) = edge.shared.snapshot.load().listeners.get(edge.listener) {
        listener.tally.of(edge.worker).connections_refused.one(reason);
    }
}

/// A head that could not be read: counted, written down, answered.
pub(super) fn refused(edge: &Edge, connection: &Connection, refusal: Refusal) -> Answer {
    let shared = &edge.shared;
    let request_id = shared.request_ids.next();
    let snapshot = shared.snapshot.load();
    let listener = snapshot.listeners.get(edge.listener);
    let tally: Option<&ListenerTally> = listener.map(|listener| listener.tally.of(edge.worker));
    if let Some(tally) = tally {
        tally.refused.one(refusal.reason());
        tally.unrouted.one(refusal.status());
    }
    if let Some(log) = &shared.access_log {
        log.write(&Entry {
            request_id,
            listener: listener.map(|listener| &*listener.name),
            peer: Some(connection.peer.ip()).filter(|peer| *peer != connection.client_ip()),
            client: connection.client_ip(),
            status: refusal.status(),
            failure: Some(refusal.reason()),
            ..Entry::empty()
        });
        if let Some(tally) = tally {
            tally.logged.one();
        }
    }
    let mut answer = rescue::refusal(request_id, refusal);
    dress::finish(&mut answer, request_id, listener.map(|listener| &listener.error_pages), None);
    answer
}
