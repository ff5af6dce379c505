//! The process: its command line, what it says about a configuration, how it starts and how it ends.

use crate::support::Gate;
use crate::support::client::{Client, get, once};
use crate::support::edge::{Edge, command, finish, said, write};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use rustix::process::Signal;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

fn origin() -> Origin {
    Origin::answering(|_| answer("200 OK", "", b"ok"))
}

/// Runs `check` on a configuration: its exit code and everything it said.
fn check(yaml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = finish(command(["check"]).arg(write(folder.path(), "edge.yaml", yaml)));
    (output.status.code(), said(&output))
}

#[test]
fn help_and_version() {
    let help = finish(&mut command(["--help"]));
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).unwrap();
    for word in ["run", "check", "keys"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    let version = finish(&mut command(["--version"]));
    assert_eq!(version.status.code(), Some(0));
    let text = String::from_utf8(version.stdout).unwrap();
    assert_eq!(text.trim(), concat!("identity-edge ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_2() {
    let usages: [&[&str]; 7] = [
        &[],
        &["frobnicate"],
        &["run"],
        &["run", "--config"],
        &["run", "--config", "edge.yaml", "--nonsense"],
        &["check"],
        &["keys", "frobnicate", "keys.txt"],
    ];
    for usage in usages {
        let output = finish(command([]).args(usage));
        assert_eq!(output.status.code(), Some(2), "{usage:?}: {}", said(&output));
        assert!(!output.stderr.is_empty(), "{usage:?}");
    }
}

#[test]
fn check_accepts_a_good_configuration() {
    let (code, said) = check(&single(&origin(), "", ""));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn check_warns_without_failing() {
    let good = single(&origin(), "", "");
    let (code, said) = check(&good.replace("  web: {", "  spare: { bind: \"127.0.0.1:0\" }\n  web: {"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("warning") && said.contains("listeners.spare"), "{said}");
}

#[test]
fn check_tells_place_value_and_remedy() {
    let good = single(&origin(), "", "");
    // Where it is wrong, and what must be said about it.
    let bad: [(String, &[&str]); 9] = [
        (
            good.replace("one: { address: 127.0.0.1 }", "one: { address: 127.0.0.1, weight: 0 }"),
            &["edge.yaml:4:", "nodes.one.weight", "0", "256"],
        ),
        (good.replace("pool: app", "pool: ap"), &["edge.yaml:8:", "routes[0].pool", "ap"]),
        (good.replace("node: one", "node: two"), &["edge.yaml:6:", "pools.app.nodes[0]", "two"]),
        (good.replace("address:", "adress:"), &["edge.yaml:4:", "nodes.one", "adress"]),
        (format!("{good}listeners: {{}}\n"), &["edge.yaml:9:", "listeners"]),
        (
            good.replace("\"127.0.0.1:0\"", "\"127.0.0.1\""),
            &["edge.yaml:2:", "listeners.web.bind", "127.0.0.1"],
        ),
        (good.replace("timeout: 2s", "timeout: 2"), &["edge.yaml:6:", "pools.app.probe.timeout", "2"]),
        (
            good.replace("\"127.0.0.1:0\"", "\"${IDENTITY_EDGE_NOT_SET}\""),
            &["edge.yaml:2:", "listeners.web.bind", "IDENTITY_EDGE_NOT_SET"],
        ),
        (format!("{good}unheard_of: 1\n"), &["edge.yaml:9:", "unheard_of"]),
    ];
    for (yaml, words) in bad {
        assert_ne!(yaml, good);
        let (code, said) = check(&yaml);
        assert_eq!(code, Some(1), "{said}\n{yaml}");
        for word in words {
            assert!(said.contains(word), "{word:?} is missing in\n{said}\nabout\n{yaml}");
        }
    }
}

#[test]
fn check_tells_all_errors_at_once() {
    let good = single(&origin(), "", "");
    let yaml =
        good.replace("pool: app", "pool: ap").replace("address: 127.0.0.1", "address: 127.0.0.1, weight: 0");
    let (code, said) = check(&yaml);
    assert_eq!(code, Some(1));
    assert!(said.contains("routes[0].pool") && said.contains("nodes.one.weight"), "{said}");
}

#[test]
fn check_tells_what_is_no_yaml_and_what_is_no_file() {
    let (code, said) = check("listeners: { web: { bind: \"127.0.0.1:0\" }\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("edge.yaml"), "{said}");
    let output = finish(&mut command(["check", "/nonexistent/edge.yaml"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(crate::support::edge::said(&output).contains("/nonexistent/edge.yaml"));
}

#[test]
fn check_shows_defaults_that_it_accepts_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "edge.yaml", &single(&origin(), "", ""));
    let shown = finish(command(["check"]).arg(&file).arg("--show-defaults"));
    assert_eq!(shown.status.code(), Some(0), "{}", said(&shown));
    let text = String::from_utf8(shown.stdout).unwrap();
    for name in ["timeouts", "connect", "header_timeout", "grace", "keepalive"] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    let (code, said) = check(&text);
    assert_eq!(code, Some(0), "{said}\n{text}");
}

#[test]
fn run_refuses_a_bad_configuration() {
    let mut edge = Edge::spawn("listeners: 7\n");
    assert_eq!(edge.wait_exit().code(), Some(1));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let yaml = single(&origin, "", "").replace("127.0.0.1:0", &address);
    let output = finish(command(["run", "--config"]).arg(write(folder.path(), "edge.yaml", &yaml)));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let said = said(&output);
    assert!(said.contains(&address) && said.contains("in use") && said.contains("web"), "{said}");
}

#[test]
fn relative_paths_and_the_environment_are_the_files() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("conf")).unwrap();
    let keys = finish(command(["keys", "new"]).arg(folder.path().join("conf/keys.txt")));
    assert!(keys.status.success(), "{}", said(&keys));
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, persistence: site }")
        + "persistence:\n  site: { by: cookie, cookie: { name: \"${EDGE_COOKIE}\", keys: [ keys.txt ] } }\n";
    let file = write(&folder.path().join("conf"), "edge.yaml", &yaml);
    let output = finish(command(["check"]).arg(file).env("EDGE_COOKIE", "EDGE").current_dir("/"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// An origin that answers once the gate is open, and the gate.
fn gated() -> (Origin, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.wait();
        answer("200 OK", "", b"late but whole")
    });
    (origin, gate)
}

#[test]
fn a_request_in_flight_is_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let (origin, gate) = gated();
        let mut edge = Edge::start(&single(&origin, "", "shutdown: { grace: 10m }\n"));
        let web = edge.address("web");
        let mut client = Client::connect(web);
        client.send(get("/x"));
        gate.arrived(1);
        edge.signal(signal);
        // It stops listening first.
        let deadline = std::time::Instant::now() + crate::support::PATIENCE;
        while TcpStream::connect(web).is_ok() {
            assert!(std::time::Instant::now() < deadline, "it still listens");
        }
        gate.open();
        let response = client.response().expect(200);
        assert_eq!(response.text(), "late but whole");
        client.expect_closed();
        assert_eq!(edge.wait_exit().code(), Some(0));
        edge.next_request(|entry| entry["status"] == 200);
    }
}

#[test]
fn an_idle_edge_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let origin = origin();
        // Whoever slept through the grace period would fail the test's patience.
        let mut edge = Edge::start(&single(&origin, "", "shutdown: { grace: 10m }\n"));
        let mut idle = Client::connect(edge.address("web"));
        idle.exchange(get("/x")).expect(200);
        let mut silent = Client::connect(edge.address("web"));
        once(edge.address("web"), get("/x")).expect(200);
        edge.signal(signal);
        assert_eq!(edge.wait_exit().code(), Some(0));
        idle.expect_closed();
        silent.expect_closed();
    }
}

