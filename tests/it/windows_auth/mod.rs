//! NTLM and Negotiate authenticate a connection: nobody may be served over somebody else's.

mod answers;
mod bodies;
mod fresh;
mod nodes;
mod real;

use crate::support::client::{Client, Response, get};
use crate::support::edge::Edge;
use crate::support::farm::{ONE_PROBE, single};
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::sync::mpsc;

/// As IIS does it: a request with credentials makes its connection theirs; `/public` needs none.
fn iis() -> Origin {
    named("iis")
}

/// The same as a node of this name.
fn named(node: &'static str) -> Origin {
    Origin::start(move |mut conn| {
        let node = format!("X-Node: {node}\r\n");
        let mut user: Option<String> = None;
        while let Some(request) = conn.request() {
            if let Some(credentials) = request.head.value("authorization") {
                user = Some(credentials.split(' ').next_back().unwrap().to_owned());
            }
            let public = request.head.target() == "/public";
            conn.send(match &user {
                _ if public => answer("200 OK", &node, b"everybody"),
                Some(user) => answer("200 OK", &format!("{node}Persistent-Auth: true\r\n"), user.as_bytes()),
                None => answer(
                    "401 Unauthorized",
                    &format!("{node}WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n"),
                    b"who are you",
                ),
            });
            if request.head.target() == "/bye" {
                return;
            }
        }
    })
}

/// A portal as its role has it: bound from the first request.
fn portal(origin: &Origin) -> Edge {
    Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  portal1: {{ address: 127.0.0.1 }}\npools:\n  \
         portal: {{ role: mim_portal, tls: null, connection_auth: always, {ONE_PROBE}, \
         nodes: [ {{ node: portal1, port: {} }} ] }}\nroutes:\n  - {{ listener: web, pool: portal }}\n",
        origin.port(0)
    ))
}

/// A pool of no role: bound as soon as somebody authenticates.
fn noticed(origin: &Origin) -> Edge {
    Edge::start(&single(origin, "connection_auth: auto,", ""))
}

#[track_caller]
fn ask(client: &mut Client, path: &str, credentials: Option<&str>) -> Response {
    let authorization = credentials.map(|c| format!("Authorization: {c}\r\n")).unwrap_or_default();
    client.exchange(format!("GET {path} HTTP/1.1\r\nHost: portal.test\r\n{authorization}\r\n"))
}

