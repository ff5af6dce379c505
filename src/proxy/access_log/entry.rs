//! What is written of a request, and in which order.

use super::line;
use super::stamp::Stamp;
use crate::engine::handler::Times;
use crate::persistence::stick_table::Key;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What is written of a request. Texts that live as long as the process are words of our own, which need no
/// escapes.
pub(in crate::proxy) struct Entry<'a> {
    pub(in crate::proxy) request_id: u64,
    pub(in crate::proxy) listener: Option<&'a str>,
    pub(in crate::proxy) route: Option<&'a str>,
    pub(in crate::proxy) pool: Option<&'a str>,
    pub(in crate::proxy) group: Option<&'a str>,
    /// Who connected, where that is not the client.
    pub(in crate::proxy) peer: Option<IpAddr>,
    pub(in crate::proxy) client: IpAddr,
    pub(in crate::proxy) key: Option<Key>,
    pub(in crate::proxy) class: Option<&'static str>,
    pub(in crate::proxy) why: Option<&'static str>,
    pub(in crate::proxy) cookie: Option<&'static str>,
    pub(in crate::proxy) outcome: Option<&'static str>,
    pub(in crate::proxy) node: Option<&'a str>,
    pub(in crate::proxy) method: &'a [u8],
    pub(in crate::proxy) path: &'a [u8],
    pub(in crate::proxy) status: u16,
    pub(in crate::proxy) request_bytes: u64,
    pub(in crate::proxy) response_bytes: u64,
    pub(in crate::proxy) times: Times,
    pub(in crate::proxy) retries: u32,
    pub(in crate::proxy) failure: Option<&'static str>,
}

