//! A key ring as text: one key a line, `<id: 8 hex digits> <base64 of 32 bytes> <created: RFC 3339>`.

use std::fmt;

use super::super::base64::{STANDARD, encoded_length};
use super::created::Created;
use super::{Key, KeyId, KeyRing, MAX_KEYS, SECRET_LENGTH, Secret};

/// The longest key file that is read, in bytes.
pub const MAX_FILE_LENGTH: usize = 64 * 1024;

const SECRET_DIGITS: usize = encoded_length(SECRET_LENGTH);

const HEADER: &str = "\
# Keys of identity-edge persistence cookies: whoever reads them can choose a client's node. Keep them secret.
# The first key signs, all of them open. Written by `identity-edge keys`, which keeps no other comments.
# <id> <base64 of 32 random bytes> <created>
";

/// What is wrong with a key file, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFileError {
    /// The line, counted from 1; 0 if it is the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub reason: KeyFileReason,
}

/// What is wrong with a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileReason {
    /// The file is longer than [`MAX_FILE_LENGTH`].
    TooLong,
    /// There is no key in it.
    NoKey,
    /// There are more than [`MAX_KEYS`].
    TooManyKeys,
    /// The line has more or less than three fields.
    Fields,
    /// The id is not 8 hexadecimal digits.
    Id,
    /// Another line has this id.
    DuplicateId,
    /// The key is not the base64 of 32 bytes.
    Secret,
    /// The date is not one of RFC 3339.
    Created,
}

impl fmt::Display for KeyFileReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "longer than {MAX_FILE_LENGTH} bytes, this is no key file"),
            Self::NoKey => formatter.write_str("no key; make one with `identity-edge keys new`"),
            Self::TooManyKeys => write!(formatter, "more than {MAX_KEYS} keys"),
            Self::Fields => formatter.write_str("expected <id> <base64 of 32 bytes> <created>"),
            Self::Id => formatter.write_str("the id is not 8 hexadecimal digits"),
            Self::DuplicateId => formatter.write_str("another line has the same id"),
            Self::Secret => formatter.write_str("the key is not 44 characters of base64 (32 bytes)"),
            Self::Created => formatter.write_str("the date is not like 2026-03-01T12:00:00Z (RFC 3339)"),
        }
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(formatter, "line {}: ", self.line)?;
        }
        self.reason.fmt(formatter)
    }
}

impl std::error::Error for KeyFileError {}

impl KeyRing {
    /// Reads a key file's text. Empty lines and lines that start with `#` mean nothing.
    ///
    /// # Errors
    /// The first thing that is wrong. No message holds key bytes.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let whole = |reason| KeyFileError { line: 0, reason };
        if text.len() > MAX_FILE_LENGTH {
            return Err(whole(KeyFileReason::TooLong));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // Windows editors write a byte order mark
        let mut keys: Vec<Key> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let here = |reason| KeyFileError { line: index + 1, reason };
            let key = parse_key(line).map_err(here)?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(here(KeyFileReason::DuplicateId));
            }
            if keys.len() == MAX_KEYS {
                return Err(here(KeyFileReason::TooManyKeys));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(whole(KeyFileReason::NoKey)) } else { Ok(Self { keys }) }
    }

    /// The text of a key file with these keys. It holds the secrets.
    #[must_use]
    pub fn render(&self) -> String {
        // Room for all of it, so that growing leaves no copies of secrets behind.
        let mut text = String::with_capacity(HEADER.len() + self.keys.len() * 160);
        text.push_str(HEADER);
        for key in &self.keys {
            let mut digits = [0; SECRET_DIGITS];
            STANDARD.encode(&*key.secret.0, &mut digits);
            text.push_str(&key.id.to_string());
            text.push(' ');
            text.extend(digits.map(char::from));
            text.push_str("= ");
            text.push_str(key.created());
            text.push('\n');
        }
        text
    }
}

fn parse_key(line: &str) -> Result<Key, KeyFileReason> {
    let mut fields = line.split_ascii_whitespace();
    let (Some(id), Some(secret), Some(created), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(KeyFileReason::Fields);
    };
    let id = parse_id(id).ok_or(KeyFileReason::Id)?;
    let secret = parse_secret(secret).ok_or(KeyFileReason::Secret)?;
    let created = Created::parse(created).ok_or(KeyFileReason::Created)?;
    Key::new(id, created, secret).map_err(|_| KeyFileReason::Secret)
}

fn parse_id(text: &str) -> Option<KeyId> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok().map(|id| KeyId(id.to_be_bytes()))
}

fn parse_secret(text: &str) -> Option<Secret> {
    let mut secret = Secret::zero();
    STANDARD.decode(text.strip_suffix('=')?.as_bytes(), &mut *secret.0).then_some(secret)
}
