//! What persisted clients get when their node fails.

use super::{SERVICE, STS, call, node_of};
use crate::support::PATIENCE;
use crate::support::client::{Client, get, once, once_from};
use crate::support::edge::Edge;
use crate::support::farm::{Farm, ONE_PROBE};
use crate::support::http::{Wire, answer};
use crate::support::mim::{self, MimNode};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Waits until the edge has noticed that a node is up: clients it has never seen are sent there.
#[track_caller]
pub fn until_new_clients_reach(edge: &Edge, node: &str) {
    let deadline = Instant::now() + PATIENCE;
    for n in (0..60_000_u32).cycle() {
        let response = call(edge, &format!("127.7.{}.{}", n / 250, n % 250 + 1));
        if response.status() == 200 && response.node() == node {
            return;
        }
        assert!(Instant::now() < deadline, "new clients never reached {node}");
    }
}

/// Lets the old clients be idle while others are served. Pins count time in tenths of a second.
#[track_caller]
pub fn until_idle(edge: &Edge) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(250) {
        call(edge, "127.8.0.1").expect(200);
    }
}

/// The pair of nodes, the client's own first.
fn own_first<'a>(nodes: [&'a MimNode; 2], own: &str) -> [&'a MimNode; 2] {
    if nodes[0].name == own { nodes } else { [nodes[1], nodes[0]] }
}

#[test]
fn after_the_hold_the_whole_pin_moves_and_stays_moved() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, hold: 500ms, unavailable: redispatch, after_recovery: stay";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    let client = "127.0.0.11";
    let [dead, other] = own_first([&a, &b], &node_of(&edge, client));
    edge.next_request(|e| e["outcome"] == "fresh");

    dead.kill();
    assert_eq!(node_of(&edge, client), other.name);
    let entry = edge.next_request(|e| e["client"] == client);
    assert_eq!((&entry["outcome"], &entry["node"]), (&"redispatched".into(), &other.name.clone().into()));
    // The other port moved with it: a token made there is known where it is spent.
    let issued = once_from(client, edge.address(STS), mim::issue()).expect(200);
    assert_eq!(issued.node(), other.name);
    let token = mim::element(&issued.text(), "Token").unwrap();
    once_from(client, edge.address(SERVICE), mim::get_resource(&token)).expect(200);

    dead.origin.listen();
    until_new_clients_reach(&edge, &dead.name);
    let spent = once_from(client, edge.address(SERVICE), mim::get_resource(&token)).expect(200);
    assert_eq!(spent.node(), other.name);
}

#[test]
fn one_dead_port_moves_both() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).group("by: source_ip, hold: 500ms").yaml());
    let client = "127.0.0.11";
    let [half, other] = own_first([&a, &b], &node_of(&edge, client));
    half.origin.refuse_on(mim::STS);
    let issued = once_from(client, edge.address(STS), mim::issue()).expect(200);
    assert_eq!(issued.node(), other.name);
    assert_eq!(node_of(&edge, client), other.name, "5725 of the old node is still up, but the pin has moved");
}

#[test]
fn a_client_is_held_for_its_node() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).group("by: source_ip, hold: 20s").yaml());
    let client = "127.0.0.11";
    let [dead, other] = own_first([&a, &b], &node_of(&edge, client));
    dead.kill();
    let mut held = Client::connect_from(client, edge.address(SERVICE));
    held.send(mim::enumerate());
    // New clients do not wait for it.
    until_new_clients_reach(&edge, &other.name);
    let before = other.origin.requests().len();
    dead.origin.listen();
    assert_eq!(held.response().expect(200).node(), dead.name);
    assert_eq!(other.origin.requests().len(), before, "nothing of it went elsewhere");
}

/// A node that can vanish as if its machine had lost its power: packets to it are answered by nobody.
struct Vanishing {
    socket: Arc<Socket>,
    gone: Arc<AtomicBool>,
    accepting: Option<JoinHandle<Socket>>,
    waiting: Vec<TcpStream>,
}

impl Vanishing {
    /// Tells its name in every answer and closes the connection behind it.
    fn start(name: &'static str) -> Vanishing {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(64).unwrap();
        let (socket, gone) = (Arc::new(socket), Arc::new(AtomicBool::new(false)));
        let (listener, over) = (socket.clone(), gone.clone());
        let accepting = std::thread::spawn(move || {
            loop {
                let (stream, _) = listener.accept().unwrap();
                if over.load(Ordering::SeqCst) {
                    return stream;
                }
                let mut wire = Wire::new(TcpStream::from(stream));
                std::thread::spawn(move || {
                    if let Ok(Some(_head)) = wire.head() {
                        let _ = wire.send(&answer("200 OK", "Connection: close\r\n", name.as_bytes()));
                    }
                });
            }
        });
        Vanishing { socket, gone, accepting: Some(accepting), waiting: Vec::new() }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }

