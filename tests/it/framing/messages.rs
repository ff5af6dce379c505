//! Good messages of every shape pass, and only what belongs to one connection is taken off or put on.

use super::in_front_of;
use crate::support::client::{Client, get, once, once_from, through_ipv4};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::{Framing, answer};
use crate::support::origin::{Origin, Request};

/// Tells in its body what it got.
fn echo() -> Origin {
    Origin::answering(|request| {
        let body = [request.head.start.as_bytes(), b"|", &request.body].concat();
        answer("200 OK", "", &body)
    })
}

fn last(origin: &Origin) -> Request {
    origin.requests().pop().expect("a request")
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = echo();
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    let chunked = "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    let length = "POST /4 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    client.send([&get("/1"), &get("/2"), chunked, length, &get("/5")].concat());
    for expected in [
        "GET /1 HTTP/1.1|",
        "GET /2 HTTP/1.1|",
        "POST /3 HTTP/1.1|body",
        "POST /4 HTTP/1.1|body",
        "GET /5 HTTP/1.1|",
    ] {
        assert_eq!(client.response().expect(200).text(), expected);
    }
}

#[test]
fn a_request_may_come_in_any_pieces() {
    let origin = echo();
    let (_edge, web) = in_front_of(&origin);
    let request = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                   4\r\nbody\r\n00a\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n";
    let mut client = Client::connect(web);
    for byte in request.as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.response().expect(200).text(), "POST /x HTTP/1.1|body0123456789");
    // And everything at once with the beginning of the next.
    client.send(format!("{request}GET /n"));
    assert_eq!(client.response().expect(200).text(), "POST /x HTTP/1.1|body0123456789");
    client.send("ext HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(client.response().expect(200).text(), "GET /next HTTP/1.1|");
}

