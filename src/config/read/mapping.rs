//! A mapping with known keys: what its reader asks for, key by key.

use super::super::scalar::{alternatives, parse_boolean, suggestion};
use super::super::shape::{Described, Key, Name, Named, NotBuilt, OrNull, Scalar, Section, Shape};
use super::super::tree::{Entry, RawKind, below};
use super::Value;

/// A mapping with known keys.
pub(in crate::config) struct Mapping<'a> {
    value: Value<'a>,
    entries: &'a [Entry],
    section: &'static Section,
    asked: Vec<&'static str>,
}

impl<'a> Mapping<'a> {
    pub(super) fn new(value: &Value<'a>, entries: &'a [Entry], section: &'static Section) -> Self {
        Self { value: value.clone(), entries, section, asked: Vec::new() }
    }

    /// Reports the keys that are not known; all others must have been asked for.
    pub(super) fn finish(&self) {
        self.report_unknown();
        debug_assert!(self.was_asked_for_all(), "{}: a key is described and not read", self.section.name);
    }

    /// The value of `key`, if the key is there.
    pub(in crate::config) fn value(&mut self, key: &'static impl Described) -> Option<Value<'a>> {
        let name = key.name();
        debug_assert!(self.knows(key), "{name} is read and not described in {}", self.section.name);
        self.asked.push(name);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(Value { raw: &entry.value, path: below(&self.value.path, name), document: self.value.document })
    }

    /// What is written for `key`; its default where it is absent or wrong.
    pub(in crate::config) fn read<S: Scalar + Sync>(&mut self, key: &'static Key<S>) -> S::Read {
        self.read_or(key, key.default())
    }

    /// The same for a key whose default depends on others.
    pub(in crate::config) fn read_or<S: Scalar + Sync>(
        &mut self,
        key: &'static Key<S>,
        default: S::Read,
    ) -> S::Read {
        self.value(key).and_then(|value| key.shape.read(&value)).unwrap_or(default)
    }

    /// The value of a key whose null means none: absent, null, or something.
    pub(in crate::config) fn or_null<S: Shape + Sync>(
        &mut self,
        key: &'static Key<OrNull<S>>,
    ) -> Option<Option<Value<'a>>> {
        self.value(key).map(|value| (!value.is_null()).then_some(value))
    }

    /// The value of a key that must be there.
    pub(in crate::config) fn required<S: Shape + Sync>(&mut self, key: &'static Key<S>) -> Option<Value<'a>> {
        let value = self.value(key);
        if value.is_none() {
            self.value.missing(key.name, &key.expected());
        }
        value
    }

    /// What is written for a key that must be there, if it is right.
    pub(in crate::config) fn read_required<S: Scalar + Sync>(
        &mut self,
        key: &'static Key<S>,
    ) -> Option<S::Read> {
        self.required(key).and_then(|value| key.shape.read(&value))
    }

    /// The index of what a key that must be there names among `names`.
    pub(in crate::config) fn required_reference(
        &mut self,
        key: &'static Key<Name>,
        names: &[&str],
    ) -> Option<usize> {
        self.required(key).and_then(|value| value.reference(&key.shape, names))
    }

    /// The entries of a section whose names the user chose; none if it may be left out and is.
    pub(in crate::config) fn named(&mut self, key: &'static Key<Named>) -> Vec<(&'a str, Value<'a>)> {
        let value = if key.is_required() { self.required(key) } else { self.value(key) };
        value.map(|value| value.named(&key.expected())).unwrap_or_default()
    }

    /// Refuses `key` unless it has its default, which is the only thing that this version can do.
    pub(in crate::config) fn not_built(&mut self, key: &'static Key<NotBuilt>) {
        let Some(value) = self.value(key) else { return };
        let accepted = key.shape.0;
        let fits = match &value.raw.kind {
            RawKind::Scalar { text, quoted } => {
                let switched_off = accepted.contains(&"off") || accepted.contains(&"false");
                let is_off = switched_off && !quoted && parse_boolean(text) == Some(false);
                let is_null = accepted.contains(&"null") && value.is_null();
                is_off || is_null || (text != "null" && accepted.contains(&text.as_str()))
            }
            RawKind::Mapping(entries) => entries.is_empty() && accepted.contains(&"{}"),
            RawKind::List(_) | RawKind::Empty => false,
        };
        if !fits {
            value.error(&key.expected());
        }
    }

    /// The mapping as a value, to report about it.
    pub(in crate::config) fn whole(&self) -> &Value<'a> {
        &self.value
    }

    fn report_unknown(&self) {
        let known = || self.section.keys.iter().map(|key| key.name());
        for entry in self.entries.iter().filter(|entry| !known().any(|key| key == entry.key)) {
            let expected = match suggestion(&entry.key, known()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("expected {}", alternatives(known())),
            };
            let path = below(&self.value.path, &entry.key);
            self.value.document.error(entry.position, &path, "unknown key", &expected);
        }
    }

    /// Whether the section has this very key, and not merely one of its name.
    fn knows(&self, key: &impl Described) -> bool {
        self.section.keys.iter().any(|known| std::ptr::addr_eq(*known, key))
    }

    fn was_asked_for_all(&self) -> bool {
        self.section.keys.iter().all(|key| self.asked.contains(&key.name()))
    }
}
