//! Messages for people: one line each, on standard error.
//!
//! They are written by a thread of their own: who logs must not wait for who reads, least of all the control
//! thread, which hears signals. When nobody reads, messages are dropped and counted.

use log::{LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// Messages that may wait to be written.
const QUEUE: usize = 1024;

/// How long the last messages may take.
const PATIENCE: Duration = Duration::from_secs(1);

enum Message {
    Line(String),
    /// Everything before has been written.
    Flush(Sender<()>),
}

struct Lines {
    queue: SyncSender<Message>,
    dropped: AtomicU64,
}

static LINES: OnceCell<Lines> = OnceCell::new();

impl Log for Lines {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Pingora and rustls speak up only where something is wrong; our own messages carry no target.
        let target = record.target();
        let ours = target.starts_with("identity_edge");
        if !ours && record.level() > log::Level::Warn && log::max_level() < LevelFilter::Debug {
            return;
        }
        let time = jiff::Timestamp::now();
        let level = record.level();
        let message = record.args();
        let lost = self.dropped.swap(0, Ordering::Relaxed);
        let mut line = String::new();
        if lost > 0 {
            line = format!("{time:.3} WARN {lost} messages were dropped: nobody read them\n");
        }
        line += &if ours {
            format!("{time:.3} {level} {message}\n")
        } else {
            format!("{time:.3} {level} {target}: {message}\n")
        };
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }

    /// Waits until what was logged is written, but not for ever.
    fn flush(&self) {
        let (done, is_done) = channel();
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}

fn write_lines(messages: &Receiver<Message>) {
    for message in messages {
        match message {
            // Nobody may be reading: then nobody misses it.
            Message::Line(line) => drop(std::io::stderr().write_all(line.as_bytes())),
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

/// Starts writing messages of at least this severity.
pub(super) fn start(level: LevelFilter) {
    let (queue, messages) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new().name("messages".to_owned());
    if writer.spawn(move || write_lines(&messages)).is_err() {
        return;
    }
    let lines = LINES.get_or_init(|| Lines { queue, dropped: AtomicU64::new(0) });
    if log::set_logger(lines).is_ok() {
        log::set_max_level(level);
    }
}
