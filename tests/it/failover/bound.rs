//! Clients whose connection to the edge is bound to one to the node, as where Windows authenticates: what was
//! authenticated is gone with the node's connection, and so the client's ends with it.

use super::visitors::What;
use super::{Kind, Setup};
use crate::support::node::Manner;

both! { killed, broken }

#[track_caller]
fn setup(kind: Kind) -> Setup {
    Setup::with(kind, "hold: 500ms", |mut farm| {
        farm.pool.push_str(" connection_auth: always,");
        farm
    })
}

fn killed(kind: Kind) {
    let setup = setup(kind);
    let (mut sick, mut well) = setup.visitors();
    sick.node.next(2, Manner::Held);
    let caught: Vec<_> = [What::Post, What::Get]
        .into_iter()
        .zip(&mut sick.visitors)
        .map(|(what, visitor)| visitor.send(&setup, what))
        .collect();
    caught.iter().for_each(|id| sick.node.wait_for("held", id));
    sick.node.kill();
    for (visitor, id) in sick.visitors.iter_mut().zip(&caught) {
        // Not even a GET is repeated: on another connection it would come from nobody.
        visitor.answer(&setup).failed(502, "upstream_closed").retried(0);
        assert!(!visitor.is_connected());
        assert_eq!((sick.node.count("got", id), well.node.count("got", id)), (1, 0));
    }
    for visitor in &mut sick.visitors {
        visitor.hang_up();
    }
    sick.moves_to(well.node, &setup);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}

fn broken(kind: Kind) {
    let setup = setup(kind);
    let (mut sick, mut well) = setup.visitors();
    for (manner, what) in [
        (Manner::Reset, What::Post),
        (Manner::Reset, What::Get),
        (Manner::HalfHead, What::Get),
        (Manner::Stale, What::Get),
        (Manner::Stale, What::Post),
    ] {
        sick.goes_on(&setup);
        sick.node.next(1, manner);
        let answer = sick.visitors[0].ask(&setup, what).failed(502, "upstream_closed").retried(0);
        assert_eq!(sick.node.count("got", &answer.id), usize::from(manner != Manner::Stale));
        assert!(!sick.visitors[0].is_connected());
    }
    sick.goes_on(&setup);
    well.goes_on(&setup);
    setup.check(&mut [&mut sick, &mut well]);
}
