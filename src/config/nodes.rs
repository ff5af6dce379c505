//! The section `nodes`.

use super::read::{Mapping, Value};
use super::scalar::is_host_name;
use super::{Node, NodeAddress};
use crate::client_addr::canonical;
use crate::pool::AdminState;
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn read(root: &mut Mapping<'_>) -> Vec<Node> {
    let expected = "expected a mapping of at least one node's name to its address";
    let entries = root.required("nodes", expected, |value| Some(value.named(expected))).unwrap_or_default();
    entries.into_iter().map(|(name, value)| node(name, &value)).collect()
}

fn node(name: &str, value: &Value<'_>) -> Node {
    let mut node = Node {
        name: name.to_owned(),
        address: NodeAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        weight: 1,
        backup: false,
        state: AdminState::Ready,
    };
    value.mapping("expected a mapping with address, weight, backup, state", |mapping| {
        let expected = "expected an IP address or a host name, without a port";
        if let Some(found) = mapping.required("address", expected, |value| value.parsed(expected, address)) {
            node.address = found;
        }
        node.weight = mapping.or("weight", node.weight, |value| value.number(1..=256));
        node.backup = mapping.or("backup", node.backup, |value| value.boolean());
        node.state = mapping.or("state", node.state, |value| value.word(&AdminState::WORDS));
    });
    node
}

fn address(text: &str) -> Option<NodeAddress> {
    match text.parse::<IpAddr>().map(canonical) {
        Ok(ip) if ip.is_unspecified() || ip.is_multicast() => None,
        Ok(ip) => Some(NodeAddress::Ip(ip)),
        Err(_) => is_host_name(text).then(|| NodeAddress::Name(text.to_owned())),
    }
}
