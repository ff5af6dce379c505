//! What a request is judged by: one immutable view of the configuration and the live state behind it.
//!
//! A request loads the snapshot once, at its head, and keeps it to its end. A reload makes a new one and
//! swaps it in whole; live state (health, the operator's will, pins) is shared between old and new by name.

mod endpoint;
mod rate;
mod responses;
mod slots;

pub use endpoint::{Endpoint, EndpointRules, EndpointTally};
pub use rate::RateLimit;
pub use responses::{ErrorPages, Page, ResponseRules};
pub use slots::{Slot, Slots, Unserved};

use crate::client_addr::IpPrefix;
use crate::client_addr::forwarded::Kind;
use crate::clock::Micros;
use crate::metrics::PerWorker;
use crate::metrics::tally::{BackendTally, GroupTally, ListenerTally, PoolTally, RouteTally};
use crate::persistence::Selector;
use crate::persistence::settings::By;
use crate::pool::ejection::{RequestFailure, TooMany};
use crate::pool::{AdminState, Backend, Fitness, Pool};
use crate::route::{Action, RouteTable};
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// One view of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// For each listener, its name and its routes.
    pub listeners: Vec<ListenerRoutes>,
    /// The routes, which the tables refer to.
    pub routes: Vec<Route>,
    /// The pools.
    pub pools: Vec<PoolTargets>,
    /// The persistence groups, in the selector's order.
    pub groups: Vec<GroupTraffic>,
    /// Who is where.
    pub selector: Selector,
    /// Fields that only the edge may write, on any listener: backends believe what they say.
    pub own_fields: Vec<Box<str>>,
}

/// What is counted for a persistence group.
#[derive(Debug)]
pub struct GroupTraffic {
    /// Its name.
    pub name: Arc<str>,
    /// How it recognises clients, which says what can be counted at all.
    pub by: By,
    /// Whether some clients have a fixed home.
    pub has_static: bool,
    /// What is counted.
    pub tally: Arc<PerWorker<GroupTally>>,
}

/// A listener's routes.
#[derive(Debug)]
pub struct ListenerRoutes {
    /// The listener's name.
    pub name: Arc<str>,
    /// Its routes.
    pub table: RouteTable,
    /// Who may name the client in a field, where that is believed.
    pub naming: Option<Naming>,
    /// The field that tells backends the subject of a client's certificate.
    pub subject_header: Option<Box<str>>,
    /// Pages for the edge's own answers where no route is known.
    pub error_pages: ErrorPages,
    /// What is counted for it.
    pub tally: Arc<PerWorker<ListenerTally>>,
}

/// How trusted proxies name the client of a request.
#[derive(Clone, Debug)]
pub struct Naming {
    /// In this field.
    pub kind: Kind,
    /// These proxies.
    pub trusted: Vec<IpPrefix>,
}

impl Naming {
    /// Whether `address` is one of the proxies.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|prefix| prefix.contains(address))
    }
}

/// What goes to which pool.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: Arc<str>,
    /// What becomes of its requests.
    pub action: Action,
    /// Its persistence group.
    pub group: Option<RouteGroup>,
    /// Index of its listener.
    pub listener: usize,
    /// The largest request body.
    pub max_body: Option<u64>,
    /// What is changed in its responses, if anything.
    pub response: Option<Box<ResponseRules>>,
    /// Pages for the edge's own answers, its listener's among them.
    pub error_pages: ErrorPages,
    /// How many requests of one client it takes.
    pub rate: Option<Box<RateLimit>>,
    /// What is counted for it.
    pub tally: Arc<PerWorker<RouteTally>>,
}

impl Route {
    /// Index of its pool, if requests go to one.
    #[must_use]
    pub fn pool(&self) -> Option<usize> {
        self.action.pool()
    }
}

/// The persistence group of a route.
#[derive(Clone, Debug)]
pub struct RouteGroup {
    /// Its index in the selector.
    pub index: usize,
    /// Its name.
    pub name: Arc<str>,
    /// How long its cookies outlive their last request.
    pub idle_timeout: Duration,
    /// How long a persisted client is kept for its node.
    pub hold: Duration,
    /// Whether a client's class decides how it is recognised.
    pub by_class: bool,
}

/// When an upstream connection is bound to a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binds {
    /// As soon as a request or a response shows connection-bound authentication.
    OnSight,
    /// From the first request.
    Always,
    /// Never.
    Never,
}

