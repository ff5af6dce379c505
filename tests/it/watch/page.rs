//! `docs/metrics.md`.

use super::prometheus::promtool;
use super::promql::{Known, process};
use super::shipped;
use crate::support::edge::write;
use identity_edge::metrics::names::{ALL, Kind};
use std::collections::BTreeMap;

const PAGE: &str = "docs/metrics.md";

/// The expressions of its blocks and of its text.
pub fn expressions() -> Vec<String> {
    let page = shipped(PAGE);
    let mut expressions = Vec::new();
    for (place, part) in page.split("```").enumerate() {
        if place % 2 == 0 {
            // Text: spans that are more than a name.
            let spans = part.split('`').skip(1).step_by(2);
            let asks = |span: &&str| span.contains("identity_edge_") || span.contains("process_");
            expressions.extend(spans.filter(asks).filter(|span| !is_family(span)).map(str::to_owned));
        } else if let Some(block) = part.strip_prefix("promql\n") {
            // Parted by empty lines; a line of comment says what is asked.
            let asked = block.split("\n\n").map(str::trim).filter(|asked| !asked.is_empty());
            expressions.extend(asked.map(str::to_owned));
        }
    }
    expressions
}

/// A histogram's name is no expression.
fn is_family(span: &str) -> bool {
    ALL.iter().any(|family| family.name == span)
}

/// The tables' rows of metrics: name, type and labels.
fn rows() -> Vec<(String, String, Vec<String>)> {
    let word = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = word(cells.next()?);
        let (kind, labels) = (word(cells.next()?), cells.next()?);
        let is_metric = name.starts_with("identity_edge_") || name.starts_with("process_");
        let labels = labels.split(',').map(word).filter(|label| label != "–").collect();
        is_metric.then_some((name, kind, labels))
    };
    shipped(PAGE).lines().filter_map(row).collect()
}

#[test]
fn every_metric_has_a_row_and_every_row_a_metric() {
    let mut families: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for family in ALL {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
        families.insert(family.name.to_owned(), (kind.to_owned(), labels));
    }
    families.extend(process().into_iter().map(|(name, kind)| (name, (kind, Vec::new()))));
    let mut explained = BTreeMap::new();
    for (name, kind, labels) in rows() {
        assert!(explained.insert(name.clone(), (kind, labels)).is_none(), "{name} has two rows");
    }
    let names = |families: &BTreeMap<String, _>| families.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&explained), names(&families));
    assert_eq!(explained, families);
}

#[test]
fn every_value_of_a_label_is_explained() {
    use identity_edge::metrics::tally::{CONNECTS, STATUS_CLASSES, WAITS};
    use identity_edge::persistence::Outcome;
    use identity_edge::persistence::client_class::Why;
    use identity_edge::persistence::cookie::CookieRefusal;
    let page = shipped(PAGE);
    let values = STATUS_CLASSES
        .into_iter()
        .chain(CONNECTS)
        .chain(WAITS)
        .chain(Outcome::ALL.map(|outcome| outcome.as_str()))
        .chain(Why::ALL.map(|why| why.name()))
        .chain(CookieRefusal::ALL.map(|refusal| refusal.reason()));
    let missing: Vec<_> = values.filter(|value| !page.contains(&format!("`{value}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn it_asks_for_what_is_told() {
    let known = Known::new();
    let asked = expressions();
    assert!(asked.len() > 20, "{}", asked.len());
    let wrong: Vec<_> = asked.iter().flat_map(|asked| known.wrong(asked)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn its_examples_for_prometheus_are_configurations() {
    let page = shipped(PAGE);
    let folder = tempfile::tempdir().unwrap();
    let mut examples = 0;
    for part in page.split("```").filter_map(|part| part.strip_prefix("yaml prometheus\n")) {
        let file = write(folder.path(), "prometheus.yaml", part);
        promtool(["check", "config", "--syntax-only", file.to_str().unwrap()]);
        examples += 1;
    }
    assert!(examples > 0);
}
