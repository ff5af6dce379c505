//! curl as a client that nobody here wrote.

use crate::support::edge::{Edge, said, wait_output};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use std::io::Write;
use std::process::{Command, Stdio};

/// Tells the start line and the body's length and sum.
fn origin() -> Origin {
    Origin::answering(|request| {
        let sum: u64 = request.body.iter().map(|byte| u64::from(*byte)).sum();
        answer("200 OK", "", format!("{} {} {sum}\n", request.head.start, request.body.len()).as_bytes())
    })
}

/// Runs curl with a path (or several) of the edge, feeding its standard input; tells what it said.
#[track_caller]
fn curl(edge: &Edge, arguments: &[&str], paths: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "25", "--noproxy", "*"]).args(arguments);
    command.args(paths.iter().map(|path| format!("http://{}{path}", edge.address("web"))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("curl is needed; `make test` installs it");
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        wait_output(child)
    });
    assert!(output.status.success(), "curl {arguments:?}: {}", said(&output));
    said(&output)
}

/// A body that no buffer holds at once, and its sum.
fn body() -> (Vec<u8>, u64) {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sum = body.iter().map(|byte| u64::from(*byte)).sum();
    (body, sum)
}

#[test]
fn gets() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    assert_eq!(curl(&edge, &[], &["/a/b?c"], b""), "GET /a/b?c HTTP/1.1 0 0\n");
    assert_eq!(curl(&edge, &["--http1.0"], &["/old"], b""), "GET /old HTTP/1.1 0 0\n");
    let head = curl(&edge, &["--head"], &["/head"], b"");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[test]
fn posts_with_expect() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let (body, sum) = body();
    // A wait for the 100 that is longer than curl may take in all: without the 100 this fails.
    let arguments = ["-v", "--expect100-timeout", "60", "-H", "Expect: 100-continue", "--data-binary", "@-"];
    let said = curl(&edge, &arguments, &["/post"], &body);
    assert!(said.contains("HTTP/1.1 100 Continue"), "{said}");
    assert!(said.contains(&format!("POST /post HTTP/1.1 3000000 {sum}\n")), "{said}");
    assert_eq!(origin.requests()[0].head.value("expect"), Some("100-continue"));
}

#[test]
fn uploads_in_chunks() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let (body, sum) = body();
    let said = curl(&edge, &["--http1.1", "-T", "-"], &["/put"], &body);
    assert!(said.ends_with(&format!("PUT /put HTTP/1.1 3000000 {sum}\n")), "{said}");
    assert!(origin.requests()[0].head.is_chunked());
}

#[test]
fn keeps_its_connection() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    // %{num_connects}: connections that were made for the last transfer.
    let arguments = ["-w", "%{num_connects} made\n"];
    let said = curl(&edge, &arguments, &["/1", "/2", "/3"], b"");
    let expected = "GET /1 HTTP/1.1 0 0\n1 made\nGET /2 HTTP/1.1 0 0\n0 made\nGET /3 HTTP/1.1 0 0\n0 made\n";
    assert_eq!(said, expected);
    assert_eq!(origin.records().connections.len(), 1);
}
