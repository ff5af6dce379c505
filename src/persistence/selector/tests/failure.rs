//! Failed connects, holds and moves.

use super::farm::*;
use crate::clock::Millis;
use crate::persistence::decision::{AfterFailure, Outcome, Refusal, WaitReason};
use crate::persistence::settings::{By, Unavailable};
use crate::pool::{AdminState, DownCause, Health};
use std::time::Duration;

#[test]
fn a_persisted_client_waits_for_its_node_and_then_moves_whole() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.down(0, &node);
    let wait = waits(farm.select(0, 1));
    assert_eq!((wait.until, wait.reason), (Millis(farm.now.mono.0 + HOLD), WaitReason::Hold));
    assert!(!wait.try_connect, "probes brought it down, a connect would prove nothing");
    farm.pass(HOLD - 1);
    waits(farm.select(0, 1));
    farm.pass(1);
    assert_eq!(farm.serve(0, 1), (other(&node).into(), Outcome::Redispatched));
    assert_eq!(farm.serve(1, 1), (other(&node).into(), Outcome::Persisted), "the other port moved with it");
    assert_eq!(farm.pin(1).unwrap().generation, 1);
}

#[test]
fn a_node_that_comes_back_in_time_keeps_its_clients() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.backend(0, &node).live.set_health(Health::Down, DownCause::Connect, farm.now.mono);
    assert!(waits(farm.select(0, 1)).try_connect);
    farm.pass(HOLD / 2);
    assert!(farm.backend(0, &node).live.connect_succeeded(farm.now.mono));
    assert_eq!(farm.serve(0, 1), (node, Outcome::Persisted));
}

#[test]
fn an_ejected_node_is_waited_for_and_not_tried() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.pass(5);
    let live = &farm.backend(0, &node).live;
    live.connect_failed(farm.now.mono);
    farm.pass(5);
    let live = &farm.backend(0, &node).live;
    assert!(live.eject(farm.now.mono.after(Duration::from_secs(600)), farm.now.mono));
    let wait = waits(farm.select(0, 1));
    assert!(!wait.try_connect);
    assert_eq!(wait.until, Millis(farm.now.mono.0 + HOLD), "the hold begins with the ejection");
    farm.pass(HOLD);
    assert_eq!(farm.serve(0, 1), (other(&node).into(), Outcome::Redispatched));
}

#[test]
fn reject_refuses_and_keeps_the_pin() {
    let mut group = settings(By::SourceIp);
    group.unavailable = Unavailable::Reject;
    let mut farm = Farm::new("a b", group);
    let (node, _) = farm.serve(0, 1);
    farm.down(0, &node);
    farm.pass(HOLD);
    assert_eq!(refused(farm.select(0, 1)), Refusal::PersistedNodeDown);
    farm.up(0, &node);
    assert_eq!(farm.serve(0, 1), (node, Outcome::Persisted));
}

#[test]
fn a_persisted_client_retries_its_node_until_the_hold_is_over() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    let mut selection = farm.used(0, 1);
    let began = farm.now.mono.0;
    let mut tries = Vec::new();
    while let AfterFailure::RetrySame { at, until } =
        farm.selector.after_connect_failure(&mut selection, farm.now)
    {
        assert_eq!(until.0, began + HOLD);
        tries.push(at.0 - began);
        farm.pass(at.0 - farm.now.mono.0);
    }
    assert_eq!(tries, [50, 150, 350, 750, 1_250, 1_750, 1_900]);
    let next = used(farm.selector.select_again(selection, farm.now));
    assert_eq!((next.backend().node.name.as_str(), next.outcome()), (other(&node), Outcome::Redispatched));
    assert_eq!(farm.pin(1).unwrap().in_flight, 1);
}

#[test]
fn a_new_client_tries_another_node_at_once_and_its_sharers_follow() {
    let farm = Farm::new("a b c", settings(By::SourceIp));
    let mut first = farm.used(0, 1);
    let mut second = farm.used(0, 1);
    let node = first.backend().node.name.clone();
    assert_eq!(farm.selector.after_connect_failure(&mut first, farm.now), AfterFailure::Reselect);
    let first = used(farm.selector.select_again(first, farm.now));
    assert_ne!(first.backend().node.name, node);
    assert_eq!(first.outcome(), Outcome::Fresh);
    assert_eq!(farm.selector.after_connect_failure(&mut second, farm.now), AfterFailure::Reselect);
    let second = used(farm.selector.select_again(second, farm.now));
    assert_eq!(second.backend().node.name, first.backend().node.name);
    let pin = farm.pin(1).unwrap();
    assert_eq!((pin.generation, pin.in_flight), (1, 2));
}

#[test]
fn a_first_request_whose_sharer_was_answered_is_held_like_a_persisted_one() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    let mut first = farm.used(0, 1);
    farm.serve(1, 1);
    let after = farm.selector.after_connect_failure(&mut first, farm.now);
    assert!(matches!(after, AfterFailure::RetrySame { .. }), "{after:?}");
}

#[test]
fn a_new_client_that_reaches_nobody_is_refused() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    let mut selection = farm.used(0, 1);
    assert_eq!(farm.selector.after_connect_failure(&mut selection, farm.now), AfterFailure::Reselect);
    selection = used(farm.selector.select_again(selection, farm.now));
    assert_eq!(farm.selector.after_connect_failure(&mut selection, farm.now), AfterFailure::Reselect);
    assert_eq!(refused(farm.selector.select_again(selection, farm.now)), Refusal::NoNode);
    assert_eq!(farm.pin(1).unwrap().in_flight, 0);
    assert_eq!(farm.backend(0, "a").live.in_flight() + farm.backend(0, "b").live.in_flight(), 0);
}

