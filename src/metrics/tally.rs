//! What workers count, by what it belongs to. Each worker has a copy of its own ([`super::PerWorker`]).

use super::count::{Count, Durations};
use super::reasons::REASONS;
use crate::client_addr::forwarded::Fault;

/// Classes of status: nothing sent, 1xx to 5xx.
pub const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests by class of status.
#[derive(Debug, Default)]
pub struct ByStatus([Count; STATUS_CLASSES.len()]);

impl ByStatus {
    /// Counts a request that ended with `status`; zero if nothing was sent.
    #[inline]
    pub fn one(&self, status: u16) {
        if let Some(count) = self.0.get(usize::from(status / 100)) {
            count.one();
        }
    }

    /// One class.
    #[must_use]
    pub fn class(&self, place: usize) -> &Count {
        &self.0[place]
    }
}

/// Counts by [`REASONS`].
#[derive(Debug)]
pub struct ByReason(Box<[Count]>);

impl Default for ByReason {
    fn default() -> Self {
        Self(REASONS.iter().map(|_| Count::default()).collect())
    }
}

impl ByReason {
    /// Counts one of a reason.
    pub fn one(&self, reason: &str) {
        // A few dozen comparisons, for requests that fail: cheaper than what it takes to answer them.
        if let Some(place) = REASONS.iter().position(|known| *known == reason) {
            self.0[place].one();
        }
    }

    /// One reason, by its place among [`REASONS`].
    #[must_use]
    pub fn reason(&self, place: usize) -> &Count {
        &self.0[place]
    }
}

/// Why connections end before a request, or are ended for what their clients do on them.
pub const CONNECTION_REFUSALS: &[&str] = &[
    "limit",
    "listener_limit",
    "client_limit",
    "tls_handshake",
    "client_certificate",
    "untrusted_proxy",
    "proxy_header",
    "proxy_header_missing",
    "proxy_timeout",
    "no_request",
    "http2_resets",
    "http2_control_frames",
    "http2_head_timeout",
    "http2_stalled",
    "http2_protocol",
    "http2_excess",
    "http2_staying",
];

/// Connections refused, by [`CONNECTION_REFUSALS`].
#[derive(Debug)]
pub struct ByConnectionRefusal(Box<[Count]>);

impl Default for ByConnectionRefusal {
    fn default() -> Self {
        Self(CONNECTION_REFUSALS.iter().map(|_| Count::default()).collect())
    }
}

impl ByConnectionRefusal {
    /// Counts one for a reason.
    pub fn one(&self, reason: &str) {
        if let Some(place) = CONNECTION_REFUSALS.iter().position(|known| *known == reason) {
            self.0[place].one();
        }
    }

    /// One reason, by its place among [`CONNECTION_REFUSALS`].
    #[must_use]
    pub fn reason(&self, place: usize) -> &Count {
        &self.0[place]
    }
}

/// What is counted for a listener.
#[derive(Debug, Default)]
pub struct ListenerTally {
    /// Connections accepted.
    pub accepted: Count,
    /// Of them, those that are closed again.
    pub closed: Count,
    /// Connections that were turned away, or ended for what their clients did.
    pub connections_refused: ByConnectionRefusal,
    /// Requests without a route.
    pub unrouted: ByStatus,
    /// Requests whose field that names the client does not name one, by [`Fault`].
    pub client_faults: [Count; Fault::ALL.len()],
    /// Requests refused for what they are.
    pub refused: ByReason,
    /// Lines handed to the access log.
    pub logged: Count,
}

/// What is counted for a route.
#[derive(Debug)]
pub struct RouteTally {
    /// By the place of the backend in its pool; the last for those that the edge answered itself.
    requests: Box<[ByStatus]>,
    /// From head to end.
    pub duration: Durations,
    /// Of bodies, to backends.
    pub request_bytes: Count,
    /// Of bodies, to clients.
    pub response_bytes: Count,
    /// Requests that failed on the way.
    pub failures: ByReason,
}

