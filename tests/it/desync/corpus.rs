//! The probes of `tests/fixtures/desync/probes.json`.
//!
//! A character of `bytes` is a byte, so that any bytes can be written in JSON; what repeats is written once.

use serde_json::Value;
use std::collections::BTreeMap;

const FILE: &str = include_str!("../../fixtures/desync/probes.json");

/// What an attacker sends, and what is expected of the edge.
pub struct Probe {
    pub group: String,
    pub name: String,
    /// Keys of the sources.
    pub sources: Vec<String>,
    pub bytes: Vec<u8>,
    /// The targets that reach the backend, in order.
    pub forwarded: Vec<String>,
    /// The reason word of what is refused.
    pub refused: Option<String>,
    /// The connection ends behind it although nothing is refused.
    pub closes: bool,
    /// The connection goes on although something is refused: where the request ended is known.
    pub goes_on: bool,
    /// Texts, in lower case, that must not reach the backend.
    pub lacks: Vec<String>,
}

impl Probe {
    /// Group and name.
    pub fn title(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }

    /// Whether a request that follows on the same connection is served.
    pub fn lets_the_next_pass(&self) -> bool {
        !self.closes && (self.refused.is_none() || self.goes_on)
    }
}

/// A source: what it is called and where it can be read.
pub struct Source {
    pub name: String,
    pub address: String,
}

/// Every source, by its key.
pub fn sources() -> BTreeMap<String, Source> {
    let source = |source: &Value| Source { name: text(&source["name"]), address: text(&source["address"]) };
    let file = file();
    file["sources"].as_object().unwrap().iter().map(|(key, value)| (key.clone(), source(value))).collect()
}

/// Every probe, in the file's order.
pub fn probes() -> Vec<Probe> {
    file()["probes"].as_array().unwrap().iter().map(probe).collect()
}

fn file() -> Value {
    serde_json::from_str(FILE).unwrap()
}

fn probe(probe: &Value) -> Probe {
    let expect = &probe["expect"];
    let is = |key: &str| probe[key].as_bool().unwrap_or(false);
    let probe = Probe {
        group: text(&probe["group"]),
        name: text(&probe["name"]),
        sources: texts(&probe["source"]),
        bytes: bytes(&probe["bytes"]),
        forwarded: texts(&expect["forwarded"]),
        refused: expect["refused"].as_str().map(str::to_owned),
        closes: is("closes"),
        goes_on: is("goes_on"),
        lacks: texts(&probe["lacks"]),
    };
    assert!(probe.refused.is_some() || !probe.forwarded.is_empty(), "{} expects nothing", probe.title());
    probe
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    let of_text = |text: &str| -> Vec<u8> {
        text.chars().map(|c| u8::try_from(u32::from(c)).expect("a character is a byte")).collect()
    };
    match value {
        Value::String(text) => of_text(text),
        Value::Array(parts) => parts.iter().flat_map(bytes).collect(),
        Value::Object(part) => {
            let times = usize::try_from(part["times"].as_u64().unwrap()).unwrap();
            of_text(part["repeat"].as_str().unwrap()).repeat(times)
        }
        other => panic!("{other} are no bytes"),
    }
}