    /// From now on connects are not refused but never answered: the kernel drops what comes to a listener
    /// whose queue is full.
    fn vanish(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        let last = TcpStream::connect(self.address()).unwrap();
        self.waiting.push(last);
        // Nobody takes anything from the queue any more before it is filled.
        let accepted = self.accepting.take().unwrap().join().unwrap();
        self.waiting.push(accepted.into());
        self.socket.listen(0).unwrap();
        while let Ok(stream) = TcpStream::connect_timeout(&self.address(), Duration::from_secs(1)) {
            self.waiting.push(stream);
            assert!(self.waiting.len() < 100, "the queue is never full");
        }
    }
}

#[test]
fn no_connect_lasts_longer_than_the_hold() {
    let mut nodes = [Vanishing::start("one"), Vanishing::start("two")];
    let [one, two] = nodes.each_ref().map(|node| node.address().port());
    // Only the hold ends this connect within the test's patience.
    let edge = Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  one: {{ address: 127.0.0.1 }}\n  \
         two: {{ address: 127.0.0.1 }}\npersistence:\n  site: {{ by: source_ip, hold: 1s }}\npools:\n  \
         app: {{ {ONE_PROBE}, timeouts: {{ connect: 10m }}, nodes: [ {{ node: one, port: {one} }}, \
         {{ node: two, port: {two} }} ] }}\nroutes:\n  \
         - {{ listener: web, pool: app, persistence: site }}\n"
    ));
    let web = edge.address("web");
    let first = once(web, get("/x")).expect(200).text();
    assert_eq!(once(web, get("/x")).expect(200).text(), first);
    let (vanished, other) = if first == "one" { (0, "two") } else { (1, "one") };
    nodes[vanished].vanish();
    assert_eq!(once(web, get("/last")).expect(200).text(), other);
    let entry = edge.next_request(|entry| entry["path"] == "/last");
    assert_eq!(entry["outcome"], "redispatched", "{entry}");
}

#[test]
fn new_clients_go_to_other_nodes_at_once() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    // A hold longer than the test's patience: whoever waited for it would fail.
    let edge = Edge::start(&Farm::of([&a, &b]).group("by: source_ip, hold: 10m").yaml());
    a.kill();
    for n in 11..31 {
        assert_eq!(node_of(&edge, &format!("127.0.0.{n}")), "mim2");
    }
}

#[test]
fn reject_answers_503_and_keeps_the_pin() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, hold: 200ms, unavailable: reject";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    let client = "127.0.0.11";
    let [dead, other] = own_first([&a, &b], &node_of(&edge, client));
    let before = other.origin.requests().len();
    dead.kill();
    for _ in 0..3 {
        let refused = call(&edge, client).expect(503);
        assert!(refused.head.value("retry-after").is_some(), "{refused:?}");
    }
    assert_eq!(other.origin.requests().len(), before);
    dead.origin.listen();
    until_new_clients_reach(&edge, &dead.name);
    assert_eq!(node_of(&edge, client), dead.name);
}

#[test]
fn clients_return_home_where_the_configuration_says_so() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let group = "by: source_ip, hold: 200ms, after_recovery: return, return_idle: 1ms";
    let edge = Edge::start(&Farm::of([&a, &b]).group(group).yaml());
    let client = "127.0.0.11";
    let [home, other] = own_first([&a, &b], &node_of(&edge, client));
    home.kill();
    assert_eq!(node_of(&edge, client), other.name);
    home.origin.listen();
    until_new_clients_reach(&edge, &home.name);
    until_idle(&edge);
    assert_eq!(node_of(&edge, client), home.name);
    let entry = edge.next_request(|e| e["client"] == client && e["outcome"] == "returned");
    assert_eq!(entry["node"], home.name.as_str());
}

#[test]
fn without_a_node_the_answer_is_503() {
    let (a, b) = (MimNode::refusing("mim1"), MimNode::refusing("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).group("by: source_ip, hold: 200ms").yaml());
    for address in [edge.address(SERVICE), edge.address(STS)] {
        let mut client = Client::connect_from("127.0.0.11", address);
        let refused = client.exchange(mim::page()).expect(503);
        assert!(refused.head.value("retry-after").is_some(), "{refused:?}");
    }
    // A node that comes up later serves.
    b.origin.listen();
    until_new_clients_reach(&edge, "mim2");
}

#[test]
fn faults_do_not_make_a_node_dead() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let mut farm = Farm::of([&a, &b]);
    farm.pool.push_str(" ejection: { consecutive_failures: 2 },");
    let edge = Edge::start(&farm.yaml());
    let client = "127.0.0.11";
    let node = node_of(&edge, client);
    for _ in 0..30 {
        let fault = once_from(client, edge.address(SERVICE), mim::pull("unknown")).expect(500);
        assert_eq!(fault.node(), node);
        assert!(fault.text().contains("<Fault>"));
    }
    assert_eq!(node_of(&edge, client), node);
    let entry = edge.next_request(|e| e["status"] == 500);
    assert_eq!(entry["outcome"], "persisted", "{entry}");
}
