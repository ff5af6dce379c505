//! What Prometheus is told: each figure against what really happened, and the admin listener around it.

mod admin;
mod clients;

use crate::support::PATIENCE;
use crate::support::client::{Client, all_but_the_one_closed, get, once, once_from, post};
use crate::support::edge::{Edge, Keys};
use crate::support::farm::{Farm, single, site};
use crate::support::http::answer;
use crate::support::metrics::Metrics;
use crate::support::mim::{self, MimNode};
use crate::support::origin::Origin;

const SERVICE: &str = "mim-service";
const STS: &str = "mim-sts";

/// Waits until so many requests have been counted: a line of the access log follows the counting.
#[track_caller]
fn counted(edge: &Edge, requests: usize) -> Metrics {
    for _ in 0..requests {
        edge.next_request(|_| true);
    }
    edge.metrics()
}

#[test]
fn requests_are_counted_where_they_went() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    let mut by_node = [0_u32; 2];
    for client in 11..17 {
        for (listener, request) in [(SERVICE, mim::enumerate()), (STS, mim::issue())] {
            let response = once_from(&format!("127.0.0.{client}"), edge.address(listener), request);
            by_node[usize::from(response.expect(200).node() == "mim2")] += 1;
        }
    }
    once_from("127.0.0.11", edge.address(SERVICE), mim::pull("nobody's")).expect(500);
    let metrics = counted(&edge, 13);

    let [first, second] = by_node.map(f64::from);
    assert_eq!((first, second), (6.0, 6.0), "least_pins spreads six clients, each with both its ports");
    assert_eq!(metrics.value("requests_total", &[("node", "mim1"), ("status", "2xx")]), first);
    assert_eq!(metrics.value("requests_total", &[("node", "mim2"), ("status", "2xx")]), second);
    let service = [("listener", SERVICE), ("pool", SERVICE)];
    assert_eq!(metrics.value("requests_total", &[service[0], service[1], ("status", "2xx")]), 6.0);
    assert_eq!(metrics.value("requests_total", &[service[0], service[1], ("status", "5xx")]), 1.0);
    assert_eq!(metrics.value("request_duration_seconds_count", &service), 7.0);
    assert_eq!(metrics.value("upstream_first_byte_seconds_count", &[("pool", SERVICE)]), 7.0);
    assert_eq!(metrics.value("request_duration_seconds_count", &[("pool", STS)]), 6.0);

    // The first request of each client made its pin, on whichever port; all others found it.
    let outcome = |outcome| metrics.value("persistence_outcomes_total", &[("outcome", outcome)]);
    assert_eq!([outcome("fresh"), outcome("persisted"), outcome("redispatched")], [6.0, 7.0, 0.0]);
    assert_eq!(metrics.value("pins", &[("group", "mim"), ("node", "mim1")]), 3.0);
    assert_eq!(metrics.value("pins", &[("group", "mim"), ("node", "mim2")]), 3.0);
    assert_eq!(metrics.value("stick_table_entries", &[("group", "mim")]), 6.0);
    assert_eq!(metrics.value("stick_table_capacity", &[("group", "mim")]), 100_000.0);
    assert!(metrics.value("stick_table_bytes", &[]) > 0.0);
    assert_eq!(metrics.value("group_nodes", &[("group", "mim")]), 2.0);

    // Every request went over a connection that was made for it, or kept.
    let connects = metrics.value("upstream_connects_total", &[("result", "ok")]);
    assert_eq!(connects + metrics.value("upstream_reuses_total", &[]), 13.0);
    assert_eq!(metrics.value("upstream_connect_duration_seconds_count", &[]), connects);
    assert_eq!(metrics.value("downstream_connections_total", &[]), 13.0);
    assert_eq!(metrics.value("backend_up", &[]), 4.0);
    assert_eq!(metrics.value("node_state", &[("state", "ready")]), 2.0);
    assert_eq!(metrics.value("access_log_lines_total", &[]), 13.0);
    assert_eq!(metrics.value("access_log_dropped_lines_total", &[]), 0.0);
    assert_eq!(metrics.value("ready", &[]), 1.0);
}

