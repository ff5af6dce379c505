//! Nodes that accept requests and fail them.

use super::{RARE, farm, pinned};
use crate::support::client::{Client, once, post};
use crate::support::edge::Edge;
use crate::support::http::answer;
use crate::support::origin::{Conn, Origin};
use crate::support::{Gate, PATIENCE};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// How a node treats a request.
#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
enum Manner {
    Answer,
    Close,
    Silence,
    Fault,
}

/// A node that can be told how to treat its requests.
struct Node {
    origin: Origin,
    manner: Arc<AtomicU8>,
}

impl Node {
    fn new(name: &'static str, manner: Manner) -> Node {
        let told = Arc::new(AtomicU8::new(manner as u8));
        let manner = told.clone();
        let origin = Origin::start(move |mut conn: Conn| {
            while conn.request().is_some() {
                match manner.load(Ordering::SeqCst) {
                    manner if manner == Manner::Answer as u8 => {
                        conn.send(answer("200 OK", "", name.as_bytes()));
                    }
                    manner if manner == Manner::Fault as u8 => {
                        conn.send(answer("500 Internal Server Error", "", name.as_bytes()));
                    }
                    manner if manner == Manner::Close as u8 => return conn.reset(),
                    _ => {}
                }
            }
        });
        Node { origin, manner: told }
    }

    fn will(&self, manner: Manner) {
        self.manner.store(manner as u8, Ordering::SeqCst);
    }

    fn served(&self) -> usize {
        self.origin.requests().len()
    }
}

fn edge(nodes: &[(&str, &Node)], pool: &str) -> Edge {
    let nodes: Vec<_> = nodes.iter().map(|(name, node)| (*name, node.origin.port(0))).collect();
    Edge::start(&farm(&nodes, &format!("probe: {{ tcp: {{}}, {RARE} }}, {pool}"), ""))
}

/// Sends requests that are not repeated until the edge says something, for the first time.
#[track_caller]
fn requests_until(edge: &Edge, text: &str) {
    requests_until_again(edge, text, 1);
}

/// The same for a later time.
#[track_caller]
fn requests_until_again(edge: &Edge, text: &str, times: usize) {
    let deadline = Instant::now() + PATIENCE;
    while edge.log().matches(text).count() < times {
        once(edge.address("web"), post("/x", "body"));
        assert!(Instant::now() < deadline, "the edge never said {text:?}");
    }
}

#[test]
fn a_node_that_breaks_connections_is_ejected_for_a_time() {
    let (bad, good) = (Node::new("bad", Manner::Close), Node::new("good", Manner::Answer));
    let pool = "ejection: { consecutive_failures: 3, for: 2s },";
    let edge = edge(&[("bad", &bad), ("good", &good)], pool);
    requests_until(&edge, "WARN p/bad is ejected for 2s after 3 failed requests in a row: upstream_closed");
    assert!(bad.served() >= 3);
    let before = bad.served();
    for _ in 0..20 {
        once(edge.address("web"), post("/x", "body")).expect(200);
    }
    let (after, over) = (bad.served(), edge.log().contains("is taken back"));
    assert!(after == before || over, "an ejected node got requests");
    // It comes back on probation: the first failure is enough.
    edge.message("WARN p/bad is taken back");
    requests_until(
        &edge,
        "WARN p/bad is ejected for 2s after a failed request on probation: upstream_closed",
    );
    bad.will(Manner::Answer);
    edge.messages("WARN p/bad is taken back", 2);
    let deadline = Instant::now() + PATIENCE;
    while once(edge.address("web"), post("/x", "body")).expect(200).text() != "bad" {
        assert!(Instant::now() < deadline, "nothing goes to the node that is well again");
    }
    // It has answered: probation is over, and it takes three again.
    bad.will(Manner::Close);
    requests_until_again(&edge, "p/bad is ejected for 2s after 3 failed requests in a row", 2);
    assert_eq!(edge.message("p/bad is ejected"), 3);
    let failed = edge.next_request(|entry| entry["status"] == 502);
    assert_eq!((&failed["failure"], &failed["node"]), (&"upstream_closed".into(), &"bad".into()));
}

