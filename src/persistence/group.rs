//! A persistence group: its settings, its nodes, and what it remembers.

use super::settings::GroupSettings;
use super::stick_table::{Limits, StickTable};
use crate::clock::Millis;
use crate::id::NodeId;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

/// What every group remembers, by its name; outlives a reload. One for the life of the process.
#[derive(Debug, Default)]
pub struct SelectorLive {
    groups: Mutex<HashMap<String, Arc<GroupLive>, foldhash::fast::RandomState>>,
}

/// What a group remembers.
#[derive(Debug)]
pub struct GroupLive {
    pub(super) pins: StickTable,
}

/// A group, as configured.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) settings: GroupSettings,
    pub(super) live: Arc<GroupLive>,
}

impl Group {
    pub(super) fn stats(&self) -> GroupStats<'_> {
        GroupStats { group: self }
    }
}

/// Figures of one group.
#[derive(Clone, Copy, Debug)]
pub struct GroupStats<'a> {
    group: &'a Group,
}

impl<'a> GroupStats<'a> {
    /// The group's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.group.settings.name
    }

    /// Pins that lead to `node`.
    #[must_use]
    pub fn pins(&self, node: NodeId) -> u64 {
        self.group.live.pins.pins(node)
    }

    /// The stick table: its size, capacity, evictions, refusals, expirations, memory.
    #[must_use]
    pub fn table(&self) -> &'a StickTable {
        &self.group.live.pins
    }
}
