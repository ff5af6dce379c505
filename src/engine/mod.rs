//! The HTTP/1.1 engine: from here on bytes of strangers become messages.
//!
//! The message layer ([`head`], [`framing`], [`body`], [`refusal`]) is functions over buffers: it reads no socket,
//! takes no time and allocates nothing, so that every split of every message can be tried in a test.

pub mod body;
pub mod framing;
pub mod head;
pub mod refusal;
