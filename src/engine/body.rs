//! Following a body through the bytes that pass.
//!
//! Every byte is judged as it comes, so nothing is held back to wait for more, and how the bytes were split into
//! reads changes nothing. Chunk lines are validated and forwarded as they were; that the next reader sees the same
//! chunks is why line ends are strict, extensions short and quoted strings closed. Making chunks anew from the
//! payload alone was rejected for the common case: it costs a copy or a gathered write for every read.

use super::framing::{Framing, is_token_byte, is_value_byte};
use super::refusal::BodyFault;

/// Digits of a chunk size: 2^60 bytes, far from any reader's overflow.
const MAX_SIZE_DIGITS: u8 = 15;
/// Bytes of extensions in one chunk, from the first `;`.
const MAX_EXTENSION: u16 = 256;
/// Bytes of extensions in a body.
const MAX_EXTENSIONS: u16 = 16 * 1024;
/// Bytes of trailer lines in a body.
const MAX_TRAILERS: u16 = 8 * 1024;

/// What a run of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Payload.
    Data,
    /// Chunk sizes, extensions, line ends: forwarded verbatim where the body stays chunked.
    Framing,
    /// Trailer field lines, which are dropped in HTTP/1.1.
    Trailer,
}

/// What [`BodyReader::pass`] found in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// So many bytes at the start of the input are to be forwarded as they are.
    pub forward: usize,
    /// So many bytes behind them are to be dropped.
    pub drop: usize,
    /// So many of the bytes to forward are payload.
    pub payload: usize,
    /// The body ends behind these bytes. What is left of the input belongs to the next message.
    pub complete: bool,
}

/// Follows one body.
#[derive(Clone, Copy, Debug)]
pub struct BodyReader {
    state: State,
    /// Bytes of payload still to come: of the body, or of the chunk.
    left: u64,
    size_digits: u8,
    extension: u16,
    extensions: u16,
    trailers: u16,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Payload of a body with a length.
    Length,
    /// Payload of a body that ends with the connection.
    UntilClose,
    Size,
    Extension,
    Quoted,
    QuotedPair,
    SizeLf,
    /// Payload of a chunk.
    Chunk,
    ChunkCr,
    ChunkLf,
    /// A trailer line, or the empty line that ends the body.
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Complete,
    Failed(BodyFault),
}

