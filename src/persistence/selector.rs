//! The selector: one immutable view of the configuration over state that outlives it.

mod by_address;
mod by_cookie;
mod failure;
mod judge;
mod memory;
mod placement;
mod recognise;
#[cfg(test)]
mod tests;

use super::client_class::{ClientClass, Why};
use super::cookie::{CookieCodec, CookieReading};
use super::decision::{Decision, Memory, Outcome, Refusal, Selection, Tried, Wait, WaitReason};
use super::group::{Group, GroupStats, SelectorLive};
use super::settings::GroupSettings;
use crate::client_addr::canonical;
use crate::clock::Now;
use crate::id::NodeId;
use crate::pool::{Backend, Node, Pool};
use placement::{Ask, Placement, place};
use recognise::recognise;
use std::net::IpAddr;
use std::sync::Arc;

pub use recognise::{KnownBy, Recognised};

/// What a request says about its client.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The client's address, in any spelling.
    pub client: IpAddr,
    /// What `classify` said.
    pub class: (ClientClass, Why),
    /// What the group's codec read; [`CookieReading::Absent`] where the group has no cookie.
    pub cookie: CookieReading,
}

/// Chooses a node for every request and remembers it. See the module's page.
///
/// Indices of pools and groups are those of the vectors it was made from: a request that began with one
/// selector ends with it, also when a reload has put another in its place.
#[derive(Debug)]
pub struct Selector {
    groups: Vec<Group>,
    /// For routes without a group, by pool.
    alone: Vec<Group>,
}

impl Selector {
    /// A selector over `nodes`, `pools` and `groups`; each group comes with the indices of its pools. What
    /// was remembered under the same group names in `live` stays remembered.
    #[must_use]
    pub fn new(
        nodes: Vec<Arc<Node>>,
        pools: Vec<Arc<Pool>>,
        groups: Vec<(GroupSettings, Vec<usize>)>,
        live: &SelectorLive,
    ) -> Self {
        let groups = groups.into_iter().map(|(settings, members)| {
            let live = live.group(&settings);
            let members: Vec<_> = members.iter().filter_map(|pool| pools.get(*pool)).collect();
            Group::new(settings, &members, &nodes, live)
        });
        Self { groups: groups.collect(), alone: pools.iter().map(Group::alone).collect() }
    }

    /// The codec of a group that uses cookies: reads them for [`Facts`] and strips them upstream.
    #[must_use]
    pub fn codec(&self, group: usize) -> Option<&CookieCodec> {
        self.groups.get(group)?.codec.as_ref()
    }

    /// Decides where a request to `pool` goes. `group` is the route's persistence group, if it has one.
    #[must_use]
    pub fn select(&self, pool: usize, group: Option<usize>, facts: &Facts, now: Now) -> Decision {
        let Some(found) = self.group(pool, group) else { return Decision::Refuse(Refusal::NoNode) };
        let (by, why) = recognise(found, facts);
        let request = Request {
            pool,
            group,
            client: canonical(facts.client),
            class: facts.class.0,
            why,
            tried: Tried::default(),
            came_from: None,
            now,
        };
        match (by, &facts.cookie) {
            (KnownBy::Nothing, _) => unpinned(found, &request),
            (KnownBy::Address, _) => by_address::select(found, &request, None),
            (KnownBy::Cookie, CookieReading::Valid(ticket)) => {
                by_cookie::select(found, &request, Some(*ticket))
            }
            (KnownBy::Cookie, _) => by_cookie::select(found, &request, None),
        }
    }

    /// Ends a request and renews its pin.
    pub fn finish(&self, mut selection: Selection, now: Now) {
        if let (Memory::Pin { key, .. }, Some(live)) = (selection.memory, &selection.live) {
            live.pins.finish(key, now.mono);
            selection.memory = Memory::None;
        }
    }

    /// Removes expired pins, looking at no more than about `budget` places in each table. Call it a few
    /// times a second.
    pub fn sweep(&self, now: Now, budget: usize) {
        for group in &self.groups {
            for table in [&group.live.pins, &group.live.first_requests, &group.live.moves] {
                table.sweep(now.mono, budget);
            }
        }
    }

    /// The groups, in the order they were given.
    pub fn groups(&self) -> impl Iterator<Item = GroupStats<'_>> {
        self.groups.iter().map(Group::stats)
    }

    pub(super) fn all_groups(&self) -> &[Group] {
        &self.groups
    }

    fn group(&self, pool: usize, group: Option<usize>) -> Option<&Group> {
        match group {
            Some(group) => self.groups.get(group),
            None => self.alone.get(pool),
        }
    }
}

/// One request, as the rules see it.
#[derive(Clone, Copy, Debug)]
struct Request {
    pool: usize,
    group: Option<usize>,
    client: IpAddr,
    class: ClientClass,
    why: Why,
    tried: Tried,
    /// The node the client was on before its last move; preferred when the move leads nowhere.
    came_from: Option<NodeId>,
    now: Now,
}

/// A node was found.
struct Found {
    backend: Arc<Backend>,
    outcome: Outcome,
    whole: bool,
    memory: Memory,
    came_from: Option<NodeId>,
}

impl Request {
    fn found(&self, group: &Group, found: Found) -> Decision {
        found.backend.live.request_began();
        let is_static =
            matches!(found.memory, Memory::Pin { .. }) && group.static_home(self.client).is_some();
        Decision::Use(Selection {
            backend: found.backend,
            outcome: found.outcome,
            why: if is_static { Why::Static } else { self.why },
            class: self.class,
            whole: found.whole,
            pool: self.pool,
            group: self.group,
            client: self.client,
            live: matches!(found.memory, Memory::Pin { .. }).then(|| Arc::clone(&group.live)),
            memory: found.memory,
            tried: self.tried,
            came_from: found.came_from,
            hold_until: None,
            failures: 0,
            served_elsewhere: false,
        })
    }
}

/// A request that nobody remembers.
fn unpinned(group: &Group, request: &Request) -> Decision {
    let key = super::stick_table::Key::address(request.client, 32, 128);
    let ask = Ask {
        pool: request.pool,
        key: key.bytes(),
        pinned: false,
        tried: &request.tried,
        prefer: None,
        now: request.now.mono,
    };
    match place(group, &ask) {
        Placement::On { backend, whole } => {
            let (backend, memory) = (Arc::clone(backend), Memory::None);
            let found = Found { backend, outcome: Outcome::Unpinned, whole, memory, came_from: None };
            request.found(group, found)
        }
        other => without_node(&other),
    }
}

fn without_node(placement: &Placement<'_>) -> Decision {
    match placement {
        Placement::Wait { backend, until } => Decision::Wait(Wait {
            until: *until,
            backend: Arc::clone(backend),
            try_connect: false,
            reason: WaitReason::FirstProbe,
        }),
        _ => Decision::Refuse(Refusal::NoNode),
    }
}
