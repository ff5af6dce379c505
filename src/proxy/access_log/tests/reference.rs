//! The same lines, written by a serialiser and `Display`: slowly and plainly.

use crate::proxy::access_log::Entry;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::{self, Display, Formatter, Write};
use std::time::Duration;

pub(super) fn json(entry: &Entry<'_>, ended: Duration) -> String {
    serde_json::to_string(&Ended(entry, ended)).unwrap()
}

pub(super) fn text(entry: &Entry<'_>, ended: Duration) -> String {
    let value = serde_json::to_value(Ended(entry, ended)).unwrap();
    let mut line = String::new();
    for (name, value) in value.as_object().unwrap() {
        if name == "event" || value.is_null() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        let plain = value.as_str().filter(|text| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
        });
        match plain {
            Some(text) => write!(line, "{name}={text}").unwrap(),
            None => write!(line, "{name}={value}").unwrap(),
        }
    }
    line
}

/// An entry, and when it ended.
struct Ended<'a>(&'a Entry<'a>, Duration);

impl Serialize for Ended<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(entry, ended) = self;
        let time = jiff::Timestamp::UNIX_EPOCH + *ended;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", "request")?;
        map.serialize_entry("time", &Shown(time))?;
        map.serialize_entry("request_id", &Shown(Hex(entry.request_id)))?;
        map.serialize_entry("listener", &entry.listener)?;
        map.serialize_entry("route", &entry.route)?;
        map.serialize_entry("pool", &entry.pool)?;
        map.serialize_entry("group", &entry.group)?;
        map.serialize_entry("client", &entry.client)?;
        map.serialize_entry("key", &entry.key.map(Shown))?;
        map.serialize_entry("class", &entry.class)?;
        map.serialize_entry("why", &entry.why)?;
        map.serialize_entry("cookie", &entry.cookie)?;
        map.serialize_entry("outcome", &entry.outcome)?;
        map.serialize_entry("node", &entry.node)?;
        map.serialize_entry("method", std::str::from_utf8(entry.method).unwrap_or_default())?;
        map.serialize_entry("path", std::str::from_utf8(entry.path).unwrap_or_default())?;
        map.serialize_entry("status", &entry.status)?;
        map.serialize_entry("request_bytes", &entry.request_bytes)?;
        map.serialize_entry("response_bytes", &entry.response_bytes)?;
        map.serialize_entry("queue_ms", &milliseconds(entry.times.queue))?;
        map.serialize_entry("connect_ms", &milliseconds(entry.times.connect))?;
        map.serialize_entry("first_byte_ms", &entry.times.first_byte.map(milliseconds))?;
        map.serialize_entry("total_ms", &milliseconds(entry.times.total))?;
        map.serialize_entry("retries", &entry.retries)?;
        map.serialize_entry("failure", &entry.failure)?;
        map.end()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Serialises what can be displayed as text.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Hex(u64);

impl Display for Hex {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}
