//! `nodes`.

use super::super::NodeAddress;
use super::super::nodes::address;
use super::super::pattern;
use super::super::shape::{Key, Named, Number, Section, Switch, Text, Word, number, optional, required};
use crate::pool::AdminState;

pub(in crate::config) static NODES: Key<Named> = required(
    "nodes",
    Named { each: &NODE, expected: "expected a mapping of at least one node's name to its address" },
    "Names of machines. Pins and cookies know a node by its name.",
);

pub(in crate::config) static NODE: Section = Section {
    name: "node",
    expected: "expected a mapping with address, weight, backup, state",
    keys: &[&ADDRESS, &WEIGHT, &BACKUP, &STATE],
};

pub(in crate::config) static ADDRESS: Key<Text<NodeAddress>> = required(
    "address",
    Text {
        expected: "expected an IP address or a host name, without a port",
        parse: address,
        pattern: pattern::machine,
        examples: &["10.20.0.11", "mim1.example.com"],
    },
    "Where the node is: an IP address or a host name, without a port.",
);

pub(in crate::config) static WEIGHT: Key<Number<u16>> =
    optional("weight", number(1..=256), "1", "The node's share of new clients.");

pub(in crate::config) static BACKUP: Key<Switch> =
    optional("backup", Switch, "false", "Whether the node takes new clients only while no other node can.");

pub(in crate::config) static STATE: Key<Word<AdminState>> = optional(
    "state",
    Word(&AdminState::WORDS),
    "ready",
    "The node's state from the start: drain takes no new clients and keeps those it has, maintenance takes nobody.",
);