#[test]
fn no_count_is_lost_between_the_workers() {
    let origin = Origin::answering(|request| answer("200 OK", "", &request.body));
    let edge = Edge::start(&single(&origin, "", ""));
    let web = edge.address("web");
    let body = "x".repeat(1000);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(web);
                for _ in 0..50 {
                    client.exchange(post("/x", &body)).expect(200);
                }
            });
        }
    });
    let metrics = counted(&edge, 400);
    assert_eq!(metrics.value("requests_total", &[("node", "one"), ("status", "2xx")]), 400.0);
    assert_eq!(metrics.value("request_body_bytes_total", &[]), 400_000.0);
    assert_eq!(metrics.value("response_body_bytes_total", &[]), 400_000.0);
    assert_eq!(metrics.value("request_duration_seconds_bucket", &[("le", "+Inf")]), 400.0);
    assert!(metrics.value("request_duration_seconds_sum", &[]) > 0.0);
    assert!(metrics.value("downstream_connections_total", &[("listener", "web")]) >= 8.0);
}

#[test]
fn what_is_refused_has_its_reason() {
    let origin = Origin::answering(|_| answer("200 OK", "", b""));
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, path: /app, max_body: 10 }");
    let edge = Edge::start(&yaml);
    let web = edge.address("web");
    once(web, "GET / HTTP/1.1\nHost: edge.test\r\n\r\n").expect(400);
    once(web, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").expect(400);
    once(web, get("/elsewhere")).expect(404);
    once(web, post("/app", "more than ten bytes")).expect(413);
    let mut chunked = Client::connect(web);
    chunked.send("POST /app HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    chunked.response().expect(400);
    once(web, get("/app")).expect(200);
    let metrics = counted(&edge, 6);
    for (reason, route) in [
        ("bare_lf", ""),
        ("several_hosts", ""),
        ("no_route", ""),
        ("body_too_large", "web:*/app"),
        ("bad_chunk_size", "web:*/app"),
    ] {
        let labels = [("listener", "web"), ("reason", reason)];
        assert_eq!(metrics.value("refused_requests_total", &labels), 1.0, "{reason}");
        assert_eq!(metrics.find("request_failures_total", &[("reason", reason)]), None, "{reason} {route}");
    }
    assert_eq!(metrics.value("refused_requests_total", &[]), 5.0);
    assert_eq!(metrics.value("requests_total", &[("route", ""), ("status", "4xx")]), 3.0);
    assert_eq!(
        metrics.value("requests_total", &[("route", "web:*/app"), ("node", ""), ("status", "4xx")]),
        2.0
    );
    assert_eq!(metrics.value("requests_total", &[("node", "one"), ("status", "2xx")]), 1.0);
}

#[test]
fn a_dead_node_shows_in_every_figure_it_touches() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).group("by: source_ip, hold: 300ms").yaml());
    let client = "127.0.0.11";
    let own = once_from(client, edge.address(SERVICE), mim::enumerate()).expect(200).node();
    let (dead, other) = if own == "mim1" { (&a, "mim2") } else { (&b, "mim1") };
    dead.kill();
    let moved = once_from(client, edge.address(SERVICE), mim::enumerate()).expect(200);
    assert_eq!(moved.node(), other);
    let metrics = counted(&edge, 2);
    let group = [("group", "mim"), ("outcome", "redispatched"), ("reason", "group")];
    assert_eq!(metrics.value("persistence_outcomes_total", &group), 1.0);
    assert_eq!(metrics.value("pins", &[("node", &dead.name)]), 0.0);
    assert_eq!(metrics.value("pins", &[("node", other)]), 1.0);
    let refused = [("pool", SERVICE), ("node", &dead.name), ("result", "connection_refused")];
    let attempts = metrics.value("upstream_connects_total", &refused);
    let waits = metrics.value("waits_total", &[("pool", SERVICE)]);
    assert!(attempts >= 1.0 || waits >= 1.0, "it tried, or knew already and waited: {attempts}, {waits}");
    let retries = [("pool", SERVICE), ("node", &dead.name), ("reason", "connect")];
    let repeated = metrics.value("waits_total", &[("pool", SERVICE), ("reason", "connect_retry")]);
    assert!(metrics.value("retries_total", &retries) >= repeated, "a request waits once and tries often");
    assert_eq!(metrics.value("waiting_requests", &[]), 0.0);
    assert_eq!(metrics.value("waiting_requests_limit", &[]), 1000.0);

    // Nobody is left: a 503 of the edge's own.
    let (last, survivors) = if dead.name == "mim1" { (&b, &a) } else { (&a, &b) };
    assert_eq!(survivors.name, dead.name);
    last.kill();
    once_from("127.0.0.99", edge.address(SERVICE), mim::enumerate()).expect(503);
    let metrics = counted(&edge, 1);
    assert_eq!(metrics.value("persistence_outcomes_total", &[("outcome", "refused")]), 1.0);
    assert_eq!(metrics.value("request_failures_total", &[("pool", SERVICE), ("reason", "no_node")]), 1.0);
    assert_eq!(metrics.value("requests_total", &[("node", ""), ("status", "5xx")]), 1.0);
    assert_eq!(metrics.find("refused_requests_total", &[]), None, "it was no fault of the request's");
}

