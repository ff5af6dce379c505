//! A client's place: the node that has what the client needs.

use super::sites::Place;
use super::world::Client;
use tokio::time::Instant;

/// Where a client is, for one memory: MIM Service with its tokens, or one of the sites.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) memory: Place,
    /// The node that answered last, as an index.
    pub(super) node: usize,
    /// When its last answer was asked for.
    pub(super) since: Instant,
    /// How many answers came.
    pub(super) answers: u32,
    pub(super) standing: Standing,
}

/// How the client fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Home,
    /// It had another node, which stopped.
    Moved,
    /// So many conversations broke.
    Broken(u32),
}

impl Seat {
    pub(super) fn new(memory: Place, node: usize, since: Instant) -> Self {
        Self { memory, node, since, answers: 1, standing: Standing::Home }
    }

    pub(super) fn answered(&mut self, node: usize, asked: Instant) {
        self.node = node;
        self.since = asked;
        self.answers += 1;
    }
}

impl Client {
    /// The node where it is for `memory`.
    pub(super) fn node(&self, memory: Place) -> Option<usize> {
        self.seats.iter().find(|seat| seat.memory == memory).map(|seat| seat.node)
    }

    /// A conversation with `memory` broke; whether it was the first one.
    pub(super) fn lose(&mut self, memory: Place) -> bool {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.memory == memory) else { return true };
        let before = if let Standing::Broken(before) = seat.standing { before } else { 0 };
        seat.standing = Standing::Broken(before + 1);
        before == 0
    }
}
