//! What probes send, and what they make of the answer.

use super::{BUSY, Script, farm};
use crate::support::client::{get, once};
use crate::support::edge::Edge;
use crate::support::http::{Wire, answer};
use crate::support::origin::{Conn, Origin};
use crate::tls::Authority;
use rustls::{ServerConnection, StreamOwned};

/// The bytes of an origin's first connection.
fn first_bytes(origin: &Origin) -> String {
    let bytes = origin.wait("a whole request", |records| {
        records.requests.first()?;
        Some(records.connections[0].bytes.clone())
    });
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_plain_probe_names_the_node() {
    let pool = format!("probe: {{ http: {{}}, {BUSY} }},");
    for address in ["127.0.0.1", "localhost"] {
        let origin = Script::new(answer("200 OK", "", b"")).origin();
        let port = origin.port(0);
        let yaml =
            farm(&[("one", port)], &pool, "").replace("address: 127.0.0.1", &format!("address: {address}"));
        let edge = Edge::start(&yaml);
        edge.message("p/one is up");
        assert_eq!(
            first_bytes(&origin),
            format!(
                "GET / HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: identity-edge\r\nConnection: close\r\n\
                 Accept: */*\r\n\r\n"
            )
        );
    }
}

#[test]
fn a_probe_sends_what_is_configured_byte_for_byte() {
    let body = "<s:Envelope><s:Body>\u{fc}</s:Body></s:Envelope>";
    let said = "<Metadata><MetadataSection/></Metadata>";
    let origin = Script::new(answer("200 OK", "", said.as_bytes())).origin();
    let pool = format!(
        "probe: {{ http: {{ path: \"/ResourceManagementService/MEX?a=b\", host: \"mim.test:5725\", body: \"{body}\", \
         headers: {{ Content-Type: \"application/soap+xml; charset=utf-8\", User-Agent: watch, Authorization: Basic x }}, \
         expect: 200, contains: MetadataSection }}, {BUSY} }},"
    );
    let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, ""));
    edge.message("p/one is up");
    assert_eq!(
        first_bytes(&origin),
        format!(
            "POST /ResourceManagementService/MEX?a=b HTTP/1.1\r\nHost: mim.test:5725\r\nConnection: close\r\n\
             Accept: */*\r\nContent-Type: application/soap+xml; charset=utf-8\r\nUser-Agent: watch\r\n\
             Authorization: Basic x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    );
    // Every probe has a connection of its own.
    origin.wait("a second probe", |records| (records.requests.len() > 1).then_some(()));
    assert!(origin.requests().iter().enumerate().all(|(place, request)| request.connection == place));
}

#[test]
fn a_probe_speaks_tls_where_requests_do() {
    let authority = Authority::new();
    let server = authority.server("portal.test");
    let origin = Origin::start(move |conn: Conn| {
        let session = ServerConnection::new(server.clone()).unwrap();
        let mut wire = Wire::new(StreamOwned::new(session, conn.wire.stream));
        while let Ok(Some(head)) = wire.head() {
            let chunked =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\nwell\r\n0\r\n\r\n";
            let fits = head.value("host") == Some("portal.test") && head.target() == "/health";
            let _ = wire.send(if fits { chunked.as_bytes() } else { b"HTTP/1.1 404 Not Found\r\n\r\n" });
        }
    });
    let pool = format!(
        "tls: {{ server_name: portal.test, ca: \"{}\" }}, \
         probe: {{ http: {{ path: /health, contains: all well }}, {BUSY} }},",
        authority.path("ca.pem")
    );
    let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, ""));
    edge.message("p/one is up");
    assert_eq!(edge.message("p/one is"), 1);
}

#[test]
fn answers_are_judged_by_status_and_text() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".to_vec();
    let well = |said: &str| (said.as_bytes().to_vec(), "p/one is up");
    for (http, (said, expected)) in [
        ("", well("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")),
        ("expect: [\"200-399\", 401]", well("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")),
        ("", ([interim, answer("204 No Content", "", b"")].concat(), "p/one is up")),
        ("method: HEAD", well("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")),
        ("contains: \"two words\"", well("HTTP/1.1 200 OK\r\n\r\nsome two words more")),
        ("expect: 204", (answer("200 OK", "", b""), "p/one is down: expected 204, got 200")),
        (
            "expect: [\"200-399\", 401]",
            (answer("503 Service Unavailable", "", b""), "p/one is down: expected 200-399 or 401, got 503"),
        ),
        (
            "contains: \"two words\"",
            (answer("200 OK", "", b"two  words"), "p/one is down: the body does not contain \"two words\""),
        ),
    ] {
        let origin = Script::new(said).origin();
        let pool = format!("probe: {{ http: {{ {http} }}, {BUSY} }},");
        let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, ""));
        edge.message(expected);
    }
}

#[test]
fn a_stopped_application_pool_is_down_although_it_accepts() {
    let well = answer("200 OK", "", b"");
    let script = Script::new(&well);
    let (stopped, other) = (script.origin(), Origin::answering(|_| answer("200 OK", "", b"other")));
    let pool = format!("probe: {{ http: {{ path: /probe }}, {BUSY} }},");
    let edge = Edge::start(&farm(&[("one", stopped.port(0)), ("two", other.port(0))], &pool, ""));
    script.say(answer("503 Service Unavailable", "", b""));
    edge.message("p/one is down: expected 200-399, got 503");
    for _ in 0..10 {
        assert_eq!(once(edge.address("web"), get("/x")).expect(200).text(), "other");
    }
    script.say(&well);
    edge.message("p/one is up again");
    assert_eq!(edge.message("p/one is down"), 1);
}
