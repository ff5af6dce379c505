//! Clients that cost more than they may, while others are served.

use super::raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GET, GOAWAY, HEADERS, PING, PRIORITY,
    RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, block, frame,
};
use super::{Connection, Identity, counted, drive, edge};
use crate::support::PATIENCE;
use crate::support::edge::Edge;
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

fn origin() -> Origin {
    Origin::answering(|_| answer("200 OK", "", b"ok"))
}

/// Sends these bytes again and again until the edge has enough; meanwhile another client is served.
#[track_caller]
fn flood(
    identity: &Identity,
    edge: &Edge,
    reasons: &[&str],
    most: usize,
    mut next: impl FnMut(u32) -> Vec<u8>,
) {
    let mut raw = Raw::connect(identity, edge.address("web"));
    let (over, begun) = (AtomicBool::new(false), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        let witness = scope.spawn(|| {
            drive(async {
                let mut client = Connection::open(identity, edge.address("web")).await;
                assert_eq!(client.get("/before").await.status, 200);
                begun.wait();
                loop {
                    let last = over.load(Ordering::Relaxed);
                    assert_eq!(client.get("/meanwhile").await.status, 200);
                    if last {
                        return;
                    }
                }
            });
        });
        begun.wait();
        let mut sent = 0;
        // The edge closes: it may happen in the middle of a write.
        while sent < most && raw.try_send(&next(sent as u32)).is_ok() {
            sent += 1;
        }
        let goodbye = raw.expect_goodbye(ENHANCE_YOUR_CALM);
        assert_eq!(goodbye.iter().filter(|frame| frame.kind == GOAWAY).count(), 1);
        over.store(true, Ordering::Relaxed);
        witness.join().unwrap();
    });
    ended(edge, reasons);
}

/// Waits until a connection is counted as ended for one of these reasons: the library has bounds of its own, which
/// may come first.
#[track_caller]
fn ended(edge: &Edge, reasons: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    let counted = || {
        let metrics = edge.metrics();
        let count = |reason| metrics.find("downstream_connections_refused_total", &[("reason", reason)]);
        reasons.iter().any(|reason| count(*reason) == Some(1.0))
    };
    while !counted() {
        assert!(Instant::now() < deadline, "it is never counted as {reasons:?}");
    }
}

fn stream(number: u32) -> u32 {
    2 * number + 1
}

#[test]
fn rapid_resets() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    flood(&identity, &edge, &["http2_resets"], 400, |number| {
        let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &block(&GET));
        bytes.extend(frame(RST_STREAM, 0, stream(number), &8_u32.to_be_bytes()));
        bytes
    });
}

#[test]
fn resets_that_the_edge_is_made_to_send() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    flood(&identity, &edge, &["http2_resets"], 400, |number| {
        frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &block(&[(":method", "GET")]))
    });
    // Until they are out they count as open, and the next ones may be too many.
    let metrics = edge.metrics();
    let refused: f64 = ["malformed_stream", "too_many_streams"]
        .iter()
        .filter_map(|reason| metrics.find("refused_requests_total", &[("reason", reason)]))
        .sum();
    assert!(refused >= 200.0, "{refused}");
}

#[test]
fn frames_that_carry_nothing() {
    let (identity, origin) = (Identity::new(), origin());
    for (what, bytes) in [
        ("ping", frame(PING, 0, 0, b"pingping")),
        ("answers to pings that nobody sent", frame(PING, 1, 0, b"pingping")),
        ("settings", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])),
        ("priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown frames", frame(0xfa, 0, 0, b"whatever")),
    ] {
        let edge = edge(&identity, &origin, "", "");
        println!("{what}");
        flood(&identity, &edge, &["http2_control_frames"], 2000, |_| bytes.clone());
    }
}

