//! How many connections are open, and the bounds on that.

use log::warn;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Connections that are open, and the bound on them.
#[derive(Clone, Debug)]
pub(super) struct Active(Arc<ActiveState>);

#[derive(Debug)]
struct ActiveState {
    what: &'static str,
    count: AtomicUsize,
    limit: usize,
    /// Connections of each address, where those are bounded too.
    each: Option<(usize, Mutex<HashMap<IpAddr, usize>>)>,
    full: AtomicBool,
    changed: Notify,
}

impl Active {
    /// `what` has the bound, for the message that says so. `each` bounds what one address may have.
    pub(super) fn new(what: &'static str, limit: usize, each: Option<usize>) -> Self {
        Self(Arc::new(ActiveState {
            what,
            count: AtomicUsize::new(0),
            limit,
            each: each.map(|most| (most, Mutex::default())),
            full: AtomicBool::new(false),
            changed: Notify::new(),
        }))
    }

    pub(super) fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// A place for one connection, if there is one.
    pub(super) fn enter(&self, client: IpAddr) -> Option<Place> {
        let before = self.0.count.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone(), client);
        let mut room = true;
        if let Some((most, each)) = &self.0.each {
            let mut each = each.lock();
            let its = each.entry(client).or_default();
            *its += 1;
            room = *its <= *most;
        }
        if before < self.0.limit && room {
            return Some(place);
        }
        if room && !self.0.full.swap(true, Ordering::Relaxed) {
            warn!("{} connections are open, more are refused ({})", self.0.limit, self.0.what);
        }
        None
    }

    /// Waits until no connection is open.
    pub(super) async fn none_left(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// Held while a connection is open.
pub(super) struct Place(Active, IpAddr);

impl Drop for Place {
    fn drop(&mut self) {
        let state = &self.0.0;
        if let Some((_, each)) = &state.each
            && let Entry::Occupied(mut its) = each.lock().entry(self.1)
        {
            *its.get_mut() -= 1;
            if *its.get() == 0 {
                its.remove();
            }
        }
        let left = state.count.fetch_sub(1, Ordering::Relaxed) - 1;
        // A tenth of the room must be free again before the next warning.
        if left < state.limit - state.limit / 10 && state.full.load(Ordering::Relaxed) {
            state.full.store(false, Ordering::Relaxed);
        }
        if left == 0 {
            state.changed.notify_waiters();
        }
    }
}
