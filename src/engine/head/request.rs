//! Requests.

use super::{FieldStorage, Fields, Version};
use crate::engine::framing::Framing;
use crate::engine::refusal::Refusal;

/// The methods of RFC 9110 section 9 and RFC 5789; names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Patch,
    /// Refused, so never seen in a parsed head.
    Connect,
    /// Any other token.
    Other,
}

/// What the engine needs to know of a request after its head is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// How the body ends; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Its method.
    pub method: Method,
    /// Its version.
    pub version: Version,
    /// The client wants the connection kept (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// The client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// The client asks for a WebSocket: exactly `Upgrade: websocket`, nominated, GET, HTTP/1.1, no body. The engine
    /// writes the Upgrade and Connection lines anew.
    pub upgrade: bool,
    /// The target is in absolute-form with the scheme `https`: `Some(true)`, `http`: `Some(false)`.
    pub absolute_https: Option<bool>,
    /// The Host line.
    pub host_field: Option<u8>,
    /// The Content-Length or Transfer-Encoding line.
    pub framing_field: Option<u8>,
    /// The Expect line, if `expect_continue`.
    pub expect_field: Option<u8>,
}

impl RequestFacts {
    /// Whether doing it twice is doing it once (RFC 9110 section 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        use Method::{Delete, Get, Head, Options, Put, Trace};
        matches!(self.method, Get | Head | Options | Trace | Put | Delete)
    }

    /// Whether the answer has no body because of the method.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == Method::Head
    }
}

/// An accepted request head.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h, 'b> {
    /// The method as it was sent.
    pub method: &'b str,
    /// The target as it was sent.
    pub target: &'b str,
    /// The field lines.
    pub fields: Fields<'h, 'b>,
    /// What outlives the head.
    pub facts: RequestFacts,
}

impl<'b> RequestHead<'_, 'b> {
    /// The path as it was sent, never empty: `/` where an absolute-form has none, `*` for the whole server.
    #[must_use]
    pub fn path(&self) -> &'b str {
        self.target
    }

    /// What follows the first `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        None
    }

    /// The target to send upstream, in two parts to be written one after the other (RFC 9112 section 3.2.1, 3.2.4):
    /// the first is `/` or `*` where an absolute-form had no path, else empty.
    #[must_use]
    pub fn origin_form(&self) -> (&'static str, &'b str) {
        ("", self.target)
    }

    /// The host that is asked for, port included, as it was sent: the target's authority or Host, which agree.
    /// `None` only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&'b [u8]> {
        None
    }
}

/// Judges a request head: exactly the bytes that `scan` delimited.
///
/// # Errors
/// The first rule that is broken.
pub fn parse_request<'h, 'b>(
    _head: &'b [u8],
    _storage: &'h mut FieldStorage<'b>,
) -> Result<RequestHead<'h, 'b>, Refusal> {
    Err(Refusal::IncompleteHead)
}
