//! Clients known by their address: the stick table's side of the selector.

use super::super::decision::{Decision, Memory, Outcome, Refusal, Wait, WaitReason};
use super::super::group::Group;
use super::super::stick_table::{Key, Pin};
use super::judge::{Standing, Verdict, judge};
use super::placement::{Ask, Placement, place};
use super::{Found, Request};
use crate::id::NodeId;
use crate::pool::{AdminState, Backend};
use std::sync::Arc;
use std::time::Duration;

/// What was decided under the shard's lock.
enum Step {
    Use {
        backend: Arc<Backend>,
        outcome: Outcome,
        whole: bool,
        generation: u32,
        settled: bool,
        came_from: Option<NodeId>,
    },
    Wait(Wait),
    Refuse(Refusal),
}

/// Decides by the pin of the client's address. `failed`: the node this request has just failed to reach.
pub(super) fn select(group: &Group, request: &Request, failed: Option<NodeId>) -> Decision {
    let key = group.key(request.client);
    let home = group.static_home(request.client);
    let case = Case { group, request, key, home, failed };
    let step = match group.live.pins.update(key, request.now.mono, |pin| case.meet(pin)) {
        Some(step) => step,
        None => case.enter(),
    };
    match step {
        Step::Use { backend, outcome, whole, generation, settled, came_from } => {
            let memory = Memory::Pin { key, generation, settled };
            request.found(group, Found { backend, outcome, whole, memory, came_from })
        }
        Step::Wait(wait) => Decision::Wait(wait),
        Step::Refuse(refusal) => Decision::Refuse(refusal),
    }
}

struct Case<'a> {
    group: &'a Group,
    request: &'a Request,
    key: Key,
    home: Option<NodeId>,
    failed: Option<NodeId>,
}

