//! What proxies in front write into a field.

use super::{behind, told, with_listener};
use crate::support::client::{Client, once_from};
use crate::support::edge::{Edge, Keys};
use crate::support::farm::{Farm, single, site};
use crate::support::http::answer;
use crate::support::mim::MimNode;
use crate::support::origin::Origin;

const XFF: &str = "client_header: X-Forwarded-For, trusted_proxies: [ 127.0.0.1, 10.0.0.0/8 ],";
const FORWARDED: &str = "client_header: Forwarded, trusted_proxies: [ 127.0.0.1, 10.0.0.0/8 ],";

fn with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: edge.test\r\n{fields}\r\n")
}

#[test]
fn the_configured_field_of_trusted_proxies_names_the_client() {
    let origin = told();
    for (listener, cases) in [
        (
            XFF,
            &[
                ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 http"),
                ("X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-For: 10.0.0.2\r\n", "192.0.2.1 http"),
                ("X-Forwarded-For: [2001:db8::1]:99\r\n", "2001:db8::1 http"),
                ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "192.0.2.1 https"),
                ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https, http\r\n", "192.0.2.1 http"),
                // Not the configured one, and not its name.
                ("Forwarded: for=192.0.2.1;proto=https\r\nX-Real-IP: 192.0.2.2\r\n", "127.0.0.1 http"),
                ("X_Forwarded_For: 192.0.2.1\r\nX_Forwarded_Proto: https\r\n", "127.0.0.1 http"),
                ("", "127.0.0.1 http"),
            ][..],
        ),
        (
            FORWARDED,
            &[
                ("Forwarded: for=192.0.2.1\r\n", "192.0.2.1 http"),
                (
                    "Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:80\", for=10.0.0.2;proto=https\r\n",
                    "2001:db8::1 https",
                ),
                ("Forwarded: for=\"6.6.6.6, for=192.0.2.1\r\n", "192.0.2.1 http"),
                ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "127.0.0.1 http"),
            ],
        ),
    ] {
        let edge = Edge::start(&behind(&origin, listener, ""));
        let mut proxy = Client::connect(edge.address("web"));
        for (fields, expected) in cases {
            // The clients of one proxy share its connections.
            assert_eq!(proxy.exchange(with(fields)).expect(200).text(), *expected, "{fields}");
            let client = expected.split(' ').next().unwrap();
            let line = edge.next_request(|_| true);
            assert_eq!(line["client"], client);
            assert_eq!(line.get("peer").is_some(), client != "127.0.0.1", "{line}");
        }
        // A field of whoever is no proxy says nothing.
        for (fields, _) in cases {
            let stranger = once_from("127.0.0.9", edge.address("web"), with(fields));
            assert_eq!(stranger.expect(200).text(), "127.0.0.9 http");
        }
        assert_eq!(edge.metrics().value("client_header_faults_total", &[]), 0.0);
    }
}

#[test]
fn what_names_nobody_is_counted_and_becomes_no_key() {
    let (a, b) = (MimNode::start("a"), MimNode::start("b"));
    let mut farm = Farm::of([&a, &b]).group("by: source_ip, source_ip: { ipv6_prefix: 64 }");
    farm.bind = format!("\"127.0.0.1:0\", {}", XFF.trim_end_matches(','));
    let edge = Edge::start(&farm.yaml());
    let mut proxy = Client::connect(edge.address("mim-service"));
    let mut key = |value: &str| {
        proxy.exchange(with(&format!("X-Forwarded-For: {value}\r\n"))).expect(200);
        let line = edge.next_request(|_| true);
        (line["client"].as_str().unwrap().to_owned(), line["key"].as_str().unwrap().to_owned())
    };
    let both = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(key("6.6.6.6, 192.0.2.7"), both("192.0.2.7", "192.0.2.7"));
    assert_eq!(key("2001:db8::1:2:3:4"), both("2001:db8::1:2:3:4", "2001:db8::"));
    for malformed in ["", "x", "192.0.2.7,", "192.0.2.1 x", "192.0.2.1:99999", "192.0.2.01"] {
        assert_eq!(key(malformed), both("127.0.0.1", "127.0.0.1"), "{malformed}");
    }
    assert_eq!(key("192.0.2.7, x, 10.0.0.3"), both("10.0.0.3", "10.0.0.3"));
    assert_eq!(key("192.0.2.7, unknown, 10.0.0.3"), both("10.0.0.3", "10.0.0.3"));
    assert_eq!(key("_hidden"), both("127.0.0.1", "127.0.0.1"));
    assert_eq!(key(&format!("192.0.2.7{}", ", 10.0.0.4".repeat(64))), both("10.0.0.4", "10.0.0.4"));
    let metrics = edge.metrics();
    for (reason, count) in [("malformed", 7.0), ("unnamed", 2.0), ("too_many", 1.0)] {
        let labels = [("listener", "mim-service"), ("reason", reason)];
        assert_eq!(metrics.value("client_header_faults_total", &labels), count, "{reason}");
    }
    assert_eq!(metrics.find("client_header_faults_total", &[("listener", "mim-sts")]), None);
    // Two clients and three proxies, and nobody that a client made up.
    assert_eq!(metrics.value("pins", &[]), 5.0);
}

