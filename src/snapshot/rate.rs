//! How many requests of one client a route takes in a time.
//!
//! Time is cut into intervals of the configured length. A client's requests are counted in the present interval and
//! in the one before; of the earlier ones as large a part counts as the present interval has left, as if they had been
//! spread evenly. A request is taken while that sum is below the limit. So
//!
//! - in one interval a client gets at most the limit, over a long time on average no more, and in any stretch as long
//!   as an interval at most twice the limit (the end of one and the beginning of the next);
//! - whoever keeps within the limit over any two intervals is never refused for its own requests;
//! - only what was taken counts. A client that keeps asking is served at the limit and not shut out for as long as it
//!   asks: it does not pay for retries of its own, or of a proxy in front of it.
//!
//! Clients are not listed. A count-min sketch holds the counts (`pingora-limits`' [`Estimator`], [`ROWS`] rows of
//! [`COLUMNS`] cells), so that memory does not grow with the number of addresses an attacker has: three intervals
//! of 2 MiB, 6 MiB for each route with a limit. A sketch never counts too little, but a client that shares all its cells
//! with others is charged for them. With *n* clients in two intervals that chance is (1 − (1 − 1/65536)ⁿ)⁴: 1 in 2,500
//! for ten thousand clients, 1 in 12 for fifty thousand; and it is refused only where what it is charged reaches the
//! limit. Because refused requests are not counted, nobody can be charged more than the limit for each other client.
//! The rows' hashes are seeded: which clients share cells cannot be chosen from outside.
//!
//! `pingora-limits`' own `Rate` was not taken: it reads a clock itself, and two threads at the end of an interval can
//! make it subtract a later moment from an earlier one. Workers do not wait for each other here; two that ask for one
//! client at the same instant can both be taken where one was left, so the limit can be exceeded by the number of
//! workers less one.

use crate::client_addr::ClientPrefixes;
use crate::clock::Millis;
use foldhash::quality::RandomState;
use parking_lot::Mutex;
use pingora_limits::estimator::Estimator;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A client is charged for others only where it shares a cell in each.
const ROWS: usize = 4;

/// The chance to share one cell with one other client is one in so many.
const COLUMNS: usize = 1 << 16;

/// The present interval, the one before, and the next, which is emptied beforehand.
const SLOTS: usize = 3;

/// The counts of one interval.
struct Slot {
    /// Which: the number of intervals before it since the clock was made.
    interval: AtomicU64,
    counts: Estimator,
}

/// The limit of one route, and what its clients have used of it.
pub struct RateLimit {
    requests: u64,
    /// The length of an interval in milliseconds.
    per: u64,
    prefixes: ClientPrefixes,
    seed: RandomState,
    slots: [Slot; SLOTS],
    /// Held by whoever empties a slot.
    emptying: Mutex<()>,
}

impl std::fmt::Debug for RateLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} requests in {} ms", self.requests, self.per)
    }
}

impl RateLimit {
    /// `requests` in `per` (at least a millisecond) for each client.
    #[must_use]
    pub fn new(requests: u32, per: Duration, prefixes: ClientPrefixes) -> Self {
        // The first intervals there are: all slots are empty.
        let slot = |interval| Slot {
            interval: AtomicU64::new(interval as u64),
            counts: Estimator::new(ROWS, COLUMNS),
        };
        Self {
            requests: u64::from(requests),
            per: u64::try_from(per.as_millis()).unwrap_or(u64::MAX).max(1),
            prefixes,
            seed: RandomState::default(),
            slots: std::array::from_fn(slot),
            emptying: Mutex::new(()),
        }
    }

    /// Takes a request of `client`, or says how long the present interval still lasts.
    ///
    /// # Errors
    /// The client has used up what it may.
    pub fn take(&self, client: IpAddr, now: Millis) -> Result<(), Duration> {
        let key = self.key(client);
        let interval = now.0 / self.per;
        let left = self.per - now.0 % self.per;
        let present = self.slot(interval);
        let before = interval.checked_sub(1).map_or(0, |before| count(self.at(before), before, key));
        // All in requests times milliseconds: no part of a request is lost by rounding.
        let used = (count(present, interval, key) + 1).saturating_mul(self.per);
        if used.saturating_add(before.saturating_mul(left)) > self.requests.saturating_mul(self.per) {
            return Err(Duration::from_millis(left));
        }
        present.counts.incr(key, 1);
        Ok(())
    }

    /// Empties what the next interval will be counted in, which takes a tenth of a millisecond. Called several times a
    /// second, so that no request has to do it, unless intervals are shorter than that.
    pub fn tidy(&self, now: Millis) {
        self.slot(now.0 / self.per + 1);
    }

    fn key(&self, client: IpAddr) -> u64 {
        self.seed.hash_one(self.prefixes.client(client))
    }

    fn at(&self, interval: u64) -> &Slot {
        // Less than SLOTS.
        &self.slots[(interval % SLOTS as u64) as usize]
    }

    /// The slot of an interval that has come, or is to come next.
    fn slot(&self, interval: u64) -> &Slot {
        let slot = self.at(interval);
        if slot.interval.load(Ordering::Acquire) < interval {
            self.empty(slot, interval);
        }
        slot
    }

    #[cold]
    fn empty(&self, slot: &Slot, interval: u64) {
        let _alone = self.emptying.lock();
        if slot.interval.load(Ordering::Relaxed) < interval {
            slot.counts.reset();
            slot.interval.store(interval, Ordering::Release);
        }
    }
}

/// What was counted in an interval; nothing if the slot holds another one.
fn count(slot: &Slot, interval: u64, key: u64) -> u64 {
    if slot.interval.load(Ordering::Acquire) != interval {
        return 0;
    }
    u64::try_from(slot.counts.get(key)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
