//! The key `probe` of a pool and of a node.

use super::keys::probe as keys;
use super::read::{Mapping, Value};
use super::scalar::{is_field_text, is_host, is_token, parse_statuses, show_statuses};
use super::shape::{Key, LongText, OrNull, Scalar as _, Shape as _};
use super::{HttpProbe, Probe, ProbeCheck, Role};
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

/// Stands for the value of a field that carries credentials.
pub(super) const NOT_SHOWN: &str = "(not shown)";

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
        value.mapping(&keys::PROBE, |mapping| {
            let (http, tcp) = (mapping.value(&keys::HTTP), mapping.value(&keys::TCP));
            if http.is_some() && tcp.is_some() {
                value.error_about(
                    "http and tcp",
                    "expected one of them: http asks for an answer, with tcp a connection is enough",
                );
            }
            if let Some(value) = &tcp {
                if !value.is_empty_mapping() {
                    value.error(&keys::TCP.expected());
                }
                self.probe.check = ProbeCheck::Tcp;
            }
            if let Some(value) = &http {
                self.http(value);
            }
            let probe = &mut self.probe;
            probe.interval = mapping.read_or(&keys::INTERVAL, probe.interval);
            probe.fast_interval = mapping.read_or(&keys::FAST_INTERVAL, probe.fast_interval);
            probe.timeout = mapping.read_or(&keys::TIMEOUT, probe.timeout);
            probe.rise = mapping.read_or(&keys::RISE, probe.rise);
            probe.fall = mapping.read_or(&keys::FALL, probe.fall);
            probe.start_grace = mapping.read_or(&keys::START_GRACE, probe.start_grace);
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
        value.mapping(&keys::REQUEST, |mapping| self.request(mapping, &mut http));
        self.probe.check = ProbeCheck::Http(http);
    }

    fn request(&mut self, mapping: &mut Mapping<'_>, http: &mut HttpProbe) {
        let [method, body, contains] =
            [mapping.value(&keys::METHOD), mapping.value(&keys::BODY), mapping.value(&keys::CONTAINS)];
        if let Some(value) = &method {
            self.method = written_method(value);
        }
        http.path = mapping.read_or(&keys::PATH, std::mem::take(&mut http.path));
        http.host = mapping.read_or(&keys::HOST, http.host.take());
        if let Some(value) = mapping.value(&keys::HEADERS) {
            http.headers = fields(&value);
        }
        if let Some(value) = &body {
            http.body = text(value, &keys::BODY);
        }
        if let Some(value) = mapping.value(&keys::EXPECT) {
            http.expect = statuses(&value);
        }
        if let Some(value) = &contains {
            http.contains = text(value, &keys::CONTAINS);
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

fn written_method(value: &Value<'_>) -> Option<String> {
    let method = keys::METHOD.shape.read(value)?;
    if method == "CONNECT" {
        value.error("expected another method, such as GET: this one asks for a tunnel");
        return None;
    }
    Some(method)
}

pub(super) fn method(text: &str) -> Option<String> {
    (is_token(text) && !text.bytes().any(|byte| byte.is_ascii_lowercase())).then(|| text.to_owned())
}

pub(super) fn path_and_query(text: &str) -> Option<String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    fits.then(|| text.to_owned())
}

/// A host as in the field `Host` (RFC 9110 section 7.2).
pub(super) fn host_and_port(text: &str) -> Option<String> {
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
fn text(value: &Value<'_>, key: &Key<OrNull<LongText>>) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let expected = key.expected();
    let text = value.text(&expected)?;
    if text.is_empty() || text.len() as u64 > key.shape.0.0 {
        value.error_about(&format!("{} bytes", text.len()), &expected);
        return None;
    }
    Some(text.into_owned())
}

/// What is wrong is said of each field; a credential is not repeated.
fn fields(whole: &Value<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let expected = keys::HEADERS.expected();
    if whole.is_scalar() {
        // It may hold a credential.
        whole.error_about(NOT_SHOWN, &expected);
        return fields;
    }
    let entries = whole.entries(&expected);
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
    let expected = keys::HEADERS.shape.each.expected();
    let credential = is_credential(name);
    let text = if credential { value.hidden_text(NOT_SHOWN, &expected)? } else { value.text(&expected)? };
    let text = field_text(&text);
    if text.is_none() {
        if credential {
            value.error_about(NOT_SHOWN, &expected);
        } else {
            value.error(&expected);
        }
    }
    text
}

pub(super) fn field_text(text: &str) -> Option<String> {
    is_field_text(text).then(|| text.to_owned())
}

/// Fields that a probe is not told, each with the reason.
pub(super) const NOT_AMONG_HEADERS: [(&str, &str); 6] = [
    ("host", "expected another field: the edge sets this one, from the key host beside headers"),
    ("content-length", AS_THE_BODY_NEEDS_IT),
    ("transfer-encoding", AS_THE_BODY_NEEDS_IT),
    ("connection", ITS_OWN_CONNECTION),
    ("upgrade", ITS_OWN_CONNECTION),
    ("expect", "expected another field: the edge sends a probe's body without asking"),
];
const AS_THE_BODY_NEEDS_IT: &str = "expected another field: the edge sets this one, as the body needs it";
const ITS_OWN_CONNECTION: &str =
    "expected another field: the edge sets this one, as a probe has a connection of its own";

/// Why a field is not accepted, if it is not.
fn refusal(name: &str) -> Option<&'static str> {
    NOT_AMONG_HEADERS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, why)| *why)
}

/// Whether the field `name` carries what nobody else should read.
pub(super) fn is_credential(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn statuses(value: &Value<'_>) -> Vec<RangeInclusive<u16>> {
    let elements = value.one_or_several(&keys::EXPECT.expected()).unwrap_or_default();
    elements.iter().filter_map(status_range).collect()
}

fn status_range(value: &Value<'_>) -> Option<RangeInclusive<u16>> {
    let accepted = &keys::EXPECT.shape.0;
    let (first, last) = value
        .parsed(&keys::EXPECT.expected(), |text| parse_statuses(text, &(accepted.least..=accepted.most)))?;
    if first > last {
        value.error(&format!("expected {last}-{first}, the lower status first"));
        return None;
    }
    let range = first..=last;
    if last >= 500 {
        let why = "server errors count as up; IIS answers 503 itself while an application pool is stopped";
        value.warn(&show_statuses(&range), why);
    }
    Some(range)
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
