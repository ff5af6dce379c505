//! One coarse deadline for each connection.
//!
//! A timer for every read would be set and cancelled several times a request. Here setting a deadline is one
//! store; a sweep four times a second finds the few that have passed, marks them and wakes their task, whose
//! next poll sees the mark. A deadline is therefore never early and at most two sweep intervals late.
//!
//! Each worker has its own [`Deadlines`]. Nothing refers to a socket: a design that kept deadlines by
//! descriptor number and shut the descriptor down was rejected, because a closed number is given out again.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

/// How often deadlines are swept.
pub const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

/// Values of a slot: nothing due; passed; else the tick, with a mark where the connection is idle.
const NONE: u32 = 0;
const PASSED: u32 = u32::MAX;
const IDLE: u32 = 1 << 31;

#[derive(Debug, Default)]
struct Slot {
    due: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

#[derive(Debug, Default)]
struct Slots {
    used: Vec<Option<Arc<Slot>>>,
    free: Vec<usize>,
}

/// The deadlines of one worker's connections.
#[derive(Debug, Default)]
pub struct Deadlines {
    tick: AtomicU32,
    slots: Mutex<Slots>,
}

impl Deadlines {
    /// A deadline that is not set; it leaves the sweep when it is dropped.
    pub fn register(self: &Arc<Self>) -> Deadline {
        let slot = Arc::new(Slot::default());
        let mut slots = self.slots.lock();
        let index = if let Some(index) = slots.free.pop() {
            slots.used[index] = Some(slot.clone());
            index
        } else {
            slots.used.push(Some(slot.clone()));
            slots.used.len() - 1
        };
        drop(slots);
        Deadline { slot, index, deadlines: self.clone() }
    }

    /// Moves time on to `elapsed` since the worker started and wakes every task whose deadline has passed;
    /// with `stopping`, idle connections as well.
    pub fn sweep(&self, elapsed: Duration, stopping: bool) {
        let tick = u32::try_from(elapsed.as_millis() / SWEEP_INTERVAL.as_millis()).unwrap_or(IDLE - 2);
        self.tick.store(tick, Ordering::Relaxed);
        let mut woken = Vec::new();
        for slot in self.slots.lock().used.iter().flatten() {
            let due = slot.due.load(Ordering::Relaxed);
            if due == NONE || due == PASSED {
                continue;
            }
            let passed = due & !IDLE <= tick || stopping && due & IDLE != 0;
            // The task may have moved its deadline meanwhile: then this sweep does not concern it.
            if passed && slot.due.compare_exchange(due, PASSED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            {
                woken.extend(slot.waker.lock().take());
            }
        }
        for waker in woken {
            waker.wake();
        }
    }
}

/// The deadline of one connection.
#[derive(Debug)]
pub struct Deadline {
    slot: Arc<Slot>,
    index: usize,
    deadlines: Arc<Deadlines>,
}

impl Deadline {
    /// Due after `duration` from now; replaces what was set before.
    pub fn set(&self, duration: Duration) {
        self.slot.due.store(self.tick_after(duration), Ordering::Relaxed);
    }

    /// Like [`Deadline::set`], and due at once when the worker stops: the connection is between requests.
    pub fn set_idle(&self, duration: Duration) {
        self.slot.due.store(self.tick_after(duration) | IDLE, Ordering::Relaxed);
    }

    /// The time since the worker started, as of the last sweep.
    pub fn now(&self) -> Duration {
        SWEEP_INTERVAL * self.deadlines.tick.load(Ordering::Relaxed)
    }

    /// Whether the deadline has passed; if not, the task of `context` is woken when it does.
    pub fn poll_passed(&self, context: &Context<'_>) -> bool {
        let mut waker = self.slot.waker.lock();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        // Read under the lock: a sweep that passed the deadline takes the waker under the same lock after it.
        self.has_passed()
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.slot.due.load(Ordering::Relaxed) == PASSED
    }

