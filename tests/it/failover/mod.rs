//! How clients fare when nodes fail: the same cases for SOAP clients, pinned by their address over both ports,
//! and for browsers, pinned by a cookie.
//!
//! Nodes are processes, and every request has an identity that its node and the access log tell. So each case
//! can say which requests failed and how, who moved, and that nobody moved who need not; and at its end
//! [`Setup::check`] makes sure that no request reached two nodes and none was carried out twice that must not.

/// A test of each kind out of a function of the kind.
macro_rules! both {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use super::super::Kind;

            #[test]
            fn source_ip() {
                super::$name(Kind::SourceIp);
            }

            #[test]
            fn cookie() {
                super::$name(Kind::Cookie);
            }
        }
    )*};
}

mod bound;
mod breaking;
mod dying;
mod freezing;
mod placing;
mod policies;
mod together;
mod visitors;
mod waiting;

use crate::support::PATIENCE;
use crate::support::edge::{Edge, Keys};
use crate::support::farm::Farm;
use crate::support::node::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
pub use visitors::identified;
use visitors::{Visitor, What};

/// How clients are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By their address, for SOAP on two ports.
    SourceIp,
    /// By a cookie, for pages.
    Cookie,
}

impl Kind {
    fn listener(self) -> &'static str {
        match self {
            Kind::SourceIp => "mim-service",
            Kind::Cookie => "web",
        }
    }

    /// The pool behind that listener.
    fn pool(self) -> &'static str {
        match self {
            Kind::SourceIp => "mim-service",
            Kind::Cookie => "site",
        }
    }
}

/// Two nodes and an edge in front of them.
pub struct Setup {
    kind: Kind,
    edge: Edge,
    nodes: [Node; 2],
    keys: Keys,
    group: String,
    last_id: AtomicUsize,
}

impl Setup {
    /// `group`: settings of the group.
    #[track_caller]
    fn new(kind: Kind, group: &str) -> Setup {
        Setup::with(kind, group, |farm| farm)
    }

    /// The same with other changes to the configuration.
    #[track_caller]
    fn with(kind: Kind, group: &str, change: impl FnOnce(Farm) -> Farm) -> Setup {
        let (nodes, keys) = (["mim1", "mim2"].map(Node::start), Keys::new());
        let edge = start(&nodes, &keys, group, change);
        Setup { kind, edge, nodes, keys, group: group.to_owned(), last_id: AtomicUsize::new(0) }
    }

    /// Another edge takes the place of the first: same keys, no memory.
    #[track_caller]
    fn replace_edge(&mut self, change: impl FnOnce(Farm) -> Farm) {
        self.edge = start(&self.nodes, &self.keys, &self.group, change);
    }

    fn next_id(&self) -> String {
        format!("r{}", self.last_id.fetch_add(1, Ordering::Relaxed))
    }

    fn node(&self, name: &str) -> &Node {
        self.nodes.iter().find(|node| node.name == name).expect("a node of that name")
    }

    /// A visitor with a session; nobody of this number was there before.
    #[track_caller]
    fn visitor(&self, number: usize) -> Visitor {
        let mut visitor = Visitor::new(self.kind, &format!("127.0.{}.{}", number / 250, number % 250 + 1));
        let opened = visitor.ask(self, What::Open);
        assert_eq!(
            (opened.status, opened.entry["outcome"].as_str()),
            (Some(200), Some("fresh")),
            "{opened:?}"
        );
        visitor
    }

    /// Three visitors with sessions on each node: the first node with its own, the second with its own.
    #[track_caller]
    fn visitors(&self) -> (Side<'_>, Side<'_>) {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for number in 10.. {
            let visitor = self.visitor(number);
            let side = if visitor.node() == self.nodes[0].name { &mut mine } else { &mut theirs };
            // A node whose last answer the edge has just sent may count as busy.
            if side.len() < 3 {
                side.push(visitor);
            }
            if mine.len() == 3 && theirs.len() == 3 {
                break;
            }
        }
        (Side { node: &self.nodes[0], visitors: mine }, Side { node: &self.nodes[1], visitors: theirs })
    }

