//! What operators watch an edge with: the page about its metrics, rules, dashboard, and a real Prometheus.
//!
//! The page, the rules and the dashboard are held against the list of metrics, so that none of them names what
//! is not told; Prometheus and promtool say whether they understand them.

mod dashboard;
mod page;
mod prometheus;
mod promql;
mod rules;
mod scrape;
mod yaml;

use std::path::PathBuf;

/// The text of a file of the repository.
#[track_caller]
fn shipped(path: &str) -> String {
    std::fs::read_to_string(here(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Where a file of the repository is.
fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
