//! A backend as requests and probes meet it: how it is reached, and what that has shown.
//!
//! Every change of its health goes through here, so that each is counted once, wherever it was noticed.

use super::Address;
use crate::clock::{Micros, Millis};
use crate::engine::upstream::{ConnectError, Origin, OriginTls};
use crate::pool::ejection::{RequestFailure, Streak, TooMany};
use crate::pool::{Backend, DownCause, Fitness, Health};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// What takes a backend out of service, and what brings it back.
#[derive(Clone, Copy, Debug)]
pub struct EndpointRules {
    /// So many failed connects, or failed requests, in a row take it out.
    pub eject_after: u32,
    /// For so long, if it was requests that failed.
    pub eject_for: Duration,
    /// Whether a connect that succeeds shows that the backend works, because its probe does no more either.
    pub connect_proves: bool,
}

/// How often what happened; each only grows.
#[derive(Debug, Default)]
pub struct EndpointTally {
    /// Probes that found it well.
    pub probes_ok: AtomicU64,
    /// Probes that did not.
    pub probes_failed: AtomicU64,
    /// How long the last probe took, in microseconds. Zero before the first.
    pub probe_micros: AtomicU64,
    /// Changes to up: the first answer, the end of a down, the end of an ejection.
    pub went_up: AtomicU64,
    /// Changes to down, ejections among them.
    pub went_down: AtomicU64,
    /// Ejections whose last failure was a closed connection.
    pub ejections_closed: AtomicU64,
    /// Ejections whose last failure was silence.
    pub ejections_timed_out: AtomicU64,
    /// Failures after which it would have been ejected, had anything been left of its pool.
    pub ejections_spared: AtomicU64,
}

/// What connections to a backend have in common. Only what TLS is made of can change.
#[derive(Debug)]
enum Reach {
    Plain(Arc<Origin>),
    Secured(ArcSwap<Origin>),
}

/// How a backend is reached, and what connecting to it has shown.
#[derive(Debug)]
pub struct Endpoint {
    /// `POOL/NODE`, as messages name it.
    pub name: Arc<str>,
    /// The backend.
    pub backend: Arc<Backend>,
    origin: Reach,
    /// Where its node is.
    pub address: Arc<Address>,
    /// What takes it out of service.
    pub rules: EndpointRules,
    /// How often what happened.
    pub tally: EndpointTally,
    /// Connects that failed, one after the other.
    failed_connects: AtomicU32,
    /// Mirrors [`Streak::is_troubled`], so that a request that was answered takes no lock.
    troubled: AtomicBool,
    streak: Mutex<Streak>,
    why_down: Mutex<Option<Arc<str>>>,
    distrusted: AtomicBool,
    /// Rung when a request has reason to doubt the backend: its probe does not wait for its turn.
    pub doubt: Notify,
    /// Rung when it is ejected: somebody must take it back.
    pub ejected: Notify,
    /// Held by the one request that tries whether the backend takes connections again.
    pub trial: Semaphore,
}

impl Endpoint {
    /// An endpoint without any history.
    #[must_use]
    pub fn new(
        pool: &str,
        backend: Arc<Backend>,
        origin: Arc<Origin>,
        address: Arc<Address>,
        rules: EndpointRules,
    ) -> Self {
        Self {
            name: format!("{pool}/{}", backend.node.name).into(),
            backend,
            origin: match origin.tls {
                None => Reach::Plain(origin),
                Some(_) => Reach::Secured(ArcSwap::new(origin)),
            },
            address,
            rules,
            tally: EndpointTally::default(),
            failed_connects: AtomicU32::new(0),
            troubled: AtomicBool::new(false),
            streak: Mutex::default(),
            why_down: Mutex::default(),
            distrusted: AtomicBool::new(false),
            doubt: Notify::new(),
            ejected: Notify::new(),
            trial: Semaphore::new(1),
        }
    }

    /// What connections to it have in common, as they are made now.
    #[must_use]
    pub fn origin(&self) -> Arc<Origin> {
        match &self.origin {
            Reach::Plain(origin) => Arc::clone(origin),
            Reach::Secured(origin) => origin.load_full(),
        }
    }

    /// New connections to it are secured like this from now on; nothing for a backend that is reached without TLS.
    pub fn secure_anew(&self, tls: OriginTls) {
        if let Reach::Secured(origin) = &self.origin {
            origin.store(Arc::new(origin.load().secured_anew(tls)));
        }
    }

    /// Its address and port, once the node's name is resolved.
    #[must_use]
    pub fn socket(&self) -> Option<SocketAddr> {
        self.address.current().map(|ip| SocketAddr::new(ip, self.backend.port))
    }

    /// Why it is down, as the message said; none unless it is.
    #[must_use]
    pub fn why_down(&self) -> Option<Arc<str>> {
        (self.backend.live.health() == Health::Down).then(|| self.why_down.lock().clone()).flatten()
    }

