//! `limits`, and `limits` of a listener.

use super::super::shape::{
    Key, Lasting, Map, Number, OrNull, Section, Size, dependent, number, optional, required, section,
};
use super::{HOUR, MILLISECOND};
use std::ops::RangeInclusive;
use std::time::Duration;

pub(in crate::config) static LIMITS: Key<Map> =
    section("limits", Map(&BOUNDS), "Bounds on what clients may take.");

pub(in crate::config) static BOUNDS: Section = Section {
    name: "limits",
    expected: "expected a mapping with request_header_bytes, header_timeout, connections",
    keys: &[
        &REQUEST_HEADER_BYTES,
        &REQUEST_HEADERS,
        &HEADER_TIMEOUT,
        &CONNECTIONS,
        &CONNECTIONS_PER_CLIENT,
        &REQUESTS_PER_CONNECTION,
        &BODY_RATE,
        &HTTP2,
        &WAITING,
    ],
};

/// As [`BOUNDS`], each with the default that is set there.
pub(in crate::config) static LISTENER_LIMITS: Section = Section {
    name: "listener_limits",
    expected: "expected a mapping with request_header_bytes, header_timeout, connections",
    keys: &[
        &OWN_REQUEST_HEADER_BYTES,
        &OWN_REQUEST_HEADERS,
        &OWN_HEADER_TIMEOUT,
        &OWN_CONNECTIONS,
        &OWN_CONNECTIONS_PER_CLIENT,
        &OWN_REQUESTS_PER_CONNECTION,
        &OWN_BODY_RATE,
        &OWN_HTTP2,
    ],
};

const HEADER_BYTES: RangeInclusive<u64> = 1 << 10..=16 << 20;
const HEADERS: RangeInclusive<u64> = 1..=128;
const HEADER_TIME: RangeInclusive<Duration> = MILLISECOND..=HOUR;
const MANY_CONNECTIONS: RangeInclusive<u64> = 1..=10_000_000;
const REQUESTS: RangeInclusive<u64> = 1..=1_000_000_000;
const RATE: RangeInclusive<u64> = 0..=1 << 30;
const STREAMS_AT_ONCE: RangeInclusive<u64> = 1..=1_000;
const FRAMES: RangeInclusive<u64> = 1..=1_000_000;

const ABOUT_HEADER_BYTES: &str = "The largest request head; Kerberos tokens are large.";
const ABOUT_HEADERS: &str = "The most field lines in a request head.";
const ABOUT_HEADER_TIME: &str =
    "For a whole request head from its first byte, and for that byte on a new connection.";
const ABOUT_PER_CLIENT: &str =
    "Connections of one client; those beyond are closed at once. null is no bound.";
const ABOUT_REQUESTS: &str = "After so many requests the connection is closed behind the response.";
const ABOUT_RATE: &str = "Bytes a second, over some ten seconds, that a body must move at while only the client can move it, in either direction; 0 is no bound.";
const ABOUT_HTTP2: &str = "Bounds on an HTTP/2 connection.";
const ABOUT_STREAMS: &str = "Requests at once on a connection.";
const ABOUT_RESETS: &str =
    "Requests that the client takes back within ten seconds; then the connection is closed.";
const ABOUT_FRAMES: &str = "Frames within ten seconds that carry no request, such as PING and SETTINGS; then the connection is closed.";

fn as_in_limits() -> String {
    "what the section limits has".into()
}

pub(in crate::config) static REQUEST_HEADER_BYTES: Key<Size> =
    optional("request_header_bytes", Size(HEADER_BYTES), "128KiB", ABOUT_HEADER_BYTES);
pub(in crate::config) static OWN_REQUEST_HEADER_BYTES: Key<Size> =
    dependent("request_header_bytes", Size(HEADER_BYTES), as_in_limits, ABOUT_HEADER_BYTES);

pub(in crate::config) static REQUEST_HEADERS: Key<Number<usize>> =
    optional("request_headers", number(HEADERS), "128", ABOUT_HEADERS);
pub(in crate::config) static OWN_REQUEST_HEADERS: Key<Number<usize>> =
    dependent("request_headers", number(HEADERS), as_in_limits, ABOUT_HEADERS);

pub(in crate::config) static HEADER_TIMEOUT: Key<Lasting> =
    optional("header_timeout", Lasting(HEADER_TIME), "10s", ABOUT_HEADER_TIME);
pub(in crate::config) static OWN_HEADER_TIMEOUT: Key<Lasting> =
    dependent("header_timeout", Lasting(HEADER_TIME), as_in_limits, ABOUT_HEADER_TIME);

