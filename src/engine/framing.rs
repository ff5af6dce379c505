//! How a message's body is delimited (RFC 9112 section 6), decided once from its head.
//!
//! Exactly one field may say it. What lists, repeats or contradicts itself is refused, even where the RFC lets a
//! recipient repair it: two readers that repair differently are how requests are smuggled.

use super::refusal::Refusal;

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// After so many bytes; never 0.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
    /// Where the connection ends; responses only.
    UntilClose,
}

/// Content-Length: 1 to 18 digits and nothing else, so that the value fits any reader's integer.
#[inline]
pub(super) fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::BadContentLength);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Transfer-Encoding: `chunked` and nothing else (RFC 9112 section 6.1).
#[inline]
pub(super) fn transfer_encoding(value: &[u8]) -> Result<(), Refusal> {
    if is_chunked(value) { Ok(()) } else { Err(other_codings(value)) }
}

/// Other codings in front of a final `chunked` are well-formed but unknown; anything else delimits no body.
#[cold]
fn other_codings(value: &[u8]) -> Refusal {
    let mut codings = value.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let chunked_last = codings.next().is_some_and(is_chunked);
    let mut before =
        codings.map(|coding| coding.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii());
    if chunked_last && before.all(|name| is_token(name) && !is_chunked(name)) {
        Refusal::UnknownTransferCoding
    } else {
        Refusal::BadTransferEncoding
    }
}

fn is_chunked(name: &[u8]) -> bool {
    is_word(name, b"chunked")
}

/// Whether a field name, or part of a value, is `word` when case does not matter. `word` is of lower-case letters,
/// digits and hyphens: what else folds onto these are control characters, which are in no name and no value.
/// Lengths known to the compiler make this a few wide comparisons.
#[inline]
pub(super) fn is_word<const N: usize>(bytes: &[u8], word: &[u8; N]) -> bool {
    <&[u8; N]>::try_from(bytes).is_ok_and(|bytes| {
        let differences =
            bytes.iter().zip(word).fold(0, |found, (byte, letter)| found | ((byte | 0x20) ^ letter));
        differences == 0
    })
}

/// A token of RFC 9110 section 5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// `tchar` of RFC 9110 section 5.6.2.
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A byte that may be in a field value (RFC 9110 section 5.5): HTAB, SP, visible ASCII, and opaque bytes from 0x80.
#[inline]
pub(crate) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fold_exactly_on_bytes_that_values_may_have() {
        for letter in (b'a'..=b'z').chain(b'0'..=b'9').chain([b'-']) {
            for byte in (0..=255).filter(|byte| is_value_byte(*byte)) {
                let expected = byte.to_ascii_lowercase() == letter;
                assert_eq!(is_word(&[byte], &[letter]), expected, "{byte} {letter}");
            }
        }
        assert!(!is_word(b"", b"a") && !is_word(b"aa", b"a"));
    }
}
