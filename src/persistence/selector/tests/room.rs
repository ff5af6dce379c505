//! Backends that have as many requests in flight as they may.

use super::farm::*;
use crate::persistence::decision::Outcome;
use crate::persistence::settings::{By, FirstChoice, GroupSettings};

fn farm(names: &str, by: By, first_choice: FirstChoice) -> Farm {
    let farm = Farm::new(names, GroupSettings { first_choice, ..settings(by) });
    for backend in farm.pools.iter().flat_map(|pool| &pool.backends) {
        backend.live.limit_requests(1);
    }
    farm
}

const CHOICES: [FirstChoice; 4] =
    [FirstChoice::LeastPins, FirstChoice::LeastRequests, FirstChoice::RoundRobin, FirstChoice::Hash];

#[test]
fn new_clients_go_where_there_is_room() {
    for by in [By::SourceIp, By::Cookie, By::None] {
        for choice in CHOICES {
            let farm = farm("a b c", by, choice);
            let held: Vec<_> = (1..=3).map(|client| used(farm.browse(client, None))).collect();
            let mut nodes: Vec<_> = held.iter().map(|held| held.backend().node.name.as_str()).collect();
            nodes.sort_unstable();
            assert_eq!(nodes, ["a", "b", "c"], "{by:?} {choice:?}");
            // Where nobody has room somebody is chosen all the same: whoever sends the request lets it wait.
            used(farm.browse(4, None));
        }
    }
}

#[test]
fn a_client_that_is_known_stays_on_its_node_however_full_that_is() {
    let farm = farm("a b", By::SourceIp, FirstChoice::LeastPins);
    let (node, _) = farm.serve(0, 1);
    let other = farm.used(0, 1);
    for _ in 0..3 {
        assert_eq!(farm.serve(0, 1), (node.clone(), Outcome::Persisted));
    }
    farm.complete(other);
    let browsing = self::farm("a b", By::Cookie, FirstChoice::LeastPins);
    let (node, _, ticket) = browsing.visit(1, None);
    let held = used(browsing.browse(1, ticket));
    let (again, outcome, _) = browsing.visit(1, ticket);
    assert_eq!((again, outcome), (node, Outcome::Persisted));
    drop(held);
}

#[test]
fn a_full_primary_does_not_spill_over_to_a_backup() {
    let farm = farm("a [b]", By::SourceIp, FirstChoice::LeastPins);
    let held = farm.used(0, 1);
    assert_eq!(farm.used(0, 2).backend().node.name, "a");
    drop(held);
}

#[test]
fn a_provisional_pin_that_nobody_shares_leaves_a_full_node() {
    let farm = farm("a b", By::SourceIp, FirstChoice::LeastPins);
    // Its first request ended without an answer; then its node became full.
    let given_up = farm.used(0, 1);
    let node = given_up.backend().node.name.clone();
    farm.selector.finish(given_up, farm.now);
    let backend = farm.backend(0, &node);
    backend.live.limit_requests(0);
    let selection = farm.used(0, 1);
    assert_eq!(selection.backend().node.name, other(&node));
    assert_eq!(farm.complete(selection), (other(&node).to_owned(), Outcome::Fresh));
    assert_eq!(farm.serve(0, 1), (other(&node).to_owned(), Outcome::Persisted));
}

#[test]
fn parallel_first_requests_stay_together_on_a_full_node() {
    let farm = farm("a b", By::SourceIp, FirstChoice::LeastPins);
    let first = farm.used(0, 1);
    let second = farm.used(0, 1);
    assert_eq!(first.backend().node.name, second.backend().node.name);
}
