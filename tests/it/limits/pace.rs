//! How slowly clients may send and read.

use crate::support::Gate;
use crate::support::client::{Client, get, post};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::sync::Arc;

/// A rate that nobody keeps who pauses.
const FAST: &str = "limits: { body_rate: 1MiB }\n";

/// Who sends a byte and then nothing is ended; who waits for the backend, however long, is not.
#[test]
fn a_body_that_dribbles_ends_and_who_waits_for_the_backend_does_not() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let origin = Origin::start(move |mut conn| {
        while let Some(head) = conn.head() {
            if head.target() == "/slow" {
                held.wait();
            }
            if head.has_token("expect", "100-continue") {
                conn.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            if conn.body(head).is_none() {
                return;
            }
            conn.send(answer("200 OK", "", b"ok"));
        }
    });
    let edge = Edge::start(&single(&origin, "", FAST));
    let web = edge.address("web");
    let (mut polls, mut asks) = (Client::connect(web), Client::connect(web));
    polls.send(post("/slow", "whole"));
    let head = "POST /slow HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    asks.send(head);
    gate.arrived(2);
    let (mut dribbles, mut silent) = (Client::connect(web), Client::connect(web));
    dribbles.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\na");
    silent.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for client in [&mut dribbles, &mut silent] {
        client.response().expect(408);
        client.expect_closed();
        let entry = edge.next_request(|_| true);
        assert_eq!(entry["failure"], "body_too_slow", "{entry}");
    }
    assert_eq!(edge.metrics().value("refused_requests_total", &[("reason", "body_too_slow")]), 2.0);
    gate.open();
    polls.response().expect(200);
    assert_eq!(asks.wire.head().unwrap().unwrap().status(), 100);
    asks.exchange("body").expect(200);
}

/// A client may stop sending once it sees that its answer has come (RFC 9112 section 9.5):
/// while that is under way nobody waits for the body.
#[test]
fn who_reads_an_early_answer_is_not_cut_off_for_the_body_it_holds_back() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let origin = Origin::start(move |mut conn| {
        while let Some(head) = conn.head() {
            if head.target() == "/early" {
                conn.send("HTTP/1.1 413 Too Large\r\nContent-Length: 10\r\n\r\nfirst");
                held.wait();
                conn.send(" last");
            }
        }
    });
    let edge = Edge::start(&single(&origin, "", FAST));
    let web = edge.address("web");
    let mut reads = Client::connect(web);
    reads.send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nsome");
    assert_eq!(reads.wire.head().unwrap().unwrap().status(), 413);
    assert_eq!(reads.wire.exactly(5).unwrap(), b"first");
    // It outlasts others who may let nobody wait for longer.
    for _ in 0..2 {
        let mut silent = Client::connect(web);
        silent.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\na");
        silent.response().expect(408);
    }
    gate.open();
    assert_eq!(reads.wire.exactly(5).unwrap(), b" last");
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let origin = Origin::start(|mut conn| {
        conn.stop_recording();
        while conn.head().is_some() {
            let block = vec![b'a'; 1 << 20];
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
            for _ in 0..64 {
                conn.send(&block);
            }
        }
    });
    // The rate is no more than what a client's kernel takes for it: it is the pause that is too long.
    let edge = Edge::start(&single(&origin, "", "limits: { body_rate: 64MiB }\n"));
    let mut client = Client::connect_narrow(edge.address("web"));
    client.send(get("/x"));
    let entry = edge.next_request(|_| true);
    assert_eq!((&entry["failure"], &entry["status"]), (&"client_too_slow".into(), &200.into()), "{entry}");
    assert_eq!(edge.metrics().value("request_failures_total", &[("reason", "client_too_slow")]), 1.0);
    client.expect_broken();
}
