//! One shard: its pins, and the batch of its oldest ones that evictions consume.

use super::entry::{Key, Pin, Slot, rank};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

/// A pin's rank when it was noted, and its key.
type Noted = (u64, Key);

/// Invariant: every pin here that may be evicted and ranks below `limit` is noted in `batch`, with its rank
/// or a lower one. Ranks only grow while a pin may be evicted, so a note is checked when it is consumed; a
/// pin that becomes evictable again below the limit is noted again.
#[derive(Debug, Default)]
pub(super) struct Shard {
    table: HashTable<Slot>,
    /// In descending order: the oldest is popped.
    batch: Vec<Noted>,
    limit: u64,
    /// Uses so far. Half of it ranks, so it grows by two.
    uses: u32,
}

/// A scan collects this share of the shard, so an eviction costs so many looks on average.
const LOOKS_PER_EVICTION: usize = 64;
const SMALLEST_BATCH: usize = 32;

impl Shard {
    pub(super) fn find(&mut self, hash: u64, key: Key) -> Option<&mut Pin> {
        self.table.find_mut(hash, |slot| slot.key == key).map(|slot| &mut slot.pin)
    }

    /// Runs `change` on a pin, as one more use of it. Returns the result and the slot as it is then.
    pub(super) fn use_pin<R>(
        &mut self,
        hash: u64,
        key: Key,
        change: impl FnOnce(&mut Pin) -> R,
    ) -> Option<(R, Slot)> {
        let slot = self.table.find_mut(hash, |slot| slot.key == key)?;
        self.uses = self.uses.wrapping_add(2);
        slot.order = self.uses;
        let result = change(&mut slot.pin);
        Some((result, *slot))
    }

    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hasher: &impl BuildHasher) {
        self.table.insert_unique(hash, slot, |slot| hasher.hash_one(slot.key));
    }

    pub(super) fn remove(&mut self, hash: u64, key: Key) -> Option<Pin> {
        let found = self.table.find_entry(hash, |slot| slot.key == key).ok()?;
        Some(found.remove().0.pin)
    }

    pub(super) fn remove_at_if(&mut self, bucket: usize, gone: impl FnOnce(&Pin) -> bool) -> Option<Pin> {
        let found = self.table.get_bucket_entry(bucket).ok()?;
        gone(&found.get().pin).then(|| found.remove().0.pin)
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
        if self.table.capacity() > 256 && self.table.len() < self.table.capacity() / 8 {
            self.table.shrink_to(self.table.len() * 2, |slot| hasher.hash_one(slot.key));
        }
    }

    /// No pin that may be evicted ranks below this.
    pub(super) fn bound(&self) -> u64 {
        self.batch.last().map_or(self.limit, |(rank, _)| (*rank).min(self.limit))
    }

    /// A pin has no requests in flight (any more). Costs a comparison unless it is older than the batch.
    pub(super) fn became_evictable(&mut self, slot: &Slot) {
        let rank = slot.rank();
        if rank >= self.limit {
            return;
        }
        self.note(rank, slot.key);
        if self.batch.len() > 4 * self.batch_size() {
            self.batch.clear();
            self.limit = 0;
        }
    }

    fn note(&mut self, rank: u64, key: Key) {
        if let Err(place) = self.batch.binary_search_by(|noted| (rank, key).cmp(noted)) {
            self.batch.insert(place, (rank, key));
        }
    }

    fn batch_size(&self) -> usize {
        (self.table.len() / LOOKS_PER_EVICTION).max(SMALLEST_BATCH)
    }

    /// The pin that ranks lowest among those that may be evicted, with its rank; scans the shard if the
    /// batch does not know.
    pub(super) fn oldest(&mut self, tick: u32, hasher: &impl BuildHasher) -> Option<(u64, Key, Pin)> {
        if let Some(found) = self.oldest_noted(hasher) {
            return Some(found);
        }
        self.scan(tick);
        self.oldest_noted(hasher)
    }

    fn oldest_noted(&mut self, hasher: &impl BuildHasher) -> Option<(u64, Key, Pin)> {
        while let Some((noted, key)) = self.batch.last().copied() {
            let entry = self.table.entry(
                hasher.hash_one(key),
                |slot| slot.key == key,
                |slot| hasher.hash_one(slot.key),
            );
            let slot = match entry {
                Entry::Occupied(found) if found.get().pin.in_flight == 0 => *found.get(),
                _ => {
                    self.batch.pop();
                    continue;
                }
            };
            if slot.rank() == noted {
                return Some((noted, key, slot.pin));
            }
            self.batch.pop();
            if slot.rank() < self.limit {
                self.note(slot.rank(), key);
            }
        }
        None
    }

    /// Collects the oldest pins anew.
    fn scan(&mut self, tick: u32) {
        let size = self.batch_size();
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let mut limit = u64::MAX;
        for slot in self.table.iter().filter(|slot| slot.pin.in_flight == 0) {
            let rank = slot.rank();
            if rank >= limit {
                continue;
            }
            batch.push((rank, slot.key));
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
