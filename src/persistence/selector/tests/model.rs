//! Generated histories of a small farm against the rules, written down a second time and plainly.

use super::farm::*;
use crate::id::NodeId;
use crate::persistence::decision::{AfterFailure, Decision, Outcome, Refusal, Selection};
use crate::persistence::settings::{AfterRecovery, By, GroupSettings, Unavailable};
use crate::persistence::stick_table::Pin;
use crate::pool::{AdminState, Health};
use proptest::prelude::*;
use std::time::Duration;

const CLIENTS: u8 = 4;
/// Client 3 has this static home.
const STATIC: (u8, &str) = (3, "b");
const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug)]
enum Op {
    Begin(u8, usize),
    Commit(usize),
    Finish(usize),
    Abort(usize),
    Fail(usize),
    Down(usize, usize),
    Up(usize, usize),
    Admin(usize, u8),
    Pass(u64),
    Sweep,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (0..CLIENTS, 0_usize..2).prop_map(|(client, pool)| Op::Begin(client, pool)),
        6 => any::<usize>().prop_map(Op::Commit),
        6 => any::<usize>().prop_map(Op::Finish),
        2 => any::<usize>().prop_map(Op::Abort),
        3 => any::<usize>().prop_map(Op::Fail),
        3 => (0_usize..2, 0_usize..3).prop_map(|(pool, node)| Op::Down(pool, node)),
        5 => (0_usize..2, 0_usize..3).prop_map(|(pool, node)| Op::Up(pool, node)),
        2 => (0_usize..3, 0_u8..5).prop_map(|(node, state)| Op::Admin(node, state)),
        6 => prop_oneof![
            Just(100), Just(1_000), Just(2_000), Just(150_000), Just(300_000), Just(3_600_000)
        ].prop_map(Op::Pass),
        1 => Just(Op::Sweep),
    ]
}

/// What the rules allow for a request.
#[derive(Debug, PartialEq)]
enum Allowed {
    Stay,
    /// To one of these.
    Move(Vec<NodeId>, Outcome),
    Wait,
    Refuse(Refusal),
}

struct Held {
    client: u8,
    pool: usize,
    selection: Selection,
    /// The hold that its first failure was given.
    until: Option<u64>,
}

struct World {
    farm: Farm,
    held: Vec<Held>,
}

impl World {
    fn ready(&self, node: &str) -> bool {
        self.farm.node(node).admin() == AdminState::Ready
    }

    fn is_up(&self, pool: usize, node: &str) -> bool {
        self.farm.backend(pool, node).live.health() == Health::Up
    }

    fn whole(&self, node: &str) -> bool {
        self.ready(node) && self.is_up(0, node) && self.is_up(1, node)
    }

    fn ids(&self, wanted: impl Fn(&str) -> bool) -> Vec<NodeId> {
        NAMES.iter().filter(|name| wanted(name)).map(|name| self.farm.node(name).id).collect()
    }

    /// Where a client may be placed, tier by tier; `tried` nodes are out.
    fn places(&self, pool: usize, tried: &[NodeId]) -> Vec<NodeId> {
        let tiers: [&dyn Fn(&str) -> bool; 4] = [
            &|name| self.whole(name) && !self.farm.node(name).backup,
            &|name| self.whole(name),
            &|name| self.ready(name) && self.is_up(pool, name) && !self.farm.node(name).backup,
            &|name| self.ready(name) && self.is_up(pool, name),
        ];
        let places = tiers.iter().map(|tier| {
            let mut ids = self.ids(tier);
            ids.retain(|id| !tried.contains(id));
            ids
        });
        places.into_iter().find(|ids| !ids.is_empty()).unwrap_or_default()
    }

    fn placed(&self, pool: usize, tried: &[NodeId], outcome: Outcome) -> Allowed {
        match self.places(pool, tried) {
            ids if ids.is_empty() => Allowed::Refuse(Refusal::NoNode),
            ids => Allowed::Move(ids, outcome),
        }
    }

    fn unavailable(&self, pool: usize, tried: &[NodeId]) -> Allowed {
        match self.farm.settings.unavailable {
            Unavailable::Reject => Allowed::Refuse(Refusal::PersistedNodeDown),
            Unavailable::Redispatch => self.placed(pool, tried, Outcome::Redispatched),
        }
    }

    fn held_for(&self, pool: usize, node: &str) -> bool {
        let failing = self.farm.backend(pool, node).live.failing_since().unwrap();
        self.farm.now.mono.0 < failing.0 + HOLD
    }

