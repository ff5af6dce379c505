//! Who takes part: programs that speak SOAP, and people with browsers.

use super::sites::Place;
use std::net::Ipv4Addr;

/// How a client is known to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A program: it sends SOAP, keeps no cookies, and is known by its address.
    Program,
    /// A person's browser, known by the edge's cookie.
    Browser,
}

/// One client of the farm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Character {
    /// At most four letters: there is not much room in a picture.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The last part of its address, 127.0.0.x.
    pub(super) address: u8,
    /// Where it goes, in turn.
    pub(super) visits: &'static [Place],
}

impl Character {
    /// Who it is, and how the edge knows it at `memory`.
    pub(super) fn described(&self, address: Ipv4Addr, memory: Place) -> String {
        match self.kind {
            Kind::Program => format!("{}, a program known by its address {address},", self.name),
            Kind::Browser => format!("{}'s browser, known by a cookie at the {},", self.name, memory.name()),
        }
    }
}

/// Who is there from the start.
pub(super) const CAST: [Character; 8] = [
    program("sync", 101),
    program("hr", 102),
    program("apps", 103),
    program("jobs", 104),
    browser("anna", 111, &[Place::Portal, Place::Reset]),
    browser("ben", 112, &[Place::Portal, Place::Registration]),
    browser("cleo", 113, &[Place::Portal, Place::Reset]),
    browser("dan", 114, &[Place::Portal, Place::Registration]),
];

/// Who comes after a node was away.
pub(super) const LATECOMER: Character = program("late", 105);

/// Who walks to another network, and the address there.
pub(super) const WALKER: (usize, u8) = (4, 119);

const fn program(name: &'static str, address: u8) -> Character {
    Character { name, kind: Kind::Program, address, visits: &[Place::Service] }
}

const fn browser(name: &'static str, address: u8, visits: &'static [Place]) -> Character {
    Character { name, kind: Kind::Browser, address, visits }
}
