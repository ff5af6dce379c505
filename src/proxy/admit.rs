//! A head has arrived: find its route, learn who the client is, edit the head.

use super::access_log::line;
use super::connection_auth::is_connection_bound;
use super::context::{RequestContext, RequestLine};
use super::{Edge, dress, redirect, rescue};
use crate::client_addr::forwarded::{self, Kind, Resolved};
use crate::engine::edits::Edits;
use crate::engine::framing::Framing;
use crate::engine::handler::{Connection, Step};
use crate::engine::head::{RequestHead, is_read_as};
use crate::persistence::client_class::{ClassFacts, classify};
use crate::persistence::cookie::CookieCodec;
use crate::route::{Action, Found, bare_host};
use crate::snapshot::{ListenerRoutes, Naming};
use std::io::Write;
use std::net::IpAddr;

/// Fields by which a front proxy tells who the client is and what it asked for. What a client says of itself
/// here is not believed, and does not reach a backend that might believe it.
const FORWARDING: [&[u8]; 9] = [
    b"forwarded",
    b"x-real-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-original-url",
    b"x-original-host",
    b"x-rewrite-url",
    b"true-client-ip",
    b"front-end-https",
];

/// Every field whose name starts like this is one of them.
const FORWARDED: &[u8] = b"x-forwarded-";

/// Whether a field names the client, in any spelling that a server may take for it.
fn names_client(name: &[u8]) -> bool {
    name.get(..FORWARDED.len()).is_some_and(|start| is_read_as(start, FORWARDED))
        || FORWARDING.iter().any(|known| is_read_as(name, known))
}

/// Where the fields are that matter here.
#[derive(Default)]
struct Noted<'b> {
    content_type: Option<&'b [u8]>,
    soap_action: bool,
    authenticates: bool,
    /// One bit a Cookie line.
    cookies: u128,
}

pub(super) fn admit(
    edge: &Edge,
    context: &mut RequestContext,
    connection: &Connection,
    request: &RequestHead<'_, '_>,
    edits: &mut Edits<'_>,
) -> Step {
    let shared = &edge.shared;
    let host = request.host().unwrap_or_default();
    if shared.access_log.is_some() {
        context.line = RequestLine::keep(request.method, request.path());
    }
    let listener = context.snapshot.listeners.get(edge.listener);
    let naming = listener.and_then(|listener| listener.naming.as_ref());
    // RFC 9110 section 7.4 makes an exception for trusted gateways: what they ask for in a handshake is how they know
    // the edge, and one connection carries requests for many hosts.
    if is_misdirected(connection, host) && !naming.is_some_and(|naming| naming.trusts(context.client)) {
        return Step::Answer(rescue::misdirected(context));
    }
    let believed = listener.and_then(|listener| believed(context, listener, request));
    let found = listener.map(|listener| listener.table.decide(host, request.path().as_bytes()));
    if let Some(believed) = believed {
        (context.client, context.tls) = believed;
    }
    context.route = match found {
        Some(Found::One(route)) => Some(route),
        Some(Found::Ambiguous) => return Step::Answer(rescue::ambiguous_path(context)),
        Some(Found::None) | None => None,
    };
    let Some(route) = context.route.and_then(|index| context.snapshot.routes.get(index)) else {
        return Step::Answer(rescue::no_route(context));
    };
    if let Some(rate) = &route.rate
        && let Err(left) = rate.take(context.client, shared.clock.now().mono)
    {
        return Step::Answer(rescue::rate_limited(context, left));
    }
    if let (Framing::Length(length), Some(limit)) = (request.facts.framing, route.max_body)
        && length > limit
    {
        return Step::Answer(rescue::too_large(context));
    }
    let spoken = [context.tls, connection.is_tls()];
    if request.facts.absolute_https.is_some_and(|https| !spoken.contains(&https)) {
        // RFC 9110 section 7.4: a target of another scheme is not ours to answer for. A proxy may name the scheme that
        // it speaks here, or its client's.
        return Step::Answer(rescue::other_scheme(context));
    }
    if let Action::RedirectToHttps(port) = route.action {
        if context.tls {
            // By the word of a trusted proxy its client came by HTTPS: it would be led in a circle.
            return Step::Answer(rescue::other_scheme(context));
        }
        return Step::Answer(redirect::to_https(context, request, port));
    }
    let max_body = route.max_body;
    let noted = survey(request, edits);
    if !route.error_pages.is_empty() {
        context.sends_xml = noted.content_type.is_some_and(dress::is_xml);
    }
    context.authenticates = noted.authenticates;
    if let Some(group) = &route.group {
        context.class = classify(&ClassFacts {
            path: request.path().as_bytes(),
            content_type: noted.content_type,
            soap_action: noted.soap_action,
        });
        if let Some(codec) = context.snapshot.selector.codec(group.index) {
            let idle = group.idle_timeout.as_secs();
            let lines = request.fields.each("cookie");
            context.cookie = codec.read(lines, shared.clock.now().wall, idle);
            strip_cookie(codec, request, noted.cookies, edits);
        }
    }
    if let (Some(refusal), Some(tally)) = (context.cookie_refusal(), context.group_tally()) {
        tally.cookies_refused[refusal as usize].one();
    }
    name_client(context, connection, request, host, edits);
    if !context.snapshot.own_fields.is_empty() {
        tell_subject(context, edge.listener, connection, request, edits);
    }
    Step::Continue { max_body }
}

