//! Clients known by their address: first choice, group health, drain, maintenance, static homes.

use super::farm::*;
use crate::clock::Millis;
use crate::persistence::client_class::{ClientClass, Why};
use crate::persistence::decision::{Outcome, Refusal, WaitReason};
use crate::persistence::selector::{Facts, Selector};
use crate::persistence::settings::{By, FirstChoice, Unavailable};
use crate::pool::{AdminState, DownCause, Health};
use std::time::Duration;

#[test]
fn a_client_stays_on_its_node_in_every_pool_of_the_group() {
    let mut farm = Farm::new("a b c", settings(By::SourceIp));
    let (node, outcome) = farm.serve(0, 1);
    assert_eq!(outcome, Outcome::Fresh);
    for step in 0..20 {
        farm.pass(60_000);
        assert_eq!(farm.serve(step % 2, 1), (node.clone(), Outcome::Persisted));
    }
    assert_eq!(farm.table().len(), 1);
}

#[test]
fn new_clients_are_spread_by_pins() {
    let farm = Farm::new("a b c", settings(By::SourceIp));
    for client in 0..30 {
        farm.serve(0, client);
    }
    let pins: Vec<_> = farm.selector.groups().next().unwrap().pins().map(|(_, pins)| pins).collect();
    assert_eq!(pins, [10, 10, 10]);
}

#[test]
fn every_first_choice_places_every_client_once() {
    for first_choice in
        [FirstChoice::LeastPins, FirstChoice::LeastRequests, FirstChoice::RoundRobin, FirstChoice::Hash]
    {
        let farm = Farm::new(
            "a b c",
            crate::persistence::settings::GroupSettings { first_choice, ..settings(By::SourceIp) },
        );
        for client in 0..40 {
            let (node, _) = farm.serve(0, client);
            assert_eq!(farm.serve(1, client), (node, Outcome::Persisted));
        }
        let pins: Vec<_> = farm.selector.groups().next().unwrap().pins().map(|(_, pins)| pins).collect();
        assert_eq!(pins.iter().sum::<u64>(), 40);
        assert!(pins.iter().all(|pins| *pins > 4), "{first_choice:?}: {pins:?}");
    }
}

#[test]
fn parallel_first_requests_share_a_provisional_pin_and_its_confirmation_keeps_it() {
    let mut farm = Farm::new("a b c", settings(By::SourceIp));
    let first = farm.used(0, 1);
    let second = farm.used(1, 1);
    assert_eq!(first.backend().node.name, second.backend().node.name);
    assert_eq!(second.outcome(), Outcome::Fresh);
    assert_eq!(farm.pin(1).unwrap().in_flight, 2);
    farm.pass(600_000);
    let (node, _) = farm.complete(second);
    drop(first);
    farm.pass(3_000_000);
    assert_eq!(farm.serve(0, 1), (node, Outcome::Persisted));
}

#[test]
fn a_first_request_without_a_response_is_soon_forgotten() {
    let mut farm = Farm::new("a b c", settings(By::SourceIp));
    drop(farm.used(0, 1));
    farm.pass(1_900);
    assert!(farm.pin(1).is_some());
    farm.pass(200);
    assert!(farm.pin(1).is_none());
    assert_eq!(farm.serve(0, 1).1, Outcome::Fresh);
}

#[test]
fn new_clients_go_to_whole_nodes_and_pinned_ones_stay_while_their_backend_is_up() {
    let farm = Farm::new("a b c", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.down(1, &node);
    assert_eq!(farm.serve(0, 1), (node.clone(), Outcome::Persisted));
    for client in 2..12 {
        let selection = farm.used(0, client);
        assert_ne!(selection.backend().node.name, node);
        assert!(selection.whole());
    }
}

#[test]
fn if_no_node_is_whole_the_needed_backend_is_enough() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    farm.down(1, "a");
    farm.down(0, "b");
    let selection = farm.used(0, 1);
    assert_eq!(selection.backend().node.name, "a");
    assert!(!selection.whole());
}

