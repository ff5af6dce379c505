//! Clients that hold connections by being slow, as slowhttptest plays them, while others are served.

use crate::support::PATIENCE;
use crate::support::client::{Client, get};
use crate::support::edge::{Edge, said, wait_output};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const CONNECTIONS: u32 = 200;

/// The attacker would go on for longer than the edge lets it.
const SECONDS: &str = "8";

/// The client that is served sends more requests over its connection than anybody else would.
const MORE: &str =
    "limits: { header_timeout: 1s, requests_per_connection: 1000000000 }\nlog: { access: null }\n";

/// Answers `/large` with more than the kernel's buffers hold.
fn origin() -> Origin {
    Origin::answering(|request| {
        let body = if request.head.target() == "/large" { vec![b'x'; 8 << 20] } else { b"ok".to_vec() };
        answer("200 OK", "", &body)
    })
}

fn edge(origin: &Origin) -> Edge {
    let timeouts = "timeouts: { read: 1s, write: 1s },";
    Edge::start(&single(origin, timeouts, MORE))
}

/// Runs the attack while a client is served over a connection of its own; tells what slowhttptest said.
fn under_attack(edge: &Edge, attack: &[&str], path: &str) -> String {
    let connections = CONNECTIONS.to_string();
    let mut command = Command::new("slowhttptest");
    command.args(attack).args(["-c", &connections, "-r", &connections, "-l", SECONDS, "-p", "5", "-v", "1"]);
    command.args(["-u", &format!("http://{}{path}", edge.address("web"))]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut normal = Client::connect(edge.address("web"));
    normal.exchange(get("/normal")).expect(200);
    let child = command.spawn().expect("slowhttptest is needed; `make test` installs it");
    let over = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                normal.exchange(get("/normal")).expect(200);
                served += 1;
            }
            // It is the only one that is left: the attacker's are gone, or will be noticed to be.
            let begun = Instant::now();
            while edge.metrics().value("downstream_connections", &[("listener", "web")]) != 1.0 {
                assert!(begun.elapsed() < PATIENCE, "connections stay");
            }
            normal.exchange(get("/normal")).expect(200);
            served
        });
        let output = wait_output(child);
        over.store(true, Ordering::Relaxed);
        assert!(served.join().unwrap() > 0, "nobody was served meanwhile");
        without_colours(&said(&output))
    });
    assert!(said.contains("service available:   YES") && !said.contains("service available:   NO"), "{said}");
    said
}

/// A text without the sequences by which a terminal changes its colours.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or_default()
    })
}

#[track_caller]
fn all_were_ended(edge: &Edge, metric: &str, reason: &str) {
    let ended = edge.metrics().value(metric, &[("listener", "web"), ("reason", reason)]);
    assert!(ended >= f64::from(CONNECTIONS), "{reason}: {ended}");
}

#[test]
fn heads_that_dribble_end_at_their_deadline() {
    let origin = origin();
    let edge = edge(&origin);
    let said = under_attack(&edge, &["-H", "-i", "2"], "/slow");
    assert!(said.contains("No open connections left"), "{said}");
    all_were_ended(&edge, "refused_requests_total", "head_timeout");
}

#[test]
fn bodies_that_dribble_end_at_their_deadline() {
    let origin = origin();
    let edge = edge(&origin);
    let said = under_attack(&edge, &["-B", "-i", "3", "-s", "8192", "-x", "10"], "/slow");
    assert!(said.contains("No open connections left"), "{said}");
    all_were_ended(&edge, "refused_requests_total", "client_timeout");
    // Nothing of it holds a connection to the backend either.
    let begun = Instant::now();
    while edge.metrics().value("upstream_connections", &[("pool", "app")]) > 1.0 {
        assert!(begun.elapsed() < PATIENCE, "connections to the backend stay");
    }
}

#[test]
fn responses_that_are_hardly_read_end_at_their_deadline() {
    let origin = origin();
    let edge = edge(&origin);
    under_attack(&edge, &["-X", "-n", "1", "-z", "5", "-w", "256", "-y", "512"], "/large");
    all_were_ended(&edge, "request_failures_total", "client_timeout");
}
