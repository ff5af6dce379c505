//! What all answers of the edge's own have in common: they are kept by no cache, carry the request's identity, look as
//! the site wants them to, and obey the rules of their route.

use super::context::RequestContext;
use crate::engine::handler::Answer;
use crate::snapshot::{ErrorPages, ResponseRules};
use std::borrow::Cow;

/// The media type of a site's pages.
const HTML: &str = "text/html; charset=utf-8";

/// Finishes the answer to a request.
pub(super) fn dress(context: &RequestContext, answer: &mut Answer) {
    let route = context.route();
    let listener = context.snapshot.listeners.get(context.listener);
    let pages = route.map(|route| &route.error_pages).or(listener.map(|listener| &listener.error_pages));
    let pages = pages.filter(|_| !context.sends_xml);
    finish(answer, context.request_id, pages, route.and_then(|route| route.response.as_deref()));
}

/// Finishes any answer.
pub(super) fn finish(
    answer: &mut Answer,
    request_id: u64,
    pages: Option<&ErrorPages>,
    rules: Option<&ResponseRules>,
) {
    let status = answer.status;
    if let Some(page) = pages.filter(|_| status >= 400).and_then(|pages| pages.find(status)) {
        answer.body = Cow::Owned(page.told(status, request_id));
        answer.content_type = HTML;
    }
    let lines = format!(
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: {request_id:016x}\r\n{}",
        answer.lines
    );
    answer.lines = Cow::Owned(match rules {
        Some(rules) => rules.applied_to(&lines),
        None => lines,
    });
}

/// Whether a request's body is XML by its Content-Type, be it in MTOM's wrapping or WCF's binary form: who sends that
/// reads no pages.
pub(super) fn is_xml(content_type: &[u8]) -> bool {
    let has = |word: &[u8]| content_type.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    has(b"xml") || has(b"application/soap")
}

#[cfg(test)]
mod tests {
    use super::is_xml;

    #[test]
    fn clients_that_send_xml_are_known() {
        for kind in [
            &b"text/xml; charset=utf-8"[..],
            b"application/soap+xml",
            b"Application/SOAP+msbin1",
            b"multipart/related; type=\"application/xop+xml\"",
        ] {
            assert!(is_xml(kind), "{}", kind.escape_ascii());
        }
        for kind in [&b""[..], b"text/html", b"application/x-www-form-urlencoded", b"application/json"] {
            assert!(!is_xml(kind), "{}", kind.escape_ascii());
        }
    }
}
