//! Requests that wait for their node are bounded.

use super::visitors::{Answer, Visitor, What};
use super::{Kind, Setup};

both! { no_more_wait_than_the_limit }

fn no_more_wait_than_the_limit(kind: Kind) {
    let setup = Setup::with(kind, "hold: 25s", |mut farm| {
        farm.more.push_str("limits: { waiting: 2 }\n");
        farm
    });
    let [sick, well] = &setup.nodes;
    let (mut its, mut others): (Vec<Visitor>, Vec<Visitor>) = (Vec::new(), Vec::new());
    for number in 10.. {
        let visitor = setup.visitor(number);
        if visitor.node() == sick.name {
            its.push(visitor)
        } else {
            others.push(visitor)
        }
        if its.len() == 6 {
            break;
        }
    }
    sick.kill();
    setup.until_down(sick);
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel::<Answer>();
        for mut visitor in its {
            let (tell, setup) = (tell.clone(), &setup);
            scope.spawn(move || tell.send(visitor.ask(setup, What::Open)).unwrap());
        }
        let next = || told.recv_timeout(crate::support::PATIENCE).expect("an answer");
        for _ in 0..4 {
            let refused = next().failed(503, "waiting_full").retried(0);
            assert_eq!(refused.entry["outcome"], "refused", "{refused:?}");
            assert!(refused.retry_after.is_some(), "{refused:?}");
        }
        // Those of the other node need not wait, so they are not counted.
        for mut visitor in others {
            visitor.ask(&setup, What::Post).served(&well.name, "persisted");
        }
        sick.restart();
        for _ in 0..2 {
            next().served(&sick.name, "persisted");
        }
    });
    setup.check(&mut []);
}
