//! Nodes that take requests and do not answer, or not yet. Their kernel still takes connections, so that
//! probes by TCP see nothing.

use super::visitors::What;
use super::{Kind, Setup};
use crate::support::node::Manner;
use std::time::Duration;

both! {
    frozen_and_resumed,
    frozen_longer_than_the_read_timeout,
    slow,
    silent,
}

fn frozen_and_resumed(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms");
    let (mut sick, mut well) = setup.visitors();
    sick.node.freeze();
    let mut asked = Vec::new();
    for (visitor, what) in sick.visitors.iter_mut().zip([What::Post, What::Get, What::Post]) {
        asked.push(visitor.send(&setup, what));
    }
    // Several probes and several holds later.
    setup.pass(Duration::from_millis(500), &mut well.visitors[0]);
    sick.node.resume();
    for (visitor, id) in sick.visitors.iter_mut().zip(&asked) {
        visitor.answer(&setup).served(&sick.node.name, "persisted").retried(0);
        assert_eq!(sick.node.count("got", id), 1);
    }
    sick.goes_on(&setup);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn frozen_longer_than_the_read_timeout(kind: Kind) {
    let setup = Setup::with(kind, "hold: 100ms", |mut farm| {
        farm.pool.push_str(" timeouts: { read: 1s },");
        farm
    });
    let (mut sick, mut well) = setup.visitors();
    sick.node.freeze();
    let mut asked = Vec::new();
    for (visitor, what) in sick.visitors.iter_mut().zip([What::Post, What::Get, What::Post]) {
        asked.push(visitor.send(&setup, what));
    }
    for visitor in &mut sick.visitors {
        // It may be at work on it: not even a GET is sent again.
        visitor.answer(&setup).failed(504, "upstream_timeout").retried(0);
    }
    well.goes_on(&setup);
    sick.node.resume();
    sick.goes_on(&setup);
    for id in asked {
        assert!(sick.node.count("got", &id) <= 1);
    }
    setup.check(&mut [&mut sick, &mut well]);
}

fn slow(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms");
    let (mut sick, mut well) = setup.visitors();
    sick.node.always(Manner::Late(400));
    for (visitor, what) in sick.visitors.iter_mut().zip([What::Post, What::Get, What::Post]) {
        visitor.send(&setup, what);
    }
    well.goes_on(&setup);
    for visitor in &mut sick.visitors {
        let answer = visitor.answer(&setup).served(&sick.node.name, "persisted").retried(0);
        assert_eq!(sick.node.count("got", &answer.id), 1);
    }
    sick.node.always(Manner::Serve);
    sick.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn silent(kind: Kind) {
    let setup = Setup::with(kind, "hold: 100ms", |mut farm| {
        farm.pool.push_str(" timeouts: { read: 1s },");
        farm
    });
    let (mut sick, mut well) = setup.visitors();
    for what in [What::Post, What::Get] {
        sick.node.next(1, Manner::Silent);
        let answer = sick.visitors[0].ask(&setup, what).failed(504, "upstream_timeout").retried(0);
        assert_eq!(sick.node.count("got", &answer.id), 1);
        sick.goes_on(&setup);
    }
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}