#[test]
fn chunked_responses_pass_in_any_pieces() {
    let body =
        "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n00A;ext=1\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n";
    let origin = Origin::start(move |mut conn| {
        while let Some(request) = conn.request() {
            let whole = format!("HTTP/1.1 200 OK\r\n{body}");
            match request.head.target() {
                "/bytes" => whole.as_bytes().iter().for_each(|byte| conn.send([*byte])),
                _ => conn.send(whole),
            }
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for path in ["/bytes", "/whole", "/bytes"] {
        let response = client.exchange(get(path)).expect(200);
        assert_eq!((response.text().as_str(), response.framing), ("body0123456789", Framing::Chunked));
    }
    assert_eq!(origin.records().connections.len(), 1);
}

#[test]
fn a_response_that_ends_with_the_connection() {
    let origin = Origin::start(|mut conn| {
        if conn.request().is_some() {
            conn.send("HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nuntil the end");
        }
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    // Passed on the same way, or as chunks over a connection that stays: the client can tell the end.
    let response = client.exchange(get("/x")).expect(200);
    assert_eq!(response.text(), "until the end");
    if response.framing == Framing::Close {
        client.expect_closed();
    }
    let old = once(web, "GET /x HTTP/1.0\r\nHost: h\r\n\r\n").expect(200);
    assert_eq!((old.text().as_str(), old.framing), ("until the end", Framing::Close));
}

#[test]
fn an_http_1_0_client_understands_everything() {
    let origin = Origin::answering(|request| match request.head.target() {
        "/chunked" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n".to_vec(),
        _ => answer("200 OK", "", b"body"),
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    let response = client.exchange("GET /chunked HTTP/1.0\r\nHost: h\r\n\r\n").expect(200);
    assert_eq!((response.text().as_str(), response.framing), ("body", Framing::Close));
    assert!(response.head.value("transfer-encoding").is_none());
    client.expect_closed();

    let mut client = Client::connect(web);
    client.exchange("GET /length HTTP/1.0\r\nHost: h\r\n\r\n").expect(200);
    client.expect_closed();

    let mut client = Client::connect(web);
    for _ in 0..3 {
        let ask = "GET /length HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
        let response = client.exchange(ask).expect(200);
        assert_eq!(response.framing, Framing::Length(4));
        assert!(response.head.has_token("connection", "keep-alive"), "{response:?}");
    }
    let ask = "GET /chunked HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(client.exchange(ask).expect(200).framing, Framing::Close);
    client.expect_closed();
    let starts: Vec<String> = origin.requests().into_iter().map(|r| r.head.start).collect();
    assert!(starts.iter().all(|start| start.ends_with("HTTP/1.1")), "{starts:?}");
}

#[test]
fn responses_without_a_body_leave_the_connection_usable() {
    let origin = Origin::answering(|request| match request.head.target() {
        "/204" => b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 500\r\n\r\n".to_vec(),
        _ if request.head.method() == "HEAD" => b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_vec(),
        _ => answer("200 OK", "", b"body"),
    });
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for _ in 0..2 {
        client.send(get("/x").replacen("GET", "HEAD", 1));
        let head = client.response_to("HEAD").expect(200);
        assert_eq!(head.head.value("content-length"), Some("500"));
        assert_eq!(client.exchange(get("/204")).expect(204).framing, Framing::Empty);
        assert_eq!(client.exchange(get("/304")).expect(304).head.value("etag"), Some("\"x\""));
        assert_eq!(client.exchange(get("/x")).expect(200).text(), "body");
    }
    assert_eq!(origin.records().connections.len(), 1);
}

#[test]
fn forwarded_headers_tell_the_client_and_nobody_else_does() {
    let origin = echo();
    let (_edge, web) = in_front_of(&origin);
    let lies = "X-Forwarded-For: 10.1.1.1\r\nx-forwarded-for: 10.1.1.2\r\nX-Forwarded-Proto: https\r\n\
                X-Forwarded-Host: evil.test\r\n";
    for lies in ["", lies] {
        once_from("127.0.0.77", web, format!("GET / HTTP/1.1\r\nHost: mim.test:5725\r\n{lies}\r\n"))
            .expect(200);
        let head = last(&origin).head;
        assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.77"));
        assert_eq!(head.value("x-forwarded-proto"), Some("http"));
        assert_eq!(head.value("x-forwarded-host"), Some("mim.test:5725"));
        assert_eq!(head.value("host"), Some("mim.test:5725"));
        assert_eq!(head.value("via"), None, "http.sys would ask for credentials every time");
    }
}

#[test]
fn no_spelling_of_a_forwarding_header_passes() {
    let origin = echo();
    let (_edge, web) = in_front_of(&origin);
    let names = [
        "x_forwarded_for",
        "X_Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Forwarded-Ssl",
        "Forwarded",
        "X-Real-IP",
        "x_real_ip",
        "X-Client-IP",
        "X-Original-URL",
        "X-Rewrite-URL",
        "True-Client-IP",
        "Front-End-Https",
    ];
    let lies: String = names.map(|name| format!("{name}: 6.6.6.6\r\n")).concat();
    once(web, format!("GET / HTTP/1.1\r\nHost: h\r\n{lies}X-Forward: mine\r\n\r\n")).expect(200);
    let head = last(&origin).head;
    assert!(head.headers.iter().all(|(_, value)| value != "6.6.6.6"), "{head:?}");
    assert_eq!(head.value("x-forward"), Some("mine"));
}

#[test]
fn a_request_without_a_host_gets_the_address_it_came_to() {
    let origin = echo();
    let yaml = single(&origin, "", "").replace("127.0.0.1:0", "0.0.0.0:0");
    let edge = Edge::start(&yaml);
    let web = through_ipv4(edge.address("web"));
    once(web, "GET / HTTP/1.0\r\n\r\n").expect(200);
    assert_eq!(last(&origin).head.value("host"), Some(web.to_string().as_str()));
}

#[test]
fn hop_by_hop_headers_stay_on_their_connection() {
    let origin = Origin::answering(|_| {
        let hop = "Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                   Proxy-Connection: keep-alive\r\nX-End: 2\r\n";
        answer("200 OK", hop, b"ok")
    });
    let (_edge, web) = in_front_of(&origin);
    let response = once(
        web,
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Drop, TE\r\nX-Drop: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: keep-alive\r\nTE: trailers\r\nX-Keep: 2\r\nAuthorization: Basic eA==\r\n\r\n",
    );
    let response = response.expect(200);
    let arrived = last(&origin).head;
    for name in ["x-drop", "keep-alive", "proxy-connection", "te", "upgrade"] {
        assert_eq!(arrived.value(name), None, "{arrived:?}");
    }
    assert!(!arrived.has_token("connection", "x-drop"));
    assert_eq!(arrived.value("x-keep"), Some("2"));
    assert_eq!(arrived.value("authorization"), Some("Basic eA=="));
    assert_eq!(response.head.value("x-hop"), None, "{response:?}");
    assert!(!response.head.has_token("connection", "x-hop"));
    assert_eq!(response.head.value("proxy-connection"), None);
    assert_eq!(response.head.value("x-end"), Some("2"));
}

#[test]
fn a_connection_header_cannot_take_away_what_is_meant_for_everyone() {
    let origin = echo();
    let (_edge, web) = in_front_of(&origin);
    for name in ["Host", "Content-Length", "Cookie", "X-Forwarded-For"] {
        let mut client = Client::connect(web);
        let named = format!("Connection: {name}\r\nCookie: a=1\r\n");
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\n{named}Content-Length: 4\r\n\r\nbody"));
        client.response().expect(400);
        client.expect_closed();
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn targets_and_values_pass_unchanged() {
    let origin = echo();
    let (_edge, web) = in_front_of(&origin);
    let mut client = Client::connect(web);
    for target in [
        "/",
        "/a/",
        "//a",
        "/a//b/",
        "/a/./b",
        "/a/../b",
        "/a%2Fb",
        "/a%2fb",
        "/%7Euser",
        "/a;b=c",
        "/a?b=c&d",
        "/a?",
        "/a??",
        "/a?b=../c",
        "/a%20b",
        "/a+b",
        "/?q=%C3%A4",
        "/a|b",
        "/(a)",
        "/a:b@c",
        "/IdentityManagement/aspx/users/AllPersons.aspx",
    ] {
        let text = client.exchange(get(target)).expect(200).text();
        assert_eq!(text, format!("GET {target} HTTP/1.1|"));
    }
    let options = client.exchange("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").expect(200);
    assert_eq!(options.text(), "OPTIONS * HTTP/1.1|");
    let absolute = client.exchange("GET http://h/x?y HTTP/1.1\r\nHost: h\r\n\r\n").expect(200);
    assert_eq!(absolute.text(), "GET /x?y HTTP/1.1|");
    for method in ["PUT", "DELETE", "PATCH", "PROPFIND", "M-SEARCH"] {
        let response = client.exchange(get("/x").replacen("GET", method, 1)).expect(200);
        assert_eq!(response.text(), format!("{method} /x HTTP/1.1|"));
    }

    let odd =
        "X-Empty: \r\nX-Latin: caf\u{e9}\r\nX-Blanks:  a  b \t\r\nx-CASE: Yes\r\nX-Two: 1\r\nX-Two: 2\r\n";
    let bytes: Vec<u8> =
        format!("GET /x HTTP/1.1\r\nHost: h\r\n{odd}\r\n").chars().map(|c| c as u8).collect();
    client.exchange(bytes).expect(200);
    let head = last(&origin).head;
    assert_eq!(head.value("x-empty"), Some(""));
    assert_eq!(head.value("x-latin"), Some("caf\u{e9}"));
    assert_eq!(head.value("x-blanks"), Some("a  b"));
    assert_eq!(head.values("x-two"), ["1", "2"]);
    assert!(head.headers.iter().any(|(name, _)| name == "x-CASE"), "names keep their case: {head:?}");
}

#[test]
fn response_heads_pass_unchanged() {
    let lines = "Server: Microsoft-IIS/10.0\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n\
                 X-AspNet: caf\u{e9}\r\nx-CASE: Yes\r\nDate: Sat, 21 Nov 2026 23:28:27 GMT\r\nX-Empty: \r\n";
    let origin = Origin::answering(move |_| {
        let text = format!("HTTP/1.1 299 Quite odd\r\n{lines}Content-Length: 2\r\n\r\nok");
        text.chars().map(|c| c as u8).collect()
    });
    let (_edge, web) = in_front_of(&origin);
    let response = once(web, get("/x"));
    assert_eq!(response.head.start, "HTTP/1.1 299 Quite odd");
    let expected: Vec<(&str, &str)> =
        lines.lines().map(|line| line.split_once(':').map(|(n, v)| (n, v.trim())).unwrap()).collect();
    let mut found: Vec<(&str, &str)> =
        response.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    found.retain(|(name, _)| !["content-length", "connection"].contains(&name.to_lowercase().as_str()));
    assert_eq!(found, expected);
}

/// Readers that know no tabs, compare case or take zeros for octal must find the same end.
#[test]
fn what_delimits_a_response_is_spelled_in_one_way() {
    for (came, body, sent) in [
        ("Content-Length:\t2", "ok", "Content-Length: 2"),
        ("Content-Length: 2 \t", "ok", "Content-Length: 2"),
        ("content-length:0010", "ok________", "Content-Length: 10"),
        ("Content-Length: 000", "", "Content-Length: 0"),
        ("content-length: 2", "ok", "content-length: 2"),
        ("Transfer-Encoding:\tchunked", "2\r\nok\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        ("transfer-encoding: Chunked", "2\r\nok\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        ("transfer-encoding: chunked", "2\r\nok\r\n0\r\n\r\n", "transfer-encoding: chunked"),
    ] {
        let origin = Origin::answering(move |_| {
            format!("HTTP/1.1 200 OK\r\n{came}\r\nX-A: b\r\n\r\n{body}").into_bytes()
        });
        let (_edge, web) = in_front_of(&origin);
        let raw = once(web, get("/x")).expect(200).head.raw;
        let head = String::from_utf8(raw).unwrap();
        assert!(head.contains(&format!("\r\n{sent}\r\n")), "{came}: {head}");
        assert!(sent.starts_with(came) || !head.contains(came), "{came}: {head}");
        // HEAD has the line and no body.
        let mut client = Client::connect(web);
        client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
        let head = String::from_utf8(client.response_to("HEAD").expect(200).head.raw).unwrap();
        assert!(head.contains(&format!("\r\n{sent}\r\n")), "{came}: {head}");
    }
}
