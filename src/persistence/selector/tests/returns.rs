//! Idle gaps: returns, backups, `max_age`.

use super::farm::*;
use crate::persistence::decision::Outcome;
use crate::persistence::settings::{AfterRecovery, By, GroupSettings};
use std::time::Duration;

/// A farm whose client 1 lost its node to the other one, and that node is back.
fn moved(after_recovery: AfterRecovery) -> (Farm, String) {
    let mut farm = Farm::new("a b", GroupSettings { after_recovery, ..settings(By::SourceIp) });
    let (node, _) = farm.serve(0, 1);
    farm.down(0, &node);
    farm.pass(HOLD);
    assert_eq!(farm.serve(0, 1).1, Outcome::Redispatched);
    farm.up(0, &node);
    (farm, node)
}

#[test]
fn stay_stays() {
    let (mut farm, node) = moved(AfterRecovery::Stay);
    farm.pass(RETURN_IDLE * 3);
    assert_eq!(farm.serve(0, 1), (other(&node).into(), Outcome::Persisted));
}

#[test]
fn return_returns_after_a_gap_without_requests_in_flight() {
    let (mut farm, home) = moved(AfterRecovery::Return);
    let long = farm.used(0, 1);
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1), (other(&home).into(), Outcome::Persisted), "one is in flight");
    farm.pass(RETURN_IDLE);
    drop(long);
    farm.serve(0, 1);
    farm.pass(RETURN_IDLE - 1_000);
    assert_eq!(farm.serve(0, 1).1, Outcome::Persisted, "the gap is too short");
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(1, 1), (home.clone(), Outcome::Returned));
    assert_eq!(farm.serve(0, 1), (home, Outcome::Persisted));
}

#[test]
fn nobody_returns_to_a_home_that_is_not_whole_or_drains() {
    let (mut farm, home) = moved(AfterRecovery::Return);
    farm.down(1, &home);
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1).1, Outcome::Persisted);
    farm.up(1, &home);
    farm.admin(&home, crate::pool::AdminState::Drain);
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1).1, Outcome::Persisted);
    farm.admin(&home, crate::pool::AdminState::Ready);
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1), (home, Outcome::Returned));
}

#[test]
fn a_return_that_reaches_nobody_goes_back_where_it_came_from() {
    let mut farm = Farm::new(
        "a b c d",
        GroupSettings { after_recovery: AfterRecovery::Return, ..settings(By::SourceIp) },
    );
    let (home, _) = farm.serve(0, 1);
    farm.down(0, &home);
    farm.pass(HOLD);
    let (second, _) = farm.serve(0, 1);
    farm.up(0, &home);
    farm.pass(RETURN_IDLE);
    let mut returned = farm.used(0, 1);
    assert_eq!(returned.outcome(), Outcome::Returned);
    let _ = farm.selector.after_connect_failure(&mut returned, farm.now);
    let back = used(farm.selector.select_again(returned, farm.now));
    assert_eq!(back.backend().node.name, second);
}

#[test]
fn a_backup_is_never_stayed_on() {
    let mut farm = Farm::new("a [b]", settings(By::SourceIp));
    farm.serve(0, 1);
    farm.down(0, "a");
    farm.pass(HOLD);
    assert_eq!(farm.serve(0, 1).0, "b");
    assert_eq!(farm.serve(0, 2).0, "b", "a new client has no other choice");
    farm.up(0, "a");
    assert_eq!(farm.serve(0, 1).0, "b");
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1), ("a".into(), Outcome::Returned));
    assert_eq!(farm.serve(0, 2), ("a".into(), Outcome::Returned), "without a home, to a primary");
}

#[test]
fn max_age_waits_for_a_gap_and_prefers_the_same_node() {
    let max_age = Some(Duration::from_millis(RETURN_IDLE * 4));
    let mut farm = Farm::new("a b", GroupSettings { max_age, ..settings(By::SourceIp) });
    let (node, _) = farm.serve(0, 1);
    for _ in 0..6 {
        farm.pass(RETURN_IDLE - 1_000);
        assert_eq!(farm.serve(0, 1), (node.clone(), Outcome::Persisted));
    }
    let created = farm.pin(1).unwrap().created;
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1), (node.clone(), Outcome::Persisted));
    assert!(farm.pin(1).unwrap().created > created);
    assert_eq!(farm.pin(1).unwrap().home, Some(farm.node(&node).id));
    farm.admin(&node, crate::pool::AdminState::Drain);
    for _ in 0..3 {
        farm.pass(RETURN_IDLE);
        assert_eq!(farm.serve(0, 1), (node.clone(), Outcome::Persisted));
    }
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1), (other(&node).into(), Outcome::Fresh));
    assert_eq!(farm.pin(1).unwrap().home, Some(farm.node(other(&node)).id), "its home is new too");
}
