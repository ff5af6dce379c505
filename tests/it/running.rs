//! The process: its command line, what it says about a configuration, how it starts and how it ends.

use crate::support::client::{Client, get, once};
use crate::support::edge::{Edge, command, finish, said, stopped, write};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use crate::support::{Gate, PATIENCE};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, mpsc};

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
    for word in ["run", "check", "schema", "explain", "keys"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    let version = finish(&mut command(["--version"]));
    assert_eq!(version.status.code(), Some(0));
    let text = String::from_utf8(version.stdout).unwrap();
    assert_eq!(text.trim(), concat!("identity-edge ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_that_ships_is_the_one_that_is_printed() {
    let printed = finish(&mut command(["schema"]));
    assert_eq!(printed.status.code(), Some(0), "{}", said(&printed));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/edge.schema.json");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed == shipped, "identity-edge schema > conf/edge.schema.json");
}

#[test]
fn wrong_usage_is_2() {
    let usages: [&[&str]; 8] = [
        &[],
        &["frobnicate"],
        &["run"],
        &["run", "--config"],
        &["run", "--config", "edge.yaml", "--nonsense"],
        &["check"],
        &["schema", "edge.yaml"],
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
fn connections_wait_while_the_process_has_no_descriptor_left() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    once(edge.address("web"), get("/before")).expect(200);
    let pid = Pid::from_raw(edge.pid().try_into().unwrap());
    let maximum = getrlimit(Resource::Nofile).maximum;
    let before = prlimit(pid, Resource::Nofile, Rlimit { current: Some(0), maximum }).unwrap();
    let mut waiting = Client::connect(edge.address("web"));
    waiting.send(get("/meanwhile"));
    edge.message("no connection can be accepted");
    prlimit(pid, Resource::Nofile, before).unwrap();
    waiting.response().expect(200);
    assert_eq!(edge.log().matches("no connection can be accepted").count(), 1, "told once");
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

/// An origin that answers before it has read the body, and goes on reading.
fn hasty() -> Origin {
    Origin::start(|mut conn| {
        conn.stop_recording();
        if conn.head().is_some() {
            conn.send(answer("200 OK", "", b"ok"));
            while conn.wire.exactly(1).is_ok() {}
        }
    })
}

#[test]
fn an_upload_behind_its_response_holds_no_stop() {
    for goes_on in [false, true] {
        let origin = hasty();
        let yaml = single(&origin, "timeouts: { read: 10m },", "shutdown: { grace: 10m }\n");
        let mut edge = Edge::start(&yaml);
        let mut client = Client::connect(edge.address("web"));
        client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\na");
        let response = client.response().expect(200);
        assert!(!response.head.has_token("connection", "close"), "the rest is taken: {response:?}");
        let sending = goes_on.then(|| {
            let mut stream = client.wire.stream.try_clone().unwrap();
            std::thread::spawn(move || while stream.write_all(b"a").is_ok() {})
        });
        edge.signal(Signal::TERM);
        assert_eq!(edge.wait_exit().code(), Some(0), "sending: {goes_on}");
        client.expect_closed();
        if let Some(sending) = sending {
            sending.join().unwrap();
        }
    }
}

#[test]
fn a_client_that_goes_on_sending_behind_its_last_response_holds_no_stop() {
    let origin = origin();
    let mut edge = Edge::start(&single(&origin, "", "shutdown: { grace: 10m }\n"));
    let mut client = Client::connect(edge.address("web"));
    client.send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client.response().expect(200);
    assert_eq!(client.wire.rest().unwrap(), b"");
    let mut stream = client.wire.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || while stream.write_all(b"a").is_ok() {});
    edge.signal(Signal::TERM);
    assert_eq!(edge.wait_exit().code(), Some(0));
    sending.join().unwrap();
}

/// Starts the edge with a standard output that is read up to its readiness and then no more. Its messages
/// come through the channel.
fn unread(yaml: &str, folder: &Path) -> (Child, SocketAddr, BufReader<ChildStdout>, mpsc::Receiver<String>) {
    let mut child = command(["run", "--config"])
        .arg(write(folder, "edge.yaml", yaml))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let err = BufReader::new(child.stderr.take().unwrap());
    let (say, said) = mpsc::channel();
    std::thread::spawn(move || err.lines().map_while(Result::ok).all(|line| say.send(line).is_ok()));
    let mut address = None;
    loop {
        let mut line = String::new();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        match event["event"].as_str() {
            Some("listening") => address = event["address"].as_str().unwrap().parse().ok(),
            Some("ready") => return (child, address.unwrap(), out, said),
            _ => {}
        }
    }
}

#[test]
fn nobody_has_to_read_the_log_for_signals_to_be_heard() {
    for reopen in [false, true] {
        let origin = origin();
        let folder = tempfile::tempdir().unwrap();
        let (child, web, out, said) = unread(&single(&origin, "", ""), folder.path());
        // Each line is longer than 2 KiB: together far more than a pipe, a reader and a writer hold.
        let mut client = Client::connect(web);
        for _ in 0..300 {
            client.exchange(get(&format!("/{}", "p".repeat(2047)))).expect(200);
        }
        let pid = Pid::from_child(&child);
        if reopen {
            kill_process(pid, Signal::USR1).unwrap();
            while !said.recv_timeout(PATIENCE).unwrap().contains("the access log is opened again") {}
        }
        assert_eq!(stopped(child), Some(0));
        let words: Vec<String> = said.iter().collect();
        assert!(words.iter().any(|line| line.contains("could not be written in time")), "{words:?}");
        drop(out);
    }
}

#[test]
fn a_hang_up_ends_nothing() {
    let origin = origin();
    let mut edge = Edge::start(&single(&origin, "", ""));
    edge.signal(Signal::HUP);
    once(edge.address("web"), get("/x")).expect(200);
    edge.signal(Signal::TERM);
    assert_eq!(edge.wait_exit().code(), Some(0), "it ended by the wrong signal");
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

#[test]
fn the_access_log_shows_the_beginning_of_what_is_too_long() {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    let (method, path) = ("M".repeat(50_000), "p".repeat(50_000));
    once(edge.address("web"), format!("{method} /{path} HTTP/1.1\r\nHost: h\r\n\r\n")).expect(200);
    assert_eq!(origin.requests()[0].head.method(), method, "what is forwarded is not cut");
    let entry = edge.next_request(|_| true);
    assert_eq!(entry["method"], "M".repeat(32));
    assert_eq!(entry["path"], format!("/{}", "p".repeat(2047)));
}

#[test]
fn the_access_log_follows_its_file_when_it_is_told_to() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let log = format!("log: {{ access: {{ to: \"{}\", format: text }} }}\n", file.display());
    let mut edge = Edge::start(&single(&origin, "", &log));
    let mut client = Client::connect(edge.address("web"));
    client.exchange(get("/before")).expect(200);
    let begun = std::time::Instant::now();
    while !std::fs::read_to_string(&file).unwrap().contains("/before") {
        assert!(begun.elapsed() < crate::support::PATIENCE, "the request is never written down");
        std::thread::yield_now();
    }
    std::fs::rename(&file, &moved).unwrap();
    edge.signal(Signal::USR1);
    edge.event("access_log_reopened", |_| true);
    client.exchange(get("/after?token=secret")).expect(200);
    edge.signal(Signal::TERM);
    assert!(edge.wait_exit().success());
    let [old, new] = [&moved, &file].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(old.lines().count() + new.lines().count(), 2, "{old}{new}");
    assert!(old.contains(" path=/before ") && old.contains(" status=200 "), "{old}");
    assert!(new.contains(" path=/after "), "{new}");
    assert!(!new.contains("secret"), "a query may hold tokens: {new}");
}
