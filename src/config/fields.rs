//! Names and values of fields that the configuration adds to what others send, and those that it may not touch.
//!
//! A list has names in lower case; one that ends with an asterisk stands for every name that starts so.

use super::scalar::{is_field_text, is_token};

/// A name and why it is refused.
type Refused = (&'static str, &'static str);

const FRAMING: &str =
    "expected another field: it says where the message ends, and the edge sets it as the body needs it";
const HOP: &str =
    "expected another field: it belongs to one connection, and the edge sets it for each of its own";
const SIGN_IN: &str =
    "expected another field: signing in is made of it, and no user would get in without it as it is";
const BODY: &str = "expected another field: it tells what the node's body is, which the edge passes as it is";
const WEB_SOCKET: &str = "expected another field: a WebSocket opens with what the node says here";

/// Fields of responses that are neither taken out nor set.
pub(super) const NOT_IN_RESPONSES: [Refused; 22] = [
    ("content-length", FRAMING),
    ("transfer-encoding", FRAMING),
    ("trailer", FRAMING),
    ("connection", HOP),
    ("keep-alive", HOP),
    ("upgrade", HOP),
    ("te", HOP),
    ("http2-settings", HOP),
    ("proxy-*", HOP),
    ("www-authenticate", SIGN_IN),
    ("authentication-info", SIGN_IN),
    ("persistent-auth", SIGN_IN),
    ("set-cookie", "expected another field: it carries the sessions of nodes and the persistence cookie"),
    ("set-cookie2", "expected another field: it carries the sessions of nodes"),
    ("date", "expected another field: caches and clients reckon from the time that the node tells in it"),
    ("age", "expected another field: caches tell in it how old a response is"),
    ("location", "expected another field: redirects lead where it says"),
    ("content-type", BODY),
    ("content-encoding", BODY),
    ("content-range", BODY),
    (
        "vary",
        "expected another field: without what the node says in it, caches mix up the responses of users",
    ),
    ("sec-websocket-*", WEB_SOCKET),
];

/// Fields of responses that are not set, though they may be taken out.
pub(super) const NOT_SET_IN_RESPONSES: [Refused; 1] = [(
    "strict-transport-security",
    "expected hsts beside response_headers, which says the same to TLS clients alone",
)];

const FORWARDING: &str = "expected another field: this one tells nodes who the client is and what it asked for, and the edge sets it so";
const MEANING: &str = "expected another field: requests have a meaning for this one, and the edge drops what clients send under the name that is given here";
const FRAMING_OF_REQUESTS: &str =
    "expected another field: this one is part of how HTTP requests are framed, and the edge sets it";

/// Fields of requests that cannot tell the subject of a client's certificate.
pub(super) const NOT_A_SUBJECT: [Refused; 34] = [
    ("content-length", FRAMING_OF_REQUESTS),
    ("transfer-encoding", FRAMING_OF_REQUESTS),
    ("trailer", FRAMING_OF_REQUESTS),
    ("connection", FRAMING_OF_REQUESTS),
    ("keep-alive", FRAMING_OF_REQUESTS),
    ("upgrade", FRAMING_OF_REQUESTS),
    ("te", FRAMING_OF_REQUESTS),
    ("http2-settings", FRAMING_OF_REQUESTS),
    ("proxy-*", FRAMING_OF_REQUESTS),
    ("host", FRAMING_OF_REQUESTS),
    ("expect", FRAMING_OF_REQUESTS),
    ("forwarded", FORWARDING),
    ("x-forwarded-*", FORWARDING),
    ("x-real-ip", FORWARDING),
    ("x-client-ip", FORWARDING),
    ("x-cluster-client-ip", FORWARDING),
    ("x-original-*", FORWARDING),
    ("x-rewrite-url", FORWARDING),
    ("true-client-ip", FORWARDING),
    ("front-end-https", FORWARDING),
    ("via", FORWARDING),
    ("authorization", MEANING),
    ("cookie", MEANING),
    ("content-*", MEANING),
    ("accept*", MEANING),
    ("if-*", MEANING),
    ("range", MEANING),
    ("cache-control", MEANING),
    ("pragma", MEANING),
    ("origin", MEANING),
    ("referer", MEANING),
    ("user-agent", MEANING),
    ("soapaction", MEANING),
    ("sec-*", MEANING),
];

/// The name of a field.
pub(super) fn name(text: &str) -> Option<String> {
    is_token(text).then(|| text.to_owned())
}

/// The value of a field: nothing around it is part of it (RFC 9110 section 5.5), and over HTTP/2 a blank there makes the
/// message malformed (RFC 9113 section 8.2.1).
pub(super) fn value(text: &str) -> Option<String> {
    let fits = is_field_text(text) && !text.starts_with([' ', '\t']) && !text.ends_with([' ', '\t']);
    fits.then(|| text.to_owned())
}

/// Why the field `name` is refused, if it is. Servers that hand fields on as CGI variables (RFC 3875 section 4.1.18)
/// take an underscore for a hyphen, so here it is one.
pub(super) fn refusal(name: &str, refused: &[Refused]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let matches = |known: &str| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == known,
    };
    refused.iter().find(|(known, _)| matches(known)).map(|(_, why)| *why)
}
