//! The field lines of a head.

use std::mem::MaybeUninit;
use std::ops::{Deref, Range};

/// More field lines than this are refused. IIS accepts 16 KiB of them, browsers send 20.
pub const MAX_FIELDS: usize = 128;

/// Room for parsed field lines on the caller's stack (4 KiB, not initialised).
pub struct FieldStorage<'b>(pub(super) [MaybeUninit<httparse::Header<'b>>; MAX_FIELDS]);

impl FieldStorage<'_> {
    /// Room for one head.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; MAX_FIELDS])
    }
}

impl Default for FieldStorage<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// A head's field lines, in order: a slice of name and value that also knows where each line lies.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h, 'b> {
    pub(super) head: &'b [u8],
    pub(super) list: &'h [httparse::Header<'b>],
    /// One bit a line: not to be forwarded.
    pub(super) dropped: u128,
}

impl<'h, 'b> Deref for Fields<'h, 'b> {
    type Target = [httparse::Header<'b>];

    fn deref(&self) -> &Self::Target {
        self.list
    }
}

impl<'h, 'b> Fields<'h, 'b> {
    /// The whole head.
    #[must_use]
    pub fn head(&self) -> &'b [u8] {
        self.head
    }

    /// Where request or status line lies in the head, with its CRLF.
    #[must_use]
    #[inline]
    pub fn first_line(&self) -> Range<usize> {
        0..self.start(0)
    }

    /// Where line `index` lies in the head, with its CRLF; empty, behind the last line, if there is no such line.
    #[must_use]
    #[inline]
    pub fn line(&self, index: usize) -> Range<usize> {
        self.start(index)..self.start(index + 1)
    }

    /// Whether line `index` ends at this hop: a hop-by-hop field (RFC 9110 section 7.6.1), one that Connection
    /// nominates, or one that this message may not carry further. Transfer-Encoding is not among them: it stays
    /// while the body stays chunked (`framing_field` in the facts tells its line).
    #[must_use]
    #[inline]
    pub fn is_hop_by_hop(&self, index: usize) -> bool {
        index < MAX_FIELDS && self.dropped >> index & 1 == 1
    }

    /// The lines for which [`is_hop_by_hop`](Self::is_hop_by_hop) holds, one bit a line, lowest first.
    #[must_use]
    #[inline]
    pub fn hop_by_hop(&self) -> u128 {
        self.dropped
    }

    /// The values of every line called `name`, in order; case does not matter.
    pub fn each<'n>(&self, name: &'n str) -> impl DoubleEndedIterator<Item = &'b [u8]> + use<'h, 'b, 'n> {
        self.list.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Where line `index` starts; the head's last CRLF for a line behind the last.
    #[inline]
    pub(super) fn start(&self, index: usize) -> usize {
        match self.list.get(index) {
            Some(field) => field.name.as_ptr().addr() - self.head.as_ptr().addr(),
            None => self.head.len() - 2,
        }
    }
}

/// Whether a server may read a field as the one called `known`, which is in lower case. Those that hand fields on as
/// variables (RFC 3875 section 4.1.18) make an underscore of whatever is no letter and no digit.
#[must_use]
pub fn is_read_as(name: &[u8], known: &[u8]) -> bool {
    let same = |(byte, known): (&u8, &u8)| match (byte.is_ascii_alphanumeric(), known.is_ascii_alphanumeric())
    {
        (true, true) => byte.to_ascii_lowercase() == *known,
        (byte, known) => byte == known,
    };
    name.len() == known.len() && name.iter().zip(known).all(same)
}
