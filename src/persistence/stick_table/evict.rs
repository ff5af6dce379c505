//! Making room: whose pin goes when a table is full.

use super::{Full, SWEEP_SLICE, StickTable, entry};
use crate::clock::Millis;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

impl StickTable {
    /// Takes one place, making room if there is none.
    pub(super) fn reserve(&self, tick: u32) -> Result<(), Full> {
        loop {
            let capacity = self.capacity.load(Ordering::Relaxed);
            let taken = self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |len| {
                (len < capacity).then_some(len + 1)
            });
            if taken.is_ok() {
                return Ok(());
            }
            let evict = self.evict.load(Ordering::Relaxed);
            let room = self.evict_one(tick, !evict) || (!evict && self.sweep_for_room(tick));
            if !room {
                self.refusals.fetch_add(1, Ordering::Relaxed);
                return Err(Full);
            }
        }
    }

    /// Where nothing may be evicted, an expired pin may still hide behind provisional ones.
    fn sweep_for_room(&self, tick: u32) -> bool {
        self.sweep(Millis(u64::from(tick) * entry::TICK_MILLIS), 2 * SWEEP_SLICE);
        self.len() < self.capacity.load(Ordering::Relaxed)
    }

    /// Removes the pin that ranks lowest in the whole table. False if none may go.
    pub(super) fn evict_one(&self, tick: u32, only_expired: bool) -> bool {
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        let mut exhausted = 0_u64;
        loop {
            let Some((_, place)) = self.lowest(exhausted) else { return false };
            let part = &self.shards[place];
            let mut shard = part.shard.lock();
            let victim = shard.oldest(tick, &self.hasher);
            part.bound.store(shard.bound(), Ordering::Release);
            let Some((rank, key, pin)) = victim else {
                exhausted |= 1 << place;
                continue;
            };
            if self.lowest(exhausted | 1 << place).is_some_and(|(other, _)| other < rank) {
                continue;
            }
            let expired = pin.expired(tick, idle);
            if only_expired && !expired {
                return false;
            }
            self.take_out(&mut shard, self.hasher.hash_one(key), key);
            let counter = if expired { &self.expirations } else { &self.evictions };
            counter.fetch_add(1, Ordering::Relaxed);
            return true;
        }
    }

    fn lowest(&self, without: u64) -> Option<(u64, usize)> {
        let shards = self.shards.iter().enumerate().filter(|(place, _)| without & (1 << place) == 0);
        shards.map(|(place, part)| (part.bound.load(Ordering::Acquire), place)).min()
    }
}
