//! A bound connection stays on its node: neither turns of the balancer nor a missing pin end it.

use super::{ask, named};
use crate::support::client::Client;
use crate::support::edge::Edge;
use crate::support::farm::{ONE_PROBE, QUICK_PROBE};
use crate::support::origin::Origin;

/// Two nodes that take turns. `pool`: further settings of the pool, each followed by a comma.
fn in_turns(nodes: &[Origin; 2], pool: &str) -> Edge {
    probed(nodes, pool, ONE_PROBE)
}

fn probed(nodes: &[Origin; 2], pool: &str, probe: &str) -> Edge {
    Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  a: {{ address: 127.0.0.1 }}\n  \
         b: {{ address: 127.0.0.1 }}\npools:\n  app: {{ {pool} {probe}, slow_start: 0s, \
         nodes: [ {{ node: a, port: {} }}, {{ node: b, port: {} }} ] }}\nroutes:\n  \
         - {{ listener: web, pool: app }}\n",
        nodes[0].port(0),
        nodes[1].port(0)
    ))
}

fn nodes() -> [Origin; 2] {
    ["a", "b"].map(named)
}

#[test]
fn without_persistence_a_bound_connection_stays_on_its_node() {
    for binds in ["auto", "always"] {
        let nodes = nodes();
        let edge = in_turns(&nodes, &format!("connection_auth: {binds},"));
        let mut client = Client::connect(edge.address("web"));
        let node = ask(&mut client, "/x", None).expect(401).node();
        for _ in 0..6 {
            let served = ask(&mut client, "/x", Some("NTLM alice")).expect(200);
            assert_eq!((served.text(), served.node()), ("alice".to_owned(), node.clone()), "{binds}");
            assert!(!served.head.has_token("connection", "close"), "{binds}: {served:?}");
        }
        let connections = nodes.iter().map(|node| node.records().connections.len()).sum::<usize>();
        assert_eq!(connections, 1, "{binds}");
    }
}

#[test]
fn the_handshake_goes_on_at_the_node_that_asked_for_it() {
    let nodes = nodes();
    let edge = in_turns(&nodes, "connection_auth: auto,");
    // Each time another node has the turn when the challenge is answered.
    for _ in 0..4 {
        let mut client = Client::connect(edge.address("web"));
        for _ in 0..2 {
            ask(&mut client, "/public", None).expect(200);
        }
        let node = ask(&mut client, "/x", None).expect(401).node();
        for _ in 0..3 {
            let served = ask(&mut client, "/x", Some("NTLM alice")).expect(200);
            assert_eq!((served.text(), served.node()), ("alice".to_owned(), node.clone()));
        }
    }
}

#[test]
fn a_node_that_dies_after_its_challenge_leaves_the_client_to_another() {
    let nodes = nodes();
    let edge = in_turns(&nodes, "connection_auth: auto,");
    let mut client = Client::connect(edge.address("web"));
    for _ in 0..2 {
        ask(&mut client, "/public", None).expect(200);
    }
    let node = ask(&mut client, "/x", None).expect(401).node();
    let [dead, other] = if node == "a" { [&nodes[0], &nodes[1]] } else { [&nodes[1], &nodes[0]] };
    // Only its kept connection was closed, and nobody was authenticated yet: nothing is lost.
    dead.kill();
    for _ in 0..3 {
        let served = ask(&mut client, "/x", Some("NTLM alice")).expect(200);
        assert_ne!(served.node(), node);
    }
    let by: Vec<_> =
        other.requests().iter().filter(|r| r.head.target() == "/x").map(|r| r.connection).collect();
    assert_eq!(by.len(), 3);
    assert!(by.iter().all(|connection| *connection == by[0]), "{by:?}");
}

#[test]
fn a_bound_client_leaves_a_node_that_is_down() {
    for binds in ["auto", "always"] {
        let nodes = nodes();
        let edge = probed(&nodes, &format!("connection_auth: {binds},"), QUICK_PROBE);
        let mut client = Client::connect(edge.address("web"));
        let node = ask(&mut client, "/x", Some("NTLM alice")).expect(200).node();
        let [down, other] = if node == "a" { [&nodes[0], &nodes[1]] } else { [&nodes[1], &nodes[0]] };
        // What is open there goes on.
        down.refuse_on(0);
        edge.message(&format!("app/{node} is down"));
        let served = ask(&mut client, "/x", None).expect(200);
        assert_eq!((served.text(), served.node()), ("alice".to_owned(), node.clone()), "{binds}");
        assert!(served.head.has_token("connection", "close"), "{binds}: {served:?}");
        client.expect_closed();
        let mut client = Client::connect(edge.address("web"));
        assert_ne!(ask(&mut client, "/x", Some("NTLM alice")).expect(200).node(), node, "{binds}");
        assert_eq!(other.requests().len(), 1);
    }
}
