//! A `Content-Type` value (RFC 9110 section 8.3) taken apart without copying it.

/// The type and subtype, without parameters.
pub(super) fn essence(content_type: &[u8]) -> &[u8] {
    let end = content_type.iter().position(|byte| *byte == b';').unwrap_or(content_type.len());
    content_type[..end].trim_ascii()
}

/// The parameters: names and values. What has no `=` is left out; an unfinished quote ends with the text.
pub(super) fn parameters(content_type: &[u8]) -> impl Iterator<Item = (&[u8], Value<'_>)> {
    let mut rest = skip_past(content_type, b';');
    std::iter::from_fn(move || {
        loop {
            let (parameter, behind) = split_parameter(rest?);
            rest = behind;
            if let Some(equals) = parameter.iter().position(|byte| *byte == b'=') {
                let (name, value) = (&parameter[..equals], &parameter[equals + 1..]);
                return Some((name.trim_ascii(), Value::new(value.trim_ascii())));
            }
        }
    })
}

/// The text up to the next semicolon that no quotes protect, and what lies behind it.
fn split_parameter(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn skip_past(text: &[u8], byte: u8) -> Option<&[u8]> {
    text.iter().position(|other| *other == byte).map(|at| &text[at + 1..])
}

/// A parameter's value, a token or the inside of a quoted string with its escapes (RFC 9110 section 5.6.4).
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    raw: &'a [u8],
    quoted: bool,
}

impl<'a> Value<'a> {
    fn new(text: &'a [u8]) -> Self {
        match text.strip_prefix(b"\"") {
            Some(inside) => Self { raw: inside.strip_suffix(b"\"").unwrap_or(inside), quoted: true },
            None => Self { raw: text, quoted: false },
        }
    }

    /// Whether it spells `expected`, without regard to case.
    pub(super) fn is(self, expected: &[u8]) -> bool {
        same(self.spelled(self.raw.trim_ascii()), expected)
    }

    /// Whether it is a media type with the essence `expected`, whatever its parameters.
    pub(super) fn has_essence(self, expected: &[u8]) -> bool {
        same(self.spelled(essence(self.raw)), expected)
    }

    /// The bytes that `raw` stands for.
    fn spelled(self, raw: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        let mut bytes = raw.iter().copied();
        std::iter::from_fn(move || match bytes.next() {
            Some(b'\\') if self.quoted => bytes.next(),
            next => next,
        })
    }
}

fn same(mut spelled: impl Iterator<Item = u8>, expected: &[u8]) -> bool {
    let mut expected = expected.iter();
    spelled.all(|byte| expected.next().is_some_and(|other| other.eq_ignore_ascii_case(&byte)))
        && expected.len() == 0
}