#[test]
fn a_connection_that_breaks_is_a_failure_and_a_resend_a_retry() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let origin = Origin::start(move |mut conn| {
        while let Some(request) = conn.request() {
            if request.head.target() == "/dead" || first.swap(false, std::sync::atomic::Ordering::SeqCst) {
                return;
            }
            conn.send(answer("200 OK", "", b""));
        }
    });
    let edge = Edge::start(&single(&origin, "", ""));
    once(edge.address("web"), get("/again")).expect(200);
    once(edge.address("web"), post("/dead", "body")).expect(502);
    let metrics = counted(&edge, 2);
    assert_eq!(metrics.value("retries_total", &[("node", "one"), ("reason", "resend")]), 1.0);
    let failed = [("route", "web:*/"), ("reason", "upstream_closed")];
    assert_eq!(metrics.value("request_failures_total", &failed), 1.0);
    let by_node = [("pool", "app"), ("node", "one"), ("reason", "upstream_closed")];
    assert_eq!(metrics.value("backend_request_failures_total", &by_node), 2.0, "each attempt that broke");
    assert_eq!(metrics.value("requests_total", &[("node", ""), ("status", "5xx")]), 1.0);
}

#[test]
fn cookies_are_counted_with_what_is_wrong_with_them() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: cookie"));
    let web = edge.address("web");
    let response = once(web, get("/page")).expect(200);
    let line = response.head.value("set-cookie").unwrap();
    let cookie = line.split(';').next().unwrap().to_owned();
    let with = |cookie: &str| format!("GET /page HTTP/1.1\r\nHost: edge.test\r\nCookie: {cookie}\r\n\r\n");
    once(web, with(&cookie)).expect(200);
    // Its last character but one is part of the seal.
    let mut forged = cookie.clone().into_bytes();
    let place = forged.len() - 2;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    once(web, with(&String::from_utf8(forged).unwrap())).expect(200);
    once(web, with("EDGE=short")).expect(200);
    let metrics = counted(&edge, 4);
    let refused = |reason| metrics.value("cookie_refusals_total", &[("group", "site"), ("reason", reason)]);
    assert_eq!([refused("forged"), refused("malformed"), refused("stale")], [1.0, 1.0, 0.0]);
    assert_eq!(metrics.value("cookies_set_total", &[("group", "site")]), 3.0);
    let outcome = |outcome| metrics.value("persistence_outcomes_total", &[("outcome", outcome)]);
    assert_eq!([outcome("fresh"), outcome("persisted")], [3.0, 1.0]);
    assert_eq!(metrics.find("pins", &[]), None, "browsers carry their pins themselves");
}

#[test]
fn open_connections_and_requests_in_flight_are_there_while_they_last() {
    let gate = std::sync::Arc::new(crate::support::Gate::default());
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.wait();
        answer("200 OK", "", b"")
    });
    let edge = Edge::start(&single(&origin, "", "limits: { connections: 4 }\n"));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(edge.address("web"))).collect();
    for client in &mut clients {
        client.send(get("/x"));
    }
    gate.arrived(3);
    let metrics = edge.metrics();
    assert_eq!(metrics.value("downstream_connections", &[("listener", "web")]), 3.0);
    assert_eq!(metrics.value("downstream_connections_limit", &[]), 4.0);
    assert_eq!(metrics.value("backend_requests_in_flight", &[("pool", "app"), ("node", "one")]), 3.0);
    assert_eq!(metrics.value("upstream_connections", &[("pool", "app"), ("node", "one")]), 3.0);
    let web = edge.address("web");
    let mut silent = all_but_the_one_closed([Client::connect(web), Client::connect(web)]);
    gate.open();
    for client in &mut clients {
        client.response().expect(200);
    }
    silent[0].exchange(get("/x")).expect(200);
    let metrics = counted(&edge, 4);
    assert_eq!(metrics.value("downstream_connections_refused_total", &[("reason", "limit")]), 1.0);
    assert_eq!(metrics.value("downstream_connections_total", &[]), 4.0);
    assert_eq!(metrics.value("backend_requests_in_flight", &[]), 0.0);
}

