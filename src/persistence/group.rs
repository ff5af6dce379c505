//! A persistence group: its settings, its nodes, and what it remembers.

use super::cookie::CookieCodec;
use super::settings::{FirstChoice, GroupSettings, SourceIpSettings, WhenFull};
use super::stick_table::{Key, Limits, StickTable};
use crate::client_addr::IpPrefix;
use crate::clock::Millis;
use crate::id::{NodeId, NodeTag};
use crate::pool::balance::RoundRobin;
use crate::pool::{AdminState, Backend, Fitness, Node, Pool};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// What every group remembers, by its name; outlives a reload. One for the life of the process.
#[derive(Debug, Default)]
pub struct SelectorLive {
    groups: Mutex<HashMap<String, Arc<GroupLive>, foldhash::fast::RandomState>>,
}

impl SelectorLive {
    /// What the group of this name remembers, held to the limits of `settings` from now on. A larger
    /// capacity keeps the number of shards the table was made with.
    pub(super) fn group(&self, settings: &GroupSettings) -> Arc<GroupLive> {
        let mut groups = self.groups.lock();
        if let Some(live) = groups.get(&settings.name) {
            live.configure(settings);
            return Arc::clone(live);
        }
        let live = Arc::new(GroupLive::new(settings));
        groups.insert(settings.name.clone(), Arc::clone(&live));
        live
    }
}

/// How long the decision about a cookie is remembered for requests that came with the same one.
const MOVE_REMEMBERED: Duration = Duration::from_secs(10);
/// The most addresses and moved cookies that are remembered for a moment; memory grows with use.
const SHORT_TERM_CAPACITY: usize = 65_536;

/// What a group remembers.
#[derive(Debug)]
pub(super) struct GroupLive {
    /// Clients known by their address.
    pub(super) pins: StickTable,
    /// Browsers without a cookie yet, by address: never renewed, so gone a fixed time after they were made.
    pub(super) first_requests: StickTable,
    /// Where cookies were moved to, by their nonce.
    pub(super) moves: StickTable,
    pub(super) turn: AtomicUsize,
    pub(super) robin: RoundRobin,
}

impl GroupLive {
    fn new(settings: &GroupSettings) -> Self {
        let [pins, first_requests, moves] = limits(settings);
        Self {
            pins: StickTable::new(pins),
            first_requests: StickTable::new(first_requests),
            moves: StickTable::new(moves),
            turn: AtomicUsize::new(0),
            robin: RoundRobin::default(),
        }
    }

    fn configure(&self, settings: &GroupSettings) {
        let [pins, first_requests, moves] = limits(settings);
        self.pins.set_limits(pins);
        self.first_requests.set_limits(first_requests);
        self.moves.set_limits(moves);
    }
}

fn limits(settings: &GroupSettings) -> [Limits; 3] {
    let short = |idle_timeout| Limits { capacity: SHORT_TERM_CAPACITY, evict: true, idle_timeout };
    let pins = Limits {
        capacity: settings.source_ip.capacity,
        evict: settings.source_ip.when_full == WhenFull::EvictOldest,
        idle_timeout: settings.idle_timeout,
    };
    [pins, short(settings.first_requests), short(MOVE_REMEMBERED)]
}

/// A group, as configured.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) settings: GroupSettings,
    pub(super) name: Arc<str>,
    pub(super) live: Arc<GroupLive>,
    pub(super) codec: Option<CookieCodec>,
    pub(super) members: Vec<Member>,
    by_node: Vec<u16>,
    by_tag: Vec<(NodeTag, NodeId)>,
    /// Longest prefix first.
    homes: Vec<(IpPrefix, NodeId)>,
}

/// A node of a group with its backends in the group's pools.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) node: Arc<Node>,
    pub(super) backends: Vec<Arc<Backend>>,
    /// Whether it has a backend in every pool of the group.
    everywhere: bool,
}

