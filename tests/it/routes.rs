//! Which pool a request reaches, and how its nodes are found.

use crate::support::client::{Client, get, once};
use crate::support::edge::Edge;
use crate::support::farm::{ONE_PROBE, single};
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::fmt::Write;
use std::io::{Read, Write as _};
use std::net::TcpListener;

/// An origin that answers with its own name.
fn named(name: &'static str) -> Origin {
    Origin::answering(move |_| answer("200 OK", "", name.as_bytes()))
}

/// A configuration with one pool for each origin, and the routes given.
fn routed(origins: &[(&str, &Origin)], routes: &[&str]) -> String {
    let mut yaml =
        "listeners:\n  web: { bind: \"127.0.0.1:0\" }\nnodes:\n  one: { address: 127.0.0.1 }\npools:\n"
            .to_owned();
    for (name, origin) in origins {
        let port = origin.port(0);
        writeln!(yaml, "  {name}: {{ {ONE_PROBE}, nodes: [one], port: {port} }}").unwrap();
    }
    yaml.push_str("routes:\n");
    for route in routes {
        writeln!(yaml, "  - {{ listener: web, {route} }}").unwrap();
    }
    yaml
}

fn ask(edge: &Edge, host: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let response = once(edge.address("web"), request);
    if response.status() == 200 { response.text() } else { response.status().to_string() }
}

#[test]
fn the_most_exact_route_wins_whatever_the_order_in_the_file() {
    let origins = ["exact", "suffix", "any", "reset"].map(|name| (name, named(name)));
    let pools: Vec<(&str, &Origin)> = origins.iter().map(|(name, origin)| (*name, origin)).collect();
    let mut routes = vec![
        "pool: any",
        "host: \"*.example.com\", pool: suffix",
        "host: mim.example.com, pool: exact",
        "host: mim.example.com, path: /PasswordReset, pool: reset",
    ];
    for _ in 0..2 {
        let edge = Edge::start(&routed(&pools, &routes));
        for (host, path, expected) in [
            ("mim.example.com", "/", "exact"),
            ("MIM.Example.COM:8080", "/x", "exact"),
            ("mim.example.com", "/PasswordReset", "reset"),
            ("mim.example.com", "/PasswordReset/page?x=1", "reset"),
            ("mim.example.com", "/PasswordResetter", "exact"),
            ("mim.example.com", "/passwordreset", "exact"),
            ("other.example.com", "/", "suffix"),
            ("a.b.example.com", "/PasswordReset", "suffix"),
            ("example.com", "/", "any"),
            ("127.0.0.1", "/", "any"),
        ] {
            assert_eq!(ask(&edge, host, path), expected, "{host}{path}");
        }
        routes.reverse();
    }
}

#[test]
fn what_no_route_leads_to_is_404_and_the_connection_goes_on() {
    let origin = named("site");
    let edge = Edge::start(&routed(&[("site", &origin)], &["host: mim.example.com, path: /app, pool: site"]));
    let mut client = Client::connect(edge.address("web"));
    for _ in 0..2 {
        client.send("GET /app/x HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
        let missing = client.response().expect(404);
        assert!(missing.text().contains("request "), "the log can be searched for it: {missing:?}");
        client.send("POST /other HTTP/1.1\r\nHost: mim.example.com\r\nContent-Length: 4\r\n\r\nbody");
        client.response().expect(404);
        client.send("GET /app HTTP/1.1\r\nHost: mim.example.com\r\n\r\n");
        assert_eq!(client.response().expect(200).text(), "site");
    }
    let entry = edge.next_request(|entry| entry["status"] == 404);
    assert_eq!(entry["failure"], "no_route", "{entry}");
    assert_eq!(entry["node"], serde_json::Value::Null);
}

#[test]
fn a_node_may_have_a_name() {
    let origin = named("found");
    let yaml = single(&origin, "", "").replace("address: 127.0.0.1", "address: localhost");
    let edge = Edge::start(&yaml);
    assert_eq!(once(edge.address("web"), get("/")).expect(200).text(), "found");
}

#[test]
fn a_node_whose_name_nobody_knows_is_no_node() {
    let origin = named("never");
    // RFC 6761 section 6.4: such a name never resolves.
    let yaml = single(&origin, "", "").replace("address: 127.0.0.1", "address: mim1.invalid");
    let edge = Edge::start(&yaml);
    let refused = once(edge.address("web"), get("/")).expect(503);
    assert!(refused.head.value("retry-after").is_some(), "{refused:?}");
    edge.message("mim1.invalid cannot be resolved");
}

#[test]
fn a_node_may_have_an_ipv6_address() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = [0; 4096];
            // A probe connects and says nothing.
            if stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(&answer("200 OK", "Connection: close\r\n", b"six"));
            }
        }
    });
    let yaml = format!(
        "listeners:\n  web: {{ bind: \"[::1]:0\" }}\nnodes:\n  one: {{ address: \"::1\" }}\npools:\n  app: {{ {ONE_PROBE}, \
         nodes: [one], port: {port} }}\nroutes:\n  - {{ listener: web, pool: app }}\n"
    );
    let edge = Edge::start(&yaml);
    assert_eq!(once(edge.address("web"), get("/")).expect(200).text(), "six");
    assert_eq!(edge.next_request(|_| true)["client"], "::1");
}
