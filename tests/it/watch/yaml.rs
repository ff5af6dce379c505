//! YAML as JSON, for the files of Prometheus; every scalar is a text.

use saphyr_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

/// Reads one document.
pub fn parse(text: &str) -> Value {
    let mut parser = Parser::new_from_str(text);
    loop {
        match next(&mut parser) {
            Event::StreamStart | Event::Nothing | Event::DocumentStart(_) => {}
            event => return value(&mut parser, event),
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    parser.next_event().expect("more YAML").unwrap_or_else(|error| panic!("{error}")).0
}

fn value<'t>(parser: &mut Parser<'t, StrInput<'t>>, event: Event<'t>) -> Value {
    match event {
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            loop {
                match next(parser) {
                    Event::SequenceEnd => return Value::Array(list),
                    event => list.push(value(parser, event)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                let key = match next(parser) {
                    Event::MappingEnd => return Value::Object(map),
                    Event::Scalar(text, ..) => text.into_owned(),
                    other => panic!("a key that is no word: {other:?}"),
                };
                let event = next(parser);
                let value = value(parser, event);
                assert!(map.insert(key.clone(), value).is_none(), "{key} is there twice");
            }
        }
        other => panic!("not needed in these files: {other:?}"),
    }
}
