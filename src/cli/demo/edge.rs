//! The real edge, as a process of its own, and what it says.

use super::error::DemoError;
use serde::Deserialize;
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long the edge may take until it is ready.
const START: Duration = Duration::from_secs(15);
/// Messages that are kept in case it does not start.
const KEPT: usize = 20;

/// A running edge. It ends with its owner, whatever the reason.
#[derive(Debug)]
pub(super) struct Edge {
    child: Child,
    lines: UnboundedReceiver<Line>,
    messages: VecDeque<String>,
    /// Where its listeners really are.
    pub(super) listeners: Vec<(String, SocketAddr)>,
    /// Where its metrics are.
    pub(super) admin: Option<SocketAddr>,
}

/// Is `identity-edge run` in the process that [`Edge::start`] made: it ends with the demo, even if that is killed.
pub(super) fn run(config: &Path) -> ExitCode {
    // Where the system refuses it, the demo still ends its edge whenever it ends by itself.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    crate::cli::run::run(config)
}

/// What the edge says.
#[derive(Debug)]
pub(super) enum Said {
    /// A request is over.
    Request(Box<Entry>),
    /// A warning or an error, for people.
    Warning(String),
    /// Nothing any more: the edge has ended.
    Ended,
}

/// A line of the access log.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) client: IpAddr,
    pub(super) outcome: Option<String>,
    pub(super) node: Option<String>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) failure: Option<String>,
}

impl Entry {
    /// What somebody who asked by hand wants to know.
    pub(super) fn in_words(&self) -> String {
        let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
        let failure = self.failure.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let Self { client, method, path, status, .. } = self;
        let (outcome, node) = (text(&self.outcome), text(&self.node));
        format!("{client} {method} {path}: {status} from {node}, {outcome}{failure}")
    }
}

#[derive(Debug)]
enum Line {
    Event(String),
    Message(String),
}

/// What is on standard output.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Listening {
        listener: String,
        address: SocketAddr,
    },
    #[serde(rename = "admin_listening")]
    AdminListening {
        address: SocketAddr,
    },
    Ready,
    Request(Box<Entry>),
}

impl Edge {
    /// Runs the edge with `config` and waits until it is ready.
    pub(super) async fn start(config: &Path) -> Result<Self, DemoError> {
        let executable = std::env::current_exe().map_err(DemoError::io("find this program's own file"))?;
        let spawned = Command::new(executable)
            .args(["demo", "--edge"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = spawned.map_err(DemoError::io("start the edge"))?;
        let (sender, lines) = unbounded_channel();
        let mut edge = Self { child, lines, messages: VecDeque::new(), listeners: Vec::new(), admin: None };
        let (stdout, stderr) = (edge.child.stdout.take(), edge.child.stderr.take());
        pass_on(stdout, Line::Event, sender.clone())?;
        pass_on(stderr, Line::Message, sender)?;
        match tokio::time::timeout(START, edge.ready()).await {
            Ok(true) => Ok(edge),
            Ok(false) => Err(DemoError::Edge { what: "did not start", said: edge.said() }),
            Err(_) => Err(DemoError::Edge { what: "was not ready within 15 s", said: edge.said() }),
        }
    }

    /// False if it ended before.
    async fn ready(&mut self) -> bool {
        while let Some(line) = self.lines.recv().await {
            match line {
                Line::Message(text) => self.keep(text),
                Line::Event(text) => match serde_json::from_str(&text) {
                    Ok(Event::Listening { listener, address }) => self.listeners.push((listener, address)),
                    Ok(Event::AdminListening { address }) => self.admin = Some(address),
                    Ok(Event::Ready) => return true,
                    Ok(Event::Request(_)) | Err(_) => {}
                },
            }
        }
        false
    }

    /// The next thing worth telling. May be dropped while it waits and called again.
    pub(super) async fn next(&mut self) -> Said {
        while let Some(line) = self.lines.recv().await {
            match line {
                Line::Event(text) => {
                    if let Ok(Event::Request(entry)) = serde_json::from_str(&text) {
                        return Said::Request(entry);
                    }
                }
                Line::Message(text) => {
                    let warning = warning(&text).map(str::to_owned);
                    self.keep(text);
                    if let Some(warning) = warning {
                        return Said::Warning(warning);
                    }
                }
            }
        }
        Said::Ended
    }

    /// The last messages, for people.
    pub(super) fn said(&self) -> String {
        let messages: Vec<&str> = self.messages.iter().map(String::as_str).collect();
        messages.join("\n")
    }

    fn keep(&mut self, message: String) {
        if self.messages.len() == KEPT {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It keeps nothing that could be lost. A process that has ended cannot be killed, which is no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines on a thread of its own, which ends with the edge.
fn pass_on(
    from: Option<impl Read + Send + 'static>,
    wrap: fn(String) -> Line,
    to: UnboundedSender<Line>,
) -> Result<(), DemoError> {
    let Some(from) = from else { return Ok(()) };
    let read = move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(wrap(line)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().spawn(read).map_err(DemoError::io("start a thread"))?;
    Ok(())
}

/// A message's text, if it is a warning or worse: `time LEVEL text`.
fn warning(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(' ')?;
    rest.strip_prefix("WARN ").or_else(|| rest.strip_prefix("ERROR "))
}
