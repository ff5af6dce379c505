//! How many pins lead to each node, exactly and without a lock.

use crate::id::NodeId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: usize = 256;

/// One count for every possible [`NodeId`], in pages that are made when first needed.
#[derive(Debug)]
pub(super) struct NodeCounts {
    pages: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

impl Default for NodeCounts {
    fn default() -> Self {
        Self { pages: (0..=usize::from(u16::MAX) / PAGE).map(|_| OnceLock::new()).collect() }
    }
}

impl NodeCounts {
    pub(super) fn add(&self, node: NodeId) {
        self.count(node).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, node: NodeId) {
        self.count(node).fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, node: NodeId) -> u64 {
        let node = usize::from(node.0);
        self.pages[node / PAGE].get().map_or(0, |page| page[node % PAGE].load(Ordering::Relaxed))
    }

    fn count(&self, node: NodeId) -> &AtomicU64 {
        let node = usize::from(node.0);
        let page = self.pages[node / PAGE].get_or_init(|| (0..PAGE).map(|_| AtomicU64::new(0)).collect());
        &page[node % PAGE]
    }
}
