//! The access log: one line a request, written by a thread of its own.
//!
//! A request never waits for the log. Lines go through a bounded queue; when the writer does not keep up,
//! lines are dropped and counted, and the count is told with the next message that says so.

use crate::engine::handler::Times;
use crate::persistence::stick_table::Key;
use log::warn;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Lines that may wait to be written.
const QUEUE: usize = 8192;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

/// The log, as requests see it.
#[derive(Debug)]
pub struct AccessLog {
    queue: SyncSender<Message>,
    reopen: Arc<AtomicBool>,
    format: Format,
    /// Since the last message about it, and in all.
    dropped: Arc<AtomicU64>,
    all_dropped: AtomicU64,
}

/// What the writing thread is told.
#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Look at the flag.
    Wake,
}

/// The writing thread, to be waited for at the end.
#[derive(Debug)]
pub struct Writer {
    finished: Receiver<()>,
}

impl Writer {
    /// Waits until every line is written, at most for so long: whoever should read the log may not. Every
    /// [`AccessLog`] must be gone. False if lines were left.
    #[must_use]
    pub fn finish(self, limit: Duration) -> bool {
        // The writer's end of the channel is dropped when its thread ends.
        self.finished.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }
}

impl AccessLog {
    /// A log and the thread that writes it.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not started.
    pub fn start(sink: &Sink, format: Format) -> io::Result<(Self, Writer)> {
        let out = open(sink)?;
        let sink = sink.clone();
        let (queue, lines) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        let reopen = Arc::new(AtomicBool::new(false));
        let reopening = reopen.clone();
        let (finish, finished) = sync_channel::<()>(1);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            write_lines(&lines, &sink, out, &counted, &reopening);
            drop(finish);
        })?;
        Ok((Self { queue, reopen, format, dropped, all_dropped: AtomicU64::new(0) }, Writer { finished }))
    }

    /// Writes an entry, or counts it as dropped.
    pub(super) fn write(&self, entry: &Entry<'_>) {
        let mut line = Vec::with_capacity(512);
        match self.format {
            // Serialising plain values into memory does not fail.
            Format::Json => drop(serde_json::to_writer(&mut line, entry)),
            Format::Text => entry.write_text(&mut line),
        }
        line.push(b'\n');
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.all_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.all_dropped.load(Ordering::Relaxed)
    }

    /// Opens the file anew before the next line is written, after whoever rotates logs has moved it away.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        // If the queue is full, the writer is awake.
        let _ = self.queue.try_send(Message::Wake);
    }
}

fn open(sink: &Sink) -> io::Result<Box<dyn Write + Send>> {
    Ok(match sink {
        Sink::Stdout => Box::new(io::stdout()),
        Sink::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    })
}

fn write_lines(
    messages: &Receiver<Message>,
    sink: &Sink,
    out: Box<dyn Write + Send>,
    dropped: &AtomicU64,
    reopen: &AtomicBool,
) {
    let mut out = BufWriter::with_capacity(64 * 1024, out);
    while let Ok(first) = messages.recv() {
        if reopen.swap(false, Ordering::Acquire) {
            match open(sink) {
                Ok(file) => out = BufWriter::with_capacity(64 * 1024, file),
                Err(error) => warn!("the access log cannot be opened again, the old file is kept: {error}"),
            }
        }
        // Whatever else is there leaves in the same write.
        for message in std::iter::once(first).chain(std::iter::from_fn(|| messages.try_recv().ok())) {
            if let Message::Line(line) = message
                && let Err(error) = out.write_all(&line)
            {
                warn!("the access log cannot be written: {error}");
            }
        }
        if let Err(error) = out.flush() {
            warn!("the access log cannot be written: {error}");
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            warn!("{lost} lines of the access log were dropped: the writer does not keep up");
        }
    }
}

/// What is written of a request.
pub(super) struct Entry<'a> {
    pub(super) request_id: u64,
    pub(super) listener: Option<&'a str>,
    pub(super) route: Option<&'a str>,
    pub(super) pool: Option<&'a str>,
    pub(super) group: Option<&'a str>,
    pub(super) client: IpAddr,
    pub(super) key: Option<Key>,
    pub(super) class: Option<&'static str>,
    pub(super) why: Option<&'static str>,
    pub(super) cookie: Option<&'static str>,
    pub(super) outcome: Option<&'static str>,
    pub(super) node: Option<&'a str>,
    pub(super) method: &'a [u8],
    pub(super) path: &'a [u8],
    pub(super) status: u16,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) times: Times,
    pub(super) retries: u32,
    pub(super) failure: Option<&'static str>,
}

impl Entry<'_> {
    pub(super) fn empty() -> Self {
        Self {
            request_id: 0,
            listener: None,
            route: None,
            pool: None,
            group: None,
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

    fn write_text(&self, line: &mut Vec<u8>) {
        // The same fields in the same order as JSON; text values are quoted as JSON strings are.
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) else { return };
        for (name, value) in fields.iter().filter(|(name, value)| *name != "event" && !value.is_null()) {
            if !line.is_empty() {
                line.push(b' ');
            }
            let plain = value.as_str().filter(|text| {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
            });
            // Writing to memory does not fail.
            let _ = match plain {
                Some(text) => write!(line, "{name}={text}"),
                None => write!(line, "{name}={value}"),
            };
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", "request")?;
        map.serialize_entry("time", &Shown(jiff::Timestamp::now()))?;
        map.serialize_entry("request_id", &Shown(Hex(self.request_id)))?;
        map.serialize_entry("listener", &self.listener)?;
        map.serialize_entry("route", &self.route)?;
        map.serialize_entry("pool", &self.pool)?;
        map.serialize_entry("group", &self.group)?;
        map.serialize_entry("client", &self.client)?;
        map.serialize_entry("key", &self.key.map(Shown))?;
        map.serialize_entry("class", &self.class)?;
        map.serialize_entry("why", &self.why)?;
        map.serialize_entry("cookie", &self.cookie)?;
        map.serialize_entry("outcome", &self.outcome)?;
        map.serialize_entry("node", &self.node)?;
        map.serialize_entry("method", &Shown(Ascii(self.method)))?;
        map.serialize_entry("path", &Shown(Ascii(self.path)))?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("request_bytes", &self.request_bytes)?;
        map.serialize_entry("response_bytes", &self.response_bytes)?;
        map.serialize_entry("queue_ms", &milliseconds(self.times.queue))?;
        map.serialize_entry("connect_ms", &milliseconds(self.times.connect))?;
        map.serialize_entry("first_byte_ms", &self.times.first_byte.map(milliseconds))?;
        map.serialize_entry("total_ms", &milliseconds(self.times.total))?;
        map.serialize_entry("retries", &self.retries)?;
        map.serialize_entry("failure", &self.failure)?;
        map.end()
    }
}

/// Serialises what can be displayed as text.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Hex(u64);

impl std::fmt::Display for Hex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Bytes that were checked to be ASCII.
struct Ascii<'a>(&'a [u8]);

impl std::fmt::Display for Ascii<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(std::str::from_utf8(self.0).unwrap_or_default())
    }
}
