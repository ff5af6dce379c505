//! A node at one pool's port, and what is observed of it.

use super::Node;
use crate::clock::Millis;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What probes and requests have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// What made a backend [`Health::Down`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownCause {
    /// Connects failed, of requests or of probes that only connect; one that succeeds ends it.
    Connect,
    /// Probes failed that look at more than a connect; only probes end it.
    Probe,
    /// It was ejected for failing requests; time ends it. Connects and probes that succeed do not.
    Ejected,
}

/// Whether a backend can be used now: its health, with the start grace taken into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// Requests may go there.
    Up,
    /// They may not.
    Down,
    /// Too early to tell; requests wait.
    Unknown,
}

/// Failures further apart than this belong to different incidents, so that one failed connect last hour does
/// not use up the hold of the next one.
const INCIDENT_GAP: Duration = Duration::from_secs(30);
/// How long a request waits for a backend whose start was never told.
const UNTOLD_START: Duration = Duration::from_secs(1);
const NEVER: u64 = u64::MAX;

/// What a backend keeps over a reload, by the names of its pool and node.
///
/// Readers take no lock: they see each fact on its own, and the order of the writes makes sure that a backend
/// seen as down has its moment of failure. Writers exclude each other.
#[derive(Debug)]
pub struct BackendLive {
    health: AtomicU8,
    cause: AtomicU8,
    changed: AtomicU64,
    failing_since: AtomicU64,
    last_failure: AtomicU64,
    recovered: AtomicU64,
    grace_ends: AtomicU64,
    ejected_until: AtomicU64,
    in_flight: AtomicU32,
    most_in_flight: AtomicU32,
    change: Mutex<()>,
}

impl Default for BackendLive {
    fn default() -> Self {
        Self {
            health: AtomicU8::new(Health::Unknown as u8),
            cause: AtomicU8::new(DownCause::Probe as u8),
            changed: AtomicU64::new(0),
            failing_since: AtomicU64::new(NEVER),
            last_failure: AtomicU64::new(NEVER),
            recovered: AtomicU64::new(NEVER),
            grace_ends: AtomicU64::new(NEVER),
            ejected_until: AtomicU64::new(NEVER),
            in_flight: AtomicU32::new(0),
            most_in_flight: AtomicU32::new(u32::MAX),
            change: Mutex::new(()),
        }
    }
}

impl BackendLive {
    /// A backend nothing is known of; it takes no request until [`BackendLive::start`]'s grace is over or a
    /// first answer was reported.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on it is being probed: without an answer by `now + grace` it counts as up. Zero means that it
    /// counts as up at once. Has no effect the second time.
    pub fn start(&self, now: Millis, grace: Duration) {
        let ends = now.after(grace).0;
        let _ = self.grace_ends.compare_exchange(NEVER, ends, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// What was observed last.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Unknown,
            1 => Health::Up,
            _ => Health::Down,
        }
    }

    /// Why it is down; none unless it is.
    #[must_use]
    pub fn down_cause(&self) -> Option<DownCause> {
        (self.health() == Health::Down).then(|| match self.cause.load(Ordering::Relaxed) {
            0 => DownCause::Connect,
            1 => DownCause::Probe,
            _ => DownCause::Ejected,
        })
    }

    /// When it will be taken back; none unless it is ejected for a time.
    #[must_use]
    pub fn ejected_until(&self) -> Option<Millis> {
        let until = self.ejected_until.load(Ordering::Relaxed);
        (until != NEVER && self.down_cause() == Some(DownCause::Ejected)).then_some(Millis(until))
    }

    /// When the health last changed.
    #[must_use]
    pub fn changed(&self) -> Millis {
        Millis(self.changed.load(Ordering::Relaxed))
    }

    /// When the present failure was first seen; none while nothing fails.
    #[must_use]
    pub fn failing_since(&self) -> Option<Millis> {
        let since = self.failing_since.load(Ordering::Relaxed);
        (since != NEVER).then_some(Millis(since))
    }

    /// Whether requests may go there.
    #[must_use]
    pub fn fitness(&self, now: Millis) -> Fitness {
        match self.health() {
            Health::Up => Fitness::Up,
            Health::Down => Fitness::Down,
            Health::Unknown if now.0 >= self.grace_ends.load(Ordering::Relaxed) => Fitness::Up,
            Health::Unknown => Fitness::Unknown,
        }
    }

    /// How long a request waits at most for the first answer.
    #[must_use]
    pub fn unknown_until(&self, now: Millis) -> Millis {
        match self.grace_ends.load(Ordering::Relaxed) {
            NEVER => now.after(UNTOLD_START),
            ends => Millis(ends),
        }
    }

    /// A connect failed. Notes when the failure began; whether that makes the backend down is for the judge
    /// of health to say.
    pub fn connect_failed(&self, now: Millis) {
        let _writing = self.change.lock();
        let last = self.last_failure.swap(now.0, Ordering::Relaxed);
        let old = last != NEVER && now.since(Millis(last)) > INCIDENT_GAP;
        if self.failing_since().is_none() || (old && self.health() != Health::Down) {
            self.failing_since.store(now.0, Ordering::Relaxed);
        }
    }

