//! The edge's own answers: what they carry, and a site's own pages for them.

use super::{Folder, configured};
use crate::support::client::{Client, Response, get, once, post};
use crate::support::edge::Edge;
use crate::support::http::answer;
use crate::support::origin::Origin;

/// Fails unless the answer is the edge's own, is kept by no cache, and carries in head, body and log the same
/// identity; tells that.
#[track_caller]
fn own(edge: &Edge, response: &Response, method: &str) -> String {
    let id = response.head.value("x-request-id").expect("an identity").to_owned();
    assert_eq!(id.len(), 16, "{id}");
    assert_eq!(response.head.value("cache-control"), Some("no-store"));
    assert_eq!(response.head.value("x-content-type-options"), Some("nosniff"));
    for name in ["server", "via", "x-powered-by"] {
        assert_eq!(response.head.value(name), None);
    }
    let text = response.text();
    assert_eq!(text.contains(&id), method != "HEAD", "{text}");
    assert!(!text.contains("127.0.0.1") && !text.contains("app/one"), "nothing of the farm shows: {text}");
    let entry = edge.next_request(|entry| entry["request_id"] == *id);
    assert_eq!(entry["status"], response.status());
    id
}

/// What the edge refuses or cannot do, each with its status: a request, and what the origin does with it.
const FAILURES: &[(u16, &str)] = &[
    (400, "GET /x HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n"),
    (400, "GET /app/..%2f.. HTTP/1.1\r\nHost: edge.test\r\n\r\n"),
    (404, "GET /nowhere HTTP/1.1\r\nHost: edge.test\r\n\r\n"),
    (405, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
    (408, "GET /x HTTP/1.1\r\nHost: h\r\n"),
    (413, "POST /app HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 5000\r\n\r\n"),
    (417, "POST /app HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\nx"),
    (421, "GET https://edge.test/app HTTP/1.1\r\nHost: edge.test\r\n\r\n"),
    (431, "LONG"),
    (501, "POST /app HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    (502, "GET /app/garbage HTTP/1.1\r\nHost: edge.test\r\n\r\n"),
    (503, "GET /down HTTP/1.1\r\nHost: edge.test\r\n\r\n"),
    (504, "GET /app/silent HTTP/1.1\r\nHost: edge.test\r\n\r\n"),
    (505, "GET /app HTTP/3.0\r\nHost: h\r\n\r\n"),
];

fn origin() -> Origin {
    Origin::start(|mut conn| {
        while let Some(request) = conn.request() {
            match request.head.target() {
                "/app/garbage" => return conn.send("SMTP ready\r\n\r\n"),
                "/app/silent" => drop(conn.head()),
                "/app/fault" => conn.send(answer("500 Fault", "X-Fault: theirs\r\n", b"<theirs/>")),
                _ => conn.send(answer("200 OK", "", b"ok")),
            }
        }
    })
}

fn failing(origin: &Origin, down: &Origin, listener: &str, route: &str) -> Edge {
    let listener = format!("limits: {{ header_timeout: 1s, request_header_bytes: 8KiB }}, {listener}");
    let app = format!("listener: web, path: /app, pool: app, max_body: 4KiB, {route}");
    Edge::start(&configured(
        &[("web", &listener)],
        &[("app", origin, "timeouts: { read: 1s },"), ("down", down, "")],
        &[&app, "listener: web, path: /down, pool: down"],
    ))
}

/// What is sent for an entry of [`FAILURES`].
fn request(text: &str, method: &str) -> String {
    match text {
        "LONG" => format!("GET /app HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n", "x".repeat(9000)),
        text => text.replacen("GET", method, 1),
    }
}

#[test]
fn every_answer_of_the_edge_carries_the_identity_that_the_log_has() {
    let (origin, down) = (origin(), Origin::refusing(1, |_| {}));
    let edge = failing(&origin, &down, "", "");
    for (status, text) in FAILURES {
        let response = once(edge.address("web"), request(text, "GET")).expect(*status);
        let id = own(&edge, &response, "GET");
        assert_eq!(response.head.value("content-type"), Some("text/plain; charset=utf-8"));
        assert!(response.text().ends_with(&format!("\nrequest {id}\n")), "{response:?}");
    }
}

#[test]
fn every_status_has_the_page_of_its_route_or_listener() {
    let (origin, down) = (origin(), Origin::refusing(1, |_| {}));
    let folder = Folder::new();
    let any = folder.write("any.html", "<title>{status}</title>any {request_id} {other} {{status}}");
    // Longer than anything that is put together with its head.
    let long = format!("<title>{{status}}</title>app {{request_id}}{}", "ä".repeat(30_000));
    let app = folder.write("app.html", &long);
    let edge = failing(
        &origin,
        &down,
        &format!("error_pages: {{ \"400-599\": \"{any}\" }}"),
        &format!("error_pages: {{ \"413\": \"{app}\", \"502-504\": \"{app}\" }}"),
    );
    for (status, text) in FAILURES {
        for method in ["GET", "HEAD"] {
            let request = request(text, method);
            if method == "HEAD" && !request.starts_with("HEAD") {
                continue;
            }
            let mut client = Client::connect(edge.address("web"));
            client.send(&request);
            // Of what is no request nobody knows the method.
            let known = matches!(status, 404 | 421 | 502..=504) || text.contains("..");
            let method = if known { method } else { "GET" };
            let response = client.response_to(method).expect(*status);
            let id = own(&edge, &response, method);
            assert_eq!(response.head.value("content-type"), Some("text/html; charset=utf-8"));
            let page = match (*status, text.contains("/app")) {
                (413 | 502..=504, true) => {
                    long.replace("{status}", &status.to_string()).replace("{request_id}", &id)
                }
                _ => format!("<title>{status}</title>any {id} {{other}} {{{status}}}"),
            };
            assert_eq!(response.head.value("content-length"), Some(&*page.len().to_string()));
            if method == "GET" {
                assert_eq!(response.text(), page);
            }
        }
    }
}

#[test]
fn what_a_backend_says_of_its_errors_passes() {
    let (origin, down) = (origin(), Origin::refusing(1, |_| {}));
    let folder = Folder::new();
    let any = folder.write("any.html", "any");
    let edge = failing(&origin, &down, &format!("error_pages: {{ \"400-599\": \"{any}\" }}"), "");
    let response = once(edge.address("web"), get("/app/fault")).expect(500);
    assert_eq!(response.text(), "<theirs/>");
    assert_eq!(response.head.value("x-fault"), Some("theirs"));
    assert_eq!(response.head.value("x-request-id"), None);
    assert_eq!(response.head.value("cache-control"), None);
}

#[test]
fn clients_that_send_xml_get_no_pages() {
    let (origin, down) = (origin(), Origin::refusing(1, |_| {}));
    let folder = Folder::new();
    let any = folder.write("any.html", "page {request_id}");
    let edge = failing(&origin, &down, &format!("error_pages: {{ \"400-599\": \"{any}\" }}"), "");
    for (path, status) in [("/nowhere", 404), ("/down", 503), ("/app/garbage", 502), ("/app/..%2f..", 400)] {
        for (kind, plain) in
            [("application/soap+xml; charset=utf-8", true), ("text/xml", true), ("text/html", false)]
        {
            let kind_line = format!("Host: edge.test\r\nContent-Type: {kind}\r\n");
            let request = post(path, "<x/>").replace("Host: edge.test\r\n", &kind_line);
            let response = once(edge.address("web"), request).expect(status);
            own(&edge, &response, "POST");
            assert_eq!(response.text().starts_with("page"), !plain, "{path} {kind}: {response:?}");
        }
    }
}
