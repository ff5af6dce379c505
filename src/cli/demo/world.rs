//! What has happened: the one model that every view shows.
//!
//! Clients tell what they saw, the edge's log tells what it did, the story tells what it does to the farm. From
//! these come who is where, the counts, and the lines that are told; a view adds nothing of its own.

use super::cast::Character;
use super::edge::Entry;
use super::seat::{Seat, Standing};
use super::sites::Place;
use super::tally::{Round, Tally};
use super::traffic::{Loss, Notice, Report};
use super::witness::Witness;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::Duration;
use tokio::time::Instant;

/// An answer that takes longer is not a slow one: the edge holds the request for the client's node.
pub(super) const HELD: Duration = Duration::from_millis(300);

/// Acts that are numbered.
pub(super) const ACTS: usize = 4;

/// Which edge is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The one that keeps clients on their nodes.
    With,
    /// The one that does not.
    Without,
}

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Title,
    Plain,
    Good,
    /// Not good, and as it must be.
    Expected,
    Bad,
    /// The edge's own words.
    Edge,
    /// To be copied and tried; at most 76 columns.
    Command,
}

/// What matters now, where there is no room for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// Who is where.
    Farm,
    /// What is told.
    Words,
}

/// A line that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// A node, as the demo knows it and as the edge sees it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) place: Option<Place>,
    pub(super) runs: bool,
    /// The pools in which the edge found it down.
    pub(super) down: Vec<String>,
    pub(super) stopped: Option<Instant>,
}

/// A client, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) character: Character,
    pub(super) address: Ipv4Addr,
    pub(super) seats: Vec<Seat>,
    /// Since when it waits for an answer.
    pub(super) asked: Option<Instant>,
    /// Turns that are over.
    pub(super) turns: usize,
}

/// All of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) phase: Phase,
    pub(super) round: Round,
    /// The number and the name of the act.
    pub(super) act: (usize, String),
    /// What the act shows, in a sentence or two.
    pub(super) about: String,
    /// The first line of the act.
    pub(super) first: usize,
    pub(super) focus: Focus,
    pub(super) nodes: Vec<Node>,
    /// For each phase.
    casts: [Vec<Client>; 2],
    rounds: [Tally; Round::COUNT],
    pub(super) witnesses: [Witness; 2],
    /// What the metrics say, in a few words each.
    pub(super) figures: Vec<String>,
    /// What can be done now, for the foot of a picture.
    pub(super) hint: String,
    pub(super) told: Vec<Line>,
    /// The lines of the result, once it is there.
    pub(super) result: Option<Range<usize>>,
    /// What the demo said and what did not hold.
    pub(super) failures: Vec<String>,
}

impl World {
    /// With these nodes, each with what it serves.
    pub(super) fn new(nodes: impl IntoIterator<Item = (String, Option<Place>)>) -> Self {
        let node = |(name, place)| Node { name, place, runs: true, down: Vec::new(), stopped: None };
        Self {
            phase: Phase::With,
            round: Round::Calm,
            act: (0, String::new()),
            about: String::new(),
            first: 0,
            focus: Focus::Words,
            nodes: nodes.into_iter().map(node).collect(),
            casts: [Vec::new(), Vec::new()],
            rounds: [Tally::default(); Round::COUNT],
            witnesses: [Witness::default(), Witness::default()],
            figures: Vec::new(),
            hint: "Ctrl-C ends everything.".to_owned(),
            told: Vec::new(),
            result: None,
            failures: Vec::new(),
        }
    }

    /// The clients of this phase.
    pub(super) fn clients(&self) -> &[Client] {
        &self.casts[self.phase as usize]
    }

    pub(super) fn enter(&mut self, character: Character) {
        let address = Ipv4Addr::new(127, 0, 0, character.address);
        let client = Client { character, address, seats: Vec::new(), asked: None, turns: 0 };
        self.casts[self.phase as usize].push(client);
    }

    pub(super) fn tally(&self, round: Round) -> &Tally {
        &self.rounds[round as usize]
    }

    /// What the edge of this phase has met.
    pub(super) fn total(&self) -> Tally {
        let rounds = Round::ALL.iter().filter(|round| round.phase() == self.phase);
        rounds.fold(Tally::default(), |sum, round| sum.and(self.tally(*round)))
    }

    pub(super) fn begin(&mut self, number: usize, focus: Focus, title: &str, about: &str) {
        self.focus = focus;
        self.act = (number, title.to_owned());
        about.clone_into(&mut self.about);
        let title =
            if (1..=ACTS).contains(&number) { format!("{number}. {title}") } else { title.to_owned() };
        self.tell(Tone::Title, title);
        self.tell(Tone::Plain, about);
        self.first = self.told.len();
    }

    pub(super) fn tell(&mut self, tone: Tone, text: impl Into<String>) {
        self.told.push(Line { tone, text: text.into() });
    }

    /// Says what must be so, and whether it is.
    pub(super) fn claim(&mut self, holds: bool, text: impl Into<String>) {
        let text = text.into();
        if holds {
            self.tell(Tone::Good, format!("✓ {text}"));
        } else {
            self.fail(text);
        }
    }

    pub(super) fn fail(&mut self, text: impl Into<String>) {
        let text = text.into();
        // After the story anybody may do anything to the farm.
        if self.round == Round::Open {
            return self.tell(Tone::Bad, text);
        }
        self.tell(Tone::Bad, format!("✗ NOT SO: {text}"));
        self.failures.push(text);
    }

