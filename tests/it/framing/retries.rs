//! Connections that break under a request: repeated only where nothing can happen twice.

use super::in_front_of;
use crate::support::client::{Client, get, once, post};
use crate::support::http::answer;
use crate::support::origin::{Conn, Origin};

/// Answers the first request of its first connection, then does `second` with the next; later connections
/// answer everything.
fn stale(second: impl Fn(Conn) + Send + Sync + 'static) -> Origin {
    Origin::start(move |mut conn| {
        let Some(request) = conn.request() else { return };
        conn.send(answer("200 OK", "", request.head.target().as_bytes()));
        if conn.number() == Some(0) {
            return second(conn);
        }
        while let Some(request) = conn.request() {
            conn.send(answer("200 OK", "", request.head.target().as_bytes()));
        }
    })
}

#[test]
fn a_get_on_a_stale_connection_is_retried() {
    // In the middle of the race: the origin has the request and closes without an answer.
    let origin = stale(|mut conn| drop(conn.head()));
    let (edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    assert_eq!(client.exchange(get("/first")).expect(200).text(), "/first");
    assert_eq!(client.exchange(get("/second")).expect(200).text(), "/second");
    assert_eq!(origin.records().connections.len(), 2);
    let entry = edge.next_request(|e| e["path"] == "/second");
    assert_eq!((&entry["retries"], &entry["status"]), (&1.into(), &200.into()), "{entry}");
}

#[test]
fn a_get_on_a_reset_connection_is_retried() {
    let origin = stale(|mut conn| {
        conn.head();
        conn.reset();
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    assert_eq!(client.exchange(get("/second")).expect(200).text(), "/second");
}

#[test]
fn a_connection_that_was_closed_while_idle_is_not_used() {
    let origin = stale(drop);
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    // Whether the edge has noticed the close or meets it while sending: the client never does.
    for _ in 0..5 {
        assert_eq!(client.exchange(get("/again")).expect(200).text(), "/again");
    }
}

#[test]
fn a_post_whose_body_was_not_sent_is_retried() {
    let origin = stale(|mut conn| drop(conn.head()));
    let (edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    client.send("POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    // Only now, from the second connection, comes a 100: so nothing of the body went to the first.
    let interim = client.wire.head().unwrap().unwrap();
    assert_eq!(interim.status(), 100);
    client.send("body");
    assert_eq!(client.response().expect(200).text(), "/second");
    let requests = origin.requests();
    let second: Vec<_> = requests.iter().filter(|r| r.head.target() == "/second").collect();
    assert_eq!(second.len(), 1);
    assert_eq!((second[0].connection, second[0].body.as_slice()), (1, &b"body"[..]));
    assert_eq!(edge.next_request(|e| e["path"] == "/second")["retries"], 1);
}

#[test]
fn a_post_whose_body_was_sent_is_502_and_not_repeated() {
    let origin = stale(|mut conn| drop(conn.request()));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    client.send(post("/second", "body"));
    assert_eq!(client.response().status(), 502);
    let seconds = origin.requests().iter().filter(|r| r.head.target() == "/second").count();
    assert_eq!(seconds, 1);
    // The next client is served.
    Client::connect(web).exchange(post("/third", "body")).expect(200);
}

/// How many heads that begin like this came to the origin, with or without a body.
fn heads(origin: &Origin, start: &str) -> usize {
    let connections = origin.records().connections;
    connections.iter().map(|c| String::from_utf8_lossy(&c.bytes).matches(start).count()).sum()
}

#[test]
fn a_post_that_was_told_to_go_on_is_not_repeated() {
    let origin = stale(|mut conn| {
        conn.head();
        conn.send("HTTP/1.1 100 Continue\r\n\r\n");
    });
    let (edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    client.send("POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response().expect(502);
    assert_eq!(response.interim.len(), 1, "it was told: {response:?}");
    assert_eq!(heads(&origin, "POST /second "), 1);
    assert_eq!(edge.next_request(|e| e["path"] == "/second")["retries"], 0);
}

#[test]
fn a_get_with_an_interim_response_is_not_repeated() {
    let origin = stale(|mut conn| {
        conn.head();
        conn.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    client.send(get("/second"));
    let response = client.response().expect(502);
    assert_eq!(response.interim.len(), 1, "{response:?}");
    assert_eq!(heads(&origin, "GET /second "), 1);
}

#[test]
fn a_post_on_a_fresh_connection_is_not_repeated() {
    // That the connection was new rules out that it merely had grown old: the origin met the request.
    let origin = Origin::start(|mut conn| drop(conn.head()));
    let (edge, web) = in_front_of(&origin);
    for (n, request) in [
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n".to_owned(),
        post("/x", ""),
        post("/x", "body"),
    ]
    .into_iter()
    .enumerate()
    {
        once(web, request).expect(502);
        assert_eq!(heads(&origin, "POST /x "), n + 1);
        assert_eq!(edge.next_request(|_| true)["retries"], 0);
    }
}

#[test]
fn a_get_is_not_repeated_once_its_response_began() {
    let origin = stale(|mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.exchange(get("/first")).expect(200);
    client.send(get("/second"));
    client.try_response("GET").expect_err("half a response");
    assert_eq!(origin.requests().len(), 2);
}
