//! The JSON Schema of a configuration (draft 2020-12), made from the keys that are read.

use super::keys;
use super::shape::Section;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The schema as JSON, for editors that check and complete a file while it is written.
///
/// It knows one value at a time: names that lead nowhere, files that are not there and sections that do not fit
/// together are found by `check` alone. A text with `${` in it passes, as nobody knows what it will be.
///
/// # Errors
/// None that is known: the schema is made of texts, numbers, lists and mappings.
pub fn schema() -> Result<String, serde_json::Error> {
    let mut definitions = Definitions::default();
    let mut schema = Object::from([
        ("$schema", "https://json-schema.org/draft/2020-12/schema".into()),
        ("title", "Configuration of identity-edge".into()),
        ("description", concat!("Version ", env!("CARGO_PKG_VERSION"), ".").into()),
    ]);
    schema.extend(mapping(&keys::ROOT, &mut definitions));
    schema.put("$defs", Object(definitions.0).into());
    serde_json::to_string_pretty(&Json::Object(schema))
}

/// The sections that a schema refers to, in the order in which they are met.
#[derive(Default)]
pub(super) struct Definitions(Vec<(String, Json)>);

impl Definitions {
    /// A reference to a section, whose keys are told once.
    pub(super) fn reference(&mut self, section: &Section) -> Object {
        if !self.0.iter().any(|(name, _)| name == section.name) {
            let place = self.0.len();
            self.0.push((section.name.to_owned(), Json::Null));
            let told = mapping(section, self);
            self.0[place].1 = told.into();
        }
        Object::from([("$ref", format!("#/$defs/{}", section.name).into())])
    }
}

fn mapping(section: &Section, definitions: &mut Definitions) -> Object {
    let properties = section.keys.iter().map(|key| (key.name().to_owned(), key.schema(definitions).into()));
    let properties = Object(properties.collect());
    let required = section.keys.iter().filter(|key| key.is_required());
    let required: Vec<&str> = required.map(|key| key.name()).collect();
    let mut schema = Object::from([("type", "object".into()), ("additionalProperties", false.into())]);
    if !required.is_empty() {
        schema.put("required", required.into());
    }
    schema.put("properties", properties.into());
    schema
}

/// What a plain text of a file is in JSON.
pub(super) fn plain(text: &str) -> Json {
    match text {
        "null" => Json::Null,
        "true" => true.into(),
        "false" => false.into(),
        "[]" => Json::List(Vec::new()),
        "{}" => Object::default().into(),
        text => text.parse().map_or_else(|_| text.into(), Json::Number),
    }
}

/// JSON whose objects keep the order in which they were made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Fraction(f64),
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// An object of JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object(Vec<(String, Json)>);

impl Object {
    pub(super) fn put(&mut self, key: &str, value: Json) {
        self.0.push((key.to_owned(), value));
    }

    pub(super) fn extend(&mut self, more: Object) {
        self.0.extend(more.0);
    }

    /// What fits at least one of several.
    pub(super) fn any_of<const N: usize>(schemas: [Object; N]) -> Self {
        Self::from([("anyOf", Json::List(schemas.into_iter().map(Json::Object).collect()))])
    }

    /// The same schema, and null.
    pub(super) fn or_null(mut self) -> Self {
        let null = || Self::from([("type", "null".into())]);
        match self.0.iter_mut().find(|(key, _)| matches!(key.as_str(), "type" | "anyOf")) {
            Some((_, Json::List(types))) if types.iter().all(|it| matches!(it, Json::Text(_))) => {
                types.push("null".into());
            }
            Some((_, Json::List(schemas))) => schemas.push(null().into()),
            Some((_, one @ Json::Text(_))) => {
                let first = std::mem::replace(one, Json::Null);
                *one = Json::List(vec![first, "null".into()]);
            }
            _ => return Self::any_of([self, null()]),
        }
        self
    }
}

impl<K: Into<String>, const N: usize> From<[(K, Json); N]> for Object {
    fn from(entries: [(K, Json); N]) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<&str>> for Json {
    fn from(texts: Vec<&str>) -> Self {
        Self::List(texts.into_iter().map(Self::from).collect())
    }
}

impl<const N: usize> From<[&str; N]> for Json {
    fn from(texts: [&str; N]) -> Self {
        texts.to_vec().into()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Fraction(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(Object(entries)) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