    pub(super) fn node(&mut self, name: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.name == name)
    }

    pub(super) fn stopped(&mut self, name: &str) {
        if let Some(node) = self.node(name) {
            node.runs = false;
            node.stopped = Some(Instant::now());
        }
    }

    pub(super) fn started(&mut self, name: &str) {
        if let Some(node) = self.node(name) {
            node.runs = true;
        }
    }

    /// A client's word.
    pub(super) fn noticed(&mut self, phase: Phase, notice: Notice) {
        let clients = &mut self.casts[phase as usize];
        match notice {
            Notice::Asked { client, from, at } => {
                clients[client].asked = Some(at);
                clients[client].address = from;
            }
            Notice::Rested { client } => clients[client].turns += 1,
            Notice::Answered(report) => {
                clients[report.client].asked = None;
                self.answered(phase, &report);
                self.witnesses[phase as usize].reported(report);
                self.hear(phase);
            }
            Notice::Ended { client, place, talk, loss } => {
                let tally = &mut self.rounds[self.round as usize];
                tally.conversations[talk as usize] += 1;
                if let Some(loss) = loss {
                    tally.broken[talk as usize] += 1;
                    self.broke(phase, client, place, &loss);
                }
            }
        }
    }

    /// A line of the edge's access log.
    pub(super) fn logged(&mut self, phase: Phase, entry: Entry) {
        let known = self.casts[phase as usize].iter().any(|client| entry.client == client.address)
            || self.witnesses[phase as usize].expects(entry.client);
        if known {
            self.witnesses[phase as usize].logged(entry);
            self.hear(phase);
        } else {
            let tone = if entry.status < 500 { Tone::Plain } else { Tone::Bad };
            let without = if phase == Phase::Without { "without persistence, " } else { "" };
            self.tell(tone, format!("By hand, {without}{}", entry.in_words()));
        }
    }

    /// What the edge says for people.
    pub(super) fn warned(&mut self, phase: Phase, text: &str) {
        if phase != self.phase {
            return;
        }
        self.tell(Tone::Edge, format!("The edge says: {text}"));
        let Some((backend, rest)) = text.split_once(" is ") else { return };
        let Some((pool, name)) = backend.split_once('/') else { return };
        let Some(node) = self.node(name) else { return };
        node.down.retain(|known| known != pool);
        if rest.starts_with("down") {
            node.down.push(pool.to_owned());
        }
    }

    /// Nobody waits for an answer, and the log has told of every request.
    pub(super) fn is_quiet(&self) -> bool {
        self.clients().iter().all(|client| client.asked.is_none())
            && self.witnesses[self.phase as usize].has_heard_all()
    }

    fn hear(&mut self, phase: Phase) {
        while let Some(problem) = self.witnesses[phase as usize].contradiction() {
            self.fail(problem);
        }
    }

    fn answered(&mut self, phase: Phase, report: &Report) {
        let memory = report.place.memory();
        let nodes = &self.nodes;
        let client = &mut self.casts[phase as usize][report.client];
        let tally = &mut self.rounds[self.round as usize];
        tally.requests += 1;
        let Some(at) = report.node.as_ref().and_then(|name| nodes.iter().position(|node| node.name == *name))
        else {
            tally.unanswered += 1;
            return;
        };
        let name = client.character.name;
        let to = &nodes[at].name;
        let Some(seat) = client.seats.iter_mut().find(|seat| seat.memory == memory) else {
            client.seats.push(Seat::new(memory, at, report.asked));
            tally.fresh += 1;
            let who = client.character.described(client.address, memory);
            self.tell(Tone::Plain, format!("{who} is new: {to}"));
            return;
        };
        let from = seat.node;
        let excused = nodes[from].stopped.is_some_and(|stopped| stopped >= seat.since);
        seat.answered(at, report.asked);
        if from == at {
            tally.kept += 1;
        } else if phase == Phase::Without {
            tally.astray += 1;
        } else if excused {
            tally.moved += 1;
            seat.standing = Standing::Moved;
            let held = report.asked.elapsed();
            let first = if held < HELD {
                String::new()
            } else {
                format!("waited {:.1} s, then ", held.as_secs_f64())
            };
            let text = format!("{name} {first}moved from {} to {to}", nodes[from].name);
            self.tell(Tone::Expected, text);
        } else {
            tally.astray += 1;
            let text = format!("{name} is on {to}, and what it needs is on {}", nodes[from].name);
            self.fail(text);
        }
    }

    fn broke(&mut self, phase: Phase, client: usize, place: Place, loss: &Loss) {
        let character = self.casts[phase as usize][client].character;
        let name = character.name;
        if phase == Phase::Without {
            if self.casts[phase as usize][client].lose(place) {
                self.tell(Tone::Expected, format!("{name} fails: {}", loss.why));
            }
            return;
        }
        // Whatever had been begun on a node that has stopped since is gone with it, and nothing else may be.
        let stopped_since = |node: &Node| node.stopped.is_some_and(|stopped| stopped >= loss.since);
        let excused = self
            .nodes
            .iter()
            .any(|node| stopped_since(node) && loss.had.as_ref().is_none_or(|had| *had == node.name));
        if excused {
            self.rounds[self.round as usize].excused += 1;
            let had = loss.had.as_deref().unwrap_or("the stopped node");
            self.tell(
                Tone::Expected,
                format!("{name} begins again, what it had died with {had}: {}", loss.why),
            );
        } else {
            self.fail(format!("{name}: {}", loss.why));
        }
    }
}
