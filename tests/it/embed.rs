//! A Pingora service that embeds the selector, `examples/embed.rs`, between clients and two nodes.

use crate::support::PATIENCE;
use crate::support::client::{Response, once_from};
use crate::support::mim::{self, MimNode, SERVICE, STS};
use crate::support::origin::{bound, local};
use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The example as a process. Dropping it kills it.
struct Service {
    child: Child,
    addresses: [SocketAddr; 2],
}

impl Service {
    /// Starts it before these nodes and waits until both of its ports take connections.
    #[track_caller]
    fn start(nodes: [&MimNode; 2]) -> Service {
        let ports = [bound(0), bound(0)];
        let addresses = ports.each_ref().map(local);
        let node = |node: &MimNode| {
            let [service, sts] = [SERVICE, STS].map(|port| node.origin.address(port));
            format!("{}={service},{sts}", node.name)
        };
        let mut child = Command::new(example())
            .args(addresses.map(|address| address.to_string()))
            .args(nodes.map(node))
            .stdin(Stdio::null())
            .spawn()
            .expect("starting the example");
        for address in addresses {
            eventually("it listens", || {
                assert_eq!(child.try_wait().unwrap(), None, "it ended");
                TcpStream::connect(address).is_ok()
            });
        }
        Service { child, addresses }
    }

    /// A request to one of its ports.
    #[track_caller]
    fn call(&self, from: &str, port: usize, request: impl AsRef<[u8]>) -> Response {
        once_from(from, self.addresses[port], request).expect(200)
    }

    /// The node that a SOAP client finds behind both ports.
    #[track_caller]
    fn node_of(&self, from: &str) -> String {
        let node = self.call(from, SERVICE, mim::enumerate()).node();
        assert_eq!(self.call(from, STS, mim::issue()).node(), node);
        node
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds examples with the tests, into a folder beside theirs.
fn example() -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let example = built.join("examples").join("embed");
    assert!(example.exists(), "{} is not built: cargo build --examples", example.display());
    example
}

/// Pingora tells nobody when it listens and when a health check has passed: this is asked until it is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The persistence cookie out of a response, if it was set.
fn issued(response: &Response) -> Option<String> {
    let lines = response.head.values("set-cookie");
    let ours = lines.into_iter().find(|line| line.starts_with("EDGE-mim="))?;
    Some(ours.split(';').next().unwrap().to_owned())
}

fn page_with(cookie: &str) -> String {
    mim::page().replace("\r\n\r\n", &format!("\r\nCookie: theirs=1; {cookie}\r\n\r\n"))
}

#[test]
fn soap_clients_stay_across_both_ports_and_move_as_a_whole() {
    let nodes = [MimNode::start("mim1"), MimNode::start("mim2")];
    let service = Service::start([&nodes[0], &nodes[1]]);
    let clients = ["127.0.0.11", "127.0.0.12"];
    let homes = clients.map(|client| service.node_of(client));
    assert_ne!(homes[0], homes[1], "the node with the fewest pins");
    for (client, home) in clients.iter().zip(&homes) {
        let context = service.call(client, SERVICE, mim::enumerate());
        assert_eq!(issued(&context), None, "SOAP clients keep no cookies");
        let context = mim::element(&context.text(), "Context").unwrap();
        assert_eq!(&service.call(client, SERVICE, mim::pull(&context)).node(), home);
        let token = mim::element(&service.call(client, STS, mim::issue()).text(), "Token").unwrap();
        assert_eq!(&service.call(client, SERVICE, mim::get_resource(&token)).node(), home);
    }

    // A POST, and nothing of it was sent: it reaches the other node when the hold is over.
    let dead = nodes.iter().find(|node| node.name == homes[0]).unwrap();
    dead.kill();
    assert_eq!(service.node_of(clients[0]), homes[1]);
    assert_eq!(service.node_of(clients[1]), homes[1]);
    assert_eq!(service.node_of("127.0.0.13"), homes[1], "new clients do without it, too");

    dead.origin.listen();
    let mut newcomers = (1..=250).map(|last| format!("127.0.1.{last}"));
    eventually("the node takes new clients again", || {
        let newcomer = newcomers.next().expect("a client that has not been there");
        service.call(&newcomer, SERVICE, mim::enumerate()).node() == homes[0]
    });
    assert_eq!(service.node_of(clients[0]), homes[1], "where a client has moved to, it stays");
}

#[test]
fn browsers_follow_their_cookie_which_no_node_sees() {
    let nodes = [MimNode::start("portal1"), MimNode::start("portal2")];
    let service = Service::start([&nodes[0], &nodes[1]]);
    let visits: Vec<(String, String)> = (11..19)
        .map(|last| {
            let response = service.call(&format!("127.0.0.{last}"), SERVICE, mim::page());
            (response.node(), issued(&response).expect("a cookie"))
        })
        .collect();
    let met: HashSet<&String> = visits.iter().map(|(node, _)| node).collect();
    assert_eq!(met.len(), 2, "or following the cookie would prove nothing");
    for (node, cookie) in &visits {
        for (from, port) in [("127.0.2.1", SERVICE), ("127.0.2.2", STS)] {
            let response = service.call(from, port, page_with(cookie));
            assert_eq!((&response.node(), issued(&response)), (node, None));
        }
    }

    let dead = &nodes[0];
    dead.kill();
    let (_, cookie) = visits.iter().find(|(node, _)| *node == dead.name).unwrap();
    let moved = service.call("127.0.2.1", SERVICE, page_with(cookie));
    assert_eq!(moved.node(), nodes[1].name);
    let cookie = issued(&moved).expect("the cookie names the other node from now on");
    assert_eq!(service.call("127.0.2.3", STS, page_with(&cookie)).node(), nodes[1].name);

    for request in nodes.iter().flat_map(|node| node.origin.requests()) {
        let cookies = request.head.values("cookie");
        assert!(cookies.is_empty() || cookies == ["theirs=1"], "{cookies:?}");
    }
}
