//! The edge as a child process: its configuration, its output as events, its end.

use super::PATIENCE;
use super::client::{get, once};
use super::metrics::Metrics;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;
use tempfile::TempDir;

#[derive(Default)]
struct Lines {
    events: Vec<Value>,
    log: String,
    ended: bool,
}

#[derive(Default)]
struct Written {
    lines: Mutex<Lines>,
    changed: Condvar,
}

/// A running `identity-edge run`. Dropping it kills the process.
pub struct Edge {
    child: Child,
    written: Arc<Written>,
    _directory: TempDir,
}

impl Edge {
    /// Starts it and waits until it is ready to serve.
    #[track_caller]
    pub fn start(configuration: &str) -> Edge {
        let edge = Edge::spawn(configuration);
        edge.event("ready", |_| true);
        edge
    }

    /// Starts it and does not wait.
    pub fn spawn(configuration: &str) -> Edge {
        let directory = tempfile::tempdir().unwrap();
        let file = write(directory.path(), "edge.yaml", &with_admin(configuration));
        let mut child = command(["run", "--config"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting identity-edge");
        let written: Arc<Written> = Arc::default();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let to = written.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line);
                let mut lines = to.lines.lock().unwrap();
                lines.log.push_str(&format!("stdout: {line}\n"));
                // What is not JSON becomes an event that no test waits for, and `Edge::events` shows it.
                lines.events.push(event.unwrap_or(Value::String(line)));
                to.changed.notify_all();
            }
            to.lines.lock().unwrap().ended = true;
            to.changed.notify_all();
        });
        let to = written.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                to.lines.lock().unwrap().log.push_str(&format!("stderr: {line}\n"));
                to.changed.notify_all();
            }
        });
        Edge { child, written, _directory: directory }
    }

    /// Waits until its output shows something; `look` may change the events (take what it found).
    #[track_caller]
    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut Lines) -> Option<T>) -> T {
        let mut found = None;
        let lines = self.written.lines.lock().unwrap();
        let (lines, _) = self
            .written
            .changed
            .wait_timeout_while(lines, PATIENCE, |lines| {
                found = look(lines);
                found.is_none() && !lines.ended
            })
            .unwrap();
        let ended = if lines.ended { " and ended" } else { "" };
        drop(lines);
        found.unwrap_or_else(|| panic!("the edge never wrote {what}{ended}"))
    }

    /// Waits for an event of this kind that the filter accepts, and takes it.
    #[track_caller]
    pub fn event(&self, kind: &str, filter: impl Fn(&Value) -> bool) -> Value {
        self.wait(&format!("a {kind} event"), |lines| {
            let found = lines.events.iter().position(|e| e["event"] == kind && filter(e))?;
            Some(lines.events.remove(found))
        })
    }

    /// Waits for a message on standard error that has this text, and tells how many do.
    #[track_caller]
    pub fn message(&self, text: &str) -> usize {
        self.messages(text, 1)
    }

    /// Waits for so many of them, and tells how many there are.
    #[track_caller]
    pub fn messages(&self, text: &str, at_least: usize) -> usize {
        self.wait(&format!("{at_least} messages with {text:?}"), |lines| {
            let has = |line: &&str| line.starts_with("stderr: ") && line.contains(text);
            let count = lines.log.lines().filter(has).count();
            (count >= at_least).then_some(count)
        })
    }

    /// Waits for a line of the access log that the filter accepts, and takes it.
    #[track_caller]
    pub fn next_request(&self, filter: impl Fn(&Value) -> bool) -> Value {
        self.event("request", filter)
    }

    /// Waits until it has written this somewhere.
    #[track_caller]
    pub fn wrote(&self, text: &str) {
        self.wait(text, |lines| lines.log.contains(text).then_some(()));
    }

    /// The address of a listener with one address.
    #[track_caller]
    pub fn address(&self, listener: &str) -> SocketAddr {
        self.wait(&format!("the address of listener {listener}"), |lines| {
            let event =
                lines.events.iter().find(|e| e["event"] == "listening" && e["listener"] == listener)?;
            Some(event["address"].as_str()?.parse().unwrap())
        })
    }

    /// The address of the admin listener.
    #[track_caller]
    pub fn admin(&self) -> SocketAddr {
        self.wait("the address of the admin listener", |lines| {
            let event = lines.events.iter().find(|e| e["event"] == "admin_listening")?;
            Some(event["address"].as_str()?.parse().unwrap())
        })
    }

    /// What it tells Prometheus now.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&once(self.admin(), get("/metrics")).expect(200).text())
    }

    /// Waits until no request of a client that has a pin is in flight any more: a response is read, and its line
    /// logged, a moment before the pin is let go.
    #[track_caller]
    pub fn let_go_of(&self, client: &str) {
        let begun = Instant::now();
        loop {
            let told = once(self.admin(), get(&format!("/clients/{client}"))).expect(200).text();
            if told.contains("\"in_flight\":0,") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "a request stays in flight: {told}");
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        // Its output ends when the process does.
        self.wait("the end of its output", |lines| lines.ended.then_some(()));
        self.child.wait().unwrap()
    }

    /// Everything it wrote so far.
    pub fn log(&self) -> String {
        self.written.lines.lock().unwrap().log.clone()
    }

    /// A line of /proc/PID/status in bytes, such as `VmRSS` or `VmHWM`.
    pub fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let found = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
        let kilobytes = found.and_then(|l| l.trim().strip_suffix(" kB")).unwrap().parse::<u64>().unwrap();
        kilobytes * 1024
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- the edge wrote\n{}----", self.log());
        }
    }
}

