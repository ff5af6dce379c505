//! How slowly a client may move a body while everybody waits for it.
//!
//! A bound on the silence between two reads does not end a body of one byte in five minutes, and a bound on the whole
//! body would end large ones. So time is an account: what a client moves earns it time, at the configured rate; waiting
//! for it spends that, and nothing else does. It begins with [`BEGIN`] and never holds more than [`MOST`], so a client
//! may pause, as a lossy network makes it, and one that moves at the rate may go on for ever.

use std::time::Duration;

/// What a client may let others wait before it has moved anything.
const BEGIN: Duration = Duration::from_secs(10);

/// The longest pause that can be earned.
const MOST: Duration = Duration::from_secs(20);

/// The account of one client for one direction of a body.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes a second; zero is no bound.
    rate: u64,
    left: Duration,
    /// Since when the client lets the others wait.
    since: Option<Duration>,
    /// Bytes that had moved when the account was looked at last.
    moved: u64,
    /// Bytes that had reached the client when it had spent everything; forgotten once more is moved.
    arrived: Option<u64>,
}

impl Pace {
    pub(super) const fn new(rate: u64) -> Self {
        Self { rate, left: BEGIN, since: None, moved: 0, arrived: None }
    }

    /// At `now`, `moved` bytes have moved in all, and from here on the others wait for the client or not. Returns how
    /// long they do at most, if nothing moves.
    pub(super) fn turn(&mut self, moved: u64, theirs: bool, now: Duration) -> Duration {
        if self.rate == 0 {
            return Duration::MAX;
        }
        self.spend(now);
        let more = moved.saturating_sub(self.moved);
        if more > 0 {
            self.moved = moved;
            self.arrived = None;
            self.earn(more);
        }
        self.since = theirs.then_some(now);
        if theirs { self.left } else { Duration::MAX }
    }

    /// Whether the client has let the others wait for longer than it may.
    pub(super) fn is_spent(&self, now: Duration) -> bool {
        self.since.is_some_and(|since| now.saturating_sub(since) >= self.left)
    }

    /// Everything is spent, but what was handed over may have been slow to go: `arrived` is how many bytes the client
    /// has confirmed. At first that is only noted, and the client gets as much time as at the beginning; then it gets
    /// what it has earned since. Returns how long that is, unless it is nothing.
    ///
    /// A kernel holds megabytes for a client that was quick before, and takes more only when a third of them is gone:
    /// for minutes nothing moves here although the client reads.
    pub(super) fn last_chance(&mut self, arrived: u64, now: Duration) -> Option<Duration> {
        self.spend(now);
        match self.arrived.replace(arrived) {
            None => self.left = BEGIN,
            Some(before) => self.earn(arrived.saturating_sub(before)),
        }
        (!self.left.is_zero()).then_some(self.left)
    }

    fn spend(&mut self, now: Duration) {
        if let Some(since) = &mut self.since {
            self.left = self.left.saturating_sub(now.saturating_sub(*since));
            *since = now;
        }
    }

    fn earn(&mut self, bytes: u64) {
        const MICROS: u64 = 1_000_000;
        // As much as can be earned at all takes no more than so many bytes.
        let bytes = bytes.min(self.rate.saturating_mul(MOST.as_secs()));
        let earned = Duration::from_micros(bytes.saturating_mul(MICROS) / self.rate.max(1));
        self.left = (self.left + earned).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 240;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Moves `bytes` every `every`, for an hour; when it was too slow, if it was.
    fn too_slow(rate: u64, bytes: u64, every: Duration) -> Option<Duration> {
        let mut pace = Pace::new(rate);
        let (mut now, mut moved) = (Duration::ZERO, 0);
        pace.turn(0, true, now);
        while now < secs(3600) {
            now += every;
            if pace.is_spent(now) {
                return Some(now);
            }
            moved += bytes;
            pace.turn(moved, true, now);
        }
        None
    }

    #[test]
    fn a_body_that_dribbles_ends_and_one_at_the_rate_goes_on() {
        assert_eq!(too_slow(RATE, 1, secs(300)), Some(secs(300)));
        assert_eq!(too_slow(RATE, 1, secs(1)), Some(secs(11)));
        assert_eq!(too_slow(RATE, 200, secs(1)), Some(secs(55)), "a sixth too slow, ten seconds in hand");
        assert_eq!(too_slow(RATE, 240, secs(1)), None);
        assert_eq!(too_slow(RATE, 2400, secs(9)), None, "pauses may be as long as what was moved before");
        assert_eq!(too_slow(1 << 20, 1, secs(1)), Some(secs(10)));
        assert_eq!(too_slow(0, 0, secs(300)), None, "no bound");
    }

    #[test]
    fn no_more_than_the_longest_pause_is_earned() {
        let mut pace = Pace::new(RATE);
        assert_eq!(pace.turn(u64::MAX, true, secs(0)), MOST);
        assert!(!pace.is_spent(secs(19)));
        assert!(pace.is_spent(secs(20)));
    }

    #[test]
    fn only_its_own_turn_costs_a_client_time() {
        let mut pace = Pace::new(RATE);
        assert_eq!(pace.turn(0, true, secs(0)), secs(10));
        assert_eq!(pace.turn(0, false, secs(6)), Duration::MAX);
        assert!(!pace.is_spent(secs(10_000)));
        assert_eq!(pace.turn(0, true, secs(10_000)), secs(4));
        assert!(!pace.is_spent(secs(10_003)));
        assert!(pace.is_spent(secs(10_004)));
        assert_eq!(pace.turn(0, true, secs(10_005)), Duration::ZERO);
    }

    #[test]
    fn a_reader_whose_kernel_confirms_is_not_too_slow() {
        let mut pace = Pace::new(RATE);
        pace.turn(1 << 20, true, secs(0));
        assert!(pace.is_spent(secs(20)));
        assert_eq!(pace.last_chance(5_000, secs(20)), Some(secs(10)));
        assert_eq!(pace.last_chance(5_000 + 2_400, secs(30)), Some(secs(10)));
        assert_eq!(pace.last_chance(7_400 + 240, secs(40)), Some(secs(1)));
        assert_eq!(pace.last_chance(7_640, secs(41)), None);
    }

    #[test]
    fn a_reader_of_whom_nothing_is_known_gets_one_chance() {
        let mut pace = Pace::new(RATE);
        pace.turn(0, true, secs(0));
        assert_eq!(pace.last_chance(0, secs(10)), Some(secs(10)));
        assert_eq!(pace.last_chance(0, secs(20)), None);
        // What moves afterwards earns another.
        pace.turn(240, true, secs(21));
        assert_eq!(pace.last_chance(0, secs(30)), Some(secs(10)));
    }
}
