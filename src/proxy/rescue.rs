//! The one place where failures become responses.
//!
//! How a response looks is `dress`'s to say. A body says what happened in general words and carries the request's identity, which the log has; nothing
//! of the farm behind shows.

use super::context::RequestContext;
use crate::engine::handler::{Answer, Failure};
use crate::engine::refusal::Refusal;
use std::borrow::Cow;
use std::time::Duration;

/// An answer of a line of text and the request's identity.
pub(super) fn answer(status: u16, text: &str, request_id: u64, reason: &'static str, close: bool) -> Answer {
    Answer {
        status,
        content_type: Answer::PLAIN,
        lines: Cow::Borrowed(""),
        body: Cow::Owned(format!("{status} {text}\nrequest {request_id:016x}\n")),
        close,
        reason,
    }
}

/// No route leads anywhere from here.
pub(super) fn no_route(context: &RequestContext) -> Answer {
    answer(404, "nothing is served here", context.request_id, "no_route", false)
}

/// Nobody said which host is meant, so there is none to be sent to.
pub(super) fn no_host(context: &RequestContext) -> Answer {
    answer(400, "the request names no host", context.request_id, "no_host", false)
}

/// Servers read the path in ways that take different routes.
pub(super) fn ambiguous_path(context: &RequestContext) -> Answer {
    answer(400, "the path can be read in more than one way", context.request_id, "ambiguous_path", false)
}

/// The declared body is larger than the route allows.
pub(super) fn too_large(context: &RequestContext) -> Answer {
    answer(413, "the request's body is too large", context.request_id, "body_too_large", false)
}

/// The backend could not be trusted: its certificate, or its TLS, is not as configured.
pub(super) fn untrusted(context: &RequestContext) -> Answer {
    answer(502, "the server behind could not be verified", context.request_id, "tls_failed", false)
}

/// The target names a scheme that this listener does not speak.
pub(super) fn other_scheme(context: &RequestContext) -> Answer {
    answer(421, "this scheme is not served here", context.request_id, "scheme_disagrees", false)
}

/// The target is for another host than the connection.
pub(super) fn misdirected(context: &RequestContext) -> Answer {
    answer(421, "this host is not served on this connection", context.request_id, "misdirected", false)
}

/// The client has sent as many requests as the route takes; `left` of the present interval is to come.
pub(super) fn rate_limited(context: &RequestContext, left: Duration) -> Answer {
    let mut answer = answer(429, "too many requests", context.request_id, "rate_limited", false);
    let seconds = left.as_millis().div_ceil(1000).max(1);
    answer.lines = Cow::Owned(format!("Retry-After: {seconds}\r\n"));
    answer
}

/// No node can take the request now.
pub(super) fn unavailable(context: &RequestContext, reason: &'static str, retry_after: u32) -> Answer {
    let mut answer = answer(503, "no server can take this request now", context.request_id, reason, false);
    answer.lines = Cow::Owned(format!("Retry-After: {retry_after}\r\n"));
    answer
}

/// A request that had been admitted failed.
pub(super) fn failure(context: &RequestContext, failure: &Failure) -> Answer {
    let (status, text) = match failure {
        Failure::Body(fault) => (fault.status(), "the request's body is malformed"),
        Failure::BodyTooLarge => (413, "the request's body is too large"),
        Failure::ClientTimeout => (408, "the request's body did not arrive in time"),
        Failure::BodyTooSlow => (408, "the request's body came too slowly"),
        Failure::UpstreamTimeout => (504, "the server behind did not answer in time"),
        Failure::ClientGone
        | Failure::BoundClosed
        | Failure::ClientChanged
        | Failure::Http11Required
        | Failure::UpstreamClosed
        | Failure::UpstreamFault(_)
        | Failure::UpstreamBody(_) => (502, "the server behind did not answer properly"),
    };
    answer(status, text, context.request_id, failure.reason(), status < 500)
}

/// What came is not a request.
pub(super) fn refusal(request_id: u64, refusal: Refusal) -> Answer {
    let text = match refusal.status() {
        405 => "this method is not served",
        408 => "the request did not arrive in time",
        417 => "this expectation cannot be met",
        431 => "the request's header is too large",
        501 => "this transfer coding is not known",
        505 => "this version of HTTP is not spoken",
        _ => "the request is malformed",
    };
    answer(refusal.status(), text, request_id, refusal.reason(), true)
}
