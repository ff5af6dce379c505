//! Values that are made of others, and those that only their readers understand.

use super::super::pattern;
use super::super::scalar::{alternatives, show_size};
use super::super::schema::{Definitions, Json, Object, plain};
use super::{Section, Shape};

/// A mapping with known keys.
pub(in crate::config) struct Map(pub(in crate::config) &'static Section);

impl Shape for Map {
    fn expected(&self) -> String {
        self.0.expected.into()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        definitions.reference(self.0)
    }
}

/// A mapping of names, which the user chooses, to mappings with known keys; there must be one.
pub(in crate::config) struct Named {
    pub(in crate::config) each: &'static Section,
    pub(in crate::config) expected: &'static str,
}

impl Shape for Named {
    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        Object::from([
            ("type", "object".into()),
            ("minProperties", 1.into()),
            ("additionalProperties", false.into()),
            (
                "patternProperties",
                Object::from([(pattern::whole(pattern::NAME), definitions.reference(self.each).into())])
                    .into(),
            ),
        ])
    }
}

/// A list with at least one element.
pub(in crate::config) struct List<S> {
    pub(in crate::config) of: S,
    pub(in crate::config) expected: &'static str,
}

impl<S: Shape> Shape for List<S> {
    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        list(self.of.schema(definitions))
    }
}

fn list(items: Object) -> Object {
    Object::from([("type", "array".into()), ("minItems", 1.into()), ("items", items.into())])
}

/// A list, perhaps without an element.
pub(in crate::config) struct Several<S> {
    pub(in crate::config) of: S,
    pub(in crate::config) expected: &'static str,
}

impl<S: Shape> Shape for Several<S> {
    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        Object::from([("type", "array".into()), ("items", self.of.schema(definitions).into())])
    }
}

/// A value, or a list of at least one.
pub(in crate::config) struct OneOrSeveral<S>(pub(in crate::config) S);

impl<S: Shape> Shape for OneOrSeveral<S> {
    fn expected(&self) -> String {
        self.0.expected()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        let one = self.0.schema(definitions);
        Object::any_of([one.clone(), list(one)])
    }
}

/// One of two shapes.
pub(in crate::config) struct Either<A, B>(pub(in crate::config) A, pub(in crate::config) B);

impl<A: Shape, B: Shape> Shape for Either<A, B> {
    fn expected(&self) -> String {
        self.0.expected()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        Object::any_of([self.0.schema(definitions), self.1.schema(definitions)])
    }
}

/// A mapping whose keys the user chooses, as long as they fit a pattern.
pub(in crate::config) struct Entries<S> {
    pub(in crate::config) keys: fn() -> String,
    pub(in crate::config) each: S,
    pub(in crate::config) expected: &'static str,
}

impl<S: Shape> Shape for Entries<S> {
    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, definitions: &mut Definitions) -> Object {
        let keys = Object::from([("pattern", pattern::whole(&(self.keys)()).into())]);
        Object::from([
            ("type", "object".into()),
            ("propertyNames", keys.into()),
            ("additionalProperties", self.each.schema(definitions).into()),
        ])
    }
}

/// `{}`, where there is nothing to say.
pub(in crate::config) struct Empty;

impl Shape for Empty {
    fn expected(&self) -> String {
        "expected {}".into()
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        Object::from([("type", "object".into()), ("maxProperties", 0.into())])
    }
}

/// The name of something from another section.
pub(in crate::config) struct Name(pub(in crate::config) &'static str);

impl Shape for Name {
    fn expected(&self) -> String {
        format!("expected the name of a {}", self.0)
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        Object::from([
            ("type", ["string", "number", "boolean"].into()),
            ("pattern", pattern::or_environment(pattern::NAME).into()),
            ("patternErrorMessage", self.expected().into()),
        ])
    }
}

/// The path of a file, or a word that stands for none; holds what is expected.
pub(in crate::config) struct File(pub(in crate::config) &'static str);

impl Shape for File {
    fn expected(&self) -> String {
        self.0.into()
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        Object::from([("type", ["string", "number", "boolean"].into()), ("minLength", 1.into())])
    }
}

/// Any text of at least one byte and at most so many.
pub(in crate::config) struct LongText(pub(in crate::config) u64);

impl Shape for LongText {
    fn expected(&self) -> String {
        format!("expected a text of 1 byte to {}, or null for none", show_size(self.0))
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        Object::from([
            ("type", ["string", "number", "boolean"].into()),
            ("minLength", 1.into()),
            ("maxLength", self.0.into()),
        ])
    }

    fn note(&self) -> Option<String> {
        Some(format!("From 1 byte to {}", show_size(self.0)))
    }
}

/// A status or a range of them.
pub(in crate::config) struct Statuses {
    pub(in crate::config) least: u16,
    pub(in crate::config) most: u16,
}

impl Shape for Statuses {
    fn expected(&self) -> String {
        let Self { least, most } = self;
        format!("expected a status or a range within {least} to {most}, such as 204 or \"200-399\"")
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        let (least, most) = (u64::from(self.least), u64::from(self.most));
        let one = pattern::digits(least, most);
        let texts = pattern::or_environment(&format!("(?:{one})(?:-(?:{one}))?"));
        Object::from([
            ("type", ["integer", "string"].into()),
            ("minimum", least.into()),
            ("maximum", most.into()),
            ("pattern", texts.into()),
            ("patternErrorMessage", self.expected().into()),
            ("examples", Json::List(vec![204.into(), "200-399".into()])),
        ])
    }
}

/// What this version does not do: nothing but these is accepted, and they mean the same.
pub(in crate::config) struct NotBuilt(pub(in crate::config) &'static [&'static str]);

impl Shape for NotBuilt {
    fn expected(&self) -> String {
        format!("not supported by this version, expected {}", alternatives(self.0.iter().copied()))
    }

    fn schema(&self, _: &mut Definitions) -> Object {
        match self.0 {
            ["{}"] => Empty.schema(&mut Definitions::default()),
            words => {
                let no = words.iter().any(|word| matches!(*word, "off" | "false"));
                let mut values: Vec<Json> = words.iter().flat_map(|word| spellings(word)).collect();
                values.extend(no.then_some(Json::Bool(false)).filter(|value| !values.contains(value)));
                let words = Object::from([("enum", Json::List(values))]);
                if !no {
                    return words;
                }
                let no = pattern::whole(&pattern::switch(false));
                Object::any_of([words, Object::from([("type", "string".into()), ("pattern", no.into())])])
            }
        }
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "Not in this version, which accepts nothing but {}",
            alternatives(self.0.iter().copied())
        ))
    }
}

/// A word in quotes, and what YAML takes it for without.
pub(super) fn spellings(word: &str) -> Vec<Json> {
    if word == "null" {
        return vec![Json::Null];
    }
    let fraction = word.parse().ok().filter(|_| word.contains('.')).map(Json::Fraction);
    let mut spellings = vec![Json::from(word)];
    spellings.extend(fraction.or_else(|| Some(plain(word)).filter(|plain| *plain != word.into())));
    spellings
}
