//! Who is where: a bounded, expiring, exact table from client keys to nodes.
//!
//! - Exact: whole keys are compared and the number of pins never exceeds the capacity, in any interleaving.
//! - A hit takes one lock of one shard and one probe of its table, and allocates nothing.
//! - A pin with requests in flight neither expires nor is evicted.
//! - When full, the least recently used pin of the *whole* table makes room, provisional ones first. Time is
//!   counted in ticks of 100 ms; pins of one tick are equally old.
//!
//! There is no list in order of use: every touch would write three entries. A touch stores one number; an
//! eviction consumes a sorted batch of a shard's oldest pins, collected in one scan for dozens of evictions.
//! Set-associative arrays were rejected because a full set would evict a pin that is not the oldest, and
//! pins of clients that keep no cookie are all there is.

mod entry;
mod evict;
mod node_counts;
mod shard;
mod slot;
#[cfg(test)]
mod tests;

pub use entry::{Key, Pin};

use crate::clock::Millis;
use crate::id::NodeId;
use entry::{PROVISIONAL_TICKS, tick};
use node_counts::NodeCounts;
use parking_lot::Mutex;
use shard::{Met, Shard};
use slot::Slot;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a table is held to. May change while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most pins.
    pub capacity: usize,
    /// Whether the oldest makes room when there are so many; otherwise the new one is refused.
    pub evict: bool,
    /// How long a pin outlives its last touch.
    pub idle_timeout: Duration,
}

/// There is no room, and nothing that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The table. See the module's page.
#[derive(Debug)]
pub struct StickTable {
    shards: Box<[Part]>,
    /// No pin of the shard of this number that could be evicted ranks lower. Written under its lock, and only when
    /// it changes, which a hit does not do; side by side, because an eviction reads them all.
    bounds: Box<[AtomicU64]>,
    hasher: foldhash::fast::RandomState,
    counts: NodeCounts,
    capacity: AtomicUsize,
    evict: AtomicBool,
    idle_ticks: AtomicU32,
    /// The latest tick anybody told: when a request is dropped, nobody tells the time.
    latest: AtomicU32,
    cursor: Mutex<(usize, usize)>,
    tally: Tally,
}

/// What new pins write, apart from what every request reads: on one cache line each new pin would cost the other
/// processors a miss.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Tally {
    len: AtomicUsize,
    evictions: AtomicU64,
    refusals: AtomicU64,
    expirations: AtomicU64,
}

/// One shard, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(Mutex<Shard>);

/// A shard for so many pins: few enough that two threads seldom want the same one.
const PINS_PER_SHARD: usize = 64;
const MOST_SHARDS: usize = 64;
/// Buckets looked at under one hold of a shard's lock while sweeping.
const SWEEP_SLICE: usize = 512;