#[test]
fn backups_serve_only_while_no_primary_can() {
    let farm = Farm::new("a [b]", settings(By::SourceIp));
    for client in 0..5 {
        assert_eq!(farm.serve(0, client).0, "a");
    }
    farm.down(0, "a");
    assert_eq!(farm.serve(0, 9).0, "b");
    assert_eq!(farm.pin(9).unwrap().home, None, "a backup is no home");
}

#[test]
fn before_the_first_answer_requests_wait_and_after_the_grace_they_go() {
    let mut farm = Farm::new("a", settings(By::SourceIp));
    let live = &farm.backend(0, "a").live;
    live.set_health(Health::Unknown, DownCause::Probe, farm.now.mono);
    live.start(farm.now.mono, Duration::from_secs(10));
    let wait = waits(farm.select(0, 1));
    assert_eq!((wait.until, wait.reason), (Millis(1_010_000), WaitReason::FirstProbe));
    assert!(!wait.try_connect);
    assert!(farm.table().is_empty());
    farm.pass(10_000);
    assert_eq!(farm.serve(0, 1).1, Outcome::Fresh);
}

#[test]
fn a_node_that_may_turn_out_whole_is_waited_for() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    for node in ["a", "b"] {
        let live = &farm.backend(1, node).live;
        live.set_health(Health::Unknown, DownCause::Probe, farm.now.mono);
        live.start(farm.now.mono, Duration::from_secs(10));
    }
    assert_eq!(waits(farm.select(0, 1)).reason, WaitReason::FirstProbe, "the other port may be down");
    farm.down(1, "a");
    assert_eq!(waits(farm.select(0, 1)).reason, WaitReason::FirstProbe);
    farm.up(1, "b");
    assert_eq!(farm.serve(0, 1), ("b".to_owned(), Outcome::Fresh));
}

#[test]
fn without_any_node_a_new_client_is_refused() {
    let farm = Farm::new("a b", settings(By::SourceIp));
    farm.down(0, "a");
    farm.admin("b", AdminState::Drain);
    assert_eq!(refused(farm.select(0, 1)), Refusal::NoNode);
    assert!(farm.table().is_empty());
}

