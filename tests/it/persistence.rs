//! Source-IP persistence: clients without cookies stay on their node, across connections and both ports.

mod failure;
mod first_choice;

use crate::support::Gate;
use crate::support::client::{Client, Response, once_from, through_ipv4};
use crate::support::edge::Edge;
use crate::support::farm::Farm;
use crate::support::mim::{self, MimNode};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Barrier};

const SERVICE: &str = "mim-service";
const STS: &str = "mim-sts";

/// One call to the service from an address, over a connection of its own.
#[track_caller]
fn call(edge: &Edge, from: &str) -> Response {
    once_from(from, edge.address(SERVICE), mim::enumerate())
}

/// The node that serves a client.
#[track_caller]
fn node_of(edge: &Edge, from: &str) -> String {
    call(edge, from).expect(200).node()
}

/// How many of these clients each node serves.
#[track_caller]
fn shares(edge: &Edge, clients: impl Iterator<Item = u8>) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for client in clients {
        *shares.entry(node_of(edge, &format!("127.0.0.{client}"))).or_default() += 1;
    }
    shares
}

#[test]
fn a_client_stays_on_its_node_over_many_connections() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    // Two clients, so that either node could be asked for the other's context.
    let clients = ["127.0.0.11", "127.0.0.12"].map(|from| {
        let made = call(&edge, from).expect(200);
        let first = edge.next_request(|e| e["client"] == from);
        assert_eq!((&first["outcome"], &first["node"]), (&"fresh".into(), &made.node().into()), "{first}");
        assert_eq!((&first["key"], &first["group"]), (&from.into(), &"mim".into()), "{first}");
        (from, made.node(), mim::element(&made.text(), "Context").unwrap())
    });
    assert_ne!(clients[0].1, clients[1].1, "least_pins gives the second client the other node");

    for _ in 0..20 {
        for (from, node, context) in &clients {
            let pulled = once_from(from, edge.address(SERVICE), mim::pull(context)).expect(200);
            assert_eq!(&pulled.node(), node);
            let entry = edge.next_request(|e| e["client"] == *from);
            assert_eq!(entry["outcome"], "persisted", "{entry}");
        }
    }
    for (from, _, context) in &clients {
        once_from(from, edge.address(SERVICE), mim::release(context)).expect(200);
        once_from(from, edge.address(SERVICE), mim::pull(context)).expect(500);
    }
}

#[test]
fn a_token_from_5726_is_spent_on_5725_by_many_clients() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    let clients: Vec<String> = (11..51).map(|n| format!("127.0.0.{n}")).collect();
    let tokens: Vec<(String, String)> = clients
        .iter()
        .map(|from| {
            let issued = once_from(from, edge.address(STS), mim::issue()).expect(200);
            (issued.node(), mim::element(&issued.text(), "Token").unwrap())
        })
        .collect();
    for (from, (node, token)) in clients.iter().zip(&tokens) {
        let spent = once_from(from, edge.address(SERVICE), mim::get_resource(token)).expect(200);
        assert_eq!(&spent.node(), node);
    }
    // And the other way round: placed by 5725, met on 5726.
    for n in 51..91 {
        let from = format!("127.0.0.{n}");
        let node = node_of(&edge, &from);
        assert_eq!(once_from(&from, edge.address(STS), mim::issue()).expect(200).node(), node);
    }
    for node in [&a, &b] {
        let used = node.origin.requests();
        assert!(used.iter().any(|r| r.port == 0) && used.iter().any(|r| r.port == 1), "{}", node.name);
    }
}

#[test]
fn hundreds_of_concurrent_first_requests_of_one_client_land_on_one_node() {
    const CLIENTS: usize = 300;
    let nodes = [MimNode::start("mim1"), MimNode::start("mim2"), MimNode::start("mim3")];
    let edge = Edge::start(&Farm::of([&nodes[0], &nodes[1], &nodes[2]]).yaml());
    let gate = Arc::new(Gate::default());
    nodes.iter().for_each(|node| node.hold(&gate));
    let start = Arc::new(Barrier::new(CLIENTS));
    let addresses = [edge.address(SERVICE), edge.address(STS)];
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let start = start.clone();
            std::thread::spawn(move || {
                let mut client = Client::connect_from("127.0.0.11", addresses[n % 2]);
                start.wait();
                client.exchange(mim::enumerate()).expect(200).node()
            })
        })
        .collect();
    // No node answers before every request has reached one: all of them were first requests.
    gate.arrived(CLIENTS);
    let mut counts = nodes.each_ref().map(|node| node.origin.requests().len());
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, CLIENTS]);
    gate.open();
    let served: HashSet<String> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert_eq!(served.len(), 1);
}

