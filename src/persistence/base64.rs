//! Base64 (RFC 4648) between slices of known length, in both alphabets, without padding.
//!
//! Strict, so that the same bytes have one spelling only: what a crate's lenient decoder lets pass (padding,
//! line breaks, bits behind the last byte) would give one ticket many cookies. A crate was rejected for
//! these lines because the core would gain a dependency, and the buffers are on the stack anyway.

/// One way to write 64 digits.
pub(super) struct Alphabet {
    digits: &'static [u8; 64],
    values: [u8; 256],
}

/// RFC 4648 section 4.
pub(super) static STANDARD: Alphabet =
    Alphabet::new(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

/// RFC 4648 section 5: safe in cookies and addresses.
pub(super) static URL: Alphabet =
    Alphabet::new(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

const NO_DIGIT: u8 = u8::MAX;
/// What no digit's value has.
const NO_DIGIT_BITS: u8 = 0xc0;

/// How many digits spell `bytes` bytes.
pub(super) const fn encoded_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

impl Alphabet {
    const fn new(digits: &'static [u8; 64]) -> Self {
        let mut values = [NO_DIGIT; 256];
        let mut value = 0;
        while value < 64 {
            values[digits[value as usize] as usize] = value;
            value += 1;
        }
        Self { digits, values }
    }

    /// Fills `text` with the digits of `bytes`; `text` has [`encoded_length`] bytes.
    pub(super) fn encode(&self, bytes: &[u8], text: &mut [u8]) {
        debug_assert_eq!(text.len(), encoded_length(bytes.len()));
        for (three, four) in bytes.chunks(3).zip(text.chunks_mut(4)) {
            let group =
                three.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (24 - 8 * three.len());
            for (place, digit) in four.iter_mut().enumerate() {
                *digit = self.digits[(group >> (18 - 6 * place) & 0x3f) as usize];
            }
        }
    }

    /// Fills `bytes` from `text`; false if `text` is not exactly what [`Alphabet::encode`] writes for so many.
    pub(super) fn decode(&self, text: &[u8], bytes: &mut [u8]) -> bool {
        if text.len() != encoded_length(bytes.len()) {
            return false;
        }
        let (fours, last) = text.as_chunks();
        let (threes, end) = bytes.as_chunks_mut();
        // Every request of a browser comes by here: what is wrong is found at the end, without a branch for each.
        let mut seen = 0;
        for (four, three) in fours.iter().zip(threes) {
            *three = self.three(*four, &mut seen);
        }
        let mut four = [self.digits[0]; 4];
        four[..last.len()].copy_from_slice(last);
        let whole = self.three(four, &mut seen);
        let (used, unused) = whole.split_at(end.len());
        end.copy_from_slice(used);
        seen & NO_DIGIT_BITS == 0 && unused.iter().all(|byte| *byte == 0)
    }

    /// The bytes of four digits; their values are gathered in `seen`.
    #[inline]
    fn three(&self, four: [u8; 4], seen: &mut u8) -> [u8; 3] {
        let [a, b, c, d] = four.map(|digit| self.values[usize::from(digit)]);
        *seen |= a | b | c | d;
        [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(alphabet: &Alphabet, bytes: &[u8]) -> String {
        let mut text = vec![0; encoded_length(bytes.len())];
        alphabet.encode(bytes, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_4648_section_10() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(&STANDARD, bytes.as_bytes()), text);
            assert_eq!(encode(&URL, bytes.as_bytes()), text);
        }
        assert_eq!(encode(&STANDARD, &[0xfb, 0xff]), "+/8");
        assert_eq!(encode(&URL, &[0xfb, 0xff]), "-_8");
    }

    proptest! {
        #[test]
        fn bytes_have_one_spelling(text in "[A-Za-z0-9_-]{0,12}", length in 0_usize..10) {
            let mut bytes = vec![0; length];
            if URL.decode(text.as_bytes(), &mut bytes) {
                prop_assert_eq!(encode(&URL, &bytes), text);
            }
        }

        #[test]
        fn what_was_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            for alphabet in [&STANDARD, &URL] {
                let mut back = vec![0; bytes.len()];
                prop_assert!(alphabet.decode(encode(alphabet, &bytes).as_bytes(), &mut back));
                prop_assert_eq!(&back, &bytes);
            }
        }

        #[test]
        fn no_other_byte_is_a_digit(digit in any::<u8>()) {
            let is_digit = digit.is_ascii_alphanumeric() || b"-_".contains(&digit);
            prop_assert_eq!(URL.decode(&[digit, b'A', b'A', b'A'], &mut [0; 3]), is_digit);
        }
    }
}
