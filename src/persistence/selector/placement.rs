//! Where a client goes that has no node yet, or loses the one it had.

use super::super::decision::Tried;
use super::super::group::{Group, Member};
use super::super::settings::FirstChoice;
use crate::clock::Millis;
use crate::id::NodeId;
use crate::pool::balance::{self, Candidate};
use crate::pool::{AdminState, Backend, Fitness};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a placement depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) pool: usize,
    /// What `hash` places by.
    pub(super) key: &'a [u8],
    /// Whether the client will be pinned by the table; where not, there are no pins to spread by.
    pub(super) pinned: bool,
    pub(super) tried: &'a Tried,
    /// Taken if it is as good as any other.
    pub(super) prefer: Option<NodeId>,
    pub(super) now: Millis,
}

/// Where a client goes.
#[derive(Debug)]
pub(super) enum Placement<'g> {
    On {
        backend: &'g Arc<Backend>,
        whole: bool,
    },
    /// No probe has answered yet.
    Wait {
        backend: &'g Arc<Backend>,
        until: Millis,
    },
    Nowhere,
}

/// Ready nodes that are whole, primaries before backups. If there are none, but one may turn out to be when
/// its first probe answers, that is waited for; only then come those whose needed backend is up.
pub(super) fn place<'g>(group: &'g Group, ask: &Ask<'_>) -> Placement<'g> {
    let in_turn = |whole| {
        let backend = place_in(group, ask, whole, false).or_else(|| place_in(group, ask, whole, true))?;
        Some(Placement::On { backend, whole })
    };
    in_turn(true)
        .or_else(|| wait(group, ask, |member| member.may_become_whole(ask.now)))
        .or_else(|| in_turn(false))
        .or_else(|| wait(group, ask, |member| member.awaits(ask.pool, ask.now)))
        .unwrap_or(Placement::Nowhere)
}

/// The backend whose first probe is waited for: of the nodes that are `worth` it, the one that is told first.
fn wait<'g>(group: &'g Group, ask: &Ask<'_>, worth: impl Fn(&Member) -> bool) -> Option<Placement<'g>> {
    able(group, ask)
        .filter(|(member, _)| worth(member))
        .flat_map(|(member, _)| member.unknown(ask.now))
        .map(|backend| (backend.live.unknown_until(ask.now), backend))
        .min_by_key(|(until, _)| *until)
        .map(|(until, backend)| Placement::Wait { backend, until })
}

/// A primary that is whole, for a client that is to leave a backup.
pub(super) fn place_on_primary<'g>(group: &'g Group, ask: &Ask<'_>) -> Option<&'g Arc<Backend>> {
    place_in(group, ask, true, false)
}

fn able<'g>(group: &'g Group, ask: &Ask<'_>) -> impl Iterator<Item = (&'g Member, &'g Arc<Backend>)> + Clone {
    let Ask { pool, tried, .. } = *ask;
    group
        .members
        .iter()
        .filter(move |member| member.node.admin() == AdminState::Ready && !tried.contains(member.node.id))
        .filter_map(move |member| Some((member, member.backend(pool)?)))
}

fn place_in<'g>(group: &'g Group, ask: &Ask<'_>, whole: bool, backup: bool) -> Option<&'g Arc<Backend>> {
    let now = ask.now;
    let fit = able(group, ask).filter(move |(member, backend)| {
        member.node.backup == backup
            && if whole { member.whole(now) } else { backend.fitness(now) == Fitness::Up }
    });
    if let Some(preferred) = ask.prefer
        && let Some((_, backend)) = fit.clone().find(|(member, _)| member.node.id == preferred)
    {
        return Some(backend);
    }
    let live = &group.live;
    // Who is full is left out, unless all are: then the one that is right otherwise has the shortest way to a place.
    let any_room = fit.clone().any(|(_, backend)| backend.live.has_room());
    let fit = fit.filter(move |(_, backend)| !any_room || backend.live.has_room());
    let candidates = fit.map(|(member, _)| Candidate {
        node: &member.node,
        share: member.share(now),
        pins: live.pins.pins(member.node.id),
        requests: member.requests(),
    });
    let turn = || live.turn.fetch_add(1, Ordering::Relaxed);
    let chosen = match group.settings.first_choice {
        FirstChoice::LeastPins if ask.pinned => balance::least_pins(candidates, turn()),
        FirstChoice::LeastPins | FirstChoice::LeastRequests => {
            balance::least_requests(candidates, turn(), &live.robin)
        }
        FirstChoice::RoundRobin => live.robin.choose(candidates),
        FirstChoice::Hash => balance::hash(candidates, ask.key),
    }?;
    group.member(chosen.node.id)?.backend(ask.pool)
}
