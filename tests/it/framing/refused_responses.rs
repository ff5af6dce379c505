//! Responses on which two parsers could disagree: the client gets 502 and not one byte of them.

use super::in_front_of;
use crate::support::client::{Client, get, once, post};
use crate::support::http::{Framing, Wire, show};
use crate::support::origin::Origin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An origin that answers the path `/N` with the Nth of these and keeps the connection open.
fn table(rows: &'static [(&'static str, &'static [u8])]) -> Origin {
    Origin::start(move |mut conn| {
        while let Some(request) = conn.request() {
            match request.head.target()[1..].parse::<usize>() {
                Ok(row) => conn.send(rows[row].1),
                Err(_) => conn.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"),
            }
        }
    })
}

const HEADS: &[(&str, &[u8])] = &[
    (
        "CL and TE",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nMARKER",
    ),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\nMARKER"),
    ("a list of lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 6, 7\r\n\r\nMARKER"),
    ("a signed length", b"HTTP/1.1 200 OK\r\nContent-Length: +6\r\n\r\nMARKER"),
    ("a length that is no number", b"HTTP/1.1 200 OK\r\nContent-Length: six\r\n\r\nMARKER"),
    ("a huge length", b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\nMARKER"),
    ("TE gzip", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nMARKER"),
    ("TE chunked, gzip", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\nMARKER"),
    (
        "chunked twice",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nMARKER",
    ),
    ("blank before the colon", b"HTTP/1.1 200 OK\r\nX-MARKER : a\r\nContent-Length: 0\r\n\r\n"),
    ("no colon", b"HTTP/1.1 200 OK\r\nX-MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("an empty name", b"HTTP/1.1 200 OK\r\n: MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("NUL in a value", b"HTTP/1.1 200 OK\r\nX-A: MARKER\0b\r\nContent-Length: 0\r\n\r\n"),
    ("bare CR in a value", b"HTTP/1.1 200 OK\r\nX-A: MARKER\rb\r\nContent-Length: 0\r\n\r\n"),
    ("bare LF", b"HTTP/1.1 200 OK\nX-A: MARKER\nContent-Length: 0\n\n"),
    ("a fold before the first header", b"HTTP/1.1 200 OK\r\n X-A: MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\nX-A: MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\nX-A: MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("a status below 100", b"HTTP/1.1 099 OK\r\nX-A: MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("no status", b"HTTP/1.1 OK MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\nX-A: MARKER\r\nContent-Length: 0\r\n\r\n"),
    ("another protocol", b"220 mail.test ESMTP MARKER\r\n\r\n"),
    ("a page without a head", b"<html>MARKER</html>\r\n\r\n"),
];

#[test]
fn ambiguous_heads_are_502() {
    let origin = table(HEADS);
    let (edge, web) = in_front_of(&origin);
    for (row, (what, _)) in HEADS.iter().enumerate() {
        let mut client = Client::connect(web);
        let response = client.exchange(post(&format!("/{row}"), "once"));
        assert_eq!(response.status(), 502, "{what}: {}", show(&response.head.raw));
        let seen = [response.head.raw.as_slice(), &response.body].concat();
        assert!(!String::from_utf8_lossy(&seen).contains("MARKER"), "{what}: {}", show(&seen));
        let entry = edge.next_request(|e| e["path"] == format!("/{row}"));
        assert!(entry["failure"].is_string(), "{what}: {entry}");
        assert_eq!(origin.requests().len(), row + 1, "{what}: it was asked again");
    }
    // None of the broken connections is used again.
    assert_eq!(once(web, get("/fine")).expect(200).text(), "fine");
    let connections = origin.records().connections.len();
    assert_eq!(connections, HEADS.len() + 1);
}

/// Good heads whose bodies break: the client must see that something is missing.
const BODIES: &[(&str, &[u8])] = &[
    ("too short", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
    ("chunks without an end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    ("a chunk that breaks off", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"),
    (
        "a bad chunk size",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nabc\r\n0\r\n\r\n",
    ),
    ("a chunk too long", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"),
    ("no trailing empty line", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"),
];

#[test]
fn broken_bodies_never_look_whole() {
    let origin = Origin::start(|mut conn| {
        if let Some(request) = conn.request() {
            conn.send(BODIES[request.head.target()[1..].parse::<usize>().unwrap()].1);
        }
    });
    let (_edge, web) = in_front_of(&origin);
    for (row, (what, _)) in BODIES.iter().enumerate() {
        let mut client = Client::connect(web);
        client.send(get(&format!("/{row}")));
        match client.try_response("GET") {
            Err(_) => {}
            Ok(response) => assert_eq!(response.status(), 502, "{what} looks whole: {response:?}"),
        }
    }
}

#[test]
fn bytes_after_a_response_are_nobodys() {
    // A second response that nobody asked for must not answer the next request, whether it comes with the
    // first or while the connection is idle.
    let (poisoned, has_poisoned) = std::sync::mpsc::channel();
    let origin = Origin::start(move |mut conn| {
        while let Some(request) = conn.request() {
            let target = request.head.target().to_owned();
            let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON";
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
            match target.as_str() {
                "/together" => conn.send(answer + poison),
                "/later" => {
                    conn.send(answer);
                    conn.send(poison);
                    // What was sent on the loopback interface lies in the edge's socket now.
                    poisoned.send(()).unwrap();
                }
                _ => conn.send(answer),
            };
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for first in ["/together", "/later"] {
        assert_eq!(client.exchange(get(first)).text(), first);
        if first == "/later" {
            has_poisoned.recv_timeout(crate::support::PATIENCE).unwrap();
        }
        for _ in 0..5 {
            assert_eq!(client.exchange(get("/next")).text(), "/next");
        }
    }
}

#[test]
fn an_origin_that_hangs_up_is_502() {
    let origin = Origin::start(|mut conn| {
        conn.request();
    });
    let (_edge, web) = in_front_of(&origin);
    once(web, post("/x", "body")).expect(502);
    assert_eq!(origin.requests().len(), 1, "a POST that was sent is not sent again");
}

#[test]
fn an_origin_that_says_nothing_is_504() {
    let origin = Origin::start(|mut conn| {
        conn.request();
        conn.request();
    });
    let yaml = crate::support::farm::single(&origin, "timeouts: { read: 1s },", "");
    let edge = crate::support::edge::Edge::start(&yaml);
    once(edge.address("web"), post("/x", "body")).expect(504);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn an_origin_that_neither_asks_for_the_body_nor_answers_is_504() {
    let origin = Origin::start(|mut conn| {
        conn.head();
        conn.head();
    });
    let yaml = crate::support::farm::single(&origin, "timeouts: { read: 1s },", "");
    let edge = crate::support::edge::Edge::start(&yaml);
    // The client waits as it should: it is not the one who is late.
    let request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    once(edge.address("web"), request).expect(504);
}

#[test]
fn a_switch_nobody_asked_for_is_502() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let origin = Origin::start(move |mut conn| {
        while conn.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            conn.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nMARKER",
            );
        }
    });
    let (_edge, web) = in_front_of(&origin);
    for request in [get("/x"), get("/y").replace("\r\n\r\n", "\r\nUpgrade: websocket\r\n\r\n")] {
        let mut client = Client::connect(web);
        client.send(&request);
        let head = client.wire.head().unwrap().unwrap();
        assert_eq!(head.status(), 502, "{request}");
        let body = client.wire.body(Framing::of_response(&head, "GET")).unwrap();
        assert!(!show(&body).contains("MARKER"));
        // No tunnel: what the client says now is a request or nothing.
        let _ = Wire::send(&mut client.wire, b"GET /tunnelled HTTP/1.1\r\n\r\n");
        let rest = client.wire.rest().unwrap_or_default();
        assert!(!show(&rest).contains("MARKER"), "{}", show(&rest));
    }
    let bytes: Vec<u8> = origin.records().connections.iter().flat_map(|c| c.bytes.clone()).collect();
    assert!(!show(&bytes).contains("/tunnelled"), "{}", show(&bytes));
    assert!(asked.load(Ordering::SeqCst) >= 2);
}
