//! One stream as a connection of HTTP/1.1: its body is read, its response written.
//!
//! Reading gives the request's body, as its head frames it: as it is, or in chunks where no length is known. The
//! client may send as much again only when bytes are handed out here, so that what nobody takes fills the stream's
//! window and no more. Writing takes heads first, interim ones and one that is final, as the engine writes them for
//! HTTP/1.1, and then payload; it waits while the client's windows, or the bounded queue to the socket, are full.
//! Nothing here reads a clock: the exchange has the deadlines, and resets what breaks them.

use super::Payload;
use super::request::OF_CONNECTIONS;
use super::trailers;
use crate::engine::head::{Scan, scan};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The largest piece that is handed to the library at once: a DATA frame of the usual size.
const PIECE: usize = 16 * 1024;

/// A request's stream.
#[derive(Debug)]
pub struct Stream {
    body: Body,
    answering: Answering,
    /// What the client is told when the stream is dropped before its end.
    abort: Reason,
}

impl Stream {
    /// The stream of a request whose body is to be read as `payload` says. `to_head`: its method is HEAD.
    pub(super) fn new(
        body: RecvStream,
        payload: Payload,
        response: SendResponse<Bytes>,
        to_head: bool,
    ) -> Self {
        let (line, data, at) = (Line::default(), Bytes::new(), Place::Data);
        Self {
            body: Body { stream: body, payload, line, data, at },
            answering: Answering { response, body: None, ended: false, to_head, trailers: None },
            abort: Reason::INTERNAL_ERROR,
        }
    }

    /// Ready when the client has given the stream up.
    pub(in crate::engine) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let answering = &mut self.answering;
        match &mut answering.body {
            Some(body) => body.poll_reset(context).map(|_| ()),
            None => answering.response.poll_reset(context).map(|_| ()),
        }
    }

    /// What is to follow the response's body: the trailer lines of a chunked one, which were judged.
    pub(in crate::engine) fn set_trailers(&mut self, lines: &[u8]) {
        self.answering.trailers = trailers::for_client(lines);
    }

    /// Whether the response has no content because of the request's method.
    pub(in crate::engine) fn is_to_head(&self) -> bool {
        self.answering.to_head
    }

    /// From here on the stream's end by [`Stream::abort`] asks for the same request over HTTP/1.1.
    pub(in crate::engine) fn ask_for_http11(&mut self) {
        self.abort = Reason::HTTP_1_1_REQUIRED;
    }

    /// Ends the stream so that nothing of it can be taken for whole.
    pub(in crate::engine) fn abort(mut self) {
        match &mut self.answering.body {
            Some(body) => body.send_reset(self.abort),
            None => self.answering.response.send_reset(self.abort),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().body.poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let answering = &mut self.get_mut().answering;
        match answering.body {
            None => Poll::Ready(answering.write_head(data)),
            Some(_) => answering.poll_payload(context, data),
        }
    }

    /// Nothing is held back here, and the connection's task sends when it can.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the response, with its trailers if it has any.
    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().answering.end())
    }
}

/// Where a body's reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Payload, or the line in front of it.
    Data,
    /// The line end behind a chunk's payload is still to come.
    ChunkEnd,
    /// Nothing of the stream is left, but maybe of the last lines.
    End,
}

/// A request's body.
#[derive(Debug)]
struct Body {
    stream: RecvStream,
    payload: Payload,
    /// Framing to be handed out before `data`.
    line: Line,
    /// Payload that was taken from the stream, or at the end the last chunk.
    data: Bytes,
    at: Place,
}

