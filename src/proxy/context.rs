//! What a request remembers between its phases.

use super::Edge;
use crate::clock::Millis;
use crate::engine::handler::{BackendEnd, Connection};
use crate::metrics::tally::{BackendTally, GroupTally, WAITS};
use crate::persistence::client_class::{ClientClass, Why};
use crate::persistence::cookie::{CookieReading, CookieRefusal};
use crate::persistence::{Facts, Outcome, Selection};
use crate::pool::Backend;
use crate::snapshot::{Endpoint, PoolTargets, Route, Slot, Slots, Snapshot};
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How the next choice is made.
#[derive(Debug)]
pub(super) enum Next {
    /// For the first time, or after a wait.
    Select,
    /// Anew: the backend of the selection could not be reached.
    SelectAgain(Selection),
    /// The same backend once more, not before `at` and not after `until`.
    RetrySame { selection: Selection, at: Millis, until: Millis },
    /// The same, and the pause is over.
    RetryNow { selection: Selection, until: Millis },
    /// The selection's backend, for which the request has waited: it has a slot now. No connect outlasts this.
    Queued { selection: Selection, connect_within: Duration },
    /// A choice has been made; it is in `selection`.
    Chosen,
}

/// One request.
#[derive(Debug)]
pub struct RequestContext {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) listener: usize,
    /// Who counts for it.
    pub(super) worker: usize,
    pub(super) route: Option<usize>,
    /// Who connected: the client, or the last proxy in front.
    pub(super) peer: IpAddr,
    /// Who is asked for, by the word of trusted proxies where there are any.
    pub(super) client: IpAddr,
    /// Whether the client speaks TLS: with the edge, or with the nearest trusted proxy by its word.
    pub(super) tls: bool,
    pub(super) request_id: u64,
    pub(super) class: (ClientClass, Why),
    /// Its body is XML, as far as anybody needs to know: who sends that reads no pages.
    pub(super) sends_xml: bool,
    pub(super) cookie: CookieReading,
    pub(super) next: Next,
    pub(super) selection: Option<Selection>,
    /// The request carries credentials that authenticate its connection.
    pub(super) authenticates: bool,
    /// Who serves, where a bound connection leads elsewhere than the selection says.
    pub(super) bound: Option<Arc<Backend>>,
    /// Its part of what its backend takes at once, where that is bounded.
    pub(super) slot: Option<Slot>,
    /// It was placed anew because its first node was full in the end; that happens once.
    pub(super) turned_away: bool,
    /// How its node was found; the last of these outlives the selection, for the log.
    pub(super) outcome: Option<Outcome>,
    /// Why it got no node.
    pub(super) no_node: Option<&'static str>,
    /// When the present choice was made.
    pub(super) chosen_at: Millis,
    /// How an attempt failed that a backend has met: whatever comes now, no other backend must get the request.
    pub(super) failed_by: Option<BackendEnd>,
    /// For what it has waited already.
    pub(super) waited: [bool; WAITS.len()],
    pub(super) connects_failed: u32,
    pub(super) connect_error: Option<&'static str>,
    pub(super) line: RequestLine,
}

impl RequestContext {
    /// A request of which only the connection is known.
    #[inline]
    pub(super) fn new(edge: &Edge, connection: &Connection) -> Self {
        Self {
            snapshot: edge.shared.snapshot.load_full(),
            listener: edge.listener,
            worker: edge.worker,
            route: None,
            peer: connection.peer.ip(),
            client: connection.client_ip(),
            tls: connection.is_tls(),
            request_id: edge.shared.request_ids.next(),
            class: (ClientClass::Browser, Why::Default),
            sends_xml: false,
            cookie: CookieReading::Absent,
            next: Next::Select,
            selection: None,
            authenticates: false,
            bound: None,
            slot: None,
            turned_away: false,
            outcome: None,
            no_node: None,
            chosen_at: Millis(0),
            failed_by: None,
            waited: Default::default(),
            connects_failed: 0,
            connect_error: None,
            line: RequestLine::default(),
        }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts { client: self.client, class: self.class, cookie: self.cookie }
    }

    pub(super) fn route(&self) -> Option<&Route> {
        self.snapshot.routes.get(self.route?)
    }

    /// The pool that the route leads to.
    pub(super) fn targets(&self) -> Option<&PoolTargets> {
        self.snapshot.pools.get(self.route()?.pool()?)
    }

    /// How the backend that serves is reached.
    pub(super) fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.targets()?.endpoints.get(self.place()?)
    }

    /// The slots of the backend that serves, if they are bounded.
    pub(super) fn slots(&self) -> Option<&Arc<Slots>> {
        self.endpoint()?.slots.as_ref()
    }

    pub(super) fn backend(&self) -> Option<&Arc<Backend>> {
        self.bound.as_ref().or_else(|| self.selection.as_ref().map(Selection::backend))
    }

    /// The place in its pool of the backend that serves.
    pub(super) fn place(&self) -> Option<usize> {
        self.targets()?.place(self.backend()?)
    }

    pub(super) fn cookie_refusal(&self) -> Option<CookieRefusal> {
        match self.cookie {
            CookieReading::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What is counted for the backend that serves.
    pub(super) fn traffic(&self) -> Option<&BackendTally> {
        self.traffic_at(self.place()?)
    }

    /// The same for the backend at a place in the pool.
    pub(super) fn traffic_at(&self, place: usize) -> Option<&BackendTally> {
        Some(self.targets()?.traffic.get(place)?.of(self.worker))
    }

    /// What is counted for the route's persistence group.
    pub(super) fn group_tally(&self) -> Option<&GroupTally> {
        let group = self.route()?.group.as_ref()?;
        Some(self.snapshot.groups.get(group.index)?.tally.of(self.worker))
    }
}

/// The longest method that is kept for the log; it is a token, so it can be cut anywhere.
const LOGGED_METHOD: usize = 32;

/// The longest path that is kept for the log.
const LOGGED_PATH: usize = 2048;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Method and path for the log, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct RequestLine {
    bytes: Vec<u8>,
    method: usize,
}

impl RequestLine {
    /// Keeps what the log shows. The query is left out: it may hold tokens.
    pub(super) fn keep(method: &str, path: &str) -> Self {
        let mut bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        bytes.clear();
        let method = &method[..method.len().min(LOGGED_METHOD)];
        bytes.extend_from_slice(method.as_bytes());
        bytes.extend_from_slice(&path.as_bytes()[..path.len().min(LOGGED_PATH)]);
        Self { bytes, method: method.len() }
    }

    pub(super) fn method(&self) -> &[u8] {
        &self.bytes[..self.method]
    }

    pub(super) fn path(&self) -> &[u8] {
        &self.bytes[self.method..]
    }
}

impl Drop for RequestLine {
    fn drop(&mut self) {
        const KEPT: usize = 64;
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() > 0 {
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < KEPT {
                    spare.push(bytes);
                }
            });
        }
    }
}
