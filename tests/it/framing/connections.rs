//! How long connections live on both sides.

use super::in_front_of;
use crate::support::client::{Client, get, once, post};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;

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
