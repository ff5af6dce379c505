//! `admin`, `log`, `shutdown`, and the sections whose features this version does not have.

use super::super::LogFormat;
use super::super::rest::{FORMATS, LEVELS};
use super::super::shape::{
    File, Key, Lasting, Map, NotBuilt, OrNull, Section, Text, Word, optional, section,
};
use super::{DAY, socket_address};
use log::LevelFilter;
use std::net::SocketAddr;
use std::time::Duration;

pub(in crate::config) static ADMIN: Key<OrNull<Map>> = section(
    "admin",
    OrNull(Map(&ADMIN_INTERFACE)),
    "The admin interface: metrics, the health of the edge, the states of nodes. null turns it off.",
);

pub(in crate::config) static ADMIN_INTERFACE: Section = Section {
    name: "admin",
    expected: "expected a mapping with bind and token_file, or null for none",
    keys: &[&BIND, &TOKEN_FILE],
};

pub(in crate::config) static BIND: Key<OrNull<Text<SocketAddr>>> = optional(
    "bind",
    OrNull(socket_address(
        "expected an address and port such as 127.0.0.1:9901, or null for none",
        &["127.0.0.1:9901"],
    )),
    "127.0.0.1:9901",
    "Where it listens; null turns it off. Without a token only a loopback address is accepted.",
);

pub(in crate::config) static TOKEN_FILE: Key<OrNull<File>> = optional(
    "token_file",
    OrNull(File("expected a file with a token, or null for none")),
    "null",
    "A file with the token that clients must send, 16 to 256 visible ASCII characters; null asks for none.",
);

pub(in crate::config) static LOG: Key<Map> = section("log", Map(&LOGGED), "What is logged, and where to.");

pub(in crate::config) static LOGGED: Section =
    Section { name: "log", expected: "expected a mapping with access and level", keys: &[&ACCESS, &LEVEL] };

pub(in crate::config) static ACCESS: Key<OrNull<Map>> =
    section("access", OrNull(Map(&ACCESS_LOG)), "The access log; null is the same as `to: off`.");

pub(in crate::config) static LEVEL: Key<Word<LevelFilter>> =
    optional("level", Word(&LEVELS), "info", "The least severe message on standard error.");

pub(in crate::config) static ACCESS_LOG: Section = Section {
    name: "access_log",
    expected: "expected a mapping with to and format, or null for no access log",
    keys: &[&TO, &FORMAT],
};

pub(in crate::config) static TO: Key<File> = optional(
    "to",
    File("expected stdout, off or a file"),
    "stdout",
    "stdout, off, or a file, which is appended to and opened anew at SIGUSR1.",
);

pub(in crate::config) static FORMAT: Key<Word<LogFormat>> = optional(
    "format",
    Word(&FORMATS),
    "json",
    "How a line looks: an object of JSON, or key=value without what is null.",
);

pub(in crate::config) static SHUTDOWN: Key<Map> = section("shutdown", Map(&STOP), "How the process ends.");

pub(in crate::config) static STOP: Section =
    Section { name: "shutdown", expected: "expected a mapping with grace", keys: &[&GRACE] };

pub(in crate::config) static GRACE: Key<Lasting> = optional(
    "grace",
    Lasting(Duration::ZERO..=DAY),
    "60s",
    "How long a stop waits for requests in flight; it ends as soon as there are none.",
);

pub(in crate::config) static SESSION_STORE: Key<Map> =
    section("session_store", Map(&STORE), "Where sessions of users are kept.");

pub(in crate::config) static STORE: Section = Section {
    name: "session_store",
    expected: "expected a mapping with enabled",
    keys: &[&ENABLED, &KIND, &STORE_PATH],
};

pub(in crate::config) static ENABLED: Key<NotBuilt> =
    optional("enabled", NotBuilt(&["false"]), "false", "Whether there is a store.");

pub(in crate::config) static KIND: Key<NotBuilt> =
    optional("kind", NotBuilt(&["embedded"]), "embedded", "The kind of store.");

pub(in crate::config) static STORE_PATH: Key<NotBuilt> = optional(
    "path",
    NotBuilt(&["/var/lib/identity-edge"]),
    "/var/lib/identity-edge",
    "The folder of an embedded store.",
);

pub(in crate::config) static FEDERATION: Key<NotBuilt> =
    optional("federation", NotBuilt(&["{}"]), "{}", "Sign-in through identity providers.");

pub(in crate::config) static CLUSTER: Key<NotBuilt> =
    optional("cluster", NotBuilt(&["{}"]), "{}", "Pins shared between edges.");

pub(in crate::config) static STATE: Key<Map> = section("state", Map(&KEPT), "What is kept over a restart.");

pub(in crate::config) static KEPT: Section = Section {
    name: "state",
    expected: "expected a mapping with path and save_interval",
    keys: &[&STATE_PATH, &SAVE_INTERVAL],
};

pub(in crate::config) static STATE_PATH: Key<NotBuilt> =
    optional("path", NotBuilt(&["null"]), "null", "The file in which pins and states of nodes are kept.");

pub(in crate::config) static SAVE_INTERVAL: Key<NotBuilt> =
    optional("save_interval", NotBuilt(&["10s"]), "10s", "How often it is written.");
