//! The admin listener itself.

use crate::support::client::{Client, all_but_the_one_closed, get, once, once_from};
use crate::support::edge::{Edge, write};
use crate::support::farm::{ONE_PROBE, single};
use crate::support::http::answer;
use crate::support::origin::Origin;
use crate::support::{Gate, PATIENCE};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

fn origin() -> Origin {
    Origin::answering(|_| answer("200 OK", "", b""))
}

fn request(method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: edge.test\r\n{fields}\r\n")
}

#[test]
fn it_has_four_paths_and_takes_get() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let admin = edge.admin();
    assert_eq!(once(admin, get("/healthz")).expect(200).text(), "ok\n");
    assert_eq!(once(admin, get("/readyz")).expect(200).text(), "ready\n");
    let metrics = once(admin, get("/metrics?a=b")).expect(200);
    let media_type = metrics.head.value("content-type");
    assert_eq!(media_type, Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(metrics.head.value("cache-control"), Some("no-store"));
    let nothing = once(admin, get("/")).expect(404);
    assert_eq!(nothing.text(), "there is /metrics, /clients/ADDRESS, /healthz and /readyz\n");
    // One connection serves scrape after scrape, and whatever else comes.
    let mut client = Client::connect(admin);
    for _ in 0..3 {
        client.exchange(get("/metrics")).expect(200);
        let refused = client.exchange(request("POST", "/metrics", "Content-Length: 0\r\n")).expect(405);
        assert_eq!(refused.head.value("allow"), Some("GET, HEAD"));
    }
    client.send(request("HEAD", "/metrics", ""));
    let head = client.response_to("HEAD").expect(200);
    assert!(head.head.value("content-length").unwrap().parse::<usize>().unwrap() > 1000);
    client.exchange("GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").expect(400);
    client.expect_closed();
}

#[test]
fn metrics_are_for_those_who_know_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "token", "0123456789abcdef-secret\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let origin = origin();
    let admin = format!("admin: {{ bind: \"127.0.0.1:0\", token_file: \"{}\" }}\n", file.display());
    let edge = Edge::start(&single(&origin, "", &admin));
    let admin = edge.admin();
    for fields in [
        "",
        "Authorization: Bearer 0123456789abcdef-secreT\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZi1zZWNyZXQ=\r\n",
        "Authorization: Bearer 0123456789abcdef-secret\r\nAuthorization: Bearer x\r\n",
    ] {
        let refused = once(admin, request("GET", "/metrics", fields)).expect(401);
        assert_eq!(refused.head.value("www-authenticate"), Some("Bearer"));
    }
    let known = request("GET", "/metrics", "Authorization: Bearer 0123456789abcdef-secret\r\n");
    once(admin, known).expect(200);
    // Whoever spreads requests need not know it.
    once(admin, get("/healthz")).expect(200);
    once(admin, get("/readyz")).expect(200);
    assert!(!edge.log().contains("secret"), "{}", edge.log());
}

#[test]
fn it_can_be_turned_off() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", "admin: { bind: null }\n"));
    // It would have been announced before.
    once(edge.address("web"), get("/x")).expect(200);
    assert!(!edge.log().contains("admin_listening"), "{}", edge.log());
}

/// Such as by the edge before, which keeps it until it has ended.
#[test]
fn its_port_in_use_holds_nothing_up() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", &format!("admin: {{ bind: \"{address}\" }}\n")));
    edge.message(&format!(
        "listener admin cannot listen on {address}: another process listens there; it is tried"
    ));
    once(edge.address("web"), get("/x")).expect(200);
    drop(taken);
    assert_eq!(edge.admin(), address);
    once(address, get("/healthz")).expect(200);
}

#[test]
fn nobody_keeps_the_others_from_looking() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let admin = edge.admin();
    // All it gets, and more.
    let mut greedy: Vec<Client> = (0..100).map(|_| Client::connect_from("127.0.0.66", admin)).collect();
    once_from("127.0.0.67", admin, get("/metrics")).expect(200);
    let served = greedy.iter_mut().filter_map(|client| {
        client.wire.send(get("/metrics").as_bytes()).ok()?;
        client.try_response("GET").ok()
    });
    assert_eq!(served.count(), 16);
    // A question without the token's worth ends its connection.
    let mut passing = Client::connect_from("127.0.0.67", admin);
    passing.exchange(get("/healthz")).expect(200);
    passing.expect_closed();
}

#[test]
fn while_it_stops_it_can_be_watched_and_is_not_ready() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.wait();
        answer("200 OK", "", b"")
    });
    let mut edge = Edge::start(&single(&origin, "", "shutdown: { grace: 10m }\n"));
    let admin = edge.admin();
    let mut client = Client::connect(edge.address("web"));
    client.send(get("/x"));
    gate.arrived(1);
    edge.signal(Signal::TERM);
    let deadline = std::time::Instant::now() + PATIENCE;
    while once(admin, get("/readyz")).status() == 200 {
        assert!(std::time::Instant::now() < deadline, "it never said that it stops");
    }
    assert_eq!(once(admin, get("/readyz")).expect(503).text(), "it stops\n");
    once(admin, get("/healthz")).expect(200);
    assert_eq!(edge.metrics().value("ready", &[]), 0.0);
    assert_eq!(edge.metrics().value("backend_requests_in_flight", &[]), 1.0);
    gate.open();
    client.response().expect(200);
    assert_eq!(edge.wait_exit().code(), Some(0));
}

#[test]
fn a_full_edge_can_still_be_watched() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", "limits: { connections: 1 }\n"));
    let web = edge.address("web");
    let _only = all_but_the_one_closed([Client::connect(web), Client::connect(web)]);
    once(edge.admin(), get("/healthz")).expect(200);
    let metrics = edge.metrics();
    assert_eq!(metrics.value("downstream_connections", &[]), 1.0);
    assert_eq!(metrics.value("downstream_connections_refused_total", &[("reason", "limit")]), 1.0);
}

#[test]
fn it_is_not_ready_before_the_first_probes_have_answered() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.wait();
        answer("200 OK", "", b"")
    });
    let probe = "probe: { http: {}, timeout: 10m, start_grace: 10m }";
    let edge = Edge::spawn(&single(&origin, "", "").replace(ONE_PROBE, probe));
    gate.arrived(1);
    let admin = edge.admin();
    let answer = once(admin, get("/readyz")).expect(503);
    assert_eq!(answer.text(), "no probe of app/one has answered yet\n");
    assert_eq!(once(admin, get("/healthz")).expect(200).text(), "ok\n");
    assert_eq!(edge.metrics().value("ready", &[]), 0.0);
    assert_eq!(edge.metrics().value("backend_up", &[]), 0.0);
    gate.open();
    edge.event("ready", |_| true);
    once(admin, get("/readyz")).expect(200);
    assert_eq!(edge.metrics().value("ready", &[]), 1.0);
}
