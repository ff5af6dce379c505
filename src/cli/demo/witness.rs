//! Two witnesses of every request: the node that answered, by way of the client, and the edge's access log. They
//! must agree.

use super::edge::Entry;
use super::traffic::Report;
use std::net::IpAddr;

/// What one of them has said and the other has not yet.
#[derive(Debug, Default)]
pub(super) struct Witness {
    reports: Vec<Report>,
    entries: Vec<Entry>,
    contradictions: Vec<String>,
    /// How often they agreed.
    pub(super) agreed: u32,
    /// By outcome: requests that no node answered, which only the log can tell of.
    unanswered: Vec<String>,
    /// Addresses that clients had.
    addresses: Vec<IpAddr>,
}

impl Witness {
    pub(super) fn reported(&mut self, report: Report) {
        let address = IpAddr::V4(report.from);
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
        match self.entries.iter().position(|entry| is_of(entry, &report)) {
            Some(at) => {
                let entry = self.entries.remove(at);
                self.compare(&report, &entry);
            }
            None => self.reports.push(report),
        }
    }

    pub(super) fn logged(&mut self, entry: Entry) {
        match self.reports.iter().position(|report| is_of(&entry, report)) {
            Some(at) => {
                let report = self.reports.remove(at);
                self.compare(&report, &entry);
            }
            None => self.entries.push(entry),
        }
    }

    /// Whether a client of the demo has had this address.
    pub(super) fn expects(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    pub(super) fn has_heard_all(&self) -> bool {
        self.reports.is_empty() && self.entries.is_empty()
    }

    /// What they contradict each other about; each once.
    pub(super) fn contradiction(&mut self) -> Option<String> {
        self.contradictions.pop()
    }

    /// How many requests with this outcome got no answer from a node.
    pub(super) fn unanswered(&self, outcome: &str) -> u32 {
        let same = self.unanswered.iter().filter(|known| *known == outcome);
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    }

    fn compare(&mut self, report: &Report, entry: &Entry) {
        if report.node.is_none() {
            self.unanswered.push(entry.outcome.clone().unwrap_or_default());
        } else if report.node == entry.node {
            self.agreed += 1;
        } else {
            let name = |node: &Option<String>| node.clone().unwrap_or_else(|| "no node".to_owned());
            self.contradictions.push(format!(
                "{} {}: the access log says {}, the answer came from {}",
                report.from,
                report.path,
                name(&entry.node),
                name(&report.node)
            ));
        }
    }
}

/// A client asks one thing at a time, so address and path tell which request it is.
fn is_of(entry: &Entry, report: &Report) -> bool {
    entry.client == IpAddr::V4(report.from) && entry.path == report.path
}
