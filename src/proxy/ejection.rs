//! What a request that has ended says about its backend.

use super::Shared;
use super::context::RequestContext;
use crate::clock::Millis;
use crate::engine::handler::{BackendEnd, Summary};
use crate::pool::ejection::{RequestFailure, TooMany};
use crate::snapshot::{Ejection, Endpoint};
use log::warn;

/// Counts it, and takes a backend out of service that fails too many in a row.
pub(super) fn judge(shared: &Shared, context: &RequestContext, summary: &Summary) {
    let how = match summary.backend {
        BackendEnd::Unjudged => return,
        BackendEnd::Answered => {
            if let Some(endpoint) = context.endpoint() {
                endpoint.answered();
            }
            return;
        }
        BackendEnd::Closed => RequestFailure::Closed,
        BackendEnd::TimedOut => RequestFailure::TimedOut,
    };
    // What ended the request may be another node's, after the one that closed could not be reached again.
    let Some(reason @ ("upstream_closed" | "upstream_timeout")) = summary.failure else { return };
    let (Some(targets), Some(endpoint)) = (context.targets(), context.endpoint()) else { return };
    let now = shared.clock.refresh().mono;
    let times = &summary.times;
    let under_way = times.total.saturating_sub(times.queue + times.connect);
    // Rounded up: of connections that break together none must seem to have been used after the break.
    let under_way = u64::try_from(under_way.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    let sent = Millis(now.0.saturating_sub(under_way));
    match targets.request_failed(endpoint, how, reason, sent, now) {
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
