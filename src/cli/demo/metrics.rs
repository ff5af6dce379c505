//! What the edge's metrics say, asked for as Prometheus does.

use super::client::Call;
use crate::metrics::names;
use std::net::{Ipv4Addr, SocketAddr};

/// One scrape: every line of Prometheus' text format that has a figure.
#[derive(Debug, Default)]
pub(super) struct Scrape(Vec<Sample>);

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// Figures of the farm in one scrape.
impl Scrape {
    /// Asks the admin listener; none if it does not answer with metrics.
    pub(super) async fn take(admin: SocketAddr) -> Option<Self> {
        let host = admin.to_string();
        let call = Call {
            from: Ipv4Addr::LOCALHOST,
            to: admin,
            host: &host,
            method: "GET",
            path: "/metrics",
            fields: String::new(),
            body: String::new(),
        };
        let got = call.send().await.ok().filter(|got| got.head.status == 200)?;
        Some(Self::parse(&got.body))
    }

    fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The sum of a metric over all of its series that have these labels.
    pub(super) fn sum(&self, family: &names::Family, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            labels
                .iter()
                .all(|(name, value)| sample.labels.iter().any(|(known, has)| known == name && has == value))
        };
        self.0.iter().filter(|sample| sample.name == family.name).filter(has).map(|sample| sample.value).sum()
    }

    /// The same as a count.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters of a short demo")]
    pub(super) fn count(&self, family: &names::Family, labels: &[(&str, &str)]) -> u32 {
        self.sum(family, labels) as u32
    }

    /// The few that tell how the farm is, for `nodes` of the group that has a table.
    pub(super) fn in_words(&self, group: &str, nodes: &[String]) -> Vec<String> {
        let outcome = |outcome| self.count(&names::PERSISTENCE_OUTCOMES, &[("outcome", outcome)]);
        let mut words = vec![
            format!("requests {}", self.count(&names::REQUESTS, &[])),
            format!("persisted {}", outcome("persisted")),
            format!("fresh {}", outcome("fresh")),
            format!("redispatched {}", outcome("redispatched")),
            format!("waiting {}", self.count(&names::WAITING_REQUESTS, &[])),
        ];
        for node in nodes {
            let labels = [("group", group), ("node", node.as_str())];
            let (pins, share) = (self.count(&names::PINS, &labels), self.sum(&names::NODE_SHARE, &labels));
            words.push(format!("{node}: pins {pins}, share {:.0} %", share * 100.0));
        }
        words
    }
}

/// `name{label="value",…} figure`; what the demo reads has no escapes in its labels.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
    let labels = pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()));
    Some(Sample { name: name.to_owned(), labels: labels.collect(), value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_over_the_labels_that_are_not_asked_for() {
        let scrape = Scrape::parse(
            "# TYPE identity_edge_pins gauge\nidentity_edge_pins{group=\"a\",node=\"mim1\"} 2\n\
             identity_edge_pins{group=\"b\",node=\"mim1\"} 3\nidentity_edge_pins{group=\"b\",node=\"mim2\"} 4\n\
             identity_edge_waiting_requests 1\n",
        );
        assert_eq!(scrape.count(&names::PINS, &[("node", "mim1")]), 5);
        assert_eq!(scrape.count(&names::PINS, &[("node", "mim2"), ("group", "a")]), 0);
        assert_eq!(scrape.count(&names::WAITING_REQUESTS, &[]), 1);
    }
}
