//! How many pins lead to each node, exactly and without a lock.

use crate::id::NodeId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts on the first page; each further one has twice as many.
const FIRST: usize = 32;
const PAGES: usize = (usize::BITS - (u16::MAX as usize / FIRST).leading_zeros()) as usize + 1;

/// One count for every possible [`NodeId`], in pages that are made when first needed: most farms need one.
#[derive(Debug, Default)]
pub(super) struct NodeCounts {
    pages: [OnceLock<Box<[AtomicU64]>>; PAGES],
}

impl NodeCounts {
    pub(super) fn add(&self, node: NodeId) {
        self.count(node).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, node: NodeId) {
        self.count(node).fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, node: NodeId) -> u64 {
        let (page, at) = place(node);
        self.pages[page].get().map_or(0, |page| page[at].load(Ordering::Relaxed))
    }

    fn count(&self, node: NodeId) -> &AtomicU64 {
        let (page, at) = place(node);
        &self.pages[page].get_or_init(|| (0..FIRST << page).map(|_| AtomicU64::new(0)).collect())[at]
    }
}

/// Page and place on it.
fn place(node: NodeId) -> (usize, usize) {
    let number = usize::from(node.0) + FIRST;
    let page = (number / FIRST).ilog2() as usize;
    (page, number - (FIRST << page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_count_of_its_own() {
        let counts = NodeCounts::default();
        for node in (0..=u16::MAX).map(NodeId) {
            assert_eq!(counts.of(node), 0);
            counts.add(node);
        }
        assert!((0..=u16::MAX).all(|node| counts.of(NodeId(node)) == 1));
    }
}
