//! Requests that HTTP/1.1 would take for something else, or for several.

use super::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, GET, GOAWAY, HEADERS,
    PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, Raw, block, frame,
};
use super::{Identity, counted, edge};
use crate::support::http::answer;
use crate::support::origin::Origin;

/// What becomes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The edge answers, and counts a reason.
    Answer(u16, &'static str),
    /// The stream is reset, and counted.
    Reset,
    /// The connection is ended: what such a field would do to the others' compression is not known.
    Goodbye,
}

use Fate::{Answer, Goodbye, Reset};

/// What is sent, in words and fields, and what becomes of it.
type Case<'c> = (&'c str, Vec<(&'c str, &'c str)>, Fate);

/// Changes to the fields of a plain request: whole lists of fields.
fn with(fields: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    GET.iter().chain(fields).copied().collect()
}

fn instead(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    GET.iter().map(|(known, old)| (*known, if *known == name { value } else { old })).collect()
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    GET.iter().filter(|(known, _)| *known != name).copied().collect()
}

#[test]
fn nothing_that_could_be_two_things_reaches_a_backend() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "");
    let mut cases: Vec<Case<'_>> = vec![
        ("CR LF in a value", with(&[("x-one", "a\r\nx-two: b")]), Goodbye),
        ("a line end in a value", with(&[("x-one", "a\nx-two: b")]), Goodbye),
        ("NUL in a value", with(&[("x-one", "a\0b")]), Goodbye),
        ("a blank in front", with(&[("x-one", " a")]), Answer(400, "bad_field_value")),
        ("a blank behind", with(&[("x-one", "a\t")]), Answer(400, "bad_field_value")),
        ("capitals in a name", with(&[("X-One", "a")]), Goodbye),
        ("a colon in a name", with(&[("x-one: a", "b")]), Goodbye),
        ("a blank in a name", with(&[("x-one ", "b")]), Goodbye),
        ("CR LF in a name", with(&[("x-one\r\nhost", "b")]), Goodbye),
        ("no name", with(&[("", "b")]), Goodbye),
        ("CR LF in the path", instead(":path", "/a HTTP/1.1\r\nhost: b\r\n\r\nGET /smuggled"), Reset),
        ("a blank in the path", instead(":path", "/a b"), Reset),
        ("no slash in the path", instead(":path", "@other.test/"), Reset),
        ("a whole target in the path", instead(":path", "https://edge.test/smuggled"), Reset),
        ("an empty path", instead(":path", ""), Reset),
        ("an asterisk for a path", instead(":path", "*"), Answer(400, "bad_target")),
        ("a blank in the method", instead(":method", "GET /smuggled HTTP/1.1\r\n"), Goodbye),
        ("an empty method", instead(":method", ""), Goodbye),
        (
            "CONNECT as it must be",
            vec![(":method", "CONNECT"), (":authority", "edge.test:443")],
            Answer(405, "connect"),
        ),
        ("CONNECT with a path", instead(":method", "CONNECT"), Reset),
        (
            "extended CONNECT",
            [&[(":protocol", "websocket"), (":method", "CONNECT")][..], &without(":method")].concat(),
            Reset,
        ),
        ("another scheme", instead(":scheme", "http"), Answer(421, "scheme_disagrees")),
        ("an unknown scheme", instead(":scheme", "ftp"), Answer(400, "bad_target")),
        ("CR LF in the scheme", instead(":scheme", "https://edge.test/smuggled HTTP/1.1\r\n"), Reset),
        ("CR LF in the authority", instead(":authority", "edge.test\r\nx-one: a"), Reset),
        ("a user in the authority", instead(":authority", "user@edge.test"), Answer(400, "bad_host")),
        ("a path in the authority", instead(":authority", "edge.test/smuggled"), Reset),
        ("no path", without(":path"), Reset),
        ("no method", without(":method"), Reset),
        ("no scheme", without(":scheme"), Reset),
        ("no host at all", without(":authority"), Answer(400, "no_host")),
        ("two methods", with(&[(":method", "POST")]), Reset),
        ("two paths", [&[(":path", "/smuggled")][..], &GET].concat(), Reset),
        ("two authorities", [&[(":authority", "other.test")][..], &GET].concat(), Reset),
        ("a late pseudo-field", with(&[("x-one", "a"), (":path", "/smuggled")]), Reset),
        ("an unknown pseudo-field", [&[(":host", "edge.test")][..], &GET].concat(), Goodbye),
        ("a status", [&[(":status", "200")][..], &GET].concat(), Reset),
        ("another host", with(&[("host", "other.test")]), Answer(400, "host_disagrees")),
        ("two hosts", with(&[("host", "edge.test"), ("host", "edge.test")]), Answer(400, "several_hosts")),
        ("connection", with(&[("connection", "x-one")]), Reset),
        ("connection: close", with(&[("connection", "close")]), Reset),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")]), Reset),
        ("upgrade", with(&[("upgrade", "websocket")]), Reset),
        ("keep-alive", with(&[("keep-alive", "5")]), Reset),
        ("proxy-connection", with(&[("proxy-connection", "keep-alive")]), Reset),
        ("te", with(&[("te", "gzip")]), Reset),
        ("a length that is none", with(&[("content-length", "+5")]), Reset),
        ("a length without a body", with(&[("content-length", "5")]), Reset),
        ("two lengths that differ", with(&[("content-length", "0"), ("content-length", "5")]), Reset),
        (
            "two lengths that agree",
            with(&[("content-length", "0"), ("content-length", "0")]),
            Answer(400, "duplicate_content_length"),
        ),
        ("an expectation", with(&[("expect", "more")]), Answer(417, "unknown_expectation")),
    ];
    let many: Vec<String> = (0..130).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "v")).collect();
    cases.push(("many fields", GET.iter().copied().chain(many).collect(), Answer(431, "too_many_fields")));
    let mut wrong = Vec::new();
    for (what, fields, expected) in &cases {
        let mut raw = Raw::connect(&identity, edge.address("web"));
        raw.ask(1, fields);
        let frame = raw.next_of(&[HEADERS, RST_STREAM, GOAWAY]).unwrap_or_else(|| panic!("{what}: closed"));
        let reason = if let Answer(_, reason) = expected { reason } else { "" };
        let fate = match frame.kind {
            HEADERS => Answer(frame.status(), reason),
            RST_STREAM if frame.code() == PROTOCOL_ERROR => Reset,
            GOAWAY => Goodbye,
            _ => panic!("{what}: {frame:?}"),
        };
        if fate != *expected {
            wrong.push(format!("{what}: {fate:?} and not {expected:?}"));
        }
        if let Answer(_, reason) = expected {
            counted(&edge, "refused_requests_total", &[("reason", reason)], 1.0);
        }
        if fate != Goodbye {
            raw.expect_service(3);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let of = |wanted: Fate| cases.iter().filter(|(_, _, fate)| *fate == wanted).count();
    counted(&edge, "refused_requests_total", &[("reason", "malformed_stream")], of(Reset) as f64);
    let goodbyes = of(Goodbye) as f64;
    counted(&edge, "downstream_connections_refused_total", &[("reason", "http2_protocol")], goodbyes);
    let reached = origin.requests();
    assert_eq!(reached.len(), cases.len() - of(Goodbye), "only the requests behind them");
    assert!(reached.iter().all(|request| request.head.target() == "/raw"));
}

/// What cannot be read is answered before anybody knows its method; the stream knows it.
#[test]
fn a_refused_head_request_is_answered_without_a_body() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "");
    let mut raw = Raw::connect(&identity, edge.address("web"));
    raw.ask(1, &[&instead(":method", "HEAD")[..], &[("host", "other.test")]].concat());
    let frame = raw.next_of(&[HEADERS, RST_STREAM, GOAWAY]).unwrap();
    assert_eq!((frame.kind, frame.flags & END_STREAM), (HEADERS, END_STREAM), "{frame:?}");
    assert_eq!(frame.status(), 400);
    raw.expect_service(3);
    counted(&edge, "refused_requests_total", &[("reason", "host_disagrees")], 1.0);
}