#[test]
fn a_prefix_is_one_client() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, source_ip: { ipv4_prefix: 24 }";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    let node = node_of(&edge, "127.0.3.1");
    for n in 2..12 {
        assert_eq!(node_of(&edge, &format!("127.0.3.{n}")), node);
    }
    assert_ne!(node_of(&edge, "127.0.4.1"), node, "the next network is another client");
}

#[test]
fn ipv4_clients_of_an_ipv6_listener_are_the_same_clients() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let mut farm = Farm::of([&a, &b]);
    farm.bind = "\"[::]:0\"".to_owned();
    let edge = Edge::start(&farm.yaml());
    let (six, four) = (edge.address(SERVICE), edge.address(STS));
    assert!(six.is_ipv6() && four.is_ipv4());
    for n in 11..19 {
        let from = format!("127.0.0.{n}");
        let node = once_from(&from, through_ipv4(six), mim::enumerate()).expect(200).node();
        let entry = edge.next_request(|e| e["listener"] == SERVICE);
        assert_eq!(
            (&entry["client"], &entry["key"]),
            (&from.clone().into(), &from.clone().into()),
            "{entry}"
        );
        assert_eq!(once_from(&from, four, mim::issue()).expect(200).node(), node);
        let entry = edge.next_request(|e| e["listener"] == STS);
        assert_eq!(entry["outcome"], "persisted", "{entry}");
    }
    let to = (std::net::Ipv6Addr::LOCALHOST, six.port()).into();
    once_from("::1", to, mim::enumerate()).expect(200);
    let entry = edge.next_request(|e| e["client"] == "::1");
    assert_eq!(entry["outcome"], "fresh", "{entry}");
}

#[test]
fn static_clients_have_their_home_and_the_longest_prefix_wins() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, static: { \"127.0.9.0/24\": mim1, \"127.0.9.9/32\": mim2 }";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    for n in [1, 2, 3, 4] {
        assert_eq!(node_of(&edge, &format!("127.0.9.{n}")), "mim1");
        let entry = edge.next_request(|_| true);
        assert_eq!((&entry["outcome"], &entry["why"]), (&"fresh".into(), &"static".into()), "{entry}");
        assert_eq!(node_of(&edge, "127.0.9.9"), "mim2");
        edge.next_request(|_| true);
    }
    assert_eq!(once_from("127.0.9.9", edge.address(STS), mim::issue()).expect(200).node(), "mim2");
}

#[test]
fn a_full_table_refuses_the_next_client() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, source_ip: { capacity: 2, when_full: refuse }";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    let nodes = ["127.0.0.11", "127.0.0.12"].map(|from| node_of(&edge, from));
    let refused = call(&edge, "127.0.0.13").expect(503);
    assert!(refused.head.value("retry-after").is_some(), "{refused:?}");
    let entry = edge.next_request(|e| e["client"] == "127.0.0.13");
    assert_eq!(entry["outcome"], "refused", "{entry}");
    assert_eq!(["127.0.0.11", "127.0.0.12"].map(|from| node_of(&edge, from)), nodes);
    let served: usize = [&a, &b].map(|node| node.origin.requests().len()).iter().sum();
    assert_eq!(served, 4, "never an unpinned request");
}

#[test]
fn a_full_table_forgets_its_oldest_client() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, source_ip: { capacity: 2, when_full: evict_oldest }";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    let outcome = |from: &str| {
        call(&edge, from).expect(200);
        edge.next_request(|e| e["client"] == from)["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(["127.0.0.11", "127.0.0.12", "127.0.0.11"].map(outcome), ["fresh", "fresh", "persisted"]);
    assert_eq!(outcome("127.0.0.13"), "fresh");
    assert_eq!(outcome("127.0.0.11"), "persisted", "used last, so it was not the oldest");
    assert_eq!(outcome("127.0.0.12"), "fresh", "the oldest made room");
}
