//! Changes to a head: fields to leave out, lines to add.
//!
//! A head is never rebuilt from a map. What is kept is copied in runs from the bytes that came, in their
//! order and spelling; what is dropped ends a run; what is added goes behind. The one line that is spelled anew is the
//! one that delimits the body, if readers could take its spelling in two ways.

use super::head::{Fields, RequestHead, ResponseHead};

/// The changes a handler wants.
#[derive(Debug)]
pub struct Edits<'a> {
    /// One bit a field, by its index.
    dropped: u128,
    added: &'a mut Vec<u8>,
}

impl<'a> Edits<'a> {
    /// No changes; added lines are gathered in `scratch`, which is emptied first.
    pub fn new(scratch: &'a mut Vec<u8>) -> Self {
        scratch.clear();
        Self { dropped: 0, added: scratch }
    }

    /// Leaves the field with this index out.
    pub fn drop_field(&mut self, index: usize) {
        debug_assert!(index < 128);
        self.dropped |= 1 << (index & 127);
    }

    /// Adds a field. Bytes that would end the line or the value (CR, LF, NUL) become spaces, so that a value
    /// from anywhere cannot add a second line.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        self.begin(name);
        self.value(value);
        self.finish();
    }

    /// Begins a field whose value is then given in parts by [`Edits::value`] and ended by [`Edits::finish`].
    pub fn begin(&mut self, name: &str) {
        self.added.extend_from_slice(name.as_bytes());
        self.added.extend_from_slice(b": ");
    }

    /// A part of the value of the field that was begun.
    pub fn value(&mut self, part: &[u8]) {
        if memchr::memchr3(b'\r', b'\n', 0, part).is_none() {
            self.added.extend_from_slice(part);
        } else {
            self.added.extend(part.iter().map(|byte| match byte {
                b'\r' | b'\n' | 0 => b' ',
                other => *other,
            }));
        }
    }

    /// Lets `write` append the value of the field that was begun; what it appends is cleaned like
    /// [`Edits::value`] does.
    pub fn value_with<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.added.len();
        let result = write(self.added);
        for byte in &mut self.added[start..] {
            if matches!(byte, b'\r' | b'\n' | 0) {
                *byte = b' ';
            }
        }
        result
    }

    /// Ends the field that was begun.
    pub fn finish(&mut self) {
        self.added.extend_from_slice(b"\r\n");
    }

    /// Adds lines that were made and judged beforehand, each with its CRLF.
    pub fn add_lines(&mut self, lines: &[u8]) {
        self.added.extend_from_slice(lines);
    }

    /// How many bytes were added so far; with [`Edits::rewind`] a field that turned out empty is taken back.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.added.len()
    }

    /// Takes back what was added since `mark`.
    pub fn rewind(&mut self, mark: usize) {
        self.added.truncate(mark);
    }
}

/// Copies the lines that are kept, run by run.
fn copy_kept(fields: &Fields<'_, '_>, dropped: u128, out: &mut Vec<u8>) {
    let head = fields.head();
    let dropped = dropped | fields.hop_by_hop();
    if fields.is_empty() {
        return;
    }
    let mut run = fields.line(0).start;
    let mut left = dropped;
    while left != 0 {
        let index = left.trailing_zeros() as usize;
        left &= left - 1;
        if index >= fields.len() {
            break;
        }
        let line = fields.line(index);
        out.extend_from_slice(&head[run..line.start]);
        run = line.end;
    }
    out.extend_from_slice(&head[run..fields.line(fields.len() - 1).end]);
}

/// A line that delimits a body, to be written in place of another spelling of it.
struct Respelled<'b> {
    /// One bit: the line that came.
    dropped: u128,
    name: &'static [u8],
    value: &'b [u8],
}

impl<'b> Respelled<'b> {
    /// Of a Content-Length or Transfer-Encoding line that was accepted; `None` if every reader takes it as it is: one
    /// blank in front of the value and nothing behind it, `chunked` in lower case, no zeros in front. Some readers do
    /// not know tabs as blanks, compare case, or take zeros for octal, and would find another end of the body.
    #[inline]
    fn of(fields: &Fields<'_, 'b>, field: Option<u8>) -> Option<Self> {
        let index = usize::from(field?);
        let (name, value) = fields.get(index).map(|field| (field.name.len(), field.value))?;
        let line = &fields.head()[fields.line(index)];
        let is_spaced = line.len() == name + value.len() + 4 && line[name + 1] == b' ';
        let is_plain = matches!(value, b"chunked" | b"0" | [b'1'..=b'9', ..]);
        if is_spaced && is_plain { None } else { Some(Self::anew(index, value)) }
    }

    #[cold]
    fn anew(index: usize, value: &'b [u8]) -> Self {
        let dropped = 1 << (index & 127);
        if !value.iter().all(u8::is_ascii_digit) {
            return Self { dropped, name: b"Transfer-Encoding: ", value: b"chunked" };
        }
        let zeros = value.iter().take_while(|byte| **byte == b'0').count();
        Self { dropped, name: b"Content-Length: ", value: &value[zeros.min(value.len() - 1)..] }
    }
}

/// Copies the lines that are kept; the line that delimits the body goes behind them if it must be spelled anew.
fn copy_framed(fields: &Fields<'_, '_>, dropped: u128, framing: Option<u8>, out: &mut Vec<u8>) {
    let Some(respelled) = Respelled::of(fields, framing) else {
        return copy_kept(fields, dropped, out);
    };
    copy_kept(fields, dropped | respelled.dropped, out);
    for part in [respelled.name, respelled.value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Writes the head to send upstream: origin-form, HTTP/1.1, hop-by-hop fields gone, edits applied.
pub(crate) fn write_request(head: &RequestHead<'_, '_>, edits: &Edits<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(head.method.as_bytes());
    out.push(b' ');
    let (front, rest) = head.origin_form();
    out.extend_from_slice(front.as_bytes());
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    copy_framed(&head.fields, edits.dropped, head.facts.framing_field, out);
    if head.facts.upgrade {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    }
    out.extend_from_slice(edits.added);
    out.extend_from_slice(b"\r\n");
}

/// How the client's connection goes on after a response, as its head must say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It is kept, as HTTP/1.1 takes for granted.
    Keep,
    /// It is kept, as an HTTP/1.0 client must be told.
    KeepSaid,
    /// It is closed.
    Close,
    /// The head is not final or opens a tunnel: nothing is said.
    Silent,
}

/// Writes the head to send downstream.
pub(crate) fn write_response(
    head: &ResponseHead<'_, '_>,
    edits: &Edits<'_>,
    afterwards: Afterwards,
    dechunked: bool,
    out: &mut Vec<u8>,
) {
    let status = head.facts.status;
    out.clear();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&[
        b'0' + (status / 100 % 10) as u8,
        b'0' + (status / 10 % 10) as u8,
        b'0' + (status % 10) as u8,
        b' ',
    ]);
    out.extend_from_slice(head.reason);
    out.extend_from_slice(b"\r\n");
    match head.facts.framing_field {
        Some(field) if dechunked => copy_kept(&head.fields, edits.dropped | 1 << (field & 127), out),
        framing => copy_framed(&head.fields, edits.dropped, framing, out),
    }
    out.extend_from_slice(edits.added);
    out.extend_from_slice(match (afterwards, status) {
        (Afterwards::Silent, 101) => b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        (Afterwards::Keep | Afterwards::Silent, _) => b"\r\n",
        (Afterwards::KeepSaid, _) => b"Connection: keep-alive\r\n\r\n",
        (Afterwards::Close, _) => b"Connection: close\r\n\r\n",
    });
}
