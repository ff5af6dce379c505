//! What was refused, by reason.

use crate::persistence::cookie::CookieRefusal;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Counts by reason. Refusals are rare and attackers are not in a hurry to be fast: a lock will do.
#[derive(Debug, Default)]
pub struct Counters {
    refused: Mutex<BTreeMap<&'static str, u64>>,
    cookies: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    /// Counts a request that was refused.
    pub fn refused(&self, reason: &'static str) {
        *self.refused.lock().entry(reason).or_default() += 1;
    }

    /// Counts a persistence cookie that was no cookie.
    pub fn cookie_refused(&self, refusal: CookieRefusal) {
        *self.cookies.lock().entry(refusal.reason()).or_default() += 1;
    }

    /// One line for the log, or nothing if nothing was refused.
    pub fn summary(&self) -> Option<String> {
        let list = |counts: &Mutex<BTreeMap<&'static str, u64>>| {
            let counts = counts.lock();
            counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
        };
        let (requests, cookies) = (list(&self.refused), list(&self.cookies));
        match (requests.is_empty(), cookies.is_empty()) {
            (true, true) => None,
            (false, true) => Some(format!("requests refused: {requests}")),
            (true, false) => Some(format!("cookies refused: {cookies}")),
            (false, false) => Some(format!("requests refused: {requests}; cookies refused: {cookies}")),
        }
    }
}
