//! What the keys of a configuration are and what their values may be: one description, from which a value is
//! read, an error says what is accepted, and the schema for editors is made.
//!
//! A reader can only ask for a [`Key`], and what it gets is read as the key's shape says, so that nothing can be
//! configured that is not described. A range, a list of words or a default is written once, in [`super::keys`].
//! The alternative, a schema beside the readers and a test that compares both, would have them differ in
//! whatever the test forgot.

mod compound;

use compound::spellings;
pub(super) use compound::{
    Either, Empty, Entries, File, List, LongText, Map, Name, Named, NotBuilt, OneOrSeveral, Several, Statuses,
};

use super::pattern;
use super::read::Value;
use super::scalar::{alternatives, parse_boolean, parse_duration, parse_size, show_duration, show_size};
use super::schema::{Definitions, Json, Object, plain};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A mapping with known keys.
pub(super) struct Section {
    /// What the schema calls it.
    pub(super) name: &'static str,
    /// What is said where there is no mapping.
    pub(super) expected: &'static str,
    /// In the order in which errors and the schema name them.
    pub(super) keys: &'static [&'static dyn Described],
}

/// A key of a section: its name, its values, and what it means.
pub(super) struct Key<S> {
    pub(super) name: &'static str,
    pub(super) shape: S,
    absent: Absent,
    about: &'static str,
}

/// What it means that a key is not there.
enum Absent {
    /// An error.
    Refused,
    /// The same as this text.
    Is(&'static str),
    /// Something that depends on other keys, in words.
    Depends(fn() -> String),
    /// The defaults of the keys below it.
    Nothing,
}

/// A key that must be there.
pub(super) const fn required<S>(name: &'static str, shape: S, about: &'static str) -> Key<S> {
    Key { name, shape, absent: Absent::Refused, about }
}

/// A key with a default, written as in a file.
pub(super) const fn optional<S>(
    name: &'static str,
    shape: S,
    default: &'static str,
    about: &'static str,
) -> Key<S> {
    Key { name, shape, absent: Absent::Is(default), about }
}

/// A key whose default depends on others; `default` tells how.
pub(super) const fn dependent<S>(
    name: &'static str,
    shape: S,
    default: fn() -> String,
    about: &'static str,
) -> Key<S> {
    Key { name, shape, absent: Absent::Depends(default), about }
}

/// A key for more keys, which have the defaults.
pub(super) const fn section<S>(name: &'static str, shape: S, about: &'static str) -> Key<S> {
    Key { name, shape, absent: Absent::Nothing, about }
}

impl<S: Shape> Key<S> {
    /// What is accepted, as errors say it.
    pub(super) fn expected(&self) -> String {
        self.shape.expected()
    }
}

impl<S: Scalar> Key<S> {
    /// What the key means where it is absent.
    #[expect(
        clippy::expect_used,
        reason = "whatever is configured, every default is read: no test would pass"
    )]
    pub(super) fn default(&self) -> S::Read {
        let Absent::Is(text) = self.absent else { panic!("{} has no default of its own", self.name) };
        self.shape.parse(text).expect("a default that can be read")
    }
}

/// What is known of any key.
pub(super) trait Described: Sync {
    fn name(&self) -> &'static str;
    fn is_required(&self) -> bool;
    /// The key's values, with what they mean.
    fn schema(&self, definitions: &mut Definitions) -> Object;
}

impl<S: Shape + Sync> Described for Key<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_required(&self) -> bool {
        matches!(self.absent, Absent::Refused)
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        let mut description = self.about.to_owned();
        if let Some(note) = self.shape.note() {
            description += &format!(" {note}.");
        }
        if let Absent::Depends(default) = self.absent {
            description += &format!(" Default: {}.", default());
        }
        let mut schema = Object::from([("description", description.into())]);
        if let Absent::Is(default) = self.absent {
            schema.put("default", plain(default));
        }
        schema.extend(self.shape.schema(definitions));
        schema
    }
}

