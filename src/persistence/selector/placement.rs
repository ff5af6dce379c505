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

/// Which nodes are looked at together; an earlier tier with anybody in it ends the search.
const TIERS: [(bool, bool); 4] = [(true, false), (true, true), (false, false), (false, true)];

/// Ready nodes that are whole, primaries before backups; if there are none, those whose needed backend is up.
pub(super) fn place<'g>(group: &'g Group, ask: &Ask<'_>) -> Placement<'g> {
    for (whole, backup) in TIERS {
        if let Some(backend) = place_in(group, ask, whole, backup) {
            return Placement::On { backend, whole };
        }
    }
    let unknown = able(group, ask)
        .filter(|(_, backend)| backend.fitness(ask.now) == Fitness::Unknown)
        .map(|(_, backend)| (backend.live.unknown_until(ask.now), backend))
        .min_by_key(|(until, _)| *until);
    match unknown {
        Some((until, backend)) => Placement::Wait { backend, until },
        None => Placement::Nowhere,
    }
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
    let candidates = fit.map(|(member, _)| Candidate {
        node: &member.node,
        share: member.share(now),
        pins: live.pins.pins(member.node.id),
        requests: member.requests(),
    });
    let turn = || live.turn.fetch_add(1, Ordering::Relaxed);
    let chosen = match group.settings.first_choice {
        FirstChoice::LeastPins if ask.pinned => balance::least_pins(candidates, turn()),
        FirstChoice::LeastPins | FirstChoice::LeastRequests => balance::least_requests(candidates, turn()),
        FirstChoice::RoundRobin => live.robin.choose(candidates),
        FirstChoice::Hash => balance::hash(candidates, ask.key),
    }?;
    group.member(chosen.node.id)?.backend(ask.pool)
}
