//! How a client's connection ends: whole responses arrive whole, and parts are seen to be parts.

use super::in_front_of;
use crate::support::Gate;
use crate::support::client::{Client, get};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::{Framing, answer};
use crate::support::origin::Origin;
use std::sync::Arc;

/// Fits into the edge's kernel buffer, and many times not into that of a narrow client.
const BODY: usize = 256 * 1024;

/// A large answer to every request, given once the gate is open.
fn large(gate: &Arc<Gate>) -> Origin {
    let held = gate.clone();
    Origin::answering(move |_| {
        held.wait();
        answer("200 OK", "", &[b'x'; BODY])
    })
}

/// The response arrives whole and is the last thing that comes.
#[track_caller]
fn assert_whole_and_last(client: &mut Client, body: usize, what: &str) {
    let head = client.wire.head().unwrap().unwrap();
    assert_eq!(head.status(), 200);
    let mut read = 0;
    let result = client.wire.body_to(Framing::of_response(&head, "GET"), |piece| read += piece.len());
    assert!(result.is_ok() && read == body, "{what}: {read} of {body} bytes, then {result:?}");
    assert_eq!(client.wire.rest().unwrap(), b"", "{what}");
}

#[test]
fn a_last_response_arrives_whole_whatever_the_client_sent_behind_its_request() {
    let behind = [
        ("the next request", get("/never")),
        ("a stray line end", "\r\n".to_owned()),
        ("more than is read ahead", get(&format!("/{}", "n".repeat(8000))).repeat(12)),
    ];
    for (what, behind) in behind {
        let gate = Arc::new(Gate::default());
        let origin = large(&gate);
        let (edge, web) = in_front_of(&origin);
        let mut client = Client::connect_narrow(web);
        client.send("GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        // The edge has read the request; what comes now is behind it.
        gate.arrived(1);
        client.send(behind);
        gate.open();
        // The edge has written everything: only the kernel still has it.
        edge.next_request(|entry| entry["path"] == "/last");
        assert_whole_and_last(&mut client, BODY, what);
        assert_eq!(origin.requests().len(), 1, "{what}");
    }
}

#[test]
fn the_last_of_the_allowed_requests_is_answered_whole() {
    let gate = Arc::new(Gate::default());
    let origin = large(&gate);
    let edge = Edge::start(&single(&origin, "", "limits: { requests_per_connection: 1 }\n"));
    let mut client = Client::connect_narrow(edge.address("web"));
    client.send(get("/last"));
    gate.arrived(1);
    // The client does not know that it is the last.
    client.send(get("/never"));
    gate.open();
    edge.next_request(|entry| entry["path"] == "/last");
    assert_whole_and_last(&mut client, BODY, "the next request");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_refusal_arrives_although_the_client_goes_on_sending() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, max_body: 1KiB }");
    let edge = Edge::start(&yaml);
    let mut client = Client::connect(edge.address("web"));
    let body = vec![b'x'; 8 << 20];
    client.send(format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len()));
    // All of it, before the answer is looked at.
    client.send(body);
    client.finish();
    client.response().expect(413);
    assert_eq!(client.wire.rest().unwrap(), b"");
}

#[test]
fn a_body_that_lasts_to_the_end_and_breaks_off_ends_in_a_reset() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let origin = Origin::start(move |mut conn| {
        if conn.request().is_some() {
            conn.send("HTTP/1.1 200 OK\r\n\r\nhalf of it");
            held.wait();
            conn.reset();
        }
    });
    let (edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send(get("/x"));
    let head = client.wire.head().unwrap().unwrap();
    assert_eq!(Framing::of_response(&head, "GET"), Framing::Close);
    assert_eq!(client.wire.exactly(10).unwrap(), b"half of it");
    gate.open();
    client.expect_reset();
    assert_eq!(edge.next_request(|_| true)["failure"], "upstream_closed");
}

#[test]
fn chunks_that_break_off_end_in_a_reset_for_a_client_that_knows_no_chunks() {
    for broken in ["", "5\r\nhel", "no size\r\n"] {
        let gate = Arc::new(Gate::default());
        let held = gate.clone();
        let origin = Origin::start(move |mut conn| {
            if conn.request().is_some() {
                conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
                held.wait();
                conn.send(broken);
            }
        });
        let (_edge, web) = in_front_of(&origin);
        let mut client = Client::connect(web);
        client.send("GET /x HTTP/1.0\r\nHost: h\r\n\r\n");
        let head = client.wire.head().unwrap().unwrap();
        assert_eq!(Framing::of_response(&head, "GET"), Framing::Close, "{head:?}");
        assert_eq!(client.wire.exactly(5).unwrap(), b"hello");
        gate.open();
        client.expect_reset();
    }
}
