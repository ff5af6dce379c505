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
/// Whenever what has come starts with CR they are to be consumed before [`scan`] is called, and it starts from 0.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_and_only_crlf_ends_a_line() {
        for (bytes, expected) in [
            (&b""[..], Scan::Incomplete),
            (b"GET / HTTP/1.1\r\nHost: a\r\n", Scan::Incomplete),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r", Scan::Incomplete),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Scan::Complete(27)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\0\n", Scan::Complete(27)),
            (b"GET / HTTP/1.0\r\n\r\n", Scan::Complete(18)),
            (b"GET / HTTP/1.1\n", Scan::Refused(Refusal::BareLf)),
            (b"GET / HTTP/1.1\r\nHost: a\n\r\n", Scan::Refused(Refusal::BareLf)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\n", Scan::Refused(Refusal::BareLf)),
            (b"\n", Scan::Refused(Refusal::BareLf)),
            (b"\x16\x03\x01\x00", Scan::Refused(Refusal::Nul)),
            (b"\r", Scan::Incomplete),
            (b"\r\n", Scan::Refused(Refusal::BlankLines)),
        ] {
            assert_eq!(scan(bytes, 0), expected, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_few_empty_lines_in_front_are_counted() {
        for (bytes, expected) in [
            (&b""[..], 0),
            (b"\r", 0),
            (b"GET", 0),
            (b"\r\n", 2),
            (b"\r\nGET", 2),
            (b"\r\n\r", 2),
            (b"\r\n\r\n\r\n\r\n\r\n", 8),
            (b"\n\r\n", 0),
        ] {
            assert_eq!(leading_blank(bytes), expected, "{:?}", bytes.escape_ascii().to_string());
        }
    }
}
