//! `explain` says what the edge does: each answer is held against a running one.

mod refused;

use crate::support::client::{once_from, through_ipv4};
use crate::support::edge::{Edge, Keys, command, finish, said, write};
use crate::support::farm::{Farm, site};
use crate::support::mim::{self, MimNode};
use serde_json::Value;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use tempfile::TempDir;

const SERVICE: &str = "mim-service";

fn nodes() -> [MimNode; 2] {
    ["mim1", "mim2"].map(MimNode::start)
}

/// A configuration in a file, to be explained.
struct Asked {
    folder: TempDir,
}

impl Asked {
    fn new(yaml: &str) -> Asked {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "edge.yaml", yaml);
        Asked { folder }
    }

    /// The configuration of a running edge: with the addresses that the system chose.
    fn of(edge: &Edge, yaml: &str, listeners: &[&str]) -> Asked {
        let mut yaml = yaml.to_owned();
        for listener in listeners {
            for bind in ["127.0.0.1:0", "[::]:0"] {
                let real = edge.address(listener).to_string();
                let from = format!("{listener}: {{ bind: \"{bind}\"");
                yaml = yaml.replace(&from, &format!("{listener}: {{ bind: \"{real}\""));
            }
        }
        let admin = format!("admin: {{ bind: \"{}\"", edge.admin());
        match yaml.contains("admin: {") {
            true => Asked::new(&yaml.replace("admin: { bind: \"127.0.0.1:0\"", &admin)),
            false => Asked::new(&format!("{yaml}\n{admin} }}\n")),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        finish(command(["explain", "--config"]).arg(self.folder.path().join("edge.yaml")).args(arguments))
    }

    /// What people read.
    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What machines read.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The value of a row.
#[track_caller]
fn row<'t>(text: &'t str, name: &str) -> &'t str {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no row {name} in\n{text}")).trim_start()
}

/// A URL of MIM Service on this listener.
fn enumeration(address: SocketAddr) -> String {
    format!("http://{address}/ResourceManagementService/Enumeration")
}

#[test]
fn every_rule_is_told_in_words() {
    let [a, b] = nodes();
    for (rule, words) in [
        ("least_pins", "least_pins: the node with the fewest pins for its weight"),
        ("least_requests", "least_requests: the node with the fewest requests in flight for its weight"),
        ("round_robin", "round_robin: each node in turn, by weight"),
        ("hash", "hash: the node that the client's key and the nodes' names hash to"),
    ] {
        let farm = Farm::of([&a, &b]).group(&format!("by: source_ip, first_choice: {rule}"));
        let asked = Asked::new(
            &farm
                .yaml()
                .replace("mim-service: { bind: \"127.0.0.1:0\"", "mim-service: { bind: \"127.0.0.1:5725\""),
        );
        let text =
            asked.text(&["--client", "10.20.3.7", "POST", "http://mim:5725/ResourceManagementService/MEX"]);
        assert_eq!(row(&text, "listener"), "mim-service (127.0.0.1:5725)");
        assert_eq!(row(&text, "route"), "mim-service:*/");
        assert_eq!((row(&text, "pool"), row(&text, "group")), ("mim-service", "mim"));
        assert_eq!(row(&text, "class"), "soap: its path is one of MIM Service's");
        assert_eq!(row(&text, "known by"), "its address: the group knows all its clients so");
        assert_eq!(row(&text, "key"), "10.20.3.7");
        assert_eq!(row(&text, "first choice"), words);
        let node = row(&text, "node");
        match rule {
            "hash" => assert!(node.ends_with(", if every node is up: the hash of its key"), "{node}"),
            _ => assert_eq!(node, "by the first choice, when it comes"),
        }
        let now = row(&text, "now");
        assert!(now.starts_with("unknown without the running edge: "), "{now}");
        let column = text.lines().map(|line| line.len() - line[14..].trim_start().len());
        assert!(column.collect::<Vec<_>>().iter().all(|at| *at == 14), "aligned:\n{text}");
    }
}

#[test]
fn the_node_of_a_hash_is_where_a_new_client_goes() {
    let [a, b] = nodes();
    let farm = Farm::of([&a, &b]).group("by: source_ip, first_choice: hash").node("mim2", "weight: 2");
    let edge = Edge::start(&farm.yaml());
    let asked = Asked::of(&edge, &farm.yaml(), &[SERVICE, "mim-sts"]);
    let service = edge.address(SERVICE);
    for last in 1..9 {
        let client = format!("127.0.7.{last}");
        let before = asked.json(&["--client", &client, "POST", &enumeration(service)]);
        assert_eq!((&before["because"], &before["edge"]["pin"]), (&"hash".into(), &Value::Null), "{before}");
        let served = once_from(&client, service, mim::enumerate()).expect(200).node();
        assert_eq!(before["node"], served, "{before}");
    }
}

