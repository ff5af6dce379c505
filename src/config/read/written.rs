//! Where something was written, for those who report about it after it was read.

use super::super::shape::Described;
use super::super::tree::{RawKind, below};
use super::Value;

impl Value<'_> {
    /// The value that `keys` lead to, each below the one before it; where one was not written, the last on the way
    /// that was. Unlike [`Mapping::value`](super::Mapping::value) this makes no key known.
    pub(in crate::config) fn written(&self, keys: &[&dyn Described]) -> Self {
        let mut found = self.clone();
        for key in keys {
            let RawKind::Mapping(entries) = &found.raw.kind else { break };
            let Some(entry) = entries.iter().find(|entry| entry.key == key.name()) else { break };
            found = Value { raw: &entry.value, path: below(&found.path, key.name()), ..found };
        }
        found
    }

    /// What was written for a name that the user chose.
    pub(in crate::config) fn entry(&self, name: &str) -> Option<Self> {
        let RawKind::Mapping(entries) = &self.raw.kind else { return None };
        let entry = entries.iter().find(|entry| entry.key == name)?;
        Some(Value { raw: &entry.value, path: below(&self.path, name), ..self.clone() })
    }
}
