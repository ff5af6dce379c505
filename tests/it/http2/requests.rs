//! Everything that HTTP/1.1 does, stream by stream.

use super::{Connection, Identity, Response, counted, drive, edge, get, request, upload};
use crate::support::Gate;
use crate::support::edge::{Edge, Keys};
use crate::support::farm::{ONE_PROBE, single, site};
use crate::support::http::answer;
use crate::support::mim::MimNode;
use crate::support::origin::Origin;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use std::future::poll_fn;
use std::sync::Arc;

#[test]
fn a_backend_sees_a_request_of_http11() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| {
        answer(
            "200 OK",
            "X-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: x-hop\r\nX-Hop: 1\r\n",
            b"hello",
        )
    });
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let mut asked = get("/a/b?c=d");
        for (name, value) in [
            ("accept", "*/*"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x-forwarded-for", "6.6.6.6"),
            ("te", "trailers"),
        ] {
            asked.headers_mut().append(name, HeaderValue::from_static(value));
        }
        let response = client.ask(asked).await;
        let response = Response::of(response).await.unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "hello"));
        let cookies: Vec<_> = response.fields.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(response.fields["content-length"], "5");
        assert!(!response.fields.contains_key("connection") && !response.fields.contains_key("x-hop"));
    });
    let head = &origin.requests()[0].head;
    assert_eq!(head.start, "GET /a/b?c=d HTTP/1.1");
    assert_eq!(head.value("host"), Some("edge.test"));
    assert_eq!(head.value("cookie"), Some("a=1; b=2"));
    assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert_eq!(head.value("x-forwarded-host"), Some("edge.test"));
    assert_eq!((head.value("te"), head.value("connection")), (None, None));
}

#[test]
fn what_has_no_body_has_none() {
    let identity = Identity::new();
    let origin = Origin::answering(|request| match request.head.target() {
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".to_vec(),
        "/empty" => answer("200 OK", "", b""),
        _ if request.head.method() == "HEAD" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec(),
        _ => answer("200 OK", "", b"hello"),
    });
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for (method, path, status) in
            [("GET", "/204", 204), ("GET", "/304", 304), ("GET", "/empty", 200), ("HEAD", "/", 200)]
        {
            let response = client.ask(request(method, path)).await;
            let response = Response::of(response).await.unwrap();
            assert_eq!((response.status, response.body.len()), (status, 0), "{method} {path}");
        }
        assert_eq!(client.get("/after").await.text(), "hello", "the connections are in step");
    });
    assert_eq!(origin.records().connections.len(), 1, "and there is only one of them");
}

#[test]
fn interim_responses_pass() {
    let identity = Identity::new();
    let origin = Origin::start(|mut conn| {
        while let Some(head) = conn.head() {
            conn.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
            if head.has_token("expect", "100-continue") {
                conn.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            let Some(request) = conn.body(head) else { return };
            conn.send(answer("200 OK", "", &request.body));
        }
    });
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let mut asked = request("POST", "/x");
        asked.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
        asked.headers_mut().insert("content-length", HeaderValue::from_static("4"));
        let (mut future, stream) = client.begin(asked, false).await;
        let hints = poll_fn(|context| future.poll_informational(context)).await.unwrap().unwrap();
        assert_eq!(
            (hints.status().as_u16(), &hints.headers()["link"]),
            (103, &HeaderValue::from_static("</style.css>"))
        );
        let go_on = poll_fn(|context| future.poll_informational(context)).await.unwrap().unwrap();
        assert_eq!(go_on.status(), 100);
        assert!(upload(stream, Bytes::from_static(b"body")).await);
        assert_eq!(Response::of(future).await.unwrap().text(), "body");
    });
    assert_eq!(origin.requests()[0].head.value("expect"), Some("100-continue"));
}

/// A request's are dropped, as they are in HTTP/1.1: a backend that merges them into the header section would take a
/// client's word for what the edge has just taken out there.
#[test]
fn trailers_pass_to_clients_only() {
    let identity = Identity::new();
    let origin = Origin::start(|mut conn| {
        while let Some(_head) = conn.head() {
            // Up to the empty line behind the last chunk's trailers.
            while !conn.wire.head().unwrap().unwrap().raw.starts_with(b"0\r\n") {}
            conn.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 5\r\nhello\r\n0\r\nX-Sum: 5\r\nSet-Cookie: a=b\r\nGrpc-Status: 0\r\n\r\n",
            );
        }
    });
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let (future, mut stream) = client.begin(request("POST", "/x"), false).await;
        let mut trailers = HeaderMap::new();
        for (name, value) in
            [("x-sum", "7"), ("x-cert-subject", "CN=somebody else"), ("x-forwarded-for", "6.6.6.6")]
        {
            trailers.insert(name, HeaderValue::from_static(value));
        }
        stream.send_trailers(trailers).unwrap();
        let response = Response::of(future).await.unwrap();
        assert_eq!(response.text(), "hello");
        assert!(!response.fields.contains_key("transfer-encoding"));
        let trailers = response.trailers.unwrap();
        let names: Vec<&str> = trailers.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["x-sum", "grpc-status"]);
    });
    let bytes = String::from_utf8_lossy(&origin.records().connections[0].bytes).into_owned();
    assert!(bytes.ends_with("\r\n\r\n0\r\n\r\n"), "{bytes}");
}