impl StickTable {
    /// An empty table. Its number of shards is fixed by the capacity it starts with.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let shards = (limits.capacity / PINS_PER_SHARD).clamp(1, MOST_SHARDS);
        Self::with_shards(limits, shards.next_power_of_two())
    }

    /// `shards` is a power of two, at most [`MOST_SHARDS`].
    fn with_shards(limits: Limits, shards: usize) -> Self {
        let table = Self {
            shards: (0..shards).map(|_| Part::default()).collect(),
            bounds: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            hasher: foldhash::fast::RandomState::default(),
            counts: NodeCounts::default(),
            capacity: AtomicUsize::new(0),
            evict: AtomicBool::new(true),
            idle_ticks: AtomicU32::new(0),
            latest: AtomicU32::new(0),
            cursor: Mutex::new((0, 0)),
            tally: Tally::default(),
        };
        table.set_limits(limits);
        table
    }

    /// Holds the table to `limits` from now on. Pins beyond a smaller capacity are evicted, oldest first, as
    /// far as they have no requests in flight; those that have stay until later.
    pub fn set_limits(&self, limits: Limits) {
        let ticks = limits.idle_timeout.as_millis() / u128::from(entry::TICK_MILLIS);
        self.idle_ticks.store(u32::try_from(ticks).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.evict.store(limits.evict, Ordering::Relaxed);
        self.capacity.store(limits.capacity, Ordering::Relaxed);
        let latest = self.latest.load(Ordering::Relaxed);
        while self.len() > limits.capacity && self.evict_one(latest, false) {}
    }

    /// Runs `change` on the pin of `key`, in one critical section. None if there is no pin (any more).
    pub fn update<R>(&self, key: Key, now: Millis, change: impl FnOnce(&mut Pin) -> R) -> Option<R> {
        let tick = self.note(now);
        let (place, hash) = self.place(key);
        self.change(place, &mut self.shards[place].0.lock(), hash, key, Some(tick), change)
    }

    /// Runs `change` on the pin of `key`, or on `pin` entered for it; `change` is told which (true: it was
    /// there). Both in one critical section, so parallel first requests meet in one pin.
    ///
    /// # Errors
    /// [`Full`] if `pin` would have to be entered and there is no room.
    pub fn update_or_insert<R>(
        &self,
        key: Key,
        now: Millis,
        pin: Pin,
        change: impl FnOnce(&mut Pin, bool) -> R,
    ) -> Result<R, Full> {
        let tick = self.note(now);
        let (place, hash) = self.place(key);
        let part = &self.shards[place].0;
        {
            let mut shard = part.lock();
            let idle = self.idle_ticks.load(Ordering::Relaxed);
            match shard.find(hash, key) {
                Some(slot) if slot.expired(tick, idle) => self.expire(&mut shard, hash, key),
                Some(_) => {
                    let change = |pin: &mut Pin| change(pin, true);
                    return self.change(place, &mut shard, hash, key, None, change).ok_or(Full);
                }
                None => {}
            }
        }
        // Room is made without holding a shard: the oldest pin may be in any of them.
        self.reserve(tick)?;
        let mut shard = part.lock();
        let there = shard.find(hash, key).is_some();
        if there {
            self.tally.len.fetch_sub(1, Ordering::Relaxed);
        } else {
            shard.insert(hash, Slot::new(key, &pin), &self.hasher);
            self.counts.add(pin.node);
        }
        self.change(place, &mut shard, hash, key, None, |pin| change(pin, there)).ok_or(Full)
    }

    /// One request fewer in flight, by somebody who has no clock: the pin is renewed to the latest moment the
    /// table was told of. A request that was broken off was a sign of life until then, and an idle gap that
    /// began before its end would be none.
    pub(super) fn release(&self, key: Key) {
        self.end(key, self.latest.load(Ordering::Relaxed));
    }

    /// One request fewer in flight; renews the pin.
    pub(super) fn finish(&self, key: Key, now: Millis) {
        self.end(key, self.note(now));
    }

    fn end(&self, key: Key, tick: u32) {
        let (place, hash) = self.place(key);
        let _ = self.change(place, &mut self.shards[place].0.lock(), hash, key, None, |pin| {
            pin.in_flight = pin.in_flight.saturating_sub(1);
            pin.touch(tick);
        });
    }

    /// Removes a pin unless it has requests in flight. True if it did.
    pub fn remove(&self, key: Key) -> bool {
        let (place, hash) = self.place(key);
        let mut shard = self.shards[place].0.lock();
        if !shard.find(hash, key).is_some_and(Slot::evictable) {
            return false;
        }
        self.take_out(&mut shard, hash, key);
        true
    }

    /// Removes expired pins, looking at about `budget` places, from where the last sweep ended. True once it
    /// came past the table's end.
    pub fn sweep(&self, now: Millis, budget: usize) -> bool {
        let tick = self.note(now);
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        let Some(mut cursor) = self.cursor.try_lock() else { return false };
        let mut left = budget;
        while left > 0 {
            let (place, bucket) = *cursor;
            let Some(part) = self.shards.get(place) else {
                *cursor = (0, 0);
                return true;
            };
            let mut shard = part.0.lock();
            let end = shard.buckets().min(bucket + left.min(SWEEP_SLICE));
            for bucket in bucket..end {
                if let Some(slot) = shard.remove_at_if(bucket, |slot| slot.expired(tick, idle)) {
                    self.count_out(slot.node());
                    self.tally.expirations.fetch_add(1, Ordering::Relaxed);
                }
            }
            left -= (end - bucket).clamp(1, left);
            *cursor = if end < shard.buckets() {
                (place, end)
            } else {
                shard.shrink(&self.hasher);
                (place + 1, 0)
            };
        }
        false
    }

    /// The pin of `key` as it is, and in how long it expires (none while it has requests in flight). Looking is no
    /// use of it: it neither renews the pin nor changes what is evicted next.
    #[must_use]
    pub fn peek(&self, key: Key, now: Millis) -> Option<(Pin, Option<Duration>)> {
        let tick = tick(now);
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        let (place, hash) = self.place(key);
        let slot = *self.shards[place].0.lock().find(hash, key)?;
        let pin = slot.pin();
        (!slot.expired(tick, idle)).then(|| (pin, pin.expires_in(tick, idle)))
    }

    /// Shows every pin that has not expired, shard by shard; `look` runs under a shard's lock.
    pub fn for_each(&self, now: Millis, mut look: impl FnMut(Key, &Pin)) {
        let tick = tick(now);
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        for part in &self.shards {
            for slot in part.0.lock().iter().filter(|slot| !slot.expired(tick, idle)) {
                look(slot.key(), &slot.pin());
            }
        }
    }

    /// Pins in the table, expired ones that no sweep has met yet among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tally.len.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most pins.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Pins that lead to `node`.
    #[must_use]
    pub fn pins(&self, node: NodeId) -> u64 {
        self.counts.of(node)
    }

    /// Pins that made room for others, since the process started.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.tally.evictions.load(Ordering::Relaxed)
    }

    /// Pins there was no room for.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.tally.refusals.load(Ordering::Relaxed)
    }

    /// Pins that idled too long.
    #[must_use]
    pub fn expirations(&self) -> u64 {
        self.tally.expirations.load(Ordering::Relaxed)
    }

    /// Bytes a pin takes in a table that is as full as it gets before it grows.
    pub const BYTES_PER_PIN: usize = size_of::<Slot>() * 8 / 7 + 2;

    /// Bytes the table has allocated now. Locks every shard once.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shard = |part: &Part| size_of::<Part>() + size_of::<AtomicU64>() + part.0.lock().bytes();
        self.shards.iter().map(shard).sum()
    }

    /// The moment `now` as a tick, remembered for those who have no clock.
    fn note(&self, now: Millis) -> u32 {
        let tick = tick(now);
        if self.latest.load(Ordering::Relaxed) < tick {
            self.latest.fetch_max(tick, Ordering::Relaxed);
        }
        tick
    }

    /// The shard of a key, and the key's hash.
    #[inline]
    fn place(&self, key: Key) -> (usize, u64) {
        let hash = self.hasher.hash_one(key);
        // hashbrown takes the lowest bits and the seven highest.
        let place = usize::try_from(hash >> 32 & 0xff_ffff).unwrap_or(0) & (self.shards.len() - 1);
        (place, hash)
    }

    /// The one place where pins change: keeps the counts and the order of eviction right. Given a tick, a pin that
    /// has expired by then is removed instead.
    #[inline]
    fn change<R>(
        &self,
        place: usize,
        shard: &mut Shard,
        hash: u64,
        key: Key,
        expired_by: Option<u32>,
        change: impl FnOnce(&mut Pin) -> R,
    ) -> Option<R> {
        let expired = |slot: &Slot| {
            expired_by.is_some_and(|tick| slot.expired(tick, self.idle_ticks.load(Ordering::Relaxed)))
        };
        match shard.use_pin(hash, key, expired, change) {
            Met::Nobody => None,
            Met::Expired => {
                self.expire(shard, hash, key);
                None
            }
            Met::Used { result, nodes: (before, after), bound_changed } => {
                if before != after {
                    self.counts.remove(before);
                    self.counts.add(after);
                }
                if bound_changed {
                    self.bounds[place].store(shard.bound(), Ordering::Release);
                }
                Some(result)
            }
        }
    }

    #[cold]
    fn expire(&self, shard: &mut Shard, hash: u64, key: Key) {
        self.take_out(shard, hash, key);
        self.tally.expirations.fetch_add(1, Ordering::Relaxed);
    }

    fn take_out(&self, shard: &mut Shard, hash: u64, key: Key) {
        if let Some(slot) = shard.remove(hash, key) {
            self.count_out(slot.node());
        }
    }

    fn count_out(&self, node: NodeId) {
        self.counts.remove(node);
        self.tally.len.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a provisional pin outlives its last sharer.
pub const PROVISIONAL_LIFETIME: Duration =
    Duration::from_millis(PROVISIONAL_TICKS as u64 * entry::TICK_MILLIS);
