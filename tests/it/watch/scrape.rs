//! A real Prometheus in front of a running edge.

use super::prometheus::{Prometheus, promtool_reading};
use super::{dashboard, page, rules, shipped};
use crate::support::client::{get, once, once_from};
use crate::support::edge::{Edge, write};
use crate::support::farm::{Farm, single};
use crate::support::http::answer;
use crate::support::mim::{self, MimNode};
use crate::support::origin::Origin;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// `text` with something in it replaced that must be there.
#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from} in\n{text}");
    text.replace(from, to)
}

/// The example that ships, for this edge and this stand-in for an Alertmanager, at a quick pace.
#[track_caller]
fn example(edge: &Edge, alertmanager: &Origin) -> String {
    let example = shipped("conf/prometheus/prometheus.yaml");
    let example = replaced(&example, "127.0.0.1:9901", &edge.admin().to_string());
    let example = replaced(&example, "127.0.0.1:9093", &alertmanager.address(0).to_string());
    replaced(&example, "15s", "200ms")
}

/// Writes a configuration beside rules.
fn configured(configuration: &str, rules: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), Path::new(rules::FILE).file_name().unwrap().to_str().unwrap(), rules);
    let file = write(folder.path(), "prometheus.yaml", configuration);
    (folder, file)
}

/// Takes whatever Prometheus has to say.
fn alertmanager() -> Origin {
    Origin::answering(|_| answer("200 OK", "", b""))
}

/// Waits until Prometheus has sent such an alert.
#[track_caller]
fn alert(alertmanager: &Origin, name: &str, filter: impl Fn(&Value) -> bool) -> Value {
    alertmanager.wait(name, |records| {
        let sent = records.requests.iter().filter(|request| request.head.target() == "/api/v2/alerts");
        let alerts = sent.flat_map(|request| serde_json::from_slice::<Vec<Value>>(&request.body).unwrap());
        { alerts }.find(|alert| alert["labels"]["alertname"] == name && filter(alert))
    })
}

#[test]
fn prometheus_sees_what_clients_met_and_tells_which_node_is_down() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    let mut met = BTreeMap::from([("mim1", 0), ("mim2", 0)]);
    for client in (11..17).chain(11..14) {
        let address = format!("127.0.0.{client}");
        let node = once_from(&address, edge.address("mim-service"), mim::enumerate()).expect(200).node();
        *met.get_mut(&*node).unwrap() += 1;
    }
    assert_eq!(met.values().sum::<u32>(), 9);
    once(edge.address("mim-service"), "GET / HTTP/1.1\r\n\r\n").expect(400);
    for _ in 0..10 {
        // A request is counted, then written down; a client may be faster.
        edge.next_request(|_| true);
    }
    b.kill();

    let alertmanager = alertmanager();
    // At once: a test does not wait for a minute.
    let rules: String = shipped(rules::FILE)
        .lines()
        .filter(|line| !line.contains(" for: "))
        .map(|line| format!("{line}\n"))
        .collect();
    let (folder, file) = configured(&example(&edge, &alertmanager), &rules);
    let prometheus = Prometheus::start(&file, folder.path());

    // Once this has come, a scrape has told everything above.
    let down = alert(&alertmanager, "IdentityEdgeNodeDown", |_| true);
    assert_eq!(down["labels"]["node"], "mim2", "{down}");
    assert_eq!(down["labels"]["instance"], edge.admin().to_string(), "{down}");
    assert_eq!(down["annotations"]["summary"], "Node mim2 is down in every pool");

    assert_eq!(prometheus.value("up{job=\"identity-edge\"}"), 1.0);
    for (node, requests) in met {
        let labels =
            format!("listener=\"mim-service\", pool=\"mim-service\", node=\"{node}\", status=\"2xx\"");
        let asked = format!("identity_edge_requests_total{{{labels}}}");
        assert_eq!(prometheus.value(&asked), f64::from(requests), "{asked}");
        assert_eq!(prometheus.value(&format!("identity_edge_pins{{node=\"{node}\"}}")), 3.0, "{node}");
        for pool in ["mim-service", "mim-sts"] {
            let asked = format!("identity_edge_backend_up{{pool=\"{pool}\", node=\"{node}\"}}");
            assert_eq!(prometheus.value(&asked), f64::from(u8::from(node == "mim1")), "{asked}");
        }
    }
    assert_eq!(prometheus.value("identity_edge_refused_requests_total{reason=\"no_host\"}"), 1.0);
    let persisted = "sum(identity_edge_persistence_outcomes_total{outcome=\"persisted\"})";
    assert_eq!(prometheus.value(persisted), 3.0);

    let asked = prometheus.until("all rules evaluated", "rules", |rules| {
        let all: Vec<Value> = rules::all(rules).into_iter().cloned().collect();
        all.iter().all(|rule| rule["health"] != "unknown").then_some(all)
    });
    let ill: Vec<_> = asked.iter().filter(|rule| rule["health"] != "ok").collect();
    assert!(ill.is_empty(), "{ill:#?}");
    let backend_down = asked.iter().find(|rule| rule["name"] == "IdentityEdgeBackendDown").unwrap();
    let down = prometheus.query(backend_down["query"].as_str().unwrap());
    let mut down: Vec<_> =
        down.iter().map(|(labels, _)| (labels["pool"].as_str(), labels["node"].as_str())).collect();
    down.sort_unstable();
    assert_eq!(down, [(Some("mim-service"), Some("mim2")), (Some("mim-sts"), Some("mim2"))]);

    // Whatever is asked anywhere is PromQL; `query` fails otherwise.
    let everything = [dashboard::expressions(), page::expressions()].concat();
    assert!(everything.len() > 60, "{}", everything.len());
    for expression in everything {
        prometheus.query(&expression);
    }
}

