//! The selector: one immutable view of the configuration over state that outlives it.

use super::client_class::{ClientClass, Why};
use super::cookie::{CookieCodec, CookieReading};
use super::decision::{AfterFailure, Decision, PinEvent, Refusal, Selection};
use super::group::{Group, GroupStats, SelectorLive};
use super::settings::GroupSettings;
use crate::clock::Now;
use crate::id::NodeId;
use crate::pool::{Node, Pool};
use std::net::IpAddr;
use std::sync::Arc;

/// What a request says about its client.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The client's address, in any spelling.
    pub client: IpAddr,
    /// What `classify` said.
    pub class: (ClientClass, Why),
    /// What the group's codec read; [`CookieReading::Absent`] where the group has no cookie.
    pub cookie: CookieReading,
}

/// Chooses a node for every request and remembers it. See the module's page.
#[derive(Debug)]
pub struct Selector {
    pools: Vec<Arc<Pool>>,
    groups: Vec<Group>,
}

impl Selector {
    /// A selector over `nodes`, `pools` and `groups`; each group comes with the indices of its pools. What
    /// was remembered under the same group names in `live` stays remembered.
    #[must_use]
    pub fn new(
        nodes: Vec<Arc<Node>>,
        pools: Vec<Arc<Pool>>,
        groups: Vec<(GroupSettings, Vec<usize>)>,
        live: &SelectorLive,
    ) -> Self {
        let _ = (nodes, groups, live);
        Self { pools, groups: Vec::new() }
    }

    /// The codec of a group that uses cookies: reads them for [`Facts`] and strips them upstream.
    #[must_use]
    pub fn codec(&self, group: usize) -> Option<&CookieCodec> {
        let _ = group;
        None
    }

    /// Decides where a request to `pool` goes. `group` is the route's persistence group, if it has one.
    #[must_use]
    pub fn select(&self, pool: usize, group: Option<usize>, facts: &Facts, now: Now) -> Decision {
        let _ = (pool, group, facts, now);
        Decision::Refuse(Refusal::NoNode)
    }

    /// Decides again after the previous backend could not be reached, or its hold is over.
    #[must_use]
    pub fn select_again(&self, previous: Selection, now: Now) -> Decision {
        let _ = (previous, now);
        Decision::Refuse(Refusal::NoNode)
    }

    /// Tells that a connect to the selection's backend failed; the backend is told too. Nothing of the
    /// request may have been sent.
    pub fn after_connect_failure(&self, selection: &mut Selection, now: Now) -> AfterFailure {
        let _ = (selection, now);
        AfterFailure::Reselect
    }

    /// Remembers the node that answered, at the first final response head (any status, or 101). Says what
    /// other edges should know. An answer from another node than the selected one changes nothing.
    #[must_use]
    pub fn commit(&self, selection: &mut Selection, served_by: NodeId, now: Now) -> Vec<PinEvent> {
        let _ = (selection, served_by, now);
        Vec::new()
    }

    /// Appends the value of a Set-Cookie header to `out` if one is due. True if it did.
    pub fn set_cookie(&self, selection: &Selection, https: bool, now: Now, out: &mut Vec<u8>) -> bool {
        let _ = (selection, https, now, out);
        false
    }

    /// Ends a request and renews its pin.
    pub fn finish(&self, selection: Selection, now: Now) {
        let _ = (selection, now);
    }

    /// Takes over what another edge told.
    pub fn apply(&self, event: &PinEvent, now: Now) {
        let _ = (event, now);
    }

    /// Removes expired pins, looking at no more than about `budget` of them. Call it a few times a second.
    pub fn sweep(&self, now: Now, budget: usize) {
        let _ = (now, budget);
    }

    /// The groups, in the order they were given.
    pub fn groups(&self) -> impl Iterator<Item = GroupStats<'_>> {
        self.groups.iter().map(Group::stats)
    }
}
