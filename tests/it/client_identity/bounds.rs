//! How many connections one client may have, and one listener.

use super::{behind, refused, told};
use crate::support::client::{Client, get};
use crate::support::edge::Edge;

/// Fails unless the connection serves a request.
#[track_caller]
fn serves(client: &mut Client) {
    client.exchange(get("/")).expect(200);
}

#[test]
fn a_client_has_so_many_connections_and_leaves_the_others_theirs() {
    let origin = told();
    let each = "limits: { connections_per_client: { limit: 2, ipv4_prefix: 31 } },";
    let edge = Edge::start(&behind(&origin, each, ""));
    let web = edge.address("web");
    let mut held = ["127.0.0.2", "127.0.0.3"].map(|from| Client::connect_from(from, web));
    held.iter_mut().for_each(serves);
    for from in ["127.0.0.2", "127.0.0.3", "127.0.0.3"] {
        Client::connect_from(from, web).expect_closed();
    }
    serves(&mut Client::connect_from("127.0.0.4", web));
    refused(&edge, &[("client_limit", 3.0), ("limit", 0.0)]);
    edge.message("has 2 connections, more are refused (connections_per_client of listener web)");
    assert_eq!(edge.messages("more are refused", 1), 1, "told once a minute");
    let [first, mut second] = held;
    drop(first);
    // Its place is free once the edge has seen it go.
    let mut next = loop {
        let mut next = Client::connect_from("127.0.0.3", web);
        let _ = next.wire.send(get("/").as_bytes());
        if next.try_response("GET").is_ok() {
            break next;
        }
    };
    serves(&mut second);
    serves(&mut next);
}

#[test]
fn the_clients_of_one_proxy_are_counted_apart() {
    let origin = told();
    let each = "proxy_protocol: accept, trusted_proxies: [ 127.0.0.1 ], limits: { connections_per_client: { limit: 1 } },";
    let edge = Edge::start(&behind(&origin, each, ""));
    let announced = |client: &str| {
        let mut connection = Client::connect(edge.address("web"));
        connection.send(format!("PROXY TCP4 {client} 127.0.0.1 1 2\r\n"));
        connection
    };
    let mut held = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(announced);
    held.iter_mut().for_each(serves);
    announced("192.0.2.2").expect_closed();
    // Whoever comes himself counts as himself.
    let mut direct = Client::connect_from("127.0.0.9", edge.address("web"));
    serves(&mut direct);
    Client::connect_from("127.0.0.9", edge.address("web")).expect_closed();
    refused(&edge, &[("client_limit", 2.0)]);
    held.iter_mut().for_each(serves);
    // A proxy that names nobody is no client, but many of them.
    let mut own = [1, 2, 3].map(|_| Client::connect(edge.address("web")));
    own.iter_mut().for_each(serves);
}

#[test]
fn a_listener_has_a_bound_of_its_own() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, "limits: { connections: 2 },", ""));
    let mut held = [1, 2].map(|_| Client::connect(edge.address("web")));
    held.iter_mut().for_each(serves);
    Client::connect(edge.address("web")).expect_closed();
    refused(&edge, &[("listener_limit", 1.0), ("limit", 0.0)]);
    edge.message("2 connections are open, more are refused (listeners.web.limits.connections)");
    held.iter_mut().for_each(serves);
}
