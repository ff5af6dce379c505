//! Real handshakes between clients and nodes that nobody here wrote: pyspnego on both sides, requests-ntlm, curl
//! with its own NTLM and with the system's GSSAPI. tests/ntlm/run lets hundreds of them loose on the edge, breaks
//! connections and kills nodes meanwhile, and judges every answer; what it must find is said here.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Three hundred people at a time, not more.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs it and tells its verdict.
#[track_caller]
fn verdict(arguments: &[&str]) -> Value {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing; tests/venv makes it, and `make test` runs that",
        python.display()
    );
    let mut run = Command::new(python);
    run.args(["tests/ntlm/run", "--edge", env!("CARGO_BIN_EXE_identity-edge")]).args(arguments);
    let output = run.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} {}\n{stderr}", output.status);
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("{verdict}");
    eprintln!("{stderr}");
    verdict
}

#[track_caller]
fn number(verdict: &Value, name: &str) -> u64 {
    verdict[name].as_u64().unwrap_or_else(|| panic!("no {name} in {verdict:#}"))
}

#[track_caller]
fn assert_everybody_is_served_as_themselves(arguments: &[&str]) {
    let verdict = verdict(&[arguments, &["--seconds", "8"]].concat());
    assert_eq!(verdict["alive"], true, "{verdict:#}");
    // An answer under another name; an authenticated connection that served two; a failure without a fault.
    for nothing in ["foreign", "shared_connections", "unexplained"] {
        assert_eq!(number(&verdict, nothing), 0, "{nothing}: {verdict:#}");
    }
    // And it was a test.
    for (name, least) in [
        ("concurrent_clients", 200),
        ("requests", 500),
        ("nameless_requests", 50),
        ("authenticated_connections", 200),
        ("left_in_the_middle", 1),
        ("cuts", 3),
        ("kills", 2),
        ("failures_explained", 1),
    ] {
        assert!(number(&verdict, name) >= least, "{name}: {verdict:#}");
    }
    for scheme in ["NTLM", "Negotiate", "requests", "curl ntlm", "curl negotiate"] {
        assert!(number(&verdict["handshakes"], scheme) > 0, "{scheme}: {verdict:#}");
    }
}

/// Bound when somebody authenticates, with turns of the balancer that lead elsewhere.
const NOTICED: [&str; 2] = ["--binding", "auto"];
/// As a portal has it: bound from the first request, its browsers known by a cookie.
const PORTAL: [&str; 4] = ["--binding", "always", "--persistence", "cookie"];

#[test]
fn plain_to_plain() {
    assert_everybody_is_served_as_themselves(&NOTICED);
}

#[test]
fn plain_to_tls() {
    assert_everybody_is_served_as_themselves(&[&NOTICED[..], &["--upstream", "tls"]].concat());
}

#[test]
fn tls_to_plain() {
    assert_everybody_is_served_as_themselves(&[&PORTAL[..], &["--downstream", "tls"]].concat());
}

#[test]
fn tls_to_tls() {
    let tls = ["--downstream", "tls", "--upstream", "tls"];
    assert_everybody_is_served_as_themselves(&[&PORTAL[..], &tls].concat());
}

/// People before a proxy that shares its connections: if nobody were taken for somebody else there, the
/// others would show nothing.
#[track_caller]
fn assert_people_are_mixed_up(proxy: &[&str]) {
    let quiet = ["--crowd", "small", "--no-faults", "--seconds", "4", "--patience", "2"];
    let verdict = verdict(&[proxy, &quiet].concat());
    for something in ["foreign", "shared_connections"] {
        assert!(number(&verdict, something) > 0, "{something}: {verdict:#}");
    }
}

#[test]
fn the_judge_finds_who_is_mixed_up_by_an_edge_that_never_binds() {
    assert_people_are_mixed_up(&["--binding", "never"]);
}

#[test]
fn the_judge_finds_who_is_mixed_up_by_nginx() {
    assert_people_are_mixed_up(&["--proxy", "nginx"]);
}

/// Extended Protection: a client binds its handshake to the certificate that it saw (RFC 5929 section 4).
#[test]
fn channel_bindings_hold_only_with_the_nodes_own_certificate() {
    let verdict = verdict(&["--protect", "--downstream", "tls", "--upstream", "tls"]);
    assert_eq!(
        (&verdict["edge"]["status"], &verdict["edge"]["user"]),
        (&401.into(), &"-".into()),
        "{verdict:#}"
    );
    let refused = verdict["refused"][0].as_str().unwrap();
    assert!(refused.starts_with("BadBindingsError"), "{verdict:#}");
    assert_eq!(
        (&verdict["node"]["status"], &verdict["node"]["user"]),
        (&200.into(), &"CORP\\user007".into()),
        "{verdict:#}"
    );
}