/// Takes the word of trusted proxies for who the client is, and the nearest one's for its scheme. What a field does not
/// say as it must ends the walk at the last trusted proxy; the request goes on, as there is a client to count it for that
/// nobody made up. The client, and whether it speaks TLS; none where nobody is believed.
fn believed(
    context: &RequestContext,
    listener: &ListenerRoutes,
    request: &RequestHead<'_, '_>,
) -> Option<(IpAddr, bool)> {
    let Naming { kind, trusted } = listener.naming.as_ref().filter(|naming| naming.trusts(context.client))?;
    let (names, scheme) = match kind {
        Kind::XForwardedFor => ("x-forwarded-for", "x-forwarded-proto"),
        Kind::Forwarded => ("forwarded", "forwarded"),
    };
    let told = forwarded::scheme(request.fields.each(scheme), *kind);
    let Resolved { client, fault } =
        forwarded::resolve(context.client, request.fields.each(names), *kind, trusted);
    if let Some(fault) = fault {
        listener.tally.of(context.worker).client_faults[fault as usize].one();
    }
    Some((client, told.unwrap_or(context.tls)))
}

/// Whether a request is for another host than the one whose certificate its client asked to see. An HTTP/1.1 client
/// opens a connection for one host; one that names two would have rules of the one applied to requests for the other.
/// RFC 9110 section 7.4: such a request is refused. A client that asked for no name may name any host, and a request
/// that names none contradicts nothing.
fn is_misdirected(connection: &Connection, host: &[u8]) -> bool {
    let Some(tls) = &connection.tls else { return false };
    let Some(asked) = &tls.server_name else { return false };
    !host.is_empty() && !bare_host(host).eq_ignore_ascii_case(asked.as_bytes())
}

/// Takes what a client says in the edge's own fields out, and says it where it is known.
fn tell_subject(
    context: &RequestContext,
    listener: usize,
    connection: &Connection,
    request: &RequestHead<'_, '_>,
    edits: &mut Edits<'_>,
) {
    let own = &context.snapshot.own_fields;
    for (index, field) in request.fields.iter().enumerate() {
        if own.iter().any(|own| is_read_as(field.name.as_bytes(), own.as_bytes())) {
            edits.drop_field(index);
        }
    }
    let header =
        context.snapshot.listeners.get(listener).and_then(|listener| listener.subject_header.as_deref());
    let subject = connection.tls.as_ref().and_then(|tls| tls.subject.as_deref());
    if let (Some(header), Some(subject)) = (header, subject) {
        edits.add(header, subject.as_bytes());
    }
}

/// Notes what the choice needs and drops what must not pass, in one walk over the fields.
fn survey<'b>(request: &RequestHead<'_, 'b>, edits: &mut Edits<'_>) -> Noted<'b> {
    let mut noted = Noted::default();
    for (index, field) in request.fields.iter().enumerate() {
        let name = field.name;
        match (name.len(), name.as_bytes().first().map_or(0, |byte| byte | 0x20)) {
            (6, b'c') if name.eq_ignore_ascii_case("cookie") => noted.cookies |= 1 << index,
            (12, b'c') if name.eq_ignore_ascii_case("content-type") => {
                noted.content_type = Some(field.value);
            }
            (13, b'a') if name.eq_ignore_ascii_case("authorization") => {
                noted.authenticates |= is_connection_bound(field.value);
            }
            (10, b's') if name.eq_ignore_ascii_case("soapaction") => noted.soap_action = true,
            (_, b'x' | b'f' | b't' | b'c') if names_client(name.as_bytes()) => {
                edits.drop_field(index);
            }
            _ => {}
        }
    }
    noted
}