    /// A probe ended, after so long.
    pub fn probed(&self, well: bool, took: Duration) {
        let ended = if well { &self.tally.probes_ok } else { &self.tally.probes_failed };
        ended.fetch_add(1, Ordering::Relaxed);
        self.tally.probe_micros.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Probes have made up their mind. True if that changed the backend's health, or made an ejection a down
    /// that only probes end. `why` is asked for a down only.
    pub fn judged(&self, health: Health, now: Millis, why: impl FnOnce() -> String) -> bool {
        let live = &self.backend.live;
        let was_down = live.health() == Health::Down;
        let changed = live.set_health(health, self.cause(), now);
        if changed && health == Health::Down {
            *self.why_down.lock() = Some(why().into());
        }
        match (changed, health) {
            (true, Health::Down) if !was_down => self.went_down(),
            (true, Health::Up) => {
                // A new life: what failed in the last one counts no more.
                self.failed_connects.store(0, Ordering::Relaxed);
                self.went_up();
            }
            _ => {}
        }
        changed
    }

    /// A connect failed that began at `began`. How many failed in a row, if these took the backend down.
    pub fn connect_failed(&self, began: Millis, now: Millis, why: impl FnOnce() -> String) -> Option<u32> {
        let live = &self.backend.live;
        live.connect_failed(began);
        self.doubt.notify_one();
        let failures = self.failed_connects.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let too_many = failures >= self.rules.eject_after && live.fitness(now) == Fitness::Up;
        if !too_many || !live.unreachable(self.cause(), now) {
            return None;
        }
        *self.why_down.lock() = Some(why().into());
        self.went_down();
        Some(failures)
    }

    /// A connect succeeded. True if the backend is up with it.
    pub fn connect_succeeded(&self, now: Millis) -> bool {
        if self.failed_connects.load(Ordering::Relaxed) != 0 {
            self.failed_connects.store(0, Ordering::Relaxed);
        }
        self.note_trust(None);
        self.well(now)
    }

    /// A connect or a probe succeeded: a failure that was too short to bring it down is over, and a down that
    /// connects caused. True if the backend is up with it.
    pub fn well(&self, now: Millis) -> bool {
        let changed = self.backend.live.connect_succeeded(now);
        if changed {
            self.went_up();
        }
        changed
    }

    /// A request was answered, with whatever status. When it was sent is asked for only where that matters.
    #[inline]
    pub fn answered(&self, sent: impl FnOnce() -> Micros) {
        if self.troubled.load(Ordering::Relaxed) {
            let sent = sent();
            self.follow(|streak| streak.answered(sent));
        }
    }

    /// A request failed that was sent at `sent`; says if that was one too many. One that ends when the
    /// backend is down already adds nothing.
    pub(super) fn request_failed(&self, how: RequestFailure, sent: Micros, now: Micros) -> Option<TooMany> {
        if self.backend.live.health() == Health::Down {
            return None;
        }
        self.follow(|streak| streak.failed(how, sent, now, self.rules.eject_after))
    }

    /// Takes it out of service for a time. False if it is down already.
    pub(super) fn eject(&self, how: RequestFailure, now: Millis, why: Arc<str>) -> bool {
        if !self.backend.live.eject(now.after(self.rules.eject_for), now) {
            return false;
        }
        self.follow(Streak::ejected);
        *self.why_down.lock() = Some(why);
        let ejections = match how {
            RequestFailure::Closed => &self.tally.ejections_closed,
            RequestFailure::TimedOut => &self.tally.ejections_timed_out,
        };
        ejections.fetch_add(1, Ordering::Relaxed);
        self.went_down();
        self.ejected.notify_one();
        true
    }

    /// It fails and is kept, because nothing would be left. True if that is to be told.
    pub(super) fn spare(&self, now: Millis) -> bool {
        self.tally.ejections_spared.fetch_add(1, Ordering::Relaxed);
        self.follow(|streak| streak.spared(now))
    }

    /// Ends an ejection whose time has come; true if it did. The next request that fails ejects it again.
    pub fn take_back(&self, now: Millis) -> bool {
        if !self.backend.live.take_back(now) {
            return false;
        }
        self.failed_connects.store(0, Ordering::Relaxed);
        self.follow(|streak| streak.taken_back(now.into()));
        self.went_up();
        true
    }

    /// Notes whether the last connect failed because the backend's TLS is not as configured.
    pub fn note_trust(&self, error: Option<&ConnectError>) {
        let distrusted = matches!(error, Some(ConnectError::Tls(_)));
        if self.distrusted.load(Ordering::Relaxed) != distrusted {
            self.distrusted.store(distrusted, Ordering::Relaxed);
        }
    }

    /// Whether waiting is of no use: the backend's certificate or TLS is not as configured.
    #[must_use]
    pub fn is_distrusted(&self) -> bool {
        self.distrusted.load(Ordering::Relaxed)
    }

    /// What a down is called that a failed connect or probe causes.
    fn cause(&self) -> DownCause {
        if self.rules.connect_proves { DownCause::Connect } else { DownCause::Probe }
    }

    fn follow<T>(&self, change: impl FnOnce(&mut Streak) -> T) -> T {
        let mut streak = self.streak.lock();
        let result = change(&mut streak);
        self.troubled.store(streak.is_troubled(), Ordering::Relaxed);
        result
    }

    fn went_up(&self) {
        self.tally.went_up.fetch_add(1, Ordering::Relaxed);
    }

    fn went_down(&self) {
        self.tally.went_down.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
