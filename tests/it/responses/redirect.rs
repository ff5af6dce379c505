//! From plain HTTP to TLS.

use super::{Folder, configured};
use crate::support::client::{Client, once, once_from};
use crate::support::edge::Edge;
use crate::support::http::answer;
use crate::support::origin::Origin;

fn site() -> Origin {
    Origin::answering(|request| {
        let start = format!("{} {}", request.head.start, String::from_utf8_lossy(&request.body));
        answer("200 OK", "", start.as_bytes())
    })
}

fn redirecting(folder: &Folder, origin: &Origin) -> Edge {
    Edge::start(&configured(
        &[("plain", ""), ("standard", ""), ("web", &folder.tls())],
        &[("site", origin, "")],
        &[
            "listener: plain, redirect: { https: 8443 }, response_headers: { remove: [Cache-Control] }",
            "listener: standard, redirect: https, response_headers: { set: { Cache-Control: max-age=60 } }",
            "listener: web, pool: site",
        ],
    ))
}

#[test]
fn clients_follow_to_tls() {
    let (folder, origin) = (Folder::new(), site());
    let edge = redirecting(&folder, &origin);
    let (plain, tls) = (edge.address("plain"), edge.address("web"));
    let url = "http://mim.test/a/b%20c?d=%2f..";
    for (arguments, expected) in [
        (&["-L"][..], "GET /a/b%20c?d=%2f.. HTTP/1.1 "),
        (&["-L", "--data", "x=1"], "POST /a/b%20c?d=%2f.. HTTP/1.1 x=1"),
        (&["-L", "-X", "PUT", "--data", "y"], "PUT /a/b%20c?d=%2f.. HTTP/1.1 y"),
    ] {
        assert_eq!(folder.curl(plain, tls, &[arguments, &[url]].concat()), expected);
    }
    let head = folder.curl(plain, tls, &["-L", "--head", url]);
    assert!(head.starts_with("HTTP/1.1 301 Moved Permanently\r\n"), "{head}");
    assert!(head.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(origin.requests().len(), 4, "nothing went by plain HTTP");
}

#[test]
fn a_redirect_keeps_the_host_and_the_target_and_nothing_else() {
    let (folder, origin) = (Folder::new(), site());
    let edge = redirecting(&folder, &origin);
    let mut client = Client::connect(edge.address("plain"));
    let mut standard = Client::connect(edge.address("standard"));
    for (target, host, location) in [
        ("/", "mim.test", "mim.test:8443/"),
        ("/x?y=z", "mim.test:8080", "mim.test:8443/x?y=z"),
        ("/x", "MIM.test.", "MIM.test.:8443/x"),
        ("/x", "10.0.0.1:80", "10.0.0.1:8443/x"),
        ("/x", "[2001:db8::1]:80", "[2001:db8::1]:8443/x"),
        ("//evil.test/x", "mim.test", "mim.test:8443//evil.test/x"),
        ("/\\evil.test", "mim.test", "mim.test:8443/\\evil.test"),
        ("/@evil.test", "mim.test", "mim.test:8443/@evil.test"),
        ("/x?u=%0d%0aSet-Cookie:a=b", "mim.test", "mim.test:8443/x?u=%0d%0aSet-Cookie:a=b"),
        ("http://mim.test/abs?q", "mim.test", "mim.test:8443/abs?q"),
        ("http://mim.test?q", "mim.test", "mim.test:8443/?q"),
    ] {
        for (client, port) in [(&mut client, ":8443"), (&mut standard, "")] {
            let location = format!("https://{}", location.replace(":8443", port));
            for (method, body, status) in [("GET", "", 301), ("POST", "body", 308), ("HEAD", "", 301)] {
                let length = body.len();
                client.send(format!(
                    "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
                ));
                let response = client.response_to(method).expect(status);
                assert_eq!(response.head.value("location"), Some(&*location), "{method} {target} at {host}");
                assert_eq!(response.head.value("cache-control"), Some("no-store"));
                assert!(response.head.value("connection").is_none(), "the connection goes on");
                let id = response.head.value("x-request-id").unwrap();
                let entry = edge.next_request(|entry| entry["request_id"] == id);
                assert_eq!((&entry["status"], &entry["failure"]), (&status.into(), &serde_json::Value::Null));
                assert_eq!(response.body.is_empty(), method == "HEAD");
            }
        }
    }
    assert!(origin.requests().is_empty());
    let labels = [("listener", "plain"), ("status", "301")];
    let told = edge.metrics();
    assert_eq!(told.find("request_failures_total", &[]).unwrap_or_default(), 0.0, "{labels:?}");
}

#[test]
fn what_is_no_host_is_never_said_again() {
    let (folder, origin) = (Folder::new(), site());
    let edge = redirecting(&folder, &origin);
    for host in [
        "",
        "a b",
        "evil.test/path",
        "evil.test?x",
        "evil.test#x",
        "user@evil.test",
        "evil.test\\x",
        "a,b",
        "<script>",
        "evil.test:80:80",
        "evil.test:x",
        "evil.test:99999",
        "[::1",
        "[evil.test]",
        "%65vil.test",
        "\"evil\"",
        "a;b",
        "evil.test\t.x",
        "http://evil.test",
    ] {
        let response =
            once(edge.address("plain"), format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(400);
        assert!(response.head.value("location").is_none(), "{host}");
        assert!(!response.text().contains("evil"), "{host}: {response:?}");
    }
    for request in [
        "GET /x HTTP/1.0\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",
        "GET http://evil.test/x HTTP/1.1\r\nHost: mim.test\r\n\r\n",
        "GET /%0d%0aLocation:%20https://evil.test HTTP/1.1\r\nHost: mim.test\r\n\r\n",
    ] {
        let response = once(edge.address("plain"), request).expect(400);
        assert!(response.head.value("location").is_none(), "{request}");
    }
    let entry = edge.next_request(|entry| entry["failure"] == "no_host" && !entry["route"].is_null());
    assert_eq!(entry["status"], 400, "HTTP/1.0 has a route: {entry}");
    once(edge.address("plain"), "OPTIONS * HTTP/1.1\r\nHost: mim.test\r\n\r\n").expect(404);
    // Of HTTP/1.0 with a host, the connection ends.
    let mut old = Client::connect(edge.address("plain"));
    let response = old.exchange("GET /x HTTP/1.0\r\nHost: mim.test\r\n\r\n").expect(301);
    assert_eq!(response.head.value("location"), Some("https://mim.test:8443/x"));
    old.expect_closed();
}

#[test]
fn a_body_that_is_not_there_yet_ends_the_connection() {
    let (folder, origin) = (Folder::new(), site());
    let edge = redirecting(&folder, &origin);
    let mut client = Client::connect(edge.address("plain"));
    client.send("POST /x HTTP/1.1\r\nHost: mim.test\r\nContent-Length: 10\r\n\r\nbo");
    let response = client.response().expect(308);
    assert_eq!(response.head.value("connection"), Some("close"));
    client.expect_closed();
}

#[test]
fn whoever_speaks_tls_with_a_trusted_proxy_already_is_not_led_in_a_circle() {
    let trusting = "client_header: X-Forwarded-For, trusted_proxies: [ 127.0.0.1 ]";
    let origin = site();
    let edge = Edge::start(&configured(
        &[("plain", trusting)],
        &[("site", &origin, "")],
        &["listener: plain, redirect: https", "listener: plain, path: /site, pool: site"],
    ));
    for (from, scheme, status) in
        [("127.0.0.1", "http", 301), ("127.0.0.1", "https", 421), ("127.0.0.9", "https", 301)]
    {
        let request = format!("GET /x HTTP/1.1\r\nHost: mim.test\r\nX-Forwarded-Proto: {scheme}\r\n\r\n");
        let response = once_from(from, edge.address("plain"), request).expect(status);
        assert_eq!(response.head.value("location").is_some(), status == 301, "{from} {scheme}");
        if status == 421 {
            let entry = edge.next_request(|entry| entry["status"] == 421);
            assert_eq!(entry["failure"], "scheme_disagrees");
        }
    }
}
