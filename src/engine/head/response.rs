//! Responses.

use super::{FieldStorage, Fields, RequestFacts, Version};
use crate::engine::framing::Framing;
use crate::engine::refusal::ResponseFault;

/// What the engine needs to know of a response after its head is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFacts {
    /// How the body ends.
    pub framing: Framing,
    /// Its status.
    pub status: u16,
    /// Its version.
    pub version: Version,
    /// The upstream connection can serve another request after this response.
    pub keep_alive: bool,
    /// The Content-Length or Transfer-Encoding line, also where there is no body (HEAD, 304).
    pub framing_field: Option<u8>,
}

impl ResponseFacts {
    /// Whether another response to the same request follows: any 1xx but 101.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }
}

/// An accepted response head.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'h, 'b> {
    /// The reason phrase as it was sent, maybe empty, maybe not ASCII.
    pub reason: &'b [u8],
    /// The field lines.
    pub fields: Fields<'h, 'b>,
    /// What outlives the head.
    pub facts: ResponseFacts,
}

/// Judges a response head: exactly the bytes that `scan` delimited.
///
/// # Errors
/// The first rule that is broken.
pub fn parse_response<'h, 'b>(
    _head: &'b [u8],
    _storage: &'h mut FieldStorage<'b>,
    _request: &RequestFacts,
) -> Result<ResponseHead<'h, 'b>, ResponseFault> {
    Err(ResponseFault::BadStatus)
}