/// What a value may be.
pub(super) trait Shape {
    /// What is accepted, as errors say it.
    fn expected(&self) -> String;

    /// What is accepted, for editors.
    fn schema(&self, definitions: &mut Definitions) -> Object;

    /// What a schema has no words for.
    fn note(&self) -> Option<String> {
        None
    }
}

/// A value of one word or text.
pub(super) trait Scalar: Shape {
    type Read;

    /// What a text means, if it is accepted.
    fn parse(&self, text: &str) -> Option<Self::Read>;

    /// What the value means; if it is not accepted, that is reported.
    fn read(&self, value: &Value<'_>) -> Option<Self::Read> {
        value.parsed(&self.expected(), |text| self.parse(text))
    }
}

/// An integer that fits its type.
pub(super) struct Number<T> {
    range: RangeInclusive<u64>,
    read: PhantomData<fn() -> T>,
}

pub(super) const fn number<T>(range: RangeInclusive<u64>) -> Number<T> {
    Number { range, read: PhantomData }
}

impl<T: TryFrom<u64>> Shape for Number<T> {
    fn expected(&self) -> String {
        format!("expected {}..={}", self.range.start(), self.range.end())
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        let (least, most) = (*self.range.start(), *self.range.end());
        Object::from([
            ("type", ["integer", "string"].into()),
            ("minimum", least.into()),
            ("maximum", most.into()),
            ("pattern", pattern::or_environment(&pattern::number(least, most)).into()),
            ("patternErrorMessage", self.expected().into()),
        ])
    }
}

impl<T: TryFrom<u64>> Scalar for Number<T> {
    type Read = T;

    fn parse(&self, text: &str) -> Option<T> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = text.parse().ok().filter(|number| digits && self.range.contains(number))?;
        T::try_from(number).ok()
    }
}

/// A duration, such as `30s`.
pub(super) struct Lasting(pub(super) RangeInclusive<Duration>);

impl Shape for Lasting {
    fn expected(&self) -> String {
        let (least, most) = (show_duration(*self.0.start()), show_duration(*self.0.end()));
        format!("expected a duration from {least} to {most}, such as 30s")
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        let pattern = pattern::duration(*self.0.start(), *self.0.end());
        Object::from([
            ("type", "string".into()),
            ("pattern", pattern::or_environment(&pattern).into()),
            ("patternErrorMessage", self.expected().into()),
        ])
    }

    fn note(&self) -> Option<String> {
        Some(format!("From {} to {}", show_duration(*self.0.start()), show_duration(*self.0.end())))
    }
}

impl Scalar for Lasting {
    type Read = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        parse_duration(text).filter(|duration| self.0.contains(duration))
    }
}

/// A number of bytes, such as `64KiB`.
pub(super) struct Size(pub(super) RangeInclusive<u64>);

impl Shape for Size {
    fn expected(&self) -> String {
        let (least, most) = (show_size(*self.0.start()), show_size(*self.0.end()));
        format!("expected a size from {least} to {most}, such as 64KiB")
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        let (least, most) = (*self.0.start(), *self.0.end());
        Object::from([
            ("type", ["integer", "string"].into()),
            ("minimum", least.into()),
            ("maximum", most.into()),
            ("pattern", pattern::or_environment(&pattern::size(least, most)).into()),
            ("patternErrorMessage", self.expected().into()),
        ])
    }

    fn note(&self) -> Option<String> {
        Some(format!("From {} to {}", show_size(*self.0.start()), show_size(*self.0.end())))
    }
}

impl Scalar for Size {
    type Read = u64;

    fn parse(&self, text: &str) -> Option<u64> {
        parse_size(text).filter(|size| self.0.contains(size))
    }
}

/// `true` or `false`, and the other words for them.
pub(super) struct Switch;