#[test]
fn streams_of_one_connection_go_to_different_backends_at_once() {
    let identity = Identity::new();
    let gate = Arc::new(Gate::default());
    let origins = ["one", "two"].map(|name| {
        let gate = gate.clone();
        Origin::answering(move |_| {
            gate.wait();
            answer("200 OK", "", name.as_bytes())
        })
    });
    let pool = |name: &str, origin: &Origin| {
        format!("  {name}: {{ {ONE_PROBE}, nodes: [ {{ node: here, port: {} }} ] }}\n", origin.port(0))
    };
    let edge = Edge::start(&identity.secured(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  here: {{ address: 127.0.0.1 }}\npools:\n{}{}\
         routes:\n  - {{ listener: web, path: /one, pool: one }}\n  - {{ listener: web, path: /two, pool: two }}\n",
        pool("one", &origins[0]),
        pool("two", &origins[1])
    )));
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let mut futures = Vec::new();
        for path in ["/one", "/two", "/one", "/two", "/nowhere"] {
            futures.push(client.ask(get(path)).await);
        }
        // What needs no backend is answered while the others wait.
        assert_eq!(Response::of(futures.pop().unwrap()).await.unwrap().status, 404);
        tokio::task::spawn_blocking({
            let gate = gate.clone();
            move || gate.arrived(4)
        })
        .await
        .unwrap();
        gate.open();
        let mut told = Vec::new();
        for future in futures {
            told.push(Response::of(future).await.unwrap().text());
        }
        assert_eq!(told, ["one", "two", "one", "two"]);
    });
}

#[test]
fn the_persistence_cookie_works() {
    let identity = Identity::new();
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let keys = Keys::new();
    let edge = Edge::start(&identity.secured(&site([(&a, ""), (&b, "")], &keys, ", by: cookie")));
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        // Several users over one connection, as a proxy in front would have them.
        for _ in 0..8 {
            let first = client.get("/").await;
            let cookie = first.fields["set-cookie"].to_str().unwrap();
            assert!(cookie.contains("Secure"), "{cookie}");
            let pair = cookie.split(';').next().unwrap();
            let home = first.fields["x-node"].clone();
            for crumb in [None, Some("other=1")] {
                let mut again = get("/");
                for crumb in crumb.into_iter().chain([pair]) {
                    again.headers_mut().append("cookie", HeaderValue::from_str(crumb).unwrap());
                }
                let again = client.ask(again).await;
                assert_eq!(Response::of(again).await.unwrap().fields["x-node"], home);
            }
        }
    });
    for _ in 0..16 {
        edge.next_request(|entry| entry["outcome"] == "persisted");
    }
}

#[test]
fn the_source_address_is_the_connections() {
    let identity = Identity::new();
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let yaml = site([(&a, ""), (&b, "")], &Keys::new(), "");
    let (head, tail) = yaml.split_once("  site: { cookie:").unwrap();
    let (_, tail) = tail.split_once('\n').unwrap();
    let edge = Edge::start(&identity.secured(&format!("{head}  site: {{ by: source_ip }}\n{tail}")));
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let home = client.get("/").await.fields["x-node"].clone();
        for _ in 0..10 {
            assert_eq!(client.get("/").await.fields["x-node"], home);
        }
    });
    let entry = edge.next_request(|entry| entry["outcome"] == "persisted");
    assert_eq!(entry["key"], "127.0.0.1");
}

#[test]
fn an_upload_that_is_too_large_gets_its_answer() {
    let identity = Identity::new();
    let origin = Origin::answering(|request| answer("200 OK", "", request.body.len().to_string().as_bytes()));
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, max_body: 100KiB }");
    let edge = Edge::start(&identity.secured(&yaml));
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for length in [Some("1000000"), None] {
            let mut asked = request("POST", "/x");
            if let Some(length) = length {
                asked.headers_mut().insert("content-length", HeaderValue::from_static(length));
            }
            let (future, stream) = client.begin(asked, false).await;
            let uploading = tokio::spawn(upload(stream, Bytes::from(vec![7; 1_000_000])));
            assert_eq!(Response::of(future).await.unwrap().status, 413, "{length:?}");
            assert!(!uploading.await.unwrap(), "the rest is not wanted");
        }
        let (future, stream) = client.begin(request("POST", "/x"), false).await;
        assert!(upload(stream, Bytes::from(vec![7; 90_000])).await);
        assert_eq!(Response::of(future).await.unwrap().text(), "90000");
    });
    counted(&edge, "refused_requests_total", &[("reason", "body_too_large")], 2.0);
}

#[test]
fn a_name_of_another_site_costs_the_stream_and_not_the_connection() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        let other = Request::builder().uri("https://other.test/").body(()).unwrap();
        let response = client.ask(other).await;
        assert_eq!(Response::of(response).await.unwrap().status, 421);
        assert_eq!(client.get("/x").await.status, 200);
    });
}

#[test]
fn the_head_is_one_of_http11_whatever_it_holds() {
    let identity = Identity::new();
    let origin = Origin::answering(|request| answer("200 OK", "", request.head.start.as_bytes()));
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for (method, target, start) in [
            ("GET", "https://edge.test", "GET / HTTP/1.1"),
            ("PROPFIND", "https://EDGE.test:443/a%20b?a=?b", "PROPFIND /a%20b?a=?b HTTP/1.1"),
        ] {
            let asked = Request::builder().method(method).uri(target).body(()).unwrap();
            let response = client.ask(asked).await;
            assert_eq!(Response::of(response).await.unwrap().text(), start);
        }
    });
}
