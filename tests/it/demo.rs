//! The demo tells the truth about the edge it runs.

use crate::support::PATIENCE;
use crate::support::edge::{command, finish, said, wait_output};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What both views tell.
const RESULT: [&str; 4] = [
    "with persistence    without",
    "With persistence: 48 conversations, 0 broken. Without: 48 conversations, ",
    "While a node was away: ",
    "Everything that was claimed here held.",
];

#[test]
fn the_demo_ends_well_and_shows_what_happened() {
    let output = finish(&mut command(["demo", "--exit"]));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let story = [
        "sync, a program known by its address 127.0.0.101, is new: mim1",
        "anna kept her nodes and her sessions",
        "48 conversations, 0 broken",
        "mim1 stops, and forgets everything",
        "The edge says: mim-service/mim1 is down",
        "moved from mim1 to mim2",
        "sync begins again, what it had died with mim1",
        "moved once, both ports together",
        "noticed nothing",
        "nobody was moved back",
        "the newcomer late went to mim1",
        "the metrics and the demo agree",
        "is not known here",
        "sign in again",
    ];
    for words in story.iter().chain(&RESULT) {
        assert!(said.contains(words), "{words} is missing in\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "an escape code in\n{said}");
}

#[test]
fn on_a_terminal_it_draws_and_leaves_the_result() {
    // script, of util-linux, gives it a terminal.
    let demo = format!("stty rows 24 cols 80; exec {} demo --exit", env!("CARGO_BIN_EXE_identity-edge"));
    let output = finish(Command::new("script").args(["-qec", &demo, "/dev/null"]).env("TERM", "xterm"));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let (picture, rest) = said.split_once("\x1b[?1049l").expect("the screen is given back");
    for words in ["\x1b[?1049h", "\x1b[?25l", " mim1 ", "╭", "by address", "3 of 4: ", "identity_edge_…"]
    {
        assert!(picture.contains(words), "{words} is missing in\n{picture}");
    }
    assert!(picture.ends_with("\x1b[?25h"), "the cursor is back");
    for words in RESULT {
        assert!(rest.contains(words), "{words} is missing in\n{rest}");
    }
    assert!(!rest.contains('\x1b'), "an escape code in\n{rest}");
}

#[test]
fn a_terminal_that_can_do_nothing_gets_lines_and_no_colour_is_none() {
    let run = |term: &str| {
        let demo = format!("{} demo --exit", env!("CARGO_BIN_EXE_identity-edge"));
        let mut script = Command::new("script");
        said(&finish(script.args(["-qec", &demo, "/dev/null"]).env("TERM", term).env("NO_COLOR", "1")))
    };
    assert!(!run("dumb").contains('\x1b'));
    let drawn = run("xterm");
    assert!(drawn.contains("\x1b[?1049h") && !drawn.contains("\x1b[32m"), "{drawn}");
}

/// However it ends, its edges end with it.
#[test]
fn nothing_outlives_it() {
    for signal in [Signal::INT, Signal::HUP, Signal::TERM, Signal::KILL] {
        let mut demo = command(["demo"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&demo);
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("is new")), "it never began");
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let edge = Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        drop(lines);
        let output = wait_output(demo);
        if signal != Signal::KILL {
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        }
        let begun = Instant::now();
        while test_kill_process(edge).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "the edge outlives its demo");
            std::thread::yield_now();
        }
    }
}
