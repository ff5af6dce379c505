//! Cookie persistence: browsers carry their node with them.

mod keys;

use crate::support::Gate;
use crate::support::client::{Client, Response, once, once_from};
use crate::support::edge::{Edge, Keys};
use crate::support::farm::{ONE_PROBE, QUICK_PROBE, site};
use crate::support::http::answer;
use crate::support::mim::{self, MimNode};
use crate::support::origin::Origin;
use serde_json::Value;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// A GET with header lines (each with CRLF).
fn get_with(headers: &str) -> String {
    format!("GET /page HTTP/1.1\r\nHost: edge.test\r\n{headers}\r\n")
}

/// `EDGE=value` out of the Set-Cookie line that is the edge's, if there is one.
fn issued(response: &Response) -> Option<String> {
    let lines = response.head.values("set-cookie");
    let ours: Vec<&str> = lines.into_iter().filter(|line| line.starts_with("EDGE=")).collect();
    assert!(ours.len() <= 1, "{response:?}");
    Some(ours.first()?.split(';').next().unwrap().to_owned())
}

/// A request that carries a cookie.
#[track_caller]
fn with_cookie(from: &str, to: SocketAddr, cookie: &str) -> Response {
    once_from(from, to, get_with(&format!("Cookie: {cookie}\r\n"))).expect(200)
}

/// A first visit: the node and the cookie.
#[track_caller]
fn visit(from: &str, to: SocketAddr) -> (String, String) {
    let response = once_from(from, to, get_with("")).expect(200);
    let cookie = issued(&response).unwrap_or_else(|| panic!("no cookie: {response:?}"));
    (response.node(), cookie)
}

#[test]
fn a_browser_gets_its_cookie_once_and_follows_it_from_any_address() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: cookie"));
    let web = edge.address("web");
    let visits: Vec<_> = (11..19).map(|n| visit(&format!("127.0.0.{n}"), web)).collect();
    let nodes: HashSet<&String> = visits.iter().map(|(node, _)| node).collect();
    assert_eq!(nodes.len(), 2, "or following the cookie would prove nothing");
    for (n, (node, cookie)) in visits.iter().enumerate() {
        for address in 0..4 {
            let response = with_cookie(&format!("127.0.{address}.{}", 100 + n), web, cookie);
            assert_eq!(&response.node(), node);
            assert_eq!(issued(&response), None, "it is sent again only when it changes");
        }
    }
    let entry = edge.next_request(|e| e["client"] == "127.0.3.100");
    assert_eq!((&entry["outcome"], &entry["node"]), (&"persisted".into(), &visits[0].0.clone().into()));
}

#[test]
fn the_cookie_has_the_attributes_that_were_configured() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: cookie"));
    let response = once(edge.address("web"), get_with("")).expect(200);
    let line = response.head.value("set-cookie").unwrap();
    let mut attributes: Vec<String> = line.split(';').skip(1).map(|a| a.trim().to_lowercase()).collect();
    attributes.sort();
    assert_eq!(attributes, ["httponly", "path=/", "samesite=lax"], "{line}");
    let value = line.split(';').next().unwrap().strip_prefix("EDGE=").unwrap();
    assert!(value.len() > 40 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    assert!(!line.contains("portal") && !line.contains("127.0.0"), "it tells nobody where it leads: {line}");
}