/// Removes the persistence cookie; lines without it pass byte for byte.
fn strip_cookie(codec: &CookieCodec, request: &RequestHead<'_, '_>, lines: u128, edits: &mut Edits<'_>) {
    let mut left = lines;
    while left != 0 {
        let index = left.trailing_zeros() as usize;
        left &= left - 1;
        let line = request.fields[index].value;
        if !codec.mentions(line) {
            continue;
        }
        let mark = edits.mark();
        edits.begin("Cookie");
        let (removed, empty) = edits.value_with(|out| {
            let before = out.len();
            let removed = codec.strip(line, out);
            (removed, out.len() == before)
        });
        if removed {
            edits.drop_field(index);
        }
        if removed && !empty {
            edits.finish();
        } else {
            edits.rewind(mark);
        }
    }
}

/// Tells the backend who the client is, by which scheme and which host it came: one address, which was found out by the
/// rules above. The list by which proxies told it is not passed on; a backend would have to know whom to trust in it.
fn name_client(
    context: &RequestContext,
    connection: &Connection,
    request: &RequestHead<'_, '_>,
    host: &[u8],
    edits: &mut Edits<'_>,
) {
    edits.begin("X-Forwarded-For");
    edits.value_with(|out| line::address(out, context.client));
    edits.finish();
    edits.add("X-Forwarded-Proto", if context.tls { b"https" } else { b"http" });
    if !host.is_empty() {
        edits.add("X-Forwarded-Host", host);
    }
    if request.facts.host_field.is_none() {
        // HTTP/1.0 has no Host, HTTP/1.1 must: the authority of the target, or where the client came in.
        edits.begin("Host");
        if host.is_empty() {
            edits.value_with(|out| {
                let _ = write!(out, "{}", connection.local);
            });
        } else {
            edits.value(host);
        }
        edits.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, is_misdirected, is_read_as, names_client};
    use crate::engine::TlsFacts;
    use std::sync::Arc;

    #[test]
    fn a_request_for_another_host_than_the_certificates_is_misdirected() {
        let address = "192.0.2.1:443".parse().unwrap();
        let connection = |name: Option<&str>| {
            let facts = TlsFacts { server_name: name.map(Box::from), subject: None };
            Connection::direct(address, address, Some(Arc::new(facts)))
        };
        let misdirected = |asked, host: &str| is_misdirected(&connection(asked), host.as_bytes());
        for host in ["edge.test", "EDGE.Test", "edge.test:8443", "edge.test.", "edge.test.:443", ""] {
            assert!(!misdirected(Some("edge.test"), host), "{host}");
        }
        for host in [
            "other.test",
            "a.edge.test",
            "test",
            "192.0.2.1",
            "[2001:db8::1]:443",
            "edge.test..",
            "edge.test:x",
        ] {
            assert!(misdirected(Some("edge.test"), host), "{host}");
            assert!(!misdirected(None, host), "{host}");
        }
        assert!(!is_misdirected(&Connection::direct(address, address, None), b"other.test"));
    }

    #[test]
    fn a_field_is_known_in_every_spelling_that_a_server_may_read_so() {
        let known = b"x-client-cert-subject";
        for name in [
            "X-Client-Cert-Subject",
            "x_client_cert_subject",
            "X-CLIENT_CERT-SUBJECT",
            "X.Client.Cert.Subject",
            "x~client!cert-subject",
        ] {
            assert!(is_read_as(name.as_bytes(), known), "{name}");
        }
        for name in [
            "X-Client-Cert-Subjects",
            "X-Client-CertXSubject",
            "Client-Cert-Subject",
            "-client-cert-subject-x",
        ] {
            assert!(!is_read_as(name.as_bytes(), known), "{name}");
        }
    }

    #[test]
    fn what_names_a_client_is_known_in_every_spelling() {
        for name in [
            "X-Forwarded-For",
            "x_forwarded_for",
            "X-Forwarded_Prefix",
            "X-FORWARDED-SSL",
            "X.Forwarded.For",
            "x~forwarded-proto",
            "X!Real!IP",
            "Forwarded",
            "X-Real-IP",
            "x_real_ip",
            "X-Original-URL",
            "Front-End-Https",
        ] {
            assert!(names_client(name.as_bytes()), "{name}");
        }
        for name in [
            "X-Forwarded",
            "X-Forward-For",
            "Forwarded-For2",
            "X-Request-Id",
            "Content-Type",
            "Fo_warded",
            "",
        ] {
            assert!(!names_client(name.as_bytes()), "{name}");
        }
    }
}
