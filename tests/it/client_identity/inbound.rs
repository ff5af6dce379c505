//! PROXY headers in front of connections to the edge.

use super::{LINE, behind, over_tls, refused, secured, told, version_2};
use crate::support::client::{Client, get, once, once_from};
use crate::support::edge::Edge;
use crate::support::farm::Farm;
use crate::support::mim::{self, MimNode};
use crate::tls::Authority;
use std::collections::BTreeMap;

const ACCEPT: &str = "proxy_protocol: accept, trusted_proxies: [ 127.0.0.1 ],";
const REQUIRE: &str = "proxy_protocol: require, trusted_proxies: [ 127.0.0.1 ],";

/// Headers, each with the client it announces.
fn headers() -> Vec<(Vec<u8>, &'static str)> {
    let unix = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[b'/'; 216]].concat();
    let ssl = b"\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3";
    vec![
        (LINE.into(), "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n".to_vec(), "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:192.0.2.4 ::1 1 2\r\n".to_vec(), "192.0.2.4"),
        (b"PROXY UNKNOWN whatever\r\n".to_vec(), "127.0.0.1"),
        (version_2("192.0.2.2:1", "198.51.100.7:443", b""), "192.0.2.2"),
        (version_2("[2001:db8::9]:1", "[2001:db8::1]:443", b""), "2001:db8::9"),
        (version_2("[::ffff:192.0.2.5]:1", "[2001:db8::1]:443", b""), "192.0.2.5"),
        (version_2("192.0.2.3:1", "198.51.100.7:443", b"\x01\0\x02h2\x02\0\x08mim.test"), "192.0.2.3"),
        (version_2("192.0.2.6:1", "198.51.100.7:443", ssl), "192.0.2.6"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "127.0.0.1"),
        (unix, "127.0.0.1"),
    ]
}

#[test]
fn a_trusted_proxy_announces_the_client() {
    let origin = told();
    for mode in [ACCEPT, REQUIRE] {
        let edge = Edge::start(&behind(&origin, mode, ""));
        for (header, client) in headers() {
            let mut connection = Client::connect(edge.address("web"));
            connection.send([&header, get("/first").as_bytes()].concat());
            assert_eq!(connection.response().expect(200).text(), format!("{client} http"));
            let line = edge.next_request(|line| line["path"] == "/first");
            assert_eq!(line["client"], client);
            let peer = line.get("peer").and_then(|peer| peer.as_str());
            assert_eq!(peer, (client != "127.0.0.1").then_some("127.0.0.1"), "{line}");
            // It holds for the whole connection, and for no other.
            let second = connection.exchange(get("/second")).expect(200);
            assert_eq!(second.text(), format!("{client} http"));
        }
    }
}

#[test]
fn a_header_stands_in_front_of_tls() {
    let (origin, authority) = (told(), Authority::new());
    for mode in [ACCEPT, REQUIRE] {
        let edge = Edge::start(&secured(&behind(&origin, mode, ""), &authority));
        for (header, client) in headers() {
            assert_eq!(over_tls(&edge, &authority, &header), format!("{client} https"));
        }
    }
    let edge = Edge::start(&secured(&behind(&origin, ACCEPT, ""), &authority));
    assert_eq!(over_tls(&edge, &authority, b""), "127.0.0.1 https");
}

#[test]
fn a_header_may_come_in_any_pieces() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, REQUIRE, ""));
    for (header, client) in [(LINE.as_bytes().to_vec(), "192.0.2.1"), headers().swap_remove(7)] {
        let mut connection = Client::connect(edge.address("web"));
        for byte in [&header, get("/").as_bytes()].concat() {
            connection.send([byte]);
        }
        assert_eq!(connection.response().expect(200).text(), format!("{client} http"));
    }
    // A head larger than a buffer, read partly with the header.
    let large = format!("GET / HTTP/1.1\r\nHost: edge.test\r\nX-Large: {}\r\n\r\n", "x".repeat(60_000));
    let mut connection = Client::connect(edge.address("web"));
    connection.send(format!("{LINE}{large}"));
    assert_eq!(connection.response().expect(200).text(), "192.0.2.1 http");
    let body = "y".repeat(100_000);
    let mut connection = Client::connect(edge.address("web"));
    connection.send(format!("{LINE}{}", crate::support::client::post("/", &body)));
    connection.response().expect(200);
    assert_eq!(origin.requests().last().unwrap().body, body.as_bytes());
}

