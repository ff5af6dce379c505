//! Reading what the edge tells Prometheus.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Debug)]
pub struct Metrics {
    /// Name and labels, with their values.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
    /// The type of each family.
    pub types: BTreeMap<String, String>,
}

impl Metrics {
    /// Reads the text format.
    pub fn parse(text: &str) -> Metrics {
        let mut metrics = Metrics { samples: Vec::new(), types: BTreeMap::new() };
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                let before = metrics.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} is told twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let labels = labels.strip_suffix('}').unwrap().split("\",").filter(|pair| !pair.is_empty());
                let pair = |pair: &str| {
                    let (label, value) = pair.split_once("=\"").unwrap();
                    (label.to_owned(), value.trim_end_matches('"').to_owned())
                };
                let sample = (name.to_owned(), labels.map(pair).collect(), value.parse().unwrap());
                metrics.samples.push(sample);
            }
        }
        metrics
    }

    /// The sum of the samples of this name (without `identity_edge_`) that have these labels; none if there is
    /// no such sample.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let name = format!("identity_edge_{name}");
        let found = self.samples.iter().filter(|(known, has, _)| {
            *known == name
                && labels.iter().all(|(label, value)| has.get(*label).map_or("", String::as_str) == *value)
        });
        found.map(|(_, _, value)| *value).reduce(|sum, value| sum + value)
    }

    /// The same; fails if there is no such sample.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("no {name} {labels:?} in {:#?}", self.samples))
    }
}
