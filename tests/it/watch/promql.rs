//! Which metrics and labels an expression uses, and whether they exist. Not a parser of PromQL: that the
//! expression is one is for Prometheus to say.

use super::{rules, shipped, yaml};
use identity_edge::metrics::Registry;
use identity_edge::metrics::names::{ALL, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// Every name that may be asked for, with its labels.
pub struct Known(BTreeMap<String, BTreeSet<String>>);

/// What a scrape adds to every series.
const TARGET: [&str; 2] = ["job", "instance"];

impl Known {
    /// The edge's metrics, those of its process, Prometheus' own, and what the rules record.
    pub fn new() -> Known {
        let mut known = Known(BTreeMap::new());
        for family in ALL {
            known.add(family.name, family.labels);
            if family.kind == Kind::Histogram {
                known.add(&format!("{}_count", family.name), family.labels);
                known.add(&format!("{}_sum", family.name), family.labels);
                known.add(&format!("{}_bucket", family.name), &[family.labels, &["le"]].concat());
                known.0.remove(family.name);
            }
        }
        for (name, _) in process() {
            known.add(&name, &[]);
        }
        known.add("up", &[]);
        known.add("ALERTS", &["alertname", "alertstate", "severity"]);
        for rule in rules::all(&yaml::parse(&shipped(rules::FILE))) {
            if let Some(name) = rule["record"].as_str() {
                let (level, _) = name.split_once(':').expect("level:metric:operations");
                known.add(name, &level.split('_').collect::<Vec<_>>());
            }
        }
        known
    }

    fn add(&mut self, name: &str, labels: &[&str]) {
        let labels = labels.iter().chain(&TARGET).map(|label| (*label).to_owned());
        self.0.insert(name.to_owned(), labels.collect());
    }

    /// What is wrong with the names of an expression.
    pub fn wrong(&self, expression: &str) -> Vec<String> {
        let uses = match uses(expression) {
            Ok(uses) => uses,
            Err(error) => return vec![format!("{error} in {expression}")],
        };
        let mut wrong = Vec::new();
        let mut there = BTreeSet::new();
        for (metric, labels) in &uses.metrics {
            let Some(has) = self.0.get(metric) else {
                wrong.push(format!("there is no {metric} in {expression}"));
                continue;
            };
            there.extend(has);
            let missing = labels.iter().filter(|label| !has.contains(*label));
            wrong.extend(missing.map(|label| format!("{metric} has no {label} in {expression}")));
        }
        let missing = uses.grouping.iter().filter(|label| !there.contains(*label));
        wrong.extend(missing.map(|label| format!("nothing has {label} in {expression}")));
        wrong
    }
}

/// The metrics of the process itself, with their types: those of this test's own process are the same.
pub fn process() -> BTreeMap<String, String> {
    let told = Registry::new().told();
    let types = told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

#[derive(Debug, Default, PartialEq)]
struct Uses {
    /// Names with the labels that are asked for.
    metrics: Vec<(String, Vec<String>)>,
    /// Labels to group or match by.
    grouping: Vec<String>,
}

/// Words in front of a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words that are neither a function nor a metric.
const WORDS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];

fn uses(expression: &str) -> Result<Uses, String> {
    let tokens = tokens(expression)?;
    let mut uses = Uses::default();
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        place += 1;
        let follows = tokens.get(place).map_or("", String::as_str);
        if token == "{" {
            return Err("labels without a name".to_owned());
        } else if !is_word(token) || WORDS.contains(&token.as_str()) {
            continue;
        } else if LISTS.contains(&token.as_str()) {
            if follows == "(" {
                uses.grouping.extend(inside(&tokens, &mut place, ")")?);
            }
        } else if follows == "{" {
            uses.metrics.push((token.clone(), inside(&tokens, &mut place, "}")?));
        } else if follows != "(" && !(LISTS.contains(&follows)) {
            uses.metrics.push((token.clone(), Vec::new()));
        }
    }
    Ok(uses)
}

/// The words up to a closing bracket.
fn inside(tokens: &[String], place: &mut usize, end: &str) -> Result<Vec<String>, String> {
    let length = tokens[*place..].iter().position(|token| token == end).ok_or(format!("no {end}"))?;
    let words = tokens[*place..*place + length].iter().filter(|token| is_word(token)).cloned().collect();
    *place += length + 1;
    Ok(words)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
}

/// Words, numbers with their units, and single signs; no texts, no ranges, no comments.
fn tokens(expression: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let ends = |end: char| rest[1..].find(end).map(|at| at + 2).ok_or(format!("no {end}"));
        let length = match first {
            '"' | '\'' => ends(first)?,
            '[' => ends(']')?,
            '#' => rest.find('\n').unwrap_or(rest.len()),
            _ if first.is_ascii_alphanumeric() || first == '_' || first == ':' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
                rest.find(|c| !is_part(c)).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        if !"\"'[#".contains(first) {
            tokens.push(rest[..length].to_owned());
        }
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

#[test]
fn names_and_labels_are_found_in_expressions() {
    let found = uses(
        "sum by (job, le) (rate(a_total{b=\"c{d}\", e!~'f'}[5m] offset 1h)) / on (g) group_left 2.5e3 * x:y:z and z # no",
    );
    let metrics = [("a_total", vec!["b", "e"]), ("x:y:z", vec![]), ("z", vec![])];
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    let expected = Uses {
        metrics: metrics.map(|(name, labels)| (name.to_owned(), owned(labels))).into(),
        grouping: owned(vec!["job", "le", "g"]),
    };
    assert_eq!(found, Ok(expected));
    let known = Known::new();
    let share = "instance_group:identity_edge_stick_table_entries:ratio{group=\"a\"} > 0.5";
    assert_eq!(known.wrong(share), Vec::<String>::new());
    for (wrong, expected) in [
        ("identity_edge_pin", "there is no identity_edge_pin"),
        ("identity_edge_pins{pool=\"a\"}", "identity_edge_pins has no pool"),
        ("sum by (pool) (identity_edge_pins)", "nothing has pool"),
        (
            "rate(identity_edge_request_duration_seconds[5m])",
            "there is no identity_edge_request_duration_seconds",
        ),
        ("{job=\"a\"}", "labels without a name"),
        ("up{job=\"a\"", "no }"),
    ] {
        let said = known.wrong(wrong);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
    }
}
