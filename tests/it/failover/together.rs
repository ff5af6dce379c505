//! Many requests of one client while its node fails: they move together, or not at all.

use super::Kind;
use super::visitors::identified;
use crate::support::client::{Client, once_from};
use crate::support::edge::{Edge, Keys};
use crate::support::farm::Farm;
use crate::support::mim;
use crate::support::node::Node;
use std::collections::BTreeSet;

both! { parallel_requests_move_to_one_node, parallel_requests_stay_where_the_node_comes_back }

const REQUESTS: usize = 60;

/// Three nodes, so that there are two to move to, and a client on one of them.
struct Scene {
    kind: Kind,
    nodes: [Node; 3],
    edge: Edge,
    cookie: String,
    home: usize,
    _keys: Keys,
}

impl Scene {
    #[track_caller]
    fn new(kind: Kind, hold: &str) -> Scene {
        let (nodes, keys) = (["mim1", "mim2", "mim3"].map(Node::start), Keys::new());
        let [a, b, c] = &nodes;
        let farm = Farm::of([a, b, c]).group(&format!("by: source_ip, hold: {hold}"));
        let edge = Edge::start(&farm.web(&keys, &format!(", hold: {hold}")).yaml());
        let mut scene = Scene { kind, nodes, edge, cookie: String::new(), home: 0, _keys: keys };
        let first =
            once_from("127.0.0.11", scene.edge.address(kind.listener()), scene.request("first")).expect(200);
        let home = first.node();
        scene.home = scene.nodes.iter().position(|node| node.name == home).unwrap();
        if let Some(line) = first.head.value("set-cookie") {
            scene.cookie = line.split(';').next().unwrap().to_owned();
        }
        scene
    }

    fn request(&self, id: &str) -> String {
        match self.kind {
            Kind::SourceIp => identified(&mim::enumerate(), id),
            Kind::Cookie => {
                let lines = format!("Host: h\r\nCookie: {}\r\nContent-Length: 0\r\n", self.cookie);
                format!("POST /login/{id} HTTP/1.1\r\n{lines}\r\n")
            }
        }
    }

    /// Many requests at once, SOAP on both ports; `meanwhile` happens when all are sent. Says who answered.
    #[track_caller]
    fn nodes_that_answer(&self, round: &str, meanwhile: impl FnOnce()) -> BTreeSet<String> {
        let ports = if self.kind == Kind::SourceIp { ["mim-service", "mim-sts"] } else { ["web"; 2] };
        let mut clients: Vec<Client> = Vec::new();
        for number in 0..REQUESTS {
            let mut client = Client::connect_from("127.0.0.11", self.edge.address(ports[number % 2]));
            client.send(self.request(&format!("{round}{number}")));
            clients.push(client);
        }
        meanwhile();
        let answers = clients.into_iter().map(|mut client| client.response().expect(200).node());
        answers.collect()
    }

    /// Each request has been carried out once, by one node.
    #[track_caller]
    fn assert_each_once(&self) {
        let mut got: Vec<String> = Vec::new();
        for node in &self.nodes {
            got.extend(node.events().into_iter().filter(|event| event.what == "got").map(|event| event.id));
        }
        let all = got.len();
        let different: BTreeSet<String> = got.into_iter().collect();
        assert_eq!(different.len(), all, "some came twice");
    }
}

fn parallel_requests_move_to_one_node(kind: Kind) {
    let scene = Scene::new(kind, "500ms");
    let home = &scene.nodes[scene.home];
    home.kill();
    let moved = scene.nodes_that_answer("a", || {});
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert!(!moved.contains(&home.name));
    home.restart();
    // The browser still sends its old cookie.
    assert_eq!(scene.nodes_that_answer("b", || {}), moved);
    scene.assert_each_once();
}

fn parallel_requests_stay_where_the_node_comes_back(kind: Kind) {
    let scene = Scene::new(kind, "25s");
    let home = &scene.nodes[scene.home];
    for round in ["a", "b", "c"] {
        home.kill();
        let stayed = scene.nodes_that_answer(round, || home.restart());
        assert_eq!(stayed, BTreeSet::from([home.name.clone()]));
    }
    scene.assert_each_once();
}