#[test]
fn the_grace_period_ends() {
    let (origin, gate) = gated();
    let mut edge = Edge::start(&single(&origin, "", "shutdown: { grace: 1s }\n"));
    let mut client = Client::connect(edge.address("web"));
    client.send(get("/x"));
    origin.wait("the request", |records| (!records.requests.is_empty()).then_some(()));
    edge.signal(Signal::TERM);
    edge.wait_exit();
    client.try_response("GET").expect_err("the origin did not answer");
    gate.open();
}

#[test]
fn the_access_log_tells_a_request_whole() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let body = "0123456789";
    let request =
        format!("POST /a?secret=1 HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    Client::connect_from("127.0.0.21", edge.address("web")).exchange(request).expect(200);
    let entry = edge.next_request(|_| true);
    let expected = [
        ("listener", "web".into()),
        ("pool", "app".into()),
        ("client", "127.0.0.21".into()),
        ("node", "one".into()),
        ("method", "POST".into()),
        ("status", 200.into()),
        ("retries", 0.into()),
        ("failure", serde_json::Value::Null),
    ];
    for (name, value) in expected {
        assert_eq!(entry[name], value, "{name} in {entry}");
    }
    assert!(entry["path"].as_str().unwrap().starts_with("/a"), "{entry}");
    for name in ["request_id", "time", "route"] {
        assert!(!entry[name].as_str().unwrap().is_empty(), "{name} in {entry}");
    }
    for name in ["queue_ms", "connect_ms", "first_byte_ms", "total_ms"] {
        assert!(entry[name].as_f64().is_some_and(|ms| ms >= 0.0), "{name} in {entry}");
    }
    assert!(entry["total_ms"].as_f64() >= entry["first_byte_ms"].as_f64(), "{entry}");
}
