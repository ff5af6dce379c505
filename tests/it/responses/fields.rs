//! Fields that a route takes out of responses and sets in them.

use super::{Folder, configured};
use crate::support::client::{Client, Response};
use crate::support::edge::{Edge, Keys};
use crate::support::http::{Framing, answer};
use crate::support::origin::Origin;

const RULES: &str = "response_headers: { remove: [server, X-Powered-By, X-AspNet-Version], \
                     set: { X-Frame-Options: SAMEORIGIN, X-Content-Type-Options: nosniff } }";

/// What a SharePoint farm says of itself, in odd cases, twice, between what must stay.
const TOLD: &str = "Server: Microsoft-IIS/10.0\r\nX-Kept: 1\r\nX-POWERED-BY: ASP.NET\r\nx-powered-by: PHP\r\n\
                    X-Frame-Options: DENY\r\nx-frame-options: ALLOWALL\r\nX-AspNet-Version: 4.0\r\nx-kept: 2\r\n\
                    X-Powered-By-Too: 3\r\n";

fn site() -> Origin {
    Origin::start(|mut conn| {
        while let Some(request) = conn.request() {
            let head = request.head.method() == "HEAD";
            match request.head.target() {
                "/chunked" => conn.send(format!(
                    "HTTP/1.1 200 OK\r\n{TOLD}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
                )),
                "/unchanged" => conn.send(format!("HTTP/1.1 304 Not Modified\r\n{TOLD}ETag: \"a\"\r\n\r\n")),
                "/denied" => {
                    let lines =
                        "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=\"y\"\r\n";
                    conn.send(answer("401 Unauthorized", &format!("{TOLD}{lines}"), b"who"));
                }
                "/early" => {
                    conn.send(format!("HTTP/1.1 103 Early Hints\r\n{TOLD}\r\n"));
                    conn.send(answer("200 OK", TOLD, b"late"));
                }
                "/ends" => return conn.send(format!("HTTP/1.1 200 OK\r\n{TOLD}\r\nto the end")),
                _ if head => conn.send(format!("HTTP/1.1 200 OK\r\n{TOLD}Content-Length: 9\r\n\r\n")),
                _ => conn.send(answer("200 OK", TOLD, b"plain")),
            }
        }
    })
}

#[track_caller]
fn edited(response: &Response) {
    let head = &response.head;
    for gone in ["server", "x-powered-by", "x-aspnet-version"] {
        assert!(head.values(gone).is_empty(), "{head:?}");
    }
    assert_eq!(head.values("x-frame-options"), ["SAMEORIGIN"]);
    assert_eq!(head.values("x-content-type-options"), ["nosniff"]);
    assert_eq!(head.values("x-kept"), ["1", "2"]);
    assert_eq!(head.values("x-powered-by-too"), ["3"]);
}

#[test]
fn fields_are_taken_out_and_set_in_every_kind_of_response() {
    let origin = site();
    let route = format!("listener: web, pool: site, {RULES}");
    let edge = Edge::start(&configured(&[("web", "")], &[("site", &origin, "")], &[&route]));
    let mut client = Client::connect(edge.address("web"));
    for (method, path, status, framing, body) in [
        ("GET", "/", 200, Framing::Length(5), "plain"),
        ("GET", "/chunked", 200, Framing::Chunked, "body"),
        ("HEAD", "/", 200, Framing::Empty, ""),
        ("GET", "/unchanged", 304, Framing::Empty, ""),
        ("GET", "/denied", 401, Framing::Length(3), "who"),
        ("GET", "/early", 200, Framing::Length(4), "late"),
        ("GET", "/ends", 200, Framing::Close, "to the end"),
    ] {
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n"));
        let response = client.response_to(method).expect(status);
        edited(&response);
        assert_eq!((response.framing, &*response.text()), (framing, body), "{path}");
        match path {
            "/denied" => assert_eq!(response.head.values("www-authenticate").len(), 2),
            "/unchanged" => assert_eq!(response.head.value("etag"), Some("\"a\"")),
            "/early" => {
                let interim = &response.interim[0];
                assert_eq!(
                    interim.values("x-powered-by"),
                    ["ASP.NET", "PHP"],
                    "an interim head passes as it is"
                );
                assert_eq!(interim.values("x-frame-options"), ["DENY", "ALLOWALL"]);
            }
            "/" if method == "HEAD" => assert_eq!(response.head.value("content-length"), Some("9")),
            _ => {}
        }
    }
    assert_eq!(origin.records().connections.len(), 1, "all of it on one connection");
}

