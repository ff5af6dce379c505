//! The key `probe` of a pool and of a node.

use super::read::{Mapping, Value};
use super::scalar::{is_host, is_token, show_size};
use super::{HttpProbe, Probe, ProbeCheck, Role};
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Stands for the value of a field that carries credentials.
pub(super) const NOT_SHOWN: &str = "(not shown)";

/// The longest body, and the longest text to look for, in bytes.
const LONGEST_BODY: usize = 64 << 10;
const LONGEST_CONTAINS: usize = 1 << 10;

const PATH: &str =
    "expected a path of visible ASCII that starts with a slash, perhaps with a query, without a fragment";
const HOST: &str =
    "expected a host such as mim.example.com or mim.example.com:5725, or null to have it filled in";
const EXPECT: &str = "expected a status or a range within 200 to 599, such as 204 or \"200-399\"";

/// A probe that may be told more: a pool's is where those of its nodes start.
#[derive(Clone)]
pub(super) struct Draft {
    /// Complete but for the host of a request.
    pub(super) probe: Probe,
    role: Role,
    /// The method that was written; without one, whether there is a body decides.
    method: Option<String>,
}

impl Draft {
    pub(super) fn new(role: Role) -> Self {
        Self { probe: role.probe(), role, method: None }
    }

    /// Takes over what was written; keys that are left out stay as they are.
    pub(super) fn read(&mut self, value: &Value<'_>) {
        value.mapping("expected a mapping with http or tcp, interval, timeout, rise, fall", |mapping| {
            let (http, tcp) = (mapping.value("http"), mapping.value("tcp"));
            if http.is_some() && tcp.is_some() {
                value.error_about(
                    "http and tcp",
                    "expected one of them: http asks for an answer, with tcp a connection is enough",
                );
            }
            if let Some(value) = &tcp {
                if !value.is_empty_mapping() {
                    value.error("expected {}");
                }
                self.probe.check = ProbeCheck::Tcp;
            }
            if let Some(value) = &http {
                self.http(value);
            }
            let probe = &mut self.probe;
            let range = Duration::from_millis(10)..=Duration::from_secs(3_600);
            probe.interval = mapping.or("interval", probe.interval, |value| value.duration(range.clone()));
            probe.fast_interval =
                mapping.or("fast_interval", probe.fast_interval, |value| value.duration(range.clone()));
            probe.timeout = mapping.or("timeout", probe.timeout, |value| value.duration(range));
            probe.rise = mapping.or("rise", probe.rise, |value| value.number(1..=100));
            probe.fall = mapping.or("fall", probe.fall, |value| value.number(1..=100));
            let range = Duration::ZERO..=Duration::from_secs(86_400);
            probe.start_grace = mapping.or("start_grace", probe.start_grace, |value| value.duration(range));
        });
    }

    fn http(&mut self, value: &Value<'_>) {
        let mut http = match &self.probe.check {
            ProbeCheck::Http(http) => http.clone(),
            ProbeCheck::Tcp => {
                self.method = None;
                self.role.http_probe()
            }
        };
        let expected = "expected a mapping with method, path, host, headers, body, expect, contains";
        value.mapping(expected, |mapping| self.request(mapping, &mut http));
        self.probe.check = ProbeCheck::Http(http);
    }

    fn request(&mut self, mapping: &mut Mapping<'_>, http: &mut HttpProbe) {
        let keys = ["method", "path", "host", "headers", "body", "expect", "contains"];
        let [method, path, host, headers, body, expect, contains] = keys.map(|key| mapping.value(key));
        if let Some(value) = &method {
            self.method = self::method(value);
        }
        if let Some(value) = path {
            http.path = value.parsed(PATH, path_and_query).unwrap_or_default();
        }
        if let Some(value) = host {
            http.host = if value.is_null() { None } else { value.parsed(HOST, host_and_port) };
        }
        if let Some(value) = headers {
            http.headers = fields(&value);
        }
        if let Some(value) = &body {
            http.body = text(value, LONGEST_BODY);
        }
        if let Some(value) = expect {
            http.expect = statuses(&value);
        }
        if let Some(value) = &contains {
            http.contains = text(value, LONGEST_CONTAINS);
        }
        let by_body = if http.body.is_some() { "POST" } else { "GET" };
        http.method = self.method.clone().unwrap_or_else(|| by_body.into());
        refuse_contradictions(http, method.as_ref(), body.as_ref(), contains.as_ref());
    }
}

/// Reported only where a part of it is written: a node does not repeat what its pool was told.
fn refuse_contradictions(
    http: &HttpProbe,
    method: Option<&Value<'_>>,
    body: Option<&Value<'_>>,
    contains: Option<&Value<'_>>,
) {
    let name = &http.method;
    if http.body.is_some()
        && matches!(name.as_str(), "GET" | "HEAD" | "TRACE")
        && let Some(place) = body.or(method)
    {
        place.error_about(&format!("a body with {name}"), "expected method: POST, or no body");
    }
    if http.contains.is_some()
        && name == "HEAD"
        && let Some(place) = contains.or(method)
    {
        let expected = "expected method: GET, or no contains: the answer to HEAD has no body";
        place.error_about("a text with HEAD", expected);
    }
}

