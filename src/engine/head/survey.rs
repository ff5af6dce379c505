//! One pass over a head's field lines: what they say of framing, routing and the connection.

use super::Fields;
use crate::engine::framing::{content_length, is_token, is_word, transfer_encoding};
use crate::engine::refusal::Refusal;

/// More options than this in all of a message's Connection lines are no connection management.
const MAX_OPTIONS: u8 = 32;

/// What the field lines say. Counts and indices fit: there are at most 128 lines.
#[derive(Default)]
pub(super) struct Survey {
    pub hosts: u8,
    pub host: Option<u8>,
    pub expects: u8,
    pub expect: Option<u8>,
    pub length: Option<u64>,
    pub chunked: bool,
    /// The Content-Length or Transfer-Encoding line.
    pub framing: Option<u8>,
    pub upgrades: u8,
    /// The last Upgrade line is `websocket`.
    pub websocket: bool,
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
    options: u8,
    /// One bit a line: not to be forwarded.
    pub dropped: u128,
}

/// The fields with a meaning of their own here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Host,
    Expect,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    /// Ends here (RFC 9110 section 7.6.1), whatever its value.
    HopByHop,
    /// Content_Length or Transfer_Encoding: the same to servers that hand fields on as CGI variables (RFC 3875 section
    /// 4.1.18), and to nobody else.
    Imitation,
    Other,
}

/// Length and first byte leave one candidate.
#[inline]
fn known(name: &[u8]) -> Known {
    let (found, known) = match (name.len(), name.first().map_or(0, |byte| byte | 0x20)) {
        (4, b'h') => (is_word(name, b"host"), Known::Host),
        (6, b'e') => (is_word(name, b"expect"), Known::Expect),
        (14, b'c') => (is_word(name, b"content-length"), Known::ContentLength),
        (17, b't') => (is_word(name, b"transfer-encoding"), Known::TransferEncoding),
        (10, b'c') => (is_word(name, b"connection"), Known::Connection),
        (7, b'u') => (is_word(name, b"upgrade"), Known::Upgrade),
        (2, b't') => (is_word(name, b"te"), Known::HopByHop),
        (7, b't') => (is_word(name, b"trailer"), Known::HopByHop),
        (10, b'k') => (is_word(name, b"keep-alive"), Known::HopByHop),
        (14, b'h') => (is_word(name, b"http2-settings"), Known::HopByHop),
        (16, b'p') => (is_word(name, b"proxy-connection"), Known::HopByHop),
        (18, b'p') => (is_word(name, b"proxy-authenticate"), Known::HopByHop),
        (19, b'p') => (is_word(name, b"proxy-authorization"), Known::HopByHop),
        (25, b'p') => (is_word(name, b"proxy-authentication-info"), Known::HopByHop),
        _ => return Known::Other,
    };
    match (found, known) {
        (true, known) => known,
        (false, Known::ContentLength | Known::TransferEncoding) => imitation(name),
        (false, _) => Known::Other,
    }
}

/// What only has length and first letter in common with a field that delimits bodies.
#[cold]
fn imitation(name: &[u8]) -> Known {
    let same = |known: &[u8]| {
        name.iter().zip(known).all(|(byte, known)| match byte {
            b'_' => *known == b'-',
            byte => byte.eq_ignore_ascii_case(known),
        })
    };
    let known = if name.len() == 14 { &b"content-length"[..] } else { b"transfer-encoding" };
    if same(known) { Known::Imitation } else { Known::Other }
}

