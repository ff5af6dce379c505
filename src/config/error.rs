//! What is wrong with a configuration: place, value and remedy.

use super::tree::Position;
use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

/// Something that keeps the configuration from being used.
///
/// Displayed as `file:line:column: key.path: value, what is accepted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is.
    pub place: Place,
    /// The value as it was understood, or what is the matter with the key.
    pub value: String,
    /// What is accepted, or what to do.
    pub expected: String,
}

/// Something legal that looks wrong. Displayed like an error behind the word `warning`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it is.
    pub place: Place,
    /// The value as it was understood.
    pub value: String,
    /// Why it looks wrong.
    pub why: String,
    /// Whether it may well be right, which the file cannot tell. Displayed behind the word `advice` instead.
    pub is_advice: bool,
}

/// A place in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The keys that lead there, such as `pools.mim.nodes[2].weight`; empty at the top.
    pub path: String,
}

impl Place {
    pub(super) fn new(file: &Path, position: Position, path: &str) -> Self {
        Self { file: file.to_owned(), line: position.line, column: position.column, path: path.to_owned() }
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        (self.line, self.column).cmp(&(other.line, other.column))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if self.line > 0 {
            write!(formatter, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(formatter, ": {}", self.path)?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}, {}", self.place, self.value, self.expected)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_advice { "advice" } else { "warning" };
        write!(formatter, "{kind}: {}: {}, {}", self.place, self.value, self.why)
    }
}