#[test]
fn the_edges_own_answers_obey_too_and_other_routes_do_not() {
    let (origin, down) = (site(), Origin::refusing(1, |_| {}));
    let rules = "response_headers: { remove: [X-Request-Id], set: { X-Frame-Options: SAMEORIGIN, \
                 Cache-Control: \"public, max-age=60\", CDN-Cache-Control: max-age=60 } }";
    let route = format!("listener: web, path: /down, pool: down, {rules}");
    let edge = Edge::start(&configured(
        &[("web", "")],
        &[("site", &origin, ""), ("down", &down, "")],
        &[&route, "listener: web, pool: site"],
    ));
    let mut client = Client::connect(edge.address("web"));
    let own = client.exchange("GET /down HTTP/1.1\r\nHost: edge.test\r\n\r\n").expect(503);
    assert_eq!(own.head.values("x-frame-options"), ["SAMEORIGIN"]);
    // A page of the site may be kept, the news that the site is down may not.
    assert_eq!(own.head.values("cache-control"), ["no-store"]);
    assert_eq!(own.head.values("cdn-cache-control"), [""; 0]);
    assert_eq!(own.head.values("x-request-id"), [""; 0]);
    assert!(own.head.value("retry-after").is_some());
    let other = client.exchange("GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n").expect(200);
    assert_eq!(other.head.values("server"), ["Microsoft-IIS/10.0"]);
    assert_eq!(other.head.values("x-frame-options"), ["DENY", "ALLOWALL"]);
}

#[test]
fn the_persistence_cookie_stays_private_beside_what_a_route_sets() {
    let keys = Keys::new();
    let origin = Origin::answering(|_| {
        answer("200 OK", "Cache-Control: public, max-age=60\r\nSet-Cookie: theirs=1\r\n", b"x")
    });
    let group = format!(
        "persistence:\n  site: {{ by: cookie, cookie: {{ name: EDGE, keys: [ \"{}\" ] }} }}\n",
        keys.path().display()
    );
    let rules = "response_headers: { set: { Cache-Control: max-age=5 } }";
    let route = format!("listener: web, pool: site, persistence: site, {rules}");
    let yaml = configured(&[("web", "")], &[("site", &origin, "")], &[&route]);
    let edge = Edge::start(&format!("{yaml}{group}"));
    let mut client = Client::connect(edge.address("web"));
    let response = client.exchange("GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n").expect(200);
    let cookies = response.head.values("set-cookie");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("EDGE=")), "{cookies:?}");
    assert!(cookies.contains(&"theirs=1"), "{cookies:?}");
    let mut caching = response.head.values("cache-control");
    caching.sort_unstable();
    assert_eq!(caching, ["max-age=5", "private"]);
}

#[test]
fn browsers_are_told_to_stay_with_tls_over_tls_alone() {
    let folder = Folder::new();
    let origin = Origin::answering(|_| answer("200 OK", "strict-transport-security: max-age=1\r\n", b"x"));
    let down = Origin::refusing(1, |_| {});
    let hsts = "hsts: { max_age: 365d, include_subdomains: true }";
    let routes = [
        format!("listener: web, pool: site, {hsts}"),
        format!("listener: web, path: /down, pool: down, {hsts}"),
        "listener: plain, pool: site".to_owned(),
    ];
    let edge = Edge::start(&configured(
        &[("web", &folder.tls()), ("plain", "")],
        &[("site", &origin, ""), ("down", &down, "")],
        &routes.each_ref().map(String::as_str),
    ));
    let (plain, tls) = (edge.address("plain"), edge.address("web"));
    let policies = |url: &str| -> Vec<String> {
        let said = folder.curl(plain, tls, &["-i", url]).to_lowercase();
        let lines = said.lines().filter_map(|line| line.strip_prefix("strict-transport-security: "));
        lines.map(str::to_owned).collect()
    };
    for url in ["https://mim.test:8443/", "https://mim.test:8443/down"] {
        assert_eq!(policies(url), ["max-age=31536000; includesubdomains"], "{url}");
    }
    assert_eq!(policies("http://mim.test/"), ["max-age=1"], "what a node says over plain HTTP passes");
}