/// A further field's name, as JSON has it in front of a number.
macro_rules! json {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

/// A further field that is a string or null, as JSON has it. One literal for everything that does not change: each
/// piece that is appended alone costs as much as a long one.
macro_rules! json_string {
    ($line:ident, $name:literal, $value:expr, $write:expr) => {
        match $value {
            Some(value) => {
                $line.extend_from_slice(concat!(",\"", $name, "\":\"").as_bytes());
                $write($line, value);
                $line.push(b'"');
            }
            None => $line.extend_from_slice(concat!(",\"", $name, "\":null").as_bytes()),
        }
    };
}

/// A further field's name in text; no line begins with it.
macro_rules! text {
    ($name:literal) => {
        concat!(" ", $name, "=").as_bytes()
    };
}

impl Entry<'_> {
    pub(in crate::proxy) fn empty() -> Self {
        Self {
            request_id: 0,
            listener: None,
            route: None,
            pool: None,
            group: None,
            peer: None,
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            key: None,
            class: None,
            why: None,
            cookie: None,
            outcome: None,
            node: None,
            method: b"",
            path: b"",
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            times: Times::default(),
            retries: 0,
            failure: None,
        }
    }

    /// The entry as a JSON object, for a request that ended so long after 1970.
    pub(super) fn write_json(&self, line: &mut Vec<u8>, stamp: &mut Stamp, ended: Duration) {
        line.extend_from_slice(b"{\"event\":\"request\"");
        self.write_json_names(line, stamp, ended);
        self.write_json_client(line);
        self.write_json_answer(line);
        line.push(b'}');
    }

    fn write_json_names(&self, line: &mut Vec<u8>, stamp: &mut Stamp, ended: Duration) {
        json_string!(line, "time", Some(ended), |line, ended| stamp.write(line, ended));
        json_string!(line, "request_id", Some(self.request_id), line::hexadecimal);
        json_string!(line, "listener", self.listener, name);
        json_string!(line, "route", self.route, name);
        json_string!(line, "pool", self.pool, name);
        json_string!(line, "group", self.group, name);
    }

    fn write_json_client(&self, line: &mut Vec<u8>) {
        json_string!(line, "client", Some(self.client), line::address);
        // Most have none, and a field that is always null is only read over.
        if self.peer.is_some() {
            json_string!(line, "peer", self.peer, line::address);
        }
        json_string!(line, "key", &self.key, line::key);
        json_string!(line, "class", self.class, word);
        json_string!(line, "why", self.why, word);
        json_string!(line, "cookie", self.cookie, word);
        json_string!(line, "outcome", self.outcome, word);
        json_string!(line, "node", self.node, name);
    }

    fn write_json_answer(&self, line: &mut Vec<u8>) {
        json_string!(line, "method", Some(self.method), line::escaped);
        json_string!(line, "path", Some(self.path), line::escaped);
        number(line, json!("status"), u64::from(self.status));
        number(line, json!("request_bytes"), self.request_bytes);
        number(line, json!("response_bytes"), self.response_bytes);
        milliseconds(line, json!("queue_ms"), self.times.queue);
        milliseconds(line, json!("connect_ms"), self.times.connect);
        match self.times.first_byte {
            Some(first_byte) => milliseconds(line, json!("first_byte_ms"), first_byte),
            None => line.extend_from_slice(b",\"first_byte_ms\":null"),
        }
        milliseconds(line, json!("total_ms"), self.times.total);
        number(line, json!("retries"), u64::from(self.retries));
        json_string!(line, "failure", self.failure, word);
    }

    /// The entry as `key=value` pairs in the order of the alphabet, without those that have no value.
    pub(super) fn write_text(&self, line: &mut Vec<u8>, stamp: &mut Stamp, ended: Duration) {
        let start = line.len();
        word_if_any(line, text!("class"), self.class);
        line.extend_from_slice(text!("client"));
        line::address(line, self.client);
        milliseconds(line, text!("connect_ms"), self.times.connect);
        word_if_any(line, text!("cookie"), self.cookie);
        word_if_any(line, text!("failure"), self.failure);
        if_any(line, text!("first_byte_ms"), self.times.first_byte, line::milliseconds);
        name_if_any(line, text!("group"), self.group);
        if_any(line, text!("key"), self.key.as_ref(), line::key);
        name_if_any(line, text!("listener"), self.listener);
        name_if_any(line, text!("method"), Some(self.method));
        name_if_any(line, text!("node"), self.node);
        word_if_any(line, text!("outcome"), self.outcome);
        name_if_any(line, text!("path"), Some(self.path));
        if_any(line, text!("peer"), self.peer, line::address);
        name_if_any(line, text!("pool"), self.pool);
        milliseconds(line, text!("queue_ms"), self.times.queue);
        number(line, text!("request_bytes"), self.request_bytes);
        line.extend_from_slice(text!("request_id"));
        line::hexadecimal(line, self.request_id);
        number(line, text!("response_bytes"), self.response_bytes);
        number(line, text!("retries"), u64::from(self.retries));
        name_if_any(line, text!("route"), self.route);
        number(line, text!("status"), u64::from(self.status));
        line.extend_from_slice(text!("time"));
        stamp.write(line, ended);
        milliseconds(line, text!("total_ms"), self.times.total);
        word_if_any(line, text!("why"), self.why);
        // The space in front of the first.
        line.remove(start);
    }
}

fn name(line: &mut Vec<u8>, name: &str) {
    line::escaped(line, name.as_bytes());
}

fn word(line: &mut Vec<u8>, word: &'static str) {
    line.extend_from_slice(word.as_bytes());
}

#[inline]
fn number(line: &mut Vec<u8>, name: &[u8], number: u64) {
    line.extend_from_slice(name);
    line::number(line, number);
}

#[inline]
fn milliseconds(line: &mut Vec<u8>, name: &[u8], duration: Duration) {
    line.extend_from_slice(name);
    line::milliseconds(line, duration);
}

fn if_any<T>(line: &mut Vec<u8>, name: &[u8], value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    if let Some(value) = value {
        line.extend_from_slice(name);
        write(line, value);
    }
}

fn name_if_any(line: &mut Vec<u8>, name: &[u8], value: Option<impl AsRef<[u8]>>) {
    if_any(line, name, value, |line, value| line::bare_or_quoted(line, value.as_ref()));
}

fn word_if_any(line: &mut Vec<u8>, name: &[u8], word: Option<&'static str>) {
    if_any(line, name, word, self::word);
}
