//! What the edge answers itself costs nobody a handshake.

use super::{Edge, Origin, ask, iis};
use crate::support::client::Client;
use crate::support::farm::single;

/// One path leads to the node, with small bodies; the others lead nowhere.
fn narrow(origin: &Origin, binds: &str) -> Edge {
    let yaml = single(origin, &format!("connection_auth: {binds},"), "");
    Edge::start(&yaml.replace("pool: app }", "pool: app, path: /app, max_body: 1KiB }"))
}

#[test]
fn an_answer_of_the_edge_keeps_what_is_bound() {
    let large = format!("POST /app HTTP/1.1\r\nHost: h\r\nContent-Length: 1025\r\n\r\n{}", "a".repeat(1025));
    for binds in ["auto", "always"] {
        let origin = iis();
        let edge = narrow(&origin, binds);
        let mut client = Client::connect(edge.address("web"));
        assert_eq!(ask(&mut client, "/app", Some("NTLM alice")).expect(200).text(), "alice");
        let bodies = "POST /lost HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
        let other = "GET https://h/app HTTP/1.1\r\nHost: h\r\n\r\n";
        for (request, status) in [(bodies, 404), (other, 421), (&large, 413)] {
            let answer = client.exchange(request).expect(status);
            assert!(!answer.head.has_token("connection", "close"), "{binds}: {answer:?}");
            assert_eq!(ask(&mut client, "/app", None).expect(200).text(), "alice", "{binds} after {status}");
        }
        assert_eq!(origin.records().connections.len(), 1, "{binds}");
    }
}

#[test]
fn an_answer_to_a_request_that_is_not_whole_ends_the_connection() {
    let origin = iis();
    let edge = narrow(&origin, "always");
    let mut client = Client::connect(edge.address("web"));
    ask(&mut client, "/app", Some("NTLM alice")).expect(200);
    // Whether a body follows is not known: what comes next could be either.
    client.send("POST /app HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1025\r\n\r\n");
    assert!(client.response().expect(413).head.has_token("connection", "close"));
    client.expect_closed();
    origin.wait("the end of the bound connection", |records| records.connections[0].closed.then_some(()));
}