#[test]
fn a_fragment_is_cut_off_for_everybody() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "");
    let mut raw = Raw::connect(&identity, edge.address("web"));
    raw.ask(1, &instead(":path", "/a?b#/../admin"));
    assert_eq!(raw.next_of(&[HEADERS]).unwrap().status(), 200);
    assert_eq!(origin.requests()[0].head.start, "GET /a?b HTTP/1.1");
}

#[test]
fn a_head_that_is_too_large_is_431() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "limits: { request_header_bytes: 8KiB }\n");
    let mut raw = Raw::connect(&identity, edge.address("web"));
    let long = "a".repeat(9000);
    let fields: Vec<(&str, &str)> = GET.iter().copied().chain([("x-long", long.as_str())]).collect();
    raw.ask(1, &fields);
    assert_eq!(raw.next_of(&[HEADERS]).unwrap().status(), 431);
    counted(&edge, "refused_requests_total", &[("reason", "head_too_large")], 1.0);
    raw.expect_service(3);
    // Far beyond, nobody keeps it to look at it.
    let mut raw = Raw::connect(&identity, edge.address("web"));
    let longer = "a".repeat(15_000);
    let several = [("x-1", longer.as_str()), ("x-2", &longer), ("x-3", &longer)];
    let whole = block(&GET.iter().copied().chain(several).collect::<Vec<_>>());
    let (first, rest) = whole.split_at(16_000);
    raw.send(frame(HEADERS, END_STREAM, 5, first));
    for piece in rest.chunks(16_000) {
        let last = piece.as_ptr_range().end == rest.as_ptr_range().end;
        raw.send(frame(CONTINUATION, if last { END_HEADERS } else { 0 }, 5, piece));
    }
    match raw.next_of(&[HEADERS, RST_STREAM]) {
        Some(frame) if frame.stream == 5 && frame.kind == HEADERS => assert_eq!(frame.status(), 431),
        other => assert!(other.is_none_or(|frame| frame.kind == RST_STREAM)),
    }
    assert_eq!(origin.requests().len(), 1);
}

