//! Nodes that fail by chance, paced by the requests that are over.

use super::actors::Requests;
use super::{HOLD, Random};
use crate::support::node::{Manner, Node};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What happens to a node for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Killed, restarted at the end: its sessions are gone.
    Killed,
    /// It takes no new connections.
    Refusing,
    /// It does nothing, but its kernel takes connections.
    Frozen,
}

/// A while in which a node could not be reached, or did not answer.
#[derive(Clone, Debug)]
pub struct Outage {
    /// The node's name.
    pub node: String,
    /// What happened.
    pub kind: Kind,
    /// Not later than it began.
    pub from: Instant,
    /// Not earlier than it was over.
    pub to: Instant,
}

struct Running<'n> {
    node: &'n Node,
    kind: Kind,
    from: Instant,
    due: Instant,
}

impl Running<'_> {
    fn begin(node: &Node, kind: Kind, length: Duration) -> Running<'_> {
        let from = Instant::now();
        match kind {
            Kind::Killed => node.kill(),
            Kind::Refusing => node.refuse(),
            Kind::Frozen => node.freeze(),
        }
        Running { node, kind, from, due: from + length }
    }

    fn end(self) -> Outage {
        match self.kind {
            Kind::Killed => self.node.restart(),
            Kind::Refusing => self.node.listen(),
            Kind::Frozen => self.node.resume(),
        }
        Outage { node: self.node.name.clone(), kind: self.kind, from: self.from, to: Instant::now() }
    }
}

/// Lets nodes fail until the time is over. At most two of them are out at a time.
pub fn play(
    nodes: &[Node],
    requests: &Requests,
    mut random: Random,
    until: Instant,
    over: &AtomicBool,
) -> Vec<Outage> {
    let mut outages = Vec::new();
    let mut running: Vec<Running<'_>> = Vec::new();
    let mut bag = Bag::default();
    while Instant::now() < until && !over.load(Ordering::Relaxed) {
        // Who waits for a node makes no progress: time passes as well.
        requests.wait(50, Duration::from_millis(100));
        let now = Instant::now();
        while let Some(place) = running.iter().position(|outage| outage.due <= now) {
            outages.push(running.swap_remove(place).end());
        }
        let count = u64::try_from(nodes.len()).unwrap();
        let node = &nodes[usize::try_from(random.below(count)).unwrap()];
        let is_out = running.iter().any(|outage| outage.node.name == node.name);
        if is_out || random.one_in(3) {
            continue;
        }
        if running.len() < 2 && random.one_in(12) {
            let (kind, length) = bag.draw(&mut random);
            running.push(Running::begin(node, kind, length));
        } else {
            let manner = [
                Manner::Reset,
                Manner::HalfBody,
                Manner::HalfHead,
                Manner::Stale,
                Manner::Stale,
                Manner::Late(20 + random.below(200)),
            ][usize::try_from(random.below(6)).unwrap()];
            node.next(1 + usize::try_from(random.below(3)).unwrap(), manner);
        }
    }
    outages.extend(running.into_iter().map(Running::end));
    outages
}

/// Draws outages: in each round of all of them every kind comes, in another order.
#[derive(Default)]
struct Bag(Vec<(Kind, bool)>);

impl Bag {
    fn draw(&mut self, random: &mut Random) -> (Kind, Duration) {
        if self.0.is_empty() {
            let short = [Kind::Killed, Kind::Killed, Kind::Refusing, Kind::Refusing, Kind::Frozen];
            self.0.extend(short.map(|kind| (kind, false)));
            self.0.extend([Kind::Killed, Kind::Refusing].map(|kind| (kind, true)));
        }
        let place = random.below(u64::try_from(self.0.len()).unwrap());
        let (kind, long) = self.0.swap_remove(usize::try_from(place).unwrap());
        let length = if long {
            HOLD + Duration::from_millis(200 + random.below(1_000))
        } else {
            Duration::from_millis(random.below(400))
        };
        (kind, length)
    }
}
