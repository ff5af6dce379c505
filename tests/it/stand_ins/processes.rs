//! Nodes that are processes.

use crate::support::client::{Client, once};
use crate::support::farm::Ports;
use crate::support::mim::{self, SERVICE, STS};
use crate::support::node::{Manner, Node};
use std::net::{SocketAddr, TcpStream};

fn address(node: &Node, port: usize) -> SocketAddr {
    ([127, 0, 0, 1], node.port(port)).into()
}

fn page(id: &str) -> String {
    format!("GET /page/{id} HTTP/1.1\r\nHost: h\r\n\r\n")
}

#[test]
fn a_node_process_forgets_when_it_is_killed_and_keeps_its_ports() {
    let node = Node::start("a");
    for round in 1..4 {
        let issued = once(address(&node, STS), mim::issue()).expect(200);
        assert_eq!(issued.node(), "a");
        let token = mim::element(&issued.text(), "Token").unwrap();
        let mut open = Client::connect(address(&node, SERVICE));
        open.exchange(mim::get_resource(&token)).expect(200);
        node.kill();
        open.expect_closed();
        assert!(TcpStream::connect(address(&node, SERVICE)).is_err());
        node.restart();
        once(address(&node, SERVICE), mim::get_resource(&token)).expect(500);
        assert_eq!(node.count("got", "Registration"), round);
    }
}

#[test]
fn a_frozen_node_answers_when_it_goes_on() {
    let node = Node::start("a");
    let mut kept = Client::connect(address(&node, SERVICE));
    kept.exchange(page("1")).expect(200);
    node.freeze();
    let mut new = Client::connect(address(&node, SERVICE));
    kept.send(page("2"));
    new.send(page("3"));
    let rest = node.count("got", "2") + node.count("got", "3");
    assert_eq!(rest, 0);
    node.resume();
    kept.response().expect(200);
    new.response().expect(200);
}

#[test]
fn a_node_process_fails_as_it_is_told() {
    let node = Node::start("a");
    let connect = || Client::connect(address(&node, SERVICE));
    node.next(1, Manner::Reset);
    node.next(2, Manner::Status(503));
    let mut client = connect();
    client.send(page("reset"));
    client.try_response("GET").expect_err("a reset");
    let mut client = connect();
    client.exchange(page("503")).expect(503);
    client.exchange(page("503")).expect(503);
    client.exchange(page("200")).expect(200);

    node.next(1, Manner::Stale);
    // Not a kept one.
    connect().exchange(page("new")).expect(200);
    client.send(page("stale"));
    client.try_response("GET").expect_err("a close");
    assert_eq!((node.count("stale", "stale"), node.count("got", "stale")), (1, 0));

    node.next(1, Manner::HalfHead);
    let mut client = connect();
    client.send(page("half"));
    let begun = client.wire.rest().expect("an orderly end");
    assert!(begun.starts_with(b"HTTP/1.1 200") && !begun.windows(4).any(|w| w == b"\r\n\r\n"));

    node.next(1, Manner::HalfBody);
    let mut client = connect();
    client.send(page("half"));
    client.wire.head().unwrap().expect("a head");
    client.expect_broken();

    node.next(1, Manner::Held);
    let mut held = connect();
    held.send(page("held"));
    node.wait_for("held", "held");
    connect().exchange(page("other")).expect(200);
    node.go_on();
    held.response().expect(200);

    node.refuse();
    assert!(TcpStream::connect(address(&node, SERVICE)).is_err());
    assert!(TcpStream::connect(address(&node, STS)).is_err());
    held.exchange(page("kept")).expect(200);
    node.listen();
    connect().exchange(page("again")).expect(200);

    node.always(Manner::Late(1));
    connect().exchange(page("late")).expect(200);
    node.always(Manner::Silent);
    connect().send(page("silent"));
    node.wait_for("silent", "silent");
    node.always(Manner::Serve);
    connect().exchange(page("last")).expect(200);
}

#[test]
fn browsers_are_known_where_they_have_logged_in() {
    let [a, b] = ["a", "b"].map(Node::start);
    let made = once(address(&a, SERVICE), "POST /login/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    let session = mim::element(&made.expect(200).text(), "Session").unwrap();
    let page = format!("GET /app/2 HTTP/1.1\r\nHost: h\r\nCookie: x=1; APP={session}\r\n\r\n");
    once(address(&a, SERVICE), &page).expect(200);
    once(address(&b, SERVICE), &page).expect(403);
    once(address(&a, SERVICE), "GET /app/2 HTTP/1.1\r\nHost: h\r\n\r\n").expect(403);
}