impl Shape for Switch {
    fn expected(&self) -> String {
        "expected true or false".into()
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        let words = [true, false].map(pattern::switch).join("|");
        Object::from([
            ("type", ["boolean", "string"].into()),
            ("pattern", pattern::or_environment(&words).into()),
            ("patternErrorMessage", self.expected().into()),
        ])
    }
}

impl Scalar for Switch {
    type Read = bool;

    fn parse(&self, text: &str) -> Option<bool> {
        parse_boolean(text)
    }
}

/// One of several words. Where `on` or `off` is among them, so are the other words for it.
pub(super) struct Word<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy> Shape for Word<T> {
    fn expected(&self) -> String {
        format!("expected {}", alternatives(self.0.iter().map(|(word, _)| *word)))
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        let switches = [("on", true), ("off", false)];
        let switches = || switches.into_iter().filter(|(word, _)| self.parse(word).is_some());
        let words = self.0.iter().flat_map(|(word, _)| spellings(word));
        let words = words.chain(switches().map(|(_, on)| Json::Bool(on))).collect();
        let others: Vec<String> = switches().map(|(_, on)| pattern::switch(on)).collect();
        let others = Object::from([
            ("type", "string".into()),
            ("pattern", pattern::or_environment(&others.join("|")).into()),
            ("patternErrorMessage", self.expected().into()),
        ]);
        Object::any_of([Object::from([("enum", Json::List(words))]), others])
    }
}

impl<T: Copy> Scalar for Word<T> {
    type Read = T;

    fn parse(&self, text: &str) -> Option<T> {
        let find =
            |wanted: &str| self.0.iter().find(|(word, _)| *word == wanted).map(|(_, meaning)| *meaning);
        find(text).or_else(|| find(if parse_boolean(text)? { "on" } else { "off" }))
    }
}

/// A text that `parse` understands.
pub(super) struct Text<T> {
    pub(super) expected: &'static str,
    pub(super) parse: fn(&str) -> Option<T>,
    /// A regular expression for the texts that `parse` accepts; it may accept more.
    pub(super) pattern: fn() -> String,
    pub(super) examples: &'static [&'static str],
}

impl<T> Shape for Text<T> {
    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        debug_assert!(self.examples.iter().all(|text| (self.parse)(text).is_some()), "{:?}", self.examples);
        // What YAML takes for a number or a boolean is a text like any other here.
        let more = [("1", "number"), ("true", "boolean")];
        let more = more.into_iter().filter(|(text, _)| (self.parse)(text).is_some()).map(|(_, name)| name);
        let types: Vec<&str> = std::iter::once("string").chain(more).collect();
        let mut schema = Object::from([
            ("type", if let [one] = types[..] { one.into() } else { types.into() }),
            ("pattern", pattern::or_environment(&(self.pattern)()).into()),
            ("patternErrorMessage", self.expected.into()),
        ]);
        if !self.examples.is_empty() {
            schema.put("examples", self.examples.to_vec().into());
        }
        schema
    }
}

impl<T> Scalar for Text<T> {
    type Read = T;

    fn parse(&self, text: &str) -> Option<T> {
        (self.parse)(text)
    }
}

/// A value, or null for none.
pub(super) struct OrNull<S>(pub(super) S);

impl<S: Shape> Shape for OrNull<S> {
    fn expected(&self) -> String {
        self.0.expected()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        self.0.schema(definitions).or_null()
    }

    fn note(&self) -> Option<String> {
        self.0.note().map(|note| format!("{note}, or null"))
    }
}

impl<S: Scalar> Scalar for OrNull<S> {
    type Read = Option<S::Read>;

    fn parse(&self, text: &str) -> Option<Self::Read> {
        if text == "null" { Some(None) } else { self.0.parse(text).map(Some) }
    }

    fn read(&self, value: &Value<'_>) -> Option<Self::Read> {
        if value.is_null() { Some(None) } else { self.0.read(value).map(Some) }
    }
}