#[test]
fn lines_that_nobody_reads_are_dropped_and_counted_and_no_request_waits() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("access.log");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Open at both ends, so that the edge can open it; but nobody reads yet.
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let origin = Origin::answering(|_| answer("200 OK", "", b""));
    let log = format!("log: {{ access: {{ to: \"{}\" }} }}\n", pipe.display());
    let edge = Edge::start(&single(&origin, "", &log));
    let mut client = Client::connect(edge.address("web"));
    // More than waits in memory and fits into the pipe: lines of more than 1 KiB.
    let (batches, batch) = (100, 100);
    let path = format!("/a/path/that/fills/the/pipe/{}", "x".repeat(700));
    for _ in 0..batches {
        client.send(get(&path).repeat(batch));
        for _ in 0..batch {
            client.response().expect(200);
        }
    }
    let requests = (batches * batch) as f64;
    // A request is counted behind its response.
    let deadline = std::time::Instant::now() + PATIENCE;
    let metrics = loop {
        let metrics = edge.metrics();
        if metrics.value("access_log_lines_total", &[]) == requests {
            break metrics;
        }
        assert!(std::time::Instant::now() < deadline, "{requests} lines were never counted");
    };
    let dropped = metrics.value("access_log_dropped_lines_total", &[]);
    assert!(dropped > 0.0 && dropped < requests, "{dropped}");
    // Now somebody does: what was not dropped is there, every line whole.
    let lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    let read = lines.take((requests - dropped) as usize);
    for line in read {
        let entry: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(entry["path"], path);
    }
}

#[test]
fn health_is_told_with_what_changed_it() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    let metrics = edge.metrics();
    assert_eq!(metrics.value("group_whole_nodes", &[("group", "mim")]), 2.0);
    assert!(metrics.value("probes_total", &[("node", "mim1"), ("result", "ok")]) >= 2.0);
    assert!(metrics.value("probe_duration_seconds", &[("pool", SERVICE), ("node", "mim1")]) > 0.0);
    let changes = |metrics: &Metrics, health| {
        metrics.value("backend_health_changes_total", &[("pool", STS), ("node", "mim1"), ("health", health)])
    };
    assert_eq!([changes(&metrics, "up"), changes(&metrics, "down")], [1.0, 0.0], "it came up");

    // One port of two: the node serves its clients on the other, and takes no new ones.
    a.origin.refuse_on(mim::STS);
    edge.message("mim-sts/mim1 is down: connection refused");
    let metrics = edge.metrics();
    assert_eq!(metrics.value("backend_up", &[("pool", STS), ("node", "mim1")]), 0.0);
    assert_eq!(metrics.value("backend_up", &[("pool", SERVICE), ("node", "mim1")]), 1.0);
    assert_eq!(metrics.value("group_whole_nodes", &[("group", "mim")]), 1.0);
    assert_eq!(metrics.value("backend_ejected", &[]), 0.0);
    assert!(metrics.value("probes_total", &[("node", "mim1"), ("result", "failed")]) >= 1.0);
    assert_eq!([changes(&metrics, "up"), changes(&metrics, "down")], [1.0, 1.0]);
    a.origin.listen_on(mim::STS);
    edge.message("mim-sts/mim1 is up again");
    assert_eq!(changes(&edge.metrics(), "up"), 2.0);
}

#[test]
fn an_ejection_is_told_while_it_lasts() {
    let breaking = Origin::start(|mut conn| {
        if conn.request().is_some() {
            conn.reset();
        }
    });
    let (a, b) = (Origin::answering(|_| answer("200 OK", "", b"")), breaking);
    let settings = "ejection: { consecutive_failures: 2, for: 10m }, slow_start: 0s,";
    let yaml = single(&a, settings, "")
        .replace("one: { address: 127.0.0.1 }", "one: { address: 127.0.0.1 }\n  two: { address: 127.0.0.1 }");
    let yaml = yaml.replace(" } ] }", &format!(" }}, {{ node: two, port: {} }} ] }}", b.port(0)));
    let edge = Edge::start(&yaml);
    while !edge.log().contains("app/two is ejected") {
        once(edge.address("web"), post("/x", "body"));
    }
    let metrics = edge.metrics();
    assert_eq!(metrics.value("backend_ejected", &[("pool", "app"), ("node", "two")]), 1.0);
    assert_eq!(metrics.value("backend_ejected", &[("pool", "app"), ("node", "one")]), 0.0);
    assert_eq!(metrics.value("backend_up", &[("pool", "app"), ("node", "two")]), 0.0);
    let ejections = [("node", "two"), ("reason", "upstream_closed")];
    assert_eq!(metrics.value("backend_ejections_total", &ejections), 1.0);
    assert_eq!(metrics.value("backend_ejections_total", &[]), 1.0);
}
