//! What follows a backend that could not be reached.

use super::super::decision::{AfterFailure, Decision, Memory, Refusal, Selection};
use super::{Request, Selector, by_address, by_cookie, unpinned};
use crate::clock::{Millis, Now};
use std::time::Duration;

/// The first pause before a connect is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The last try of a hold begins so long before its end, or there would be no time for the connect.
const LAST_TRY: Duration = Duration::from_millis(100);

impl Selector {
    /// Decides again after the previous backend could not be reached, or its hold is over: a persisted
    /// client by `unavailable`, a new one on another node. No node is proposed twice to one request.
    #[must_use]
    pub fn select_again(&self, previous: Selection, now: Now) -> Decision {
        let Some(group) = self.group(previous.pool, previous.group) else {
            return Decision::Refuse(Refusal::NoNode);
        };
        let node = previous.backend.node.id;
        let mut tried = previous.tried;
        if !tried.add(node) {
            return Decision::Refuse(Refusal::NoNode);
        }
        let request = Request {
            pool: previous.pool,
            group: previous.group,
            client: previous.client,
            class: previous.class,
            why: previous.why,
            tried,
            came_from: previous.came_from,
            now,
        };
        // The previous selection keeps its pin from expiring until the new one holds it.
        match previous.memory {
            Memory::None => unpinned(group, &request),
            Memory::Pin { .. } => by_address::select(group, &request, Some(node)),
            Memory::Cookie(cookie) => by_cookie::select(group, &request, cookie.read),
        }
    }

    /// Tells that a connect to the selection's backend failed; the backend is told too. Nothing of the
    /// request may have been sent. A persisted client tries the same backend until its hold is over, which
    /// began when the backend first failed, for whomever; a new one is decided again at once.
    pub fn after_connect_failure(&self, selection: &mut Selection, now: Now) -> AfterFailure {
        let now = now.mono;
        selection.backend.live.connect_failed(now);
        selection.failures = selection.failures.saturating_add(1);
        let Some(group) = self.group(selection.pool, selection.group) else { return AfterFailure::Reselect };
        if !persisted(selection, now) {
            return AfterFailure::Reselect;
        }
        let since = selection.backend.live.failing_since().unwrap_or(now);
        let until = *selection.hold_until.get_or_insert(since.after(group.settings.hold));
        let last = Millis(until.0.saturating_sub(u64::try_from(LAST_TRY.as_millis()).unwrap_or(0)));
        if now >= last {
            return AfterFailure::Reselect;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << (selection.failures - 1).min(8)).min(LONGEST_PAUSE);
        AfterFailure::RetrySame { at: now.after(pause).min(last), until }
    }
}

/// Whether the selection's node is one that knows the client.
fn persisted(selection: &Selection, now: Millis) -> bool {
    let node = &selection.backend.node;
    match (selection.memory, &selection.live) {
        // The pin is asked, not the selection: it may have been confirmed or moved meanwhile.
        (Memory::Pin { key, .. }, Some(live)) => {
            let known = live.pins.update(key, now, |pin| {
                let at_home = pin.is_static && pin.home == Some(pin.node);
                pin.node == node.id && (!pin.unserved || at_home)
            });
            known.unwrap_or(false)
        }
        (Memory::Cookie(cookie), _) => cookie.read.is_some_and(|read| read.node == node.tag),
        _ => false,
    }
}
