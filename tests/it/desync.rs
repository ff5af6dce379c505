//! Requests that are made to be read in two ways. What the edge lets pass can be read in one way only.

mod corpus;
mod readings;
mod sharing;

use crate::support::PATIENCE;
use crate::support::client::{Client, get};
use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::http::{answer, show};
use crate::support::origin::Origin;
use corpus::{Probe, probes, sources};
use readings::agreed;
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Instant;

/// Follows each probe on its connection.
const AFTER: &str = "/after";

/// How a probe reaches the edge.
const MANNERS: [&str; 2] = ["whole", "in pieces"];

fn origin() -> Origin {
    Origin::answering(|request| {
        let body: &[u8] = if request.head.method() == "HEAD" { b"" } else { b"ok" };
        answer("200 OK", "", body)
    })
}

/// Sends a probe and a request behind it, and reads until the edge has closed the connection or answered both.
/// Tells whether it was closed.
fn send(probe: &Probe, manner: &str, edge: &Edge) -> Result<bool, String> {
    let mut client = Client::connect(edge.address("web"));
    let bytes = [&probe.bytes, get(AFTER).as_bytes()].concat();
    let pieces = if manner == "whole" { 1 } else { bytes.len().min(400) };
    // A refused probe's connection closes while pieces are still on their way.
    let _ = bytes.chunks(bytes.len().div_ceil(pieces)).try_for_each(|piece| client.wire.send(piece));
    let refused = usize::from(probe.refused.is_some());
    let answers = probe.forwarded.len() + refused + usize::from(probe.lets_the_next_pass());
    let method = String::from_utf8_lossy(&probe.bytes).split(' ').next().unwrap_or_default().to_owned();
    for number in 0..answers {
        let asked = if number == 0 && method == "HEAD" { "HEAD" } else { "GET" };
        let response = client.try_response(asked).map_err(|error| format!("answer {number}: {error}"))?;
        let is_error = response.status() >= 400;
        // Behind what was forwarded, unless the connection goes on.
        let refused_one = if probe.goes_on { 0 } else { probe.forwarded.len() };
        let expected = refused == 1 && number == refused_one;
        if is_error != expected {
            return Err(format!("answer {number} is {}", show(&response.head.raw)));
        }
    }
    if probe.lets_the_next_pass() {
        return Ok(false);
    }
    client.expect_closed();
    Ok(true)
}

/// What is wrong with the edge's answer to a probe.
fn fault(probe: &Probe) -> Result<(), String> {
    let origin = origin();
    let edge = Edge::start(&single(&origin, "", ""));
    for manner in MANNERS {
        let closed = send(probe, manner, &edge).map_err(|error| format!("{manner}: {error}"))?;
        if closed == probe.lets_the_next_pass() {
            return Err(format!("{manner}: closed: {closed}"));
        }
    }
    if let Some(reason) = &probe.refused {
        let labels = [("listener", "web"), ("reason", reason.as_str())];
        // A line of the log and a count follow the answer.
        let begun = Instant::now();
        loop {
            let counted = edge.metrics().find("refused_requests_total", &labels);
            if counted == Some(MANNERS.len() as f64) {
                break;
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{reason} is counted {counted:?} times\n{}", edge.log()));
            }
        }
    }
    drop(edge);
    let refused_body = probe.refused.as_ref().is_some_and(|r| r.contains("chunk") || r.contains("trailer"));
    let arrived = origin.wait("the end of its connections", |records| {
        records.connections.iter().all(|connection| connection.closed).then(|| records.clone())
    });
    let mut targets = Vec::new();
    for connection in &arrived.connections {
        let text = String::from_utf8_lossy(&connection.bytes).to_ascii_lowercase();
        if let Some(text) = probe.lacks.iter().find(|lacked| text.contains(*lacked)) {
            return Err(format!("{text} arrived: {}", show(&connection.bytes)));
        }
        let seen = agreed(&connection.bytes)
            .map_err(|readings| format!("{} is read as\n{readings}", show(&connection.bytes)))?;
        if !refused_body && seen.last().map_or(0, |seen| seen.end) != connection.bytes.len() {
            return Err(format!("more than requests arrived: {}", show(&connection.bytes)));
        }
        targets.extend(seen.into_iter().map(|seen| seen.target));
    }
    // The origin's own reading, which is none of those.
    let mut read: Vec<&str> = arrived.requests.iter().map(|request| request.head.target()).collect();
    let mut expected: Vec<&str> = probe.forwarded.iter().map(String::as_str).collect();
    expected.extend(probe.lets_the_next_pass().then_some(AFTER));
    let mut expected = expected.repeat(MANNERS.len());
    // Of a worker's own: requests of two connections may come over different ones.
    [&mut read, &mut expected].into_iter().for_each(|targets| targets.sort_unstable());
    targets.sort_unstable();
    (targets == expected && read == expected)
        .then_some(())
        .ok_or_else(|| format!("{targets:?} ({read:?}) arrived, not {expected:?}"))
}

#[test]
fn what_passes_is_read_in_one_way_and_what_is_not_is_refused_with_its_reason() {
    let probes = probes();
    let (next, faults) = (Mutex::new(probes.iter()), Mutex::new(String::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let probe = next.lock().unwrap().next();
                    let Some(probe) = probe else { return };
                    if let Err(fault) = fault(probe) {
                        *faults.lock().unwrap() += &format!("{}: {fault}\n", probe.title());
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_probe_has_a_name_of_its_own_and_a_source_that_can_be_read() {
    let (probes, sources) = (probes(), sources());
    assert!(probes.len() > 200, "{}", probes.len());
    let titles: HashSet<String> = probes.iter().map(Probe::title).collect();
    assert_eq!(titles.len(), probes.len());
    let cited: HashSet<&String> = probes.iter().flat_map(|probe| &probe.sources).collect();
    assert_eq!(cited, sources.keys().collect(), "cited, and listed");
    assert!(probes.iter().all(|probe| !probe.sources.is_empty()));
    for source in sources.values() {
        assert!(source.address.starts_with("https://") && !source.name.is_empty(), "{}", source.name);
    }
}

/// `tests/desync/run` makes it.
#[test]
fn the_table_of_the_security_page_has_every_probe_with_what_is_expected_of_the_edge() {
    let page = include_str!("../../docs/security.md");
    let (_, table) = page.split_once("<!-- probes: made by tests/desync/run -->\n").unwrap();
    let (table, _) = table.split_once("<!-- /probes -->\n").unwrap();
    let rows: Vec<Vec<&str>> = table
        .split("#### Probes: ")
        .skip(1)
        .flat_map(|part| {
            let (group, rows) = part.split_once('\n').unwrap();
            // The names of the columns and the line below them.
            let rows = rows.lines().filter(|line| line.starts_with("| ")).skip(1);
            rows.map(move |row| [group].into_iter().chain(row.split(" | ")).collect())
        })
        .collect();
    let sources = sources();
    let probes = probes();
    assert_eq!(rows.len(), probes.len());
    for (row, probe) in rows.iter().zip(&probes) {
        let [group, name, edge, _haproxy, _nginx, cited] = row[..] else { panic!("{row:?}") };
        assert_eq!((group, name.trim_start_matches("| ")), (&*probe.group, &*probe.name));
        let is_refused = probe.refused.is_some() && probe.forwarded.is_empty();
        assert_eq!(edge.starts_with("refused, "), is_refused, "{row:?}");
        assert!(is_refused || edge == "one reading", "{row:?}");
        assert!(probe.sources.iter().all(|key| cited.contains(&sources[key].address)), "{row:?}");
    }
}
