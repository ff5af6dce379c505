//! Requests.

use super::diagnosis::{diagnose, request_line};
use super::survey::{Survey, survey};
use super::target::{Target, authority, target};
use super::{FieldStorage, Fields, Version};
use crate::engine::framing::{Framing, is_word};
use crate::engine::refusal::Refusal;

/// The methods of RFC 9110 section 9 and RFC 5789; names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Patch,
    /// Refused, so never seen in a parsed head.
    Connect,
    /// Any other token.
    Other,
}

/// What the engine needs to know of a request after its head is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    /// How the body ends; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Its method.
    pub method: Method,
    /// Its version.
    pub version: Version,
    /// The client wants the connection kept (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// The client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// The client asks for a WebSocket: exactly `Upgrade: websocket`, nominated, GET, HTTP/1.1, no body. The engine
    /// writes the Upgrade and Connection lines anew.
    pub upgrade: bool,
    /// The target is in absolute-form with the scheme `https`: `Some(true)`, `http`: `Some(false)`.
    pub absolute_https: Option<bool>,
    /// The Host line.
    pub host_field: Option<u8>,
    /// The Content-Length or Transfer-Encoding line.
    pub framing_field: Option<u8>,
    /// The Expect line, if `expect_continue`.
    pub expect_field: Option<u8>,
}

impl Method {
    #[inline]
    fn new(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PATCH" => Self::Patch,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

impl RequestFacts {
    /// Those of an HTTP/1.1 request with nothing but a method: no body, no wishes, the connection kept.
    #[must_use]
    pub const fn plain(method: Method) -> Self {
        Self {
            framing: Framing::None,
            method,
            version: Version::V11,
            keep_alive: true,
            expect_continue: false,
            upgrade: false,
            absolute_https: None,
            host_field: None,
            framing_field: None,
            expect_field: None,
        }
    }

    /// Whether doing it twice is doing it once (RFC 9110 section 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        use Method::{Delete, Get, Head, Options, Put, Trace};
        matches!(self.method, Get | Head | Options | Trace | Put | Delete)
    }

    /// Whether there is a body although the method gives it no meaning (RFC 9110 sections 9.3.1, 9.3.2, 9.3.5, 9.3.7,
    /// 9.3.8): servers are known to leave such bodies unread.
    #[must_use]
    pub fn has_odd_body(&self) -> bool {
        use Method::{Delete, Get, Head, Options, Trace};
        self.framing != Framing::None && matches!(self.method, Get | Head | Delete | Options | Trace)
    }

    /// Whether the answer has no body because of the method.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == Method::Head
    }
}

/// An accepted request head.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h, 'b> {
    /// The method as it was sent.
    pub method: &'b str,
    /// The target as it was sent.
    pub target: &'b str,
    /// The field lines.
    pub fields: Fields<'h, 'b>,
    /// What outlives the head.
    pub facts: RequestFacts,
    parts: Target<'b>,
    host: Option<&'b [u8]>,
}

impl<'b> RequestHead<'_, 'b> {
    /// The path as it was sent, never empty: `/` where an absolute-form has none, `*` for the whole server.
    #[must_use]
    #[inline]
    pub fn path(&self) -> &'b str {
        let Target { lead, rest, .. } = self.parts;
        if !lead.is_empty() {
            return lead;
        }
        self.question_mark().map_or(rest, |at| &rest[..at])
    }

    /// What follows the first `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        self.question_mark().map(|at| &self.parts.rest[at + 1..])
    }

    /// The target to send upstream, in two parts to be written one after the other (RFC 9112 section 3.2.1, 3.2.4):
    /// the first is `/` or `*` where an absolute-form had no path, else empty.
    #[must_use]
    #[inline]
    pub fn origin_form(&self) -> (&'static str, &'b str) {
        (self.parts.lead, self.parts.rest)
    }

    /// The host that is asked for, port included, as it was sent: the target's authority or Host, which agree.
    /// `None` only in HTTP/1.0.
    #[must_use]
    #[inline]
    pub fn host(&self) -> Option<&'b [u8]> {
        self.host
    }

    #[inline]
    fn question_mark(&self) -> Option<usize> {
        memchr::memchr(b'?', self.parts.rest.as_bytes())
    }
}

