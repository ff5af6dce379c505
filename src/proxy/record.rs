//! The request is over: renew its pin, write it down.

use super::access_log::Entry;
use super::context::RequestContext;
use super::{Edge, Shared, ejection, rescue};
use crate::engine::handler::{Answer, Connection, Summary};
use crate::engine::refusal::Refusal;
use crate::persistence::client_class::Why;
use std::time::Duration;

pub(super) fn end(shared: &Shared, mut context: RequestContext, summary: &Summary) {
    let key = context.selection.as_ref().and_then(|selection| selection.key());
    let (class, why) = match &context.selection {
        Some(selection) => (selection.class(), selection.why()),
        // Nothing was selected; the class mattered only where it decides.
        None => {
            let by_class =
                context.route().and_then(|route| route.group.as_ref()).is_some_and(|group| group.by_class);
            (context.class.0, if by_class { context.class.1 } else { Why::Group })
        }
    };
    if let (true, 404 | 413 | 421, Some(reason)) = (summary.local, summary.status, summary.failure) {
        shared.counters.refused(reason);
    }
    if let Some(log) = &shared.access_log {
        let snapshot = &context.snapshot;
        let route = context.route();
        let group = route.and_then(|route| route.group.as_ref());
        let backend = context.backend().filter(|_| !summary.local);
        log.write(&Entry {
            request_id: context.request_id,
            listener: snapshot.listeners.get(context.listener).map(|listener| &*listener.name),
            route: route.map(|route| &*route.name),
            pool: context.targets().map(|pool| &*pool.name),
            group: group.map(|group| &*group.name),
            client: context.client,
            key,
            class: group.map(|_| class.name()),
            why: group.map(|_| why.name()),
            cookie: context.cookie_refusal().map(|refusal| refusal.reason()),
            outcome: context.outcome,
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
    }
    ejection::judge(shared, &context, summary);
    if let Some(selection) = context.selection.take() {
        let now = if summary.times.total > Duration::from_millis(50) {
            shared.clock.refresh()
        } else {
            shared.clock.now()
        };
        context.snapshot.selector.finish(selection, now);
    }
}

/// A head that could not be read: counted, written down, answered.
pub(super) fn refused(edge: &Edge, connection: &Connection, refusal: Refusal) -> Answer {
    let shared = &edge.shared;
    let request_id = shared.request_ids.next();
    shared.counters.refused(refusal.reason());
    if let Some(log) = &shared.access_log {
        let snapshot = shared.snapshot.load();
        log.write(&Entry {
            request_id,
            listener: snapshot.listeners.get(edge.listener).map(|listener| &*listener.name),
            client: connection.client_ip(),
            status: refusal.status(),
            failure: Some(refusal.reason()),
            ..Entry::empty()
        });
    }
    rescue::refusal(request_id, refusal)
}