    fn allowed(&self, client: u8, pool: usize, pin: Option<Pin>) -> Allowed {
        let home = (client == STATIC.0).then(|| self.farm.node(STATIC.1));
        let Some(pin) = pin else {
            let Some(home) = home.filter(|home| home.admin() == AdminState::Ready) else {
                return self.placed(pool, &[], Outcome::Fresh);
            };
            return match self.is_up(pool, &home.name) {
                true => Allowed::Move(vec![home.id], Outcome::Fresh),
                false if self.held_for(pool, &home.name) => Allowed::Wait,
                false => self.unavailable(pool, &[]),
            };
        };
        let node = &self.farm.nodes[usize::from(pin.node.0)];
        let at_home = home.is_some_and(|home| home.id == pin.node);
        let new = pin.provisional && home.is_none();
        let moves = if new { Outcome::Fresh } else { Outcome::Redispatched };
        let loose = pin.unserved && !at_home;
        let unused = pin.provisional && pin.in_flight == 0;
        if node.admin() == AdminState::Maintenance || (loose && unused && node.admin() == AdminState::Drain) {
            return self.placed(pool, &[], moves);
        }
        if !self.is_up(pool, &node.name) {
            return match loose {
                true => self.placed(pool, &[], moves),
                false if self.held_for(pool, &node.name) => Allowed::Wait,
                false => self.unavailable(pool, &[]),
            };
        }
        let gap = pin.in_flight == 0 && pin.idle(self.farm.now.mono) >= self.farm.settings.return_idle;
        if !gap || pin.provisional || at_home {
            return Allowed::Stay;
        }
        let home = home.map(|home| home.id).or(pin.home).filter(|home| *home != pin.node);
        let home = home.filter(|home| self.whole(&self.farm.nodes[usize::from(home.0)].name));
        let wants =
            pin.is_static || node.backup || self.farm.settings.after_recovery == AfterRecovery::Return;
        if let Some(home) = home.filter(|_| wants) {
            return Allowed::Move(vec![home], Outcome::Returned);
        }
        if node.backup {
            let primaries = self.ids(|name| self.whole(name) && !self.farm.node(name).backup);
            if !primaries.is_empty() {
                return Allowed::Move(primaries, Outcome::Returned);
            }
        }
        let old = self.farm.settings.max_age.is_some_and(|age| pin.age(self.farm.now.mono) >= age);
        let places = self.places(pool, &[]);
        if old && client != STATIC.0 && !places.is_empty() && !places.contains(&pin.node) {
            return Allowed::Move(places, Outcome::Fresh);
        }
        Allowed::Stay
    }

    fn begin(&mut self, client: u8, pool: usize) {
        let pin = self.farm.pin(client);
        let allowed = self.allowed(client, pool, pin);
        let decision = self.farm.select(pool, client);
        self.check(client, pin, &allowed, &decision);
        if let Decision::Use(selection) = decision {
            self.held.push(Held { client, pool, selection, until: None });
        }
    }

    fn check(&self, client: u8, before: Option<Pin>, allowed: &Allowed, decision: &Decision) {
        let after = self.farm.pin(client);
        match (allowed, decision) {
            (Allowed::Stay, Decision::Use(selection)) => {
                let before = before.unwrap();
                assert_eq!(selection.backend().node.id, before.node);
                assert_eq!(after.unwrap().generation, before.generation);
                let outcome = if before.provisional { Outcome::Fresh } else { Outcome::Persisted };
                assert_eq!(selection.outcome(), outcome);
            }
            (Allowed::Move(nodes, outcome), Decision::Use(selection)) => {
                let node = selection.backend().node.id;
                assert!(nodes.contains(&node), "{node:?} is not among {nodes:?}");
                assert_eq!(selection.outcome(), *outcome);
                assert_eq!(after.unwrap().node, node);
                let moved = before.map_or(0, |before| before.generation + u32::from(before.node != node));
                assert_eq!(after.unwrap().generation, moved, "one move for one failure");
            }
            (Allowed::Wait, Decision::Wait(_)) => assert_eq!(after, before),
            (Allowed::Refuse(expected), Decision::Refuse(refusal)) => assert_eq!(refusal, expected),
            _ => panic!("{before:?}: {allowed:?} was expected, not {decision:?}"),
        }
    }

