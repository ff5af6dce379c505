//! Heads read line by line, without an eye on speed.

use crate::engine::framing::Framing;
use crate::engine::head::{Fields, Scan};
use crate::engine::refusal::Refusal;

/// The first verdict in reading order, found byte by byte.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    for end in 1..=bytes.len() {
        let come = &bytes[..end];
        match come {
            [.., 0] => return Scan::Refused(Refusal::Nul),
            b"\r\n" => return Scan::Refused(Refusal::BlankLines),
            [.., b'\r', b'\n', b'\r', b'\n'] => return Scan::Complete(end),
            [.., b'\r', b'\n'] | [.., 1..=9 | 11..] => {}
            _ => return Scan::Refused(Refusal::BareLf),
        }
    }
    Scan::Incomplete
}

/// A head's lines: the first one, and names with trimmed values.
pub(super) struct PlainHead<'b> {
    pub(super) first: &'b [u8],
    pub(super) fields: Vec<(&'b [u8], &'b [u8])>,
}

impl<'b> PlainHead<'b> {
    /// Of a head that was accepted: what is no line of a head then is a wrong acceptance.
    pub(super) fn of(head: &'b [u8]) -> Self {
        let text = head.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
        let mut lines =
            text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().expect("a first line");
        let fields = lines.map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a field has a colon");
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
            assert!(!name.is_empty() && name.iter().all(token), "a name is a token");
            assert!(
                value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127)),
                "no controls"
            );
            (name, value)
        });
        Self { first, fields: fields.collect() }
    }

    pub(super) fn values(&self, name: &str) -> Vec<&'b [u8]> {
        let named = self.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|field| field.1).collect()
    }

    /// What Content-Length and Transfer-Encoding say; what no two readers would agree on must not have come so far.
    pub(super) fn framing(&self, otherwise: Framing) -> Framing {
        match (&self.values("content-length")[..], &self.values("transfer-encoding")[..]) {
            ([], []) => otherwise,
            ([], [coding]) => {
                assert!(coding.eq_ignore_ascii_case(b"chunked"), "only chunked delimits");
                Framing::Chunked
            }
            ([length], []) => {
                assert!(length.iter().all(u8::is_ascii_digit), "digits");
                match String::from_utf8_lossy(length).parse().expect("a length that fits") {
                    0 => Framing::None,
                    length => Framing::Length(length),
                }
            }
            _ => panic!("framed twice"),
        }
    }

    /// Both readings see the same fields, in the same places.
    pub(super) fn agrees(&self, fields: &Fields<'_, '_>) {
        let parsed: Vec<_> = fields.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
        assert_eq!(parsed, self.fields);
        let mut end = fields.first_line().end;
        assert_eq!(end, self.first.len() + 2);
        for index in 0..fields.len() {
            let line = fields.line(index);
            assert_eq!(line.start, end);
            end = line.end;
        }
        assert_eq!(end + 2, fields.head().len());
    }
}