impl Member {
    /// Its backend in the pool a request goes to.
    pub(super) fn backend(&self, pool: usize) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|backend| backend.pool == pool)
    }

    /// Whether its backends in all of the group's pools are up.
    pub(super) fn whole(&self, now: Millis) -> bool {
        self.everywhere && self.backends.iter().all(|backend| backend.fitness(now) == Fitness::Up)
    }

    /// Its backends of which nothing is known yet.
    pub(super) fn unknown(&self, now: Millis) -> impl Iterator<Item = &Arc<Backend>> {
        self.backends.iter().filter(move |backend| backend.fitness(now) == Fitness::Unknown)
    }

    /// Whether it is not whole only because probes have not answered yet.
    pub(super) fn may_become_whole(&self, now: Millis) -> bool {
        self.everywhere && self.backends.iter().all(|backend| backend.fitness(now) != Fitness::Down)
    }

    /// Whether nothing is known yet of its backend in `pool`.
    pub(super) fn awaits(&self, pool: usize, now: Millis) -> bool {
        self.backend(pool).is_some_and(|backend| backend.fitness(now) == Fitness::Unknown)
    }

    /// Whether it takes new clients, and is whole.
    pub(super) fn takes_new(&self, now: Millis) -> bool {
        self.node.admin() == AdminState::Ready && self.whole(now)
    }

    pub(super) fn requests(&self) -> u64 {
        self.backends.iter().map(|backend| u64::from(backend.live.in_flight())).sum()
    }

    pub(super) fn share(&self, now: Millis) -> u32 {
        self.backends.iter().map(|backend| backend.slow_start_share(now)).min().unwrap_or(1000)
    }
}

const NONE: u16 = u16::MAX;

impl Group {
    pub(super) fn new(
        settings: GroupSettings,
        pools: &[&Arc<Pool>],
        nodes: &[Arc<Node>],
        live: Arc<GroupLive>,
    ) -> Self {
        let mut members: Vec<Member> = Vec::new();
        for backend in pools.iter().flat_map(|pool| &pool.backends) {
            match members.iter_mut().find(|member| member.node.id == backend.node.id) {
                Some(member) => member.backends.push(Arc::clone(backend)),
                None => members.push(Member {
                    node: Arc::clone(&backend.node),
                    backends: vec![Arc::clone(backend)],
                    everywhere: false,
                }),
            }
        }
        for member in &mut members {
            member.everywhere = pools.iter().all(|pool| pool.backend(member.node.id).is_some());
        }
        let most = members.iter().map(|member| usize::from(member.node.id.0) + 1).max().unwrap_or(0);
        let mut by_node = vec![NONE; most];
        for (place, member) in members.iter().enumerate() {
            by_node[usize::from(member.node.id.0)] = u16::try_from(place).unwrap_or(NONE);
        }
        let mut by_tag: Vec<_> = members.iter().map(|member| (member.node.tag, member.node.id)).collect();
        by_tag.sort_unstable();
        let mut homes: Vec<_> = settings
            .static_pins
            .iter()
            .filter_map(|(prefix, name)| {
                let node = nodes.iter().find(|node| node.name == *name)?;
                Some((*prefix, node.id))
            })
            .collect();
        homes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.length()));
        let codec = settings
            .cookie
            .as_ref()
            .map(|cookie| CookieCodec::new(&settings.name, cookie, Arc::clone(&cookie.keys)));
        let name = settings.name.as_str().into();
        Self { settings, name, live, codec, members, by_node, by_tag, homes }
    }

    /// What stands for a group where a route has none: every request of `pool` is placed anew.
    pub(super) fn alone(pool: &Arc<Pool>) -> Self {
        let settings = GroupSettings {
            source_ip: SourceIpSettings { capacity: 1, ..SourceIpSettings::default() },
            first_choice: FirstChoice::LeastRequests,
            hold: Duration::ZERO,
            ..GroupSettings::unpinned(pool.name.as_str())
        };
        let live = Arc::new(GroupLive::new(&settings));
        Self::new(settings, &[pool], &[], live)
    }

    pub(super) fn member(&self, node: NodeId) -> Option<&Member> {
        let place = *self.by_node.get(usize::from(node.0))?;
        self.members.get(usize::from(place))
    }

    /// The node a cookie names.
    pub(super) fn tagged(&self, tag: NodeTag) -> Option<NodeId> {
        let place = self.by_tag.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        self.by_tag.get(place).map(|(_, node)| *node)
    }

    /// The configured home of a client, by the longest prefix; none if that node is not in the group.
    pub(super) fn static_home(&self, client: IpAddr) -> Option<NodeId> {
        let (_, node) = self.homes.iter().find(|(prefix, _)| prefix.contains(client))?;
        self.member(*node).map(|member| member.node.id)
    }

    pub(super) fn key(&self, client: IpAddr) -> Key {
        Key::address(client, self.settings.source_ip.ipv4_prefix, self.settings.source_ip.ipv6_prefix)
    }

    /// Whether `node` may be a home: a member, and no backup.
    pub(super) fn primary(&self, node: NodeId) -> bool {
        self.member(node).is_some_and(|member| !member.node.backup)
    }

    pub(super) fn stats(&self) -> GroupStats<'_> {
        GroupStats { group: self }
    }
}

