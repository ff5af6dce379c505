//! Typed reading of the tree.
//!
//! A reader never stops at the first error: it reports it and answers `None`, and its caller goes on with a
//! default. Whether anything was reported decides in the end. What a key may be is said in [`super::keys`]: a
//! reader can ask for the keys of its section, and must ask for all of them.

mod mapping;
mod written;

pub(super) use mapping::Mapping;

use super::error::{ConfigError, Place, Warning};
use super::scalar::{is_name, suggestion};
use super::shape::{Name, Section, Shape as _};
use super::tree::{Entry, Position, Raw, RawKind, below};
use std::borrow::Cow;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// The longest part of a value that an error repeats, in characters.
const LONGEST_QUOTE: usize = 60;

/// What [`Value::reference`] calls a persistence group.
pub(super) const GROUP: &str = "persistence group";

/// Looks up a variable of the environment.
pub(super) type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// The file that is being read, and what was found wrong so far.
pub(super) struct Document<'e> {
    /// As it was named by the user.
    pub(super) file: PathBuf,
    /// The folder that relative paths start from.
    pub(super) folder: PathBuf,
    pub(super) environment: &'e Environment<'e>,
    pub(super) errors: RefCell<Vec<ConfigError>>,
    pub(super) warnings: RefCell<Vec<Warning>>,
}

impl Document<'_> {
    pub(super) fn error(&self, position: Position, path: &str, value: &str, expected: &str) {
        self.errors.borrow_mut().push(ConfigError {
            place: Place::new(&self.file, position, path),
            value: printable(value),
            expected: expected.to_owned(),
        });
    }
}

/// Why a value is no text.
enum NoText<'a> {
    /// A variable of the environment cannot be put in; what was written, and why.
    Variable(&'a str, String),
    /// It names one without being quoted.
    Unquoted(&'a str),
    /// It is something else.
    Other,
}

/// A value of the tree and where it is.
#[derive(Clone)]
pub(super) struct Value<'a> {
    document: &'a Document<'a>,
    raw: &'a Raw,
    path: String,
}

impl<'a> Value<'a> {
    pub(super) fn root(document: &'a Document<'a>, raw: &'a Raw) -> Self {
        Self { document, raw, path: String::new() }
    }

    /// Reports that this value is not what is `expected`.
    pub(super) fn error(&self, expected: &str) {
        let value = match &self.raw.kind {
            RawKind::Empty => "nothing".into(),
            RawKind::List(_) => "a list".into(),
            RawKind::Mapping(_) => "a mapping".into(),
            RawKind::Scalar { text, quoted: true } => match self.substituted(text) {
                Ok(text) if text.is_empty() => "\"\"".into(),
                Ok(text) => text.into_owned(),
                Err(_) => text.clone(),
            },
            RawKind::Scalar { text, .. } => text.clone(),
        };
        self.error_about(&value, expected);
    }

    /// Reports what is wrong about this value in words of the caller.
    pub(super) fn error_about(&self, value: &str, expected: &str) {
        self.document.error(self.raw.position, &self.path, value, expected);
    }

    /// Reports that a key is missing in this mapping.
    pub(super) fn missing(&self, key: &str, expected: &str) {
        self.document.error(self.raw.position, &below(&self.path, key), "missing", expected);
    }

    pub(super) fn warn(&self, value: &str, why: &str) {
        self.document.warnings.borrow_mut().push(Warning {
            place: Place::new(&self.document.file, self.raw.position, &self.path),
            value: printable(value),
            why: why.to_owned(),
        });
    }