impl Body {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        while buffer.remaining() > 0 {
            self.line.hand_out(buffer);
            if self.line.is_empty() && !self.data.is_empty() {
                self.hand_out(buffer)?;
            }
            if !self.line.is_empty() || !self.data.is_empty() {
                continue;
            }
            match self.at {
                Place::End => break,
                Place::ChunkEnd => {
                    self.line = Line::new(b"\r\n");
                    self.at = Place::Data;
                }
                Place::Data => match self.poll_next(context) {
                    Poll::Ready(result) => result?,
                    Poll::Pending if buffer.filled().len() > before => break,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Hands out what is there; so much more may the client send.
    fn hand_out(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let piece = self.data.split_to(self.data.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if self.at != Place::End {
            self.stream.flow_control().release_capacity(piece.len()).map_err(gone)?;
            if self.data.is_empty() && self.payload == Payload::Chunked {
                self.at = Place::ChunkEnd;
            }
        }
        Ok(())
    }

    /// Takes the next payload from the stream, or its end.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.stream.poll_data(context)) {
            Some(Ok(data)) => {
                if self.payload == Payload::Chunked && !data.is_empty() {
                    self.line = Line::of_chunk(data.len());
                }
                self.data = data;
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(gone(error))),
            None => {
                // They are dropped, as in HTTP/1.1: what is taken out of the header section must not come behind it.
                ready!(self.stream.poll_trailers(context)).map_err(gone)?;
                self.at = Place::End;
                if self.payload == Payload::Chunked {
                    self.data = Bytes::from_static(b"0\r\n\r\n");
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// A short line of framing, and how much of it is out.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    bytes: [u8; 18],
    next: usize,
    end: usize,
}

impl Line {
    fn new(text: &[u8]) -> Self {
        let mut line = Self { end: text.len(), ..Self::default() };
        line.bytes[..text.len()].copy_from_slice(text);
        line
    }

    /// The size line of a chunk (RFC 9112 section 7.1).
    fn of_chunk(length: usize) -> Self {
        let mut line = Self::default();
        let digits = (usize::BITS - length.leading_zeros()).div_ceil(4) as usize;
        for (place, byte) in line.bytes[..digits].iter_mut().rev().enumerate() {
            *byte = b"0123456789abcdef"[length >> (4 * place) & 15];
        }
        line.bytes[digits..digits + 2].copy_from_slice(b"\r\n");
        line.end = digits + 2;
        line
    }

    fn is_empty(&self) -> bool {
        self.next == self.end
    }

    fn hand_out(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = (self.end - self.next).min(buffer.remaining());
        buffer.put_slice(&self.bytes[self.next..self.next + count]);
        self.next += count;
    }
}

/// The response on its way.
#[derive(Debug)]
struct Answering {
    response: SendResponse<Bytes>,
    /// Its body's stream once the final head is out.
    body: Option<SendStream<Bytes>>,
    /// Its end is out.
    ended: bool,
    to_head: bool,
    trailers: Option<HeaderMap>,
}

impl Answering {
    /// Sends the head at the front of `data`; returns its length. The engine writes heads in one piece.
    fn write_head(&mut self, data: &[u8]) -> io::Result<usize> {
        let Scan::Complete(length) = scan(data, 0) else { return Err(unusable()) };
        let (status, fields) = read_head(&data[..length]).ok_or_else(unusable)?;
        let empty = fields.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = fields;
        if status.is_informational() {
            self.response.send_informational(head).map_err(gone)?;
        } else {
            // What has no body ends with its head (RFC 9110 section 6.4.1).
            let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
            self.ended = self.to_head || bodiless || empty;
            self.body = Some(self.response.send_response(head, self.ended).map_err(gone)?);
        }
        Ok(length)
    }

    fn poll_payload(&mut self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let Some(body) = self.body.as_mut().filter(|_| !self.ended) else {
            return Poll::Ready(Err(unusable()));
        };
        let wanted = data.len().min(PIECE);
        body.reserve_capacity(wanted);
        let room = match body.capacity() {
            0 => match ready!(body.poll_capacity(context)) {
                Some(room) => room.map_err(gone)?,
                None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            },
            room => room,
        };
        let piece = &data[..wanted.min(room)];
        body.send_data(Bytes::copy_from_slice(piece), false).map_err(gone)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn end(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let body = self.body.as_mut().ok_or_else(unusable)?;
        match self.trailers.take() {
            Some(trailers) => body.send_trailers(trailers),
            None => body.send_data(Bytes::new(), true),
        }
        .map_err(gone)
    }
}

/// Reads back a head that the engine wrote, without the fields that belong to a connection of HTTP/1.1.
fn read_head(head: &[u8]) -> Option<(StatusCode, HeaderMap)> {
    let mut lines = head.strip_suffix(b"\r\n\r\n")?.split(|byte| *byte == b'\n');
    let status = StatusCode::from_bytes(lines.next()?.get(9..12)?).ok()?;
    let mut fields = HeaderMap::with_capacity(16);
    for line in lines {
        let (name, value) = read_field(line)?;
        if !OF_CONNECTIONS.contains(&name) {
            fields.try_append(name, value).ok()?;
        }
    }
    Some((status, fields))
}

/// A field line, with or without the CR at its end.
pub(super) fn read_field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = memchr::memchr(b':', line)?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// The client gave the stream or the connection up.
fn gone(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

/// What was to be written is not what can be written here.
fn unusable() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests;
