//! Responses.

use super::diagnosis::{diagnose, status_line};
use super::survey::{Survey, survey};
use super::{FieldStorage, Fields, RequestFacts, Version};
use crate::engine::framing::Framing;
use crate::engine::refusal::{Refusal, ResponseFault};

/// What the engine needs to know of a response after its head is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFacts {
    /// How the body ends.
    pub framing: Framing,
    /// Its status.
    pub status: u16,
    /// Its version.
    pub version: Version,
    /// The upstream connection can serve another request after this response.
    pub keep_alive: bool,
    /// The Content-Length or Transfer-Encoding line, also where there is no body (HEAD, 304).
    pub framing_field: Option<u8>,
}

impl ResponseFacts {
    /// Whether another response to the same request follows: any 1xx but 101.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }
}

/// An accepted response head.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'h, 'b> {
    /// The reason phrase as it was sent, maybe empty, maybe not ASCII.
    pub reason: &'b [u8],
    /// The field lines.
    pub fields: Fields<'h, 'b>,
    /// What outlives the head.
    pub facts: ResponseFacts,
}

/// Judges a response head: exactly the bytes that `scan` delimited.
///
/// # Errors
/// The first rule that is broken.
pub fn parse_response<'h, 'b>(
    head: &'b [u8],
    storage: &'h mut FieldStorage<'b>,
    request: &RequestFacts,
) -> Result<ResponseHead<'h, 'b>, ResponseFault> {
    if matches!(head, [b'\r' | b'\n', ..]) {
        return Err(Refusal::BlankLines.into());
    }
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, head, &mut storage.0) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refusal::IncompleteHead.into()),
        Err(error) => return Err(diagnose(head, error, status_line).into()),
    }
    let status = parsed.code.filter(|code| (100..600).contains(code)).ok_or(ResponseFault::BadStatus)?;
    let mut fields = Fields { head, list: parsed.headers, dropped: 0 };
    let mut survey = survey(&fields)?;
    let version = Version::new(parsed.version);
    if survey.chunked && version == Version::V10 {
        return Err(Refusal::TransferEncodingHttp10.into());
    }
    if status == 101 && !(request.upgrade && version == Version::V11 && survey.is_websocket()) {
        return Err(ResponseFault::UnexpectedSwitch);
    }
    let framing = framing(&mut survey, status, request)?;
    let wanted = !survey.close && (version == Version::V11 || survey.keep_alive);
    let facts = ResponseFacts {
        framing,
        status,
        version,
        keep_alive: wanted && framing != Framing::UntilClose && status != 101,
        framing_field: survey.framing,
    };
    fields.dropped = survey.dropped;
    // "HTTP/1.1 200" are 12 bytes; a space and the phrase may follow.
    let reason = head.get(13..fields.first_line().end - 2).unwrap_or_default();
    Ok(ResponseHead { reason, fields, facts })
}

/// RFC 9112 section 6.3, without its repairs.
fn framing(survey: &mut Survey, status: u16, request: &RequestFacts) -> Result<Framing, ResponseFault> {
    if status < 200 || status == 204 {
        if survey.chunked || survey.length.is_some_and(|length| length > 0) {
            return Err(ResponseFault::BodyNotAllowed);
        }
        // A zero is tolerated, but RFC 9110 section 8.6 forbids to send it on.
        if let Some(at) = survey.framing.take() {
            survey.drop_line(at);
        }
        return Ok(Framing::None);
    }
    Ok(match (survey.chunked, survey.length) {
        _ if status == 304 || request.is_head() => Framing::None,
        (true, _) => Framing::Chunked,
        (false, Some(0)) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    })
}

#[cfg(test)]
mod tests;