#[test]
fn the_running_edge_says_where_a_client_is() {
    let [a, b] = nodes();
    let farm = Farm::of([&a, &b]);
    let edge = Edge::start(&farm.yaml());
    let asked = Asked::of(&edge, &farm.yaml(), &[SERVICE, "mim-sts"]);
    let url = enumeration(edge.address(SERVICE));
    let served = once_from("127.0.0.21", edge.address(SERVICE), mim::enumerate()).expect(200).node();
    edge.let_go_of("127.0.0.21");
    let told = asked.json(&["--client", "127.0.0.21", "POST", &url]);
    let pin = &told["edge"]["pin"];
    assert_eq!(
        (&pin["node"], &pin["in_flight"], &pin["group"]),
        (&served.clone().into(), &0.into(), &"mim".into())
    );
    let text = asked.text(&["--client", "127.0.0.21", "POST", &url]);
    assert!(row(&text, "now").starts_with(&format!("{served}; idle for ")), "{text}");
    let stranger = asked.text(&["--client", "127.0.0.22", "POST", &url]);
    assert!(row(&stranger, "now").starts_with("nowhere: the running edge does not know it"), "{stranger}");
    // By the other port the client is the same one.
    let sts = format!("http://{}/x", edge.address("mim-sts"));
    let told = asked.json(&["--client", "127.0.0.21", "GET", &sts]);
    assert_eq!((&told["pool"], &told["edge"]["pin"]["node"]), (&"mim-sts".into(), &served.into()));
}

#[test]
fn homes_and_prefixes_are_those_of_requests() {
    let [a, b] = nodes();
    let group = "by: source_ip, source_ip: { ipv4_prefix: 24, ipv6_prefix: 64 }, \
                 static: { \"127.0.3.0/24\": mim2, \"2001:db8::/32\": mim1 }";
    let mut farm = Farm::of([&a, &b]).group(group);
    farm.bind = "\"[::]:0\"".to_owned();
    let edge = Edge::start(&farm.yaml());
    let asked = Asked::of(&edge, &farm.yaml(), &[SERVICE, "mim-sts"]);
    let service = through_ipv4(edge.address(SERVICE));
    let url = enumeration(service);
    for (client, key, node) in [
        ("127.0.3.9", "127.0.3.0", Some("mim2")),
        ("::ffff:127.0.3.9", "127.0.3.0", Some("mim2")),
        ("2001:db8::1:2", "2001:db8::", Some("mim1")),
        ("2001:db9:0:1:2::", "2001:db9:0:1::", None),
    ] {
        let told = asked.json(&["--client", client, "POST", &url]);
        assert_eq!(told["key"], key, "{told}");
        assert_eq!((&told["node"], &told["why"]), (&node.into(), &node.map_or("group", |_| "static").into()));
    }
    assert_eq!(once_from("127.0.3.9", service, mim::enumerate()).expect(200).node(), "mim2");
    let entry = edge.next_request(|_| true);
    assert_eq!((&entry["key"], &entry["why"]), (&"127.0.3.0".into(), &"static".into()), "{entry}");
    edge.let_go_of("127.0.3.9");
    let text = asked.text(&["--client", "::ffff:127.0.3.9", "POST", &url]);
    assert_eq!((row(&text, "client"), row(&text, "node")), ("127.0.3.9", "mim2, its home by static"));
    assert!(row(&text, "now").starts_with("mim2; idle for "), "{text}");
}

#[test]
fn a_home_in_maintenance_takes_nobody() {
    let [a, b] = nodes();
    let farm = Farm::of([&a, &b])
        .group("by: source_ip, first_choice: hash, static: { 10.0.0.0/8: mim1 }")
        .node("mim1", "state: maintenance");
    let yaml = farm.yaml().replacen("127.0.0.1:0", "127.0.0.1:5725", 1);
    let text = Asked::new(&yaml).text(&["--client", "10.1.1.1", "GET", "http://mim:5725/"]);
    let expected =
        "mim2, if every node is up: the hash of its key; its home by static, mim1, takes nobody now";
    assert_eq!(row(&text, "node"), expected);
}

