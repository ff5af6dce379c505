//! The rules for Prometheus, and their own tests.

use super::prometheus::promtool;
use super::promql::Known;
use super::{shipped, yaml};
use serde_json::Value;
use std::collections::BTreeSet;

/// The rules, from the root of the repository.
pub const FILE: &str = "conf/prometheus/identity-edge.rules.yaml";
/// Their tests, for promtool.
const TESTS: [&str; 3] = [
    "conf/prometheus/tests/process.yaml",
    "conf/prometheus/tests/nodes.yaml",
    "conf/prometheus/tests/clients.yaml",
];

/// All rules of a file.
pub fn all(file: &Value) -> Vec<&Value> {
    let groups = file["groups"].as_array().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn promtool_accepts_the_rules_and_the_example() {
    promtool(["check", "rules", "--lint=all", "--lint-fatal", FILE]);
    promtool(["check", "config", "conf/prometheus/prometheus.yaml"]);
}

#[test]
fn every_rule_passes_its_tests() {
    for file in TESTS {
        promtool(["test", "rules", file]);
    }
}

#[test]
fn every_alert_is_tested_where_it_fires_and_where_it_does_not() {
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for file in TESTS {
        for test in list(&yaml::parse(&shipped(file))["tests"]) {
            for case in list(&test["alert_rule_test"]) {
                let expected = case["exp_alerts"].as_array().expect("exp_alerts");
                let alert = case["alertname"].as_str().unwrap().to_owned();
                let of_its_kind = if expected.is_empty() { &mut rests } else { &mut fires };
                of_its_kind.insert(alert);
                for alert in expected {
                    let said = &alert["exp_annotations"];
                    assert!(said["summary"].is_string() && said["description"].is_string(), "{case}");
                }
            }
        }
    }
    let file = yaml::parse(&shipped(FILE));
    let alerts: BTreeSet<String> =
        all(&file).iter().filter_map(|rule| Some(rule["alert"].as_str()?.to_owned())).collect();
    assert!(alerts.len() > 20, "{alerts:?}");
    assert_eq!(alerts, fires, "those that a test sees fire");
    assert_eq!(alerts, rests, "those that a test sees at rest");
}

#[test]
fn every_recorded_figure_is_tested() {
    let tests = TESTS.map(shipped).concat();
    let file = yaml::parse(&shipped(FILE));
    let untested: Vec<_> = all(&file)
        .iter()
        .filter_map(|rule| rule["record"].as_str())
        .filter(|name| !tests.contains(name))
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn every_alert_says_what_it_means_and_how_grave_it_is() {
    let file = yaml::parse(&shipped(FILE));
    for rule in all(&file).into_iter().filter(|rule| rule["alert"].is_string()) {
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{rule}");
        assert!(rule["alert"].as_str().unwrap().starts_with("IdentityEdge"), "{rule}");
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap_or_default();
            assert!(text.len() > 15, "{rule}");
            // Their text is not read by promtool where a test expects it folded otherwise.
            assert!(!text.contains('\n'), "{rule}");
        }
    }
}

#[test]
fn rules_and_their_tests_ask_for_what_is_told() {
    let known = Known::new();
    let mut wrong = Vec::new();
    let file = yaml::parse(&shipped(FILE));
    for rule in all(&file) {
        wrong.extend(known.wrong(rule["expr"].as_str().expect("expr")));
    }
    for file in TESTS {
        for test in list(&yaml::parse(&shipped(file))["tests"]) {
            for series in list(&test["input_series"]) {
                wrong.extend(known.wrong(series["series"].as_str().unwrap()));
            }
            for case in list(&test["promql_expr_test"]) {
                wrong.extend(known.wrong(case["expr"].as_str().unwrap()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