/// Judges a request head: exactly the bytes that `scan` delimited.
///
/// # Errors
/// The first rule that is broken.
pub fn parse_request<'h, 'b>(
    head: &'b [u8],
    storage: &'h mut FieldStorage<'b>,
) -> Result<RequestHead<'h, 'b>, Refusal> {
    if matches!(head, [b'\r' | b'\n', ..]) {
        return Err(Refusal::BlankLines);
    }
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(head, &mut storage.0) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refusal::IncompleteHead),
        Err(error) => return Err(diagnose(head, error, request_line)),
    }
    let (Some(name), Some(whole)) = (parsed.method, parsed.path) else {
        return Err(Refusal::BadRequestLine);
    };
    let method = Method::new(name);
    if method == Method::Connect {
        return Err(Refusal::Connect);
    }
    let parts = target(method, whole)?;
    let mut fields = Fields { head, list: parsed.headers, dropped: 0 };
    let mut survey = survey(&fields)?;
    let version = Version::new(parsed.version);
    let host = host(&survey, &fields, &parts, version)?;
    let framing = framing(&survey, version)?;
    let expect_continue = expectation(&mut survey, &fields, version, framing)?;
    let current = version == Version::V11;
    let facts = RequestFacts {
        framing,
        method,
        version,
        keep_alive: !survey.close && (current || survey.keep_alive),
        expect_continue,
        upgrade: survey.is_websocket() && current && method == Method::Get && framing == Framing::None,
        absolute_https: parts.absolute.map(|absolute| absolute.https),
        host_field: survey.host,
        framing_field: survey.framing,
        expect_field: survey.expect.filter(|_| expect_continue),
    };
    fields.dropped = survey.dropped;
    Ok(RequestHead { method: name, target: whole, fields, facts, parts, host })
}

/// One Host, which only HTTP/1.0 may lack (RFC 9112 section 3.2), and which the target must not contradict. The RFC
/// lets the target win over Host; but then the two would reach the node in disagreement if one slipped through.
#[inline]
fn host<'b>(
    survey: &Survey,
    fields: &Fields<'_, 'b>,
    parts: &Target<'b>,
    version: Version,
) -> Result<Option<&'b [u8]>, Refusal> {
    if survey.hosts > 1 {
        return Err(Refusal::SeveralHosts);
    }
    let line = survey.host.map(|at| fields.list[usize::from(at)].value);
    if line.is_none() && version == Version::V11 {
        return Err(Refusal::NoHost);
    }
    let named = line.map(authority).transpose()?;
    let Some(absolute) = parts.absolute else {
        return Ok(line);
    };
    let asked = authority(absolute.authority.as_bytes())?;
    match named {
        Some(named) if !named.agrees(&asked, absolute.https) => Err(Refusal::HostDisagrees),
        _ => Ok(Some(absolute.authority.as_bytes())),
    }
}

/// RFC 9112 section 6.3, without its repairs.
#[inline]
fn framing(survey: &Survey, version: Version) -> Result<Framing, Refusal> {
    match (survey.chunked, survey.length) {
        (true, _) if version == Version::V10 => Err(Refusal::TransferEncodingHttp10),
        (true, _) => Ok(Framing::Chunked),
        (false, None | Some(0)) => Ok(Framing::None),
        (false, Some(length)) => Ok(Framing::Length(length)),
    }
}

/// Whether the client waits for a 100. HTTP/1.0 cannot, and without a body there is nothing to wait with: the line
/// is dropped then (RFC 9110 section 10.1.1).
#[inline]
fn expectation(
    survey: &mut Survey,
    fields: &Fields,
    version: Version,
    framing: Framing,
) -> Result<bool, Refusal> {
    let Some(at) = survey.expect else {
        return Ok(false);
    };
    if version == Version::V10 {
        for (index, field) in fields.iter().enumerate() {
            if field.name.eq_ignore_ascii_case("expect") {
                survey.drop_line(index as u8);
            }
        }
        return Ok(false);
    }
    let value = fields.list[usize::from(at)].value;
    if survey.expects > 1 || !is_word(value, b"100-continue") {
        return Err(Refusal::UnknownExpectation);
    }
    if framing == Framing::None {
        survey.drop_line(at);
    }
    Ok(framing != Framing::None)
}

#[cfg(test)]
mod tests;
