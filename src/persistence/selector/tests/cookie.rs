//! Browsers.

use super::farm::*;
use crate::clock::UnixSeconds;
use crate::id::NodeTag;
use crate::persistence::cookie::Ticket;
use crate::persistence::decision::{AfterFailure, Outcome, Refusal};
use crate::persistence::settings::{AfterRecovery, By, GroupSettings, Unavailable};
use crate::pool::AdminState;
use std::time::Duration;

/// A browser that has just been given a cookie: its node and the cookie.
fn known(farm: &Farm, client: u8) -> (String, Ticket) {
    let (node, outcome, ticket) = farm.visit(client, None);
    assert_eq!(outcome, Outcome::Fresh);
    (node, ticket.unwrap())
}

#[test]
fn a_browser_is_given_a_cookie_and_led_by_it() {
    let mut farm = Farm::new("a b c", settings(By::Cookie));
    let (node, ticket) = known(&farm, 1);
    let tag = farm.node(&node).tag;
    let now = farm.now.wall;
    assert_eq!((ticket.node, ticket.home, ticket.issued, ticket.renewed), (tag, tag, now, now));
    farm.pass(60_000);
    assert_eq!(farm.visit(99, Some(ticket)), (node, Outcome::Persisted, None));
    assert!(farm.table().is_empty(), "the cookie is the memory");
}

#[test]
fn the_cookie_is_renewed_once_in_a_tenth_of_the_idle_timeout() {
    let mut farm = Farm::new("a b", settings(By::Cookie));
    let (node, ticket) = known(&farm, 1);
    farm.pass(359_000);
    assert_eq!(farm.visit(1, Some(ticket)).2, None);
    farm.pass(1_000);
    let (same, _, renewed) = farm.visit(1, Some(ticket));
    let renewed = renewed.unwrap();
    assert_eq!((same, renewed.node, renewed.issued), (node, ticket.node, ticket.issued));
    assert_eq!(renewed.renewed, farm.now.wall);
    assert_ne!(renewed.nonce, ticket.nonce);
}

#[test]
fn a_cookie_for_a_node_nobody_knows_is_no_cookie() {
    let farm = Farm::new("a b", settings(By::Cookie));
    let (_, ticket) = known(&farm, 1);
    let (node, outcome, given) = farm.visit(2, Some(Ticket { node: NodeTag::of("gone"), ..ticket }));
    assert_eq!((outcome, given.unwrap().node), (Outcome::Fresh, farm.node(&node).tag));
}

#[test]
fn requests_with_one_cookie_are_moved_once_and_together() {
    let mut farm = Farm::new("a b c d e", settings(By::Cookie));
    let (node, ticket) = known(&farm, 1);
    farm.down(0, &node);
    waits(farm.browse(1, Some(ticket)));
    farm.pass(HOLD);
    let (next, outcome, given) = farm.visit(1, Some(ticket));
    assert_ne!(next, node);
    assert_eq!((outcome, given.unwrap().node), (Outcome::Redispatched, farm.node(&next).tag));
    assert_eq!(given.unwrap().home, ticket.home, "home is where it was");
    farm.up(0, &node);
    for _ in 0..5 {
        let (follows, outcome, given) = farm.visit(1, Some(ticket));
        assert_eq!((&follows, outcome), (&next, Outcome::Persisted));
        assert_eq!(given.unwrap().node, farm.node(&next).tag);
    }
    farm.pass(10_000);
    assert_eq!(
        farm.visit(1, Some(ticket)).0,
        node,
        "a browser that keeps the old cookie is taken at its word"
    );
}

#[test]
fn reject_refuses_the_browser_too() {
    let mut farm =
        Farm::new("a b", GroupSettings { unavailable: Unavailable::Reject, ..settings(By::Cookie) });
    let (node, ticket) = known(&farm, 1);
    farm.down(0, &node);
    farm.pass(HOLD);
    assert_eq!(refused(farm.browse(1, Some(ticket))), Refusal::PersistedNodeDown);
}

#[test]
fn drain_honours_and_renews_cookies_and_maintenance_moves_them() {
    let mut farm = Farm::new("a b", settings(By::Cookie));
    let (node, ticket) = known(&farm, 1);
    farm.admin(&node, AdminState::Drain);
    farm.pass(400_000);
    let (same, outcome, renewed) = farm.visit(1, Some(ticket));
    assert_eq!((same, outcome, renewed.unwrap().node), (node.clone(), Outcome::Persisted, ticket.node));
    farm.admin(&node, AdminState::Maintenance);
    let (next, outcome, given) = farm.visit(1, Some(ticket));
    assert_eq!((next.as_str(), outcome), (other(&node), Outcome::Redispatched));
    assert_eq!(given.unwrap().node, farm.node(&next).tag);
}

#[test]
fn first_requests_of_an_address_go_together_for_a_fixed_time() {
    let mut farm = Farm::new("a b c", settings(By::Cookie));
    let held: Vec<_> = (0..6).map(|_| used(farm.browse(1, None))).collect();
    let node = held[0].backend().node.name.clone();
    assert!(held.iter().all(|selection| selection.backend().node.name == node));
    farm.pass(9_000);
    assert_eq!(farm.visit(1, None).0, node);
    farm.pass(1_000);
    assert_ne!(farm.visit(1, None).0, node, "not sliding; the others are less busy");
}

