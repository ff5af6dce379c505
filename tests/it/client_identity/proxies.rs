//! HAProxy in front of the edge, as it speaks the PROXY protocol.

use super::{Other, behind, refused, secured, told};
use crate::support::client::{get, once_from};
use crate::support::edge::{Edge, finish, said};
use crate::tls::Authority;
use std::process::{Command, Output};

/// The ways in which it announces clients.
const WAYS: [&str; 5] = [
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn",
    "send-proxy-v2-ssl-cn check inter 100ms check-send-proxy",
];

const REQUIRE: &str = "proxy_protocol: require, trusted_proxies: [ 127.0.0.1 ],";

fn in_front(edge: &Edge, way: &str) -> Other {
    Other::haproxy(&format!(
        "listen l\n  mode tcp\n  bind 127.0.0.1:PORT\n  server edge {} {way}",
        edge.address("web")
    ))
}

#[test]
fn haproxy_tells_who_its_clients_are() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, REQUIRE, ""));
    for way in WAYS {
        let haproxy = in_front(&edge, way);
        for from in ["127.0.0.7", "127.0.0.8"] {
            let response = once_from(from, haproxy.address, get("/page"));
            assert_eq!(response.expect(200).text(), format!("{from} http"), "{way}");
            let line = edge.next_request(|line| line["path"] == "/page");
            assert_eq!((&line["client"], &line["peer"]), (&from.into(), &"127.0.0.1".into()));
        }
    }
    // Its looks at the port among them.
    refused(&edge, &[("proxy_header", 0.0), ("proxy_header_missing", 0.0), ("untrusted_proxy", 0.0)]);
}

/// What curl gets from this address through a proxy that passes TLS on.
fn curl(proxy: &Other, authority: &Authority, from: &str) -> Output {
    let port = proxy.address.port();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "25", "--noproxy", "*", "--interface", from])
        .args(["--cacert", &authority.path("ca.pem"), "--resolve", &format!("mim.test:{port}:127.0.0.1")])
        .arg(format!("https://mim.test:{port}/page"));
    finish(&mut curl)
}

#[test]
fn haproxy_passes_tls_through_behind_its_header() {
    let (origin, authority) = (told(), Authority::new());
    let edge = Edge::start(&secured(&behind(&origin, REQUIRE, ""), &authority));
    for way in WAYS {
        let output = curl(&in_front(&edge, way), &authority, "127.0.0.7");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "127.0.0.7 https", "{way}: {}", said(&output));
    }
}

#[test]
fn without_its_header_haproxy_is_turned_away() {
    let origin = told();
    let edge = Edge::start(&behind(&origin, REQUIRE, ""));
    let haproxy = in_front(&edge, "");
    let mut client = crate::support::client::Client::connect(haproxy.address);
    client.send(get("/"));
    client.expect_closed();
    refused(&edge, &[("proxy_header_missing", 1.0)]);
    assert!(origin.requests().is_empty());
}

/// As docs/operations.md shows it, in front of two edges.
#[test]
fn the_balancer_of_the_documentation_brings_each_client_to_one_edge() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let shown = page.split("```haproxy\n").nth(1).unwrap().split("```").next().unwrap();
    let (origins, authority) = ([told(), told()], Authority::new());
    let edges =
        origins.each_ref().map(|origin| Edge::start(&secured(&behind(origin, REQUIRE, ""), &authority)));
    let mut conf = shown.replace("10.20.0.4:443", "127.0.0.1:PORT");
    for (edge, address) in edges.iter().zip(["10.20.0.5:443", "10.20.0.6:443"]) {
        conf = conf.replace(address, &edge.address("web").to_string());
        conf = conf.replacen("check port 9901", &format!("check port {}", edge.admin().port()), 1);
    }
    let haproxy = Other::haproxy(&conf);
    for _ in 0..2 {
        for from in 2..10 {
            let from = format!("127.0.0.{from}");
            let output = curl(&haproxy, &authority, &from);
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{from} https"), "{}", said(&output));
        }
    }
    let served = origins.each_ref().map(|origin| {
        let requests = origin.requests();
        requests.iter().map(|request| request.head.values("x-forwarded-for").join("|")).collect::<Vec<_>>()
    });
    assert_eq!(served[0].len() + served[1].len(), 16);
    assert!(served[0].iter().all(|client| !served[1].contains(client)), "{served:?}");
    for edge in &edges {
        refused(edge, &[("proxy_header", 0.0), ("proxy_header_missing", 0.0), ("untrusted_proxy", 0.0)]);
    }
}