#[test]
fn prometheus_needs_the_token_where_there_is_one() {
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let folder = tempfile::tempdir().unwrap();
    let token = write(folder.path(), "token", "correct-horse-battery-staple\n");
    let admin = format!("admin: {{ bind: \"127.0.0.1:0\", token_file: \"{}\" }}\n", token.display());
    let edge = Edge::start(&single(&origin, "", &admin));
    let with = |token: &str| {
        format!("GET /metrics HTTP/1.1\r\nHost: edge.test\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    once(edge.admin(), get("/metrics")).expect(401);
    once(edge.admin(), with("wrong")).expect(401);
    once(edge.admin(), with("correct-horse-battery-staple")).expect(200);

    let alertmanager = alertmanager();
    let example = example(&edge, &alertmanager);
    let example = replaced(&example, "# authorization:", "authorization:");
    let example = replaced(&example, "/etc/prometheus/identity-edge-token", &token.display().to_string());
    let stranger =
        format!("  - job_name: stranger\n    static_configs: [ {{ targets: [\"{}\"] }} ]\n", edge.admin());
    let rules = "groups: [ { name: a, rules: [ { alert: Told, expr: up == 1 }, { alert: Refused, expr: up == 0 } ] } ]";
    let (folder, file) = configured(&(example + &stranger), rules);
    let prometheus = Prometheus::start(&file, folder.path());

    let told = alert(&alertmanager, "Told", |_| true);
    assert_eq!(told["labels"]["job"], "identity-edge", "{told}");
    let refused = alert(&alertmanager, "Refused", |_| true);
    assert_eq!(refused["labels"]["job"], "stranger", "{refused}");
    assert_eq!(prometheus.value("identity_edge_ready"), 1.0);
    let targets = prometheus.ask("targets?state=active");
    let targets = targets["activeTargets"].as_array().unwrap();
    let stranger = targets.iter().find(|target| target["labels"]["job"] == "stranger").unwrap();
    assert!(stranger["lastError"].as_str().unwrap().contains("401 Unauthorized"), "{stranger}");
}

#[test]
fn promtool_finds_nothing_to_say_about_a_scrape() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    once(edge.address("mim-service"), mim::enumerate()).expect(200);
    let scrape = once(edge.admin(), get("/metrics")).expect(200).text();
    assert!(scrape.lines().count() > 100, "{scrape}");
    assert_eq!(promtool_reading(["check", "metrics"], &scrape), "");

    // The page says where the buckets end.
    let bounds =
        scrape.lines().filter(|line| line.starts_with("identity_edge_upstream_first_byte_seconds_bucket"));
    let bounds = bounds.filter(|line| line.contains("pool=\"mim-service\",node=\"mim1\""));
    let bounds = bounds.map(|line| line.split("le=\"").nth(1).unwrap().split('"').next().unwrap());
    let bounds = bounds.filter(|bound| *bound != "+Inf").collect::<Vec<_>>().join(", ");
    let said = shipped("docs/metrics.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("in seconds: {bounds}.")), "{bounds}");
}
