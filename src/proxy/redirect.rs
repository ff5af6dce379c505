//! Requests that are to come again by HTTPS.
//!
//! The host is the one that was asked for, which the parser has found to be a name or an address, without its port;
//! the target follows as it came and starts with a slash, so that nothing in it can become part of the host. Browsers
//! must not remember the answer (`no-store`): that is what Strict-Transport-Security is for, which ends some day.

use super::context::RequestContext;
use super::rescue;
use crate::engine::handler::Answer;
use crate::engine::head::{Method, RequestHead};
use std::borrow::Cow;

/// The port that `https` means without saying it (RFC 9110 section 4.2.2).
const HTTPS: u16 = 443;

/// Tells the client to ask by HTTPS at `port`: GET and HEAD with 301, which every client knows, other methods with
/// 308, by which they stay what they are (RFC 9110 section 15.4.9).
pub(super) fn to_https(context: &RequestContext, request: &RequestHead<'_, '_>, port: u16) -> Answer {
    let Some(host) = request.host().and_then(|host| std::str::from_utf8(host).ok()) else {
        return rescue::no_host(context);
    };
    let (front, rest) = request.origin_form();
    if request.path() == "*" {
        // The server as a whole has no address to go to.
        return rescue::no_route(context);
    }
    let host = without_port(host);
    let location = match port {
        HTTPS => format!("Location: https://{host}{front}{rest}\r\n"),
        port => format!("Location: https://{host}:{port}{front}{rest}\r\n"),
    };
    let status = if matches!(request.facts.method, Method::Get | Method::Head) { 301 } else { 308 };
    Answer {
        lines: Cow::Owned(location),
        reason: "redirected",
        ..rescue::answer(status, "this is served by HTTPS", context.request_id, "", false)
    }
}

/// `host` without its port; the colons of an IPv6 address stand in brackets.
fn without_port(host: &str) -> &str {
    let end = host.find(']').map_or(0, |bracket| bracket + 1);
    host[end..].find(':').map_or(host, |colon| &host[..end + colon])
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn a_port_is_cut_off() {
        for (host, bare) in [
            ("mim.example.com", "mim.example.com"),
            ("mim.example.com:8080", "mim.example.com"),
            ("mim.example.com:", "mim.example.com"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("[2001:db8::1]:80", "[2001:db8::1]"),
        ] {
            assert_eq!(without_port(host), bare, "{host}");
        }
    }
}
