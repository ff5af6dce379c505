//! Requests that are answered with an error and never forwarded; `desync` has those that parsers could disagree on.

use super::in_front_of;
use crate::support::client::{Client, get, once};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::{answer, show};
use crate::support::origin::Origin;

fn ok_origin() -> Origin {
    Origin::answering(|_| answer("200 OK", "X-Node: one\r\n", b"ok"))
}

#[test]
fn what_is_refused_is_in_the_log_and_costs_nobody_else_anything() {
    let origin = ok_origin();
    let (edge, web) = in_front_of(&origin);
    let mut refused = Client::connect(web);
    refused.send(format!("GET /x HTTP/1.1\nHost: h\r\n\r\n{}", get("/behind")));
    let response = refused.response().expect(400);
    assert!(response.head.has_token("connection", "close"), "{}", show(&response.head.raw));
    refused.expect_closed();
    once(web, get("/fine")).expect(200);
    assert_eq!(origin.requests().len(), 1);
    let entry = edge.next_request(|e| e["status"] == 400);
    assert_eq!(entry["node"].as_str().unwrap_or("-"), "-", "{entry}");
}

#[test]
fn a_body_that_breaks_off_is_never_completed() {
    for head in ["Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let origin = ok_origin();
        let (_edge, web) = in_front_of(&origin);
        let mut client = Client::connect(web);
        client.send(format!("POST /x HTTP/1.1\r\nHost: h\r\n{head}"));
        origin.wait("the beginning of the body", |records| {
            records
                .connections
                .first()?
                .bytes
                .ends_with(b"abc")
                .then_some(())
                .or_else(|| records.connections.first()?.bytes.ends_with(b"abc\r\n").then_some(()))
        });
        drop(client);
        origin.wait("the end of the connection", |records| records.connections[0].closed.then_some(()));
        assert!(origin.requests().is_empty(), "{head:?}");
    }
}

#[test]
fn a_head_that_is_too_large_is_431() {
    let origin = ok_origin();
    let edge = Edge::start(&single(&origin, "", "limits: { request_header_bytes: 16KiB }\n"));
    let web = edge.address("web");
    let head = |filler: usize| {
        format!("GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\r\n", "a".repeat(filler))
    };
    once(web, head(15 * 1024)).expect(200);
    for filler in [17 * 1024, 200 * 1024] {
        let mut client = Client::connect(web);
        // The edge need not read it all.
        let _ = client.wire.send(head(filler).as_bytes());
        assert_eq!(client.response().status(), 431);
        client.expect_closed();
    }
    let mut client = Client::connect(web);
    client.send(format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(17 * 1024)));
    let status = client.response().status();
    assert!([414, 431].contains(&status), "{status}");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_kerberos_ticket_of_64_kib_passes() {
    let origin = ok_origin();
    let (_edge, web) = in_front_of(&origin);
    let ticket = "A".repeat(64 * 1024);
    once(web, format!("GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {ticket}\r\n\r\n")).expect(200);
    let arrived = &origin.requests()[0].head;
    assert_eq!(arrived.value("authorization"), Some(format!("Basic {ticket}").as_str()));
}

#[test]
fn a_head_that_never_ends_is_408() {
    let origin = ok_origin();
    let edge = Edge::start(&single(&origin, "", "limits: { header_timeout: 1s }\n"));
    let web = edge.address("web");
    let mut client = Client::connect(web);
    client.send("GET /x HTTP/1.1\r\nHost: h\r\nX-A: ");
    assert_eq!(client.response().status(), 408);
    client.expect_closed();
    // The second head of a connection has the same deadline.
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    client.send("GET /second HTTP/1.1\r\n");
    assert_eq!(client.response().status(), 408);
    client.expect_closed();
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn no_route_is_404_and_costs_no_connection() {
    let origin = ok_origin();
    let yaml =
        single(&origin, "", "").replace("listener: web,", "listener: web, host: known.test, path: /app,");
    let edge = Edge::start(&yaml);
    let mut client = Client::connect(edge.address("web"));
    let asks = |host: &str, path: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for (host, path, status) in [
        ("known.test", "/app", 200),
        ("other.test", "/app", 404),
        ("KNOWN.test:8443", "/app/x", 200),
        ("known.test", "/apple", 404),
        ("known.test.", "/app?q", 200),
        ("x.known.test", "/app", 404),
        ("known.test", "/app/", 200),
    ] {
        assert_eq!(client.exchange(asks(host, path)).status(), status, "{host}{path}");
    }
    assert_eq!(origin.requests().len(), 4);
}
