//! Cells that one worker writes and everybody may read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter with one writer.
///
/// Adding is a load and a store and not an atomic addition: the worker that owns the cell is the only one to
/// write it, and it runs on one thread. A second writer would lose counts, and nothing worse.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    #[inline]
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    #[inline]
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets in microseconds: from what a request on the local network takes to the 20 minutes
/// that clients of MIM Service wait.
const BOUNDS: [u64; 18] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    1_200_000_000,
];

/// A histogram of durations with one writer.
#[derive(Debug, Default)]
pub struct Durations {
    /// Each counts for itself; what is above the last bound has a bucket too.
    buckets: [Count; BOUNDS.len() + 1],
    micros: Count,
}

impl Durations {
    /// Counts one duration.
    #[inline]
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        // Most are short: a search from the front is over after a few steps.
        let place = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[place].one();
        self.micros.add(micros);
    }
}

/// A histogram as it is told: cumulative buckets, count and sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Distribution {
    /// Upper bound in seconds, and how many were not above it.
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    /// In seconds.
    pub(super) sum: f64,
}

impl Distribution {
    pub(super) fn of<'a>(parts: impl Iterator<Item = &'a Durations>) -> Self {
        let mut counts = [0; BOUNDS.len() + 1];
        let mut micros = 0_u64;
        for part in parts {
            for (count, bucket) in counts.iter_mut().zip(&part.buckets) {
                *count += bucket.read();
            }
            micros = micros.wrapping_add(part.micros.read());
        }
        let mut count = 0;
        let cumulative = BOUNDS.iter().zip(counts).map(|(bound, bucket)| {
            count += bucket;
            (*bound as f64 / 1e6, count)
        });
        let buckets = cumulative.collect();
        Self { buckets, count: count + counts[BOUNDS.len()], sum: micros as f64 / 1e6 }
    }
}

/// Keeps what different workers write on different cache lines; two, because they are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// One `T` for each worker.
#[derive(Debug)]
pub struct PerWorker<T> {
    parts: Box<[Apart<T>]>,
}

impl<T> PerWorker<T> {
    /// A copy for each of so many workers, at least one.
    #[must_use]
    pub fn new(workers: usize, make: impl Fn() -> T) -> Self {
        Self { parts: (0..workers.max(1)).map(|_| Apart(make())).collect() }
    }

    /// The copy of one worker, which alone may write it.
    #[inline]
    #[must_use]
    pub fn of(&self, worker: usize) -> &T {
        // A worker that nobody knows of shares the last copy: counts may be lost there, requests not.
        &self.parts[worker.min(self.parts.len() - 1)].0
    }

    /// All copies.
    pub fn each(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().map(|part| &part.0)
    }

    /// The sum over all copies of the cell that `pick` finds in each.
    pub fn total(&self, pick: impl Fn(&T) -> &Count) -> u64 {
        self.each().map(|part| pick(part).read()).sum()
    }

    pub(super) fn distribution(&self, pick: impl Fn(&T) -> &Durations) -> Distribution {
        Distribution::of(self.each().map(pick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_add_up() {
        let counts = PerWorker::new(3, Count::default);
        for worker in [0, 1, 2, 2, 7] {
            counts.of(worker).one();
        }
        assert_eq!(counts.total(|count| count), 5);
        assert_eq!(counts.of(2).read(), 3);
    }

    #[test]
    fn durations_fall_into_the_bucket_they_are_not_above() {
        let one = PerWorker::new(2, Durations::default);
        one.of(0).record(Duration::from_micros(500));
        one.of(1).record(Duration::from_micros(501));
        one.of(1).record(Duration::from_secs(2000));
        one.of(1).record(Duration::ZERO);
        let told = one.distribution(|durations| durations);
        assert_eq!(told.buckets[0], (0.0005, 2));
        assert_eq!(told.buckets[1], (0.001, 3));
        assert_eq!(told.buckets.last(), Some(&(1200.0, 3)));
        assert_eq!(told.count, 4);
        assert!((told.sum - 2_000.001_001).abs() < 1e-9, "{}", told.sum);
    }

    #[test]
    fn bounds_grow() {
        assert!(BOUNDS.is_sorted());
    }
}
