//! Moving bodies, both ways at once, in bounded memory.
//!
//! An [`Upload`] carries the request's body from the client to the backend, a [`Download`] the response's the
//! other way. Each holds at most one buffer and none while nothing is in it. Bytes are judged by a
//! [`BodyReader`] before they pass; what passes, passes verbatim.

use super::body::{BodyReader, Piece};
use super::buffer::{Buffer, poll_fill, poll_write_some};
use super::framing::Framing;
use super::handler::Failure;
use super::refusal::BodyFault;
use super::stream::{Downstream, Upstream};
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// How much a body's buffer holds before it must be written.
const LIMIT: usize = 64 * 1024;

/// Judged bytes at the front of a buffer: so many are to be written, so many behind them to be dropped.
#[derive(Debug, Default)]
struct Passing {
    ready: usize,
    written: usize,
    drop: usize,
}

impl Passing {
    fn is_empty(&self) -> bool {
        self.ready == 0 && self.drop == 0
    }

    /// Writes what is ready and drops what is to be dropped; a buffer that is empty then is given back.
    /// Returns how much was written.
    fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        buffer: &mut Option<Buffer>,
        sink: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(held) = buffer.as_mut() else { return Poll::Ready(Ok(0)) };
        if self.ready > 0 {
            ready!(poll_write_some(sink, &held.bytes()[..self.ready], &mut self.written, context))?;
        }
        held.advance(self.ready + self.drop);
        if held.is_empty() {
            *buffer = None;
        }
        Poll::Ready(Ok(std::mem::take(self).ready))
    }
}

/// Why an upload ended early.
#[derive(Debug)]
pub(super) enum UploadError {
    /// The client's bytes are not a body.
    Fault(BodyFault),
    /// The client ended its side too early; it may still be reading.
    Ended,
    /// The client went away.
    Client,
    /// The body is larger than the route allows.
    TooLarge,
    /// The backend takes no more.
    Upstream,
}

impl UploadError {
    /// Why the rest of the body was refused, if it was.
    pub(super) fn refused(&self) -> Option<&'static str> {
        match self {
            Self::Fault(fault) => Some(fault.reason()),
            Self::TooLarge => Some(Failure::BodyTooLarge.reason()),
            Self::Ended | Self::Client | Self::Upstream => None,
        }
    }
}

/// A request's body on its way.
#[derive(Debug)]
pub(super) struct Upload {
    reader: BodyReader,
    passing: Passing,
    /// Bytes that went upstream.
    pub(super) sent: u64,
    /// Bytes that came from the client since the head was there.
    pub(super) received: u64,
    /// Payload that was judged, and how much of it there may be.
    payload: u64,
    limit: Option<u64>,
    pub(super) progressed: bool,
}

impl Upload {
    pub(super) fn new(framing: Framing, limit: Option<u64>) -> Self {
        Self {
            reader: BodyReader::new(framing),
            passing: Passing::default(),
            sent: 0,
            received: 0,
            payload: 0,
            limit,
            progressed: false,
        }
    }

    /// Whether every byte of the body has been read, judged and written.
    pub(super) fn is_done(&self) -> bool {
        self.reader.is_complete() && self.passing.is_empty()
    }

    /// Whether there was more payload than there may be.
    pub(super) fn is_too_large(&self) -> bool {
        self.limit.is_some_and(|limit| self.payload > limit)
    }

    /// Whether judged bytes wait for the backend to take them.
    pub(super) fn is_blocked(&self) -> bool {
        self.passing.ready > 0
    }

    /// Judges what lies in `buffer` behind `head` bytes, before anything is written; trailers go at once.
    /// Returns how many bytes of the body are ready behind the head.
    pub(super) fn prepare(&mut self, buffer: &mut Buffer, head: usize) -> Result<usize, BodyFault> {
        let mut ready = 0;
        while !self.reader.is_complete() {
            let pass = self.reader.pass(&buffer.bytes()[head + ready..])?;
            ready += pass.forward;
            self.payload += pass.payload as u64;
            if pass.drop > 0 {
                buffer.remove(head + ready, pass.drop);
            }
            if pass.forward == 0 && pass.drop == 0 {
                break;
            }
        }
        Ok(ready)
    }

