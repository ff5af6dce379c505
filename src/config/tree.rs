//! YAML as a tree that knows where everything was written.
//!
//! Only what a configuration needs: mappings with plain keys, lists, scalars. Anchors, aliases, tags and several
//! documents are refused by name: an alias would let a small file grow without bound, and none of them says
//! anything here that cannot be said without.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

/// How deep mappings and lists may nest; the configuration itself needs seven levels.
const DEEPEST: usize = 32;

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// From 1.
    pub(super) line: u32,
    /// In characters, from 1.
    pub(super) column: u32,
}

/// A value as it was written.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) position: Position,
    pub(super) kind: RawKind,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum RawKind {
    /// Nothing was written after the key or dash.
    Empty,
    /// One word or text.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<Raw>),
    /// A mapping in the order of the text; every key once.
    Mapping(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) key: String,
    pub(super) value: Raw,
}

/// What keeps a text from being a tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) position: Position,
    pub(super) path: String,
    pub(super) value: String,
    pub(super) expected: String,
}

/// Reads `text` into a tree. Duplicate keys are reported beside it, as they do not keep the rest from being
/// checked; anything else that is wrong ends the reading.
pub(super) fn parse(text: &str) -> (Option<Raw>, Vec<Problem>) {
    let mut builder = Builder { text, parser: Parser::new_from_str(text), problems: Vec::new() };
    let tree = match builder.document() {
        Ok(tree) => Some(tree),
        Err(problem) => {
            builder.problems.push(*problem);
            None
        }
    };
    (tree, builder.problems)
}

/// The path of `key` below `path`.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Boxed, as it is rare and large.
type Refused = Box<Problem>;

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    problems: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Refused> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(refused(*error.marker(), "", "no YAML", &self.advice(&error))),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The parser's words, and what probably helps.
    fn advice(&self, error: &ScanError) -> String {
        let line = self.text.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
        let quotes = if line.contains("${") { "; a text with ${ needs quotes" } else { "" };
        format!("{}{quotes}", error.info())
    }

    fn document(&mut self) -> Result<Raw, Refused> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::Nothing, _) => {}
                (Event::DocumentStart(_), _) => break,
                (_, span) => return Err(refused(span.start, "", "empty", "expected a configuration")),
            }
        }
        let (event, span) = self.next()?;
        let tree = self.value(event, span, "", 0)?;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(tree),
                (Event::DocumentStart(_), span) => {
                    return Err(refused(span.start, "", "a second document", "expected one document a file"));
                }
                _ => {}
            }
        }
    }

    fn value(&mut self, event: Event<'t>, span: Span, path: &str, depth: usize) -> Result<Raw, Refused> {
        let start = span.start;
        if depth > DEEPEST {
            return Err(refused(
                start,
                path,
                "nested too deep",
                &format!("expected at most {DEEPEST} levels"),
            ));
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            Event::Alias(_) => {
                return Err(refused(start, path, "an alias", "expected the value written out"));
            }
            _ => return Err(refused(start, path, "no YAML", "expected a value")),
        };
        if anchor != 0 {
            return Err(refused(start, path, "an anchor", "expected a value without one"));
        }
        if tag {
            return Err(refused(start, path, "a tag", "expected a value without one"));
        }
        let kind = match event {
            Event::Scalar(..) if span.is_empty() => RawKind::Empty,
            Event::Scalar(text, style, ..) => {
                RawKind::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => RawKind::List(self.list(path, depth)?),
            _ => RawKind::Mapping(self.mapping(path, depth)?),
        };
        Ok(Raw { position: position(start), kind })
    }

    fn list(&mut self, path: &str, depth: usize) -> Result<Vec<Raw>, Refused> {
        let mut values = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(values);
            }
            let path = format!("{path}[{}]", values.len());
            values.push(self.value(event, span, &path, depth + 1)?);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Vec<Entry>, Refused> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.value(event, span, path, depth + 1)?;
            let RawKind::Scalar { text: name, .. } = key.kind else {
                return Err(refused(span.start, path, "no key", "expected a word before the colon"));
            };
            let path = below(path, &name);
            let (event, span) = self.next()?;
            let value = self.value(event, span, &path, depth + 1)?;
            match entries.iter().find(|known| known.key == name) {
                Some(first) => self.problems.push(Problem {
                    position: key.position,
                    path,
                    value: "duplicate key".into(),
                    expected: format!("first given in line {}", first.position.line),
                }),
                None => entries.push(Entry { position: key.position, key: name, value }),
            }
        }
    }
}

fn position(marker: Marker) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

fn refused(marker: Marker, path: &str, value: &str, expected: &str) -> Refused {
    Box::new(Problem {
        position: position(marker),
        path: path.into(),
        value: value.into(),
        expected: expected.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        let (tree, problems) = parse(text);
        assert!(tree.is_none(), "{text}");
        let problem = problems.last().unwrap();
        let Position { line, column } = problem.position;
        format!("{line}:{column}: {}: {}, {}", problem.path, problem.value, problem.expected)
    }

    #[test]
    fn positions_are_those_of_the_text() {
        let (tree, problems) = parse("# first\na: 1\nb:\n  - x\n  - { c: 'd' }\n");
        assert_eq!(problems, []);
        let RawKind::Mapping(entries) = tree.unwrap().kind else { panic!("no mapping") };
        let at = |line, column| Position { line, column };
        assert_eq!((entries[0].position, entries[0].value.position), (at(2, 1), at(2, 4)));
        let RawKind::List(items) = &entries[1].value.kind else { panic!("no list") };
        assert_eq!((items[0].position, items[1].position), (at(4, 5), at(5, 5)));
        let RawKind::Mapping(inner) = &items[1].kind else { panic!("no mapping") };
        assert_eq!((inner[0].position, inner[0].value.position), (at(5, 7), at(5, 10)));
        assert!(matches!(&inner[0].value.kind, RawKind::Scalar { quoted: true, text } if text == "d"));
    }

    #[test]
    fn what_is_not_needed_is_refused_by_name() {
        for (text, expected) in [
            ("a: &x 1", "1:4: a: an anchor, expected a value without one"),
            ("a: {}\nb: [*x]", "2:5: : no YAML, while parsing node, found unknown anchor"),
            ("a: !!str 1", "1:4: a: a tag, expected a value without one"),
            ("a: 1\n---\nb: 2\n", "2:1: : a second document, expected one document a file"),
            ("? [a]\n: 1\n", "1:3: : no key, expected a word before the colon"),
            ("", "1:1: : empty, expected a configuration"),
            ("# nothing\n", "2:1: : empty, expected a configuration"),
        ] {
            assert_eq!(refusal(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        assert!(refusal(&"[".repeat(200)).contains("nested too deep, expected at most 32 levels"));
    }

    #[test]
    fn duplicate_keys_do_not_hide_the_rest() {
        let (tree, problems) = parse("a:\n  b: 1\n  b: 2\nc: 3\nc: 4\n");
        assert!(tree.is_some());
        let found: Vec<_> =
            problems.iter().map(|p| (p.position.line, p.path.as_str(), p.expected.as_str())).collect();
        assert_eq!(found, [(3, "a.b", "first given in line 2"), (5, "c", "first given in line 4")]);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[-a:\\[\\]{},&*!|>'\"%@`#?~ \\n\\t\\r0-9\u{feff}\u{85}é]{0,60}") {
            let _ = parse(&text);
        }
    }
}
