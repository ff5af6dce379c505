//! Why a node is down, in words that help, and each time once.

use super::{BUSY, Script, farm, probed_again};
use crate::support::edge::Edge;
use crate::support::http::{Wire, answer};
use crate::support::origin::{Conn, Origin};
use crate::tls::Authority;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A node that answers well, then as told, then well: one message for each change, whatever the number of
/// probes in between.
#[track_caller]
fn told_once(http: &str, bad: &[u8], cause: &str) {
    let well = answer("200 OK", "", b"all is well");
    let script = Script::new(&well);
    let origin = script.origin();
    let pool = format!("probe: {{ http: {{ {http} }}, {BUSY} }},");
    let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, ""));
    for round in 1..=2 {
        script.say(bad);
        edge.messages(&format!("WARN p/one is down: {cause}"), round);
        probed_again(&origin, 5);
        script.say(&well);
        edge.messages("WARN p/one is up again", round);
    }
    assert_eq!((edge.message("p/one is down"), edge.message("p/one is up")), (2, 3), "{}", edge.log());
}

#[test]
fn another_status() {
    told_once("", &answer("503 Service Unavailable", "", b""), "expected 200-399, got 503");
}

#[test]
fn another_text() {
    let http = "contains: all is well";
    told_once(http, &answer("200 OK", "", b"so"), "the body does not contain \"all is well\"");
}

#[test]
fn no_http() {
    told_once("", b"220 mail.test ESMTP\r\n", "the answer is not HTTP: bad_status_line");
}

#[test]
fn no_answer() {
    told_once("", b"", "the connection was closed before an answer");
}

#[test]
fn silence() {
    let silent = Arc::new(AtomicBool::new(true));
    let quiet = silent.clone();
    let origin = Origin::start(move |mut conn: Conn| {
        while conn.request().is_some() {
            if !quiet.load(Ordering::SeqCst) {
                conn.send(answer("200 OK", "", b""));
            }
        }
    });
    let busy = BUSY.replace("timeout: 20s", "timeout: 200ms");
    let edge =
        Edge::start(&farm(&[("one", origin.port(0))], &format!("probe: {{ http: {{}}, {busy} }},"), ""));
    edge.message("WARN p/one is down: no answer within 200ms");
    probed_again(&origin, 3);
    silent.store(false, Ordering::SeqCst);
    edge.message("WARN p/one is up again");
    assert_eq!(edge.message("p/one is down"), 1);
}

#[test]
fn nobody_listens() {
    for check in ["tcp: {}", "http: {}"] {
        let origin = Script::new(answer("200 OK", "", b"")).origin();
        let edge =
            Edge::start(&farm(&[("one", origin.port(0))], &format!("probe: {{ {check}, {BUSY} }},"), ""));
        origin.kill();
        edge.message("WARN p/one is down: connection refused");
        origin.listen();
        edge.message("WARN p/one is up again");
        assert_eq!(edge.message("p/one is down"), 1);
    }
}

#[test]
fn a_name_that_leads_nowhere() {
    let yaml = farm(&[("one", 80)], &format!("probe: {{ tcp: {{}}, {BUSY} }},"), "");
    let edge = Edge::start(&yaml.replace("address: 127.0.0.1", "address: nowhere.invalid"));
    edge.message("WARN p/one is down: the name nowhere.invalid is not resolved");
}

/// An origin that speaks TLS with this configuration.
fn secure(server: Arc<ServerConfig>) -> Origin {
    Origin::start(move |conn: Conn| {
        let session = ServerConnection::new(server.clone()).unwrap();
        let mut wire = Wire::new(StreamOwned::new(session, conn.wire.stream));
        while let Ok(Some(_head)) = wire.head() {
            let _ = wire.send(&answer("200 OK", "", b""));
        }
    })
}

#[test]
fn tls_that_is_not_as_configured() {
    let (authority, stranger) = (Authority::new(), Authority::called("stranger.test"));
    let plain = Origin::start(|mut conn: Conn| {
        let _ = conn.wire.has_more();
        conn.send(answer("400 Bad Request", "", b""));
    });
    let good = secure(authority.server("portal.test"));
    let expired = secure(authority.expired_server("portal.test"));
    for (origin, name, ca, cause) in [
        (&good, "portal.test", &stranger, "the certificate is not trusted: unknown issuer"),
        (&good, "other.test", &authority, "the certificate is not for other.test"),
        (&expired, "portal.test", &authority, "the certificate has expired"),
        (&plain, "portal.test", &authority, "TLS towards a port that does not speak it"),
    ] {
        for check in ["tcp: {}", "http: {}"] {
            let ca = ca.path("ca.pem");
            let pool = format!("tls: {{ server_name: {name}, ca: \"{ca}\" }}, probe: {{ {check}, {BUSY} }},");
            let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, ""));
            edge.message(&format!("WARN p/one is down: {cause}"));
        }
    }
}
