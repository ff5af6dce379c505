//! Recorded conversations of a real WCF client and service (`tests/fixtures/wcf`), replayed turn by turn.
//!
//! Two stand-in nodes hold the recording, but each knows only the contexts and tokens that it gave out itself:
//! as in life, a request that meets the other node ends in a fault.

use crate::support::client::{Client, Response};
use crate::support::edge::Edge;
use crate::support::farm::{ONE_PROBE, QUICK_PROBE};
use crate::support::http::{Framing, Head, answer, show};
use crate::support::origin::{Conn, Origin, Request};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The client of the recording; the user name inside says so.
const CLIENT: &str = "127.0.0.11";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One call as it was recorded.
struct Turn {
    /// 0: the service, 1: the security token service.
    port: usize,
    request: Head,
    request_body: Vec<u8>,
    /// The final response, without the `100 Continue` before it.
    response: Head,
    response_body: Vec<u8>,
}

impl Turn {
    /// The identifiers that the server made up in this turn: contexts and tokens.
    fn made(&self) -> HashSet<String> {
        let known = identifiers(&self.request_body);
        identifiers(&self.response_body).into_iter().filter(|id| !known.contains(id)).collect()
    }
}

/// Everything that looks like a UUID; all three encodings carry them as text.
fn identifiers(body: &[u8]) -> HashSet<String> {
    let dashes = [8, 13, 18, 23];
    let is_uuid = |w: &[u8]| {
        w.iter()
            .enumerate()
            .all(|(i, b)| if dashes.contains(&i) { *b == b'-' } else { b.is_ascii_hexdigit() })
    };
    body.windows(36).filter(|w| is_uuid(w)).map(|w| String::from_utf8(w.to_vec()).unwrap()).collect()
}

fn recording(kind: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "wcf", kind].iter().collect()
}

/// Cuts one direction of a connection into its messages.
fn messages(bytes: &[u8]) -> Vec<(Head, Vec<u8>)> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(CONTINUE) {
            rest = after;
            continue;
        }
        let end = rest.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head") + 4;
        let head = Head::parse(&rest[..end]);
        let Framing::Length(length) = Framing::of_request(&head) else { panic!("no length in {head:?}") };
        let (body, after) = rest[end..].split_at(length as usize);
        found.push((head, body.to_vec()));
        rest = after;
    }
    found
}

/// The turns of one recorded connection.
fn connection(kind: &str, name: &str) -> Vec<Turn> {
    let read = |direction: &str| std::fs::read(recording(kind).join(format!("{name}.{direction}"))).unwrap();
    let (requests, responses) = (messages(&read("request")), messages(&read("response")));
    assert_eq!(requests.len(), responses.len());
    let port = usize::from(name.ends_with("sts"));
    std::iter::zip(requests, responses)
        .map(|((request, request_body), (response, response_body))| {
            assert!(request.has_token("expect", "100-continue"), "as the README of the recordings says");
            Turn { port, request, request_body, response, response_body }
        })
        .collect()
}

/// The conversation with a connection per call.
fn closing() -> Vec<Turn> {
    let mut names: Vec<String> = std::fs::read_dir(recording("close"))
        .unwrap()
        .filter_map(|file| Some(file.unwrap().file_name().to_str()?.strip_suffix(".request")?.to_owned()))
        .collect();
    names.sort();
    let turns: Vec<Turn> = names.iter().flat_map(|name| connection("close", name)).collect();
    assert_eq!(turns.len(), 27, "three encodings, nine calls each");
    turns
}

/// The same conversation over one connection per port, in the order of its turns.
fn keeping() -> Vec<Turn> {
    let mut service = connection("keepalive", "01-service").into_iter();
    let mut sts = connection("keepalive", "02-sts").into_iter();
    let mut turns = Vec::new();
    for _encoding in 0..3 {
        turns.extend(service.by_ref().take(4));
        turns.extend(sts.next());
        turns.extend(service.by_ref().take(4));
    }
    assert_eq!((turns.len(), service.count(), sts.count()), (27, 0, 0));
    turns
}

/// A node that answers with the recording what it can know, and with a fault what it cannot.
fn node(name: &'static str, turns: Arc<Vec<Turn>>) -> Origin {
    let given_out: HashSet<String> = turns.iter().flat_map(Turn::made).collect();
    // What this node gave out itself, and which turns it has played.
    let memory: Arc<Mutex<(HashSet<String>, HashSet<usize>)>> = Arc::default();
    Origin::with_ports(2, move |mut conn: Conn| {
        while let Some(head) = conn.head() {
            // The client sends no body before this.
            conn.send(CONTINUE);
            let Some(request) = conn.body(head) else { return };
            let mut memory = memory.lock().unwrap();
            let (known, played) = &mut *memory;
            let needed: Vec<_> = identifiers(&request.body).intersection(&given_out).cloned().collect();
            let turn = turns.iter().enumerate().find(|(number, turn)| {
                turn.request.target() == request.head.target()
                    && turn.request_body == request.body
                    && !played.contains(number)
            });
            let Some((number, turn)) = turn.filter(|_| needed.iter().all(|id| known.contains(id))) else {
                conn.send(answer("500 Internal Server Error", &format!("X-Node: {name}\r\n"), b"<Fault/>"));
                continue;
            };
            known.extend(turn.made());
            // The same call twice is two turns: a Get says the same every time.
            played.insert(number);
            conn.send([turn.response.raw.as_slice(), &turn.response_body].concat());
            if turn.response.has_token("connection", "close") {
                return;
            }
        }
    })
}

