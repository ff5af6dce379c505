//! Requests of one client to a route.

use crate::support::client::{Client, get, once_from, post};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;

/// Intervals begin with the process: in an hour there is no other one for a test.
fn limited(origin: &Origin, rate: &str) -> Edge {
    let rate = format!("pool: app, rate: {{ {rate} }} }}");
    Edge::start(&single(origin, "", "").replace("pool: app }", &rate))
}

#[test]
fn requests_beyond_the_rate_are_429_and_others_are_served() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = limited(&origin, "requests: 3, per: 1h");
    let web = edge.address("web");
    let mut busy = Client::connect_from("127.0.0.2", web);
    for _ in 0..3 {
        busy.exchange(get("/x")).expect(200);
    }
    // Refused on a connection that stays, also with a body.
    for request in [get("/x"), post("/x", "body"), get("/x")] {
        let refused = busy.exchange(request).expect(429);
        let seconds: u32 = refused.head.value("retry-after").unwrap().parse().unwrap();
        assert!((1..=3600).contains(&seconds), "{refused:?}");
        assert!(!refused.head.has_token("connection", "close"), "{refused:?}");
    }
    once_from("127.0.0.2", web, get("/x")).expect(429);
    once_from("127.0.0.3", web, get("/x")).expect(200);
    assert_eq!(origin.requests().len(), 4);
    let metrics = edge.metrics();
    assert_eq!(metrics.value("refused_requests_total", &[("reason", "rate_limited")]), 4.0);
    let entry = edge.next_request(|entry| entry["status"] == 429);
    assert_eq!(entry["failure"], "rate_limited", "{entry}");
}

#[test]
fn neighbours_share_a_rate() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = limited(&origin, "requests: 1, per: 1h, ipv4_prefix: 24");
    let web = edge.address("web");
    once_from("127.0.0.2", web, get("/x")).expect(200);
    once_from("127.0.0.99", web, get("/x")).expect(429);
    once_from("127.0.1.2", web, get("/x")).expect(200);
}

#[test]
fn a_body_that_is_not_here_yet_ends_the_connection_of_a_refused_request() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = limited(&origin, "requests: 1, per: 1h");
    let mut client = Client::connect(edge.address("web"));
    client.exchange(get("/x")).expect(200);
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    client.response().expect(429);
    client.expect_closed();
}
