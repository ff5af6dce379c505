//! Nodes that die, with or without an end to it.

use super::visitors::What;
use super::{Kind, Setup};
use crate::support::node::Manner;
use std::time::Duration;

both! {
    killed,
    killed_under_a_get,
    restarted_under_a_get,
    restarted_within_the_hold,
    restarted_after_the_hold,
    restarted_and_returned_to,
    refusing,
    refusing_for_less_than_the_hold,
}

fn killed(kind: Kind) {
    let setup = Setup::new(kind, "hold: 500ms");
    let (mut sick, mut well) = setup.visitors();
    sick.node.next(1, Manner::Held);
    let caught = sick.visitors[0].send(&setup, What::Post);
    sick.node.wait_for("held", &caught);
    sick.node.kill();
    // Who knows what it has done: it is not sent again, and it does not move the client.
    sick.visitors[0].answer(&setup).failed(502, "upstream_closed").retried(0);
    well.goes_on(&setup);
    sick.moves_to(well.node, &setup);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
    assert_eq!((sick.node.count("got", &caught), well.node.count("got", &caught)), (1, 0));
}

/// A GET may be repeated, but by its own node only.
fn killed_under_a_get(kind: Kind) {
    let setup = Setup::new(kind, "hold: 500ms");
    let (mut sick, mut well) = setup.visitors();
    sick.node.next(1, Manner::Held);
    let caught = sick.visitors[0].send(&setup, What::Get);
    sick.node.wait_for("held", &caught);
    sick.node.kill();
    let failed = sick.visitors[0].answer(&setup).failed(502, "upstream_closed");
    assert_eq!((sick.node.count("got", &failed.id), well.node.count("got", &failed.id)), (1, 0));
    // If the hold was spent on waiting for the node, the client has been moved; if the dying process took the
    // second connection too, it is moved now.
    let next = sick.visitors[0].ask(&setup, What::Open);
    let outcome = next.entry["outcome"].as_str().unwrap().to_owned();
    assert!(["persisted", "redispatched"].contains(&&*outcome), "{next:?}");
    next.served(&well.node.name, &outcome);
    sick.visitors.truncate(1);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

/// The same where the node is back before the hold is over.
fn restarted_under_a_get(kind: Kind) {
    let setup = Setup::new(kind, "hold: 25s");
    let (mut sick, mut well) = setup.visitors();
    sick.node.next(1, Manner::Held);
    let caught = sick.visitors[0].send(&setup, What::Get);
    sick.node.wait_for("held", &caught);
    sick.node.kill();
    well.goes_on(&setup);
    sick.node.restart();
    let answer = sick.visitors[0].answer(&setup);
    if answer.status == Some(502) {
        // The dying process took the second connection, too: once means once.
        answer.failed(502, "upstream_closed").retried(1);
    } else {
        assert_eq!(answer.node.as_ref(), Some(&sick.node.name), "{answer:?}");
        assert_eq!((&answer.entry["outcome"], &answer.entry["failure"]), (&"persisted".into(), &().into()));
        assert_eq!(sick.node.count("got", &caught), 2);
    }
    assert_eq!(well.node.count("got", &caught), 0);
    sick.visitors[0].ask(&setup, What::Open).served(&sick.node.name, "persisted");
    sick.visitors.truncate(1);
    setup.check(&mut [&mut sick, &mut well]);
}

fn restarted_within_the_hold(kind: Kind) {
    let setup = Setup::new(kind, "hold: 25s");
    let (mut sick, mut well) = setup.visitors();
    sick.node.kill();
    for visitor in &mut sick.visitors {
        visitor.send(&setup, What::Post);
    }
    well.goes_on(&setup);
    sick.node.restart();
    for visitor in &mut sick.visitors {
        // All that the crash took is the session.
        visitor.answer(&setup).unknown(&sick.node.name, "persisted");
        visitor.ask(&setup, What::Open).served(&sick.node.name, "persisted");
    }
    sick.goes_on(&setup);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn restarted_after_the_hold(kind: Kind) {
    let setup = Setup::new(kind, "hold: 300ms, after_recovery: stay, return_idle: 0s");
    let (mut sick, mut well) = setup.visitors();
    sick.node.kill();
    sick.moves_to(well.node, &setup);
    sick.node.restart();
    setup.until_new_clients_reach(sick.node);
    for visitor in &mut sick.visitors {
        visitor.ask(&setup, What::Post).served(&well.node.name, "persisted");
    }
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn restarted_and_returned_to(kind: Kind) {
    // A cookie tells time in seconds and is renewed after a tenth of its life at the earliest.
    let times = "return_idle: 1ms, idle_timeout: 10s";
    let setup = Setup::new(kind, &format!("hold: 300ms, after_recovery: return, {times}"));
    let (mut home, mut well) = setup.visitors();
    home.node.kill();
    home.moves_to(well.node, &setup);
    home.node.restart();
    setup.until_new_clients_reach(home.node);
    let idle = if kind == Kind::Cookie { Duration::from_millis(2_200) } else { Duration::from_millis(250) };
    setup.pass(idle, &mut well.visitors[0]);
    for visitor in &mut home.visitors {
        // There and back: two moves, each for a reason.
        let returned = visitor.ask(&setup, What::Open).served(&home.node.name, "returned");
        assert_eq!(returned.cookie_sent, kind == Kind::Cookie, "{returned:?}");
        visitor.ask(&setup, What::Post).served(&home.node.name, "persisted");
        visitor.assert_one_node_on_both_ports(&setup);
        assert_eq!(visitor.moves(), 2);
    }
    well.goes_on(&setup);
    setup.check(&mut [&mut well]);
}

fn refusing(kind: Kind) {
    let setup = Setup::new(kind, "hold: 500ms");
    let (mut sick, mut well) = setup.visitors();
    sick.node.next(1, Manner::Held);
    let mut caught = sick.visitors.remove(0);
    let id = caught.send(&setup, What::Post);
    sick.node.wait_for("held", &id);
    sick.node.refuse();
    setup.until_down(sick.node);
    sick.moves_to(well.node, &setup);
    // What it had taken before it answers over its open connection.
    sick.node.go_on();
    caught.answer(&setup).served(&sick.node.name, "persisted").retried(0);
    // Its next request is the first one that needs to move.
    caught.ask(&setup, What::Post).unknown(&well.node.name, "redispatched");
    sick.visitors.push(caught);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn refusing_for_less_than_the_hold(kind: Kind) {
    let setup = Setup::new(kind, "hold: 25s");
    let (mut sick, mut well) = setup.visitors();
    for _ in 0..3 {
        sick.node.refuse();
        for visitor in &mut sick.visitors {
            visitor.hang_up();
            visitor.send(&setup, What::Post);
        }
        well.goes_on(&setup);
        sick.node.listen();
        for visitor in &mut sick.visitors {
            visitor.answer(&setup).served(&sick.node.name, "persisted");
        }
    }
    sick.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}
