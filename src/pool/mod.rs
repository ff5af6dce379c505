//! Nodes, backends, and how a new client is given to one of them.
//!
//! A [`Node`] is a named machine, a [`Backend`] that machine at one pool's port, a [`Pool`] the backends that
//! serve one purpose. What is configured is immutable and made anew by a reload; what is observed or willed
//! ([`NodeLive`], [`BackendLive`]) is shared between old and new by name. No I/O: probes and requests report
//! what they saw, and time is an argument.

mod backend;
pub mod balance;
pub mod ejection;
mod node;

pub use backend::{Backend, BackendLive, DownCause, Fitness, Health};
pub use node::{Node, NodeLive};

use crate::id::NodeId;
use std::sync::Arc;

/// The operator's will for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminState {
    /// In service.
    Ready,
    /// Keeps its clients, takes no new ones.
    Drain,
    /// Out of service; its clients move now.
    Maintenance,
}

impl AdminState {
    /// Every state with the word for it, in configurations and metrics.
    pub const WORDS: [(&'static str, Self); 3] =
        [("ready", Self::Ready), ("drain", Self::Drain), ("maintenance", Self::Maintenance)];
}

/// The backends that serve one purpose.
#[derive(Debug)]
pub struct Pool {
    /// Its place among the pools.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its backends, at most one for each node.
    pub backends: Vec<Arc<Backend>>,
    by_node: Vec<u16>,
}

const NONE: u16 = u16::MAX;

impl Pool {
    /// A pool; of two backends of one node the first is found.
    #[must_use]
    pub fn new(index: usize, name: &str, backends: Vec<Arc<Backend>>) -> Self {
        let most = backends.iter().map(|backend| usize::from(backend.node.id.0) + 1).max().unwrap_or(0);
        let mut by_node = vec![NONE; most];
        for (place, backend) in backends.iter().enumerate().rev() {
            if let (Some(entry), Ok(place)) =
                (by_node.get_mut(usize::from(backend.node.id.0)), u16::try_from(place))
            {
                *entry = place;
            }
        }
        Self { index, name: name.to_owned(), backends, by_node }
    }

    /// The backend of `node` in this pool.
    #[must_use]
    pub fn backend(&self, node: NodeId) -> Option<&Arc<Backend>> {
        let place = *self.by_node.get(usize::from(node.0))?;
        self.backends.get(usize::from(place))
    }
}

#[cfg(test)]
mod tests;
