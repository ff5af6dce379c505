//! Find the node: ask the selector, wait where it says so, try again where that is right.

use super::context::{Next, RequestContext};
use super::{Shared, rescue};
use crate::clock::Millis;
use crate::engine::handler::{BackendEnd, Binding, Bindings, Choice, Failure, Target};
use crate::engine::upstream::{ConnectError, connect, keep_idle};
use crate::metrics::tally::WaitedFor;
use crate::persistence::{AfterFailure, Decision, Outcome, Refusal, Selection, Wait, WaitReason};
use crate::pool::{AdminState, DownCause, Health};
use crate::snapshot::{Binds, Endpoint};
use log::warn;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// Pause between two trial connects to a backend that a request waits for.
const TRIAL_PAUSE: Duration = Duration::from_millis(100);

/// Chooses, and waits where that is right. What waits is boxed: most requests do not wait, and should not carry the
/// room for it.
pub(super) async fn choose(shared: &Shared, context: &mut RequestContext, bindings: &Bindings<'_>) -> Choice {
    context.bound = None;
    // Kept from wait to wait: a request that has waited is not turned away for a newer one.
    let mut place = None;
    loop {
        match turn(shared, context, bindings, &mut place) {
            Turn::Done(choice) => return choice,
            Turn::Again => {}
            Turn::Pause(at) => Box::pin(pause(shared, at)).await,
            Turn::Hold(pool, wait) => Box::pin(hold(shared, context, pool, &wait)).await,
        }
    }
}

/// What follows a look at where things stand.
#[allow(clippy::large_enum_variant, reason = "returned to one caller, which looks at it in place")]
enum Turn {
    Done(Choice),
    /// Look again at once.
    Again,
    /// Look again at this moment, or when a backend's health changes.
    Pause(Millis),
    /// Look again after this wait for a backend of the pool.
    Hold(usize, Wait),
}

/// A place among the requests that wait.
type Place<'s> = Option<SemaphorePermit<'s>>;

fn turn<'s>(
    shared: &'s Shared,
    context: &mut RequestContext,
    bindings: &Bindings<'_>,
    place: &mut Place<'s>,
) -> Turn {
    let Some((route, pool)) = context.route().and_then(|route| Some((route, route.pool()?))) else {
        return Turn::Done(Choice::Answer(rescue::no_route(context)));
    };
    let (group, hold) = route.group.as_ref().map(|group| (group.index, group.hold)).unzip();
    let now = shared.clock.now();
    let decision = match std::mem::replace(&mut context.next, Next::Chosen) {
        Next::Select | Next::Chosen => context.snapshot.selector.select(pool, group, &context.facts(), now),
        Next::SelectAgain(selection) if context.failed_by.is_some() => {
            return Turn::Done(lost(context, selection));
        }
        Next::SelectAgain(selection) => context.snapshot.selector.select_again(selection, now),
        Next::RetrySame { selection, .. } | Next::RetryNow { selection, .. }
            if waits_for_others(&selection) =>
        {
            if context.failed_by.is_some() {
                return Turn::Done(lost(context, selection));
            }
            // Its pin stays; the selector says how long the client is held.
            context.snapshot.selector.finish(selection, now);
            context.next = Next::Select;
            return Turn::Again;
        }
        Next::RetrySame { selection, at, until } => {
            if !waits(shared, place) {
                return Turn::Done(match context.failed_by {
                    Some(_) => lost(context, selection),
                    None => refuse(context, "waiting_full"),
                });
            }
            count_wait(context, WaitedFor::ConnectRetry);
            context.next = Next::RetryNow { selection, until };
            return Turn::Pause(at);
        }
        Next::RetryNow { selection, until } => {
            return retry(shared, context, bindings, pool, selection, until);
        }
    };
    match decision {
        Decision::Use(selection) | Decision::Claim { proposal: selection } => {
            context.outcome = Some(selection.outcome());
            context.chosen_at = now.mono;
            // A persisted client is kept for its node, but no connect outlasts the hold.
            let limit = match selection.outcome() {
                Outcome::Persisted | Outcome::Returned => hold.filter(|hold| !hold.is_zero()),
                _ => None,
            };
            let target = target(context, pool, &selection, bindings, limit.unwrap_or(Duration::MAX));
            context.selection = Some(selection);
            if let Some(target) = target {
                return Turn::Done(Choice::Forward(target));
            }
            // The node's name is not resolved: that is a connect that failed.
            unresolved(shared, context);
            Turn::Again
        }
        Decision::Wait(wait) => {
            if !waits(shared, place) {
                return Turn::Done(refuse(context, "waiting_full"));
            }
            count_wait(context, wait.reason.into());
            context.next = Next::Select;
            Turn::Hold(pool, wait)
        }
        Decision::Refuse(refusal) => Turn::Done(refuse(context, refusal.as_str())),
    }
}

