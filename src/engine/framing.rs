//! How a message's body is delimited (RFC 9112 section 6), decided once from its head.

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// After so many bytes; never 0.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
    /// Where the connection ends; responses only.
    UntilClose,
}