#[test]
fn where_a_header_is_accepted_there_need_not_be_one() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, ACCEPT, ""));
    assert_eq!(once(edge.address("web"), get("/")).expect(200).text(), "127.0.0.1 http");
    // Letters like those of a header, one at a time.
    let mut connection = Client::connect(edge.address("web"));
    for byte in "PROPFIND / HTTP/1.1\r\nHost: edge.test\r\n\r\n".bytes() {
        connection.send([byte]);
    }
    assert_eq!(connection.response().expect(200).text(), "127.0.0.1 http");
}

#[test]
fn nobody_announces_himself_who_is_not_trusted() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, ACCEPT, ""));
    let web = edge.address("web");
    for (header, _) in headers() {
        let mut stranger = Client::connect_from("127.0.0.9", web);
        stranger.send([&header, get("/").as_bytes()].concat());
        // It is no request, and no more is said about it.
        stranger.response().expect(400);
    }
    assert_eq!(once_from("127.0.0.9", web, get("/")).expect(200).text(), "127.0.0.9 http");
    assert_eq!(origin.requests().len(), 1);

    let edge = Edge::start(&behind(&origin, REQUIRE, ""));
    for bytes in [LINE.to_owned(), get("/"), String::new()] {
        let mut stranger = Client::connect_from("127.0.0.9", edge.address("web"));
        // It may be closed before.
        let _ = stranger.wire.send(bytes.as_bytes());
        stranger.expect_closed();
    }
    refused(&edge, &[("untrusted_proxy", 3.0)]);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn what_is_not_as_it_must_be_ends_the_connection_and_is_counted() {
    let origin = told();
    let limits = "limits: { header_timeout: 1s },";
    for (mode, missing) in [(REQUIRE, 2.0), (ACCEPT, 0.0)] {
        let edge = Edge::start(&behind(&origin, &format!("{mode} {limits}"), ""));
        let closed = |bytes: &[u8]| {
            let mut proxy = Client::connect(edge.address("web"));
            proxy.send(bytes);
            proxy.expect_closed();
        };
        let mut wrong_sum = version_2("192.0.2.2:1", "198.51.100.7:443", b"\x03\0\x04\0\0\0\0");
        closed(&wrong_sum);
        wrong_sum.truncate(20);
        for header in [
            &b"PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n"[..],
            b"PROXY GET / HTTP/1.1\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        ] {
            closed(header);
        }
        // Half of one, and then the end.
        let mut half = Client::connect(edge.address("web"));
        half.send(&wrong_sum);
        half.finish();
        half.expect_closed();
        // Half of one, and then nothing.
        let mut silent = [&b"PROXY TCP4 192.0.2.1"[..], b"\r\n\r\n\0\r\nQUIT\n\x21", b""].map(|bytes| {
            let mut proxy = Client::connect(edge.address("web"));
            proxy.send(bytes);
            proxy
        });
        silent.iter_mut().for_each(Client::expect_closed);
        if missing > 0.0 {
            closed(get("/").as_bytes());
            closed(b"\x16\x03\x01\0\x05hello");
        }
        // Whoever only looks whether the port is open is not counted.
        let mut look = Client::connect(edge.address("web"));
        look.finish();
        look.expect_closed();
        refused(&edge, &[("proxy_header", 7.0), ("proxy_timeout", 3.0), ("proxy_header_missing", missing)]);
        let metrics = edge.metrics();
        assert_eq!(metrics.find("downstream_connections", &[("listener", "web")]), Some(0.0));
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn pins_are_those_of_the_announced_clients() {
    let (a, b) = (MimNode::start("a"), MimNode::start("b"));
    let mut farm = Farm::of([&a, &b]).group("by: source_ip, first_choice: round_robin");
    farm.bind = format!("\"127.0.0.1:0\", {}", REQUIRE.trim_end_matches(','));
    let edge = Edge::start(&farm.yaml());
    let mut homes: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..3 {
        for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"] {
            let family = if client.contains(':') { "TCP6 " } else { "TCP4 " };
            let other = if client.contains(':') { "::1" } else { "127.0.0.1" };
            let mut proxy = Client::connect(edge.address("mim-service"));
            proxy.send(format!("PROXY {family}{client} {other} 1 2\r\n{}", mim::page()));
            let node = proxy.response().expect(200).node();
            let line = edge.next_request(|line| line["client"] == client);
            assert_eq!((&line["key"], &line["peer"]), (&client.into(), &"127.0.0.1".into()));
            assert_eq!(*homes.entry(client.to_owned()).or_insert(node.clone()), node);
        }
    }
    let on_a = homes.values().filter(|node| *node == "a").count();
    assert_eq!(on_a, 2, "one address of a proxy is not one client: {homes:?}");
}
