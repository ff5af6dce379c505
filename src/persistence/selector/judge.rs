//! What becomes of a client that has a node: the rules that pins and cookies share.

use super::super::decision::{Refusal, Wait, WaitReason};
use super::super::group::Group;
use super::super::settings::{AfterRecovery, Unavailable};
use super::placement::{Ask, place_on_primary};
use crate::id::NodeId;
use crate::pool::{AdminState, Backend, DownCause, Fitness};
use std::sync::Arc;
use std::time::Duration;

/// What is known of a persisted client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) node: NodeId,
    pub(super) home: Option<NodeId>,
    pub(super) is_static: bool,
    /// Nothing has been served there yet, so nothing is lost by going elsewhere.
    pub(super) loose: bool,
    /// This request has failed to reach it, and the hold is over.
    pub(super) unreachable: bool,
    /// At least how long the client has been silent; none while it has requests in flight.
    pub(super) silent: Option<Duration>,
    pub(super) age: Duration,
}

/// What becomes of it.
#[derive(Debug)]
pub(super) enum Verdict<'g> {
    Stay(&'g Arc<Backend>),
    /// To the home, or away from a backup.
    Return(&'g Arc<Backend>),
    /// Too old: placed anew, this node preferred.
    Anew(&'g Arc<Backend>),
    /// Its node cannot be used: another one takes over.
    Leave,
    Wait(Wait),
    Refuse(Refusal),
}

pub(super) fn judge<'g>(group: &'g Group, ask: &Ask<'_>, client: &Standing) -> Verdict<'g> {
    let Some(member) = group.member(client.node) else { return Verdict::Leave };
    let Some(backend) = member.backend(ask.pool) else { return Verdict::Leave };
    if member.node.admin() == AdminState::Maintenance {
        return Verdict::Leave;
    }
    match backend.fitness(ask.now) {
        Fitness::Up if !client.unreachable => at_a_gap(group, ask, client, backend),
        _ if client.loose => Verdict::Leave,
        Fitness::Unknown if !client.unreachable => Verdict::Wait(Wait {
            until: backend.live.unknown_until(ask.now),
            backend: Arc::clone(backend),
            try_connect: false,
            reason: WaitReason::FirstProbe,
        }),
        Fitness::Down if !client.unreachable => match hold(group, ask, backend) {
            Some(wait) => Verdict::Wait(wait),
            None => unavailable(group),
        },
        _ => unavailable(group),
    }
}

fn unavailable<'g>(group: &Group) -> Verdict<'g> {
    match group.settings.unavailable {
        Unavailable::Reject => Verdict::Refuse(Refusal::PersistedNodeDown),
        Unavailable::Redispatch => Verdict::Leave,
    }
}

fn hold(group: &Group, ask: &Ask<'_>, backend: &Arc<Backend>) -> Option<Wait> {
    let since = backend.live.failing_since().unwrap_or(backend.live.changed());
    let until = since.after(group.settings.hold);
    (ask.now < until).then(|| Wait {
        until,
        backend: Arc::clone(backend),
        try_connect: backend.live.down_cause() == Some(DownCause::Connect),
        reason: WaitReason::Hold,
    })
}

/// The node is usable. A client that has been silent for long enough may go home, must leave a backup, and
/// is placed anew when it is too old.
fn at_a_gap<'g>(
    group: &'g Group,
    ask: &Ask<'_>,
    client: &Standing,
    backend: &'g Arc<Backend>,
) -> Verdict<'g> {
    let settings = &group.settings;
    let gap = client.silent.is_some_and(|silent| silent >= settings.return_idle);
    if !gap || (client.is_static && client.home == Some(client.node)) {
        return Verdict::Stay(backend);
    }
    let on_backup = backend.node.backup;
    if client.is_static || on_backup || settings.after_recovery == AfterRecovery::Return {
        let home = client.home.filter(|home| *home != client.node);
        let home = home.filter(|home| client.is_static || group.primary(*home));
        let usable = home.and_then(|home| group.member(home)).filter(|home| home.takes_new(ask.now));
        let usable = usable.filter(|home| !ask.tried.contains(home.node.id));
        if let Some(home) = usable.and_then(|home| home.backend(ask.pool)) {
            return Verdict::Return(home);
        }
    }
    if on_backup && let Some(primary) = place_on_primary(group, ask) {
        return Verdict::Return(primary);
    }
    if !client.is_static && settings.max_age.is_some_and(|limit| client.age >= limit) {
        return Verdict::Anew(backend);
    }
    Verdict::Stay(backend)
}
