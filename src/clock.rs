//! Time as a value.
//!
//! Everything that depends on time takes it as an argument, so that tests move it by hand. Two kinds are
//! needed: monotonic milliseconds for what lives in this process (pins, health, deadlines) and wall-clock
//! seconds for what other edges and later processes must understand (cookies). Wall-clock time for pins was
//! rejected: a clock that an administrator sets back would keep every pin alive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic milliseconds since the clock was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// This moment plus `duration`; saturates instead of overflowing.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Monotonic microseconds since the clock was made, where the order of events within a millisecond matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    /// The millisecond it lies in.
    #[must_use]
    pub fn millis(self) -> Millis {
        Millis(self.0 / 1000)
    }
}

impl From<Millis> for Micros {
    fn from(millis: Millis) -> Self {
        Self(millis.0.saturating_mul(1000))
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For pins, health and deadlines.
    pub mono: Millis,
    /// For cookies and logs.
    pub wall: UnixSeconds,
}

/// A clock whose reading is refreshed from outside and costs one load.
///
/// Reading the operating system's clock for every decision would cost more than the decision. The process
/// refreshes this one a few times a second, so a reading is at most one refresh interval old.
#[derive(Debug)]
pub struct CoarseClock {
    origin: Instant,
    mono: AtomicU64,
    wall: AtomicU64,
}

impl CoarseClock {
    /// A clock that starts at zero monotonic milliseconds, already refreshed.
    #[must_use]
    pub fn start() -> Self {
        let clock = Self { origin: Instant::now(), mono: AtomicU64::new(0), wall: AtomicU64::new(0) };
        clock.refresh();
        clock
    }

    /// Reads the operating system's clocks and keeps the result for [`CoarseClock::now`].
    pub fn refresh(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mono = whole_millis(self.origin.elapsed());
        self.mono.store(mono, Ordering::Relaxed);
        self.wall.store(wall, Ordering::Relaxed);
        Now { mono: Millis(mono), wall: UnixSeconds(wall) }
    }

    /// A moment that was read from the operating system's clock, as this clock tells it.
    #[must_use]
    pub fn at(&self, moment: Instant) -> Micros {
        let since = moment.saturating_duration_since(self.origin).as_micros();
        Micros(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// The last refreshed reading.
    pub fn now(&self) -> Now {
        Now {
            mono: Millis(self.mono.load(Ordering::Relaxed)),
            wall: UnixSeconds(self.wall.load(Ordering::Relaxed)),
        }
    }
}
