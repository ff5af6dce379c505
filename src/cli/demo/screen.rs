//! What the demo prints: aligned columns, and colours where someone looks at a terminal.

use super::edge::Entry;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::Duration;

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
/// One for each node, so that the eye sees who is where.
const NODES: [&str; 6] = ["\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[33m", "\x1b[32m", "\x1b[96m"];
const PLAIN: &str = "\x1b[0m";

/// Requests that took longer say how long.
const SLOW_MS: f64 = 300.0;

/// Where the demo's lines go.
#[derive(Debug)]
pub(super) struct Screen {
    colours: bool,
    nodes: Vec<String>,
    /// How long a row is left to be read.
    pause: Duration,
}

/// How an answer is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// Bad, and to be expected.
    Expected,
    Bad,
}

impl Screen {
    pub(super) fn new(nodes: Vec<String>, leisurely: bool) -> Self {
        let terminal = stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none();
        let pause = if terminal && leisurely { Duration::from_millis(120) } else { Duration::ZERO };
        Self { colours, nodes, pause }
    }

    /// A line as it is.
    pub(super) fn line(&self, text: &str) {
        // Nobody may be reading: then nobody misses it.
        let _ = writeln!(stdout(), "{text}");
    }

    pub(super) fn title(&self, text: &str) {
        self.line(&format!("\n{}", self.painted(BOLD, text)));
    }

    pub(super) fn verdict(&self, good: bool, text: &str) {
        self.line(&format!("  {}", self.painted(if good { GREEN } else { RED }, text)));
    }

    /// What the edge itself says.
    pub(super) fn warning(&self, text: &str) {
        self.line(&format!("  {} {}", self.painted(DIM, "the edge says:"), self.painted(YELLOW, text)));
    }

    /// The columns' names.
    pub(super) fn columns(&self) {
        let text = row(["client", "listener", "request", "class", "why", "outcome", "node"], "answer");
        self.line(&self.painted(DIM, &text));
    }

    /// One request: what the edge's access log says about it, and what the client got.
    pub(super) async fn request(&self, entry: &Entry, request: &str, answer: &str, mood: Mood) {
        let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
        let node = text(&entry.node);
        let mut answer = answer.to_owned();
        if entry.total_ms >= SLOW_MS {
            answer.push_str(&format!(", after {:.1} s", entry.total_ms / 1000.0));
        }
        let colour = self.nodes.iter().position(|known| *known == node).map(|at| NODES[at % NODES.len()]);
        let outcome = text(&entry.outcome);
        let moved = matches!(outcome.as_str(), "redispatched" | "returned" | "refused");
        let cells = [
            cell(&entry.client.to_string(), 0),
            cell(&text(&entry.listener), 1),
            cell(request, 2),
            cell(&text(&entry.class), 3),
            cell(&text(&entry.why), 4),
            self.painted(if moved { YELLOW } else { "" }, &cell(&outcome, 5)),
            self.painted(colour.unwrap_or_default(), &cell(&node, 6)),
        ];
        let answer = match mood {
            Mood::Good => answer,
            Mood::Expected => self.painted(YELLOW, &answer),
            Mood::Bad => self.painted(RED, &answer),
        };
        self.line(&format!("  {} {answer}", cells.join(" ")));
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours && !colour.is_empty() { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }
}

const WIDTHS: [usize; 7] = [13, 11, 24, 7, 8, 12, 7];

fn cell(text: &str, column: usize) -> String {
    format!("{text:width$}", width = WIDTHS[column])
}

fn row(cells: [&str; 7], last: &str) -> String {
    let cells: Vec<String> = cells.iter().enumerate().map(|(column, text)| cell(text, column)).collect();
    format!("  {} {last}", cells.join(" "))
}