/// What comes for a stream until it is over.
fn fate(raw: &mut Raw, stream: u32) -> Frame {
    loop {
        let frame = raw.next_of(&[HEADERS, RST_STREAM]).expect("the connection is open");
        if frame.stream == stream {
            return frame;
        }
    }
}

#[test]
fn a_length_that_lies_is_found_out() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "");
    let mut raw = Raw::connect(&identity, edge.address("web"));
    let fields: Vec<(&str, &str)> = GET.iter().copied().chain([("content-length", "5")]).collect();
    for (stream, body) in
        [(1, &b"1234"[..]), (3, b"123456"), (5, b"12345 and GET /smuggled HTTP/1.1\r\n\r\n")]
    {
        raw.send(frame(HEADERS, END_HEADERS, stream, &block(&fields)));
        raw.send(frame(DATA, END_STREAM, stream, body));
        let frame = fate(&mut raw, stream);
        assert_eq!((frame.kind, frame.code()), (RST_STREAM, PROTOCOL_ERROR), "{frame:?}");
    }
    raw.expect_service(7);
    assert_eq!(origin.requests().len(), 1, "none of them was whole");
    counted(&edge, "refused_requests_total", &[("reason", "malformed_stream")], 3.0);
}

#[test]
fn more_requests_at_once_than_may_be_are_refused_and_counted() {
    let identity = Identity::new();
    let gate = std::sync::Arc::new(crate::support::Gate::default());
    let inside = gate.clone();
    let origin = Origin::start(move |mut conn| {
        while conn.request().is_some() {
            inside.wait();
            conn.send(answer("200 OK", "", b"ok"));
        }
    });
    let edge = edge(&identity, &origin, "", "");
    let mut raw = Raw::connect(&identity, edge.address("web"));
    for number in 0..110 {
        raw.ask(2 * number + 1, &GET);
    }
    for _ in 0..10 {
        let frame = raw.next_of(&[HEADERS, RST_STREAM]).unwrap();
        assert_eq!((frame.kind, frame.code()), (RST_STREAM, REFUSED_STREAM));
    }
    gate.open();
    for _ in 0..100 {
        let frame = raw.next_of(&[HEADERS, RST_STREAM]).unwrap();
        assert_eq!((frame.kind, frame.status()), (HEADERS, 200));
    }
    counted(&edge, "refused_requests_total", &[("reason", "too_many_streams")], 10.0);
}

#[test]
fn what_is_not_http2_is_told_so() {
    let identity = Identity::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = edge(&identity, &origin, "", "");
    let mut raw = Raw::silent(&identity, edge.address("web"));
    raw.send(b"GET / HTTP/1.1\r\nHost: edge.test\r\n\r\n");
    while raw.next().is_some() {}
    counted(&edge, "downstream_connections_refused_total", &[("reason", "http2_protocol")], 1.0);
    // Data on a stream that nobody opened.
    let mut raw = Raw::connect(&identity, edge.address("web"));
    raw.send(frame(DATA, 0, 1, b"hello"));
    raw.expect_goodbye(PROTOCOL_ERROR);
    counted(&edge, "downstream_connections_refused_total", &[("reason", "http2_protocol")], 2.0);
    // A header in more pieces than anybody needs.
    let mut raw = Raw::connect(&identity, edge.address("web"));
    raw.send(frame(HEADERS, END_STREAM, 1, &block(&GET)));
    for _ in 0..100 {
        let _ = raw.try_send(&frame(CONTINUATION, 0, 1, &block(&[("x-one", "a")])));
    }
    raw.expect_goodbye(ENHANCE_YOUR_CALM);
    assert!(origin.requests().is_empty());
}
