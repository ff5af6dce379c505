//! Names become small numbers once.
//!
//! Pins and counters live longer than one configuration: what they refer to must keep its meaning when nodes
//! are added, removed or reordered. A [`NodeId`] therefore stands for a node's *name* for the life of the
//! process. An index into the configuration's list was rejected: reordering nodes would move every client.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::RwLock;
use ring::digest::{SHA256, digest};

/// A node's name, interned for the life of the process; never reused for another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// More names than a [`NodeId`] can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyNames;

impl std::fmt::Display for TooManyNames {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "more than {} different node names since the process started", u16::MAX)
    }
}

impl std::error::Error for TooManyNames {}

/// The names met so far.
#[derive(Debug, Default)]
pub struct Interner {
    names: RwLock<Names>,
}

#[derive(Debug, Default)]
struct Names {
    by_name: HashMap<Box<str>, NodeId, RandomState>,
    by_id: Vec<Box<str>>,
}

impl Interner {
    /// The identity of `name`, the same one for the same name however often it is asked for.
    ///
    /// # Errors
    /// [`TooManyNames`] once 65,535 different names are known.
    pub fn intern(&self, name: &str) -> Result<NodeId, TooManyNames> {
        if let Some(id) = self.names.read().by_name.get(name) {
            return Ok(*id);
        }
        let mut names = self.names.write();
        if let Some(id) = names.by_name.get(name) {
            return Ok(*id);
        }
        let next = u16::try_from(names.by_id.len()).map_err(|_| TooManyNames)?;
        if next == u16::MAX {
            return Err(TooManyNames);
        }
        names.by_id.push(name.into());
        names.by_name.insert(name.into(), NodeId(next));
        Ok(NodeId(next))
    }

    /// The name behind `id`, if this interner made it.
    pub fn name(&self, id: NodeId) -> Option<Box<str>> {
        self.names.read().by_id.get(usize::from(id.0)).cloned()
    }
}

/// A node's name as other edges and later processes know it: the first 8 bytes, big-endian, of its SHA-256.
///
/// Edges share nothing but names, so what leaves the process cannot hold a [`NodeId`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeTag(pub u64);

impl NodeTag {
    /// The tag of `name`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = digest(&SHA256, name.as_bytes());
        Self(hash.as_ref().iter().take(8).fold(0, |tag, byte| tag << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_head_of_the_sha_256_of_the_name() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(NodeTag::of("abc"), NodeTag(0xba78_16bf_8f01_cfea));
    }
}