/// Five that never overlap are five, however quickly they follow.
#[test]
fn each_failure_counts_that_began_after_the_one_before() {
    let (bad, good) = (Node::new("bad", Manner::Close), Node::new("good", Manner::Answer));
    let nodes = [("bad", &bad), ("good", &good)];
    let edge = edge(&nodes, "ejection: { consecutive_failures: 5, for: 10m },");
    let mut failed = 0;
    while failed < 5 {
        failed += usize::from(once(edge.address("web"), post("/x", "body")).status() == 502);
    }
    edge.message("WARN p/bad is ejected for 600s after 5 failed requests in a row: upstream_closed");
    assert_eq!(bad.served(), 5);
}

/// A client that lets its body wait is not the node's failure, whichever of the two gives up.
#[test]
fn a_client_that_stalls_ejects_nobody() {
    let hasty = Origin::start(|mut conn| {
        // It answers before the body is there and then waits for it.
        if conn.head().is_some() {
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
            let _ = conn.head();
        }
    });
    let strict = Origin::start(|mut conn| {
        if conn.head().is_some() {
            conn.reset();
        }
    });
    for (name, origin, status) in [("hasty", &hasty, 200), ("strict", &strict, 502)] {
        let good = Node::new("good", Manner::Answer);
        let yaml = farm(
            &[(name, origin.port(0)), ("good", good.origin.port(0))],
            &format!(
                "probe: {{ tcp: {{}}, {RARE} }}, timeouts: {{ read: 100ms }}, \
                 ejection: {{ consecutive_failures: 1, for: 10m }},"
            ),
            "",
        );
        let edge = Edge::start(&yaml);
        let mut stalled = 0;
        while stalled < 3 {
            let mut client = Client::connect(edge.address("web"));
            client.send("POST /stall HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 1000\r\n\r\nabc");
            let head = client.wire.head();
            if head.is_ok_and(|head| head.is_some_and(|head| head.status() == status)) {
                stalled += 1;
            }
            let entry = edge.next_request(|_| true);
            if entry["node"] == name && status == 200 {
                assert_eq!(entry["failure"], "client_timeout", "{entry}");
            }
        }
        assert!(!edge.log().contains("is ejected"), "{name}");
        assert!(!edge.log().contains("is kept"), "{name}");
    }
}

#[test]
fn a_node_that_is_silent_is_ejected() {
    let (bad, good) = (Node::new("bad", Manner::Silence), Node::new("good", Manner::Answer));
    let pool = "timeouts: { read: 50ms }, ejection: { consecutive_failures: 2, for: 10m },";
    let edge = edge(&[("bad", &bad), ("good", &good)], pool);
    requests_until(
        &edge,
        "WARN p/bad is ejected for 600s after 2 failed requests in a row: upstream_timeout",
    );
    let before = bad.served();
    for _ in 0..20 {
        once(edge.address("web"), post("/x", "body")).expect(200);
    }
    assert_eq!(bad.served(), before);
}

#[test]
fn faults_are_answers() {
    let (bad, good) = (Node::new("bad", Manner::Fault), Node::new("good", Manner::Answer));
    let edge = edge(&[("bad", &bad), ("good", &good)], "ejection: { consecutive_failures: 1 },");
    for _ in 0..40 {
        once(edge.address("web"), post("/x", "body"));
    }
    assert!(bad.served() >= 15, "it had {} of 40", bad.served());
    // Had anything been said, it would stand in front of this.
    bad.will(Manner::Close);
    requests_until(&edge, "p/bad is ejected");
    assert_eq!(edge.message("p/bad is"), 2, "up, and now ejected: {}", edge.log());
}