/// A pool and how its backends are reached.
#[derive(Debug)]
pub struct PoolTargets {
    /// The pool.
    pub pool: Arc<Pool>,
    /// Its name.
    pub name: Arc<str>,
    /// In the order of the pool's backends.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// What is counted for each of them.
    pub traffic: Vec<Arc<PerWorker<BackendTally>>>,
    /// What is counted for the pool.
    pub tally: Arc<PerWorker<PoolTally>>,
    /// When an upstream connection is bound to a client's connection.
    pub binds: Binds,
    /// Held while somebody looks whether anything would be left.
    pub ejecting: Mutex<()>,
}

/// What follows a request that was one failure too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ejection {
    /// The backend is out of service for a time.
    Ejected(TooMany),
    /// It is kept: no other backend of its pool takes new clients. To be told, if so.
    Spared(TooMany, bool),
}

impl PoolTargets {
    /// A request to `endpoint` failed that was sent at `sent`; `reason` tells how. Says what follows, if
    /// anything does.
    pub fn request_failed(
        &self,
        endpoint: &Endpoint,
        how: RequestFailure,
        reason: &str,
        sent: Micros,
        now: Micros,
    ) -> Option<Ejection> {
        let too_many = endpoint.request_failed(how, sent, now)?;
        let now = now.millis();
        // Two that fail at once must not each count on the other one.
        let _alone = self.ejecting.lock();
        let left = self.endpoints.iter().any(|other| {
            other.backend.node.id != endpoint.backend.node.id
                && other.backend.node.admin() == AdminState::Ready
                && other.backend.fitness(now) == Fitness::Up
        });
        if !left {
            return Some(Ejection::Spared(too_many, endpoint.spare(now)));
        }
        endpoint.eject(how, now, reason.into()).then_some(Ejection::Ejected(too_many))
    }

    /// The place of `backend` among the pool's.
    #[must_use]
    pub fn place(&self, backend: &Backend) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| endpoint.backend.node.id == backend.node.id)
    }

    /// The endpoint of `backend`.
    #[must_use]
    pub fn endpoint(&self, backend: &Backend) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(self.place(backend)?)
    }
}

/// Where a node is: fixed, or as last resolved.
#[derive(Debug)]
pub struct Address {
    /// The name to resolve, if it is one.
    pub name: Option<String>,
    current: ArcSwapOption<IpAddr>,
    /// Grows with the first look-up and with every new address.
    looked_up: watch::Sender<u32>,
}

impl Address {
    /// A fixed address.
    #[must_use]
    pub fn fixed(ip: IpAddr) -> Self {
        Self { name: None, current: ArcSwapOption::from_pointee(ip), looked_up: watch::Sender::new(1) }
    }

    /// A name that is not resolved yet.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let looked_up = watch::Sender::new(0);
        Self { name: Some(name.to_owned()), current: ArcSwapOption::empty(), looked_up }
    }

    /// The address, if it is known.
    #[must_use]
    pub fn current(&self) -> Option<IpAddr> {
        self.current.load().as_deref().copied()
    }

    /// Told, from now on, when a look-up has brought something new; zero until the first one has ended.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u32> {
        self.looked_up.subscribe()
    }

    /// A look-up has ended without an answer.
    pub fn unresolved(&self) {
        self.looked_up.send_if_modified(|count| {
            let first = *count == 0;
            *count += u32::from(first);
            first
        });
    }

    /// Takes over what the name now resolves to. An address that is still among the answers is kept, so that
    /// a resolver that rotates its answers moves nobody. Returns the new address if it changed.
    pub fn resolved(&self, answers: &[IpAddr]) -> Option<IpAddr> {
        let first = *answers.first()?;
        if self.current().is_some_and(|current| answers.contains(&current)) {
            return None;
        }
        self.current.store(Some(Arc::new(first)));
        self.looked_up.send_modify(|count| *count = count.saturating_add(1));
        Some(first)
    }
}

/// Told whenever a backend's health changes; requests that wait for a node listen.
#[derive(Clone, Debug)]
pub struct HealthNews {
    sender: Arc<watch::Sender<u64>>,
}

impl Default for HealthNews {
    fn default() -> Self {
        Self { sender: Arc::new(watch::Sender::new(0)) }
    }
}

impl HealthNews {
    /// Something changed.
    pub fn tell(&self) {
        self.sender.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// From now on, tell me.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_still_an_answer_is_kept() {
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let address = Address::named("mim1.example.com");
        assert_eq!(address.current(), None);
        assert_eq!(address.resolved(&[]), None);
        assert_eq!(address.resolved(&[one, other]), Some(one));
        assert_eq!(address.resolved(&[other, one]), None);
        assert_eq!(address.current(), Some(one));
        assert_eq!(address.resolved(&[other]), Some(other));
        assert_eq!(address.resolved(&[]), None, "a failing resolver changes nothing");
        assert_eq!(address.current(), Some(other));
    }
}
