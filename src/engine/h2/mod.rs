//! HTTP/2 towards clients (RFC 9113), over TLS.
//!
//! There is one engine. A stream becomes a [`Downstream`](super::stream::Downstream) whose head is written as one of
//! HTTP/1.1 (`request`) and whose body is read and answered like a connection with a single request (`stream`), so
//! that every rule, phase, limit and deadline holds for both versions because it is the same code. The library `h2`
//! does framing, header compression, windows and stream states; what it does not bound, the meter does (`meter`).
//!
//! Not served: CONNECT, so no WebSocket (RFC 8441), and push. Authentication that belongs to a connection cannot be
//! had over one that several requests share: such a request is reset with HTTP_1_1_REQUIRED before it reaches a
//! backend, or before a backend's challenge reaches the client.
//!
//! # What a connection can cost
//! With `n` streams at most (`http2.streams`), and buffers of 16 KiB because frames are no larger:
//! - for each request a head, which is no larger than `request_header_bytes`, in a buffer of 16 KiB or what it takes;
//!   16 KiB of the response; 32 KiB of it that wait for the socket; some 4 KiB for its task: 68 KiB with usual heads;
//! - for each body on its way up 16 KiB, and 1 MiB for all together that nobody has taken yet: the connection's window;
//! - the connection itself some 60 KiB, most of it buffers of TLS and of the library.
//!
//! With 100 streams that is 7 to 9 MiB if a client does everything at once and reads nothing. Requests that were given
//! up may take a moment to end: twice as many may be about.

mod connection;
mod meter;
mod metered;
mod request;
mod stream;
mod trailers;

pub use connection::serve;
pub use meter::Limits;
pub use stream::Stream;

/// How a request's body is read from its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payload {
    /// As it is: its length is known, or there is none.
    Verbatim,
    /// In chunks (RFC 9112 section 7.1).
    Chunked,
}
