//! What the pools of a group share: the clock, the view, and the number of those who wait.

use super::names::NameNodes;
use super::view::{Roster, Source, View};
use crate::clock::{CoarseClock, Millis, Now};
use crate::persistence::settings::GroupSettings;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How old what is known of the load balancers may be.
const FRESH: Duration = Duration::from_millis(10);
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
const SWEEP_BUDGET: usize = 4096;

pub(super) struct Shared {
    pub(super) name: String,
    pub(super) idle_timeout: Duration,
    /// None where the group holds nobody.
    pub(super) hold: Option<Duration>,
    pub(super) clock: CoarseClock,
    pub(super) view: ArcSwap<View>,
    pub(super) roster: Mutex<Roster>,
    pub(super) waiting: Waiting,
    looked: Every,
    swept: Every,
}

impl Shared {
    pub(super) fn new(settings: GroupSettings, name_nodes: Box<NameNodes>) -> Self {
        let clock = CoarseClock::start();
        let (name, idle_timeout) = (settings.name.clone(), settings.idle_timeout);
        let hold = Some(settings.hold).filter(|hold| !hold.is_zero());
        let mut roster = Roster::new(settings, name_nodes);
        let view = ArcSwap::from_pointee(roster.view(clock.now().mono));
        Self {
            name,
            idle_timeout,
            hold,
            clock,
            view,
            roster: Mutex::new(roster),
            waiting: Waiting { most: AtomicUsize::new(1_000), now: AtomicUsize::new(0) },
            looked: Every::default(),
            swept: Every::default(),
        }
    }

    pub(super) fn add(&self, name: &str, source: Arc<dyn Source>) -> usize {
        let mut roster = self.roster.lock();
        let index = roster.add(name, source);
        self.view.store(Arc::new(roster.view(self.clock.refresh().mono)));
        index
    }

    /// Reads the clock, and now and then the load balancers.
    pub(super) fn refresh(&self) -> Now {
        let now = self.clock.refresh();
        if self.looked.is_due(now.mono, FRESH) {
            self.look(now.mono);
        }
        if self.swept.is_due(now.mono, SWEEP_INTERVAL) {
            self.view.load().selector.sweep(now, SWEEP_BUDGET);
        }
        now
    }

    /// Takes over what the load balancers say now.
    pub(super) fn look(&self, now: Millis) {
        let view = self.view.load();
        if view.is_current() {
            view.observe(now);
            return;
        }
        // Under the lock, or an older set could replace a newer one.
        let mut roster = self.roster.lock();
        self.view.store(Arc::new(roster.view(now)));
    }

    pub(super) fn shows(&self, view: &Arc<View>) -> bool {
        Arc::ptr_eq(&self.view.load(), view)
    }
}

/// Lets one of many do what is due once in a while.
#[derive(Default)]
struct Every {
    /// One more than the milliseconds of the last time; zero is never.
    last: AtomicU64,
}

impl Every {
    fn is_due(&self, now: Millis, interval: Duration) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let due = last == 0 || now.since(Millis(last - 1)) >= interval;
        due && self.last.compare_exchange(last, now.0 + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A bounded number of requests that wait.
pub(super) struct Waiting {
    most: AtomicUsize,
    now: AtomicUsize,
}

/// One of them, until it is dropped.
pub(super) struct Place<'a>(&'a Waiting);

impl Waiting {
    pub(super) fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// None if so many wait already.
    pub(super) fn enter(&self) -> Option<Place<'_>> {
        let most = self.most.load(Ordering::Relaxed);
        let place = Place(self); // counted down again if there is no room
        (self.now.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}