/// Asks a child to stop and waits for its exit code; one that does not stop is killed, and the test fails.
#[track_caller]
pub fn stopped(mut child: Child) -> Option<i32> {
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait().unwrap()));
    let ended = told.recv_timeout(PATIENCE);
    if ended.is_err() {
        let _ = kill_process(pid, Signal::KILL);
    }
    ended.expect("it never ended").code()
}

/// Edges of parallel tests cannot share the default port of the admin listener.
fn with_admin(configuration: &str) -> String {
    let has_one = configuration.lines().any(|line| line.starts_with("admin:"));
    let more = if has_one { "" } else { "\nadmin: { bind: \"127.0.0.1:0\" }\n" };
    format!("{configuration}{more}")
}

/// The binary with arguments.
pub fn command<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_identity-edge"));
    command.args(arguments);
    command
}

/// Runs the binary to its end, which must come.
#[track_caller]
pub fn finish(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_output(child)
}

/// Collects what a child writes until it ends, and ends it if it does not.
#[track_caller]
pub fn wait_output(mut child: Child) -> Output {
    let pid = Pid::from_child(&child);
    let mut pipes = (child.stdout.take(), child.stderr.take());
    let (done, wait) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            scope.spawn(|| pipes.0.as_mut().map(|out| out.read_to_end(&mut stdout)));
            pipes.1.as_mut().map(|err| err.read_to_end(&mut stderr));
        });
        let _ = done.send(());
        (stdout, stderr)
    });
    let ended = wait.recv_timeout(PATIENCE).is_ok();
    if !ended {
        let _ = kill_process(pid, Signal::KILL);
    }
    let status = child.wait().unwrap();
    let (stdout, stderr) = reader.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended, "it did not end by itself; it wrote\n{}{}", text(&stdout), text(&stderr));
    Output { status, stdout, stderr }
}

/// Both outputs of a finished command.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Writes a file and tells its path.
pub fn write(directory: &Path, name: &str, content: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// A file with new cookie keys, made by the binary.
pub struct Keys {
    directory: TempDir,
}

impl Keys {
    /// Runs `keys new`.
    #[track_caller]
    pub fn new() -> Keys {
        let keys = Keys { directory: tempfile::tempdir().unwrap() };
        keys.run("new");
        keys
    }

    /// Where they are.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("cookie-keys.txt")
    }

    /// Runs `keys COMMAND FILE`.
    #[track_caller]
    pub fn run(&self, what: &str) {
        let output = finish(command(["keys", what]).arg(self.path()));
        assert!(output.status.success(), "keys {what}: {}", said(&output));
    }

    /// The same keys in another file.
    pub fn copy(&self) -> Keys {
        let copy = Keys { directory: tempfile::tempdir().unwrap() };
        std::fs::copy(self.path(), copy.path()).unwrap();
        copy
    }
}
