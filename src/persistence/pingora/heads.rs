//! Heads of requests and responses, as Pingora holds them.

use crate::persistence::client_class::{ClassFacts, ClientClass, Why, classify};
use crate::persistence::cookie::CookieCodec;
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};

/// What kind of client sent a request with this head.
pub(super) fn class(head: &RequestHeader) -> (ClientClass, Why) {
    classify(&ClassFacts {
        path: head.uri.path().as_bytes(),
        content_type: head.headers.get("content-type").map(|value| value.as_bytes()),
        soap_action: head.headers.contains_key("soapaction"),
    })
}

/// The request's cookie lines.
pub(super) fn cookies(head: &RequestHeader) -> impl Iterator<Item = &[u8]> {
    head.headers.get_all("cookie").iter().map(|value| value.as_bytes())
}

/// Removes every cookie of the codec's name; what else the lines hold stays byte for byte, in order.
pub(super) fn strip_cookie(codec: &CookieCodec, head: &mut RequestHeader) -> Result<()> {
    if !cookies(head).any(|line| codec.mentions(line)) {
        return Ok(());
    }
    let mut kept = Vec::new();
    for line in cookies(head) {
        let mut rest = Vec::with_capacity(line.len());
        if !codec.strip(line, &mut rest) || !rest.is_empty() {
            kept.push(rest);
        }
    }
    head.remove_header("cookie");
    for line in kept {
        head.append_header("cookie", line)?;
    }
    Ok(())
}

/// Whether this head ends the wait for an answer: an interim one does not.
pub(super) fn is_final(head: &ResponseHeader) -> bool {
    !head.status.is_informational() || head.status.as_u16() == 101
}