#[test]
fn the_bounds_are_the_listeners() {
    let (identity, origin) = (Identity::new(), origin());
    let limits = "limits: { http2: { streams: 3, resets: 5, control_frames: 20 } }\n";
    let edge = edge(&identity, &origin, "", limits);
    let mut raw = Raw::connect(&identity, edge.address("web"));
    let settings = raw.next_of(&[SETTINGS]).unwrap();
    // SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 section 6.5.2), and no CONNECT for WebSockets (RFC 8441).
    let pairs: Vec<&[u8]> = settings.payload.chunks(6).collect();
    assert!(pairs.contains(&&[0, 3, 0, 0, 0, 3][..]), "{settings:?}");
    assert!(!pairs.iter().any(|pair| pair.starts_with(&[0, 8])), "{settings:?}");
    for number in 0..6 {
        raw.send(frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &block(&GET)));
        raw.send(frame(RST_STREAM, 0, stream(number), &8_u32.to_be_bytes()));
    }
    raw.expect_goodbye(ENHANCE_YOUR_CALM);
    let mut raw = Raw::connect(&identity, edge.address("web"));
    for _ in 0..20 {
        raw.send(frame(PING, 0, 0, b"pingping"));
    }
    raw.expect_goodbye(ENHANCE_YOUR_CALM);
}

#[test]
fn data_that_carries_nothing() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "");
    let fields: Vec<(&str, &str)> =
        GET.iter().map(|(name, value)| (*name, if *name == ":method" { "POST" } else { *value })).collect();
    let mut raw = Raw::connect(&identity, edge.address("web"));
    raw.send(frame(HEADERS, END_HEADERS, 1, &block(&fields)));
    for _ in 0..2000 {
        if raw.try_send(&frame(DATA, 0, 1, b"")).is_err() {
            break;
        }
    }
    raw.expect_goodbye(ENHANCE_YOUR_CALM);
    ended(&edge, &["http2_control_frames", "http2_excess"]);
}

/// CVE-2024-27316: a header that goes on and on, in frames of nothing or of more and more fields.
#[test]
fn continuations_without_an_end() {
    let (identity, origin) = (Identity::new(), origin());
    let long = "a".repeat(16_000);
    // Of the long ones so many that the rest of what was sent is still read: else a reset overtakes the news why.
    for (rest, most) in [(Vec::new(), 2000), (block(&[("x-long", &long)]), 40)] {
        let edge = edge(&identity, &origin, "", "");
        flood(&identity, &edge, &["http2_control_frames", "http2_excess"], most, |number| match number {
            0 => frame(HEADERS, END_STREAM, 1, &block(&GET)),
            _ => frame(CONTINUATION, 0, 1, &rest),
        });
    }
    assert!(
        !origin.requests().iter().any(|request| request.head.start.contains(" / ")),
        "nothing of it arrives"
    );
}

#[test]
fn a_header_that_never_ends() {
    let (identity, origin) = (Identity::new(), origin());
    let edge = edge(&identity, &origin, "", "limits: { header_timeout: 1s }\n");
    // In the middle of the first frame, between two, and in the middle of the second.
    let first = frame(HEADERS, END_STREAM, 1, &block(&GET));
    let second = frame(CONTINUATION, END_HEADERS, 1, &block(&[("x-one", "a")]));
    let whole = [first.clone(), second].concat();
    for (count, length) in (1..).zip([12, first.len(), first.len() + 4, whole.len() - 1]) {
        let mut raw = Raw::connect(&identity, edge.address("web"));
        raw.send(&whole[..length]);
        raw.expect_goodbye(ENHANCE_YOUR_CALM);
        let reason = [("reason", "http2_head_timeout")];
        counted(&edge, "downstream_connections_refused_total", &reason, f64::from(count));
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn busy_clients_are_no_flood() {
    let (identity, origin) = (Identity::new(), Origin::answering(|_| answer("200 OK", "", &[b'x'; 50_000])));
    let edge = edge(&identity, &origin, "", "");
    drive(async {
        let mut client = Connection::open(&identity, edge.address("web")).await;
        for _ in 0..20 {
            let mut responses = tokio::task::JoinSet::new();
            for _ in 0..100 {
                responses.spawn(super::Response::of(client.ask(super::get("/page")).await));
            }
            for response in responses.join_all().await {
                assert_eq!(response.unwrap().body.len(), 50_000);
            }
        }
    });
    let refused = edge.metrics().find("downstream_connections_refused_total", &[]);
    assert!(refused.is_none_or(|count| count == 0.0), "{refused:?}");
}
