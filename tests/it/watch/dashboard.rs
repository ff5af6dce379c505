//! The dashboard for Grafana.

use super::promql::Known;
use super::shipped;
use serde_json::Value;
use std::collections::BTreeSet;

fn dashboard() -> Value {
    serde_json::from_str(&shipped("conf/grafana/identity-edge.json")).expect("JSON")
}

/// What its panels and annotations ask Prometheus, with Grafana's own words replaced.
pub fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter();
    let asked = targets.chain(annotations).filter_map(|from| from["expr"].as_str());
    let plain = |asked: &str| {
        let plain = asked.replace("$__rate_interval", "1m");
        ["$instance", "$group", "$pool"].iter().fold(plain, |plain, variable| plain.replace(variable, ".*"))
    };
    asked.map(plain).collect()
}

#[test]
fn it_asks_for_what_is_told() {
    let known = Known::new();
    let asked = expressions();
    assert!(asked.len() > 40, "{}", asked.len());
    let strange: Vec<_> = asked.iter().filter(|asked| asked.contains('$')).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    let wrong: Vec<_> = asked.iter().flat_map(|asked| known.wrong(asked)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn its_variables_ask_for_what_is_told() {
    let known = Known::new();
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "instance", "group", "pool"]);
    for variable in &variables[1..] {
        let query = variable["query"]["query"].as_str().unwrap();
        let asked = query.strip_prefix("label_values(").and_then(|query| query.strip_suffix(')')).unwrap();
        let (series, label) = asked.rsplit_once(", ").unwrap();
        let wrong = known.wrong(&format!("sum by ({label}) ({series})"));
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[test]
fn its_panels_lie_side_by_side() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title} has the id of another");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect(key));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title} is out of the grid");
        for place in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(place), "{title} lies on another panel at {place:?}");
        }
    }
}

#[test]
fn every_panel_says_what_it_shows() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36, "Grafana 9");
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
        let title = &panel["title"];
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().expect("targets") {
            assert!(target["legendFormat"].as_str().is_some_and(|legend| !legend.is_empty()), "{title}");
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}
