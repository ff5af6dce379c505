//! Requests on which two parsers could disagree: answered with an error, never forwarded, connection closed.

use super::in_front_of;
use crate::support::client::{Client, get, once};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::{answer, show};
use crate::support::origin::Origin;

fn ok_origin() -> Origin {
    Origin::answering(|_| answer("200 OK", "X-Node: one\r\n", b"ok"))
}

const BAD: &[u16] = &[400];
/// A transfer coding that nobody knows is 501 by RFC 9112, section 6.1, and 400 by caution.
const CODING: &[u16] = &[400, 501];
const VERSION: &[u16] = &[400, 505];

/// After each of these heads comes a request that must not be taken for one.
const HEADS: &[(&str, &[u8], &[u16])] = &[
    ("CL and TE", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ("TE and CL", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", BAD),
    ("two lengths", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", BAD),
    ("the same length twice", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", BAD),
    ("a list of lengths", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na", BAD),
    ("a signed length", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na", BAD),
    ("a negative length", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na", BAD),
    ("a length with a blank inside", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1 1\r\n\r\na", BAD),
    ("a length in hex", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na", BAD),
    ("an empty length", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n", BAD),
    ("a huge length", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\na", BAD),
    ("TE gzip", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", CODING),
    ("TE gzip, chunked", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", CODING),
    ("TE chunked, gzip", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", CODING),
    ("TE identity", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", CODING),
    ("TE xchunked", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", CODING),
    ("TE with a parameter", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", CODING),
    ("TE with a vertical tab", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", CODING),
    ("empty TE", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \r\n\r\n", CODING),
    ("chunked twice in a line", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", CODING),
    ("chunked in two lines", b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CODING),
    ("TE in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ("bare LF after the request line", b"GET /x HTTP/1.1\nHost: h\r\n\r\n", BAD),
    ("bare LF after a header", b"GET /x HTTP/1.1\r\nHost: h\nX-A: b\r\n\r\n", BAD),
    ("bare LF at the end", b"GET /x HTTP/1.1\r\nHost: h\r\n\n", BAD),
    ("bare CR in a value", b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: b\rc\r\n\r\n", BAD),
    ("bare CR in the request line", b"GET /x\r HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("NUL in a value", b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: b\0c\r\n\r\n", BAD),
    ("NUL in the target", b"GET /\0x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("control character in a value", b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: b\x01c\r\n\r\n", BAD),
    ("a folded line", b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n", BAD),
    ("a fold before the first header", b"GET /x HTTP/1.1\r\n X-A: b\r\nHost: h\r\n\r\n", BAD),
    ("blank before the colon", b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length : 0\r\n\r\n", BAD),
    ("tab before the colon", b"GET /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n", BAD),
    ("no colon", b"GET /x HTTP/1.1\r\nHost: h\r\nX-A\r\n\r\n", BAD),
    ("an empty name", b"GET /x HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", BAD),
    ("a name with a bracket", b"GET /x HTTP/1.1\r\nHost: h\r\nX(A: b\r\n\r\n", BAD),
    ("a name beyond ASCII", b"GET /x HTTP/1.1\r\nHost: h\r\nX\xc3\xa4: b\r\n\r\n", BAD),
    ("no Host", b"GET /x HTTP/1.1\r\nX-A: b\r\n\r\n", BAD),
    ("two Hosts", b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BAD),
    ("the same Host twice", b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BAD),
    ("a Host with a blank", b"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", BAD),
    ("a Host with a path", b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", BAD),
    ("a Host with a user", b"GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n", BAD),
    ("a list of Hosts", b"GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n", BAD),
    ("an absolute target that disagrees", b"GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("an absolute target of no scheme of ours", b"GET ftp://h/x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("a target without a slash", b"GET x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("an asterisk for GET", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("two blanks", b"GET  /x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("a blank in the target", b"GET /x y HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("a tab for a blank", b"GET\t/x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("a blank first", b" GET /x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("a method with a colon", b"G:T /x HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    ("no version", b"GET /x\r\nHost: h\r\n\r\n", VERSION),
    ("HTTP/0.9", b"GET /x HTTP/0.9\r\nHost: h\r\n\r\n", VERSION),
    ("HTTP/1.2", b"GET /x HTTP/1.2\r\nHost: h\r\n\r\n", VERSION),
    ("HTTP/2.0", b"GET /x HTTP/2.0\r\nHost: h\r\n\r\n", VERSION),
    ("http/1.1", b"GET /x http/1.1\r\nHost: h\r\n\r\n", VERSION),
    ("HTTP/1.10", b"GET /x HTTP/1.10\r\nHost: h\r\n\r\n", VERSION),
    ("CONNECT", b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", &[400, 405, 501]),
    ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", BAD),
];

#[test]
fn ambiguous_heads_are_refused_and_nothing_after_them_is_read() {
    let origin = ok_origin();
    let (edge, web) = in_front_of(&origin);
    for (what, head, allowed) in HEADS {
        let mut client = Client::connect(web);
        client.send([head, get("/smuggled").as_bytes()].concat());
        let response =
            client.try_response("GET").unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        assert!(allowed.contains(&response.status()), "{what}: {}", show(&response.head.raw));
        assert!(response.head.has_token("connection", "close"), "{what}: {}", show(&response.head.raw));
        client.expect_closed();
        let arrived = origin.records().connections;
        assert!(arrived.is_empty(), "{what} reached the origin as {}", show(&arrived[0].bytes));
    }
    // The edge still serves, and the origin would have recorded it.
    once(web, get("/fine")).expect(200);
    assert_eq!(origin.requests().len(), 1);
    let entry = edge.next_request(|e| e["status"] == 400);
    assert_eq!(entry["node"].as_str().unwrap_or("-"), "-", "refused requests are in the log too: {entry}");
}

/// Bodies that break off their framing. The head is fine, so the origin may have seen it.
const BODIES: &[(&str, &[u8])] = &[
    ("a size that is no number", b"zz\r\nab\r\n0\r\n\r\n"),
    ("a size in hex notation", b"0x2\r\nab\r\n0\r\n\r\n"),
    ("a signed size", b"+2\r\nab\r\n0\r\n\r\n"),
    ("a negative size", b"-2\r\nab\r\n0\r\n\r\n"),
    ("an empty size", b"\r\nab\r\n0\r\n\r\n"),
    ("a blank before the size", b" 2\r\nab\r\n0\r\n\r\n"),
    ("a size that overflows", b"10000000000000002\r\nab\r\n0\r\n\r\n"),
    ("a size of many digits", b"00000000000000000000000000000002\r\nab\r\n0\r\n\r\n"),
    ("bare LF after the size", b"2\nab\r\n0\r\n\r\n"),
    ("bare CR after the size", b"2\rab\r\n0\r\n\r\n"),
    ("a chunk longer than its size", b"2\r\nabc\r\n0\r\n\r\n"),
    ("bare LF after the chunk", b"2\r\nab\n0\r\n\r\n"),
    ("a bare LF in an extension", b"2;a\nb\r\nab\r\n0\r\n\r\n"),
    ("a bare CR in an extension", b"2;a\rb\r\nab\r\n0\r\n\r\n"),
    ("NUL in an extension", b"2;a\0b\r\nab\r\n0\r\n\r\n"),
    ("a trailer without a colon", b"2\r\nab\r\n0\r\nX-A\r\n\r\n"),
    ("a trailer with bare LF", b"2\r\nab\r\n0\r\nX-A: b\nX-C: d\r\n\r\n"),
    ("a folded trailer", b"2\r\nab\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    ("bare LF for the last line", b"2\r\nab\r\n0\r\n\n"),
];

#[test]
fn broken_chunks_end_the_request_and_the_connection() {
    for (what, body) in BODIES {
        // One origin each, so that what it saw belongs to this case.
        let origin = ok_origin();
        let (_edge, web) = in_front_of(&origin);
        let mut client = Client::connect(web);
        client.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send([body, get("/smuggled").as_bytes()].concat());
        let response =
            client.try_response("POST").unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        assert_eq!(response.status(), 400, "{what}: {}", show(&response.head.raw));
        client.expect_closed();
        // No whole request arrived: neither this one, ended by somebody's guess, nor the hidden one.
        once(web, get("/fine")).expect(200);
        let requests = origin.requests();
        let targets: Vec<&str> = requests.iter().map(|request| request.head.target()).collect();
        assert_eq!(targets, ["/fine"], "{what}");
        let smuggled = |bytes: &[u8]| bytes.windows(9).any(|w| w == b"/smuggled");
        assert!(!origin.records().connections.iter().any(|c| smuggled(&c.bytes)), "{what}");
    }
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