/// Whether the request has a place to wait in, or gets one.
fn waits<'s>(shared: &'s Shared, place: &mut Place<'s>) -> bool {
    if place.is_none() {
        *place = shared.waiting.try_acquire().ok();
    }
    place.is_some()
}

/// The same backend once more, if there is time left for it.
fn retry(
    shared: &Shared,
    context: &mut RequestContext,
    bindings: &Bindings<'_>,
    pool: usize,
    selection: Selection,
    until: Millis,
) -> Turn {
    context.chosen_at = shared.clock.refresh().mono;
    let left = until.since(context.chosen_at);
    match target(context, pool, &selection, bindings, left) {
        Some(target) if !left.is_zero() => {
            context.selection = Some(selection);
            Turn::Done(Choice::Forward(target))
        }
        _ => {
            context.next = Next::SelectAgain(selection);
            Turn::Again
        }
    }
}

/// The request failed at the backend that had met it, which cannot be reached again: it may have been carried
/// out there, so no other one gets it. The client moves with its next request.
fn lost(context: &mut RequestContext, selection: Selection) -> Choice {
    context.selection = Some(selection);
    let failure = match context.failed_by {
        Some(BackendEnd::TimedOut) => Failure::UpstreamTimeout,
        _ => Failure::UpstreamClosed,
    };
    Choice::Answer(rescue::failure(context, &failure))
}

impl From<WaitReason> for WaitedFor {
    fn from(reason: WaitReason) -> Self {
        match reason {
            WaitReason::Hold => Self::Hold,
            WaitReason::FirstProbe => Self::FirstProbe,
        }
    }
}

/// Counts that a request waits, once for each reason.
fn count_wait(context: &mut RequestContext, reason: WaitedFor) {
    if std::mem::replace(&mut context.waited[reason as usize], true) {
        return;
    }
    if let Some(targets) = context.targets() {
        targets.tally.of(context.worker).waits[reason as usize].one();
    }
}

/// Whether another connect would be of no use: the selection's backend is down, and probes or time end that.
fn waits_for_others(selection: &Selection) -> bool {
    matches!(selection.backend().live.down_cause(), Some(DownCause::Probe | DownCause::Ejected))
}

fn refuse(context: &mut RequestContext, reason: &'static str) -> Choice {
    context.no_node = Some(reason);
    let distrusted =
        context.targets().is_some_and(|targets| targets.endpoints.iter().all(|each| each.is_distrusted()));
    if context.connect_error == Some("tls_failed") || distrusted && reason == Refusal::NoNode.as_str() {
        // Waiting will not make a certificate right.
        return Choice::Answer(rescue::untrusted(context));
    }
    let retry_after = if reason == Refusal::TableFull.as_str() { 30 } else { 5 };
    Choice::Answer(rescue::unavailable(context, reason, retry_after))
}

/// The target of a selection; none while the node's name is not resolved.
fn target(
    context: &mut RequestContext,
    pool: usize,
    selection: &Selection,
    bindings: &Bindings<'_>,
    connect_within: Duration,
) -> Option<Target> {
    let targets = context.snapshot.pools.get(pool)?;
    let mut backend = selection.backend();
    let mut last = false;
    let mut binding = None;
    let scope = scope(pool);
    if targets.binds == Binds::Always
        || targets.binds == Binds::OnSight && (context.authenticates || bindings.member(scope).is_some())
    {
        let mut member = backend.node.id;
        if let Some(bound) = bindings.member(scope)
            && bound != u32::from(member.0)
            && let Some(other) =
                targets.pool.backends.iter().find(|backend| u32::from(backend.node.id.0) == bound)
        {
            // What was authenticated on the bound connection counts for this request; the pin has moved, so
            // both connections end with it.
            backend = other;
            member = other.node.id;
            last = true;
            context.bound = Some(other.clone());
        }
        last |= backend.node.admin() == AdminState::Maintenance;
        binding = Some(Binding { scope, member: u32::from(member.0) });
    }
    let endpoint = targets.endpoint(backend)?;
    let address = endpoint.socket()?;
    Some(Target { origin: endpoint.origin(), address, connect_within, binding, last })
}

/// The engine's name for a pool's bindings.
pub(super) fn scope(pool: usize) -> u32 {
    u32::try_from(pool).unwrap_or(u32::MAX)
}

/// Waits until `at`; a change of health may make it worth while earlier.
async fn pause(shared: &Shared, at: Millis) {
    let mut news = shared.news.listen();
    let left = at.since(shared.clock.refresh().mono);
    tokio::select! {
        () = tokio::time::sleep(left) => {}
        _ = news.changed() => {}
    }
}

