//! The section `nodes`.

use super::keys::node as keys;
use super::read::{Mapping, Value};
use super::scalar::is_host_name;
use super::{Node, NodeAddress};
use crate::client_addr::canonical;
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn read(root: &mut Mapping<'_>) -> Vec<Node> {
    root.named(&keys::NODES).into_iter().map(|(name, value)| node(name, &value)).collect()
}

fn node(name: &str, value: &Value<'_>) -> Node {
    let mut node = Node {
        name: name.to_owned(),
        address: NodeAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        weight: keys::WEIGHT.default(),
        backup: keys::BACKUP.default(),
        state: keys::STATE.default(),
    };
    value.mapping(&keys::NODE, |mapping| {
        if let Some(address) = mapping.read_required(&keys::ADDRESS) {
            node.address = address;
        }
        node.weight = mapping.read(&keys::WEIGHT);
        node.backup = mapping.read(&keys::BACKUP);
        node.state = mapping.read(&keys::STATE);
    });
    node
}

pub(super) fn address(text: &str) -> Option<NodeAddress> {
    match text.parse::<IpAddr>().map(canonical) {
        Ok(ip) if ip.is_unspecified() || ip.is_multicast() => None,
        Ok(ip) => Some(NodeAddress::Ip(ip)),
        Err(_) => is_host_name(text).then(|| NodeAddress::Name(text.to_owned())),
    }
}
