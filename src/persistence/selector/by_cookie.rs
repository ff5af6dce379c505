//! Browsers: the cookie's side of the selector.
//!
//! The cookie is the memory, so nothing here is bounded by a table and every edge decides alike. Two small
//! tables remember for seconds what the browser has not been told yet: where the first requests of an
//! address went, and where a cookie was moved to.

use super::super::cookie::Ticket;
use super::super::decision::{CookieMemory, Decision, Memory, Outcome};
use super::super::group::Group;
use super::super::stick_table::{Key, Pin, StickTable};
use super::judge::{Standing, Verdict, judge};
use super::placement::{Ask, Placement, place};
use super::{Found, Request, without_node};
use crate::id::NodeId;
use crate::pool::{AdminState, Backend, Fitness};
use std::sync::Arc;
use std::time::Duration;

/// Decides for the holder of `ticket`, or for a browser without a usable cookie.
pub(super) fn select(group: &Group, request: &Request, ticket: Option<Ticket>) -> Decision {
    let key = Key::address(request.client, 32, 128);
    let case = Case { group, request, key };
    match ticket.and_then(|ticket| Some((ticket, group.tagged(ticket.node)?))) {
        Some((ticket, node)) => case.holder(ticket, node),
        None => case.newcomer(),
    }
}

struct Case<'a> {
    group: &'a Group,
    request: &'a Request,
    key: Key,
}

/// How the next cookie differs from the one that came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    /// Another node, same session.
    Node,
    /// Its age starts anew.
    Age,
}

