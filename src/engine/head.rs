//! Heads of requests and responses: delimited by [`scan`], judged by [`parse_request`] and [`parse_response`].
//!
//! A head is parsed where it lies in the connection's buffer and forwarded as slices of it: fields keep their byte
//! ranges ([`Fields::line`]), and whoever forwards copies runs of kept lines. A header map was rejected: it costs
//! more than the rest of the engine together. `httparse` finds the tokens; the strict rules stand here.

mod diagnosis;
mod fields;
mod request;
mod response;
mod scan;
mod survey;
mod target;

pub use fields::{FieldStorage, Fields, MAX_FIELDS, is_read_as};
pub use request::{Method, RequestFacts, RequestHead, parse_request};
pub use response::{ResponseFacts, ResponseHead, parse_response};
pub use scan::{Scan, leading_blank, scan};

/// The version in a message's first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    V10,
    /// HTTP/1.1
    V11,
}

impl Version {
    /// `httparse` accepts minor versions 0 and 1.
    fn new(minor: Option<u8>) -> Self {
        if minor == Some(1) { Self::V11 } else { Self::V10 }
    }
}

#[cfg(test)]
mod properties;