fn method(value: &Value<'_>) -> Option<String> {
    let expected = "expected a method in capital letters, such as GET, HEAD or POST";
    let method = value.parsed(expected, |text| {
        (is_token(text) && !text.bytes().any(|byte| byte.is_ascii_lowercase())).then(|| text.to_owned())
    })?;
    if method == "CONNECT" {
        value.error("expected another method, such as GET: this one asks for a tunnel");
        return None;
    }
    Some(method)
}

fn path_and_query(text: &str) -> Option<String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    fits.then(|| text.to_owned())
}

/// A host as in the field `Host` (RFC 9110 section 7.2).
fn host_and_port(text: &str) -> Option<String> {
    let fits = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            is_host(host) && digits && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        _ => is_host(text),
    };
    fits.then(|| text.to_owned())
}

/// A text that is not empty and not too long; null means none.
fn text(value: &Value<'_>, longest: usize) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let expected = format!("expected a text of 1 byte to {}, or null for none", show_size(longest as u64));
    let text = value.text(&expected)?;
    if text.is_empty() || text.len() > longest {
        value.error_about(&format!("{} bytes", text.len()), &expected);
        return None;
    }
    Some(text.into_owned())
}

/// What is wrong is said of each field; a credential is not repeated.
fn fields(whole: &Value<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let expected = "expected a mapping of fields' names to their values";
    if whole.is_scalar() {
        // It may hold a credential.
        whole.error_about(NOT_SHOWN, expected);
        return fields;
    }
    let entries = whole.entries(expected);
    for (name, value) in entries.unwrap_or_default() {
        let twin = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is_token(name) {
            // What stands behind a colon may be the value that belongs there.
            let shown = name.split_once(':').map_or(name, |(name, _)| name);
            whole.error_about(shown, "expected a field's name: letters, digits and !#$%&'*+-.^_`|~");
        } else if let Some(why) = refusal(name) {
            value.error_about(name, why);
        } else if let Some((twin, _)) = twin {
            value.error_about(name, &format!("expected each field once, and {twin} is the same"));
        } else if let Some(text) = field_value(name, &value) {
            fields.push((name.to_owned(), text));
        }
    }
    fields
}

fn field_value(name: &str, value: &Value<'_>) -> Option<String> {
    let expected = "expected visible ASCII characters, spaces and tabs";
    let text =
        if is_credential(name) { value.hidden_text(NOT_SHOWN, expected)? } else { value.text(expected)? };
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t') {
        return Some(text.into_owned());
    }
    if is_credential(name) {
        value.error_about(NOT_SHOWN, expected);
    } else {
        value.error(expected);
    }
    None
}

/// Why a field is not accepted, if it is not.
fn refusal(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "host" => Some("expected another field: the edge sets this one, from the key host beside headers"),
        "content-length" | "transfer-encoding" => {
            Some("expected another field: the edge sets this one, as the body needs it")
        }
        "connection" | "upgrade" => {
            Some("expected another field: the edge sets this one, as a probe has a connection of its own")
        }
        "expect" => Some("expected another field: the edge sends a probe's body without asking"),
        _ => None,
    }
}

/// Whether the field `name` carries what nobody else should read.
pub(super) fn is_credential(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn statuses(value: &Value<'_>) -> Vec<RangeInclusive<u16>> {
    let elements = value.one_or_several(EXPECT).unwrap_or_default();
    elements.iter().filter_map(status_range).collect()
}

fn status_range(value: &Value<'_>) -> Option<RangeInclusive<u16>> {
    let (first, last) = value.parsed(EXPECT, |text| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((status(first)?, status(last)?))
    })?;
    if first > last {
        value.error(&format!("expected {last}-{first}, the lower status first"));
        return None;
    }
    let range = first..=last;
    if last >= 500 {
        let why = "server errors count as up; IIS answers 503 itself while an application pool is stopped";
        value.warn(&show_range(&range), why);
    }
    Some(range)
}

fn status(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|status| digits && (200..=599).contains(status))
}

/// A range of statuses as it is written.
pub(super) fn show_range(range: &RangeInclusive<u16>) -> String {
    match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

/// Gives a probe by HTTP the host that its requests name, if it was told none: a name, or an address without
/// brackets.
pub(super) fn fill_in_host(probe: &mut Probe, host: Option<&str>) {
    if let (ProbeCheck::Http(HttpProbe { host: filled @ None, .. }), Some(host)) = (&mut probe.check, host) {
        let is_v6 = host.parse::<Ipv6Addr>().is_ok();
        *filled = Some(if is_v6 { format!("[{host}]") } else { host.to_owned() });
    }
}

/// Without the values of credentials: what is logged is read by others.
impl fmt::Debug for HttpProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, String)| {
            (name.clone(), if is_credential(name) { NOT_SHOWN.to_owned() } else { value.clone() })
        };
        formatter
            .debug_struct("HttpProbe")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("host", &self.host)
            .field("headers", &self.headers.iter().map(shown).collect::<Vec<_>>())
            .field("body", &self.body)
            .field("expect", &self.expect)
            .field("contains", &self.contains)
            .finish()
    }
}
