//! What becomes of a request, told without serving it.
//!
//! The head goes through the engine's parser, admission and the selector as every head does. Rules that are told
//! by a copy of themselves were rejected: the copy would be asked on the day when the two differ.

use super::context::RequestContext;
use super::{Edge, Shared, admit};
use crate::engine::edits::Edits;
use crate::engine::handler::{Connection, Step};
use crate::engine::head::{FieldStorage, parse_request};
use crate::persistence::{Decision, Facts};
use std::sync::Arc;

/// What the edge does with a request.
#[derive(Debug)]
pub enum Explained {
    /// It answers itself.
    Answered {
        /// With this status.
        status: u16,
        /// Why, in the word that logs have.
        reason: &'static str,
    },
    /// It looks for a node.
    Routed(Box<Routed>),
}

/// A request on its way to a node.
#[derive(Debug)]
pub struct Routed {
    /// The route's index in the snapshot.
    pub route: usize,
    /// That of its pool.
    pub pool: usize,
    /// What the choice depends on.
    pub facts: Facts,
    /// What the selector says, if nothing is remembered.
    pub decision: Decision,
}

/// Says what becomes of a request with this `head` (a whole one, with its empty line) that comes to a listener over
/// `connection`.
#[must_use]
pub fn explain(shared: &Arc<Shared>, listener: usize, connection: &Connection, head: &[u8]) -> Explained {
    let mut storage = FieldStorage::new();
    let request = match parse_request(head, &mut storage) {
        Ok(request) => request,
        Err(refusal) => {
            return Explained::Answered { status: refusal.status(), reason: refusal.reason() };
        }
    };
    let edge = Edge { listener, worker: 0, shared: Arc::clone(shared) };
    let mut added = Vec::new();
    let mut context = RequestContext::new(&edge, connection);
    let step = admit::admit(&edge, &mut context, connection, &request, &mut Edits::new(&mut added));
    if let Step::Answer(answer) = step {
        return Explained::Answered { status: answer.status, reason: answer.reason };
    }
    let (Some(index), Some(route)) = (context.route, context.route()) else {
        return Explained::Answered { status: 404, reason: "no_route" };
    };
    let Some(pool) = route.pool() else {
        return Explained::Answered { status: 404, reason: "no_route" };
    };
    let facts = context.facts();
    let group = route.group.as_ref().map(|group| group.index);
    let decision = context.snapshot.selector.select(pool, group, &facts, shared.clock.now());
    Explained::Routed(Box::new(Routed { route: index, pool, facts, decision }))
}