impl BodyReader {
    /// A reader at the start of a body.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let (state, left) = match framing {
            Framing::None | Framing::Length(0) => (State::Complete, 0),
            Framing::Length(length) => (State::Length, length),
            Framing::Chunked => (State::Size, 0),
            Framing::UntilClose => (State::UntilClose, 0),
        };
        Self { state, left, size_digits: 0, extension: 0, extensions: 0, trailers: 0 }
    }

    /// Whether the body's last byte has been seen. A body until close is complete only after [`end`](Self::end).
    #[must_use]
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// The next run of bytes of one kind at the start of `input`, which the caller then consumes.
    /// `None`: the input is empty, or the body is complete and the input belongs to the next message.
    ///
    /// # Errors
    /// A [`BodyFault`], and the same one from then on.
    #[inline]
    pub fn next(&mut self, input: &[u8]) -> Result<Option<(Piece, usize)>, BodyFault> {
        match self.state {
            State::Failed(fault) => Err(fault),
            State::Complete => Ok(None),
            _ if input.is_empty() => Ok(None),
            State::UntilClose => Ok(Some((Piece::Data, input.len()))),
            State::Length => Ok(Some((Piece::Data, self.payload(input, State::Complete)))),
            State::Chunk => Ok(Some((Piece::Data, self.payload(input, State::ChunkCr)))),
            _ => self.lines(input).map(Some).inspect_err(|fault| self.state = State::Failed(*fault)),
        }
    }

    /// The fast path where a body is passed on as it is: how much of `input` to forward and how much behind that to
    /// drop. The caller consumes both, and calls again while input is left and the body is not complete.
    ///
    /// # Errors
    /// A [`BodyFault`], and the same one from then on; nothing of `input` should be forwarded then.
    pub fn pass(&mut self, input: &[u8]) -> Result<Pass, BodyFault> {
        let (mut forward, mut drop, mut payload) = (0, 0, 0);
        loop {
            let before = *self;
            match self.next(&input[forward + drop..])? {
                None => break,
                Some((Piece::Trailer, length)) => drop += length,
                Some((piece, length)) if drop == 0 => {
                    forward += length;
                    payload += if piece == Piece::Data { length } else { 0 };
                }
                Some(_) => {
                    *self = before;
                    break;
                }
            }
        }
        Ok(Pass { forward, drop, payload, complete: self.is_complete() })
    }

    /// The connection ended here.
    ///
    /// # Errors
    /// [`BodyFault::Truncated`] unless the body is complete or lasts until the connection's end.
    pub fn end(&mut self) -> Result<(), BodyFault> {
        match self.state {
            State::Complete | State::UntilClose => {
                self.state = State::Complete;
                Ok(())
            }
            State::Failed(fault) => Err(fault),
            _ => {
                self.state = State::Failed(BodyFault::Truncated);
                Err(BodyFault::Truncated)
            }
        }
    }

    /// Takes payload; `then` is the state behind its last byte.
    #[inline]
    fn payload(&mut self, input: &[u8], then: State) -> usize {
        let taken = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        self.left -= taken as u64;
        if self.left == 0 {
            self.state = then;
        }
        taken
    }

    /// Takes what is not payload, up to where payload or another kind begins. `input` is not empty.
    fn lines(&mut self, input: &[u8]) -> Result<(Piece, usize), BodyFault> {
        let kind = self.kind(input[0]);
        for (at, byte) in input.iter().enumerate() {
            if self.kind(*byte) != kind || matches!(self.state, State::Chunk | State::Complete) {
                return Ok((kind, at));
            }
            self.state = self.step(*byte)?;
        }
        Ok((kind, input.len()))
    }

    #[inline]
    fn kind(&self, byte: u8) -> Piece {
        match self.state {
            State::TrailerName | State::TrailerValue | State::TrailerLf => Piece::Trailer,
            State::LineStart if byte != b'\r' => Piece::Trailer,
            _ => Piece::Framing,
        }
    }

    /// The state behind `byte`.
    fn step(&mut self, byte: u8) -> Result<State, BodyFault> {
        match (self.state, byte) {
            (State::Size, b'\r') if self.size_digits > 0 => Ok(State::SizeLf),
            (State::Size, b';') if self.size_digits > 0 => self.in_extension(State::Extension),
            (State::Size, _) => self.size_digit(byte),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'"') => self.in_extension(State::Quoted),
            (State::Quoted, b'"') => self.in_extension(State::Extension),
            (State::Quoted, b'\\') => self.in_extension(State::QuotedPair),
            (State::QuotedPair, b'\t' | b' '..=b'~') => self.in_extension(State::Quoted),
            (State::Extension | State::Quoted, b'\t' | b' '..=b'~') => self.in_extension(self.state),
            (State::Extension | State::Quoted | State::QuotedPair, _) => Err(BodyFault::BadChunkExtension),
            (State::SizeLf, b'\n') => Ok(self.chunk()),
            (State::ChunkCr, b'\r') => Ok(State::ChunkLf),
            (State::ChunkLf, b'\n') => Ok(State::Size),
            (State::SizeLf | State::ChunkCr | State::ChunkLf, _) => Err(BodyFault::BadChunkEnd),
            (State::LineStart, b'\r') => Ok(State::LastLf),
            (State::LastLf, b'\n') => Ok(State::Complete),
            (State::TrailerName, b':') => self.in_trailer(State::TrailerValue),
            (State::LineStart | State::TrailerName, _) if is_token_byte(byte) => {
                self.in_trailer(State::TrailerName)
            }
            (State::TrailerValue, b'\r') => self.in_trailer(State::TrailerLf),
            (State::TrailerValue, _) if is_value_byte(byte) => self.in_trailer(State::TrailerValue),
            (State::TrailerLf, b'\n') => self.in_trailer(State::LineStart),
            (State::Failed(fault), _) => Err(fault),
            _ => Err(BodyFault::BadTrailer),
        }
    }

    fn size_digit(&mut self, byte: u8) -> Result<State, BodyFault> {
        let digit = char::from(byte).to_digit(16).ok_or(BodyFault::BadChunkSize)?;
        if self.size_digits == MAX_SIZE_DIGITS {
            return Err(BodyFault::BadChunkSize);
        }
        self.size_digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn in_extension(&mut self, then: State) -> Result<State, BodyFault> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > MAX_EXTENSION || self.extensions > MAX_EXTENSIONS {
            return Err(BodyFault::ChunkExtensionTooLong);
        }
        Ok(then)
    }

    fn in_trailer(&mut self, then: State) -> Result<State, BodyFault> {
        self.trailers += 1;
        if self.trailers > MAX_TRAILERS { Err(BodyFault::TrailerTooLong) } else { Ok(then) }
    }

    /// The line of a chunk's size is over.
    fn chunk(&mut self) -> State {
        (self.size_digits, self.extension) = (0, 0);
        if self.left == 0 { State::LineStart } else { State::Chunk }
    }
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod plain;
#[cfg(test)]
mod tests;