    /// A connect succeeded: the failure is over, and so is a down that connects caused.
    /// True if the health changed.
    pub fn connect_succeeded(&self, now: Millis) -> bool {
        if self.failing_since().is_none() {
            return false;
        }
        let _writing = self.change.lock();
        match self.down_cause() {
            Some(DownCause::Probe | DownCause::Ejected) => false,
            Some(DownCause::Connect) => self.rise(now),
            None => {
                self.failing_since.store(NEVER, Ordering::Relaxed);
                false
            }
        }
    }

    /// Reports what was observed; `cause` matters for [`Health::Down`] only. True if the health changed, or
    /// if an ejection became a down of another cause. Up, reported again, also ends a failure that was too
    /// short to bring the backend down; it does not end an ejection before its time.
    pub fn set_health(&self, health: Health, cause: DownCause, now: Millis) -> bool {
        let _writing = self.change.lock();
        match health {
            Health::Down => {
                let before = self.down_cause();
                self.fall(cause, now) || before == Some(DownCause::Ejected) && cause != DownCause::Ejected
            }
            Health::Up if self.ejected_until().is_some() => false,
            Health::Up => self.rise(now),
            Health::Unknown => {
                let changed = self.health() != health;
                if changed {
                    self.turn(health, now);
                }
                changed
            }
        }
    }

    /// Requests could not connect: down, unless it is down for whatever cause. True if it was not.
    pub fn unreachable(&self, cause: DownCause, now: Millis) -> bool {
        let _writing = self.change.lock();
        self.health() != Health::Down && self.fall(cause, now)
    }

    /// Requests failed: down until [`BackendLive::take_back`] finds that its time has come. False if it is
    /// down already. A persisted client is held from now on, whatever failed before.
    pub fn eject(&self, until: Millis, now: Millis) -> bool {
        let _writing = self.change.lock();
        if self.health() == Health::Down {
            return false;
        }
        self.ejected_until.store(until.0, Ordering::Relaxed);
        self.failing_since.store(now.0, Ordering::Relaxed);
        self.fall(DownCause::Ejected, now)
    }

    /// Ends an ejection whose time has come. True if it did; the backend is up then.
    pub fn take_back(&self, now: Millis) -> bool {
        let _writing = self.change.lock();
        self.ejected_until().is_some_and(|until| now >= until) && self.rise(now)
    }

    /// The caller holds the lock. A backend that was down already gets another cause.
    fn fall(&self, cause: DownCause, now: Millis) -> bool {
        if self.failing_since().is_none() {
            self.failing_since.store(now.0, Ordering::Relaxed);
        }
        if cause != DownCause::Ejected {
            self.ejected_until.store(NEVER, Ordering::Relaxed);
        }
        self.cause.store(cause as u8, Ordering::Relaxed);
        let changed = self.health() != Health::Down;
        if changed {
            self.turn(Health::Down, now);
        }
        changed
    }

    /// The caller holds the lock.
    fn rise(&self, now: Millis) -> bool {
        let before = self.health();
        if before == Health::Down {
            self.recovered.store(now.0, Ordering::Relaxed);
        }
        self.failing_since.store(NEVER, Ordering::Relaxed);
        self.ejected_until.store(NEVER, Ordering::Relaxed);
        if before != Health::Up {
            self.turn(Health::Up, now);
        }
        before != Health::Up
    }

    /// The caller holds the lock.
    fn turn(&self, health: Health, now: Millis) {
        self.changed.store(now.0, Ordering::Relaxed);
        self.health.store(health as u8, Ordering::Release);
    }

    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// From now on new clients go elsewhere, where they can, while it has so many requests in flight. Only the choice
    /// is changed: whoever sends the requests refuses or delays what is too much.
    pub fn limit_requests(&self, most: u32) {
        self.most_in_flight.store(most, Ordering::Relaxed);
    }

    /// Whether it has fewer requests in flight than [`BackendLive::limit_requests`] says.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight() < self.most_in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn request_began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    fn recovered(&self) -> Option<Millis> {
        let recovered = self.recovered.load(Ordering::Relaxed);
        (recovered != NEVER).then_some(Millis(recovered))
    }
}

/// A node at one pool's port.
#[derive(Debug)]
pub struct Backend {
    /// The machine.
    pub node: Arc<Node>,
    /// Index of its pool.
    pub pool: usize,
    /// The port.
    pub port: u16,
    /// How long it takes to its full share of new clients after it came back.
    pub slow_start: Duration,
    /// What survives a reload.
    pub live: Arc<BackendLive>,
}

impl Backend {
    /// Whether requests may go there. The operator's will is not part of it.
    #[must_use]
    pub fn fitness(&self, now: Millis) -> Fitness {
        self.live.fitness(now)
    }

    /// Its share of new clients, per mille of its weight: 100 at the moment it came back, 1000 after
    /// `slow_start`. A backend that was never down has its full share.
    #[must_use]
    pub fn slow_start_share(&self, now: Millis) -> u32 {
        let Some(recovered) = self.live.recovered() else { return 1000 };
        let whole = self.slow_start.as_millis();
        let passed = now.since(recovered).as_millis();
        if passed >= whole {
            return 1000;
        }
        100 + u32::try_from(passed * 900 / whole).unwrap_or(900)
    }
}
