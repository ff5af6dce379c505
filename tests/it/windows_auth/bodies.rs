//! Requests with bodies in the middle of a handshake: IIS answers 401 when it has read the head.

use super::{Edge, Origin, ask};
use crate::support::client::Client;
use crate::support::farm::single;
use crate::support::http::answer;

/// Challenges as soon as a head without credentials is there, and reads the body afterwards; with credentials it
/// tells how much came.
fn early() -> Origin {
    Origin::start(|mut conn| {
        conn.stop_recording();
        let mut user = None;
        while let Some(head) = conn.head() {
            if let Some(credentials) = head.value("authorization") {
                user = Some(credentials.split(' ').next_back().unwrap().to_owned());
            }
            if let Some(user) = &user {
                if head.has_token("expect", "100-continue") {
                    conn.send("HTTP/1.1 100 Continue\r\n\r\n");
                }
                let Some(request) = conn.body(head) else { return };
                conn.send(answer("200 OK", "", format!("{user} {}", request.body.len()).as_bytes()));
            } else {
                conn.send(answer("401 Unauthorized", "WWW-Authenticate: NTLM\r\n", b"who are you"));
                if conn.body(head).is_none() {
                    return;
                }
            }
        }
    })
}

fn in_front_of(origin: &Origin, binds: &str) -> Edge {
    Edge::start(&single(origin, &format!("connection_auth: {binds},"), ""))
}

/// More than the buffers of both sides of the edge hold.
const LONG: usize = 24 << 20;

#[test]
fn a_long_post_whose_401_came_early_keeps_its_connection() {
    for binds in ["auto", "always"] {
        let origin = early();
        let edge = in_front_of(&origin, binds);
        let mut client = Client::connect(edge.address("web"));
        let head =
            |more: &str| format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {LONG}\r\n{more}\r\n");
        let piece = vec![b'x'; 1 << 20];
        // The answer is there before the body, which still goes its whole way.
        client.send(head(""));
        client.send(&piece);
        let challenge = client.response().expect(401);
        assert!(!challenge.head.has_token("connection", "close"), "{challenge:?}");
        for _ in 1..LONG / piece.len() {
            client.send(&piece);
        }
        client.send(head("Authorization: NTLM alice\r\n"));
        for _ in 0..LONG / piece.len() {
            client.send(&piece);
        }
        assert_eq!(client.response().expect(200).text(), format!("alice {LONG}"));
        assert_eq!(ask(&mut client, "/x", None).expect(200).text(), "alice 0");
        assert_eq!(origin.records().connections.len(), 1, "{binds}");
    }
}

#[test]
fn chunks_may_follow_an_early_401() {
    let origin = early();
    let edge = in_front_of(&origin, "auto");
    let mut client = Client::connect(edge.address("web"));
    let head =
        |more: &str| format!("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n{more}\r\n");
    client.send(head(""));
    client.response().expect(401);
    for piece in ["5\r\nabcde\r\n", "3;x=y\r\nfgh\r\n", "0\r\n\r\n"] {
        client.send(piece);
    }
    let served = client.exchange(head("Authorization: NTLM alice\r\n") + "2\r\nab\r\n0\r\n\r\n").expect(200);
    assert_eq!(served.text(), "alice 2");
    assert_eq!(origin.records().connections.len(), 1);
}

#[test]
fn an_expectation_that_met_a_401_costs_no_connection() {
    for binds in ["auto", "always"] {
        let origin = early();
        let edge = in_front_of(&origin, binds);
        let mut client = Client::connect(edge.address("web"));
        let head = |more: &str| {
            format!("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n{more}\r\n")
        };
        let challenge = client.exchange(head("")).expect(401);
        assert!(challenge.interim.is_empty(), "{challenge:?}");
        assert!(!challenge.head.has_token("connection", "close"), "{challenge:?}");
        // RFC 9110 section 10.1.1: the request still has its body, unless the client closes the connection.
        client.send("body");
        client.send(head("Authorization: NTLM alice\r\n"));
        assert_eq!(client.wire.head().unwrap().unwrap().status(), 100);
        client.send("body");
        assert_eq!(client.response().expect(200).text(), "alice 4");
        assert_eq!(ask(&mut client, "/x", None).expect(200).text(), "alice 0");
        assert_eq!(origin.records().connections.len(), 1, "{binds}");
    }
}

#[test]
fn a_client_that_keeps_its_body_for_itself_ends_both_connections() {
    let origin = early();
    let edge = in_front_of(&origin, "always");
    let mut client = Client::connect(edge.address("web"));
    let head = "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    client.exchange(head).expect(401);
    drop(client);
    origin.wait("the end of the bound connection", |records| records.connections[0].closed.then_some(()));
}

#[test]
fn a_challenge_on_a_kept_connection_waits_for_the_rest_of_the_body() {
    let origin = Origin::start(|mut conn| {
        while let Some(head) = conn.head() {
            let public = head.target() == "/public";
            let user = head.value("authorization").map(str::to_owned);
            if !public && user.is_none() {
                conn.send(answer("401 Unauthorized", "WWW-Authenticate: NTLM\r\n", b"who are you"));
            }
            let Some(request) = conn.body(head) else { return };
            if public || user.is_some() {
                conn.send(answer("200 OK", "", &request.body));
            }
        }
    });
    let edge = in_front_of(&origin, "auto");
    let mut client = Client::connect(edge.address("web"));
    ask(&mut client, "/public", None).expect(200);
    let head = |more: &str| format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n{more}\r\n");
    client.exchange(head("")).expect(401);
    client.send("body");
    assert_eq!(client.exchange(head("Authorization: NTLM alice\r\n") + "more").expect(200).text(), "more");
    let requests = origin.requests();
    let by: Vec<_> = requests.iter().map(|r| (r.connection, r.body.as_slice())).collect();
    assert_eq!(by, [(0, &b""[..]), (0, b"body"), (1, b"more")]);
}