#[test]
fn the_last_node_is_kept() {
    let bad = Node::new("bad", Manner::Close);
    let edge = edge(&[("bad", &bad)], "ejection: { consecutive_failures: 3 },");
    let warning = "WARN p/bad is kept after 3 failed requests in a row: upstream_closed; no other backend";
    requests_until(&edge, warning);
    let before = bad.served();
    for _ in 0..20 {
        once(edge.address("web"), post("/x", "body")).expect(502);
    }
    assert_eq!(bad.served(), before + 20, "every request was tried");
    bad.will(Manner::Answer);
    once(edge.address("web"), post("/x", "body")).expect(200);
    assert_eq!(edge.message("p/bad is kept"), 1, "that it is kept is told once a minute");
    assert!(!edge.log().contains("p/bad is ejected"));
}

#[test]
fn connections_that_break_together_are_one_failure() {
    const CLIENTS: usize = 20;
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let one = Origin::start(move |mut conn: Conn| {
        if conn.request().is_some() {
            held.wait();
        }
    });
    let other = Node::new("other", Manner::Answer);
    // All requests go to the first node: the other one starts as a backup.
    let yaml = farm(
        &[("one", one.port(0)), ("other", other.origin.port(0))],
        &format!("probe: {{ tcp: {{}}, {RARE} }}, ejection: {{ consecutive_failures: 2, for: 10m }},"),
        "",
    );
    let edge = Edge::start(
        &yaml.replace("other: { address: 127.0.0.1", "other: { backup: true, address: 127.0.0.1"),
    );
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(edge.address("web"))).collect();
    for client in &mut clients {
        client.send(post("/x", "body"));
    }
    gate.arrived(CLIENTS);
    gate.open();
    for client in &mut clients {
        client.response().expect(502);
    }
    assert!(!edge.log().contains("is ejected"), "twenty at once are one failure");
    // From now on the node breaks each by itself.
    requests_until(&edge, "WARN p/one is ejected for 600s after 2 failed requests in a row: upstream_closed");
    assert_eq!(once(edge.address("web"), post("/x", "body")).expect(200).text(), "other");
}

/// Whoever comes after the node that failed has nothing to do with it.
#[test]
fn a_failure_is_booked_where_it_happened() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let dying = Origin::start(move |mut conn: Conn| {
        if conn.request().is_some() {
            held.wait();
            conn.reset();
        }
    });
    let well = [Node::new("well", Manner::Answer), Node::new("other", Manner::Answer)];
    let nodes =
        [("dying", dying.port(0)), ("well", well[0].origin.port(0)), ("other", well[1].origin.port(0))];
    let pool = format!("probe: {{ tcp: {{}}, {RARE} }}, ejection: {{ consecutive_failures: 1, for: 10m }},");
    let edge = Edge::start(&farm(&nodes, &pool, &pinned("first_choice: round_robin, hold: 300ms")));
    let ask = |n: u8| {
        let mut client = Client::connect_from(&format!("127.0.0.{n}"), edge.address("web"));
        client.send("GET /x HTTP/1.1\r\nHost: edge.test\r\n\r\n");
        client
    };
    let mut clients = [ask(11), ask(12), ask(13)];
    gate.arrived(1);
    dying.refuse_on(0);
    gate.open();
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.response().status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 1, "{statuses:?}");
    let failed = edge.next_request(|entry| entry["status"] == 502);
    assert_eq!((&failed["node"], &failed["failure"]), (&"dying".into(), &"upstream_closed".into()));
    let metrics = edge.metrics();
    for node in ["well", "other"] {
        assert_eq!(metrics.value("backend_request_failures_total", &[("node", node)]), 0.0, "{node}");
        assert_eq!(metrics.value("backend_ejections_total", &[("node", node)]), 0.0, "{node}");
        assert_eq!(metrics.value("backend_up", &[("node", node)]), 1.0, "{node}");
    }
    assert!(metrics.value("backend_request_failures_total", &[("node", "dying")]) >= 1.0);
}
