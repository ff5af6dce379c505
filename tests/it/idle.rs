//! Connections that wait cost next to nothing.

use crate::support::PATIENCE;
use crate::support::client::{Client, get};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// What an idle connection may cost the edge, beyond what the kernel keeps.
const BYTES_EACH: u64 = 6 * 1024;
const CONNECTIONS: u64 = 9_000;
/// Held before the first look at the memory, so that pools and tables are there.
const WARM: u64 = 500;
const ADDRESS: &str = "IDENTITY_EDGE_TEST_HOLDS";

/// Allows this process, and those it starts, as many descriptors as the machine does.
fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// This test binary as a second process that holds connections: the edge, the origin and the clients together
/// need more descriptors than one process may have.
struct Holder {
    child: Child,
    said: mpsc::Receiver<String>,
}

impl Holder {
    fn start(edge: &Edge) -> Holder {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "idle::holds_connections", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ADDRESS, edge.address("web").to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, said) = mpsc::channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        Holder { child, said }
    }

    /// Tells it to hold so many connections in all, each after one request.
    #[track_caller]
    fn hold(&mut self, connections: u64) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{connections}").unwrap();
        let expected = format!("holding {connections}");
        loop {
            // Between two lines lie at most 500 connections.
            let line = self.said.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{expected}: {error}"));
            // The test harness of the other process writes on the same line.
            if line.ends_with(&expected) {
                return;
            }
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the other process of `thousands_of_idle_connections_cost_little`; does nothing by itself"]
fn holds_connections() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    raise_descriptor_limit();
    let address = address.parse().unwrap();
    let mut held = Vec::new();
    for line in std::io::stdin().lines() {
        let wanted: usize = line.unwrap().parse().unwrap();
        while held.len() < wanted {
            let mut client = Client::connect(address);
            client.exchange(get("/x")).expect(200);
            held.push(client);
            if held.len() % 500 == 0 {
                println!("\nat {}", held.len());
            }
        }
        println!("\nholding {wanted}");
    }
}

#[test]
fn thousands_of_idle_connections_cost_little() {
    let allowed = raise_descriptor_limit();
    // Where a process may have few descriptors, fewer connections have to prove it.
    let connections = CONNECTIONS.min(allowed.saturating_sub(200));
    assert!(
        connections >= 4 * WARM,
        "this machine allows {allowed} descriptors: too few to measure anything"
    );

    let origin = Origin::answering(|_| answer("200 OK", "", &[b'x'; 1024]));
    let yaml = single(&origin, "", "").replace("\"127.0.0.1:0\"", "\"127.0.0.1:0\", keepalive: 10m");
    let edge = Edge::start(&yaml);
    let mut holder = Holder::start(&edge);
    holder.hold(WARM);
    let before = edge.memory("VmRSS");
    holder.hold(connections);
    let each = edge.memory("VmRSS").saturating_sub(before) / (connections - WARM);
    assert!(each <= BYTES_EACH, "{each} bytes for an idle connection");
    // They are there: the edge has a descriptor for each.
    let open = std::fs::read_dir(format!("/proc/{}/fd", edge.pid())).unwrap().count() as u64;
    assert!(open > connections, "{open} descriptors for {connections} connections");
    // And it still serves.
    Client::connect(edge.address("web")).exchange(get("/x")).expect(200);
}