    fn fail(&mut self, place: usize) {
        let Held { client, pool, mut selection, until: given } = self.held.swap_remove(place);
        let now = self.farm.now;
        let before = self.farm.pin(client).unwrap();
        let node = selection.backend().node.id;
        let at_home = client == STATIC.0 && self.farm.node(STATIC.1).id == node;
        let followed = before.node == node;
        let known = followed && (!before.unserved || at_home);
        match self.farm.selector.after_connect_failure(&mut selection, now) {
            AfterFailure::RetrySame { at, until } => {
                assert!(known && at > now.mono && at < until);
                assert!(given.is_none_or(|given| given == until.0), "a hold is never prolonged");
                self.held.push(Held { client, pool, selection, until: Some(until.0) });
                return;
            }
            AfterFailure::Reselect if known => {
                let since = selection.backend().live.failing_since().unwrap();
                let until = given.unwrap_or(since.0 + HOLD);
                assert!(now.mono.0 + 100 >= until, "the hold is not over");
            }
            AfterFailure::Reselect => {}
        }
        let decision = self.farm.selector.select_again(selection, now);
        let after = self.farm.pin(client);
        if let Decision::Use(selection) = decision {
            assert_ne!(selection.backend().node.id, node, "a node is not proposed twice to one request");
            // Somebody moved the pin already: this request follows, if the pin leads to a node that knows
            // the client or can be reached.
            let there = &self.farm.nodes[usize::from(before.node.0)];
            let usable = self.is_up(pool, &there.name) && there.admin() != AdminState::Maintenance;
            if !followed && usable && !before.unserved {
                assert_eq!(after.unwrap().generation, before.generation);
            }
            assert!(after.unwrap().generation - before.generation <= 1);
            self.held.push(Held { client, pool, selection, until: None });
        }
    }

    fn step(&mut self, op: Op) {
        let place = |number: usize, held: &[Held]| (!held.is_empty()).then(|| number % held.len());
        match op {
            Op::Begin(client, pool) => self.begin(client, pool),
            Op::Commit(number) => {
                let Some(place) = place(number, &self.held) else { return };
                let held = &mut self.held[place];
                let (served, before) =
                    (held.selection.backend().node.id, self.farm.pin(held.client).unwrap());
                let _ = self.farm.selector.commit(&mut held.selection, served, self.farm.now);
                let after = self.farm.pin(held.client).unwrap();
                assert_eq!((after.node, after.generation), (before.node, before.generation));
                assert_eq!(before.home.is_some(), before.home.is_some() && after.home == before.home);
            }
            Op::Finish(number) => {
                let Some(place) = place(number, &self.held) else { return };
                let held = self.held.swap_remove(place);
                self.farm.selector.finish(held.selection, self.farm.now);
            }
            Op::Abort(number) => {
                let Some(place) = place(number, &self.held) else { return };
                drop(self.held.swap_remove(place));
            }
            Op::Fail(number) => {
                if let Some(place) = place(number, &self.held) {
                    self.fail(place);
                }
            }
            Op::Down(pool, node) => self.farm.down(pool, NAMES[node]),
            Op::Up(pool, node) => self.farm.up(pool, NAMES[node]),
            Op::Admin(node, state) => {
                let state = match state {
                    0 => AdminState::Drain,
                    1 => AdminState::Maintenance,
                    _ => AdminState::Ready,
                };
                self.farm.admin(NAMES[node], state);
            }
            Op::Pass(millis) => self.farm.pass(millis),
            Op::Sweep => self.farm.selector.sweep(self.farm.now, 10_000),
        }
        self.check_counts();
    }

    fn check_counts(&self) {
        for client in 0..CLIENTS {
            let held = self.held.iter().filter(|held| held.client == client).count();
            let counted = self.farm.pin(client).map_or(0, |pin| pin.in_flight);
            assert_eq!(counted, u32::try_from(held).unwrap(), "client {client}");
        }
        for (pool, name) in [0, 1].into_iter().flat_map(|pool| NAMES.map(|name| (pool, name))) {
            let of = |held: &&Held| held.pool == pool && held.selection.backend().node.name == name;
            let held = self.held.iter().filter(of).count();
            assert_eq!(self.farm.backend(pool, name).live.in_flight(), u32::try_from(held).unwrap());
        }
        let pins: u64 = self.farm.selector.groups().next().unwrap().pins().map(|(_, pins)| pins).sum();
        assert_eq!(pins, self.farm.table().len() as u64);
    }
}

fn run(ops: &[Op], settings: GroupSettings, names: &str) {
    let mut world = World { farm: Farm::new(names, settings), held: Vec::new() };
    for op in ops {
        world.step(*op);
    }
    world.held.clear();
    world.check_counts();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn every_decision_is_one_the_rules_allow(
        ops in prop::collection::vec(op(), 1..200),
        reject in any::<bool>(),
        returns in any::<bool>(),
        ages in any::<bool>(),
        backup in any::<bool>(),
    ) {
        let settings = GroupSettings {
            unavailable: if reject { Unavailable::Reject } else { Unavailable::Redispatch },
            after_recovery: if returns { AfterRecovery::Return } else { AfterRecovery::Stay },
            max_age: ages.then_some(Duration::from_secs(900)),
            static_pins: vec![(prefix("10.0.0.3/32"), STATIC.1.into())],
            ..settings(By::SourceIp)
        };
        run(&ops, settings, if backup { "a b [c]" } else { "a b c" });
    }
}
