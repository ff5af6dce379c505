//! What the configuration says about clients whose node fails or is taken out.

use super::visitors::{Visitor, What};
use super::{Kind, Setup};
use std::time::Duration;

both! {
    rejected_while_their_node_is_down,
    kept_until_the_hold_is_over_then_rejected,
    returning_from_a_backup,
}

fn rejected_while_their_node_is_down(kind: Kind) {
    let setup = Setup::new(kind, "hold: 0s, unavailable: reject");
    let (mut sick, mut well) = setup.visitors();
    sick.node.kill();
    setup.until_down(sick.node);
    for visitor in &mut sick.visitors {
        let what =
            if kind == Kind::SourceIp { vec![What::Post, What::Get, What::Issue] } else { vec![What::Post] };
        for what in what {
            let refused = visitor.ask(&setup, what).failed(503, "persisted_node_down");
            assert_eq!((&refused.entry["outcome"], &refused.entry["node"]), (&"refused".into(), &().into()));
            assert!(refused.retry_after.is_some() && !refused.cookie_sent, "{refused:?}");
            assert_eq!(well.node.count("got", &refused.id), 0);
        }
    }
    well.goes_on(&setup);
    sick.node.restart();
    setup.until_new_clients_reach(sick.node);
    for visitor in &mut sick.visitors {
        visitor.ask(&setup, What::Open).served(&sick.node.name, "persisted");
    }
    sick.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn kept_until_the_hold_is_over_then_rejected(kind: Kind) {
    let setup = Setup::new(kind, "hold: 400ms, unavailable: reject");
    let (mut sick, mut well) = setup.visitors();
    sick.node.refuse();
    setup.until_down(sick.node);
    let refused = sick.visitors[0].ask(&setup, What::Post).failed(503, "persisted_node_down");
    assert_eq!((sick.node.count("got", &refused.id), well.node.count("got", &refused.id)), (0, 0));
    sick.node.listen();
    setup.until_new_clients_reach(sick.node);
    sick.goes_on(&setup);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

/// Nobody stays on a backup, not even where clients stay where they went.
fn returning_from_a_backup(kind: Kind) {
    let times = "return_idle: 1ms, idle_timeout: 10s";
    let group = format!("hold: 300ms, after_recovery: stay, {times}");
    let setup = Setup::with(kind, &group, |farm| farm.node("mim2", "backup: true"));
    let mut visitors: Vec<Visitor> = (10..14).map(|number| setup.visitor(number)).collect();
    assert!(visitors.iter().all(|visitor| visitor.node() == "mim1"));
    let [primary, backup] = &setup.nodes;
    primary.kill();
    for visitor in &mut visitors {
        visitor.ask(&setup, What::Open).served("mim2", "redispatched");
    }
    // A new one has no other home.
    let mut late = setup.visitor(20);
    assert_eq!(late.node(), backup.name);
    primary.restart();
    setup.until_new_clients_reach(primary);
    let mut other = setup.visitor(21);
    assert_eq!(other.node(), primary.name);
    let idle = if kind == Kind::Cookie { Duration::from_millis(2_200) } else { Duration::from_millis(250) };
    setup.pass(idle, &mut other);
    for visitor in visitors.iter_mut().chain([&mut late]) {
        visitor.ask(&setup, What::Open).served("mim1", "returned");
        visitor.ask(&setup, What::Post).served("mim1", "persisted");
        visitor.assert_one_node_on_both_ports(&setup);
    }
    setup.check(&mut []);
}

#[test]
fn a_cookie_is_honoured_and_renewed_while_its_node_drains_and_moved_by_maintenance() {
    let mut setup = Setup::new(Kind::Cookie, "hold: 0s, idle_timeout: 10s");
    let mut visitors: Vec<Visitor> = (10..16).map(|number| setup.visitor(number)).collect();
    setup.replace_edge(|farm| farm.node("mim1", "state: drain"));
    for visitor in &mut visitors {
        visitor.hang_up();
        visitor.ask(&setup, What::Post).served(&visitor.node(), "persisted");
    }
    let mut late = setup.visitor(20);
    assert_eq!(late.node(), "mim2");
    setup.pass(Duration::from_millis(1_100), &mut late);
    for visitor in &mut visitors {
        let renewed = visitor.ask(&setup, What::Post).served(&visitor.node(), "persisted");
        assert!(renewed.cookie_sent, "{renewed:?}");
    }
    setup.replace_edge(|farm| farm.node("mim1", "state: maintenance"));
    for visitor in visitors.iter_mut().chain([&mut late]) {
        visitor.hang_up();
        let at_home = visitor.node() == "mim2";
        let answer = visitor.ask(&setup, What::Post);
        if at_home {
            answer.served("mim2", "persisted");
        } else {
            // At once, and only once.
            assert!(answer.unknown("mim2", "redispatched").cookie_sent);
            assert!(!visitor.ask(&setup, What::Open).served("mim2", "persisted").cookie_sent);
        }
        assert_eq!(visitor.moves(), usize::from(!at_home));
    }
    setup.check(&mut []);
}

#[test]
fn static_clients_whose_home_drains_or_is_in_maintenance_are_new_clients_elsewhere() {
    let group = "hold: 0s, static: { \"127.0.9.0/24\": mim1 }";
    for state in ["drain", "maintenance"] {
        let setup = Setup::with(Kind::SourceIp, "hold: 0s", |farm| {
            let setting = format!("state: {state}");
            farm.group(&format!("by: source_ip, {group}")).node("mim1", &setting)
        });
        for last in 1..5 {
            let mut visitor = Visitor::new(Kind::SourceIp, &format!("127.0.9.{last}"));
            let opened = visitor.ask(&setup, What::Open).served("mim2", "fresh");
            assert_eq!(opened.entry["why"], "static", "{opened:?}");
            visitor.ask(&setup, What::Post).served("mim2", "persisted");
            visitor.assert_one_node_on_both_ports(&setup);
            assert_eq!(visitor.moves(), 0);
        }
        setup.check(&mut []);
    }
}

#[test]
fn static_clients_return_home_although_others_stay() {
    let group = "hold: 300ms, after_recovery: stay, return_idle: 1ms, static: { \"127.0.9.0/24\": mim1 }";
    let setup =
        Setup::with(Kind::SourceIp, "hold: 0s", |farm| farm.group(&format!("by: source_ip, {group}")));
    let mut visitor = Visitor::new(Kind::SourceIp, "127.0.9.1");
    visitor.ask(&setup, What::Open).served("mim1", "fresh");
    let home = setup.node("mim1");
    home.kill();
    visitor.ask(&setup, What::Open).served("mim2", "redispatched");
    home.restart();
    setup.until_new_clients_reach(home);
    let mut other = setup.visitor(20);
    setup.pass(Duration::from_millis(250), &mut other);
    visitor.ask(&setup, What::Open).served("mim1", "returned");
    visitor.assert_one_node_on_both_ports(&setup);
    setup.check(&mut []);
}
