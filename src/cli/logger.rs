//! Messages for people: one line each, on standard error.

use log::{LevelFilter, Log, Metadata, Record};
use std::io::Write;

struct Lines;

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
        // Nobody may be reading: then nobody misses it.
        let _ = if ours {
            writeln!(std::io::stderr(), "{time:.3} {level} {message}")
        } else {
            writeln!(std::io::stderr(), "{time:.3} {level} {target}: {message}")
        };
    }

    fn flush(&self) {}
}

/// Starts writing messages of at least this severity.
pub(super) fn start(level: LevelFilter) {
    if log::set_logger(&Lines).is_ok() {
        log::set_max_level(level);
    }
}
