//! Every key of a configuration, once: its name, its values, its default and what it means.
//!
//! The readers beside this folder turn the values into what runs; [`super::schema`] tells editors about them;
//! `docs/configuration.md` explains them, held to what is here by a test.

pub(super) mod group;
pub(super) mod limits;
pub(super) mod listener;
pub(super) mod node;
pub(super) mod pool;
pub(super) mod probe;
pub(super) mod response;
pub(super) mod rest;
pub(super) mod route;

use super::shape::{Section, Text};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) static ROOT: Section = Section {
    name: "configuration",
    expected: "expected a mapping with listeners, nodes, pools, routes",
    keys: &[
        &listener::LISTENERS,
        &node::NODES,
        &group::PERSISTENCE,
        &pool::POOLS,
        &route::ROUTES,
        &rest::ADMIN,
        &rest::LOG,
        &limits::LIMITS,
        &rest::SHUTDOWN,
        &rest::SESSION_STORE,
        &rest::FEDERATION,
        &rest::CLUSTER,
        &rest::STATE,
    ],
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// An address and a port.
const fn socket_address(expected: &'static str, examples: &'static [&'static str]) -> Text<SocketAddr> {
    Text { expected, parse: |text| text.parse().ok(), pattern: super::pattern::socket_address, examples }
}
