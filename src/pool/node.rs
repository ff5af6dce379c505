//! A machine, as persistence knows it.

use super::AdminState;
use crate::id::{NodeId, NodeTag};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a node keeps over a reload: the operator's will.
#[derive(Debug)]
pub struct NodeLive {
    admin: AtomicU8,
}

impl NodeLive {
    /// Live state that starts as `state`.
    #[must_use]
    pub fn new(state: AdminState) -> Self {
        Self { admin: AtomicU8::new(state as u8) }
    }

    /// The operator's will.
    #[must_use]
    pub fn admin(&self) -> AdminState {
        match self.admin.load(Ordering::Relaxed) {
            0 => AdminState::Ready,
            1 => AdminState::Drain,
            _ => AdminState::Maintenance,
        }
    }

    /// Sets the operator's will; says what it was.
    pub fn set_admin(&self, state: AdminState) -> AdminState {
        match self.admin.swap(state as u8, Ordering::Relaxed) {
            0 => AdminState::Ready,
            1 => AdminState::Drain,
            _ => AdminState::Maintenance,
        }
    }
}

/// A named machine. Persistence keeps a client on a node, whatever the port.
#[derive(Debug)]
pub struct Node {
    /// Its identity in this process.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its name as cookies carry it.
    pub tag: NodeTag,
    /// Its share of new clients, 1 to 256.
    pub weight: u16,
    /// Whether it takes clients only while no other node can.
    pub backup: bool,
    /// What survives a reload, by name.
    pub live: Arc<NodeLive>,
}

impl Node {
    /// A node; `weight` is brought into 1 to 256.
    #[must_use]
    pub fn new(id: NodeId, name: &str, weight: u16, backup: bool, live: Arc<NodeLive>) -> Self {
        Self { id, name: name.to_owned(), tag: NodeTag::of(name), weight: weight.clamp(1, 256), backup, live }
    }

    /// The operator's will for it.
    #[must_use]
    pub fn admin(&self) -> AdminState {
        self.live.admin()
    }
}
