//! Full tables and what is shown of them.

use super::farm::*;
use crate::persistence::decision::{Outcome, Refusal};
use crate::persistence::settings::{By, WhenFull};

#[test]
fn a_full_table_evicts_the_oldest_idle_client() {
    let mut group = settings(By::SourceIp);
    group.source_ip.capacity = 3;
    let mut farm = Farm::new("a b", group);
    for client in 1..4 {
        farm.serve(0, client);
        farm.pass(1_000);
    }
    let busy = farm.used(0, 1);
    assert_eq!(farm.serve(0, 4).1, Outcome::Fresh);
    assert!(farm.pin(1).is_some() && farm.pin(2).is_none() && farm.pin(3).is_some());
    assert_eq!((farm.table().len(), farm.table().evictions()), (3, 1));
    drop(busy);
}

#[test]
fn a_full_table_that_refuses_never_serves_unpinned() {
    let mut group = settings(By::SourceIp);
    group.source_ip.capacity = 2;
    group.source_ip.when_full = WhenFull::Refuse;
    let mut farm = Farm::new("a b", group);
    farm.serve(0, 1);
    farm.serve(0, 2);
    assert_eq!(refused(farm.select(0, 3)), Refusal::TableFull);
    assert_eq!(farm.serve(0, 1).1, Outcome::Persisted);
    assert_eq!(farm.table().refusals(), 1);
    farm.pass(3_600_000);
    assert_eq!(farm.serve(0, 3).1, Outcome::Fresh);
}

#[test]
fn a_table_full_of_requests_in_flight_refuses_whatever_it_was_told() {
    let mut group = settings(By::SourceIp);
    group.source_ip.capacity = 1;
    let farm = Farm::new("a b", group);
    let busy = farm.used(0, 1);
    assert_eq!(refused(farm.select(0, 2)), Refusal::TableFull);
    drop(busy);
    assert_eq!(farm.serve(0, 2).1, Outcome::Fresh);
}

#[test]
fn a_sweep_takes_what_nobody_asks_for_any_more() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    for client in 0..50 {
        farm.serve(0, client);
    }
    farm.pass(3_600_000);
    farm.selector.sweep(farm.now, 10_000);
    assert!(farm.table().is_empty());
    assert_eq!(farm.table().expirations(), 50);
    assert!(farm.selector.groups().next().unwrap().pins().all(|(_, pins)| pins == 0));
}

#[test]
fn a_prefix_makes_neighbours_one_client() {
    let mut group = settings(By::SourceIp);
    group.source_ip.ipv4_prefix = 24;
    let farm = Farm::new("a b", group);
    let (node, _) = farm.serve(0, 1);
    assert_eq!(farm.serve(0, 200), (node, Outcome::Persisted));
}
