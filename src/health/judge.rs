//! From single probe results to health.

use crate::pool::Health;

/// How many results in a row make up a mind.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// Successes that bring a backend up.
    pub rise: u32,
    /// Failures that bring it down.
    pub fall: u32,
}

/// Follows one backend's probes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judge {
    successes: u32,
    failures: u32,
}

impl Judge {
    /// What the backend's health becomes with one more result, if it changes. The very first result decides
    /// at once: until then no request is let through, and waiting for more would only keep clients waiting.
    pub fn observe(&mut self, current: Health, success: bool, thresholds: Thresholds) -> Option<Health> {
        if success {
            self.successes = self.successes.saturating_add(1);
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.successes = 0;
        }
        match (current, success) {
            (Health::Unknown, true) => Some(Health::Up),
            (Health::Unknown, false) => Some(Health::Down),
            (Health::Down, true) if self.successes >= thresholds.rise => Some(Health::Up),
            (Health::Up, false) if self.failures >= thresholds.fall => Some(Health::Down),
            _ => None,
        }
    }

    /// Whether the results of late speak against the current health: then probes come faster.
    #[must_use]
    pub fn is_changing(&self, current: Health) -> bool {
        match current {
            Health::Unknown => true,
            Health::Up => self.failures > 0,
            Health::Down => self.successes > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { rise: 2, fall: 3 };

    #[test]
    fn one_answer_decides_the_first_state() {
        assert_eq!(Judge::default().observe(Health::Unknown, true, THRESHOLDS), Some(Health::Up));
        assert_eq!(Judge::default().observe(Health::Unknown, false, THRESHOLDS), Some(Health::Down));
    }

    #[test]
    fn a_backend_falls_after_three_failures_in_a_row() {
        let mut judge = Judge::default();
        for success in [false, false, true, false, false] {
            assert_eq!(judge.observe(Health::Up, success, THRESHOLDS), None);
        }
        assert!(judge.is_changing(Health::Up));
        assert_eq!(judge.observe(Health::Up, false, THRESHOLDS), Some(Health::Down));
        assert!(!judge.is_changing(Health::Down));
    }

    #[test]
    fn a_backend_rises_after_two_successes_in_a_row() {
        let mut judge = Judge::default();
        for success in [true, false, true] {
            assert_eq!(judge.observe(Health::Down, success, THRESHOLDS), None);
        }
        assert!(judge.is_changing(Health::Down));
        assert_eq!(judge.observe(Health::Down, true, THRESHOLDS), Some(Health::Up));
    }
}