#[test]
fn a_first_requests_entry_is_ignored_once_its_node_drains_or_is_down() {
    let farm = Farm::new("a b c", settings(By::Cookie));
    let (first, _) = known(&farm, 1);
    farm.admin(&first, AdminState::Drain);
    let (second, _) = known(&farm, 1);
    assert_ne!(second, first);
    farm.down(0, &second);
    let (third, _) = known(&farm, 1);
    assert!(third != first && third != second);
    farm.admin(&first, AdminState::Ready);
    assert_eq!(farm.visit(1, None).0, third);
}

#[test]
fn zero_disables_the_memory_of_first_requests() {
    let farm = Farm::new("a b", GroupSettings { first_requests: Duration::ZERO, ..settings(By::Cookie) });
    let held: Vec<_> = (0..6).map(|_| used(farm.browse(1, None))).collect();
    assert_eq!(held.iter().filter(|selection| selection.backend().node.name == "a").count(), 3);
}

#[test]
fn a_browser_returns_after_a_gap_that_its_cookie_proves() {
    let after_recovery = AfterRecovery::Return;
    let mut farm = Farm::new("a b", GroupSettings { after_recovery, ..settings(By::Cookie) });
    let (home, ticket) = known(&farm, 1);
    farm.down(0, &home);
    farm.pass(HOLD);
    let (_, _, moved) = farm.visit(1, Some(ticket));
    let moved = moved.unwrap();
    farm.up(0, &home);
    farm.pass(RETURN_IDLE + 359_000);
    let (stays, outcome, _) = farm.visit(1, Some(moved));
    assert_eq!((stays.as_str(), outcome), (other(&home), Outcome::Persisted), "it may have been in use");
    farm.pass(1_000);
    let (back, outcome, given) = farm.visit(1, Some(moved));
    assert_eq!((&back, outcome), (&home, Outcome::Returned));
    let given = given.unwrap();
    assert_eq!((given.node, given.home, given.issued), (ticket.node, ticket.home, ticket.issued));
}

#[test]
fn a_browser_leaves_a_backup() {
    let mut farm = Farm::new("a [b]", settings(By::Cookie));
    farm.down(0, "a");
    let (node, ticket) = known(&farm, 1);
    assert_eq!((node.as_str(), ticket.home), ("b", NodeTag::default()));
    farm.up(0, "a");
    farm.pass(RETURN_IDLE + 360_000);
    let (node, outcome, given) = farm.visit(1, Some(ticket));
    assert_eq!((node.as_str(), outcome), ("a", Outcome::Returned));
    assert_eq!(given.unwrap().home, farm.node("a").tag);
}

#[test]
fn max_age_makes_the_cookie_new_at_a_gap() {
    let max_age = Some(Duration::from_secs(1_200));
    let mut farm = Farm::new("a b", GroupSettings { max_age, ..settings(By::Cookie) });
    let (node, ticket) = known(&farm, 1);
    farm.pass(1_500_000);
    let busy = Ticket { renewed: UnixSeconds(farm.now.wall.0 - 400), ..ticket };
    assert_eq!(farm.visit(1, Some(busy)).2.unwrap().issued, ticket.issued);
    let (same, outcome, given) = farm.visit(1, Some(ticket));
    assert_eq!((same.as_str(), outcome), (node.as_str(), Outcome::Persisted));
    assert_eq!(given.unwrap().issued, farm.now.wall);
    farm.admin(&node, AdminState::Drain);
    let (next, outcome, given) = farm.visit(1, Some(ticket));
    assert_eq!((next.as_str(), outcome), (other(&node), Outcome::Fresh));
    assert_eq!(given.unwrap().home, farm.node(other(&node)).tag);
}

#[test]
fn a_new_browser_tries_other_nodes_at_once_and_a_known_one_its_own_again() {
    let mut farm = Farm::new("a b c", settings(By::Cookie));
    let mut fresh = used(farm.browse(1, None));
    let node = fresh.backend().node.name.clone();
    assert_eq!(farm.selector.after_connect_failure(&mut fresh, farm.now), AfterFailure::Reselect);
    let again = used(farm.selector.select_again(fresh, farm.now));
    assert_ne!(again.backend().node.name, node);
    assert_eq!(used(farm.browse(1, None)).backend().node.name, again.backend().node.name, "sharers follow");
    let (node, _, ticket) = farm.answer(again);
    farm.pass(60_000);
    let mut held = used(farm.browse(1, ticket));
    let after = farm.selector.after_connect_failure(&mut held, farm.now);
    assert!(matches!(after, AfterFailure::RetrySame { .. }));
    farm.pass(HOLD);
    assert_eq!(farm.selector.after_connect_failure(&mut held, farm.now), AfterFailure::Reselect);
    let moved = used(farm.selector.select_again(held, farm.now));
    assert_ne!(moved.backend().node.name, node);
    assert_eq!(moved.outcome(), Outcome::Redispatched);
}

#[test]
fn an_answer_of_another_node_sets_no_cookie() {
    let farm = Farm::new("a b", settings(By::Cookie));
    let mut selection = used(farm.browse(1, None));
    let elsewhere = farm.node(other(&selection.backend().node.name)).id;
    let _ = farm.selector.commit(&mut selection, elsewhere, farm.now);
    assert_eq!(farm.given(&selection), None);
}
