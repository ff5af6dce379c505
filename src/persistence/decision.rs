//! What the selector answers, and why.

use super::client_class::{ClientClass, Why};
use super::cookie::Ticket;
use super::group::GroupLive;
use super::stick_table::Key;
use crate::clock::Millis;
use crate::id::{NodeId, NodeTag};
use crate::pool::Backend;
use std::net::IpAddr;
use std::sync::Arc;

/// What to do with a request.
#[allow(clippy::large_enum_variant, reason = "a box would be an allocation for every request")]
#[derive(Debug)]
pub enum Decision {
    /// Send it to the selection's backend.
    Use(Selection),
    /// Ask again when the backend's health changed, at the latest at the time given.
    Wait(Wait),
    /// Ask the cluster whether the proposal may stand. Never occurs without a cluster.
    Claim {
        /// What this edge would do.
        proposal: Selection,
    },
    /// Answer 503.
    Refuse(Refusal),
}

/// A request that must wait. It holds nothing: after the wait, `select` is asked anew.
#[derive(Debug)]
pub struct Wait {
    /// Not longer than this; asked again then, the selector does not answer the same wait.
    pub until: Millis,
    /// Whose health is waited for.
    pub backend: Arc<Backend>,
    /// Whether a trial connect could end the wait. It must not outlast `until`; its result is told to
    /// [`crate::pool::BackendLive`].
    pub try_connect: bool,
    /// Why.
    pub reason: WaitReason,
}

/// Why a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The client's node just failed and is held for it.
    Hold,
    /// No probe has answered yet.
    FirstProbe,
}

/// Why a request gets no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No node can take it.
    NoNode,
    /// The client's node is down and the group says `unavailable: reject`.
    PersistedNodeDown,
    /// The stick table is full.
    TableFull,
}

impl Refusal {
    /// As logs and metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoNode => "no_node",
            Self::PersistedNodeDown => "persisted_node_down",
            Self::TableFull => "table_full",
        }
    }
}

/// How a node was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client's own node.
    Persisted,
    /// A new client, or one decided anew by `max_age`.
    Fresh,
    /// The client's node is unusable, another took over.
    Redispatched,
    /// Back home after an idle gap.
    Returned,
    /// The group does not persist.
    Unpinned,
}

impl Outcome {
    /// Every outcome there is, in order.
    pub const ALL: [Self; 5] =
        [Self::Persisted, Self::Fresh, Self::Redispatched, Self::Returned, Self::Unpinned];

    /// As logs and metrics name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Persisted => "persisted",
            Self::Fresh => "fresh",
            Self::Redispatched => "redispatched",
            Self::Returned => "returned",
            Self::Unpinned => "unpinned",
        }
    }
}

/// What follows a failed connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Try the same backend again at `at`, and let no connect outlast `until`. The last try begins a tenth
    /// of a second before `until`.
    RetrySame {
        /// When to try.
        at: Millis,
        /// When the hold is over.
        until: Millis,
    },
    /// Hand the selection to `select_again`.
    Reselect,
}

/// A pin that was made or moved, for other edges. Names are given as tags: edges share nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinEvent {
    /// The group's name.
    pub group: Arc<str>,
    /// Whose pin.
    pub key: Key,
    /// The node that served.
    pub node: NodeTag,
    /// Its home, once it has one.
    pub home: Option<NodeTag>,
    /// Grows with every move of this pin.
    pub generation: u32,
}

/// A request's hold on a backend and, where there is one, on the pin that led there. While it lives the pin
/// does not expire. `finish` ends it at a moment; dropping it ends it at the latest moment the table knows.
#[derive(Debug)]
pub struct Selection {
    pub(super) backend: Arc<Backend>,
    pub(super) outcome: Outcome,
    pub(super) why: Why,
    pub(super) class: ClientClass,
    pub(super) whole: bool,
    pub(super) pool: usize,
    pub(super) group: Option<usize>,
    pub(super) client: IpAddr,
    pub(super) live: Option<Arc<GroupLive>>,
    pub(super) memory: Memory,
    pub(super) tried: Tried,
    pub(super) came_from: Option<NodeId>,
    pub(super) hold_until: Option<Millis>,
    pub(super) failures: u32,
    pub(super) served_elsewhere: bool,
}

/// Where it is remembered who is where.
#[derive(Clone, Copy, Debug)]
pub(super) enum Memory {
    /// Nowhere.
    None,
    /// In the stick table, with one request in flight counted for this selection.
    Pin { key: Key, generation: u32, settled: bool },
    /// In the cookie.
    Cookie(CookieMemory),
}

/// What a cookie said and what the next one will.
#[derive(Clone, Copy, Debug)]
pub(super) struct CookieMemory {
    /// The cookie that came, if a usable one came.
    pub(super) read: Option<Ticket>,
    /// Whether a new one is due whatever the time.
    pub(super) changed: bool,
    /// Whether the session's age starts anew.
    pub(super) anew: bool,
}

impl Selection {
    /// Where the request goes.
    #[must_use]
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// How the node was found.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Which rule recognised the client.
    #[must_use]
    pub fn why(&self) -> Why {
        self.why
    }

    /// What kind of client it was taken for.
    #[must_use]
    pub fn class(&self) -> ClientClass {
        self.class
    }

    /// False if no node had all backends of the group up when this one was chosen.
    #[must_use]
    pub fn whole(&self) -> bool {
        self.whole
    }

    /// The key of the client's pin, if it is pinned by a table.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self.memory {
            Memory::Pin { key, .. } => Some(key),
            _ => None,
        }
    }
}

impl Drop for Selection {
    fn drop(&mut self) {
        self.backend.live.request_ended();
        if let (Memory::Pin { key, .. }, Some(live)) = (self.memory, &self.live) {
            live.pins.release(key);
        }
    }
}

/// The nodes one request has failed to reach. A request that failed at so many gives up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    nodes: [Option<NodeId>; 8],
}

impl Tried {
    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.nodes.contains(&Some(node))
    }

    /// False if there is no room left.
    pub(super) fn add(&mut self, node: NodeId) -> bool {
        if self.contains(node) {
            return true;
        }
        match self.nodes.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(node);
                true
            }
            None => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.iter().all(Option::is_none)
    }
}
