//! Where new clients go while nodes come and go.

use super::visitors::{Visitor, What};
use super::{Kind, Setup};
use crate::support::farm::Farm;
use crate::support::node::Manner;
use std::collections::BTreeMap;

both! {
    on_the_healthy_node_at_once,
    slowly_on_a_node_that_came_back,
    by_weight,
    on_a_backup_only_without_a_primary,
}

/// How many of so many new visitors each node serves.
#[track_caller]
fn shares(setup: &Setup, first: usize, count: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for number in first..first + count {
        *shares.entry(setup.visitor(number).node()).or_default() += 1;
    }
    shares
}

fn on_the_healthy_node_at_once(kind: Kind) {
    // Whoever waited for the dead node would fail the test.
    let setup = Setup::new(kind, "hold: 10m");
    setup.nodes[0].kill();
    assert_eq!(shares(&setup, 10, 12), BTreeMap::from([("mim2".to_owned(), 12)]));
    setup.check(&mut []);
}

fn slowly_on_a_node_that_came_back(kind: Kind) {
    // Long enough for the share to stay what it is at the beginning: a tenth.
    let change = |mut farm: Farm| {
        farm.pool = farm.pool.replace("slow_start: 0s", "slow_start: 10h");
        farm
    };
    let setup = Setup::with(kind, "hold: 0s, first_choice: round_robin", change);
    let before = shares(&setup, 10, 22);
    assert_eq!(before, BTreeMap::from([("mim1".to_owned(), 11), ("mim2".to_owned(), 11)]));
    let back = &setup.nodes[0];
    back.kill();
    setup.until_down(back);
    back.restart();
    setup.until_new_clients_reach(back);
    let after = shares(&setup, 100, 66);
    let share = after.get("mim1").copied().unwrap_or(0);
    assert!((1..=16).contains(&share), "a tenth of the other's 60 would be 6: {after:?}");
    setup.check(&mut []);
}

fn by_weight(kind: Kind) {
    let change = |farm: Farm| farm.node("mim2", "weight: 3");
    let setup = Setup::with(kind, "hold: 0s, first_choice: round_robin", change);
    assert_eq!(shares(&setup, 10, 20), BTreeMap::from([("mim1".to_owned(), 5), ("mim2".to_owned(), 15)]));
    setup.check(&mut []);
}

fn on_a_backup_only_without_a_primary(kind: Kind) {
    let setup = Setup::with(kind, "hold: 0s", |farm| farm.node("mim1", "backup: true"));
    assert_eq!(shares(&setup, 10, 6), BTreeMap::from([("mim2".to_owned(), 6)]));
    let primary = &setup.nodes[1];
    primary.kill();
    assert_eq!(shares(&setup, 20, 6), BTreeMap::from([("mim1".to_owned(), 6)]));
    primary.restart();
    setup.until_new_clients_reach(primary);
    assert_eq!(shares(&setup, 30, 6), BTreeMap::from([("mim2".to_owned(), 6)]));
    setup.check(&mut []);
}

#[test]
fn browsers_by_weight_although_nobody_is_busy() {
    // They are placed by requests in flight, and there are none.
    let setup = Setup::with(Kind::Cookie, "hold: 0s", |farm| farm.node("mim2", "weight: 3"));
    let shares = shares(&setup, 10, 40);
    let [light, heavy] = ["mim1", "mim2"].map(|name| shares.get(name).copied().unwrap_or(0));
    // About 10 and 30: a request whose answer has just been sent may still count.
    assert!(light >= 4 && heavy > light, "{shares:?}");
    setup.check(&mut []);
}

#[test]
fn a_newcomer_that_failed_is_placed_anew() {
    let setup = Setup::new(Kind::SourceIp, "hold: 10m");
    // The first one of two equal nodes gets the first client.
    let mut visitor = Visitor::new(Kind::SourceIp, "127.0.0.11");
    for node in &setup.nodes {
        node.next(1, Manner::Reset);
    }
    let failed = visitor.ask(&setup, What::Open).failed(502, "upstream_closed").retried(0);
    let met = setup.nodes.iter().find(|node| node.count("got", &failed.id) == 1).expect("one has met it");
    met.kill();
    setup.until_down(met);
    // Nothing is known of it anywhere, so it waits for nobody.
    let other = setup.nodes.iter().find(|node| node.name != met.name).unwrap();
    other.always(Manner::Serve);
    visitor.ask(&setup, What::Open).served(&other.name, "fresh");
    setup.check(&mut []);
}
