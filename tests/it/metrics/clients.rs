//! Where a client is, as the admin listener tells it.

use crate::support::client::{Client, get, once, once_from};
use crate::support::edge::{Edge, write};
use crate::support::farm::Farm;
use crate::support::mim::{self, MimNode};
use crate::support::{Gate, PATIENCE};
use serde_json::Value;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

fn nodes() -> [MimNode; 2] {
    ["mim1", "mim2"].map(MimNode::start)
}

/// What is told about an address.
#[track_caller]
fn told(admin: SocketAddr, address: &str, status: u16) -> Value {
    let answer = once(admin, get(&format!("/clients/{address}"))).expect(status);
    assert_eq!(answer.head.value("content-type"), Some("application/json"));
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn a_client_is_where_its_requests_go() {
    let [a, b] = nodes();
    let group = "by: source_ip, source_ip: { ipv4_prefix: 24, ipv6_prefix: 64 }";
    let mut farm = Farm::of([&a, &b]).group(group);
    farm.bind = "\"[::]:0\"".to_owned();
    let edge = Edge::start(&farm.yaml());
    let service = edge.address("mim-service");
    let through_v4 = SocketAddr::new("127.0.0.1".parse().unwrap(), service.port());
    let served = once_from("127.0.9.7", through_v4, mim::enumerate()).expect(200).node();
    edge.let_go_of("127.0.9.7");
    // Another address of the network, in both spellings, is the same client.
    for spelling in ["127.0.9.7", "127.0.9.200", "::ffff:127.0.9.200"] {
        let told = told(edge.admin(), spelling, 200);
        let group = &told["groups"][0];
        assert_eq!(told["address"], spelling.trim_start_matches("::ffff:"));
        assert_eq!((&group["group"], &group["key"]), (&"mim".into(), &"127.0.9.0".into()), "{told}");
        assert_eq!((&group["node"], &group["home"]), (&served.clone().into(), &served.clone().into()));
        assert_eq!((&group["provisional"], &group["in_flight"]), (&false.into(), &0.into()), "{told}");
        let (idle, left) = (&group["idle_seconds"], &group["expires_in_seconds"]);
        let whole = idle.as_f64().unwrap() + left.as_f64().unwrap();
        assert!((whole - 36_000.0).abs() < 0.001, "ten hours after the last request: {told}");
    }
    let v6 = SocketAddr::new("::1".parse().unwrap(), service.port());
    let served = once_from("::1", v6, mim::enumerate()).expect(200).node();
    let told_v6 = told(edge.admin(), "::2", 200);
    assert_eq!((&told_v6["groups"][0]["key"], &told_v6["groups"][0]["node"]), (&"::".into(), &served.into()));
    assert_eq!(told(edge.admin(), "127.0.10.7", 404)["groups"], Value::Array(Vec::new()));
}

#[test]
fn a_request_in_flight_is_seen() {
    let [a, b] = nodes();
    let gate = Arc::new(Gate::default());
    a.hold(&gate);
    b.hold(&gate);
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    let mut client = Client::connect_from("127.0.0.11", edge.address("mim-service"));
    client.send(mim::enumerate());
    gate.arrived(1);
    let group = told(edge.admin(), "127.0.0.11", 200)["groups"][0].clone();
    assert_eq!((&group["provisional"], &group["in_flight"]), (&true.into(), &1.into()), "{group}");
    let none = &Value::Null;
    assert_eq!((&group["home"], &group["idle_seconds"], &group["expires_in_seconds"]), (none, none, none));
    gate.open();
    client.response().expect(200);
    edge.let_go_of("127.0.0.11");
    let group = told(edge.admin(), "127.0.0.11", 200)["groups"][0].clone();
    assert_eq!((&group["provisional"], &group["in_flight"]), (&false.into(), &0.into()), "{group}");
}

#[test]
fn looking_renews_nothing() {
    let [a, b] = nodes();
    let edge = Edge::start(&Farm::of([&a, &b]).group("by: source_ip, idle_timeout: 1s").yaml());
    once_from("127.0.0.11", edge.address("mim-service"), mim::enumerate()).expect(200);
    let begun = std::time::Instant::now();
    while once(edge.admin(), get("/clients/127.0.0.11")).status() != 404 {
        assert!(begun.elapsed() < PATIENCE, "it is kept by being looked at");
    }
}

#[test]
fn what_is_no_address_is_said_to_be_none() {
    let [a, b] = nodes();
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    for text in ["", "mim1", "10.0.0", "10.0.0.1/32", "[::1]", "10.0.0.1:80", "10.0.0.1%20"] {
        let told = told(edge.admin(), text, 400);
        assert!(told["error"].as_str().unwrap().starts_with("expected an IP address"), "{text}: {told}");
    }
    once(edge.admin(), get("/clients")).expect(404);
}

#[test]
fn it_is_for_those_who_know_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "token", "0123456789abcdef-secret\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let [a, b] = nodes();
    let mut farm = Farm::of([&a, &b]);
    farm.more = format!("admin: {{ bind: \"127.0.0.1:0\", token_file: \"{}\" }}\n", file.display());
    let edge = Edge::start(&farm.yaml());
    for path in ["/clients/127.0.0.1", "/clients/nobody"] {
        once(edge.admin(), get(path)).expect(401);
    }
    let known =
        "GET /clients/127.0.0.1 HTTP/1.1\r\nHost: e\r\nAuthorization: Bearer 0123456789abcdef-secret\r\n\r\n";
    once(edge.admin(), known).expect(404);
}