impl Case<'_> {
    fn ask(&self, prefer: Option<NodeId>) -> Ask<'_> {
        Ask {
            pool: self.request.pool,
            key: self.key.bytes(),
            pinned: false,
            tried: &self.request.tried,
            prefer,
            now: self.request.now.mono,
        }
    }

    fn holder(&self, ticket: Ticket, node: NodeId) -> Decision {
        let moves = &self.group.live.moves;
        let nonce = Key::nonce(ticket.nonce);
        let moved =
            if moves.is_empty() { None } else { moves.update(nonce, self.request.now.mono, |pin| pin.node) };
        if let Some(moved) = moved {
            return match self.usable(moved) {
                Some(backend) => self.found(&ticket, backend, Outcome::Persisted, true, Change::Node),
                None => self.leave(&ticket),
            };
        }
        let wall = self.request.now.wall.0;
        let seconds = |since: u64| Duration::from_secs(wall.saturating_sub(since));
        // The cookie is renewed only once in a tenth of the idle timeout: the silence is at least the rest.
        let silent = seconds(ticket.renewed.0).saturating_sub(self.group.settings.idle_timeout / 10);
        let standing = Standing {
            node,
            home: self.group.tagged(ticket.home),
            is_static: false,
            loose: false,
            unreachable: self.request.tried.contains(node),
            silent: Some(silent).filter(|silent| !silent.is_zero() && self.request.tried.is_empty()),
            age: seconds(ticket.issued.0),
        };
        match judge(self.group, &self.ask(None), &standing) {
            Verdict::Stay(backend) => self.found(&ticket, backend, Outcome::Persisted, true, Change::Nothing),
            Verdict::Return(backend) => {
                self.follow_or_move(&ticket, backend, Outcome::Returned, true, Change::Node)
            }
            Verdict::Anew(current) => self.decide_anew(&ticket, current),
            Verdict::Leave => self.leave(&ticket),
            Verdict::Wait(wait) => Decision::Wait(wait),
            Verdict::Refuse(refusal) => Decision::Refuse(refusal),
        }
    }

    /// To another node; if a return home failed, back to where the client came from.
    fn leave(&self, ticket: &Ticket) -> Decision {
        match place(self.group, &self.ask(self.group.tagged(ticket.node))) {
            Placement::On { backend, whole } => {
                self.follow_or_move(ticket, backend, Outcome::Redispatched, whole, Change::Node)
            }
            other => without_node(&other),
        }
    }

    fn decide_anew(&self, ticket: &Ticket, current: &Arc<Backend>) -> Decision {
        match place(self.group, &self.ask(Some(current.node.id))) {
            Placement::On { backend, .. } if backend.node.id == current.node.id => {
                self.found(ticket, backend, Outcome::Persisted, true, Change::Age)
            }
            Placement::On { backend, whole } => {
                self.follow_or_move(ticket, backend, Outcome::Fresh, whole, Change::Age)
            }
            _ => self.found(ticket, current, Outcome::Persisted, true, Change::Nothing),
        }
    }

    /// Moves the cookie to `backend`, unless a request with the same cookie has moved it elsewhere already.
    fn follow_or_move(
        &self,
        ticket: &Ticket,
        backend: &Arc<Backend>,
        outcome: Outcome,
        whole: bool,
        change: Change,
    ) -> Decision {
        let followed = self.remember(&self.group.live.moves, Key::nonce(ticket.nonce), backend);
        match followed {
            Some(other) => self.found(ticket, other, Outcome::Persisted, true, change),
            None => self.found(ticket, backend, outcome, whole, change),
        }
    }

    fn newcomer(&self) -> Decision {
        let remembered = !self.group.settings.first_requests.is_zero();
        let table = &self.group.live.first_requests;
        let memory = Memory::Cookie(CookieMemory { read: None, changed: true, anew: true });
        let found = |backend: &Arc<Backend>, whole| {
            let backend = Arc::clone(backend);
            let found = Found { backend, outcome: Outcome::Fresh, whole, memory, came_from: None };
            self.request.found(self.group, found)
        };
        if remembered
            && let Some(node) = table.update(self.key, self.request.now.mono, |pin| pin.node)
            && let Some(backend) = self.usable_by_new(node)
        {
            return found(backend, true);
        }
        match place(self.group, &self.ask(None)) {
            Placement::On { backend, whole } => {
                match remembered.then(|| self.remember(table, self.key, backend)).flatten() {
                    Some(other) => found(other, true),
                    None => found(backend, whole),
                }
            }
            other => without_node(&other),
        }
    }

    /// Enters `backend`'s node under `key`; if another usable one is there already, says which.
    fn remember<'s>(
        &'s self,
        table: &StickTable,
        key: Key,
        backend: &Arc<Backend>,
    ) -> Option<&'s Arc<Backend>> {
        let pin = Pin::settled(backend.node.id, None, self.request.now.mono);
        let entered = table.update_or_insert(key, self.request.now.mono, pin, |pin, there| {
            let other = there.then(|| self.usable_by_new(pin.node)).flatten();
            if other.is_none() {
                pin.node = backend.node.id;
            }
            other
        });
        // Without room it is only forgotten: the cookie that goes out remembers.
        entered.ok().flatten().filter(|other| other.node.id != backend.node.id)
    }

    fn usable(&self, node: NodeId) -> Option<&Arc<Backend>> {
        let member = self.group.member(node)?;
        let fit = member.node.admin() != AdminState::Maintenance && !self.request.tried.contains(node);
        member
            .backend(self.request.pool)
            .filter(|backend| fit && backend.fitness(self.request.now.mono) == Fitness::Up)
    }

    fn usable_by_new(&self, node: NodeId) -> Option<&Arc<Backend>> {
        self.usable(node).filter(|backend| backend.node.admin() == AdminState::Ready)
    }

    fn found(
        &self,
        ticket: &Ticket,
        backend: &Arc<Backend>,
        outcome: Outcome,
        whole: bool,
        change: Change,
    ) -> Decision {
        let memory = Memory::Cookie(CookieMemory {
            read: Some(*ticket),
            changed: change != Change::Nothing,
            anew: change == Change::Age,
        });
        let found = Found { backend: Arc::clone(backend), outcome, whole, memory, came_from: None };
        self.request.found(self.group, found)
    }
}