/// Figures of one group.
#[derive(Clone, Copy, Debug)]
pub struct GroupStats<'a> {
    group: &'a Group,
}

impl<'a> GroupStats<'a> {
    /// The group's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.group.settings.name
    }

    /// How many nodes it has.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.group.members.len()
    }

    /// How many of them take new clients: the operator says `ready`, and their backends in all of the group's
    /// pools are up.
    #[must_use]
    pub fn whole_nodes(&self, now: Millis) -> usize {
        self.group.members.iter().filter(|member| member.takes_new(now)).count()
    }

    /// The share of new clients that each node should get by its weight, among those that take any now; backups
    /// have one only while no other node does. Slow start is not taken into account.
    pub fn shares(&self, now: Millis) -> impl Iterator<Item = (&'a Node, f64)> + use<'a> {
        let members = &self.group.members;
        let takes = move |member: &Member, backup| member.node.backup == backup && member.takes_new(now);
        let backup = !members.iter().any(|member| takes(member, false));
        let weight = move |member: &Member| f64::from(u16::from(takes(member, backup)) * member.node.weight);
        let whole: f64 = members.iter().map(weight).sum();
        members
            .iter()
            .map(move |member| (&*member.node, if whole > 0.0 { weight(member) / whole } else { 0.0 }))
    }

    /// The pools that its routes lead to, by index.
    pub fn pools(&self) -> impl Iterator<Item = usize> + use<'a> {
        let mut pools: Vec<usize> = self
            .group
            .members
            .iter()
            .flat_map(|member| &member.backends)
            .map(|backend| backend.pool)
            .collect();
        pools.sort_unstable();
        pools.dedup();
        pools.into_iter()
    }

    /// Whether probes that have not answered yet may still show that one more is.
    #[must_use]
    pub fn may_gain(&self, now: Millis) -> bool {
        let ready = |member: &&Member| member.node.admin() == AdminState::Ready;
        let open = |member: &Member| member.may_become_whole(now) && !member.whole(now);
        self.group.members.iter().filter(ready).any(open)
    }

    /// Every node of the group with the pins that lead to it, provisional ones among them.
    pub fn pins(&self) -> impl Iterator<Item = (&'a Node, u64)> + use<'a> {
        let group = self.group;
        group.members.iter().map(|member| (&*member.node, group.live.pins.pins(member.node.id)))
    }

    /// The stick table: size, capacity, evictions, refusals, expirations, memory, and its pins for those who
    /// show, save or remove them.
    #[must_use]
    pub fn table(&self) -> &'a StickTable {
        &self.group.live.pins
    }
}
