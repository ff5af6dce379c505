//! What may have happened, given the faults.

use super::HOLD;
use super::actors::{Done, End};
use super::faults::{Kind, Outage};
use crate::support::node::Node;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

/// How long after a node is back the edge may still take it for out: two probes, on a busy machine.
const NOTICE: Duration = Duration::from_millis(1_000);

/// The verdict.
pub struct Judged {
    requests: usize,
    sessions: usize,
    /// Requests that were answered out of a session.
    relied: usize,
    forgotten: usize,
    moves: usize,
    faults: BTreeMap<String, usize>,
    failures: BTreeMap<String, usize>,
    /// What nothing explains.
    pub wrong: Vec<String>,
}

impl fmt::Display for Judged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judged { requests, sessions, relied, forgotten, moves, faults, failures, wrong } = self;
        write!(
            formatter,
            "{requests} requests, {sessions} sessions made and relied on {relied} times, faults {faults:?}, \
             failures {failures:?}, {forgotten} times unknown, {moves} moves, {} unexplained",
            wrong.len()
        )
    }
}

impl Judged {
    /// A soak in which nothing failed and nobody moved has shown nothing.
    pub fn assert_something_happened(&self) {
        assert!(self.requests > 1_000 && self.relied > 500 && self.moves > 0, "{self}");
        assert!(!self.failures.is_empty() && self.faults.len() > 4, "{self}");
    }
}

/// What nodes have told of a request: who, and what.
type Told = HashMap<String, Vec<(String, String)>>;

struct Model<'m> {
    nodes: &'m [Node],
    done: &'m [Done],
    outages: &'m [Outage],
    told: Told,
    /// For each request, the place of the last one of its client that was answered before it was sent.
    before: Vec<Option<usize>>,
    wrong: Vec<String>,
}

/// Judges every request.
pub fn judge(nodes: &[Node], done: &[Done], outages: &[Outage]) -> Judged {
    let mut told = Told::new();
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    for node in nodes {
        for event in node.events() {
            if event.what != "got" {
                *faults.entry(event.what.clone()).or_default() += 1;
            }
            told.entry(event.id).or_default().push((node.name.clone(), event.what));
        }
    }
    for outage in outages {
        *faults.entry(format!("{:?}", outage.kind).to_lowercase()).or_default() += 1;
    }
    let mut model = Model { nodes, done, outages, told, before: before(done), wrong: Vec::new() };
    let mut failures: BTreeMap<String, usize> = BTreeMap::new();
    let (mut forgotten, mut moves) = (0, 0);
    for (place, request) in done.iter().enumerate() {
        model.reached_one_node(request);
        match &request.end {
            End::Failed(status) => {
                let status = status.map_or("broken".to_owned(), |status| status.to_string());
                *failures.entry(status).or_default() += 1;
                model.failed(place);
            }
            End::Answered { node, knew } => {
                if !knew {
                    forgotten += 1;
                    model.forgotten(request, node);
                }
                moves += usize::from(model.moved(place, node));
            }
        }
    }
    let answered = |request: &&Done| matches!(request.end, End::Answered { knew: true, .. });
    let (relied, sessions): (Vec<_>, Vec<_>) =
        done.iter().filter(answered).partition(|r| r.session.is_some());
    let (requests, sessions, relied) = (done.len(), sessions.len(), relied.len());
    Judged { requests, sessions, relied, forgotten, moves, faults, failures, wrong: model.wrong }
}

/// See [`Model::before`]. Requests that overlap are not ordered.
fn before(done: &[Done]) -> Vec<Option<usize>> {
    let mut by_client: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, request) in done.iter().enumerate() {
        by_client.entry(request.client).or_default().push(place);
    }
    let mut before = vec![None; done.len()];
    for places in by_client.into_values() {
        let mut sent = places.clone();
        sent.sort_by_key(|place| done[*place].sent);
        let answered = |place: &usize| matches!(done[*place].end, End::Answered { .. });
        let mut finished: Vec<usize> = places.into_iter().filter(answered).collect();
        finished.sort_by_key(|place| done[*place].finished);
        let mut finished = finished.into_iter().peekable();
        let mut last = None;
        for place in sent {
            while let Some(earlier) = finished.next_if(|earlier| done[*earlier].finished <= done[place].sent)
            {
                last = Some(earlier);
            }
            before[place] = last;
        }
    }
    before
}