#[test]
fn one_failure_moves_a_pin_once_and_a_late_commit_does_not_undo_it() {
    let mut farm = Farm::new("a b c", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    let mut slow = farm.used(0, 1);
    let (first, second) = (farm.used(0, 1), farm.used(1, 1));
    farm.down(0, &node);
    farm.pass(HOLD);
    let first = used(farm.selector.select_again(first, farm.now));
    let second = used(farm.selector.select_again(second, farm.now));
    assert_eq!((first.outcome(), second.outcome()), (Outcome::Redispatched, Outcome::Persisted));
    assert_eq!(first.backend().node.name, second.backend().node.name);
    let late = farm.selector.commit(&mut slow, farm.node(&node).id, farm.now);
    assert!(late.is_empty());
    farm.selector.finish(slow, farm.now);
    let next = first.backend().node.name.clone();
    farm.complete(first);
    farm.complete(second);
    assert_eq!(farm.serve(0, 1), (next, Outcome::Persisted));
    assert_eq!(farm.pin(1).unwrap().generation, 1);
}

#[test]
fn an_answer_from_before_a_move_does_not_confirm_the_move_back() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    let mut slow = farm.used(0, 1);
    let node = slow.backend().node.name.clone();
    let early = farm.node(&node).id;
    farm.admin(&node, AdminState::Maintenance);
    drop(farm.used(0, 1));
    farm.admin(&node, AdminState::Ready);
    farm.admin(other(&node), AdminState::Maintenance);
    drop(farm.used(0, 1));
    let pin = farm.pin(1).unwrap();
    assert_eq!((pin.node, pin.generation, pin.unserved), (early, 2, true));
    let _ = farm.selector.commit(&mut slow, early, farm.now);
    assert!(farm.pin(1).unwrap().unserved);
}

#[test]
fn a_provisional_pin_that_moved_is_not_confirmed_by_the_node_it_left() {
    let farm = Farm::new("a b c", settings(By::SourceIp));
    let mut slow = farm.used(0, 1);
    let left = slow.backend().node.clone();
    let mut failing = farm.used(1, 1);
    let _ = farm.selector.after_connect_failure(&mut failing, farm.now);
    let moved = used(farm.selector.select_again(failing, farm.now));
    assert!(farm.selector.commit(&mut slow, left.id, farm.now).is_empty());
    let pin = farm.pin(1).unwrap();
    assert!(pin.provisional && pin.node == moved.backend().node.id && pin.home.is_none());
}

#[test]
fn a_client_that_was_moved_to_a_node_that_never_answered_is_not_held_for_it() {
    let mut farm = Farm::new("a b c", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.down(0, &node);
    farm.pass(HOLD);
    let mut moved = farm.used(0, 1);
    let second = moved.backend().node.name.clone();
    assert_eq!(farm.selector.after_connect_failure(&mut moved, farm.now), AfterFailure::Reselect);
    let third = used(farm.selector.select_again(moved, farm.now));
    assert!(![node, second].contains(&third.backend().node.name));
}

#[test]
fn a_response_of_another_node_moves_nothing() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    let mut selection = farm.used(0, 1);
    let node = selection.backend().node.name.clone();
    let elsewhere = farm.node(other(&node)).id;
    assert!(farm.selector.commit(&mut selection, elsewhere, farm.now).is_empty());
    farm.selector.finish(selection, farm.now);
    let pin = farm.pin(1).unwrap();
    assert!(pin.provisional && pin.node == farm.node(&node).id);
}

#[test]
fn a_failure_of_long_ago_does_not_shorten_the_hold() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    farm.serve(0, 1);
    let mut selection = farm.used(0, 1);
    let _ = farm.selector.after_connect_failure(&mut selection, farm.now);
    drop(selection);
    farm.pass(600_000);
    let mut selection = farm.used(0, 1);
    let after = farm.selector.after_connect_failure(&mut selection, farm.now);
    let at = farm.now.mono.after(Duration::from_millis(50));
    let until = farm.now.mono.after(Duration::from_millis(HOLD));
    assert_eq!(after, AfterFailure::RetrySame { at, until });
}

#[test]
fn commits_tell_other_edges_and_what_they_tell_is_taken_over() {
    let farm = Farm::new("a b c", settings(By::SourceIp));
    let other_edge = Farm::new("c b a", settings(By::SourceIp));
    let mut selection = farm.used(0, 1);
    let node = selection.backend().node.clone();
    let events = farm.selector.commit(&mut selection, node.id, farm.now);
    assert_eq!((events.len(), events[0].node, events[0].home), (1, node.tag, Some(node.tag)));
    assert!(farm.selector.commit(&mut selection, node.id, farm.now).is_empty(), "nothing new");
    other_edge.selector.apply(&events[0], other_edge.now);
    assert_eq!(other_edge.serve(0, 1), (node.name.clone(), Outcome::Persisted));

    farm.selector.finish(selection, farm.now);
    farm.admin(&node.name, AdminState::Maintenance);
    let mut moved = farm.used(0, 1);
    let next = moved.backend().node.clone();
    let events = farm.selector.commit(&mut moved, next.id, farm.now);
    assert_eq!(events[0].generation, 1);
    other_edge.selector.apply(&events[0], other_edge.now);
    assert_eq!(other_edge.serve(0, 1), (next.name.clone(), Outcome::Persisted));
    let stale = crate::persistence::PinEvent { generation: 0, node: node.tag, ..events[0].clone() };
    other_edge.selector.apply(&stale, other_edge.now);
    assert_eq!(other_edge.serve(0, 1), (next.name.clone(), Outcome::Persisted));
}
