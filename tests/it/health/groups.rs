//! Groups whose nodes are not whole.

use crate::support::edge::Edge;
use crate::support::farm::Farm;
use crate::support::mim::{MimNode, SERVICE, STS};

#[test]
fn a_group_without_a_whole_node_is_told_once() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    for round in 1..=2 {
        a.origin.refuse_on(STS);
        edge.messages("WARN mim-sts/mim1 is down: connection refused", round);
        b.origin.refuse_on(SERVICE);
        edge.messages(
            "WARN group mim: no node is whole, new clients go to nodes whose needed backend is up",
            round,
        );
        b.origin.listen_on(SERVICE);
        edge.messages("WARN group mim: a node is whole again", round);
        a.origin.listen_on(STS);
        edge.messages("WARN mim-sts/mim1 is up again", round);
    }
    assert_eq!(edge.message("WARN group mim:"), 4);
}

#[test]
fn before_the_first_probes_nothing_is_said_of_a_group() {
    let (a, b) = (MimNode::start("mim1"), MimNode::start("mim2"));
    let edge = Edge::start(&Farm::of([&a, &b]).yaml());
    a.origin.kill();
    edge.message("WARN mim-sts/mim1 is down: connection refused");
    assert!(!edge.log().contains("group mim:"), "{}", edge.log());
}
