//! HTTP forwarding: HTTP/1.1, and HTTP/2 towards clients ([`h2`]).
//!
//! The engine knows nothing of routes or persistence: it moves messages and asks a [`handler::Handler`] where
//! to. Its pure parts ([`head`], [`framing`], [`body`]) are functions over buffers; [`serve()`] drives them for
//! one client's connection, `exchange` for one request.
//!
//! Invariants:
//! - A message is framed once, strictly, and never by two rules: what is ambiguous is refused and its
//!   connection closed.
//! - No buffer is held while nothing is in it; no body is held whole.
//! - Bytes are sent again only where that is safe, and never on a connection bound to a client.
//! - Every wait has a deadline.
//!
//! `pingora-proxy` was rejected for this part: it parses into header maps that it clones for each message, and
//! hides what it refuses. Its cost and limits are told in the README.

pub mod body;
pub mod buffer;
mod cause;
mod client;
pub mod deadline;
pub mod edits;
mod exchange;
pub mod framing;
pub mod h2;
pub mod handler;
pub mod head;
mod pace;
pub mod refusal;
mod reset;
pub mod serve;
pub mod stream;
mod transfer;
mod tunnel;
pub mod upstream;

pub use handler::{
    Answer, Binding, Bindings, Choice, Connection, Failure, Handler, Step, Summary, Target, TlsFacts,
};
pub use serve::{Settings, Worker, serve};
