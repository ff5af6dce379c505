//! One shard: its pins, and the batch of its oldest ones that evictions consume.

use super::entry::{Key, Pin};
use super::slot::{Slot, rank};
use crate::id::NodeId;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// A pin's rank when it was noted, and its key's hash: a pin of that hash and rank is that pin, or as old.
type Noted = (u64, u64);

/// Invariant: every pin here that may be evicted and ranks below `limit` is noted in `batch`, with its rank
/// or a lower one. Every use changes a pin's rank: the old note is dropped when it is consumed, and a pin that is
/// used and still ranks below the limit is noted again.
///
/// What a hit reads stands in front, so that it is one cache line with the lock.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Shard {
    table: HashTable<Slot>,
    limit: u64,
    /// Uses so far. Half of it ranks, so it grows by two.
    uses: u32,
    /// In descending order: the oldest is popped.
    batch: Vec<Noted>,
}

/// What [`Shard::use_pin`] met.
pub(super) enum Met<R> {
    Nobody,
    /// A pin that is still to be removed.
    Expired,
    Used {
        result: R,
        /// Where the pin led before and after.
        nodes: (NodeId, NodeId),
        /// Whether [`Shard::bound`] may be another one now.
        bound_changed: bool,
    },
}

/// A scan collects this share of the shard, so an eviction costs so many looks on average.
const LOOKS_PER_EVICTION: usize = 64;
const SMALLEST_BATCH: usize = 8;

impl Shard {
    pub(super) fn find(&self, hash: u64, key: Key) -> Option<&Slot> {
        self.table.find(hash, |slot| slot.is(key))
    }

    /// Runs `change` on a pin that has not expired, as one more use of it.
    #[inline]
    pub(super) fn use_pin<R>(
        &mut self,
        hash: u64,
        key: Key,
        expired: impl FnOnce(&Slot) -> bool,
        change: impl FnOnce(&mut Pin) -> R,
    ) -> Met<R> {
        let Some(slot) = self.table.find_mut(hash, |slot| slot.is(key)) else { return Met::Nobody };
        if expired(slot) {
            return Met::Expired;
        }
        let mut pin = slot.pin();
        let before = pin.node;
        let result = change(&mut pin);
        self.uses = self.uses.wrapping_add(2);
        slot.set(&pin, self.uses);
        let rank = slot.rank();
        let bound_changed = pin.in_flight == 0 && rank < self.limit;
        if bound_changed {
            self.evictable_below_limit(rank, hash);
        }
        Met::Used { result, nodes: (before, pin.node), bound_changed }
    }

    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hasher: &impl BuildHasher) {
        if self.table.len() == self.table.capacity() {
            self.clean(hasher);
        }
        self.table.insert_unique(hash, slot, |slot| hasher.hash_one(slot.key()));
    }

    /// No place is left. If removed pins' traces took them, the table is laid out anew in the same size: left to
    /// itself it would double, and churn alone would make a table twice as large as its pins need.
    #[cold]
    fn clean(&mut self, hasher: &impl BuildHasher) {
        let (used, buckets) = (self.table.len(), self.table.num_buckets());
        if buckets < 64 || used * 32 > buckets * 27 {
            return;
        }
        let mut clean = HashTable::with_capacity(used + 1);
        for slot in self.table.drain() {
            clean.insert_unique(hasher.hash_one(slot.key()), slot, |slot| hasher.hash_one(slot.key()));
        }
        self.table = clean;
    }

    pub(super) fn remove(&mut self, hash: u64, key: Key) -> Option<Slot> {
        let found = self.table.find_entry(hash, |slot| slot.is(key)).ok()?;
        Some(found.remove().0)
    }

    pub(super) fn remove_at_if(&mut self, bucket: usize, gone: impl FnOnce(&Slot) -> bool) -> Option<Slot> {
        let found = self.table.get_bucket_entry(bucket).ok()?;
        gone(found.get()).then(|| found.remove().0)
    }

    pub(super) fn buckets(&self) -> usize {
        self.table.num_buckets()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.table.iter()
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.allocation_size() + self.batch.capacity() * size_of::<Noted>()
    }

    /// Gives memory back once most of it is unused.
    pub(super) fn shrink(&mut self, hasher: &impl BuildHasher) {
        if self.table.capacity() > 28 && self.table.len() < self.table.capacity() / 8 {
            self.table.shrink_to(self.table.len() * 2, |slot| hasher.hash_one(slot.key()));
            self.batch.shrink_to(4 * self.batch_size());
        }
    }

    /// No pin that may be evicted ranks below this.
    pub(super) fn bound(&self) -> u64 {
        self.batch.last().map_or(self.limit, |(rank, _)| (*rank).min(self.limit))
    }

    /// A pin that is older than the batch has no requests in flight (any more).
    #[cold]
    fn evictable_below_limit(&mut self, rank: u64, hash: u64) {
        if let Err(place) = self.batch.binary_search_by(|noted| (rank, hash).cmp(noted)) {
            self.batch.insert(place, (rank, hash));
        }
        if self.batch.len() > 4 * self.batch_size() {
            self.batch.clear();
            self.limit = 0;
        }
    }

    fn batch_size(&self) -> usize {
        (self.table.len() / LOOKS_PER_EVICTION).max(SMALLEST_BATCH)
    }

    /// The pin that ranks lowest among those that may be evicted, with its rank; scans the shard if the
    /// batch does not know.
    pub(super) fn oldest(&mut self, tick: u32, hasher: &impl BuildHasher) -> Option<(u64, Slot)> {
        if let Some(found) = self.oldest_noted() {
            return Some(found);
        }
        self.scan(tick, hasher);
        self.oldest_noted()
    }

    fn oldest_noted(&mut self) -> Option<(u64, Slot)> {
        while let Some((rank, hash)) = self.batch.last().copied() {
            if let Some(slot) = self.table.find(hash, |slot| slot.rank() == rank && slot.evictable()) {
                return Some((rank, *slot));
            }
            self.batch.pop();
        }
        None
    }

    /// Collects the oldest pins anew.
    fn scan(&mut self, tick: u32, hasher: &impl BuildHasher) {
        let size = self.batch_size();
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let mut limit = u64::MAX;
        for slot in self.table.iter().filter(|slot| slot.evictable()) {
            let rank = slot.rank();
            if rank >= limit {
                continue;
            }
            batch.push((rank, hasher.hash_one(slot.key())));
            if batch.len() == 2 * size {
                batch.select_nth_unstable(size - 1);
                batch.truncate(size);
                limit = batch.iter().map(|(rank, _)| *rank).max().unwrap_or(limit);
            }
        }
        batch.sort_unstable_by(|one, other| other.cmp(one));
        let all = limit == u64::MAX;
        let newest = batch.first().map_or(0, |(rank, _)| *rank);
        // If every pin is noted, whoever comes later ranks at least as high as this moment.
        self.limit = if all { newest.max(rank(true, tick, 0)) } else { newest };
        self.batch = batch;
    }
}
