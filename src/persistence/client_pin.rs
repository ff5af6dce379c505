//! Where a client is, for those who only look.

use super::group::Group;
use super::selector::Selector;
use super::stick_table::Key;
use crate::client_addr::canonical;
use crate::clock::Millis;
use crate::id::NodeId;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The pin of a client in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPin {
    /// The group's name.
    pub group: Arc<str>,
    /// What it is looked up by: the client's address, cut at the group's prefix.
    pub key: Key,
    /// The node's name; none if the node is not in the group any more.
    pub node: Option<String>,
    /// The name of the node that the client returns to, if it has one.
    pub home: Option<String>,
    /// No node has answered yet.
    pub provisional: bool,
    /// Requests in flight.
    pub in_flight: u32,
    /// How long ago its last request ended; none while one is in flight.
    pub idle: Option<Duration>,
    /// In how long the client is forgotten if it stays away; none while a request is in flight.
    pub expires_in: Option<Duration>,
}

impl Selector {
    /// Where the client of this address is kept, in the order of the groups that know it. Nothing is renewed by
    /// looking. Locks one shard of each group's table, one after the other.
    #[must_use]
    pub fn client(&self, address: IpAddr, now: Millis) -> Vec<ClientPin> {
        let address = canonical(address);
        self.all_groups().iter().filter_map(|group| pin_of(group, address, now)).collect()
    }
}

fn pin_of(group: &Group, address: IpAddr, now: Millis) -> Option<ClientPin> {
    let key = group.key(address);
    let (pin, expires_in) = group.live.pins.peek(key, now)?;
    let name = |node: NodeId| Some(group.member(node)?.node.name.clone());
    Some(ClientPin {
        group: Arc::clone(&group.name),
        key,
        node: name(pin.node),
        home: pin.home.and_then(name),
        provisional: pin.provisional,
        in_flight: pin.in_flight,
        idle: (pin.in_flight == 0).then(|| pin.idle(now)),
        expires_in,
    })
}