fn start(nodes: [&Origin; 2], group: &str, probe: &str) -> Edge {
    let [a, b] = nodes;
    let backends =
        |port| format!("[ {{ node: a, port: {} }}, {{ node: b, port: {} }} ]", a.port(port), b.port(port));
    Edge::start(&format!(
        "listeners:\n  service: {{ bind: \"127.0.0.1:0\" }}\n  sts: {{ bind: \"127.0.0.1:0\" }}\n\
         nodes:\n  a: {{ address: 127.0.0.1 }}\n  b: {{ address: 127.0.0.1 }}\n\
         persistence:\n  mim: {{ by: source_ip{group} }}\n\
         pools:\n  service: {{ role: mim_service, {probe}, nodes: {} }}\n  \
         sts: {{ role: mim_sts, {probe}, nodes: {} }}\n\
         routes:\n  - {{ listener: service, pool: service, persistence: mim }}\n  \
         - {{ listener: sts, pool: sts, persistence: mim }}\n",
        backends(0),
        backends(1)
    ))
}

/// A head without what belongs to one connection only.
fn lasting(head: &Head) -> (String, Vec<(String, String)>) {
    let hop = ["connection", "keep-alive", "proxy-connection"];
    let kept = head.headers.iter().filter(|(name, _)| !hop.contains(&name.to_ascii_lowercase().as_str()));
    (head.start.clone(), kept.cloned().collect())
}

/// Sends the head, waits for the 100, sends the body.
#[track_caller]
fn play(client: &mut Client, turn: &Turn) -> Response {
    client.send(&turn.request.raw);
    let interim = client.wire.head().unwrap().expect("an answer to Expect");
    assert_eq!(interim.raw, CONTINUE, "{}", show(&interim.raw));
    client.send(&turn.request_body);
    let response = client.response();
    assert!(response.interim.is_empty(), "one 100 is enough: {response:?}");
    response
}

#[track_caller]
fn assert_recorded(response: &Response, turn: &Turn) {
    assert_eq!(lasting(&response.head), lasting(&turn.response), "to {}", show(&turn.request.raw));
    assert_eq!(show(&response.body), show(&turn.response_body));
    assert!(response.body == turn.response_body);
}

/// What reached the nodes is what the client sent.
#[track_caller]
fn assert_unchanged(requests: &[Request], turns: &[Turn]) {
    assert_eq!(requests.len(), turns.len());
    for (arrived, turn) in std::iter::zip(requests, turns) {
        let (start, mut headers) = lasting(&arrived.head);
        headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("x-forwarded-"));
        assert_eq!((start, headers), lasting(&turn.request));
        assert!(arrived.body == turn.request_body, "{}", show(&arrived.body));
        assert_eq!(arrived.port, turn.port);
        assert!(arrived.head.value("via").is_none() && arrived.head.value("cookie").is_none());
    }
}

/// The nodes' requests in the order of the conversation, which is strictly one after the other.
fn served(nodes: [&Origin; 2]) -> [usize; 2] {
    nodes.map(|node| node.requests().len())
}

#[test]
fn a_connection_per_call() {
    let turns = Arc::new(closing());
    let (a, b) = (node("a", turns.clone()), node("b", turns.clone()));
    let edge = start([&a, &b], "", QUICK_PROBE);
    let addresses = [edge.address("service"), edge.address("sts")];
    for turn in turns.iter() {
        let mut client = Client::connect_from(CLIENT, addresses[turn.port]);
        let response = play(&mut client, turn);
        assert_recorded(&response, turn);
        assert!(response.head.values("set-cookie").is_empty());
        client.expect_closed();
    }
    let placed = if served([&a, &b]) == [27, 0] { &a } else { &b };
    assert_unchanged(&placed.requests(), &turns);
}

#[test]
fn one_connection_per_port() {
    let turns = Arc::new(keeping());
    let (a, b) = (node("a", turns.clone()), node("b", turns.clone()));
    let edge = start([&a, &b], "", ONE_PROBE);
    let mut clients = ["service", "sts"].map(|name| Client::connect_from(CLIENT, edge.address(name)));
    for turn in turns.iter() {
        let response = play(&mut clients[turn.port], turn);
        assert_recorded(&response, turn);
        assert!(!response.head.has_token("connection", "close"), "Expect costs no connection: {response:?}");
    }
    let placed = if served([&a, &b]) == [27, 0] { &a } else { &b };
    assert_unchanged(&placed.requests(), &turns);
    let connections = placed.records().connections.len();
    assert_eq!(connections, 2, "one client connection per port needs one upstream connection per port");
}

#[test]
fn a_static_client_on_either_node() {
    for home in ["a", "b"] {
        for turns in [Arc::new(closing()), Arc::new(keeping())] {
            let (a, b) = (node("a", turns.clone()), node("b", turns.clone()));
            let edge = start([&a, &b], &format!(", static: {{ \"{CLIENT}/32\": {home} }}"), "slow_start: 0s");
            for turn in turns.iter() {
                let name = ["service", "sts"][turn.port];
                let mut client = Client::connect_from(CLIENT, edge.address(name));
                assert_recorded(&play(&mut client, turn), turn);
            }
            assert_eq!(served([&a, &b]), if home == "a" { [27, 0] } else { [0, 27] });
        }
    }
}

#[test]
fn the_other_node_would_have_answered_with_a_fault() {
    let turns = Arc::new(closing());
    let (a, b) = (node("a", turns.clone()), node("b", turns.clone()));
    let edge = start([&a, &b], ", static: { \"127.0.0.11/32\": a, \"127.0.0.12/32\": b }", QUICK_PROBE);
    let (made, spent) = (&turns[0], &turns[1]);
    let call = |from, turn: &Turn| play(&mut Client::connect_from(from, edge.address("service")), turn);
    call("127.0.0.11", made).expect(200);
    assert_eq!(call("127.0.0.12", spent).expect(500).text(), "<Fault/>");
    call("127.0.0.11", spent).expect(200);
}
