//! Large bodies stream: they are neither stored nor bounded by memory, and a slow reader slows the sender.

use crate::support::client::{Client, get};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::Framing;
use crate::support::origin::Origin;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What the edge may need beyond what it needs anyhow: buffers, not bodies.
const GROWTH: u64 = 32 * MIB;

/// Bytes that tell their place: a piece that is lost, doubled or moved shows, because the period is prime.
struct Pattern(Vec<u8>);

impl Pattern {
    const PERIOD: usize = 65_521;
    const LONGEST: usize = 128 * 1024;

    fn new() -> Pattern {
        let byte = |n: usize| ((n % Self::PERIOD) as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0];
        Pattern((0..Self::PERIOD + Self::LONGEST).map(byte).collect())
    }

    fn at(&self, place: u64, length: usize) -> &[u8] {
        let start = (place % Self::PERIOD as u64) as usize;
        &self.0[start..start + length]
    }

    /// Writes this many bytes, in chunks if asked.
    fn write(&self, to: &mut impl Write, total: u64, chunked: bool) -> std::io::Result<()> {
        let mut place = 0;
        while place < total {
            let length = (total - place).min(Self::LONGEST as u64) as usize;
            if chunked {
                write!(to, "{length:x}\r\n")?;
            }
            to.write_all(self.at(place, length))?;
            if chunked {
                to.write_all(b"\r\n")?;
            }
            place += length as u64;
        }
        if chunked { to.write_all(b"0\r\n\r\n") } else { Ok(()) }
    }
}

/// Compares pieces with the pattern as they come.
struct Reader {
    pattern: Pattern,
    place: u64,
}

impl Reader {
    fn new() -> Reader {
        Reader { pattern: Pattern::new(), place: 0 }
    }

    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (now, rest) = piece.split_at(piece.len().min(Pattern::LONGEST));
            assert!(now == self.pattern.at(self.place, now.len()), "differs after byte {}", self.place);
            self.place += now.len() as u64;
            piece = rest;
        }
    }
}

fn framing(total: u64, chunked: bool) -> String {
    if chunked {
        "Transfer-Encoding: chunked\r\n\r\n".to_owned()
    } else {
        format!("Content-Length: {total}\r\n\r\n")
    }
}

/// Takes uploads (POST) and answers with the number of bytes; gives downloads (GET) of the size in the path.
fn origin() -> Origin {
    Origin::start(|mut conn| {
        conn.stop_recording();
        while let Some(head) = conn.head() {
            if head.method() == "POST" {
                let mut reader = Reader::new();
                if conn.wire.body_to(Framing::of_request(&head), |piece| reader.take(piece)).is_err() {
                    return;
                }
                let count = reader.place.to_string();
                conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{count}", count.len()));
            } else {
                let (total, chunked) = head.target()[1..].split_once('/').unwrap();
                let (total, chunked) = (total.parse().unwrap(), chunked == "chunked");
                conn.send(format!("HTTP/1.1 200 OK\r\n{}", framing(total, chunked)));
                if Pattern::new().write(&mut conn.stream(), total, chunked).is_err() {
                    return;
                }
            }
        }
    })
}

/// Fails if the edge ever needed much more memory than before.
#[track_caller]
fn assert_no_growth(edge: &Edge, before: u64) {
    let grown = edge.memory("VmHWM").saturating_sub(before);
    assert!(grown < GROWTH, "the edge grew by {} MiB", grown / MIB);
}

#[track_caller]
fn upload(total: u64, chunked: bool) {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let before = edge.memory("VmRSS");
    let mut client = Client::connect(edge.address("web"));
    client.send(format!("POST /x HTTP/1.1\r\nHost: h\r\n{}", framing(total, chunked)));
    Pattern::new().write(&mut client.wire.stream, total, chunked).unwrap();
    assert_eq!(client.response().expect(200).text(), total.to_string());
    let entry = edge.next_request(|_| true);
    let bytes = entry["request_bytes"].as_u64().unwrap();
    assert!(bytes >= total, "{entry}");
    assert_no_growth(&edge, before);
}

