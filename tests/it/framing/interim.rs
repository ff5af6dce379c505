//! Interim responses, switched protocols, and answers that come before the request is whole.

use super::in_front_of;
use crate::support::client::{Client, get, post};
use crate::support::http::answer;
use crate::support::origin::Origin;

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn interim_responses_are_relayed() {
    let origin = Origin::answering(|_| {
        let interim = "HTTP/1.1 102 Processing\r\n\r\n\
                       HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
        [interim.as_bytes(), &answer("200 OK", "", b"ok")].concat()
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for request in [get("/x"), post("/x", "body")] {
        let response = client.exchange(request).expect(200);
        let statuses: Vec<u16> = response.interim.iter().map(|head| head.status()).collect();
        assert_eq!(statuses, [102, 103]);
        assert_eq!(response.interim[1].value("link"), Some("</a.css>; rel=preload"));
        assert_eq!(response.text(), "ok");
    }
    // HTTP/1.0 knows no interim responses.
    let response = client.exchange("GET /x HTTP/1.0\r\nHost: h\r\n\r\n").expect(200);
    assert!(response.interim.is_empty(), "{response:?}");
}

#[test]
fn interim_responses_are_many_but_not_endless() {
    let origin = Origin::answering(|request| {
        let count = request.head.target()[1..].parse().unwrap();
        [b"HTTP/1.1 102 Processing\r\n\r\n".repeat(count), answer("200 OK", "", b"ok")].concat()
    });
    let (edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    let response = client.exchange(get("/50")).expect(200);
    assert_eq!((response.interim.len(), response.text().as_str()), (50, "ok"));
    client.exchange(get("/51")).expect(502);
    let entry = edge.next_request(|e| e["path"] == "/51");
    assert_eq!(entry["failure"], "too_many_interims", "{entry}");
    // They are counted whether or not the client may see them.
    Client::connect(web).exchange("GET /51 HTTP/1.0\r\nHost: h\r\n\r\n").expect(502);
}

#[test]
fn a_100_is_relayed_before_the_body_comes() {
    let origin = Origin::answering(|request| answer("200 OK", "", &request.body));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for _ in 0..3 {
        client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.wire.head().unwrap().unwrap().start, "HTTP/1.1 100 Continue");
        client.send("body");
        let response = client.response().expect(200);
        assert!(response.interim.is_empty() && !response.head.has_token("connection", "close"));
        assert_eq!(response.text(), "body");
    }
    assert_eq!(origin.requests()[0].head.value("expect"), Some("100-continue"));
    assert_eq!(origin.records().connections.len(), 1);
}

#[test]
fn a_client_may_send_its_body_without_waiting_for_the_100() {
    let origin = Origin::answering(|request| answer("200 OK", "", &request.body));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for _ in 0..3 {
        client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
        assert_eq!(client.response().expect(200).text(), "body");
    }
}

#[test]
fn a_final_answer_to_expect_is_relayed_without_the_body() {
    let origin = Origin::start(|mut conn| {
        if conn.head().is_some() {
            conn.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno");
        }
        // It reads on, as servers do, and would record a body.
        while conn.wire.has_more().is_ok_and(|more| more) && conn.head().is_some() {}
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response().expect(401);
    assert!(response.interim.is_empty(), "no 100 for a body that nobody wants: {response:?}");
    assert_eq!(response.text(), "no");
}

#[test]
fn an_answer_may_come_before_the_body_was_read() {
    let origin = Origin::start(|mut conn| {
        if conn.head().is_some() {
            conn.send(
                "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge",
            );
            // Stays open until the edge closes: the answer has to pass while the body is still coming.
            while conn.wire.exactly(1).is_ok() {}
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nbeginning");
    let response = client.response().expect(413);
    assert_eq!(response.text(), "large");
}

#[test]
fn an_answer_and_the_body_may_cross() {
    // An echo of each piece as it comes: both directions at the same time.
    let origin = Origin::start(|mut conn| {
        if conn.head().is_some() {
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
            while let Ok(piece) = conn.wire.exactly(4) {
                conn.send(piece);
            }
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n");
    assert_eq!(client.wire.head().unwrap().unwrap().status(), 200);
    for piece in ["one ", "two ", "thre"] {
        client.send(piece);
        assert_eq!(client.wire.exactly(4).unwrap(), piece.as_bytes());
    }
}

#[test]
fn a_web_socket_is_a_tunnel() {
    let origin = Origin::start(|mut conn| {
        let Some(request) = conn.request() else { return };
        assert!(request.head.has_token("connection", "upgrade"));
        assert_eq!(request.head.value("upgrade"), Some("websocket"));
        // The first words may come with the switch itself.
        conn.send(format!("{SWITCH}hello"));
        while let Ok(bytes) = conn.wire.exactly(5) {
            conn.send(bytes);
        }
        conn.send("bye");
    });
    let (edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    // And so may the client's first words.
    client.send(format!("{UPGRADE}early"));
    let head = client.wire.head().unwrap().unwrap();
    assert_eq!(head.status(), 101);
    assert!(head.has_token("connection", "upgrade"));
    assert_eq!(head.value("upgrade"), Some("websocket"));
    assert_eq!(client.wire.exactly(5).unwrap(), b"hello");
    assert_eq!(client.wire.exactly(5).unwrap(), b"early");
    for bytes in [b"\x00\xff\r\n\r", b"GET /", b"0\r\n\r\n"] {
        client.send(bytes);
        assert_eq!(client.wire.exactly(5).unwrap(), bytes);
    }
    // One direction may end before the other.
    client.finish();
    assert_eq!(client.wire.rest().unwrap(), b"bye");
    let entry = edge.next_request(|_| true);
    assert_eq!(entry["status"], 101, "{entry}");
}

#[test]
fn a_tunnel_ends_when_the_origin_ends_it() {
    let origin = Origin::start(|mut conn| {
        if conn.request().is_some() {
            conn.send(format!("{SWITCH}last words"));
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send(UPGRADE);
    assert_eq!(client.wire.head().unwrap().unwrap().status(), 101);
    assert_eq!(client.wire.rest().unwrap(), b"last words");
}

#[test]
fn an_upgrade_that_the_origin_declines_is_a_plain_answer() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"plain"));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send(UPGRADE);
    assert_eq!(client.response().expect(200).text(), "plain");
    assert_eq!(client.exchange(get("/next")).expect(200).text(), "plain");
}

#[test]
fn an_upgrade_to_http_2_is_not_passed_on() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"plain"));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    let asks = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    assert_eq!(client.exchange(asks).expect(200).text(), "plain");
    let arrived = origin.requests().pop().unwrap().head;
    assert_eq!((arrived.value("upgrade"), arrived.value("http2-settings")), (None, None), "{arrived:?}");
}
