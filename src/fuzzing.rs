//! What strangers send, read twice.
//!
//! Each entry point takes arbitrary bytes, gives them to one of our readers and to a second, plain reading of the same
//! rules, and panics where the two disagree. `fuzz/` runs them under libFuzzer, and `tests` on every test run over the
//! same seeds with a small mutator of its own. To keep them in `fuzz/` alone was rejected: they would need the
//! engine's inside to be public, and nobody without a nightly compiler would ever run them.
#![allow(missing_docs, reason = "each entry point is named after what it reads")]
#![allow(clippy::expect_used, reason = "a panic is how an entry point says what is wrong")]

mod bodies;
mod client;
mod configuration;
mod forwarding;
mod heads;
mod persistence;
mod plain_head;
mod routes;
#[cfg(test)]
mod tests;

pub use bodies::body;
pub use client::{client_header, proxy_protocol};
pub use configuration::configuration;
pub use forwarding::forwarding;
pub use heads::{request_head, response_head};
pub use persistence::{client_class, cookie};
pub use routes::route;

/// Takes what a stranger sends.
pub type Entry = fn(&[u8]);

/// Every entry point, with the name of its folder under `fuzz/seeds`.
pub const TARGETS: [(&str, Entry); 10] = [
    ("request_head", request_head),
    ("response_head", response_head),
    ("body", body),
    ("cookie", cookie),
    ("configuration", configuration),
    ("route", route),
    ("client_class", client_class),
    ("forwarding", forwarding),
    ("proxy_protocol", proxy_protocol),
    ("client_header", client_header),
];