#[track_caller]
fn download(total: u64, chunked: bool) {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let before = edge.memory("VmRSS");
    let mut client = Client::connect(edge.address("web"));
    client.send(get(&format!("/{total}/{}", if chunked { "chunked" } else { "length" })));
    let head = client.wire.head().unwrap().unwrap();
    let mut reader = Reader::new();
    client.wire.body_to(Framing::of_response(&head, "GET"), |piece| reader.take(piece)).unwrap();
    assert_eq!((head.status(), reader.place), (200, total));
    let entry = edge.next_request(|_| true);
    let bytes = entry["response_bytes"].as_u64().unwrap();
    assert!(bytes >= total, "{entry}");
    assert_no_growth(&edge, before);
}

#[test]
fn a_gibibyte_up() {
    upload(GIB, false);
}

#[test]
fn a_gibibyte_down() {
    download(GIB, false);
}

#[test]
fn chunks_up() {
    upload(256 * MIB, true);
}

#[test]
fn chunks_down() {
    download(256 * MIB, true);
}

/// Writes until nobody takes any more, tells how much that was, and goes on.
fn write_until_stuck(mut stream: &TcpStream, total: u64, stuck: &mpsc::Sender<u64>) {
    let pattern = Pattern::new();
    let mut place = 0;
    // On a machine that is slow enough this may tell too early, and the test sees less than it could.
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    while place < total {
        let length = (total - place).min(Pattern::LONGEST as u64) as usize;
        match stream.write(pattern.at(place, length)) {
            Ok(written) => place += written as u64,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                stream.set_write_timeout(None).unwrap();
                let _ = stuck.send(place);
            }
            Err(_) => return,
        }
    }
    let _ = stuck.send(place);
}

/// Far more than the kernel's buffers on four sockets hold, far less than the body.
const IN_BETWEEN: u64 = 64 * MIB;

#[test]
fn a_client_that_does_not_read_stops_the_origin() {
    let (stuck, told) = mpsc::channel();
    let origin = Origin::start(move |mut conn| {
        if conn.request().is_some() {
            conn.send(format!("HTTP/1.1 200 OK\r\n{}", framing(GIB / 4, false)));
            write_until_stuck(conn.stream(), GIB / 4, &stuck);
        }
    });
    let edge = Edge::start(&single(&origin, "", ""));
    let before = edge.memory("VmRSS");
    let mut client = Client::connect(edge.address("web"));
    client.send(get("/x"));
    let head = client.wire.head().unwrap().unwrap();
    let written = told.recv_timeout(crate::support::PATIENCE).unwrap();
    assert!(written < IN_BETWEEN, "the edge took {} MiB that nobody read", written / MIB);
    let mut reader = Reader::new();
    client.wire.body_to(Framing::of_response(&head, "GET"), |piece| reader.take(piece)).unwrap();
    assert_eq!(reader.place, GIB / 4);
    assert_no_growth(&edge, before);
}

#[test]
fn an_origin_that_does_not_read_stops_the_client() {
    let gate = std::sync::Arc::new(crate::support::Gate::default());
    let held = gate.clone();
    let origin = Origin::start(move |mut conn| {
        conn.stop_recording();
        let Some(head) = conn.head() else { return };
        held.wait();
        let mut reader = Reader::new();
        conn.wire.body_to(Framing::of_request(&head), |piece| reader.take(piece)).unwrap();
        conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", reader.place));
    });
    let edge = Edge::start(&single(&origin, "", ""));
    let before = edge.memory("VmRSS");
    let mut client = Client::connect(edge.address("web"));
    client.send(format!("POST /x HTTP/1.1\r\nHost: h\r\n{}", framing(GIB / 4, false)));
    let (stuck, told) = mpsc::channel();
    let stream = client.wire.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || write_until_stuck(&stream, GIB / 4, &stuck));
    let written = told.recv_timeout(crate::support::PATIENCE).unwrap();
    assert!(written < IN_BETWEEN, "the edge took {} MiB that nobody read", written / MIB);
    gate.open();
    writer.join().unwrap();
    assert_eq!(client.response().expect(200).text(), (GIB / 4).to_string());
    assert_no_growth(&edge, before);
}
