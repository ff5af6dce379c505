//! How long connections live on both sides.

use super::in_front_of;
use crate::support::client::{Client, get, once, post};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use crate::support::{Gate, PATIENCE};
use std::sync::Arc;
use std::time::Instant;

#[test]
fn an_upstream_connection_is_reused() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for n in 0..10 {
        let request = if n % 2 == 0 { get("/x") } else { post("/x", "body") };
        client.exchange(request).expect(200);
    }
    assert_eq!(origin.records().connections.len(), 1);
    // Nothing is closed when the client goes: the connection serves the next one on that worker.
    drop(client);
    for _ in 0..20 {
        once(web, get("/x")).expect(200);
    }
    let connections = origin.records().connections.len();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(connections <= workers, "{connections} connections for one request at a time");
}

#[test]
fn connection_close_is_honoured_in_both_directions() {
    let origin = Origin::answering(|request| match request.head.target() {
        "/last" => answer("200 OK", "Connection: close\r\n", b"ok"),
        _ => answer("200 OK", "", b"ok"),
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send(
        "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let response = client.response().expect(200);
    assert!(response.head.has_token("connection", "close"), "{response:?}");
    client.expect_closed();

    // The origin's `close` is between it and the edge.
    let mut client = Client::connect(web);
    client.exchange(get("/last")).expect(200);
    client.exchange(get("/x")).expect(200);
    let targets: Vec<String> = origin.requests().iter().map(|r| r.head.target().to_owned()).collect();
    assert_eq!(targets, ["/x", "/last", "/x"]);
    let by: Vec<usize> = origin.requests().iter().map(|r| r.connection).collect();
    assert_ne!(by[1], by[2], "the connection that was to close is not used again");
}

#[test]
fn a_line_end_behind_a_last_body_resets_nothing() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let (_edge, web) = in_front_of(&origin);
    for version in ["1.1", "1.0"] {
        let mut client = Client::connect(web);
        client.send(format!(
            "POST /x HTTP/{version}\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
        ));
        client.response().expect(200);
        client.send("\r\n");
        client.expect_closed();
    }
}

#[test]
fn a_client_may_close_its_sending_side_and_read_on() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    client.send(get("/x"));
    client.finish();
    client.response().expect(200);
    client.expect_closed();
}

#[test]
fn requests_per_connection_are_limited() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = Edge::start(&single(&origin, "", "limits: { requests_per_connection: 3 }\n"));
    let mut client = Client::connect(edge.address("web"));
    for n in 1..=3 {
        let response = client.exchange(get("/x")).expect(200);
        assert_eq!(response.head.has_token("connection", "close"), n == 3, "request {n}: {response:?}");
    }
    client.expect_closed();
}

#[test]
fn an_idle_client_is_told_goodbye_by_closing() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let yaml = single(&origin, "", "").replace("\"127.0.0.1:0\"", "\"127.0.0.1:0\", keepalive: 1s");
    let edge = Edge::start(&yaml);
    let mut client = Client::connect(edge.address("web"));
    client.exchange(get("/x")).expect(200);
    client.expect_closed();
}

/// Sends no answer until the gate opens: to `/stalls` half of one, to `/served` a whole one at once.
fn silent(gate: &Arc<Gate>) -> Origin {
    let held = gate.clone();
    Origin::start(move |mut conn| {
        while let Some(head) = conn.head() {
            match head.target() {
                "/served" => conn.send(answer("200 OK", "", b"ok")),
                "/stalls" => {
                    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
                    return held.wait();
                }
                _ => return held.wait(),
            }
        }
    })
}

#[test]
fn clients_that_are_gone_free_their_places() {
    let long = format!("GET /silent HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
    let ways = [
        ("a short request", get("/silent")),
        ("a long head", long),
        ("a body", post("/silent", &"a".repeat(10_000))),
        ("a request behind", get("/silent").repeat(2)),
        ("half a body", "POST /silent HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\na".to_owned()),
        ("half a response", get("/stalls")),
        (
            "half a response to half a body",
            "POST /stalls HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\na".to_owned(),
        ),
    ];
    for (what, request) in ways {
        let gate = Arc::new(Gate::default());
        let origin = silent(&gate);
        let edge = Edge::start(&single(&origin, "timeouts: { read: 10m },", "limits: { connections: 3 }\n"));
        let web = edge.address("web");
        let clients: Vec<Client> = (0..3)
            .map(|_| {
                let mut client = Client::connect(web);
                client.send(&request);
                client
            })
            .collect();
        gate.arrived(3);
        Client::connect(web).expect_closed();
        for mut client in clients {
            if request.contains("/stalls ") {
                client.wire.head().unwrap().unwrap();
                client.wire.exactly(4).unwrap();
            }
            client.reset();
        }
        for _ in 0..3 {
            let entry = edge.next_request(|_| true);
            assert_eq!(entry["failure"], "client_gone", "{what}: {entry}");
        }
        // The line is written just before the place is free.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut client = Client::connect(web);
            if client.wire.send(get("/served").as_bytes()).is_ok()
                && client.try_response("GET").is_ok_and(|response| response.status() == 200)
            {
                break;
            }
            assert!(Instant::now() < deadline, "{what}: the places are never free again");
        }
        gate.open();
    }
}

#[test]
fn only_payload_counts_towards_the_largest_body() {
    let origin = Origin::answering(|request| answer("200 OK", "", request.body.len().to_string().as_bytes()));
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, max_body: 1KiB }");
    let edge = Edge::start(&yaml);
    let head = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = |count: usize| format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(count));
    let mut client = Client::connect(edge.address("web"));
    // With the head, and after the origin has begun to read.
    assert_eq!(client.exchange(format!("{head}{}", chunks(1024))).expect(200).text(), "1024");
    client.send(head.replace("Host", "Expect: 100-continue\r\nHost"));
    assert_eq!(client.wire.head().unwrap().unwrap().status(), 100);
    assert_eq!(client.exchange(chunks(1024)).expect(200).text(), "1024");
    client.exchange(format!("{head}{}", chunks(1025))).expect(413);
}

#[test]
fn a_body_larger_than_the_route_takes_is_413() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, max_body: 1KiB }");
    let edge = Edge::start(&yaml);
    let web = edge.address("web");
    once(web, post("/x", &"a".repeat(1024))).expect(200);
    let mut client = Client::connect(web);
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1025\r\n\r\n");
    client.response().expect(413);
    assert_eq!(origin.requests().len(), 1);
    // A chunked body tells its size only as it comes.
    let mut client = Client::connect(web);
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    client.send(format!(
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    ));
    client.response().expect(413);
    assert_eq!(origin.requests().len(), 1, "no whole request arrived");
}
