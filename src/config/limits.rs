//! The section `limits`, and `limits` of a listener.

use super::keys::limits as keys;
use super::read::{Mapping, Value};
use super::shape::Scalar as _;
use super::{ClientPrefixes, Http2Limits, Limits, ListenerLimits, PerClient};

pub(super) fn read(root: &mut Mapping<'_>) -> Limits {
    let mut limits = Limits {
        connections: keys::CONNECTIONS.default(),
        waiting: keys::WAITING.default(),
        each: ListenerLimits {
            request_header_bytes: in_memory(keys::REQUEST_HEADER_BYTES.default()),
            request_headers: keys::REQUEST_HEADERS.default(),
            header_timeout: keys::HEADER_TIMEOUT.default(),
            requests_per_connection: keys::REQUESTS_PER_CONNECTION.default(),
            connections: None,
            connections_per_client: None,
            body_rate: keys::BODY_RATE.default(),
            http2: Http2Limits {
                streams: keys::STREAMS.default(),
                resets: keys::RESETS.default(),
                control_frames: keys::CONTROL_FRAMES.default(),
            },
        },
    };
    let Some(value) = root.value(&keys::LIMITS) else { return limits };
    value.mapping(&keys::BOUNDS, |mapping| {
        let each = &mut limits.each;
        each.request_header_bytes = in_memory(mapping.read(&keys::REQUEST_HEADER_BYTES));
        each.request_headers = mapping.read(&keys::REQUEST_HEADERS);
        each.header_timeout = mapping.read(&keys::HEADER_TIMEOUT);
        limits.connections = mapping.read(&keys::CONNECTIONS);
        if let Some(value) = mapping.or_null(&keys::CONNECTIONS_PER_CLIENT) {
            each.connections_per_client = value.and_then(|value| per_client(&value));
        }
        each.requests_per_connection = mapping.read(&keys::REQUESTS_PER_CONNECTION);
        each.body_rate = mapping.read(&keys::BODY_RATE);
        if let Some(value) = mapping.value(&keys::HTTP2) {
            value.mapping(&keys::HTTP2_BOUNDS, |mapping| {
                each.http2.streams = mapping.read(&keys::STREAMS);
                each.http2.resets = mapping.read(&keys::RESETS);
                each.http2.control_frames = mapping.read(&keys::CONTROL_FRAMES);
            });
        }
        limits.waiting = mapping.read(&keys::WAITING);
    });
    limits
}

/// Bounds of a listener, which start as those of all.
pub(super) fn of_listener(value: &Value<'_>, limits: &mut ListenerLimits) {
    value.mapping(&keys::LISTENER_LIMITS, |mapping| {
        if let Some(value) = mapping.value(&keys::OWN_REQUEST_HEADER_BYTES) {
            let read = keys::OWN_REQUEST_HEADER_BYTES.shape.read(&value);
            limits.request_header_bytes = read.map_or(limits.request_header_bytes, in_memory);
        }
        limits.request_headers = mapping.read_or(&keys::OWN_REQUEST_HEADERS, limits.request_headers);
        limits.header_timeout = mapping.read_or(&keys::OWN_HEADER_TIMEOUT, limits.header_timeout);
        limits.connections = mapping.read(&keys::OWN_CONNECTIONS);
        if let Some(value) = mapping.or_null(&keys::OWN_CONNECTIONS_PER_CLIENT) {
            limits.connections_per_client = value.and_then(|value| per_client(&value));
        }
        limits.requests_per_connection =
            mapping.read_or(&keys::OWN_REQUESTS_PER_CONNECTION, limits.requests_per_connection);
        limits.body_rate = mapping.read_or(&keys::OWN_BODY_RATE, limits.body_rate);
        if let Some(value) = mapping.value(&keys::OWN_HTTP2) {
            let http2 = &mut limits.http2;
            value.mapping(&keys::OWN_HTTP2_BOUNDS, |mapping| {
                http2.streams = mapping.read_or(&keys::OWN_STREAMS, http2.streams);
                http2.resets = mapping.read_or(&keys::OWN_RESETS, http2.resets);
                http2.control_frames = mapping.read_or(&keys::OWN_CONTROL_FRAMES, http2.control_frames);
            });
        }
    });
}

fn per_client(value: &Value<'_>) -> Option<PerClient> {
    let read = value.mapping(&keys::PER_CLIENT, |mapping| {
        let limit = mapping.read_required(&keys::LIMIT);
        let prefixes = client_prefixes(mapping);
        Some(PerClient { limit: limit?, prefixes })
    });
    read.flatten()
}

/// Who is one client, in a mapping that has both keys.
pub(super) fn client_prefixes(mapping: &mut Mapping<'_>) -> ClientPrefixes {
    ClientPrefixes { ipv4: mapping.read(&keys::IPV4_PREFIX), ipv6: mapping.read(&keys::IPV6_PREFIX) }
}

/// A size that the range of its key keeps small.
fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
