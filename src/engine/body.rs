//! Following a body through the bytes that pass.

use super::framing::Framing;
use super::refusal::BodyFault;

/// What a run of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Payload.
    Data,
    /// Chunk sizes, extensions, line ends: forwarded verbatim where the body stays chunked.
    Framing,
    /// Trailer field lines, which are dropped.
    Trailer,
}

/// What [`BodyReader::pass`] found in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// So many bytes at the start of the input are to be forwarded as they are.
    pub forward: usize,
    /// So many bytes behind them are to be dropped.
    pub drop: usize,
    /// The body ends behind these bytes. What is left of the input belongs to the next message.
    pub complete: bool,
}

/// Follows one body. Every byte is judged as it comes: nothing is ever kept back to wait for more.
#[derive(Clone, Copy, Debug)]
pub struct BodyReader {
    framing: Framing,
}

impl BodyReader {
    /// A reader at the start of a body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self { framing }
    }

    /// Whether the body's last byte has been seen. A body until close is complete only after [`end`](Self::end).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.framing == Framing::None
    }

    /// The next run of bytes of one kind at the start of `input`, which the caller then consumes.
    /// `None`: the input is empty, or the body is complete and the input belongs to the next message.
    ///
    /// # Errors
    /// A [`BodyFault`], and the same one from then on.
    pub fn next(&mut self, _input: &[u8]) -> Result<Option<(Piece, usize)>, BodyFault> {
        Ok(None)
    }

    /// The fast path where a body is passed on as it is: how much of `input` to forward and how much behind that to
    /// drop. The caller consumes both, and calls again while input is left and the body is not complete.
    ///
    /// # Errors
    /// A [`BodyFault`], and the same one from then on.
    pub fn pass(&mut self, _input: &[u8]) -> Result<Pass, BodyFault> {
        Ok(Pass { forward: 0, drop: 0, complete: true })
    }

    /// The connection ended here.
    ///
    /// # Errors
    /// [`BodyFault::Truncated`] unless the body is complete or lasts until the connection's end.
    pub fn end(&mut self) -> Result<(), BodyFault> {
        Ok(())
    }
}

/// What ends a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends the line in front of a chunk of `length` bytes; after the data a CRLF is due. Not for length 0.
pub fn write_chunk_header(_length: usize, _out: &mut Vec<u8>) {}