#[test]
fn two_client_connections_never_share_an_upstream_connection() {
    let origin = iis();
    let edge = portal(&origin);
    let web = edge.address("web");
    let (mut alice, mut bob) = (Client::connect(web), Client::connect(web));
    for _ in 0..5 {
        assert_eq!(ask(&mut alice, "/public", None).expect(200).text(), "everybody");
        assert_eq!(ask(&mut bob, "/public", None).expect(200).text(), "everybody");
    }
    let by: Vec<usize> = origin.requests().iter().map(|request| request.connection).collect();
    assert_eq!(by, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
}

/// Alice authenticates without being asked; Bob, before, meanwhile and after her, must be nobody.
#[track_caller]
fn assert_no_substitution(start: fn(&Origin) -> Edge) {
    for scheme in ["NTLM", "Negotiate", "Nego2", "negotiate", "Kerberos"] {
        let origin = iis();
        let edge = start(&origin);
        let web = edge.address("web");
        let (mut alice, mut bob) = (Client::connect(web), Client::connect(web));
        // Something to leave in a pool, if there is one.
        ask(&mut alice, "/public", None).expect(200);
        ask(&mut bob, "/public", None).expect(200);
        // Pre-emptive: no 401 tells the edge.
        let served = ask(&mut alice, "/x", Some(&format!("{scheme} alice"))).expect(200);
        assert_eq!(served.text(), "alice");
        for _ in 0..3 {
            assert_eq!(ask(&mut alice, "/x", None).expect(200).text(), "alice", "{scheme}: it stays hers");
            let refused = ask(&mut bob, "/x", None);
            assert_eq!(refused.status(), 401, "{scheme}: Bob is {}", refused.text());
        }
        drop(alice);
        origin.wait("the end of Alice's connection", |records| {
            let hers = records.requests.iter().find(|r| r.head.value("authorization").is_some())?;
            records.connections[hers.connection].closed.then_some(())
        });
        for _ in 0..4 {
            ask(&mut Client::connect(web), "/x", None).expect(401);
        }
    }
}

#[test]
fn authentication_stays_with_its_client_connection() {
    assert_no_substitution(portal);
}

#[test]
fn auto_notices_authentication_that_nobody_asked_for() {
    assert_no_substitution(noticed);
}

/// The handshake goes on over the connection on which it was asked for.
#[track_caller]
fn assert_challenge_binds(start: fn(&Origin) -> Edge) {
    let origin = iis();
    let edge = start(&origin);
    let mut client = Client::connect(edge.address("web"));
    let challenge = ask(&mut client, "/x", None).expect(401);
    assert_eq!(challenge.head.values("www-authenticate"), ["Negotiate", "NTLM"]);
    assert!(!challenge.head.has_token("connection", "close"), "{challenge:?}");
    assert_eq!(ask(&mut client, "/x", Some("NTLM carol")).expect(200).text(), "carol");
    assert_eq!(ask(&mut client, "/x", None).expect(200).text(), "carol");
    let by: Vec<usize> = origin.requests().iter().map(|request| request.connection).collect();
    assert_eq!(by, [0, 0, 0]);
    assert!(origin.requests().iter().all(|request| request.head.value("via").is_none()));
}

#[test]
fn a_challenge_passes_whole_and_its_answer_reaches_the_same_connection() {
    assert_challenge_binds(portal);
}

#[test]
fn auto_notices_a_challenge() {
    assert_challenge_binds(noticed);
}

#[test]
fn the_upstream_connection_goes_with_the_client() {
    let origin = iis();
    let edge = portal(&origin);
    let mut client = Client::connect(edge.address("web"));
    ask(&mut client, "/public", None).expect(200);
    assert!(!origin.records().connections[0].closed);
    drop(client);
    origin.wait("the close", |records| records.connections[0].closed.then_some(()));
}

#[test]
fn the_client_goes_with_the_upstream_connection() {
    let origin = iis();
    let edge = portal(&origin);
    let mut client = Client::connect(edge.address("web"));
    assert_eq!(ask(&mut client, "/x", Some("NTLM alice")).expect(200).text(), "alice");
    assert_eq!(ask(&mut client, "/bye", None).expect(200).text(), "alice");
    // Nobody may go on with a new upstream connection under the old name.
    client.expect_closed();
    assert_eq!(origin.records().connections.len(), 1);
}

#[test]
fn a_failure_on_a_bound_connection_ends_the_clients_connection() {
    let origin = Origin::start(|mut conn| {
        while let Some(request) = conn.request() {
            if request.head.target() == "/die" {
                return;
            }
            conn.send(answer("200 OK", "", b"alice"));
        }
    });
    for start in [portal, noticed] {
        let edge = start(&origin);
        let mut client = Client::connect(edge.address("web"));
        ask(&mut client, "/x", Some("NTLM alice")).expect(200);
        let connections = origin.records().connections.len();
        let failed = ask(&mut client, "/die", None).expect(502);
        assert!(failed.head.has_token("connection", "close"), "{failed:?}");
        client.expect_closed();
        assert_eq!(origin.records().connections.len(), connections, "nothing is sent over another one");
    }
}

#[test]
fn the_last_response_of_a_bound_connection_arrives_whole() {
    // More than the kernel's buffers hold, and what the edge's surely holds.
    const BODY: usize = 16 << 20;
    const LAST: usize = 256 << 10;
    // The origin closes behind a response that did not say so.
    let (tell, closed) = mpsc::channel();
    let origin = Origin::start(move |mut conn| {
        if conn.request().is_some() {
            conn.send(answer("200 OK", "", &vec![b'x'; BODY]));
            let _ = tell.send(());
        }
    });
    let edge = portal(&origin);
    let mut client = Client::connect_narrow(edge.address("web"));
    client.send([get("/large"), get("/next")].concat());
    client.wire.head().unwrap().unwrap();
    let mut left = BODY;
    let mut read = |client: &mut Client, count: usize| {
        left -= client.wire.exactly(count).expect("a whole response").len();
        left
    };
    // The edge still has much to write when the origin closes, so that it meets the second request closed.
    while closed.try_recv().is_err() {
        assert!(read(&mut client, 4096) > LAST, "the buffers hold too little to show anything");
    }
    while read(&mut client, 4096) > LAST {}
    edge.next_request(|entry| entry["path"] == "/next");
    read(&mut client, LAST);
    client.wire.rest().expect("an orderly end");
}

#[test]
fn never_means_plain_pooling() {
    let origin = iis();
    // Only where no role says that Windows authenticates.
    let edge = Edge::start(&single(&origin, "connection_auth: never,", ""));
    let web = edge.address("web");
    for _ in 0..20 {
        ask(&mut Client::connect(web), "/public", None).expect(200);
    }
    assert!(origin.records().connections.len() < 20);
}
