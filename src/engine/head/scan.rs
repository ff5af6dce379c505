//! Where a head ends.

use crate::engine::refusal::Refusal;

/// What [`scan`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// More bytes are needed.
    Incomplete,
    /// The head's length, with the empty line that ends it.
    Complete(usize),
    /// Cannot become a head, whatever follows.
    Refused(Refusal),
}

/// How many bytes of empty lines lie in front of a request line (RFC 9112 section 2.2): at most four lines.
/// They are to be consumed before [`scan`] is called (then from 0).
#[must_use]
pub fn leading_blank(bytes: &[u8]) -> usize {
    const MOST: usize = 4;
    2 * bytes.chunks_exact(2).take(MOST).take_while(|pair| *pair == b"\r\n").count()
}

/// Looks for the end of a head. `from` is the length of `bytes` at the last call (0 at the first): what was looked
/// at before is not looked at again, so that a head that comes byte by byte costs no more than one that comes whole.
///
/// Every LF must follow a CR, and NUL is refused at once. Limits of length are the caller's.
#[must_use]
pub fn scan(bytes: &[u8], from: usize) -> Scan {
    for at in memchr::memchr2_iter(b'\n', 0, bytes.get(from..).unwrap_or_default()) {
        let at = from + at;
        match (bytes[at], &bytes[..at]) {
            (0, _) => return Scan::Refused(Refusal::Nul),
            (_, b"\r") => return Scan::Refused(Refusal::BlankLines),
            (_, [.., b'\n', b'\r']) => return Scan::Complete(at + 1),
            (_, [.., b'\r']) => {}
            _ => return Scan::Refused(Refusal::BareLf),
        }
    }
    Scan::Incomplete
}
