//! Nodes that live and break single connections. None of that moves anybody, and only what may be carried out
//! twice is sent twice, to the same node.

use super::visitors::{Answer, What};
use super::{Kind, Setup, Side};
use crate::support::node::Manner;

both! {
    reset_before_the_response,
    reset_in_the_middle_of_a_response,
    closed_after_half_a_head,
    closed_as_the_request_arrives,
    errors_of_the_node,
}

/// The next requests of the first visitor are met so; afterwards all is as it was.
#[track_caller]
fn meet(setup: &Setup, sick: &mut Side<'_>, requests: usize, manner: Manner, what: What) -> Answer {
    // So that its worker keeps a connection to the node.
    sick.goes_on(setup);
    sick.node.next(requests, manner);
    sick.visitors[0].ask(setup, what)
}

/// So often each of this has happened to the request.
#[track_caller]
fn assert_counts<const N: usize>(side: &Side<'_>, answer: &Answer, expected: [(&str, usize); N]) {
    for (what, times) in expected {
        assert_eq!(side.node.count(what, &answer.id), times, "{what}: {answer:?}");
    }
}

#[track_caller]
fn end<'s>(setup: &'s Setup, sick: &mut Side<'s>, well: &mut Side<'s>) {
    sick.goes_on(setup);
    well.goes_on(setup);
    setup.check(&mut [sick, well]);
}

fn reset_before_the_response(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms");
    let (mut sick, mut well) = setup.visitors();
    let answer =
        meet(&setup, &mut sick, 1, Manner::Reset, What::Post).failed(502, "upstream_closed").retried(0);
    assert_counts(&sick, &answer, [("got", 1), ("reset", 1)]);

    let answer = meet(&setup, &mut sick, 1, Manner::Reset, What::Get);
    let answer = answer.served(&sick.node.name, "persisted").retried(1);
    assert_counts(&sick, &answer, [("got", 2), ("reset", 1)]);

    // Once, not until it works.
    let answer =
        meet(&setup, &mut sick, 2, Manner::Reset, What::Get).failed(502, "upstream_closed").retried(1);
    assert_counts(&sick, &answer, [("got", 2), ("reset", 2)]);
    end(&setup, &mut sick, &mut well);
}

fn reset_in_the_middle_of_a_response(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms");
    let (mut sick, mut well) = setup.visitors();
    for what in [What::Post, What::Get] {
        let answer = meet(&setup, &mut sick, 1, Manner::HalfBody, what).retried(0);
        // The head was on its way: what is left is to break off, so that half is not taken for the whole.
        assert_eq!(answer.status, None, "{answer:?}");
        assert_eq!(answer.entry["status"], 200, "{answer:?}");
        assert_eq!(answer.entry["failure"], "upstream_closed", "{answer:?}");
        assert_eq!(answer.entry["node"], sick.node.name.as_str(), "{answer:?}");
        assert_counts(&sick, &answer, [("got", 1), ("half_body", 1)]);
    }
    end(&setup, &mut sick, &mut well);
}

fn closed_after_half_a_head(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms");
    let (mut sick, mut well) = setup.visitors();
    let answer = meet(&setup, &mut sick, 1, Manner::HalfHead, What::Post);
    let answer = answer.failed(502, "upstream_closed").retried(0);
    assert_counts(&sick, &answer, [("got", 1), ("half_head", 1)]);

    let answer = meet(&setup, &mut sick, 1, Manner::HalfHead, What::Get);
    let answer = answer.served(&sick.node.name, "persisted").retried(1);
    assert_counts(&sick, &answer, [("got", 2), ("half_head", 1)]);
    end(&setup, &mut sick, &mut well);
}

fn closed_as_the_request_arrives(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms");
    let (mut sick, mut well) = setup.visitors();
    let answer = meet(&setup, &mut sick, 1, Manner::Stale, What::Get);
    let answer = answer.served(&sick.node.name, "persisted").retried(1);
    assert_counts(&sick, &answer, [("got", 1), ("stale", 1)]);

    // The edge cannot know that it was not carried out.
    let answer =
        meet(&setup, &mut sick, 1, Manner::Stale, What::Post).failed(502, "upstream_closed").retried(0);
    assert_counts(&sick, &answer, [("got", 0), ("stale", 1)]);
    end(&setup, &mut sick, &mut well);
}

fn errors_of_the_node(kind: Kind) {
    let setup = Setup::new(kind, "hold: 100ms, unavailable: reject");
    let (mut sick, mut well) = setup.visitors();
    for status in [500, 502, 503, 504] {
        for what in [What::Post, What::Get] {
            let answer = meet(&setup, &mut sick, 1, Manner::Status(status), what).retried(0);
            assert_eq!((answer.status, answer.text.as_str()), (Some(status), "so"), "{answer:?}");
            assert_eq!(answer.node.as_ref(), Some(&sick.node.name));
            assert_eq!(
                (&answer.entry["outcome"], &answer.entry["failure"]),
                (&"persisted".into(), &().into())
            );
            assert_counts(&sick, &answer, [("got", 1)]);
        }
    }
    end(&setup, &mut sick, &mut well);
}
