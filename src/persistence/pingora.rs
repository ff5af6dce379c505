//! Persistence above Pingora's load balancers, for any `ProxyHttp` service.
//!
//! A `BackendSelection` inside a [`LoadBalancer`] sees only a key and is built anew with every change of the set,
//! so it can hold no pins. A [`PersistenceGroup`] therefore stands above the load balancers of its pools:
//! discovery and health stay theirs, who goes where is decided by the [selector](super), and what is remembered
//! survives every change, by the names of the nodes.
//!
//! A service keeps the [`PersistentPool`] it sends requests to, and a [`PersistenceContext`] for each request:
//!
//! | phase of `ProxyHttp` | call |
//! |---|---|
//! | `upstream_peer` | [`PersistentPool::select`], then [`PersistenceContext::bound_connect`] |
//! | `fail_to_connect` | [`PersistentPool::connect_failed`] |
//! | `upstream_request_filter` | [`PersistentPool::strip_cookie`] |
//! | `response_filter` | [`PersistentPool::commit`] |
//! | `logging` | [`PersistentPool::finish`] |
//!
//! `select` waits where a persisted client is held for its node, at most for the group's `hold`. A failed connect
//! is tried again on the same node until then, and then elsewhere, whatever the method: nothing has been sent.
//! Pingora counts these attempts, 16 unless `max_retries` says otherwise, which is enough for a hold of 4 s.
//! Whether a request that broke later is sent again is for `error_while_proxy`; it goes to the same node.
//!
//! Health is read at most every 10 ms, by the requests themselves: there is no service to add. To take a node
//! out, use [`PersistenceGroup::set_state`]: a backend that is disabled in the load balancer counts as failed.

mod context;
mod heads;
mod names;
mod shared;
#[cfg(test)]
mod tests;
mod view;

pub use context::PersistenceContext;
pub use names::NodeSettings;

use super::cookie::CookieReading;
use super::settings::GroupSettings;
use super::{AfterFailure, Decision, Facts, Outcome, Wait};
use crate::pool::{AdminState, Health};
use context::{Chosen, Stage};
use pingora_core::protocols::http::ServerSession;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_load_balancing::selection::{BackendIter, BackendSelection};
use pingora_load_balancing::{Backend, LoadBalancer};
use shared::Shared;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use view::View;

/// How often a request that waits looks whether it may go on; health checks are seconds apart.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Pools that share one memory of who is where: a client that is pinned by one of them finds its node in all.
#[derive(Clone)]
pub struct PersistenceGroup {
    shared: Arc<Shared>,
}

impl PersistenceGroup {
    /// A group without pools yet. `name_nodes` says which machine is behind an address; it is asked when a load
    /// balancer's set has changed. [`NodeSettings::by_address`] does for a group of one pool.
    #[must_use]
    pub fn new(
        settings: GroupSettings,
        name_nodes: impl Fn(&Backend) -> NodeSettings + Send + Sync + 'static,
    ) -> Self {
        Self { shared: Arc::new(Shared::new(settings, Box::new(name_nodes))) }
    }

    /// Adds the pool that this load balancer discovers and checks. It is for the service to run the load balancer,
    /// as ever.
    #[must_use]
    pub fn pool<S>(&self, name: &str, load_balancer: Arc<LoadBalancer<S>>) -> PersistentPool
    where
        S: BackendSelection + Send + Sync + 'static,
        S::Iter: BackendIter,
    {
        let index = self.shared.add(name, load_balancer);
        PersistentPool { shared: Arc::clone(&self.shared), index }
    }

    /// Sets the operator's will for a node and says what it was; at once, and for a name that is not discovered
    /// yet, too. Drain keeps the node's clients and takes no new ones, maintenance moves them.
    pub fn set_state(&self, node: &str, state: AdminState) -> AdminState {
        self.shared.roster.lock().node(node).set_admin(state)
    }

    /// Lets at most so many requests wait for a node at a time, 1,000 if nothing is said; more are refused.
    pub fn limit_waiting(&self, most: usize) {
        self.shared.waiting.limit(most);
    }

