//! Making room: whose pin goes when a table is full.

use super::slot::age;
use super::{Full, SWEEP_SLICE, StickTable, entry};
use crate::clock::Millis;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

impl StickTable {
    /// Takes one place, making room if there is none.
    pub(super) fn reserve(&self, tick: u32) -> Result<(), Full> {
        loop {
            let capacity = self.capacity.load(Ordering::Relaxed);
            let taken = self.tally.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |len| {
                (len < capacity).then_some(len + 1)
            });
            if taken.is_ok() {
                return Ok(());
            }
            let evict = self.evict.load(Ordering::Relaxed);
            let room = self.evict_one(tick, !evict) || (!evict && self.sweep_for_room(tick));
            if !room {
                self.tally.refusals.fetch_add(1, Ordering::Relaxed);
                return Err(Full);
            }
        }
    }

    /// Where nothing may be evicted, an expired pin may still hide behind provisional ones.
    fn sweep_for_room(&self, tick: u32) -> bool {
        self.sweep(Millis(u64::from(tick) * entry::TICK_MILLIS), 2 * SWEEP_SLICE);
        self.len() < self.capacity.load(Ordering::Relaxed)
    }

    /// Removes one of the pins that rank lowest in the whole table, to a tick. False if none may go.
    ///
    /// Within a tick the shards take turns. Uses are counted by shard: were they compared, the shard with the
    /// fewest would be emptied first.
    pub(super) fn evict_one(&self, tick: u32, only_expired: bool) -> bool {
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        let turn = usize::try_from(self.tally.evictions.load(Ordering::Relaxed) & 0xff_ffff).unwrap_or(0);
        let mut exhausted = 0_u64;
        loop {
            let Some((place, next)) = self.lowest(exhausted, turn) else { return false };
            let mut shard = self.shards[place].0.lock();
            let victim = shard.oldest(tick, &self.hasher);
            self.bounds[place].store(shard.bound(), Ordering::Release);
            let Some((rank, slot)) = victim else {
                exhausted |= 1 << place;
                continue;
            };
            if next < age(rank) {
                // It was used after its shard's bound was noted; another shard may have an older one.
                continue;
            }
            let expired = slot.expired(tick, idle);
            if only_expired && !expired {
                return false;
            }
            let key = slot.key();
            self.take_out(&mut shard, self.hasher.hash_one(key), key);
            let counter = if expired { &self.tally.expirations } else { &self.tally.evictions };
            counter.fetch_add(1, Ordering::Relaxed);
            return true;
        }
    }

    /// The shard that may have the oldest pin, of several the first from `turn` on; and the age that the oldest of
    /// all the others may have.
    fn lowest(&self, without: u64, turn: usize) -> Option<(usize, u64)> {
        let last = self.bounds.len() - 1;
        let (mut lowest, mut found, mut next) = (u64::MAX, None, u64::MAX);
        for place in (0..=last).map(|step| (turn + step) & last).filter(|place| without >> place & 1 == 0) {
            let age = age(self.bounds[place].load(Ordering::Acquire));
            if age < lowest {
                (next, lowest, found) = (lowest, age, Some(place));
            } else {
                next = next.min(age);
            }
        }
        found.map(|place| (place, next))
    }
}