    /// Counts bytes that were written elsewhere.
    pub(super) fn count(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Reads, judges and writes until it is done or has to wait.
    pub(super) fn poll(
        &mut self,
        client: &mut Downstream,
        buffer: &mut Option<Buffer>,
        upstream: &mut Upstream,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), UploadError>> {
        loop {
            let before = self.passing.written;
            let Poll::Ready(written) = self.passing.poll(buffer, upstream, context) else {
                self.progressed |= self.passing.written > before;
                return Poll::Pending;
            };
            let written = written.map_err(|_| UploadError::Upstream)?;
            self.sent += written as u64;
            self.progressed |= written > 0;
            if self.reader.is_complete() {
                return Poll::Ready(Ok(()));
            }
            if let Some(held) = buffer.as_ref() {
                let pass = self.reader.pass(held.bytes()).map_err(UploadError::Fault)?;
                self.passing = Passing { ready: pass.forward, written: 0, drop: pass.drop };
                self.payload += pass.payload as u64;
                if self.is_too_large() {
                    return Poll::Ready(Err(UploadError::TooLarge));
                }
                continue;
            }
            let class = client.body_class();
            match ready!(poll_fill(client, buffer, class, LIMIT, context)) {
                Ok(0) => return Poll::Ready(Err(UploadError::Ended)),
                Err(_) => return Poll::Ready(Err(UploadError::Client)),
                Ok(read) => {
                    self.received += read as u64;
                    self.progressed = true;
                }
            }
        }
    }
}

/// Why a download ended early.
#[derive(Debug)]
pub(super) enum DownloadError {
    /// The backend's bytes are not a body.
    Fault(BodyFault),
    /// The backend went away in the middle.
    Upstream,
    /// The client takes no more.
    Client,
}

/// A response's body on its way.
#[derive(Debug)]
pub(super) struct Download {
    reader: BodyReader,
    passing: Passing,
    /// How many of the ready bytes belong to the head, which is not counted.
    head: usize,
    /// Only payload is written: the client does not know chunked bodies.
    dechunk: bool,
    /// Trailer lines of a body of which only payload is written.
    trailers: Vec<u8>,
    /// Bytes of the body that were written to the client.
    pub(super) sent: u64,
    pub(super) progressed: bool,
}

impl Download {
    /// A download whose buffer starts with `head` bytes of a written head.
    pub(super) fn new(framing: Framing, head: usize, dechunk: bool) -> Self {
        Self {
            reader: BodyReader::new(framing),
            passing: Passing::default(),
            head,
            dechunk,
            trailers: Vec::new(),
            sent: 0,
            progressed: false,
        }
    }

    /// The trailer lines of a body of which only payload was written.
    pub(super) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Whether every byte of the body has been read and written.
    pub(super) fn is_done(&self) -> bool {
        self.reader.is_complete() && self.passing.is_empty() && self.head == 0
    }

    /// Whether any byte of the response has been written to the client.
    pub(super) fn has_begun(&self) -> bool {
        self.head == 0 || self.passing.written > 0
    }

    /// Whether judged bytes wait for the client to take them.
    pub(super) fn is_blocked(&self) -> bool {
        self.passing.ready > 0
    }

    /// Bytes that were handed over to be sent to the client, but for the head's once that has left.
    pub(super) fn handed_over(&self) -> u64 {
        self.sent + self.passing.written as u64
    }

    /// Whether there is nothing left to judge; a head without a body still has to leave.
    fn reader_is_done(&self) -> bool {
        self.reader.is_complete() && self.head == 0
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<Passing, BodyFault> {
        let (ready, drop) = if self.dechunk {
            match self.reader.next(bytes)? {
                Some((Piece::Data, count)) => (count, 0),
                Some((Piece::Framing, count)) => (0, count),
                Some((Piece::Trailer, count)) => {
                    // The reader bounds them.
                    self.trailers.extend_from_slice(&bytes[..count]);
                    (0, count)
                }
                None => (0, 0),
            }
        } else {
            let pass = self.reader.pass(bytes)?;
            (pass.forward, pass.drop)
        };
        Ok(Passing { ready: self.head + ready, written: 0, drop })
    }

    /// Reads, judges and writes until it is done or has to wait.
    pub(super) fn poll(
        &mut self,
        upstream: &mut Upstream,
        buffer: &mut Option<Buffer>,
        client: &mut Downstream,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), DownloadError>> {
        loop {
            if let Some(held) = buffer.as_ref().filter(|_| self.passing.is_empty() && !self.reader_is_done())
            {
                // The head, if it has not left yet, leaves together with what came behind it.
                self.passing = self.judge(&held.bytes()[self.head..]).map_err(DownloadError::Fault)?;
            }
            let before = self.passing.written;
            let Poll::Ready(written) = self.passing.poll(buffer, client, context) else {
                self.progressed |= self.passing.written > before;
                return Poll::Pending;
            };
            let written = written.map_err(|_| DownloadError::Client)?;
            if written > 0 {
                self.sent += (written - self.head) as u64;
                self.head = 0;
                self.progressed = true;
            }
            if self.reader.is_complete() {
                return Poll::Ready(Ok(()));
            }
            if buffer.is_some() {
                continue;
            }
            match ready!(poll_fill(upstream, buffer, client.body_class(), LIMIT, context)) {
                Ok(0) => {
                    return Poll::Ready(self.reader.end().map_err(|_| DownloadError::Upstream));
                }
                Ok(_) => self.progressed = true,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    // TLS without a good-bye: whether the body is whole, only its framing can tell.
                    return Poll::Ready(Err(DownloadError::Upstream));
                }
                Err(_) => return Poll::Ready(Err(DownloadError::Upstream)),
            }
        }
    }
}