    /// Every node with the pins that lead to it.
    #[must_use]
    pub fn pins(&self) -> Vec<(String, u64)> {
        let view = self.shared.view.load();
        let pins = view.selector.groups().flat_map(|group| group.pins());
        pins.map(|(node, pins)| (node.name.clone(), pins)).collect()
    }
}

/// One pool of a [`PersistenceGroup`]; cheap to clone.
#[derive(Clone)]
pub struct PersistentPool {
    shared: Arc<Shared>,
    index: usize,
}

impl PersistentPool {
    /// The backend this request goes to: the client's own, or a new client's first. Call it in `upstream_peer`;
    /// it may wait there.
    ///
    /// # Errors
    /// `HTTPStatus(503)` if no node can take the request, [`PersistenceContext::refused`] says why;
    /// `InternalError` if nobody said who the client is, as over a Unix socket.
    pub fn select<'a>(
        &'a self,
        session: &ServerSession,
        context: &'a mut PersistenceContext,
    ) -> impl Future<Output = Result<&'a Backend>> + Send + use<'a> {
        // Read here: a session cannot be shared with the future.
        let facts = self.facts(session, context);
        async move { self.choose(&facts?, context).await }
    }

    /// Tells that a connect failed and marks the error as one to retry. Call it in `fail_to_connect`.
    #[must_use]
    pub fn connect_failed(&self, context: &mut PersistenceContext, mut error: Box<Error>) -> Box<Error> {
        let Stage::Chosen(mut chosen) = std::mem::take(&mut context.stage) else { return error };
        let now = self.shared.clock.refresh();
        let view = self.shared.view.load();
        context.stage = match view.selector.after_connect_failure(&mut chosen.selection, now) {
            AfterFailure::RetrySame { at, until } => Stage::Again { chosen, at, until },
            AfterFailure::Reselect => Stage::Elsewhere(chosen),
        };
        error.set_retry(true);
        error
    }

    /// Removes the persistence cookie, real or forged, from what goes upstream. Call it in
    /// `upstream_request_filter`.
    ///
    /// # Errors
    /// None that a head from a client could cause.
    pub fn strip_cookie(&self, request: &mut RequestHeader) -> Result<()> {
        match self.shared.view.load().selector.codec(0) {
            Some(codec) => heads::strip_cookie(codec, request),
            None => Ok(()),
        }
    }

    /// Remembers the node that answered, and sends the client its cookie if one is due. Call it in
    /// `response_filter`; interim responses, and responses from a cache, change nothing.
    ///
    /// # Errors
    /// If the cookie's name or path was no part of a header; see [`super::settings::CookieSettings`].
    pub fn commit(&self, context: &mut PersistenceContext, response: &mut ResponseHeader) -> Result<()> {
        let Stage::Chosen(chosen) = &mut context.stage else { return Ok(()) };
        if !heads::is_final(response) {
            return Ok(());
        }
        let now = self.shared.clock.refresh();
        let view = self.shared.view.load();
        let node = chosen.selection.backend().node.id;
        chosen.selection.backend().live.connect_succeeded(now.mono);
        let _for_other_edges = view.selector.commit(&mut chosen.selection, node, now);
        let mut cookie = Vec::new();
        let https = context.https.unwrap_or(false);
        if view.selector.set_cookie(&chosen.selection, https, now, &mut cookie) {
            response.append_header("set-cookie", cookie)?;
        }
        Ok(())
    }

    /// Ends the request and renews its pin. Call it in `logging`.
    pub fn finish(&self, context: &mut PersistenceContext) {
        if let Stage::Chosen(chosen) = std::mem::take(&mut context.stage) {
            self.shared.view.load().selector.finish(chosen.selection, self.shared.clock.refresh());
        }
    }

    fn facts(&self, session: &ServerSession, context: &mut PersistenceContext) -> Result<Facts> {
        let peer = || Some(session.client_addr()?.as_inet()?.ip());
        let Some(client) = context.client.or_else(peer) else {
            return Error::e_explain(ErrorType::InternalError, "persistence: nobody says who the client is");
        };
        let tls = || session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        context.https.get_or_insert_with(tls);
        let (view, now) = (self.shared.view.load(), self.shared.clock.refresh());
        let head = session.req_header();
        let cookie = view.selector.codec(0).map_or(CookieReading::Absent, |codec| {
            codec.read(heads::cookies(head), now.wall, self.shared.idle_timeout.as_secs())
        });
        Ok(Facts { client, class: heads::class(head), cookie })
    }

    async fn choose<'a>(&self, facts: &Facts, context: &'a mut PersistenceContext) -> Result<&'a Backend> {
        let chosen = loop {
            let now = self.shared.refresh();
            let view = self.shared.view.load_full();
            let decision = match std::mem::take(&mut context.stage) {
                Stage::Open => view.selector.select(self.index, Some(0), facts, now),
                Stage::Elsewhere(chosen) => view.selector.select_again(chosen.selection, now),
                // The health check tells when the backend is back: no connect would be of use. The pin stays,
                // and the selector says how long the client is held.
                Stage::Again { chosen, .. } | Stage::Chosen(chosen) if is_down(&chosen) => {
                    view.selector.finish(chosen.selection, now);
                    continue;
                }
                // The request broke after the connect, and Pingora tries again: on the same node.
                Stage::Chosen(chosen) => break chosen,
                Stage::Again { chosen, until, .. } if now.mono >= until => {
                    context.stage = Stage::Elsewhere(chosen);
                    continue;
                }
                Stage::Again { chosen, at, until } if now.mono >= at => {
                    context.connect_within = Some(until.since(now.mono));
                    break chosen;
                }
                Stage::Again { chosen, at, until } => {
                    let Some(_place) = self.shared.waiting.enter() else {
                        return self.refuse(context, "waiting_full");
                    };
                    tokio::time::sleep(at.since(now.mono)).await;
                    context.stage = Stage::Again { chosen, at, until };
                    continue;
                }
            };
            match decision {
                Decision::Use(selection) | Decision::Claim { proposal: selection } => {
                    let Some(backend) = view.backend(self.index, selection.backend()).cloned() else {
                        return self.refuse(context, "no_node");
                    };
                    let known = matches!(selection.outcome(), Outcome::Persisted | Outcome::Returned);
                    context.connect_within = self.shared.hold.filter(|_| known);
                    break Chosen { selection, backend };
                }
                Decision::Wait(wait) => {
                    let Some(_place) = self.shared.waiting.enter() else {
                        return self.refuse(context, "waiting_full");
                    };
                    self.wait(&wait, &view).await;
                }
                Decision::Refuse(refusal) => return self.refuse(context, refusal.as_str()),
            }
        };
        context.stage = Stage::Chosen(chosen);
        match &context.stage {
            Stage::Chosen(chosen) => Ok(&chosen.backend),
            _ => Error::e_explain(ErrorType::InternalError, "persistence: no backend"),
        }
    }

    /// Until the backend's health changes, the set changes, or the time is over.
    async fn wait(&self, wait: &Wait, view: &Arc<View>) {
        let before = wait.backend.live.health();
        let mut now = self.shared.clock.refresh().mono;
        while now < wait.until && wait.backend.live.health() == before && self.shared.shows(view) {
            tokio::time::sleep(wait.until.since(now).min(LOOK_AGAIN)).await;
            now = self.shared.refresh().mono;
        }
    }

    fn refuse<T>(&self, context: &mut PersistenceContext, reason: &'static str) -> Result<T> {
        context.refused = Some(reason);
        let what = format!("persistence group {}: {reason}", self.shared.name);
        Error::e_explain(ErrorType::HTTPStatus(503), what)
    }
}

fn is_down(chosen: &Chosen) -> bool {
    chosen.selection.backend().live.health() == Health::Down
}

impl fmt::Debug for PersistenceGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PersistenceGroup").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for PersistentPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("PersistentPool");
        shown.field("group", &self.shared.name).field("index", &self.index).finish_non_exhaustive()
    }
}