impl Model<'_> {
    fn complain(&mut self, what: &str, request: &Done) {
        let told = self.told.get(&request.id);
        let start = self.done.iter().map(|request| request.sent).min().unwrap();
        let at = |time: Instant| time.saturating_duration_since(start);
        let near: Vec<_> = self
            .outages
            .iter()
            .filter(|outage| outage.from <= request.finished && request.sent <= outage.to + 4 * HOLD)
            .map(|outage| (&outage.node, outage.kind, at(outage.from), at(outage.to)))
            .collect();
        let times = (at(request.sent), at(request.finished), request.session.as_ref().map(|s| at(s.since)));
        self.wrong.push(format!(
            "{what}: {} of client {}, {:?}, told {told:?}, sent, finished, session {times:?}, relied on {:?}, near {near:?}",
            request.id,
            request.client,
            request.end,
            request.session.as_ref().map(|session| &session.node)
        ));
    }

    fn told(&self, request: &Done, what: &str) -> usize {
        let told = self.told.get(&request.id).map(Vec::as_slice).unwrap_or_default();
        told.iter().filter(|(_, told)| told == what).count()
    }

    /// One node, and once, or twice for what may be carried out twice.
    fn reached_one_node(&mut self, request: &Done) {
        let told = self.told.get(&request.id).map(Vec::as_slice).unwrap_or_default();
        let nodes: BTreeSet<&String> = told.iter().map(|(node, _)| node).collect();
        let nodes = nodes.len();
        let times = self.told(request, "got") + self.told(request, "stale");
        if nodes > 1 {
            self.complain("it reached two nodes", request);
        }
        if times > if request.is_get { 2 } else { 1 } {
            self.complain("it was sent too often", request);
        }
        let broken = ["reset", "half_head", "half_body", "stale"].map(|what| self.told(request, what));
        if !request.is_get && broken.into_iter().sum::<usize>() > 0 && !matches!(request.end, End::Failed(_))
        {
            self.complain("a node broke it and it was answered all the same", request);
        }
    }

    /// The node could not be reached at some time of these.
    fn out(&self, node: &str, from: Instant, to: Instant) -> bool {
        self.outages.iter().any(|outage| {
            outage.kind != Kind::Frozen
                && outage.node == node
                && outage.from <= to
                && from <= outage.to + NOTICE
        })
    }

    /// The node was out at some time of these, and for so long that its clients were moved. Outages between
    /// which the edge could not notice that it was back are one.
    fn out_for_longer_than_the_hold(&self, node: &str, from: Instant, to: Instant) -> bool {
        let outages = self.outages.iter().filter(|outage| outage.node == node && outage.kind != Kind::Frozen);
        let mut outages: Vec<_> = outages.map(|outage| (outage.from, outage.to + NOTICE)).collect();
        outages.sort();
        let mut joined: Vec<(Instant, Instant)> = Vec::new();
        for (begun, ended) in outages {
            match joined.last_mut() {
                Some(last) if begun <= last.1 => last.1 = last.1.max(ended),
                _ => joined.push((begun, ended)),
            }
        }
        joined.iter().any(|(begun, ended)| *begun <= to && from <= *ended && *ended - *begun >= HOLD)
    }

    fn killed(&self, node: &str, from: Instant, to: Instant) -> bool {
        self.outages.iter().any(|outage| {
            outage.kind == Kind::Killed && outage.node == node && outage.from <= to && from <= outage.to
        })
    }

    /// Only by a fault that met exactly this request, or by a node that went while it was under way.
    fn failed(&mut self, place: usize) {
        let request = &self.done[place];
        let told = self.told.get(&request.id).map(Vec::as_slice).unwrap_or_default();
        let (sent, finished) = (request.sent, request.finished);
        let expected = match request.end {
            End::Failed(None) => &["half_body"][..],
            End::Failed(Some(502)) => &["reset", "half_head", "stale"][..],
            End::Failed(Some(503)) => {
                // One node is left always, but it may be back for too short a time to be known.
                if !self.nodes.iter().all(|node| self.out(&node.name, sent, finished)) {
                    self.complain("it was refused although a node could be used", request);
                }
                return;
            }
            _ => {
                self.complain("a failure of no known kind", request);
                return;
            }
        };
        if told.iter().any(|(_, what)| expected.contains(&&**what)) {
            return;
        }
        if let Some((node, _)) = told.first() {
            if !self.killed(node, sent, finished) {
                self.complain("it failed on a node that lived", request);
            }
            return;
        }
        // No node has read it: it was on its way to the client's node, or, if that was out, to another one.
        let home = self.before[place].and_then(|before| match &self.done[before].end {
            End::Answered { node, .. } => Some((node, self.done[before].sent)),
            End::Failed(_) => None,
        });
        let anywhere = self.outages.iter().any(|outage| self.out(&outage.node, sent, finished));
        let explained = match home {
            Some((node, since)) => {
                self.out(node, sent, finished)
                    || anywhere && self.out_for_longer_than_the_hold(node, since, finished)
            }
            None => anywhere,
        };
        if !explained {
            self.complain("it failed although its node lived", request);
        }
    }

    /// Only by a node that was killed meanwhile, or that the client had to leave.
    fn forgotten(&mut self, request: &Done, node: &str) {
        let Some(session) = &request.session else {
            self.complain("a new session was unknown", request);
            return;
        };
        let (since, now) = (session.since, request.finished);
        if self.killed(&session.node, since, now) {
            return;
        }
        if session.node == node {
            self.complain("its own node forgot it", request);
        } else if !self.out_for_longer_than_the_hold(&session.node, since, now) {
            self.complain("another node was asked", request);
        }
    }

    /// Whether the client is elsewhere than before; only from a node that was out for longer than the hold.
    fn moved(&mut self, place: usize, node: &str) -> bool {
        let request = &self.done[place];
        let Some(before) = self.before[place].map(|before| &self.done[before]) else { return false };
        let End::Answered { node: last, .. } = &before.end else { return false };
        if last == node {
            return false;
        }
        if !self.out_for_longer_than_the_hold(last, before.sent, request.finished) {
            self.complain(&format!("it moved from {last} for no reason"), request);
        }
        true
    }
}