    /// The keys that lead here.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        std::ptr::eq(self.raw, other.raw)
    }

    pub(super) fn document(&self) -> &'a Document<'a> {
        self.document
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.raw.kind, RawKind::Scalar { text, quoted: false }
            if matches!(text.as_str(), "null" | "Null" | "NULL" | "~"))
    }

    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.raw.kind, RawKind::Scalar { .. })
    }

    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.raw.kind, RawKind::Mapping(_))
    }

    /// A single word or text, not null, with variables of the environment put in.
    pub(super) fn text(&self, expected: &str) -> Option<Cow<'a, str>> {
        match self.read_text() {
            Ok(text) => return Some(text),
            Err(NoText::Variable(text, problem)) => self.error_about(text, &problem),
            Err(NoText::Unquoted(text)) => {
                let quotes = format!("expected quotes around a text from the environment: \"{text}\"");
                self.error_about(text, &quotes);
            }
            Err(NoText::Other) => self.error(expected),
        }
        None
    }

    /// The same for what must not be shown: an error shows `instead`.
    pub(super) fn hidden_text(&self, instead: &str, expected: &str) -> Option<Cow<'a, str>> {
        match self.read_text() {
            Ok(text) => return Some(text),
            Err(NoText::Variable(_, problem)) => self.error_about(instead, &problem),
            Err(NoText::Unquoted(_)) => {
                self.error_about(instead, "expected quotes around a text from the environment");
            }
            Err(NoText::Other) => self.error_about(instead, expected),
        }
        None
    }

    fn read_text(&self) -> Result<Cow<'a, str>, NoText<'a>> {
        match &self.raw.kind {
            RawKind::Scalar { text, quoted: true } => {
                self.substituted(text).map_err(|problem| NoText::Variable(text, problem))
            }
            RawKind::Scalar { text, .. } if text.contains("${") => Err(NoText::Unquoted(text)),
            RawKind::Scalar { text, .. } if !self.is_null() => Ok(Cow::Borrowed(text)),
            _ => Err(NoText::Other),
        }
    }

    /// `text` with each `${NAME}` replaced from the environment; `$${` stands for `${`.
    fn substituted(&self, text: &'a str) -> Result<Cow<'a, str>, String> {
        if !text.contains("${") {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            if rest[..start].ends_with('$') {
                out.push('{');
                rest = &rest[start + 2..];
                continue;
            }
            let name = &rest[start + 2..];
            let Some(end) = name.find('}') else {
                return Err("expected } behind the variable's name".into());
            };
            let name = &name[..end];
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(
                    "expected the name of a variable between ${ and }; $${ stands for ${ itself".into()
                );
            }
            match (self.document.environment)(name) {
                Some(value) => out.push_str(&value),
                None => return Err(format!("the environment has no variable {name}")),
            }
            rest = &rest[start + 2 + end + 1..];
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }

    /// What `parse` makes of the text; an error says what was `expected`.
    pub(super) fn parsed<T>(&self, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(&self.text(expected)?);
        if parsed.is_none() {
            self.error(expected);
        }
        parsed
    }

    /// The path of a file, relative ones below the configuration's folder.
    pub(super) fn file(&self, expected: &str) -> Option<PathBuf> {
        let text = self.text(expected)?;
        if text.is_empty() || text.contains('\0') {
            self.error(expected);
            return None;
        }
        Some(self.document.folder.join(Path::new(text.as_ref())))
    }

    /// The elements of a list, perhaps of none.
    pub(super) fn items(&self, expected: &str) -> Option<Vec<Value<'a>>> {
        let RawKind::List(items) = &self.raw.kind else {
            self.error(expected);
            return None;
        };
        Some(self.elements(items))
    }

    /// The elements of a list that has some.
    pub(super) fn list(&self, expected: &str) -> Option<Vec<Value<'a>>> {
        let items = self.items(expected)?;
        if items.is_empty() {
            self.error_about("an empty list", expected);
            return None;
        }
        Some(items)
    }

    /// The elements of a list, or the one value that stands in its place.
    pub(super) fn one_or_several(&self, expected: &str) -> Option<Vec<Value<'a>>> {
        match &self.raw.kind {
            RawKind::List(_) => self.list(expected),
            _ => Some(vec![self.clone()]),
        }
    }

    /// Whether this is a mapping without keys.
    pub(super) fn is_empty_mapping(&self) -> bool {
        matches!(&self.raw.kind, RawKind::Mapping(entries) if entries.is_empty())
    }

    fn elements(&self, items: &'a [Raw]) -> Vec<Value<'a>> {
        let element = |(index, raw)| Value { raw, path: format!("{}[{index}]", self.path), ..self.clone() };
        items.iter().enumerate().map(element).collect()
    }

    /// The entries of a mapping whose keys the user chose.
    pub(super) fn entries(&self, expected: &str) -> Option<Vec<(&'a str, Value<'a>)>> {
        let RawKind::Mapping(entries) = &self.raw.kind else {
            self.error(expected);
            return None;
        };
        let entry = |entry: &'a Entry| {
            let value = Value { raw: &entry.value, path: below(&self.path, &entry.key), ..self.clone() };
            (entry.key.as_str(), value)
        };
        Some(entries.iter().map(entry).collect())
    }

    /// The entries of a mapping of names; there must be some.
    pub(super) fn named(&self, expected: &str) -> Vec<(&'a str, Value<'a>)> {
        let Some(entries) = self.entries(expected) else { return Vec::new() };
        if entries.is_empty() {
            self.error_about("an empty mapping", expected);
        }
        if let RawKind::Mapping(raw) = &self.raw.kind {
            for entry in raw.iter().filter(|entry| !is_name(&entry.key)) {
                let expected = "expected a name of at most 64 letters, digits, dots, dashes and underscores";
                self.document.error(entry.position, &self.path, &entry.key, expected);
            }
        }
        entries
    }

    /// The index of what this text names among `names`. Only groups need not exist; where anything else has no
    /// names at all, its section was reported already.
    pub(super) fn reference(&self, what: &Name, names: &[&str]) -> Option<usize> {
        let text = self.text(&what.expected())?;
        let Name(what) = *what;
        let found = names.iter().position(|name| *name == text);
        if found.is_none() && (!names.is_empty() || what == GROUP) {
            let meant = suggestion(&text, names.iter().copied());
            let meant = meant.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
            let known = if names.is_empty() { "there is none".into() } else { names.join(", ") };
            self.error(&format!("no such {what}; {meant}known: {known}"));
        }
        found
    }

    /// Reads a mapping with known keys; others are reported.
    pub(super) fn mapping<T>(
        &self,
        section: &'static Section,
        read: impl FnOnce(&mut Mapping<'a>) -> T,
    ) -> Option<T> {
        let RawKind::Mapping(entries) = &self.raw.kind else {
            self.error(section.expected);
            return None;
        };
        let mut mapping = Mapping::new(self, entries, section);
        let answer = read(&mut mapping);
        mapping.finish();
        Some(answer)
    }
}

/// `text` on one line and not too long.
fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST_QUOTE)
        .flat_map(|c| {
            let escaped: Vec<char> = if c.is_control() { c.escape_default().collect() } else { vec![c] };
            escaped
        })
        .collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        shown.push('…');
    }
    shown
}
