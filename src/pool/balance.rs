//! The first choice: which of several candidates a new client is given to.
//!
//! Pure functions over the candidates and a turn (a number that grows with every choice): equal candidates
//! take turns, so that two idle nodes share. Ring hashing was rejected for `hash`: it needs a built ring per
//! candidate set, and its shares are only roughly by weight; rendezvous hashing needs no state, its shares
//! are exact, and a node that leaves moves its own clients only.

use super::Node;
use crate::id::NodeId;
use parking_lot::Mutex;
use std::cmp::Ordering;

/// A node that could take a new client.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its slow-start share, per mille, 1 to 1000.
    pub share: u32,
    /// Pins it holds in the group.
    pub pins: u64,
    /// Requests it has in flight.
    pub requests: u64,
}

impl Candidate<'_> {
    fn capacity(&self) -> u64 {
        u64::from(self.node.weight.max(1)) * u64::from(self.share.clamp(1, 1000))
    }
}

/// The candidate with the fewest pins per weight, counting the one to come.
pub fn least_pins<'a>(
    candidates: impl Iterator<Item = Candidate<'a>> + Clone,
    turn: usize,
) -> Option<Candidate<'a>> {
    let (_, mut equals) = least(candidates, |candidate| candidate.pins + 1)?;
    let ties = equals.clone().count();
    equals.nth(turn % ties.max(1))
}

/// The candidate with the fewest requests in flight per weight, counting the one to come. Candidates without
/// any are equals, and share by weight: on a quiet day the heaviest would get everybody.
pub fn least_requests<'a>(
    candidates: impl Iterator<Item = Candidate<'a>> + Clone,
    turn: usize,
    robin: &RoundRobin,
) -> Option<Candidate<'a>> {
    let load = |candidate: &Candidate<'a>| match candidate.requests {
        0 => 0,
        requests => requests + 1,
    };
    let (best, mut equals) = least(candidates, load)?;
    if equals.clone().any(|candidate| candidate.capacity() != best.capacity()) {
        return robin.choose(equals);
    }
    let ties = equals.clone().count();
    equals.nth(turn % ties.max(1))
}

/// One of the candidates with the least load per weight, and all of them.
fn least<'a, C: Iterator<Item = Candidate<'a>> + Clone>(
    candidates: C,
    load: impl Fn(&Candidate<'a>) -> u64 + Clone,
) -> Option<(Candidate<'a>, impl Iterator<Item = Candidate<'a>> + Clone)> {
    let compare = move |one: &Candidate<'a>, other: &Candidate<'a>| {
        let left = u128::from(load(one)) * u128::from(other.capacity());
        let right = u128::from(load(other)) * u128::from(one.capacity());
        left.cmp(&right)
    };
    let best = candidates.clone().min_by(&compare)?;
    Some((best, candidates.filter(move |candidate| compare(candidate, &best) == Ordering::Equal)))
}

/// Smooth weighted round robin: of weights 2 and 1 the order is a, b, a; nobody gets two in a row while
/// another waits.
#[derive(Debug, Default)]
pub struct RoundRobin {
    credits: Mutex<Vec<(NodeId, i64)>>,
}

impl RoundRobin {
    /// The candidate whose turn it is.
    pub fn choose<'a>(&self, candidates: impl Iterator<Item = Candidate<'a>>) -> Option<Candidate<'a>> {
        let mut credits = self.credits.lock();
        let mut total = 0;
        let mut best: Option<(Candidate<'a>, usize, i64)> = None;
        for candidate in candidates {
            let share = i64::try_from(candidate.capacity()).unwrap_or(1);
            total += share;
            let place = match credits.iter().position(|(node, _)| *node == candidate.node.id) {
                Some(place) => place,
                None => {
                    credits.push((candidate.node.id, 0));
                    credits.len() - 1
                }
            };
            let Some((_, credit)) = credits.get_mut(place) else { continue };
            *credit += share;
            if best.is_none_or(|(_, _, most)| *credit > most) {
                best = Some((candidate, place, *credit));
            }
        }
        let (candidate, place, _) = best?;
        if let Some((_, credit)) = credits.get_mut(place) {
            *credit -= total;
        }
        Some(candidate)
    }
}

/// The candidate that `key` belongs to: weighted rendezvous hashing over the nodes' names, without slow
/// start, so that every edge of every build gives the same answer for the same candidates.
///
/// A node draws once per unit of weight and the highest draw wins; so shares are exactly by weight, in
/// integers, where the usual logarithm depends on the platform's mathematics.
pub fn hash<'a>(candidates: impl Iterator<Item = Candidate<'a>>, key: &[u8]) -> Option<Candidate<'a>> {
    let mut best: Option<(u64, Candidate<'a>)> = None;
    for candidate in candidates {
        let seed = hash64(key, candidate.node.name.as_bytes());
        let draws = (0..u64::from(candidate.node.weight.max(1)))
            .map(|draw| mix(seed.wrapping_add(draw.wrapping_mul(GOLDEN))));
        let highest = draws.max().unwrap_or(0);
        let wins =
            best.is_none_or(|(most, holder)| (highest, &candidate.node.name) > (most, &holder.node.name));
        if wins {
            best = Some((highest, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// FNV-1a over the key's length, the key and the name, finished as splitmix64 does. Fixed for ever: changing it
/// would move clients between edges of different versions.
#[must_use]
pub fn hash64(key: &[u8], name: &[u8]) -> u64 {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes();
    let bytes = length.iter().chain(key).chain(name);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(hash)
}

/// The finisher of splitmix64 (Steele, Lea, Flood 2014).
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(GOLDEN);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
