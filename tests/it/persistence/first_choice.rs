//! Where new clients go.

use super::{node_of, shares};
use crate::support::client::once_from;
use crate::support::edge::Edge;
use crate::support::farm::Farm;
use crate::support::mim::{self, MimNode};
use std::collections::BTreeMap;

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn new_clients_spread_evenly() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    assert_eq!(shares(&edge, 11..31), counts([("mim1", 10), ("mim2", 10)]));
}

#[test]
fn new_clients_spread_by_weight() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).node("mim2", "weight: 3").yaml());
    assert_eq!(shares(&edge, 11..31), counts([("mim1", 5), ("mim2", 15)]));
}

#[test]
fn round_robin_takes_turns() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, first_choice: round_robin";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    assert_eq!(shares(&edge, 11..31), counts([("mim1", 10), ("mim2", 10)]));
}

#[test]
fn a_hash_gives_the_same_answer_on_every_edge() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, first_choice: hash";
    let one = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    // The order in which a configuration names the nodes says nothing.
    let two = Edge::start(&Farm::of([&b, &a]).group(group).yaml());
    let mut used = BTreeMap::<String, usize>::new();
    // The second edge meets the clients in another order.
    let on_two: Vec<String> = (1..41).rev().map(|n| node_of(&two, &format!("127.0.5.{n}"))).collect();
    for (n, node) in (1..41).zip(on_two.iter().rev()) {
        assert_eq!(&node_of(&one, &format!("127.0.5.{n}")), node);
        *used.entry(node.clone()).or_default() += 1;
    }
    assert_eq!(used.len(), 2, "one of 2^39 hashes puts 40 clients on one node: {used:?}");
}

#[test]
fn a_draining_node_takes_no_new_clients() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).node("mim1", "state: drain").yaml());
    assert_eq!(shares(&edge, 11..21), counts([("mim2", 10)]));
}

#[test]
fn a_node_in_maintenance_takes_nobody_not_even_static_clients() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, static: { \"127.0.0.11/32\": mim1 }, hold: 200ms";
    let farm = Farm::of([&a, &b]).group(group).node("mim1", "state: maintenance");
    let edge = Edge::start(&farm.yaml());
    assert_eq!(shares(&edge, 11..21), counts([("mim2", 10)]));
    assert_eq!(a.origin.requests().len(), 0);
}

#[test]
fn backup_nodes_serve_only_when_nobody_else_can() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, hold: 200ms, return_idle: 1ms";
    let farm = Farm::of([&a, &b]).group(group).node("mim2", "backup: true");
    let edge = Edge::start(&farm.yaml());
    assert_eq!(shares(&edge, 11..21), counts([("mim1", 10)]));

    a.kill();
    assert_eq!(node_of(&edge, "127.0.0.11"), "mim2");
    assert_eq!(node_of(&edge, "127.0.0.50"), "mim2");

    a.origin.listen();
    super::failure::until_new_clients_reach(&edge, "mim1");
    super::failure::until_idle(&edge);
    // Backups are never stayed on.
    let came_back = node_of(&edge, "127.0.0.11");
    assert_eq!(came_back, "mim1");
    let entry = edge.next_request(|e| e["client"] == "127.0.0.11" && e["outcome"] == "returned");
    assert_eq!(entry["node"], "mim1");
    assert_eq!(node_of(&edge, "127.0.0.50"), "mim1");
}

#[test]
fn a_node_that_lacks_one_port_gets_no_new_clients() {
    let (a, b) = (MimNode::start("mim1"), MimNode::refusing("mim2"));
    b.origin.listen_on(mim::SERVICE);
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    assert_eq!(shares(&edge, 11..21), counts([("mim1", 10)]));
    let issued = once_from("127.0.0.11", edge.address(super::STS), mim::issue()).expect(200);
    assert_eq!(issued.node(), "mim1");
}