/// Waits for a backend: until its health changes, a trial connect succeeds, or the time is over. Where only
/// probes tell, they are asked for meanwhile.
async fn hold(shared: &Shared, context: &RequestContext, pool: usize, wait: &Wait) {
    let mut news = shared.news.listen();
    let targets = context.snapshot.pools.get(pool);
    let endpoint = targets.and_then(|targets| {
        let keep = targets.binds != Binds::Always;
        Some((targets.endpoint(&wait.backend)?, keep))
    });
    let live = &wait.backend.live;
    let expected = match wait.reason {
        WaitReason::Hold => Health::Down,
        WaitReason::FirstProbe => Health::Unknown,
    };
    loop {
        let left = wait.until.since(shared.clock.refresh().mono);
        if left.is_zero() || live.health() != expected {
            return;
        }
        let trial = async {
            match (endpoint, live.down_cause()) {
                (Some((endpoint, keep)), Some(DownCause::Connect)) => {
                    tokio::time::sleep(TRIAL_PAUSE).await;
                    trial_connect(shared, endpoint, left, keep).await;
                }
                (Some((endpoint, _)), Some(DownCause::Probe)) => {
                    endpoint.doubt.notify_one();
                    tokio::time::sleep(TRIAL_PAUSE).await;
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            _ = news.changed() => if wait.reason == WaitReason::FirstProbe { return },
            () = trial => {}
        }
    }
}

/// Tries whether the backend takes connections again; one that it took is kept for the request.
async fn trial_connect(shared: &Shared, endpoint: &Endpoint, limit: Duration, keep: bool) {
    let Some(address) = endpoint.socket() else { return };
    // One at a time: a thousand requests that wait must not become a thousand connects.
    let Ok(_turn) = endpoint.trial.try_acquire() else { return };
    let origin = endpoint.origin();
    let limit = limit.min(origin.patience.connect);
    if let Ok(stream) = connect(&origin, address, limit).await {
        reached(shared, endpoint);
        if keep {
            keep_idle(&origin, address, stream);
        }
    }
}

/// The backend of the selection is connected.
pub(super) fn connected(shared: &Shared, context: &mut RequestContext, took: Option<Duration>) {
    let traffic = context.traffic();
    let Some(took) = took else {
        if let Some(traffic) = traffic {
            traffic.reuses.one();
        }
        return;
    };
    if let Some(traffic) = traffic {
        traffic.connected("ok");
        traffic.connect.record(took);
    }
    if let Some(endpoint) = context.endpoint() {
        reached(shared, endpoint);
    }
}

/// A new connection to a backend has come about.
fn reached(shared: &Shared, endpoint: &Endpoint) {
    if endpoint.connect_succeeded(shared.clock.refresh().mono) {
        warn!("{} takes connections again", endpoint.name);
        shared.news.tell();
    }
}

/// The backend of the selection could not be connected.
pub(super) fn unreachable(shared: &Shared, context: &mut RequestContext, error: &ConnectError) {
    if let Some(endpoint) = context.endpoint() {
        endpoint.note_trust(Some(error));
    }
    failed(shared, context, error.reason(), |_| error.cause());
}

/// The name of the selection's node leads nowhere.
fn unresolved(shared: &Shared, context: &mut RequestContext) {
    failed(shared, context, "name_not_resolved", |endpoint| {
        format!("the name {} is not resolved", endpoint.address.name.as_deref().unwrap_or_default())
    });
}

fn failed(
    shared: &Shared,
    context: &mut RequestContext,
    reason: &'static str,
    why: impl FnOnce(&Endpoint) -> String,
) {
    context.connects_failed += 1;
    context.connect_error = Some(reason);
    let place = context.place();
    if let Some(traffic) = place.and_then(|place| context.traffic_at(place)) {
        traffic.connected(reason);
    }
    let endpoint = context.endpoint().cloned();
    let Some(mut selection) = context.selection.take() else { return };
    let now = shared.clock.refresh();
    if context.bound.is_some() {
        // It was another backend that could not be reached: the one of a bound connection.
        context.next = Next::SelectAgain(selection);
        return;
    }
    // The failure began when the connect did.
    if let Some(endpoint) = endpoint
        && let Some(failures) = endpoint.connect_failed(context.chosen_at, now.mono, || why(&endpoint))
    {
        let why = endpoint.why_down().unwrap_or_default();
        warn!("{} is down after {failures} failed connects in a row: {why}", endpoint.name);
        shared.news.tell();
    }
    context.next = match context.snapshot.selector.after_connect_failure(&mut selection, now) {
        AfterFailure::RetrySame { at, until } => {
            if let Some(traffic) = place.and_then(|place| context.traffic_at(place)) {
                traffic.connect_retries.one();
            }
            Next::RetrySame { selection, at, until }
        }
        AfterFailure::Reselect => Next::SelectAgain(selection),
    };
}
