//! Prometheus as a child process, and its tool.

use super::here;
use crate::support::PATIENCE;
use crate::support::client::once;
use crate::support::edge::{said, wait_output};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

const MISSING: &str = "cannot be started; `tests/needs prometheus` installs it";

/// A running Prometheus. Dropping it kills the process.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it with a configuration and keeps its data in `folder`.
    #[track_caller]
    pub fn start(configuration: &Path, folder: &Path) -> Prometheus {
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            // It says which port the system chose.
            .args(["--web.listen-address=127.0.0.1:0", "--storage.tsdb.retention.time=1d"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus {MISSING}: {error}"));
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = mpsc::channel();
        // Reads on when nobody listens any more: a full pipe would stop it.
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let mut prometheus = Prometheus { child, address: SocketAddr::from(([0; 4], 0)) };
        let mut log = String::new();
        loop {
            let line =
                lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("prometheus is not ready:\n{log}"));
            let address = line.split_once("msg=\"Listening on\" address=").map(|(_, address)| address.trim());
            if let Some(address) = address {
                prometheus.address = address.parse().unwrap();
            }
            if line.contains("Server is ready to receive web requests") {
                return prometheus;
            }
            log += &format!("{line}\n");
        }
    }

    /// Asks its interface; the data of a successful answer.
    #[track_caller]
    pub fn ask(&self, path: &str) -> Value {
        let request = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        let answer = once(self.address, request).text();
        let mut answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].take()
    }

    /// The series that an expression yields now: labels and values.
    #[track_caller]
    pub fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut data = self.ask(&format!("query?query={encoded}"));
        let number = |value: &Value| value[1].as_str().unwrap().parse().unwrap();
        match data["resultType"].as_str() {
            Some("scalar") => vec![(Value::Null, number(&data["result"]))],
            _ => {
                let series = data["result"].as_array_mut().unwrap();
                series.iter_mut().map(|one| (one["metric"].take(), number(&one["value"]))).collect()
            }
        }
    }

    /// The value of an expression that yields one.
    #[track_caller]
    pub fn value(&self, expression: &str) -> f64 {
        match &self.query(expression)[..] {
            [(_, value)] => *value,
            other => panic!("{expression}: {other:?}"),
        }
    }

    /// Asks until the answer shows something: there is nothing to wait on.
    #[track_caller]
    pub fn until<T>(&self, what: &str, path: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let answer = self.ask(path);
            if let Some(found) = look(&answer) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "never {what}: {answer:#}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs promtool from the root of the repository; it must be content.
#[track_caller]
pub fn promtool<const N: usize>(arguments: [&str; N]) {
    promtool_reading(arguments, "");
}

/// The same with something to read; what it said.
#[track_caller]
pub fn promtool_reading<const N: usize>(arguments: [&str; N], input: &str) -> String {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(here(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool {MISSING}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = wait_output(child);
    assert!(output.status.success(), "promtool {arguments:?}: {}", said(&output));
    said(&output)
}