pub(in crate::config) static CONNECTIONS: Key<Number<usize>> = optional(
    "connections",
    number(MANY_CONNECTIONS),
    "20000",
    "Client connections in all; those beyond are closed at once.",
);
pub(in crate::config) static OWN_CONNECTIONS: Key<OrNull<Number<usize>>> = optional(
    "connections",
    OrNull(number(MANY_CONNECTIONS)),
    "null",
    "Connections on this listener; those beyond are closed at once. null: only limits.connections bounds them.",
);

pub(in crate::config) static CONNECTIONS_PER_CLIENT: Key<OrNull<Map>> =
    optional("connections_per_client", OrNull(Map(&PER_CLIENT)), "null", ABOUT_PER_CLIENT);
pub(in crate::config) static OWN_CONNECTIONS_PER_CLIENT: Key<OrNull<Map>> =
    dependent("connections_per_client", OrNull(Map(&PER_CLIENT)), as_in_limits, ABOUT_PER_CLIENT);

pub(in crate::config) static REQUESTS_PER_CONNECTION: Key<Number<u64>> =
    optional("requests_per_connection", number(REQUESTS), "10000", ABOUT_REQUESTS);
pub(in crate::config) static OWN_REQUESTS_PER_CONNECTION: Key<Number<u64>> =
    dependent("requests_per_connection", number(REQUESTS), as_in_limits, ABOUT_REQUESTS);

pub(in crate::config) static BODY_RATE: Key<Size> = optional("body_rate", Size(RATE), "240B", ABOUT_RATE);
pub(in crate::config) static OWN_BODY_RATE: Key<Size> =
    dependent("body_rate", Size(RATE), as_in_limits, ABOUT_RATE);

pub(in crate::config) static HTTP2: Key<Map> = section("http2", Map(&HTTP2_BOUNDS), ABOUT_HTTP2);
pub(in crate::config) static OWN_HTTP2: Key<Map> = section("http2", Map(&OWN_HTTP2_BOUNDS), ABOUT_HTTP2);

pub(in crate::config) static WAITING: Key<Number<usize>> = optional(
    "waiting",
    number(0..=10_000_000),
    "1000",
    "Requests that wait for a node; those beyond are answered 503.",
);

pub(in crate::config) static HTTP2_BOUNDS: Section = Section {
    name: "http2_limits",
    expected: "expected a mapping with streams, resets, control_frames",
    keys: &[&STREAMS, &RESETS, &CONTROL_FRAMES],
};
pub(in crate::config) static OWN_HTTP2_BOUNDS: Section = Section {
    name: "listener_http2_limits",
    expected: "expected a mapping with streams, resets, control_frames",
    keys: &[&OWN_STREAMS, &OWN_RESETS, &OWN_CONTROL_FRAMES],
};

pub(in crate::config) static STREAMS: Key<Number<u32>> =
    optional("streams", number(STREAMS_AT_ONCE), "100", ABOUT_STREAMS);
pub(in crate::config) static OWN_STREAMS: Key<Number<u32>> =
    dependent("streams", number(STREAMS_AT_ONCE), as_in_limits, ABOUT_STREAMS);

pub(in crate::config) static RESETS: Key<Number<u32>> =
    optional("resets", number(FRAMES), "200", ABOUT_RESETS);
pub(in crate::config) static OWN_RESETS: Key<Number<u32>> =
    dependent("resets", number(FRAMES), as_in_limits, ABOUT_RESETS);

pub(in crate::config) static CONTROL_FRAMES: Key<Number<u32>> =
    optional("control_frames", number(FRAMES), "1000", ABOUT_FRAMES);
pub(in crate::config) static OWN_CONTROL_FRAMES: Key<Number<u32>> =
    dependent("control_frames", number(FRAMES), as_in_limits, ABOUT_FRAMES);

pub(in crate::config) static PER_CLIENT: Section = Section {
    name: "connections_per_client",
    expected: "expected a mapping with limit, ipv4_prefix, ipv6_prefix, or null for no bound",
    keys: &[&LIMIT, &IPV4_PREFIX, &IPV6_PREFIX],
};

pub(in crate::config) static LIMIT: Key<Number<usize>> =
    required("limit", number(MANY_CONNECTIONS), "Connections of one client.");

/// Who is one client, wherever clients are counted.
pub(in crate::config) static IPV4_PREFIX: Key<Number<u8>> = optional(
    "ipv4_prefix",
    number(0..=32),
    "32",
    "IPv4 addresses that share so many leading bits are one client; with 0 all are one.",
);

/// A household or an office has a prefix of 64 bits at least (RFC 6177).
pub(in crate::config) static IPV6_PREFIX: Key<Number<u8>> = optional(
    "ipv6_prefix",
    number(0..=128),
    "64",
    "IPv6 addresses that share so many leading bits are one client; with 0 all are one.",
);