#[test]
fn class_and_cookie_are_judged_as_those_of_requests() {
    let [a, b] = nodes();
    let (keys, others) = (Keys::new(), Keys::new());
    let yaml = site([(&a, ""), (&b, "")], &keys, ", by: auto");
    let edge = Edge::start(&yaml);
    let web = edge.address("web");
    let asked = Asked::of(&edge, &yaml, &["web"]);
    let stranger = Edge::start(&site([(&a, ""), (&b, "")], &others, ", by: auto"));
    let issued = |edge: &Edge| {
        let answer =
            once_from("127.0.0.90", edge.address("web"), "GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect(200);
        let line = answer.head.value("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        (answer.node(), line)
    };
    let (served, good) = issued(&edge);
    edge.next_request(|entry| entry["client"] == "127.0.0.90");
    let (_, foreign) = issued(&stranger);
    let forged = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'B' } else { 'A' });
    let mut last = 100;
    for (lines, path) in [
        (vec![], "/page".to_owned()),
        (vec!["Content-Type: application/soap+xml; charset=utf-8".to_owned()], "/page".to_owned()),
        (vec!["Content-Type: text/xml".into(), "SOAPAction: \"\"".into()], "/a?b=c".to_owned()),
        (vec!["Content-Type: text/xml".into()], "/page".to_owned()),
        (vec![], "/resourcemanagementservice/MEX".to_owned()),
        (vec![format!("Cookie: a=b; {good}")], "/page".to_owned()),
        (vec![format!("Cookie: {good}"), "Content-Type: application/soap+xml".into()], "/page".to_owned()),
        (vec![format!("Cookie: {foreign}")], "/page".to_owned()),
        (vec![format!("Cookie: {forged}")], "/page".to_owned()),
        (vec!["Cookie: EDGE=".into()], "/page".to_owned()),
        (vec![format!("Cookie: {good}; EDGE=x")], "/page".to_owned()),
    ] {
        last += 1;
        let client = format!("127.0.0.{last}");
        let url = format!("http://{web}{path}");
        let mut arguments = vec!["--client", client.as_str()];
        lines.iter().for_each(|line| arguments.extend(["--header", line.as_str()]));
        arguments.extend(["GET", url.as_str()]);
        let told = asked.json(&arguments);
        let fields: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {web}\r\n{fields}\r\n");
        once_from(&client, web, request);
        let entry = edge.next_request(|entry| entry["client"] == client.as_str());
        for name in ["listener", "route", "pool", "group", "class", "why", "key", "client"] {
            assert_eq!(told[name], entry[name], "{name} of {lines:?}: {told} and {entry}");
        }
        assert_eq!(told["cookie"].get("reason").unwrap_or(&Value::Null), &entry["cookie"], "{told}");
        if told["cookie"]["state"] == "valid" {
            let from_cookie = (&told["node"], &told["because"], &told["known_by"]);
            assert_eq!(from_cookie, (&entry["node"], &"cookie".into(), &"cookie".into()), "{told}");
        }
    }
    let cookie = format!("Cookie: {good}");
    let text = asked.text(&["--client", "10.0.0.1", "--header", &cookie, "GET", &format!("http://{web}/")]);
    assert!(row(&text, "cookie").starts_with(&format!("good, for {served}; first one ")), "{text}");
    assert_eq!(row(&text, "node"), format!("{served}, named by its cookie"));
    assert_eq!(row(&text, "known by"), "its cookie: it has a good persistence cookie");
    assert!(!text.contains("\nnow ") && !text.contains("\nkey "), "a cookie says where it is: {text}");
}

#[test]
fn the_token_is_sent_and_a_wrong_one_is_told() {
    let [a, b] = nodes();
    let folder = tempfile::tempdir().unwrap();
    let file = |name, token| {
        let file = write(folder.path(), name, token);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file.display().to_string()
    };
    let (right, wrong) =
        (file("right", "0123456789abcdef-right\n"), file("wrong", "0123456789abcdef-wrong\n"));
    let mut farm = Farm::of([&a, &b]);
    farm.more = format!("admin: {{ bind: \"127.0.0.1:0\", token_file: \"{right}\" }}\n");
    let edge = Edge::start(&farm.yaml());
    let url = enumeration(edge.address(SERVICE));
    let now = |yaml: &str| {
        let asked = Asked::of(&edge, yaml, &[SERVICE, "mim-sts"]);
        row(&asked.text(&["--client", "127.0.0.1", "POST", &url]), "now").to_owned()
    };
    let address = edge.admin();
    assert!(now(&farm.yaml()).starts_with("nowhere"), "{}", now(&farm.yaml()));
    let refused = now(&farm.yaml().replace(&right, &wrong));
    assert_eq!(
        refused,
        format!("unknown: the edge at {address} does not know the token of admin.token_file")
    );
    let none = now(&farm.yaml().replace(&format!(", token_file: \"{right}\""), ""));
    assert_eq!(none, format!("unknown: the edge at {address} wants a token, and admin.token_file is null"));
}
