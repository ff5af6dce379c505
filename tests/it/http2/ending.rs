//! How streams and connections end, from either side.

use super::{Connection, Identity, Response, counted, drive, edge, get, request};
use crate::support::Gate;
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use bytes::Bytes;
use h2::Reason;
use rustix::process::Signal;
use std::sync::Arc;

/// Waits on a thread of its own for something a stand-in sees.
async fn aside<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(wait).await.unwrap()
}

#[test]
fn a_client_that_resets_stops_the_backends_work() {
    let identity = Identity::new();
    let origin = Arc::new(Origin::start(|mut conn| {
        while let Some(head) = conn.head() {
            match head.target() {
                "/silent" => {}
                "/half" => conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
                _ => conn.send(answer("200 OK", "", b"ok")),
            }
        }
    }));
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for (number, path) in ["/silent", "/half", "/upload"].into_iter().enumerate() {
            let ends = path != "/upload";
            let (future, mut stream) =
                client.begin(request("POST", if ends { path } else { "/silent" }), ends).await;
            if !ends {
                stream.send_data(Bytes::from_static(b"some"), false).unwrap();
            }
            let seen = origin.clone();
            aside(move || {
                seen.wait("the request", |records| (records.connections.len() > number).then_some(()));
            })
            .await;
            if path == "/half" {
                let mut body = future.await.unwrap().into_body();
                assert_eq!(body.data().await.unwrap().unwrap(), "half");
            }
            stream.send_reset(Reason::CANCEL);
            let seen = origin.clone();
            aside(move || {
                seen.wait("the end of the connection", |records| {
                    records.connections[number].closed.then_some(())
                });
            })
            .await;
        }
        assert_eq!(client.get("/after").await.status, 200, "the connection goes on");
    });
    counted(&edge, "request_failures_total", &[("reason", "client_gone")], 3.0);
}

#[test]
fn a_backend_that_breaks_off_is_an_error_and_no_end() {
    let identity = Identity::new();
    let origin = Origin::start(|mut conn| {
        let Some(head) = conn.head() else { return };
        match head.target() {
            "/length" => conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            "/chunked" => conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
            "/broken" => {
                conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nwhat\r\n")
            }
            "/whole" => conn.send("HTTP/1.1 200 OK\r\n\r\nhalf"),
            _ => {
                conn.send("HTTP/1.1 200 OK\r\n\r\nhalf");
                conn.head();
            }
        }
    });
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for path in ["/length", "/chunked", "/broken"] {
            // The reset may overtake all of it.
            let error = Response::of(client.ask(get(path)).await).await.unwrap_err();
            assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR), "{path}");
        }
        assert_eq!(client.get("/whole").await.text(), "half", "to the end of the connection");
    });
}

#[test]
fn requests_in_flight_are_answered_after_the_stop() {
    let identity = Identity::new();
    let gate = Arc::new(Gate::default());
    let inside = gate.clone();
    let origin = Origin::answering(move |_| {
        inside.wait();
        answer("200 OK", "", b"late")
    });
    let mut edge = edge(&identity, &origin, "", "shutdown: { grace: 10m }\n");
    drive(async {
        let mut idle = Connection::open(&identity, edge.address("web")).await;
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let (one, two) = (client.ask(get("/1")).await, client.ask(get("/2")).await);
        let arrived = gate.clone();
        aside(move || arrived.arrived(2)).await;
        edge.signal(Signal::TERM);
        idle.over.await.unwrap().expect("an orderly end");
        let gone = std::future::poll_fn(|context| idle.send.poll_ready(context)).await;
        assert!(gone.is_err(), "nothing more is taken");
        // The client is told while it waits.
        while std::future::poll_fn(|context| client.send.poll_ready(context)).await.is_ok() {
            tokio::task::yield_now().await;
        }
        gate.open();
        assert_eq!(Response::of(one).await.unwrap().text(), "late");
        assert_eq!(Response::of(two).await.unwrap().text(), "late");
        client.over.await.unwrap().expect("an orderly end");
    });
    assert_eq!(edge.wait_exit().code(), Some(0));
}

#[test]
fn a_connection_serves_so_many_requests_and_no_more() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "limits: { requests_per_connection: 5 }\n");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for _ in 0..5 {
            assert_eq!(client.get("/x").await.status, 200);
        }
        client.over.await.unwrap().expect("an orderly end");
    });
    assert_eq!(origin.requests().len(), 5);
}

#[test]
fn an_idle_connection_ends_in_order() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let yaml = single(&origin, "", "limits: { header_timeout: 2s }\n")
        .replace("bind: \"127.0.0.1:0\"", "bind: \"127.0.0.1:0\", keepalive: 1s");
    let edge = Edge::start(&identity.secured(&yaml));
    drive(async {
        let mut used = Connection::open(&identity, edge.address("web")).await;
        let unused = Connection::open(&identity, edge.address("web")).await;
        assert_eq!(used.get("/x").await.status, 200);
        used.over.await.unwrap().expect("an orderly end");
        unused.over.await.unwrap().expect("an orderly end");
    });
}

#[test]
fn a_client_that_goes_takes_its_requests_along() {
    let identity = Identity::new();
    let origin = Arc::new(Origin::start(|mut conn| while conn.head().is_some() {}));
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let _futures = [client.ask(get("/1")).await, client.ask(get("/2")).await];
        let seen = origin.clone();
        aside(move || seen.wait("both", |records| (records.connections.len() == 2).then_some(()))).await;
        client.over.abort();
        let seen = origin.clone();
        aside(move || {
            seen.wait("both ends", |records| records.connections.iter().all(|c| c.closed).then_some(()));
        })
        .await;
    });
    counted(&edge, "request_failures_total", &[("reason", "client_gone")], 2.0);
    counted(&edge, "downstream_connections_total", &[], 1.0);
}
