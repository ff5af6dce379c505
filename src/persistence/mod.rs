//! Keeping a client on its node: the selector core.
//!
//! Servers that keep session state in memory need every request of a session. A [`Selector`] decides where a
//! request goes and remembers it, by source address in a [`stick_table`], or by a [`cookie`]. It does no I/O,
//! knows no header types and no runtime, and takes time as an argument, so any service can embed it:
//!
//! 1. [`Selector::select`] answers a [`Decision`]: use this [`Selection`], wait for a backend, or refuse.
//! 2. A connect that failed is told to [`Selector::after_connect_failure`]: try the same backend again, or
//!    hand the selection to [`Selector::select_again`].
//! 3. The first final response head is told to [`Selector::commit`], which confirms the pin, and
//!    [`Selector::set_cookie`] writes the cookie if one is due.
//! 4. [`Selector::finish`] ends the request and renews the pin. A selection that is only dropped lets go of
//!    its pin too, so nothing leaks on any way out.
//!
//! [`Selector::sweep`] is called a few times a second, [`Selector::apply`] with what other edges tell.
//!
//! For a service on Pingora's `ProxyHttp` the adapter [`pingora`] makes these calls, and does the waiting.
//!
//! # Invariants
//! - A pin ties a key to a node of a group, by name; every pool of the group sends it to that node.
//! - A settled pin whose backend is up, and whose node is neither gone nor in maintenance, moves only at an
//!   idle gap, home or by `max_age`.
//! - A pin with requests in flight neither expires nor is evicted.
//! - One failure moves a pin once, however many requests meet it: they follow the first mover.
//!
//! A lock-free table was rejected: a hit has to count a request in flight anyway, and a short lock around one
//! probe keeps every rule above a matter of one critical section.

mod base64;
pub mod client_class;
mod client_pin;
pub mod cookie;
mod decision;
mod group;
pub mod keys;
#[cfg(feature = "pingora")]
pub mod pingora;
mod selector;
pub mod settings;
pub mod stick_table;

pub use client_pin::ClientPin;
pub use decision::{AfterFailure, Decision, Outcome, PinEvent, Refusal, Selection, Wait, WaitReason};
pub use group::{GroupStats, SelectorLive};
pub use selector::{Facts, KnownBy, Recognised, Selector};
