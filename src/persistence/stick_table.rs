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
#[cfg(test)]
mod tests;

pub use entry::{Key, Pin};

use crate::clock::Millis;
use crate::id::NodeId;
use entry::{PROVISIONAL_TICKS, Slot, tick};
use node_counts::NodeCounts;
use parking_lot::{Mutex, MutexGuard};
use shard::Shard;
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
    hasher: foldhash::fast::RandomState,
    counts: NodeCounts,
    len: AtomicUsize,
    capacity: AtomicUsize,
    evict: AtomicBool,
    idle_ticks: AtomicU32,
    /// The latest tick anybody told: when a request is dropped, nobody tells the time.
    latest: AtomicU32,
    cursor: Mutex<(usize, usize)>,
    evictions: AtomicU64,
    refusals: AtomicU64,
    expirations: AtomicU64,
}

/// One shard, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part {
    shard: Mutex<Shard>,
    /// No pin here that could be evicted ranks lower. Written under the lock, read without.
    bound: AtomicU64,
}

const LARGEST_SINGLE: usize = 4096;
const MOST_SHARDS: usize = 64;
/// Buckets looked at under one hold of a shard's lock while sweeping.
const SWEEP_SLICE: usize = 512;

impl StickTable {
    /// An empty table. Its number of shards is fixed by the capacity it starts with.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let shards = limits.capacity.div_ceil(LARGEST_SINGLE).clamp(1, MOST_SHARDS);
        Self::with_shards(limits, shards.next_power_of_two())
    }

    /// `shards` is a power of two, at most [`MOST_SHARDS`].
    fn with_shards(limits: Limits, shards: usize) -> Self {
        let table = Self {
            shards: (0..shards).map(|_| Part::default()).collect(),
            hasher: foldhash::fast::RandomState::default(),
            counts: NodeCounts::default(),
            len: AtomicUsize::new(0),
            capacity: AtomicUsize::new(0),
            evict: AtomicBool::new(true),
            idle_ticks: AtomicU32::new(0),
            latest: AtomicU32::new(0),
            cursor: Mutex::new((0, 0)),
            evictions: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
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
        let (part, hash) = self.part(key);
        let mut shard = part.shard.lock();
        if self.drop_expired(&mut shard, hash, key, tick) {
            return None;
        }
        self.change(part, &mut shard, hash, key, change)
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
        let (part, hash) = self.part(key);
        {
            let mut shard = part.shard.lock();
            self.drop_expired(&mut shard, hash, key, tick);
            if shard.find(hash, key).is_some() {
                return self.change(part, &mut shard, hash, key, |pin| change(pin, true)).ok_or(Full);
            }
        }
        // Room is made without holding a shard: the oldest pin may be in any of them.
        self.reserve(tick)?;
        let mut shard = part.shard.lock();
        let there = shard.find(hash, key).is_some();
        if there {
            self.len.fetch_sub(1, Ordering::Relaxed);
        } else {
            shard.insert(hash, Slot { key, pin, order: 0 }, &self.hasher);
            self.counts.add(pin.node);
        }
        self.change(part, &mut shard, hash, key, |pin| change(pin, there)).ok_or(Full)
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
        let (part, hash) = self.part(key);
        let mut shard = part.shard.lock();
        let _ = self.change(part, &mut shard, hash, key, |pin| {
            pin.in_flight = pin.in_flight.saturating_sub(1);
            pin.touch(tick);
        });
    }

    /// Removes a pin unless it has requests in flight. True if it did.
    pub fn remove(&self, key: Key) -> bool {
        let (part, hash) = self.part(key);
        let mut shard = part.shard.lock();
        if shard.find(hash, key).is_none_or(|pin| pin.in_flight > 0) {
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
            let mut shard = part.shard.lock();
            let end = shard.buckets().min(bucket + left.min(SWEEP_SLICE));
            for bucket in bucket..end {
                if let Some(pin) = shard.remove_at_if(bucket, |pin| pin.expired(tick, idle)) {
                    self.count_out(pin.node);
                    self.expirations.fetch_add(1, Ordering::Relaxed);
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
        let (part, hash) = self.part(key);
        let pin = *part.shard.lock().find(hash, key)?;
        (!pin.expired(tick, idle)).then(|| (pin, pin.expires_in(tick, idle)))
    }

    /// Shows every pin that has not expired, shard by shard; `look` runs under a shard's lock.
    pub fn for_each(&self, now: Millis, mut look: impl FnMut(Key, &Pin)) {
        let tick = tick(now);
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        for part in &self.shards {
            for slot in part.shard.lock().iter().filter(|slot| !slot.pin.expired(tick, idle)) {
                look(slot.key, &slot.pin);
            }
        }
    }

    /// Pins in the table, expired ones that no sweep has met yet among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
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
        self.evictions.load(Ordering::Relaxed)
    }

    /// Pins there was no room for.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// Pins that idled too long.
    #[must_use]
    pub fn expirations(&self) -> u64 {
        self.expirations.load(Ordering::Relaxed)
    }

    /// Bytes a pin takes in a table that is as full as it gets before it grows.
    pub const BYTES_PER_PIN: usize = size_of::<Slot>() * 8 / 7 + 2;

    /// Bytes the table has allocated now. Locks every shard once.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|part| size_of::<Part>() + part.shard.lock().bytes()).sum()
    }

    /// The moment `now` as a tick, remembered for those who have no clock.
    fn note(&self, now: Millis) -> u32 {
        let tick = tick(now);
        if self.latest.load(Ordering::Relaxed) < tick {
            self.latest.fetch_max(tick, Ordering::Relaxed);
        }
        tick
    }

    fn part(&self, key: Key) -> (&Part, u64) {
        let hash = self.hasher.hash_one(key);
        // hashbrown takes the lowest bits and the seven highest.
        let place = usize::try_from(hash >> 32 & 0xff_ffff).unwrap_or(0) & (self.shards.len() - 1);
        (&self.shards[place], hash)
    }

    /// The one place where pins change: keeps the counts and the order of eviction right.
    fn change<R>(
        &self,
        part: &Part,
        shard: &mut MutexGuard<'_, Shard>,
        hash: u64,
        key: Key,
        change: impl FnOnce(&mut Pin) -> R,
    ) -> Option<R> {
        let ((before, result), slot) = shard.use_pin(hash, key, |pin| (pin.node, change(pin)))?;
        if slot.pin.node != before {
            self.counts.remove(before);
            self.counts.add(slot.pin.node);
        }
        if slot.pin.in_flight == 0 {
            shard.became_evictable(&slot);
            part.bound.store(shard.bound(), Ordering::Release);
        }
        Some(result)
    }

    fn drop_expired(&self, shard: &mut Shard, hash: u64, key: Key, tick: u32) -> bool {
        let idle = self.idle_ticks.load(Ordering::Relaxed);
        let expired = shard.find(hash, key).is_some_and(|pin| pin.expired(tick, idle));
        if expired {
            self.take_out(shard, hash, key);
            self.expirations.fetch_add(1, Ordering::Relaxed);
        }
        expired
    }

    fn take_out(&self, shard: &mut Shard, hash: u64, key: Key) {
        if let Some(pin) = shard.remove(hash, key) {
            self.count_out(pin.node);
        }
    }

    fn count_out(&self, node: NodeId) {
        self.counts.remove(node);
        self.len.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a provisional pin outlives its last sharer.
pub const PROVISIONAL_LIFETIME: Duration =
    Duration::from_millis(PROVISIONAL_TICKS as u64 * entry::TICK_MILLIS);