    fn tick_after(&self, duration: Duration) -> u32 {
        let ticks = whole_ticks(duration).min(IDLE / 2);
        // One more: the current tick has partly gone by.
        (self.deadlines.tick.load(Ordering::Relaxed) + ticks + 1).min(IDLE - 1)
    }
}

/// How many sweeps lie in `duration`, rounded up. Several times a request, so without a division of 128 bits.
fn whole_ticks(duration: Duration) -> u32 {
    const MILLIS: u32 = SWEEP_INTERVAL.subsec_millis();
    const PER_SECOND: u64 = (1000 / MILLIS) as u64;
    const _: () = assert!(SWEEP_INTERVAL.as_millis() == MILLIS as u128 && 1000 % MILLIS == 0);
    let part = u64::from(duration.subsec_millis().div_ceil(MILLIS));
    let ticks = duration.as_secs().saturating_mul(PER_SECOND).saturating_add(part);
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let mut slots = self.deadlines.slots.lock();
        slots.used[self.index] = None;
        slots.free.push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waiting(deadline: &Deadline) -> Arc<Counter> {
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(counter.clone());
        assert!(!deadline.poll_passed(&Context::from_waker(&waker)));
        counter
    }

    #[test]
    fn a_deadline_passes_after_its_time_and_not_before() {
        let deadlines = Arc::new(Deadlines::default());
        let deadline = deadlines.register();
        deadline.set(Duration::from_secs(1));
        let counter = waiting(&deadline);
        deadlines.sweep(Duration::from_millis(1000), false);
        assert!(!deadline.has_passed());
        deadlines.sweep(Duration::from_millis(1250), false);
        assert!(deadline.has_passed());
        assert_eq!(counter.0.load(Ordering::Relaxed), 1);
        deadlines.sweep(Duration::from_millis(5000), false);
        assert_eq!(counter.0.load(Ordering::Relaxed), 1, "woken once");
    }

    #[test]
    fn sweeps_are_counted_up() {
        for (millis, ticks) in
            [(0, 0), (1, 1), (249, 1), (250, 1), (251, 2), (1000, 4), (1001, 5), (61_250, 245)]
        {
            assert_eq!(whole_ticks(Duration::from_millis(millis)), ticks, "{millis}");
        }
        assert_eq!(whole_ticks(Duration::MAX), u32::MAX);
    }

    #[test]
    fn a_moved_deadline_counts_from_its_move() {
        let deadlines = Arc::new(Deadlines::default());
        let deadline = deadlines.register();
        deadline.set(Duration::from_secs(1));
        deadlines.sweep(Duration::from_secs(1), false);
        deadline.set(Duration::from_secs(10));
        deadlines.sweep(Duration::from_secs(5), false);
        assert!(!deadline.has_passed());
        deadlines.sweep(Duration::from_secs(12), false);
        assert!(deadline.has_passed());
    }

    #[test]
    fn stopping_ends_idle_connections_only() {
        let deadlines = Arc::new(Deadlines::default());
        let (idle, busy) = (deadlines.register(), deadlines.register());
        idle.set_idle(Duration::from_secs(100));
        busy.set(Duration::from_secs(100));
        deadlines.sweep(Duration::from_secs(1), true);
        assert!(idle.has_passed());
        assert!(!busy.has_passed());
    }

    #[test]
    fn places_are_used_again() {
        let deadlines = Arc::new(Deadlines::default());
        for hour in 1..100 {
            let deadline = deadlines.register();
            assert_eq!(deadline.index, 0);
            assert!(!deadline.has_passed());
            deadline.set(Duration::ZERO);
            deadlines.sweep(Duration::from_secs(3600 * hour), false);
            assert!(deadline.has_passed());
        }
    }

    #[test]
    fn a_very_long_deadline_never_passes_by_overflow() {
        let deadlines = Arc::new(Deadlines::default());
        let deadline = deadlines.register();
        deadline.set(Duration::MAX);
        deadlines.sweep(Duration::from_secs(86_400 * 365), false);
        assert!(!deadline.has_passed());
    }
}
