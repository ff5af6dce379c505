//! Names become small numbers once.
//!
//! Pins and counters live longer than one configuration: what they refer to must keep its meaning when nodes
//! are added, removed or reordered. A [`NodeId`] therefore stands for a node's *name* for the life of the
//! process. An index into the configuration's list was rejected: reordering nodes would move every client.

use hashbrown::HashMap;
use parking_lot::RwLock;

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
    by_name: HashMap<Box<str>, NodeId>,
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
