//! Requests for another host than the one that the handshake asked for.

use super::visitor::{VERSIONS, Visitor, config, last, s_client};
use super::{Authority, secured};
use crate::support::edge::{Edge, said};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;

#[test]
fn a_host_that_the_handshake_did_not_ask_for_is_421() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"served"));
    let edge = Edge::start(&secured(&single(&origin, "", ""), &authority));
    let config = config(&authority, &VERSIONS, None);
    let mut visitor = Visitor::connect(edge.address("web"), "mim.test", &config);
    // The same connection all the time: nothing is wrong with it.
    for host in ["mim.test", "MIM.test", "mim.test.", "mim.test:443", "Mim.Test.:8443"] {
        visitor.get(host).expect(200);
        edge.next_request(|entry| entry["status"] == 200);
    }
    for host in ["other.test", "a.mim.test", "test", "127.0.0.1", "[::1]:443", "mim.test.other.test"] {
        let response = visitor.get(host).expect(421);
        assert!(response.text().contains("request "), "{}", response.text());
        let entry = edge.next_request(|entry| entry["status"] == 421);
        assert_eq!(entry["failure"], "misdirected", "{host}: {entry}");
        visitor.get("mim.test").expect(200);
    }
    let metrics = edge.metrics();
    let refused = [("listener", "web"), ("reason", "misdirected")];
    assert_eq!(metrics.value("refused_requests_total", &refused), 6.0);
    assert_eq!(metrics.value("downstream_connections_total", &[("listener", "web")]), 1.0);
    assert!(
        origin.requests().iter().all(|request| {
            request.head.value("host").unwrap().to_ascii_lowercase().starts_with("mim.test")
        })
    );
    // The target counts where it names a host.
    let mut absolute = Visitor::connect(edge.address("web"), "mim.test", &config);
    absolute.get("mim.test").expect(200);
}

#[test]
fn whoever_asks_for_no_name_may_name_any_host() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"served"));
    let edge = Edge::start(&secured(&single(&origin, "", ""), &authority));
    for (arguments, host, status) in [
        (&["-noservername"][..], "other.test", 200),
        (&["-noservername"], "127.0.0.1", 200),
        (&["-servername", "mim.test"], "127.0.0.1", 421),
        (&["-servername", "mim.test"], "mim.test", 200),
        // The certificate does not have the name, but it is the name that was asked for.
        (&["-servername", "stranger.test"], "stranger.test", 200),
    ] {
        let said = said(&s_client(&edge, &authority, arguments, &last(host)));
        assert!(said.contains(&format!("HTTP/1.1 {status} ")), "{arguments:?} {host}: {said}");
    }
}

#[test]
fn a_trusted_proxys_connection_carries_requests_for_any_host() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"served"));
    let config = config(&authority, &VERSIONS, None);
    for (trusted, status) in [("127.0.0.1", 200), ("127.0.0.9", 421)] {
        let yaml = secured(&single(&origin, "", ""), &authority);
        let naming = format!("web: {{ client_header: X-Forwarded-For, trusted_proxies: [ {trusted} ],");
        let edge = Edge::start(&yaml.replacen("web: {", &naming, 1));
        let mut proxy = Visitor::connect(edge.address("web"), "mim.test", &config);
        proxy.get("mim.test").expect(200);
        proxy.get("other.test").expect(status);
    }
}