/// Surveys the field lines. Every line must end in CRLF, which `httparse` does not insist on.
#[inline]
pub(super) fn survey(fields: &Fields) -> Result<Survey, Refusal> {
    let mut survey = Survey::default();
    for (index, field) in fields.iter().enumerate() {
        if fields.head[..fields.start(index)].last_chunk() != Some(b"\r\n") {
            return Err(Refusal::BareLf);
        }
        let at = index as u8;
        match known(field.name.as_bytes()) {
            Known::Other => {}
            Known::Host => {
                survey.hosts += 1;
                survey.host = Some(at);
            }
            Known::Expect => {
                survey.expects += 1;
                survey.expect = Some(at);
            }
            Known::ContentLength => survey.content_length(at, field.value)?,
            Known::TransferEncoding => survey.transfer_encoding(at, field.value)?,
            Known::Connection => survey.connection(at, field.value, fields)?,
            Known::Upgrade => {
                survey.upgrades += 1;
                survey.websocket = is_word(field.value, b"websocket");
                survey.drop_line(at);
            }
            Known::HopByHop => survey.drop_line(at),
            Known::Imitation => return Err(Refusal::BadFieldName),
        }
    }
    if !fields.head.ends_with(b"\r\n\r\n") {
        return Err(Refusal::BareLf);
    }
    Ok(survey)
}

impl Survey {
    /// Exactly one Upgrade line, to `websocket`, nominated by Connection (RFC 9110 section 7.8).
    pub(super) fn is_websocket(&self) -> bool {
        self.upgrades == 1 && self.websocket && self.upgrade
    }

    /// Line `at` goes no further.
    pub(super) fn drop_line(&mut self, at: u8) {
        self.dropped |= 1 << at;
    }

    fn content_length(&mut self, at: u8, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(Refusal::ContentLengthAndTransferEncoding);
        }
        if self.length.replace(content_length(value)?).is_some() {
            return Err(Refusal::DuplicateContentLength);
        }
        self.framing = Some(at);
        Ok(())
    }

    fn transfer_encoding(&mut self, at: u8, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(Refusal::ContentLengthAndTransferEncoding);
        }
        if self.chunked {
            return Err(Refusal::BadTransferEncoding);
        }
        transfer_encoding(value)?;
        self.chunked = true;
        self.framing = Some(at);
        Ok(())
    }

    fn connection(&mut self, at: u8, value: &[u8], fields: &Fields) -> Result<(), Refusal> {
        self.drop_line(at);
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.options += 1;
            if self.options > MAX_OPTIONS {
                return Err(Refusal::BadConnection);
            }
            if is_word(option, b"keep-alive") {
                self.keep_alive = true;
            } else if is_word(option, b"close") {
                self.close = true;
            } else if is_word(option, b"upgrade") {
                self.upgrade = true;
            } else if !option.is_empty() {
                self.nominate(option, fields)?;
            }
        }
        Ok(())
    }

    /// Drops the lines called `name`, unless somebody behind us or we ourselves must see them: nominating such a
    /// field is an attempt to hide it (RFC 9110 section 7.6.1 forbids to send that).
    #[cold]
    fn nominate(&mut self, name: &[u8], fields: &Fields) -> Result<(), Refusal> {
        match known(name) {
            Known::HopByHop | Known::Connection | Known::Upgrade => return Ok(()),
            Known::Other if !is_token(name) => return Err(Refusal::BadConnection),
            Known::Other if !is_for_everyone(name) => {}
            _ => return Err(Refusal::NominatedField),
        }
        for (index, field) in fields.iter().enumerate() {
            if field.name.as_bytes().eq_ignore_ascii_case(name) {
                self.drop_line(index as u8);
            }
        }
        Ok(())
    }
}

/// Fields of identity, routing, content and caching, which are for every recipient.
fn is_for_everyone(name: &[u8]) -> bool {
    const PREFIXES: [&str; 7] = ["accept", "content-", "if-", "sec-", "x-forwarded-", "x-ms-", "x-original-"];
    const NAMES: [&str; 20] = [
        "age",
        "authorization",
        "cache-control",
        "cookie",
        "date",
        "etag",
        "expires",
        "forwarded",
        "location",
        "mime-version",
        "origin",
        "range",
        "referer",
        "set-cookie",
        "soapaction",
        "user-agent",
        "via",
        "www-authenticate",
        "x-real-ip",
        "x-request-id",
    ];
    let starts = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) || PREFIXES.iter().any(starts)
}