    /// Waits until the edge knows that a node is up: clients it has never seen are sent there.
    #[track_caller]
    fn until_new_clients_reach(&self, node: &Node) {
        let deadline = Instant::now() + PATIENCE;
        for number in 10_000.. {
            let mut visitor =
                Visitor::new(self.kind, &format!("127.7.{}.{}", number / 250, number % 250 + 1));
            if visitor.ask(self, What::Open).node.as_ref() == Some(&node.name) {
                return;
            }
            assert!(Instant::now() < deadline, "new clients never reached {}", node.name);
        }
    }

    /// Waits until the edge's probes have found a node down.
    #[track_caller]
    fn until_down(&self, node: &Node) {
        self.edge.wrote(&format!("{}/{} is down", self.kind.pool(), node.name));
    }

    /// Lets time pass while a visitor is served.
    #[track_caller]
    fn pass(&self, time: Duration, visitor: &mut Visitor) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            visitor.ask(self, What::Post).served(&visitor.node(), "persisted");
        }
    }

    /// What must hold whatever happened: no request reached two nodes, none that changes something reached
    /// one twice, a repeated one came no more than twice, no visitor has moved more than once; and both
    /// ports still answer each from one node.
    #[track_caller]
    fn check(&self, sides: &mut [&mut Side<'_>]) {
        for visitor in sides.iter_mut().flat_map(|side| &mut side.visitors) {
            visitor.assert_one_node_on_both_ports(self);
            assert!(visitor.moves() <= 1, "{visitor:?}");
        }
        let mut reached: BTreeMap<String, (BTreeSet<&str>, usize, String)> = BTreeMap::new();
        for node in &self.nodes {
            for event in node.events().into_iter().filter(|event| event.what == "got") {
                let (nodes, times, method) = reached.entry(event.id).or_default();
                nodes.insert(&node.name);
                *times += 1;
                *method = event.method;
            }
        }
        for (id, (nodes, times, method)) in reached {
            assert_eq!(nodes.len(), 1, "{method} {id} reached {nodes:?}");
            assert!(times <= if method == "POST" { 1 } else { 2 }, "{method} {id} came {times} times");
        }
    }
}

/// A node and the visitors that live there.
struct Side<'s> {
    node: &'s Node,
    visitors: Vec<Visitor>,
}

impl Side<'_> {
    /// Every visitor goes on in its session here, as if nothing had happened.
    #[track_caller]
    fn goes_on(&mut self, setup: &Setup) {
        for visitor in &mut self.visitors {
            visitor.ask(setup, What::Post).served(&self.node.name, "persisted");
            assert_eq!(visitor.moves(), 0);
        }
    }

    /// Every visitor is met by `other`, which does not know it, and begins anew there.
    #[track_caller]
    fn moves_to(&mut self, other: &Node, setup: &Setup) {
        for visitor in &mut self.visitors {
            visitor.ask(setup, What::Post).unknown(&other.name, "redispatched");
            visitor.ask(setup, What::Open).served(&other.name, "persisted");
            visitor.ask(setup, What::Post).served(&other.name, "persisted");
            assert_eq!(visitor.moves(), 1);
        }
    }
}

/// An edge. Requests that fail do not eject: what follows from that is another matter.
#[track_caller]
fn start(nodes: &[Node; 2], keys: &Keys, group: &str, change: impl FnOnce(Farm) -> Farm) -> Edge {
    let farm = Farm::of([&nodes[0], &nodes[1]]).group(&format!("by: source_ip, {group}"));
    let mut farm = farm.web(keys, &format!(", {group}"));
    farm.pool.push_str(" ejection: { consecutive_failures: 1000 },");
    Edge::start(&change(farm).yaml())
}