impl Case<'_> {
    fn ask(&self, prefer: Option<NodeId>) -> Ask<'_> {
        Ask {
            pool: self.request.pool,
            key: self.key.bytes(),
            pinned: true,
            tried: &self.request.tried,
            prefer,
            now: self.request.now.mono,
        }
    }

    /// There is a pin. Runs under its shard's lock, so that of parallel requests one moves it and the
    /// others follow.
    fn meet(&self, pin: &mut Pin) -> Step {
        let now = self.request.now.mono;
        pin.is_static = self.home.is_some();
        if pin.is_static {
            pin.home = self.home;
        }
        let failed_here = self.failed == Some(pin.node);
        let loose = pin.unserved && !(pin.is_static && pin.home == Some(pin.node));
        if self.request.tried.contains(pin.node) && !failed_here && !loose {
            // Somebody moved the pin back to where this request has failed; it does not move it again.
            return Step::Refuse(Refusal::PersistedNodeDown);
        }
        let standing = Standing {
            node: pin.node,
            home: pin.home,
            is_static: pin.is_static,
            loose,
            unreachable: self.request.tried.contains(pin.node),
            silent: (pin.in_flight == 0 && !pin.provisional).then(|| pin.idle(now)),
            age: pin.age(now),
        };
        if pin.provisional && loose && pin.in_flight == 0 && !self.takes_new(pin.node) {
            return self.leave(pin);
        }
        match judge(self.group, &self.ask(None), &standing) {
            Verdict::Stay(backend) => {
                let outcome = if pin.provisional { Outcome::Fresh } else { Outcome::Persisted };
                self.begin(pin, backend, outcome, true)
            }
            Verdict::Return(backend) => self.move_and_begin(pin, backend, Outcome::Returned, true),
            Verdict::Anew(backend) => self.decide_anew(pin, backend),
            Verdict::Leave => self.leave(pin),
            Verdict::Wait(wait) => Step::Wait(wait),
            Verdict::Refuse(refusal) => Step::Refuse(refusal),
        }
    }

    fn leave(&self, pin: &mut Pin) -> Step {
        let new = pin.provisional && !pin.is_static;
        let outcome = if new { Outcome::Fresh } else { Outcome::Redispatched };
        match place(self.group, &self.ask(self.request.came_from)) {
            Placement::On { backend, whole } => self.move_and_begin(pin, backend, outcome, whole),
            other => without_node(&other),
        }
    }

    fn decide_anew(&self, pin: &mut Pin, current: &Arc<Backend>) -> Step {
        match place(self.group, &self.ask(Some(pin.node))) {
            Placement::On { backend, whole } => {
                pin.renew_age(self.request.now.mono);
                if backend.node.id == pin.node {
                    pin.home = Some(pin.node).filter(|node| self.group.primary(*node));
                    return self.begin(pin, backend, Outcome::Persisted, true);
                }
                pin.home = None;
                self.move_and_begin(pin, backend, Outcome::Fresh, whole)
            }
            _ => self.begin(pin, current, Outcome::Persisted, true),
        }
    }

    fn move_and_begin(&self, pin: &mut Pin, backend: &Arc<Backend>, outcome: Outcome, whole: bool) -> Step {
        let before = pin.node;
        if backend.node.id != before {
            pin.move_to(backend.node.id);
        }
        let step = self.begin(pin, backend, outcome, whole);
        match step {
            Step::Use { backend, outcome, whole, generation, settled, .. } => {
                Step::Use { backend, outcome, whole, generation, settled, came_from: Some(before) }
            }
            other => other,
        }
    }

    fn begin(&self, pin: &mut Pin, backend: &Arc<Backend>, outcome: Outcome, whole: bool) -> Step {
        pin.in_flight = pin.in_flight.saturating_add(1);
        pin.touch_at(self.request.now.mono);
        Step::Use {
            backend: Arc::clone(backend),
            outcome,
            whole,
            generation: pin.generation,
            settled: !pin.unserved && !pin.provisional && pin.home.is_some(),
            came_from: self.request.came_from,
        }
    }

    /// There is no pin. The node is chosen before room is made, so that a refused client evicts nobody.
    fn enter(&self) -> Step {
        match self.home {
            Some(home) if self.ready(home) => {
                let standing = Standing {
                    node: home,
                    home: Some(home),
                    is_static: true,
                    loose: false,
                    unreachable: self.request.tried.contains(home),
                    silent: None,
                    age: Duration::ZERO,
                };
                match judge(self.group, &self.ask(None), &standing) {
                    Verdict::Stay(backend) | Verdict::Return(backend) | Verdict::Anew(backend) => {
                        self.insert(backend, Outcome::Fresh, true)
                    }
                    Verdict::Leave => self.enter_anywhere(Outcome::Redispatched),
                    Verdict::Wait(wait) => Step::Wait(wait),
                    Verdict::Refuse(refusal) => Step::Refuse(refusal),
                }
            }
            _ => self.enter_anywhere(Outcome::Fresh),
        }
    }

    fn enter_anywhere(&self, outcome: Outcome) -> Step {
        match place(self.group, &self.ask(None)) {
            Placement::On { backend, whole } => self.insert(backend, outcome, whole),
            other => without_node(&other),
        }
    }

    fn insert(&self, backend: &Arc<Backend>, outcome: Outcome, whole: bool) -> Step {
        let now = self.request.now.mono;
        let mut pin = Pin::provisional(backend.node.id, now);
        pin.home = self.home;
        pin.is_static = self.home.is_some();
        let entered = self.group.live.pins.update_or_insert(self.key, now, pin, |pin, there| {
            if there { self.meet(pin) } else { self.begin(pin, backend, outcome, whole) }
        });
        entered.unwrap_or(Step::Refuse(Refusal::TableFull))
    }

    /// Whether the operator wants new clients there, and it is not full.
    fn takes_new(&self, node: NodeId) -> bool {
        let member = self.group.member(node);
        let backend = member.and_then(|member| member.backend(self.request.pool));
        self.ready(node) && backend.is_none_or(|backend| backend.live.has_room())
    }

    /// Whether the operator wants new clients there.
    fn ready(&self, node: NodeId) -> bool {
        self.group.member(node).is_some_and(|member| member.node.admin() == AdminState::Ready)
    }
}

fn without_node(placement: &Placement<'_>) -> Step {
    match placement {
        Placement::Wait { backend, until } => Step::Wait(Wait {
            until: *until,
            backend: Arc::clone(backend),
            try_connect: false,
            reason: WaitReason::FirstProbe,
        }),
        _ => Step::Refuse(Refusal::NoNode),
    }
}
