//! Why there is nothing to see.

use crate::config::ConfigError;
use std::fmt;
use std::io::{self, ErrorKind};

/// What ends the demo before its own end.
#[derive(Debug)]
pub(super) enum DemoError {
    /// The configuration is wrong.
    Config(Vec<ConfigError>),
    /// It is right, and not for a demo.
    Unfit(String),
    /// The system refused something.
    Io { doing: String, source: io::Error },
    /// The edge is not what it should be.
    Edge { what: &'static str, said: String },
}

impl DemoError {
    pub(super) fn io(doing: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.to_owned(), source }
    }

    pub(super) fn is_in_use(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == ErrorKind::AddrInUse)
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(errors) => {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                formatter.write_str(&lines.join("\n"))
            }
            Self::Unfit(text) => write!(formatter, "identity-edge demo: {text}"),
            Self::Io { doing, source } => write!(formatter, "identity-edge demo: cannot {doing}: {source}"),
            Self::Edge { what, said } => {
                write!(formatter, "identity-edge demo: the edge {what}; it said:\n{said}")
            }
        }
    }
}