impl RouteTally {
    /// For a pool of so many backends.
    #[must_use]
    pub fn new(backends: usize) -> Self {
        Self {
            requests: (0..=backends).map(|_| ByStatus::default()).collect(),
            duration: Durations::default(),
            request_bytes: Count::default(),
            response_bytes: Count::default(),
            failures: ByReason::default(),
        }
    }

    /// Requests that the backend at `place` answered; none: the edge itself.
    #[must_use]
    pub fn requests(&self, place: Option<usize>) -> &ByStatus {
        let last = self.requests.len() - 1;
        &self.requests[place.unwrap_or(last).min(last)]
    }
}

/// Results of connection attempts, as [`crate::engine::upstream::ConnectError::reason`] names them.
pub const CONNECTS: [&str; 6] =
    ["ok", "connection_refused", "connect_timeout", "connect_failed", "tls_failed", "name_not_resolved"];

/// How backends fail requests.
pub const FAILURES: [&str; 3] = ["upstream_closed", "upstream_timeout", "bad_response"];

/// What is counted for a backend.
#[derive(Debug, Default)]
pub struct BackendTally {
    /// By [`CONNECTS`].
    connects: [Count; CONNECTS.len()],
    /// Requests it failed, by [`FAILURES`].
    pub failures: [Count; FAILURES.len()],
    /// Requests on a connection kept from before.
    pub reuses: Count,
    /// Repeated connects.
    pub connect_retries: Count,
    /// Requests sent again.
    pub resends: Count,
    /// Connects that succeeded.
    pub connect: Durations,
    /// Until the first byte of a response.
    pub first_byte: Durations,
}

impl BackendTally {
    /// Counts an attempt by its result.
    pub fn connected(&self, result: &str) {
        if let Some(place) = CONNECTS.iter().position(|known| *known == result) {
            self.connects[place].one();
        }
    }

    /// The attempts with one result, by its place among [`CONNECTS`].
    #[must_use]
    pub fn connects(&self, place: usize) -> &Count {
        &self.connects[place]
    }
}

/// Why requests wait, as [`WaitedFor`] numbers it.
pub const WAITS: [&str; 4] = ["hold", "first_probe", "connect_retry", "queue"];

/// Why a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitedFor {
    /// Its node just failed, and it is held for it.
    Hold,
    /// Nothing is known of its node yet.
    FirstProbe,
    /// The next try of a connect that failed.
    ConnectRetry,
    /// Its backend has as many requests in flight as it may.
    Queue,
}

/// What is counted for a pool.
#[derive(Debug, Default)]
pub struct PoolTally {
    /// By [`WaitedFor`].
    pub waits: [Count; WAITS.len()],
}

/// What is counted for a persistence group.
#[derive(Debug)]
pub struct GroupTally {
    /// By outcome and by the rule that recognised the client.
    outcomes: Box<[Count]>,
    rules: usize,
    /// Requests that got no node, by reason.
    pub refused: ByReason,
    /// Cookies sent.
    pub cookies_set: Count,
    /// Cookies that counted as none, by reason.
    pub cookies_refused: Box<[Count]>,
}

impl GroupTally {
    /// For so many outcomes, rules that recognise clients, and reasons against cookies.
    #[must_use]
    pub fn new(outcomes: usize, rules: usize, cookie_refusals: usize) -> Self {
        let counts = |count: usize| (0..count).map(|_| Count::default()).collect();
        Self {
            outcomes: counts(outcomes * rules),
            rules,
            refused: ByReason::default(),
            cookies_set: Count::default(),
            cookies_refused: counts(cookie_refusals),
        }
    }

    /// Requests with one outcome by one rule, by their places.
    #[must_use]
    pub fn outcome(&self, outcome: usize, rule: usize) -> &Count {
        &self.outcomes[outcome * self.rules + rule]
    }
}
