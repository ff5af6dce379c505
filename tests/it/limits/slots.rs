//! Requests in flight to a backend, and those that wait for their turn.

use crate::support::client::{Client, get, once};
use crate::support::edge::Edge;
use crate::support::farm::{ONE_PROBE, single};
use crate::support::http::answer;
use crate::support::metrics::Metrics;
use crate::support::origin::Origin;
use crate::support::{Gate, PATIENCE};
use std::sync::Arc;
use std::time::Instant;

/// Answers `/held` when the gate opens, and everything else at once, with its name.
fn holding(name: &'static str, gate: &Arc<Gate>) -> Origin {
    let gate = gate.clone();
    Origin::answering(move |request| {
        if request.head.target() == "/held" {
            gate.wait();
        }
        answer("200 OK", &format!("X-Node: {name}\r\n"), b"ok")
    })
}

/// Waits until the edge tells this.
#[track_caller]
fn told(edge: &Edge, what: &str, is_so: impl Fn(&Metrics) -> bool) {
    let begun = Instant::now();
    while !is_so(&edge.metrics()) {
        assert!(begun.elapsed() < PATIENCE, "never told: {what}");
    }
}

#[track_caller]
fn queued(edge: &Edge, count: f64) {
    told(edge, "so many in the queue", |metrics| metrics.value("backend_queued_requests", &[]) == count);
}

#[test]
fn one_request_more_than_a_backend_takes_is_503() {
    let gate = Arc::new(Gate::default());
    let origin = holding("one", &gate);
    let edge = Edge::start(&single(&origin, "max_requests: 2,", ""));
    let web = edge.address("web");
    let mut held: Vec<Client> = (0..2).map(|_| Client::connect(web)).collect();
    held.iter_mut().for_each(|client| client.send(get("/held")));
    gate.arrived(2);
    let mut turned_away = Client::connect(web);
    let refused = turned_away.exchange(get("/x")).expect(503);
    assert_eq!(refused.head.value("retry-after"), Some("1"));
    let metrics = edge.metrics();
    assert_eq!(metrics.value("backend_requests_limit", &[("node", "one")]), 2.0);
    assert_eq!(metrics.value("backend_requests_in_flight", &[("node", "one")]), 2.0);
    assert_eq!(metrics.value("request_failures_total", &[("reason", "queue_full")]), 1.0);
    assert_eq!(metrics.value("waits_total", &[("reason", "queue")]), 0.0);
    gate.open();
    for client in &mut held {
        client.response().expect(200);
    }
    // A slot is free once its request is over, a moment after the answer.
    told(&edge, "free slots", |metrics| metrics.value("backend_requests_in_flight", &[]) == 0.0);
    turned_away.exchange(get("/x")).expect(200);
}

#[test]
fn a_request_waits_for_its_turn() {
    let gate = Arc::new(Gate::default());
    let origin = holding("one", &gate);
    let edge = Edge::start(&single(&origin, "max_requests: 1, queue: { length: 1, timeout: 10m },", ""));
    let web = edge.address("web");
    let (mut first, mut second) = (Client::connect(web), Client::connect(web));
    first.send(get("/held"));
    gate.arrived(1);
    second.send(get("/x"));
    queued(&edge, 1.0);
    once(web, get("/x")).expect(503);
    assert_eq!(edge.metrics().value("backend_requests_in_flight", &[]), 1.0);
    gate.open();
    first.response().expect(200);
    second.response().expect(200);
    assert_eq!(edge.metrics().value("waits_total", &[("reason", "queue")]), 1.0);
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn waiting_for_a_turn_ends() {
    let gate = Arc::new(Gate::default());
    let origin = holding("one", &gate);
    let edge = Edge::start(&single(&origin, "max_requests: 1, queue: { length: 9, timeout: 100ms },", ""));
    let web = edge.address("web");
    let mut first = Client::connect(web);
    first.send(get("/held"));
    gate.arrived(1);
    once(web, get("/x")).expect(503);
    let entry = edge.next_request(|entry| entry["status"] == 503);
    assert_eq!(entry["failure"], "queue_timeout", "{entry}");
    gate.open();
    first.response().expect(200);
}

#[test]
fn a_client_that_goes_away_leaves_the_queue() {
    let gate = Arc::new(Gate::default());
    let origin = holding("one", &gate);
    let edge = Edge::start(&single(&origin, "max_requests: 1, queue: { length: 1, timeout: 10m },", ""));
    let web = edge.address("web");
    let (mut first, mut gone) = (Client::connect(web), Client::connect(web));
    first.send(get("/held"));
    gate.arrived(1);
    gone.send(get("/gone"));
    queued(&edge, 1.0);
    gone.reset();
    let entry = edge.next_request(|entry| entry["path"] == "/gone");
    assert_eq!(entry["failure"], "client_gone", "{entry}");
    queued(&edge, 0.0);
    // Its place is another one's.
    let mut next = Client::connect(web);
    next.send(get("/next"));
    queued(&edge, 1.0);
    gate.open();
    first.response().expect(200);
    next.response().expect(200);
    let targets: Vec<String> = origin.requests().iter().map(|r| r.head.target().to_owned()).collect();
    assert_eq!(targets, ["/held", "/next"]);
}

#[test]
fn new_clients_go_where_there_is_room() {
    let gate = Arc::new(Gate::default());
    let nodes = [("a", holding("a", &gate)), ("b", holding("b", &gate))];
    let backends = nodes.each_ref().map(|(name, node)| format!("{{ node: {name}, port: {} }}", node.port(0)));
    let edge = Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  a: {{ address: 127.0.0.1 }}\n  \
         b: {{ address: 127.0.0.1 }}\npersistence:\n  app: {{ by: source_ip }}\npools:\n  \
         app: {{ {ONE_PROBE}, slow_start: 0s, max_requests: 1, nodes: [ {} ] }}\nroutes:\n  \
         - {{ listener: web, pool: app, persistence: app }}\n",
        backends.join(", ")
    ));
    let web = edge.address("web");
    let mut known = Client::connect_from("127.0.0.2", web);
    let home = known.exchange(get("/x")).expect(200).node();
    known.send(get("/held"));
    gate.arrived(1);
    // Its pin is settled: it does not go elsewhere, whoever else does.
    let mut again = Client::connect_from("127.0.0.2", web);
    again.exchange(get("/x")).expect(503);
    for client in ["127.0.0.3", "127.0.0.4", "127.0.0.5"] {
        let mut new = Client::connect_from(client, web);
        assert_ne!(new.exchange(get("/x")).expect(200).node(), home, "{client}");
        edge.let_go_of(client);
    }
    gate.open();
    assert_eq!(known.response().expect(200).node(), home);
    edge.let_go_of("127.0.0.2");
    assert_eq!(again.exchange(get("/x")).expect(200).node(), home);
}
