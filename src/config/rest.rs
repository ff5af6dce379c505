//! The smaller sections: `log`, `shutdown`, and those whose features this version does not have.

use super::keys::rest as keys;
use super::read::{Mapping, Value};
use super::{AccessLog, AccessLogTarget, Log, LogFormat};
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

pub(super) fn log(root: &mut Mapping<'_>) -> Log {
    let access = AccessLog { to: AccessLogTarget::Stdout, format: keys::FORMAT.default() };
    let mut log = Log { access, level: keys::LEVEL.default() };
    if let Some(value) = root.value(&keys::LOG) {
        value.mapping(&keys::LOGGED, |mapping| {
            match mapping.or_null(&keys::ACCESS) {
                Some(None) => log.access.to = AccessLogTarget::Off,
                Some(Some(value)) => access_log(&value, &mut log.access),
                None => {}
            }
            log.level = mapping.read(&keys::LEVEL);
        });
    }
    log
}

fn access_log(value: &Value<'_>, access: &mut AccessLog) {
    value.mapping(&keys::ACCESS_LOG, |mapping| {
        if let Some(to) = mapping.value(&keys::TO).and_then(|value| target(&value)) {
            access.to = to;
        }
        access.format = mapping.read(&keys::FORMAT);
    });
}

fn target(value: &Value<'_>) -> Option<AccessLogTarget> {
    let expected = keys::TO.expected();
    match value.text(&expected)?.as_ref() {
        "stdout" => Some(AccessLogTarget::Stdout),
        "off" => Some(AccessLogTarget::Off),
        _ => value.file(&expected).map(AccessLogTarget::File),
    }
}

pub(super) fn shutdown_grace(root: &mut Mapping<'_>) -> Duration {
    let read = |value: Value<'_>| value.mapping(&keys::STOP, |mapping| mapping.read(&keys::GRACE));
    root.value(&keys::SHUTDOWN).and_then(read).unwrap_or_else(|| keys::GRACE.default())
}

/// Sections that accept nothing but their defaults.
pub(super) fn not_built(root: &mut Mapping<'_>) {
    if let Some(value) = root.value(&keys::SESSION_STORE) {
        value.mapping(&keys::STORE, |mapping| {
            mapping.not_built(&keys::ENABLED);
            mapping.not_built(&keys::KIND);
            mapping.not_built(&keys::STORE_PATH);
        });
    }
    root.not_built(&keys::FEDERATION);
    root.not_built(&keys::CLUSTER);
    if let Some(value) = root.value(&keys::STATE) {
        value.mapping(&keys::KEPT, |mapping| {
            mapping.not_built(&keys::STATE_PATH);
            mapping.not_built(&keys::SAVE_INTERVAL);
        });
    }
}
