//! The smaller sections: `log`, `limits`, `shutdown`, and those whose features this version does not have.

use super::read::{Mapping, Value};
use super::{AccessLog, AccessLogTarget, Limits, Log, LogFormat};
use log::LevelFilter;
use std::time::Duration;

pub(super) const LEVELS: [(&str, LevelFilter); 6] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
    ("trace", LevelFilter::Trace),
    ("off", LevelFilter::Off),
];
pub(super) const FORMATS: [(&str, LogFormat); 2] = [("json", LogFormat::Json), ("text", LogFormat::Text)];

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn log(root: &mut Mapping<'_>) -> Log {
    let mut log = Log {
        access: AccessLog { to: AccessLogTarget::Stdout, format: LogFormat::Json },
        level: LevelFilter::Info,
    };
    if let Some(value) = root.value("log") {
        value.mapping("expected a mapping with access and level", |mapping| {
            match mapping.value("access") {
                Some(value) if value.is_null() => log.access.to = AccessLogTarget::Off,
                Some(value) => access(&value, &mut log.access),
                None => {}
            }
            log.level = mapping.or("level", log.level, |value| value.word(&LEVELS));
        });
    }
    log
}

fn access(value: &Value<'_>, access: &mut AccessLog) {
    value.mapping("expected a mapping with to and format, or null for no access log", |mapping| {
        access.to = mapping.or("to", AccessLogTarget::Stdout, |value| {
            let expected = "expected stdout, off or a file";
            match value.text(expected)?.as_ref() {
                "stdout" => Some(AccessLogTarget::Stdout),
                "off" => Some(AccessLogTarget::Off),
                _ => value.file(expected).map(AccessLogTarget::File),
            }
        });
        access.format = mapping.or("format", access.format, |value| value.word(&FORMATS));
    });
}

pub(super) fn limits(root: &mut Mapping<'_>) -> Limits {
    let mut limits = Limits {
        request_header_bytes: 128 << 10,
        header_timeout: 10 * SECOND,
        connections: 20_000,
        requests_per_connection: 10_000,
        waiting: 1_000,
    };
    if let Some(value) = root.value("limits") {
        value.mapping(
            "expected a mapping with request_header_bytes, header_timeout, connections",
            |mapping| {
                let bytes =
                    mapping.value("request_header_bytes").and_then(|value| value.size(1 << 10..=16 << 20));
                limits.request_header_bytes = bytes
                    .and_then(|bytes| usize::try_from(bytes).ok())
                    .unwrap_or(limits.request_header_bytes);
                limits.header_timeout = mapping.or("header_timeout", limits.header_timeout, |value| {
                    value.duration(Duration::from_millis(1)..=3_600 * SECOND)
                });
                limits.connections =
                    mapping.or("connections", limits.connections, |value| value.number(1..=10_000_000));
                limits.requests_per_connection =
                    mapping.or("requests_per_connection", limits.requests_per_connection, |value| {
                        value.integer(1..=1_000_000_000)
                    });
                limits.waiting = mapping.or("waiting", limits.waiting, |value| value.number(0..=10_000_000));
            },
        );
    }
    limits
}

pub(super) fn shutdown_grace(root: &mut Mapping<'_>) -> Duration {
    let default = 60 * SECOND;
    let read = |value: Value<'_>| {
        value.mapping("expected a mapping with grace", |mapping| {
            mapping.or("grace", default, |value| value.duration(Duration::ZERO..=86_400 * SECOND))
        })
    };
    root.value("shutdown").and_then(read).unwrap_or(default)
}

/// Sections that accept nothing but their defaults.
pub(super) fn not_built(root: &mut Mapping<'_>) {
    if let Some(value) = root.value("session_store") {
        value.mapping("expected a mapping with enabled", |mapping| {
            mapping.not_built_unless("enabled", &["false"]);
            mapping.not_built_unless("kind", &["embedded"]);
            mapping.not_built_unless("path", &["/var/lib/identity-edge"]);
        });
    }
    root.not_built("federation", "{}", Value::is_empty_mapping);
    root.not_built("cluster", "{}", Value::is_empty_mapping);
    if let Some(value) = root.value("state") {
        value.mapping("expected a mapping with path and save_interval", |mapping| {
            mapping.not_built("path", "null", Value::is_null);
            mapping.not_built_unless("save_interval", &["10s"]);
        });
    }
}
