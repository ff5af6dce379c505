//! How many connections are open, and the bounds on that: of all listeners, of one, of one client.

use crate::client_addr::{ClientPrefixes, IpPrefix};
use log::warn;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Between two messages about the same bound: clients that come and go can keep it reached.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Says something, but not all the time.
#[derive(Debug, Default)]
struct Now(Mutex<Option<Instant>>);

impl Now {
    /// Whether the last time is long enough ago.
    fn is_due(&self) -> bool {
        let mut told = self.0.lock();
        let due = told.is_none_or(|told| told.elapsed() >= TOLD_AGAIN);
        if due {
            *told = Some(Instant::now());
        }
        due
    }
}

/// Connections that are open, and the bound on them.
#[derive(Clone, Debug)]
pub(super) struct Active(Arc<ActiveState>);

#[derive(Debug)]
struct ActiveState {
    what: String,
    count: AtomicUsize,
    limit: usize,
    told: Now,
    changed: Notify,
}

impl Active {
    /// `what` has the bound, for the message that says so.
    pub(super) fn new(what: impl Into<String>, limit: usize) -> Self {
        Self(Arc::new(ActiveState {
            what: what.into(),
            count: AtomicUsize::new(0),
            limit,
            told: Now::default(),
            changed: Notify::new(),
        }))
    }

    pub(super) fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// A place for one connection, if there is one.
    pub(super) fn enter(&self) -> Option<Place> {
        let before = self.0.count.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone());
        if before < self.0.limit {
            return Some(place);
        }
        if self.0.told.is_due() {
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
#[derive(Debug)]
pub(super) struct Place(Active);

impl Drop for Place {
    fn drop(&mut self) {
        let state = &self.0.0;
        if state.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            state.changed.notify_waiters();
        }
    }
}

/// So many tables hold the clients of a listener.
const SHARDS: usize = 16;

/// Connections of each client, and the bound on them.
///
/// A client has an entry only while it has a connection, so the bounds on connections bound the tables. All workers
/// share them, as a client's connections fall on any. A lock is held for one look into a table, when a connection opens
/// and when it ends; with sixteen tables, and addresses that a keyed hash spreads over them and within them, two workers
/// seldom meet. A table for each worker was rejected: each would need the others' counts to know the client's.
#[derive(Clone, Debug)]
pub(super) struct Clients(Arc<ClientsState>);

#[derive(Debug)]
struct ClientsState {
    what: String,
    limit: usize,
    prefixes: ClientPrefixes,
    spared: Vec<IpPrefix>,
    hasher: RandomState,
    tables: [Mutex<HashMap<IpAddr, usize>>; SHARDS],
    told: Now,
}

impl Clients {
    /// `what` has the bound, for the message that says so. Addresses that share so many leading bits are one client;
    /// those in `spared` are none, but the proxies through which many come.
    pub(super) fn new(
        what: impl Into<String>,
        limit: usize,
        prefixes: ClientPrefixes,
        spared: &[IpPrefix],
    ) -> Self {
        Self(Arc::new(ClientsState {
            what: what.into(),
            limit,
            prefixes,
            spared: spared.to_vec(),
            hasher: RandomState::new(),
            tables: Default::default(),
            told: Now::default(),
        }))
    }

    /// Whether nobody counts the connections of this address.
    pub(super) fn spares(&self, address: IpAddr) -> bool {
        self.0.spared.iter().any(|prefix| prefix.contains(address))
    }

    /// A place for one connection of a client, if it may have one more.
    pub(super) fn enter(&self, client: IpAddr) -> Option<ClientPlace> {
        let state = &self.0;
        let key = state.prefixes.client(client);
        {
            let mut table = self.table(key).lock();
            let its = table.entry(key).or_default();
            // A bound of at least one: what was just made does not stay at zero.
            if *its < state.limit {
                *its += 1;
                return Some(ClientPlace { clients: self.clone(), key });
            }
        }
        if state.told.is_due() {
            warn!("{client} has {} connections, more are refused ({})", state.limit, state.what);
        }
        None
    }

    fn table(&self, key: IpAddr) -> &Mutex<HashMap<IpAddr, usize>> {
        let hash = self.0.hasher.hash_one(key);
        &self.0.tables[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }
}

/// Held while a client's connection is open.
#[derive(Debug)]
pub(super) struct ClientPlace {
    clients: Clients,
    key: IpAddr,
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut its) = self.clients.table(self.key).lock().entry(self.key) {
            *its.get_mut() -= 1;
            if *its.get() == 0 {
                its.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let active = Active::new("the test", 2);
        let (one, two) = (active.enter(), active.enter());
        assert!(one.is_some() && two.is_some() && active.enter().is_none());
        drop(one);
        assert!(active.enter().is_some());
        drop(two);
        assert_eq!(active.count(), 0);
    }

    #[test]
    fn a_client_is_its_prefix_and_leaves_nothing_behind() {
        let clients = Clients::new("the test", 2, ClientPrefixes { ipv4: 24, ipv6: 64 }, &[]);
        let enter = |address: &str| clients.enter(address.parse().unwrap());
        let held = [enter("192.0.2.1"), enter("192.0.2.2"), enter("2001:db8::1"), enter("2001:db8::2")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("192.0.2.3").is_none() && enter("2001:db8::3").is_none());
        assert!(enter("192.0.3.1").is_some() && enter("2001:db8:0:1::1").is_some());
        let known = || clients.0.tables.iter().map(|table| table.lock().len()).sum::<usize>();
        assert_eq!(known(), 2);
        drop(held);
        assert_eq!(known(), 0);
    }

    #[test]
    fn what_happens_all_the_time_is_told_once() {
        let now = Now::default();
        assert!(now.is_due());
        assert!(!now.is_due());
    }
}
