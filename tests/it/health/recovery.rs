//! What brings a node back, and what does not.

use super::{BUSY, RARE, Script, farm, pinned, probed_again};
use crate::support::client::{Client, get, once};
use crate::support::edge::Edge;
use crate::support::http::answer;
use crate::support::origin::Origin;

const TWO_CONNECTS: &str = "ejection: { consecutive_failures: 2 },";

#[test]
fn a_connect_ends_what_connects_began_where_probes_do_no_more() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let probe = RARE.replace("rise: 1", "rise: 100");
    let pool = format!("probe: {{ tcp: {{}}, {probe} }}, {TWO_CONNECTS}");
    let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, &pinned("hold: 10m")));
    let web = edge.address("web");
    once(web, get("/x")).expect(200);
    origin.kill();
    let mut held = Client::connect(web);
    held.send(get("/held"));
    edge.message("WARN p/one is down after 2 failed connects in a row: connection refused");
    origin.listen();
    held.response().expect(200);
    edge.message("WARN p/one takes connections again");
    assert_eq!(edge.message("p/one is down"), 1);
}

#[test]
fn where_probes_ask_for_an_answer_only_they_bring_a_node_back() {
    let well = answer("200 OK", "", b"ok");
    let script = Script::new(&well);
    let origin = script.origin();
    let pool = format!("probe: {{ http: {{}}, {BUSY} }},");
    let group = pinned("hold: 500ms, unavailable: reject");
    let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, &group));
    let web = edge.address("web");
    once(web, get("/first")).expect(200);
    script.say(answer("503 Service Unavailable", "", b"stopped"));
    edge.message("WARN p/one is down: expected 200-399, got 503");
    // It is held, and then refused: that the port accepts proves nothing.
    once(web, get("/stopped")).expect(503);
    probed_again(&origin, 3);
    assert!(!edge.log().contains("takes connections again"));
    assert!(!edge.log().contains("is up again"));
    assert!(origin.requests().iter().all(|request| request.head.target() != "/stopped"));
    script.say(&well);
    edge.message("WARN p/one is up again");
    once(web, get("/again")).expect(200);
}

#[test]
fn a_held_client_has_its_node_probed_until_it_is_back() {
    let well = answer("200 OK", "", b"ok");
    let script = Script::new(&well);
    let origin = script.origin();
    // Without the client no probe would come within the test's patience.
    let probe = RARE.replace("rise: 1", "rise: 3");
    let pool = format!("probe: {{ http: {{ path: /probe }}, {probe} }}, {TWO_CONNECTS}");
    let edge = Edge::start(&farm(&[("one", origin.port(0))], &pool, &pinned("hold: 10m")));
    let web = edge.address("web");
    once(web, get("/first")).expect(200);
    origin.kill();
    let mut held = Client::connect(web);
    held.send(get("/held"));
    edge.message("WARN p/one is down after 2 failed connects in a row: connection refused");
    // The port is back before the site is.
    script.say(answer("503 Service Unavailable", "", b"starting"));
    origin.listen();
    probed_again(&origin, 2);
    script.say(&well);
    held.response().expect(200);
    edge.message("WARN p/one is up again");
    let targets: Vec<_> = origin.requests().iter().map(|request| request.head.target().to_owned()).collect();
    assert_eq!(targets.iter().filter(|target| *target == "/held").count(), 1, "{targets:?}");
    let last: Vec<_> = targets.iter().rev().skip_while(|target| *target == "/probe").take(4).collect();
    assert_eq!(last, ["/held", "/probe", "/probe", "/probe"], "three probes must find it well first");
}