#[test]
fn cookies_are_secure_where_the_nearest_proxy_speaks_tls() {
    let (a, b, keys) = (MimNode::start("a"), MimNode::start("b"), Keys::new());
    let edge = Edge::start(&with_listener(&site([(&a, ""), (&b, "")], &keys, ", by: cookie"), XFF));
    for (from, fields, secure) in [
        ("127.0.0.1", "X-Forwarded-Proto: https\r\n", true),
        ("127.0.0.1", "X-Forwarded-Proto: http\r\n", false),
        ("127.0.0.1", "X-Forwarded-Proto: https, ftp\r\n", false),
        ("127.0.0.1", "", false),
        ("127.0.0.9", "X-Forwarded-Proto: https\r\n", false),
    ] {
        let response = once_from(from, edge.address("web"), with(fields)).expect(200);
        let cookie = response.head.value("set-cookie").unwrap();
        assert_eq!(cookie.contains("Secure"), secure, "{from} {fields}: {cookie}");
    }
}

#[test]
fn a_proxys_target_may_name_its_own_scheme_or_its_clients() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, XFF, ""));
    for (from, target, told, expected) in [
        ("127.0.0.1", "http", "https", Some("127.0.0.1 https")),
        ("127.0.0.1", "https", "https", Some("127.0.0.1 https")),
        ("127.0.0.1", "http", "http", Some("127.0.0.1 http")),
        ("127.0.0.1", "https", "http", None),
        ("127.0.0.9", "https", "https", None),
        ("127.0.0.9", "http", "https", Some("127.0.0.9 http")),
    ] {
        let request = format!(
            "GET {target}://edge.test/ HTTP/1.1\r\nHost: edge.test\r\nX-Forwarded-Proto: {told}\r\n\r\n"
        );
        let response = once_from(from, edge.address("web"), request);
        match expected {
            Some(expected) => assert_eq!(response.expect(200).text(), expected, "{from} {target} {told}"),
            None => {
                response.expect(421);
            }
        }
    }
}

#[test]
fn the_announced_client_of_a_connection_may_be_a_proxy_too() {
    let origin = told();
    let both = format!("proxy_protocol: require, {XFF}");
    let edge = Edge::start(&behind(&origin, &both, ""));
    for (announced, expected) in [("10.0.0.5", "192.0.2.1 http"), ("203.0.113.5", "203.0.113.5 http")] {
        let mut proxy = Client::connect(edge.address("web"));
        proxy.send(format!(
            "PROXY TCP4 {announced} 127.0.0.1 1 2\r\n{}",
            with("X-Forwarded-For: 192.0.2.1\r\n")
        ));
        assert_eq!(proxy.response().expect(200).text(), expected);
    }
}

#[test]
fn what_one_client_has_authenticated_serves_no_other() {
    let origin = Origin::answering(|request| {
        let user = request.head.value("authorization").map_or("nobody", |value| &value[5..]);
        answer("200 OK", "", user.as_bytes())
    });
    let edge = Edge::start(&with_listener(&single(&origin, "connection_auth: auto,", ""), XFF));
    let mut proxy = Client::connect(edge.address("web"));
    let alice = with("X-Forwarded-For: 192.0.2.1\r\nAuthorization: NTLM alice\r\n");
    assert_eq!(proxy.exchange(&alice).expect(200).text(), "alice");
    assert_eq!(proxy.exchange(&alice).expect(200).text(), "alice");
    proxy.send(with("X-Forwarded-For: 192.0.2.2\r\n"));
    proxy.expect_closed();
    let failed = edge.next_request(|line| line["client"] == "192.0.2.2");
    assert_eq!((&failed["failure"], &failed["status"]), (&"client_changed".into(), &0.into()));
    origin.wait("the end of Alice's connection", |records| {
        let hers = records.requests.last()?.connection;
        records.connections[hers].closed.then_some(())
    });
    assert_eq!(origin.requests().len(), 2, "nothing of the other client's was sent");
    let failures = [("reason", "client_changed")];
    assert_eq!(edge.metrics().value("request_failures_total", &failures), 1.0);
    // Without anything bound, requests of several clients share a connection.
    let mut proxy = Client::connect(edge.address("web"));
    for client in ["192.0.2.3", "192.0.2.4"] {
        let request = with(&format!("X-Forwarded-For: {client}\r\n"));
        assert_eq!(proxy.exchange(request).expect(200).text(), "nobody");
    }
}
