//! A probe's request and the judgement of its answer.
//!
//! The answer is read by the parser that requests' answers are read by, so that a backend whose answers the
//! edge would refuse does not count as well.

use crate::engine::body::{BodyReader, Piece};
use crate::engine::buffer::{Buffer, Class, poll_fill};
use crate::engine::framing::Framing;
use crate::engine::head::{FieldStorage, Method, RequestFacts, ResponseFacts, Scan, parse_response, scan};
use crate::engine::refusal::{BodyFault, Refusal, ResponseFault};
use crate::health::cause::Cause;
use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// The largest head of an answer, as for requests.
const HEAD: usize = 128 * 1024;
/// How much of a body is looked through.
const BODY: usize = 64 * 1024;
/// How many interim responses are read past, as for requests.
const INTERIMS: u32 = 50;

/// A request that asks how a backend is, and the answers that mean it is well.
#[derive(Clone)]
pub struct HttpCheck {
    /// The method.
    pub method: String,
    /// The path, with a query if there is one.
    pub path: String,
    /// The field `Host`; none means the node's address and port.
    pub host: Option<String>,
    /// More fields; they replace those of the same name that a probe has by itself.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The statuses that are accepted.
    pub expect: Vec<RangeInclusive<u16>>,
    /// A text that the first 64 KiB of the answer's body must have.
    pub contains: Option<String>,
}

/// Without fields and body: they may hold credentials.
impl std::fmt::Debug for HttpCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, .. } = self;
        formatter
            .debug_struct("HttpCheck")
            .field("method", method)
            .field("path", path)
            .finish_non_exhaustive()
    }
}

impl HttpCheck {
    /// The whole request; `node` is whom it names where no host is configured.
    pub(super) fn request(&self, node: &str) -> Vec<u8> {
        let Self { method, path, host, headers, body, .. } = self;
        let host = host.as_deref().unwrap_or(node);
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        let own = [("User-Agent", "identity-edge"), ("Connection", "close"), ("Accept", "*/*")];
        let told = |name: &str| headers.iter().any(|(told, _)| told.eq_ignore_ascii_case(name));
        let own = own.into_iter().filter(|(name, _)| !told(name));
        let told = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(told) {
            request.extend([name, ": ", value, "\r\n"]);
        }
        // Where a body is usual, its absence is said (RFC 9110 section 8.6): http.sys demands it.
        let length = body.as_ref().map(String::len);
        let usual = matches!(method.as_str(), "POST" | "PUT" | "PATCH").then_some(0);
        if let Some(length) = length.or(usual) {
            request.extend(["Content-Length: ", &length.to_string(), "\r\n"]);
        }
        request.push_str("\r\n");
        request.push_str(body.as_deref().unwrap_or_default());
        request.into_bytes()
    }

    /// Sends the request and judges what comes. Nothing here takes time into account; the caller does.
    pub(super) async fn ask<S>(&self, stream: &mut S, request: &[u8]) -> Result<(), Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // A backend may answer and close before it has read everything: what it said counts.
        if stream.write_all(request).await.is_ok() {
            let _ = stream.flush().await;
        }
        let mut answer = Answer { stream, held: None };
        let facts = answer.final_head(self.method == "HEAD").await?;
        if !self.expect.iter().any(|range| range.contains(&facts.status)) {
            return Err(Cause::Status { expected: self.expect.clone(), got: facts.status });
        }
        match &self.contains {
            Some(text) if !answer.body_contains(facts.framing, text.as_bytes()).await? => {
                Err(Cause::Missing(text.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// What has come of an answer and was not yet used.
struct Answer<'s, S> {
    stream: &'s mut S,
    held: Option<Buffer>,
}

impl<S: AsyncRead + Unpin> Answer<'_, S> {
    async fn fill(&mut self) -> io::Result<usize> {
        let Self { stream, held } = self;
        poll_fn(|context| poll_fill(*stream, held, Class::Small, HEAD, context)).await
    }

    fn bytes(&self) -> &[u8] {
        self.held.as_ref().map_or(&[], Buffer::bytes)
    }

    fn advance(&mut self, count: usize) {
        if let Some(held) = &mut self.held {
            held.advance(count);
            if held.is_empty() {
                self.held = None;
            }
        }
    }

    /// Reads past interim heads, and takes the final one.
    async fn final_head(&mut self, to_head: bool) -> Result<ResponseFacts, Cause> {
        let (mut scanned, mut interims) = (0, 0);
        loop {
            if !may_be_http(self.bytes()) {
                return Err(ResponseFault::Head(Refusal::BadStatusLine).into());
            }
            match scan(self.bytes(), scanned) {
                Scan::Refused(refusal) => return Err(ResponseFault::Head(refusal).into()),
                Scan::Complete(length) => {
                    let facts = judge(&self.bytes()[..length], to_head)?;
                    self.advance(length);
                    if !facts.is_interim() {
                        return Ok(facts);
                    }
                    scanned = 0;
                    interims += 1;
                    if interims > INTERIMS {
                        return Err(ResponseFault::TooManyInterims.into());
                    }
                }
                Scan::Incomplete => {
                    scanned = self.bytes().len();
                    match self.fill().await {
                        Ok(1..) => {}
                        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                            return Err(ResponseFault::Head(Refusal::HeadTooLarge).into());
                        }
                        Ok(0) | Err(_) if scanned == 0 && interims == 0 => return Err(Cause::Closed),
                        Ok(0) | Err(_) => return Err(ResponseFault::Head(Refusal::IncompleteHead).into()),
                    }
                }
            }
        }
    }

    /// Whether the start of the payload has the text, however it is cut into chunks and reads.
    async fn body_contains(&mut self, framing: Framing, text: &[u8]) -> Result<bool, Cause> {
        let mut reader = BodyReader::new(framing);
        let mut payload = Vec::new();
        loop {
            while let Some((piece, length)) = reader.next(self.bytes())? {
                if piece == Piece::Data {
                    let new = payload.len();
                    let taken = length.min(BODY - new);
                    payload.extend_from_slice(&self.bytes()[..taken]);
                    let from = new.saturating_sub(text.len().saturating_sub(1));
                    if memchr::memmem::find(&payload[from..], text).is_some() {
                        return Ok(true);
                    }
                    if payload.len() == BODY {
                        return Ok(false);
                    }
                }
                self.advance(length);
            }
            if reader.is_complete() {
                return Ok(false);
            }
            match self.fill().await {
                Ok(1..) => {}
                Ok(0) => reader.end()?,
                Err(_) => return Err(BodyFault::Truncated.into()),
            }
        }
    }
}

/// Whether this can be the start of a status line: what is none is not waited for to end.
fn may_be_http(bytes: &[u8]) -> bool {
    bytes.iter().zip(b"HTTP/").all(|(byte, expected)| byte == expected)
}

fn judge(head: &[u8], to_head: bool) -> Result<ResponseFacts, ResponseFault> {
    // Of what was asked, the answer's framing depends on the method alone.
    let asked = RequestFacts::plain(if to_head { Method::Head } else { Method::Other });
    parse_response(head, &mut FieldStorage::new(), &asked).map(|head| head.facts)
}

#[cfg(test)]
mod tests;