#[test]
fn drain_keeps_clients_and_takes_no_new_ones() {
    let mut farm = Farm::new("a b", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.admin(&node, AdminState::Drain);
    for client in 2..10 {
        assert_ne!(farm.serve(0, client).0, node);
    }
    farm.pass(1_000_000);
    assert_eq!(farm.serve(1, 1), (node, Outcome::Persisted));
}

#[test]
fn maintenance_moves_clients_now_and_once() {
    let farm = Farm::new("a b c", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    farm.admin(&node, AdminState::Maintenance);
    let (next, outcome) = farm.serve(0, 1);
    assert_ne!(next, node);
    assert_eq!(outcome, Outcome::Redispatched);
    assert_eq!(farm.serve(1, 1), (next.clone(), Outcome::Persisted));
    farm.admin(&node, AdminState::Ready);
    assert_eq!(farm.serve(1, 1), (next, Outcome::Persisted));
}

#[test]
fn a_reload_keeps_pins_by_name_and_moves_those_of_a_node_that_left() {
    let mut farm = Farm::new("a b c", settings(By::SourceIp));
    let before: Vec<_> = (0..30).map(|client| farm.serve(0, client).0).collect();
    farm.reload("b");
    for (client, node) in (0..30).zip(before) {
        let (now, outcome) = farm.serve(1, client);
        if node == "b" {
            assert_ne!(now, "b");
            assert_eq!(outcome, Outcome::Redispatched);
        } else {
            assert_eq!((now, outcome), (node, Outcome::Persisted));
        }
    }
    assert_eq!(farm.table().len(), 30);
}

#[test]
fn a_static_client_has_its_home_by_the_longest_prefix() {
    let mut group = settings(By::SourceIp);
    group.static_pins = vec![
        (prefix("10.0.0.0/24"), "b".into()),
        (prefix("10.0.0.7/32"), "c".into()),
        (prefix("10.0.0.8/32"), "?".into()),
    ];
    let farm = Farm::new("a b c", group);
    assert_eq!(farm.used(0, 7).backend().node.name, "c");
    let selection = farm.used(0, 1);
    assert_eq!((selection.backend().node.name.as_str(), selection.why()), ("b", Why::Static));
    drop(selection);
    assert_eq!(farm.serve(0, 1).0, "b");
    assert_eq!(farm.table().pins(farm.node("b").id), 1, "a static client is a pin like others");
    assert_eq!(farm.serve(0, 8).0, "b", "an unknown home is no home");
}

#[test]
fn a_static_client_is_held_for_its_home_and_always_returns() {
    let mut group = settings(By::SourceIp);
    group.static_pins = vec![(prefix("10.0.0.1/32"), "b".into())];
    let mut farm = Farm::new("a b", group);
    farm.down(0, "b");
    let wait = waits(farm.select(0, 1));
    assert_eq!(
        (wait.until, wait.reason),
        (farm.now.mono.after(Duration::from_millis(HOLD)), WaitReason::Hold)
    );
    farm.pass(HOLD);
    assert_eq!(farm.serve(0, 1), ("a".into(), Outcome::Redispatched));
    farm.up(0, "b");
    assert_eq!(farm.serve(0, 1), ("a".into(), Outcome::Persisted), "not without a gap");
    farm.pass(RETURN_IDLE);
    assert_eq!(farm.serve(0, 1), ("b".into(), Outcome::Returned));
}

#[test]
fn a_static_client_without_its_home_is_refused_where_that_is_wanted_and_placed_where_the_home_drains() {
    let mut group = settings(By::SourceIp);
    group.static_pins = vec![(prefix("10.0.0.0/24"), "b".into())];
    group.unavailable = Unavailable::Reject;
    let mut farm = Farm::new("a b", group);
    farm.admin("b", AdminState::Drain);
    assert_eq!(farm.serve(0, 2), ("a".into(), Outcome::Fresh));
    farm.admin("b", AdminState::Ready);
    farm.down(0, "b");
    farm.pass(HOLD);
    assert_eq!(refused(farm.select(0, 1)), Refusal::PersistedNodeDown);
}

#[test]
fn a_group_without_persistence_and_a_route_without_a_group_place_every_request() {
    let farm = Farm::new("a b", settings(By::None));
    for group in [Some(0), None] {
        let held: Vec<_> =
            (0..10).map(|_| used(farm.selector.select(0, group, &Farm::facts(1), farm.now))).collect();
        let on_a = held.iter().filter(|selection| selection.backend().node.name == "a").count();
        assert_eq!(on_a, 5);
        assert!(held.iter().all(|selection| selection.outcome() == Outcome::Unpinned));
    }
    assert_eq!(farm.backend(0, "a").live.in_flight(), 0);
}

#[test]
fn auto_tells_soap_clients_from_browsers_and_says_why() {
    let farm = Farm::new("a b", settings(By::Auto));
    let soap = farm.used(0, 1);
    assert_eq!((soap.why(), soap.key().is_some()), (Why::SoapContentType, true));
    assert_eq!(farm.given(&soap), None, "a SOAP client gets no cookie");
    let browser = used(farm.browse(1, None));
    assert_eq!((browser.why(), browser.key()), (Why::Default, None));
    let ticket = farm.given(&browser).unwrap();
    let class = (ClientClass::Soap, Why::SoapContentType);
    let facts = Facts { class, ..farm.browser(1, Some(ticket)) };
    let both = used(farm.selector.select(0, Some(0), &facts, farm.now));
    assert_eq!((both.why(), both.key(), both.outcome()), (Why::Cookie, None, Outcome::Persisted));
    assert_eq!(both.backend().node.name, browser.backend().node.name);
}

#[test]
fn indices_that_do_not_exist_are_refused() {
    let farm = Farm::new("a", settings(By::SourceIp));
    let selector: &Selector = &farm.selector;
    for (pool, group) in [(0, Some(7)), (7, Some(0)), (7, None)] {
        assert_eq!(refused(selector.select(pool, group, &Farm::facts(1), farm.now)), Refusal::NoNode);
    }
}
