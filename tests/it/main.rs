//! Behaviour through real sockets: the binary itself between clients and stand-in nodes of this process.
//!
//! Every port is chosen by the system, every wait is for an event (a line of the edge's output, bytes on a
//! socket, a record of a stand-in), and nothing asserts how long something took. What is missing after
//! [`support::PATIENCE`] fails the test with everything the edge wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should panic")]
#![allow(unreachable_pub, reason = "one binary: `pub` says what a module offers to its siblings")]

mod support;

mod bodies;
mod client_identity;
mod cookie;
mod curl;
mod demo;
mod desync;
mod docs;
mod embed;
mod explain;
mod failover;
mod framing;
mod health;
mod http2;
mod idle;
mod limits;
mod metrics;
mod persistence;
mod responses;
mod routes;
mod running;
mod slow;
mod soak;
mod stand_ins;
mod tls;
mod watch;
mod wcf;
mod windows_auth;
