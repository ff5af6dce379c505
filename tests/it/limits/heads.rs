//! The number of field lines.

use crate::support::PATIENCE;
use crate::support::client::{Client, once};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::time::Instant;

/// A request with so many field lines.
fn with_fields(count: usize) -> String {
    let more: String = (1..count).map(|number| format!("X-{number}: a\r\n")).collect();
    format!("GET /x HTTP/1.1\r\nHost: h\r\n{more}\r\n")
}

#[test]
fn more_field_lines_than_may_be_are_431() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = Edge::start(&single(&origin, "", "limits: { request_headers: 10 }\n"));
    let web = edge.address("web");
    once(web, with_fields(10)).expect(200);
    let mut client = Client::connect(web);
    client.exchange(with_fields(11)).expect(431);
    client.expect_closed();
    assert_eq!(edge.metrics().value("refused_requests_total", &[("reason", "too_many_fields")]), 1.0);
}

#[test]
fn a_listener_has_limits_of_its_own() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let yaml = single(&origin, "", "limits: { request_headers: 10 }\n")
        .replace("\"127.0.0.1:0\" }", "\"127.0.0.1:0\", limits: { request_headers: 20 } }");
    let edge = Edge::start(&yaml);
    once(edge.address("web"), with_fields(20)).expect(200);
    once(edge.address("web"), with_fields(21)).expect(431);
}

#[test]
fn a_connection_on_which_nothing_comes_is_closed_and_counted() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = Edge::start(&single(&origin, "", "limits: { header_timeout: 1s }\n"));
    let mut silent = Client::connect(edge.address("web"));
    silent.expect_closed();
    let no_request = [("reason", "no_request")];
    let begun = Instant::now();
    while edge.metrics().find("downstream_connections_refused_total", &no_request) != Some(1.0) {
        assert!(begun.elapsed() < PATIENCE, "it is never counted");
    }
    // One that has served a request may be silent for longer, and to end it then is no refusal.
    let mut served = Client::connect(edge.address("web"));
    served.exchange(with_fields(1)).expect(200);
    drop(served);
    assert_eq!(edge.metrics().value("downstream_connections_refused_total", &no_request), 1.0);
}
