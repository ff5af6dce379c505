//! What an attempt at a request says about its backend.

use super::Shared;
use super::context::RequestContext;
use crate::engine::handler::BackendEnd;
use crate::metrics::tally::FAILURES;
use crate::pool::ejection::{RequestFailure, TooMany};
use crate::snapshot::{Ejection, Endpoint};
use log::warn;
use std::time::Instant;

/// Counts it, and takes a backend out of service that fails too many in a row. Told at the moment itself: later
/// the request may have been given to another backend, and an answer of the edge's own takes its time too.
pub(super) fn judge(shared: &Shared, context: &mut RequestContext, end: BackendEnd, sent: Instant) {
    let (reason, how) = match end {
        BackendEnd::Answered => {
            if let Some(endpoint) = context.endpoint() {
                endpoint.answered(|| shared.clock.at(sent));
            }
            return;
        }
        BackendEnd::Closed => (0, Some(RequestFailure::Closed)),
        BackendEnd::ClosedExcused => (0, None),
        BackendEnd::TimedOut => (1, Some(RequestFailure::TimedOut)),
        BackendEnd::Faulty => (2, None),
    };
    context.failed_by = Some(end);
    if let Some(traffic) = context.traffic() {
        traffic.failures[reason].one();
    }
    let (Some(how), Some(targets), Some(endpoint)) = (how, context.targets(), context.endpoint()) else {
        return;
    };
    let reason = FAILURES[reason];
    let now = shared.clock.at(Instant::now());
    match targets.request_failed(endpoint, how, reason, shared.clock.at(sent), now) {
        Some(Ejection::Ejected(too_many)) => {
            let (name, duration) = (&endpoint.name, endpoint.rules.eject_for);
            warn!("{name} is ejected for {duration:?} after {}: {reason}", in_words(too_many));
            shared.news.tell();
        }
        Some(Ejection::Spared(too_many, true)) => spared(endpoint, too_many, reason),
        Some(Ejection::Spared(_, false)) | None => {}
    }
}

fn spared(endpoint: &Endpoint, too_many: TooMany, reason: &str) {
    let (name, failures) = (&endpoint.name, in_words(too_many));
    warn!("{name} is kept after {failures}: {reason}; no other backend of its pool could take over");
}

fn in_words(too_many: TooMany) -> String {
    match too_many {
        TooMany { on_probation: true, .. } => "a failed request on probation".to_owned(),
        TooMany { failures: 1, .. } => "a failed request".to_owned(),
        TooMany { failures, .. } => format!("{failures} failed requests in a row"),
    }
}