#[test]
fn no_cache_keeps_the_response_that_sets_the_cookie() {
    let origin = Origin::answering(|_| answer("200 OK", "Cache-Control: public, s-maxage=600\r\n", b"x"));
    let keys = Keys::new();
    let edge = Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  one: {{ address: 127.0.0.1 }}\n\
         persistence:\n  site: {{ by: cookie, cookie: {{ name: EDGE, keys: [ \"{}\" ] }} }}\npools:\n  \
         site: {{ {ONE_PROBE}, nodes: [ {{ node: one, port: {} }} ] }}\nroutes:\n  \
         - {{ listener: web, pool: site, persistence: site }}\n",
        keys.path().display(),
        origin.port(0)
    ));
    let first = once(edge.address("web"), get_with("")).expect(200);
    let cookie = issued(&first).unwrap();
    let says = |word| first.head.has_token("cache-control", word);
    assert!(says("no-store") || says("private"), "{first:?}");
    assert!(!says("public") && !says("s-maxage=600"), "{first:?}");

    let second = once(edge.address("web"), get_with(&format!("Cookie: {cookie}\r\n"))).expect(200);
    assert_eq!(issued(&second), None);
    assert_eq!(second.head.value("cache-control"), Some("public, s-maxage=600"));
}

#[test]
fn applications_keep_their_cookies_and_never_see_ours() {
    let lines = "Set-Cookie: a=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT\r\nX-Between: 1\r\n\
                 Set-Cookie: b=2, still b; HttpOnly\r\nset-cookie: EDGES=3\r\nX-Node: one\r\n";
    let origin = Origin::answering(move |_| answer("200 OK", lines, b"x"));
    let keys = Keys::new();
    let edge = Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  one: {{ address: 127.0.0.1 }}\n\
         persistence:\n  site: {{ by: cookie, cookie: {{ name: EDGE, keys: [ \"{}\" ] }} }}\npools:\n  \
         site: {{ {ONE_PROBE}, nodes: [ {{ node: one, port: {} }} ] }}\nroutes:\n  \
         - {{ listener: web, pool: site, persistence: site }}\n",
        keys.path().display(),
        origin.port(0)
    ));
    let web = edge.address("web");
    let first = once(web, get_with("")).expect(200);
    let cookie = issued(&first).unwrap();
    let theirs: Vec<&str> =
        first.head.values("set-cookie").into_iter().filter(|l| !l.starts_with("EDGE=")).collect();
    let expected =
        ["a=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "b=2, still b; HttpOnly", "EDGES=3"];
    assert_eq!(theirs, expected, "every line by itself, in order");

    let pairs = |line: &str| line.split(';').map(|p| p.trim().to_owned()).collect::<Vec<_>>();
    let arrived = |headers: &str| {
        once(web, get_with(headers)).expect(200);
        let last = origin.requests().pop().unwrap();
        last.head.values("cookie").into_iter().map(pairs).collect::<Vec<_>>()
    };
    let none: Vec<Vec<String>> = Vec::new();
    assert_eq!(arrived(&format!("Cookie: {cookie}\r\n")), none, "no empty header is left");
    assert_eq!(arrived(&format!("Cookie: a=1; {cookie}; b=\"2 3\"\r\n")), [["a=1", "b=\"2 3\""]]);
    assert_eq!(arrived(&format!("Cookie: {cookie}; xEDGE=1; EDGES=3\r\n")), [["xEDGE=1", "EDGES=3"]]);
    assert_eq!(
        arrived(&format!("Cookie: a=1\r\nCookie: {cookie}\r\nCookie: c=EDGE=1\r\n")),
        [["a=1"], ["c=EDGE=1"]]
    );
    assert_eq!(arrived("Cookie: EDGE=nonsense; a=1\r\n"), [["a=1"]], "forged ones are removed too");
}

#[test]
fn a_bad_cookie_is_no_cookie_and_the_log_says_why() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let (keys, strangers) = (Keys::new(), Keys::new());
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: cookie, first_requests: 1ms"));
    let other = Edge::start(&site([(&a, ""), (&b, "")], &strangers, ", by: cookie"));
    let web = edge.address("web");
    let (_, mine) = visit("127.0.0.11", web);
    let (_, second) = visit("127.0.0.12", web);
    let (_, foreign) = visit("127.0.0.13", other.address("web"));
    edge.next_request(|e| e["client"] == "127.0.0.11");
    edge.next_request(|e| e["client"] == "127.0.0.12");

    let last = if mine.ends_with('A') { "E" } else { "A" };
    let flipped = format!("{}{last}", &mine[..mine.len() - 1]);
    let middle = mine.len() / 2;
    let swapped = if &mine[middle..=middle] == "x" { "y" } else { "x" };
    let forged = format!("{}{swapped}{}", &mine[..middle], &mine[middle + 1..]);
    let bad = [
        ("forged", forged, &["forged"][..]),
        ("last character", flipped, &["forged", "malformed"]),
        ("truncated", mine[..mine.len() - 9].to_owned(), &["malformed"]),
        ("empty", "EDGE=".to_owned(), &["malformed"]),
        ("nonsense", "EDGE=../../etc/passwd".to_owned(), &["malformed"]),
        ("another farm's", foreign, &["unknown_key"]),
        ("oversized", format!("{mine}{}", "A".repeat(4000)), &["oversized"]),
        ("two", format!("{mine}; {second}"), &["duplicate"]),
    ];
    for (n, (what, cookie, reasons)) in bad.iter().enumerate() {
        let from = format!("127.0.6.{}", n + 1);
        let response = with_cookie(&from, web, cookie);
        let fresh = issued(&response).unwrap_or_else(|| panic!("{what}: treated as known: {response:?}"));
        assert_eq!(with_cookie("127.0.0.99", web, &fresh).node(), response.node(), "{what}");
        let entry = edge.next_request(|e| e["client"] == from.as_str());
        let said = |value: &Value| value.as_str().is_some_and(|s| reasons.iter().any(|r| s.contains(r)));
        assert!(entry.as_object().unwrap().values().any(said), "{what}: none of {reasons:?} in {entry}");
        assert_eq!(entry["outcome"], "fresh", "{what}: {entry}");
    }
}

#[test]
fn parallel_first_page_loads_land_on_one_node() {
    const LOADS: usize = 20;
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: cookie, first_requests: 30s"));
    let gate = Arc::new(Gate::default());
    [&a, &b].into_iter().for_each(|node| node.hold(&gate));
    let web = edge.address("web");
    let loads: Vec<_> = (0..LOADS)
        .map(|_| {
            std::thread::spawn(move || {
                let response = once_from("127.0.0.11", web, get_with("")).expect(200);
                (response.node(), issued(&response))
            })
        })
        .collect();
    gate.arrived(LOADS);
    gate.open();
    let (nodes, cookies): (HashSet<_>, HashSet<_>) = loads.into_iter().map(|l| l.join().unwrap()).unzip();
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    let node = nodes.into_iter().next().unwrap();
    // Whichever cookie the browser keeps, it leads there.
    let cookies: Vec<String> = cookies.into_iter().flatten().collect();
    assert!(!cookies.is_empty());
    for cookie in cookies {
        assert_eq!(with_cookie("127.0.0.12", web, &cookie).node(), node);
    }
}

#[test]
fn auto_tells_soap_clients_from_browsers() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: auto"));
    let web = edge.address("web");

    let soap = once_from("127.0.0.11", web, mim::enumerate()).expect(200);
    assert!(soap.head.values("set-cookie").is_empty(), "{soap:?}");
    let context = mim::element(&soap.text(), "Context").unwrap();
    let entry = edge.next_request(|_| true);
    assert_eq!((&entry["class"], &entry["outcome"]), (&"soap".into(), &"fresh".into()), "{entry}");

    let (node, cookie) = visit("127.0.0.12", web);
    let entry = edge.next_request(|_| true);
    assert_eq!((&entry["class"], &entry["outcome"]), (&"browser".into(), &"fresh".into()), "{entry}");

    for _ in 0..5 {
        let pulled = once_from("127.0.0.11", web, mim::pull(&context)).expect(200);
        assert!(pulled.head.values("set-cookie").is_empty());
        // The browser on the SOAP client's machine follows its cookie, not the address.
        assert_eq!(with_cookie("127.0.0.11", web, &cookie).node(), node);
    }
    // SOAP sent by a browser's script carries the cookie, and the cookie wins.
    for from in ["127.0.0.11", "127.0.0.30", "127.0.0.31", "127.0.0.32"] {
        let request = mim::enumerate().replacen("\r\n", &format!("\r\nCookie: {cookie}\r\n"), 1);
        assert_eq!(once_from(from, web, request).expect(200).node(), node);
    }
}

#[test]
fn a_dead_node_hands_its_browsers_over_with_a_new_cookie() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let edge = Edge::start(&site([(&a, ""), (&b, "")], &keys, ", by: cookie, hold: 300ms"));
    let web = edge.address("web");
    let (node, cookie) = visit("127.0.0.11", web);
    let (dead, other) = if node == a.name { (&a, &b) } else { (&b, &a) };
    dead.kill();
    let moved = with_cookie("127.0.0.11", web, &cookie);
    assert_eq!(moved.node(), other.name);
    let entry = edge.next_request(|e| e["node"] == other.name.as_str());
    assert_eq!(entry["outcome"], "redispatched", "{entry}");
    let cookie = issued(&moved).expect("a cookie for the new node");
    dead.origin.listen();
    let again = with_cookie("127.0.0.11", web, &cookie);
    assert_eq!((again.node(), issued(&again)), (other.name.clone(), None));
}

#[test]
fn a_draining_node_keeps_its_browsers_and_maintenance_moves_them() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let before = Edge::start(&site([(&a, ""), (&b, ", state: maintenance")], &keys, ", by: cookie"));
    let (node, cookie) = visit("127.0.0.11", before.address("web"));
    assert_eq!(node, a.name);

    let draining = Edge::start(&site([(&a, ", state: drain"), (&b, "")], &keys, ", by: cookie"));
    for n in 0..5 {
        assert_eq!(with_cookie("127.0.0.11", draining.address("web"), &cookie).node(), a.name);
        assert_eq!(visit(&format!("127.0.6.{}", n + 1), draining.address("web")).0, b.name);
    }
    let closed = Edge::start(&site([(&a, ", state: maintenance"), (&b, "")], &keys, ", by: cookie"));
    let moved = with_cookie("127.0.0.11", closed.address("web"), &cookie);
    assert_eq!(moved.node(), b.name);
    assert!(issued(&moved).is_some());
}

#[test]
fn the_group_named_by_two_routes_is_one_cookie() {
    let (a, b) = (MimNode::start("portal1"), MimNode::start("portal2"));
    let keys = Keys::new();
    let (nodes_a, nodes_b) = (a.origin.port(mim::SERVICE), b.origin.port(mim::SERVICE));
    let edge = Edge::start(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:0\" }}\nnodes:\n  portal1: {{ address: 127.0.0.1 }}\n  \
         portal2: {{ address: 127.0.0.1 }}\npersistence:\n  \
         site: {{ by: cookie, cookie: {{ name: EDGE, keys: [ \"{}\" ] }}, first_requests: 1ms }}\npools:\n  \
         site: {{ {QUICK_PROBE}, slow_start: 0s, nodes: [ {{ node: portal1, port: {nodes_a} }}, \
         {{ node: portal2, port: {nodes_b} }} ] }}\nroutes:\n  \
         - {{ listener: web, path: /page, pool: site, persistence: site }}\n  \
         - {{ listener: web, path: /other, pool: site, persistence: site }}\n",
        keys.path().display()
    ));
    let web = edge.address("web");
    for n in 11..17 {
        let (node, cookie) = visit(&format!("127.0.0.{n}"), web);
        let mut client = Client::connect(web);
        let other = format!("GET /other/page HTTP/1.1\r\nHost: edge.test\r\nCookie: {cookie}\r\n\r\n");
        let response = client.exchange(other).expect(200);
        assert_eq!((response.node(), issued(&response)), (node, None));
    }
}
