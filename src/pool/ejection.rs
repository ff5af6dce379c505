//! When failing requests take a backend out of service: the counting rules, without clock and without I/O.
//!
//! A request fails if its connection is closed before the response is whole, or if the backend is silent for
//! too long. A status never counts: a SOAP fault is a status 500 and part of normal protocol. Rates over a
//! window were rejected: a farm whose only calls are a few long ones a minute has no rate, and a backend that
//! answers in between is not the one this is for.

use crate::clock::{Micros, Millis};
use std::time::Duration;

/// Between two warnings that a backend is kept although it fails.
const SPARED_AGAIN: Duration = Duration::from_secs(60);

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The connection was closed or reset before the response was whole.
    Closed,
    /// The backend was silent, or took nothing, for too long.
    TimedOut,
}

/// Too many requests failed one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// So many.
    pub failures: u32,
    /// The backend had just been taken back: then one is too many.
    pub on_probation: bool,
}

/// Follows the requests of one backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Streak {
    failures: u32,
    last: Option<Micros>,
    /// On probation since it was taken back then.
    returned: Option<Micros>,
    warned: Option<Millis>,
}

impl Streak {
    /// Whether a request that succeeds would change anything.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.failures > 0 || self.returned.is_some()
    }

    /// A request that was sent at `sent` was answered, with whatever status. What was sent before the backend
    /// was taken back says nothing of it now.
    pub fn answered(&mut self, sent: Micros) {
        if self.returned.is_some_and(|returned| sent < returned) {
            return;
        }
        self.failures = 0;
        self.returned = None;
    }

    /// A request that was sent at `sent` has failed now. `limit` failures in a row are too many; after a
    /// return, the first one is.
    ///
    /// Connections that break together are one failure: a request that was under way when the last one was
    /// counted adds nothing. What was sent before the backend was taken back says nothing of it now.
    pub fn failed(&mut self, how: RequestFailure, sent: Micros, now: Micros, limit: u32) -> Option<TooMany> {
        if how == RequestFailure::Closed && self.last.is_some_and(|last| sent <= last) {
            return None;
        }
        if self.returned.is_some_and(|returned| sent < returned) {
            return None;
        }
        self.last = Some(now);
        self.failures = self.failures.saturating_add(1);
        let on_probation = self.returned.is_some();
        (on_probation || self.failures >= limit).then_some(TooMany { failures: self.failures, on_probation })
    }

    /// It is ejected: counting starts anew.
    pub fn ejected(&mut self) {
        self.failures = 0;
        self.returned = None;
    }

    /// Its time is over.
    pub fn taken_back(&mut self, now: Micros) {
        self.failures = 0;
        self.returned = Some(now);
    }

    /// It ought to be ejected and is kept, because nothing would be left. True if that is to be told.
    pub fn spared(&mut self, now: Millis) -> bool {
        let tell = self.warned.is_none_or(|warned| now.since(warned) >= SPARED_AGAIN);
        if tell {
            self.warned = Some(now);
        }
        tell
    }
}

#[cfg(test)]
mod tests;
