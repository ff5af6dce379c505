//! The persistence cookie: sealed, of one length, and meaningful to every edge that has the keys.
//!
//! It names nodes by the hash of their name, so edges need share nothing but key files. Whatever is wrong
//! with a cookie, the client is treated as new; the reason is returned to be counted. A cookie that is only
//! signed was rejected: it would tell everyone which node serves them and how the farm is laid out.
//!
//! The value is the base64url (RFC 4648 section 5, no padding) of 65 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | key id |
//! | 12 | nonce, random |
//! | 32 | sealed: group tag 8, node 8, home 8, issued 4, renewed 4; numbers big-endian, times in Unix seconds |
//! | 16 | tag of AES-256-GCM; its associated data are version, key id and the cookie's name |

mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use memchr::memmem;
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use ring::rand::{SecureRandom, SystemRandom};

use super::base64::{URL, encoded_length};
use super::keys::KeyRing;
use super::settings::{CookieSettings, SameSite, Secure};
use crate::clock::UnixSeconds;

pub use crate::id::NodeTag;

const VERSION: u8 = 1;
const KEY_ID_AT: usize = 1;
const NONCE_AT: usize = 5;
const SEALED_AT: usize = NONCE_AT + NONCE_LEN;
const TAG_AT: usize = SEALED_AT + 32;
const LENGTH: usize = TAG_AT + 16;

/// How many characters the cookie's value has.
pub const VALUE_LENGTH: usize = encoded_length(LENGTH);

/// How far the clock of the edge that renewed a cookie may be ahead of ours, in seconds.
pub const CLOCK_TOLERANCE_S: u64 = 300;

/// What a persistence cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The node that serves the client.
    pub node: NodeTag,
    /// The node it returns to.
    pub home: NodeTag,
    /// When the client got its first cookie; the absolute limit counts from here.
    pub issued: UnixSeconds,
    /// When this cookie was made; the idle limit counts from here.
    pub renewed: UnixSeconds,
    /// The nonce of the cookie that was read, unlike any other cookie's; ignored when issuing.
    pub nonce: u128,
}

/// What the request's cookie lines hold for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieReading {
    /// No cookie of our name.
    Absent,
    /// One that we, or an edge with our keys, made for this group, and that is still good.
    Valid(Ticket),
    /// One that counts as none.
    Refused(CookieRefusal),
}

/// Why a cookie counts as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CookieRefusal {
    /// Too short, quoted, or not base64url as we write it.
    Malformed,
    /// Longer than ours are.
    Oversized,
    /// Two cookies of our name that differ. Neither is used, for either may have been planted.
    Duplicate,
    /// A format that this version does not know.
    UnknownVersion,
    /// Sealed with a key that is not, or no longer, in the ring.
    UnknownKey,
    /// Altered, or sealed with other keys or for another cookie name.
    Forged,
    /// Made for another persistence group.
    Foreign,
    /// Not renewed for longer than the idle timeout and a tenth.
    Stale,
    /// Renewed more than [`CLOCK_TOLERANCE_S`] from now.
    FromTheFuture,
}

impl CookieRefusal {
    /// Every reason there is.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::Oversized,
        Self::Duplicate,
        Self::UnknownVersion,
        Self::UnknownKey,
        Self::Forged,
        Self::Foreign,
        Self::Stale,
        Self::FromTheFuture,
    ];

    /// One word, for metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Duplicate => "duplicate",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
            Self::Foreign => "foreign",
            Self::Stale => "stale",
            Self::FromTheFuture => "from_the_future",
        }
    }
}

/// Why no cookie could be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieError {
    /// The operating system gave no random bytes.
    Randomness,
    /// A time lies beyond what 32 bits of seconds hold, 2106-02-07.
    Time,
    /// The AEAD refused to seal.
    Sealing,
}

impl fmt::Display for CookieError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Randomness => "the operating system gives no random bytes",
            Self::Time => "the time is beyond 2106-02-07, which a cookie cannot hold",
            Self::Sealing => "the cookie could not be sealed",
        })
    }
}

impl std::error::Error for CookieError {}

/// Reads, removes and issues the cookies of one persistence group.
pub struct CookieCodec {
    name: Box<str>,
    finder: memmem::Finder<'static>,
    group: NodeTag,
    keys: Arc<KeyRing>,
    /// The associated data under each key of the ring, in its order.
    associated: Box<[Box<[u8]>]>,
    attributes: Box<[u8]>,
    attributes_https: Box<[u8]>,
    random: SystemRandom,
}

impl CookieCodec {
    /// A codec for the group of this name. `settings` are taken as they are: that name, domain and path fit
    /// into a `Set-Cookie` line (RFC 6265 section 4.1.1) has been checked before.
    #[must_use]
    pub fn new(group: &str, settings: &CookieSettings, keys: Arc<KeyRing>) -> Self {
        let associated = keys.keys().iter().map(|key| {
            let mut data = vec![VERSION];
            data.extend_from_slice(&key.id().0);
            data.extend_from_slice(settings.name.as_bytes());
            data.into_boxed_slice()
        });
        Self {
            name: settings.name.as_str().into(),
            finder: memmem::Finder::new(settings.name.as_bytes()).into_owned(),
            group: NodeTag::of(group),
            associated: associated.collect(),
            keys,
            attributes: attributes(settings, false).into(),
            attributes_https: attributes(settings, true).into(),
            random: SystemRandom::new(),
        }
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `line` may hold our cookie; false is certain.
    #[must_use]
    pub fn mentions(&self, line: &[u8]) -> bool {
        self.finder.find(line).is_some()
    }

    /// Reads our cookie from `lines`: every `Cookie` field value of the request, in order (HTTP/2 may split
    /// them, RFC 9113 section 8.2.3). Nothing is allocated.
    ///
    /// The same value twice is one cookie; different values are [`CookieRefusal::Duplicate`].
    pub fn read<'a>(
        &self,
        lines: impl Iterator<Item = &'a [u8]>,
        now: UnixSeconds,
        idle_timeout_s: u64,
    ) -> CookieReading {
        let mut found = None;
        for line in lines.filter(|line| self.mentions(line)) {
            for value in line::pairs(line).filter_map(|pair| line::value_of(pair, self.name.as_bytes())) {
                if *found.get_or_insert(value) != value {
                    return CookieReading::Refused(CookieRefusal::Duplicate);
                }
            }
        }
        let Some(value) = found else { return CookieReading::Absent };
        match self.open(value).and_then(|ticket| in_time(ticket, now, idle_timeout_s)) {
            Ok(ticket) => CookieReading::Valid(ticket),
            Err(refusal) => CookieReading::Refused(refusal),
        }
    }

    /// Appends `line` to `out` without any cookie of our name, forged ones included; each goes with one
    /// separator, and everything else stays byte for byte. True if something was removed; if then nothing was
    /// appended, the field is to be dropped.
    pub fn strip(&self, line: &[u8], out: &mut Vec<u8>) -> bool {
        line::strip(line, self.name.as_bytes(), out)
    }

    /// Appends the value of a `Set-Cookie` field for `ticket`, sealed with the key that signs. `https`:
    /// whether the client's connection is TLS. It ends with the browser's session: no `Expires`, no `Max-Age`.
    ///
    /// # Errors
    /// See [`CookieError`]; nothing was appended then.
    pub fn issue(&self, ticket: &Ticket, https: bool, out: &mut Vec<u8>) -> Result<(), CookieError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| CookieError::Randomness)?;
        let value = self.seal(ticket, nonce)?;
        let attributes = if https { &self.attributes_https } else { &self.attributes };
        out.reserve(self.name.len() + 1 + VALUE_LENGTH + attributes.len());
        out.extend_from_slice(self.name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(&value);
        out.extend_from_slice(attributes);
        Ok(())
    }

    fn seal(&self, ticket: &Ticket, nonce: [u8; NONCE_LEN]) -> Result<[u8; VALUE_LENGTH], CookieError> {
        let key = self.keys.signing();
        let associated = self.associated.first().ok_or(CookieError::Sealing)?;
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION;
        bytes[KEY_ID_AT..NONCE_AT].copy_from_slice(&key.id().0);
        bytes[NONCE_AT..SEALED_AT].copy_from_slice(&nonce);
        let (plain, tag_at) = bytes[SEALED_AT..].split_at_mut(TAG_AT - SEALED_AT);
        plain[0..8].copy_from_slice(&self.group.0.to_be_bytes());
        plain[8..16].copy_from_slice(&ticket.node.0.to_be_bytes());
        plain[16..24].copy_from_slice(&ticket.home.0.to_be_bytes());
        plain[24..28].copy_from_slice(&seconds(ticket.issued)?);
        plain[28..32].copy_from_slice(&seconds(ticket.renewed)?);
        let tag = key
            .aead()
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), plain)
            .map_err(|_| CookieError::Sealing)?;
        tag_at.copy_from_slice(tag.as_ref());
        let mut value = [0; VALUE_LENGTH];
        URL.encode(&bytes, &mut value);
        Ok(value)
    }

    fn open(&self, value: &[u8]) -> Result<Ticket, CookieRefusal> {
        if value.first() == Some(&b'"') || value.len() < VALUE_LENGTH {
            return Err(CookieRefusal::Malformed);
        }
        if value.len() > VALUE_LENGTH {
            return Err(CookieRefusal::Oversized);
        }
        let mut bytes = [0; LENGTH];
        if !URL.decode(value, &mut bytes) {
            return Err(CookieRefusal::Malformed);
        }
        if bytes[0] != VERSION {
            return Err(CookieRefusal::UnknownVersion);
        }
        let (key, associated) = self.key(array(&bytes, KEY_ID_AT)).ok_or(CookieRefusal::UnknownKey)?;
        let nonce: [u8; NONCE_LEN] = array(&bytes, NONCE_AT);
        let plain = key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated),
                &mut bytes[SEALED_AT..],
            )
            .map_err(|_| CookieRefusal::Forged)?;
        if u64::from_be_bytes(array(plain, 0)) != self.group.0 {
            return Err(CookieRefusal::Foreign);
        }
        Ok(Ticket {
            node: NodeTag(u64::from_be_bytes(array(plain, 8))),
            home: NodeTag(u64::from_be_bytes(array(plain, 16))),
            issued: UnixSeconds(u32::from_be_bytes(array(plain, 24)).into()),
            renewed: UnixSeconds(u32::from_be_bytes(array(plain, 28)).into()),
            nonce: nonce.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)),
        })
    }

    /// The key of this id and the associated data under it.
    fn key(&self, id: [u8; 4]) -> Option<(&LessSafeKey, &[u8])> {
        let mut keys = self.keys.keys().iter().zip(&self.associated);
        keys.find(|(key, _)| key.id().0 == id).map(|(key, associated)| (key.aead(), &**associated))
    }
}

impl fmt::Debug for CookieCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CookieCodec")
            .field("name", &self.name)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// A tenth more than the idle timeout is accepted, because a cookie is renewed at most once per tenth of it:
/// the client may have been here that much later than its cookie says.
fn in_time(ticket: Ticket, now: UnixSeconds, idle_timeout_s: u64) -> Result<Ticket, CookieRefusal> {
    let accepted = idle_timeout_s.saturating_add(idle_timeout_s / 10);
    if ticket.renewed.0 > now.0.saturating_add(CLOCK_TOLERANCE_S) {
        return Err(CookieRefusal::FromTheFuture);
    }
    if now.0 > ticket.renewed.0.saturating_add(accepted) {
        return Err(CookieRefusal::Stale);
    }
    Ok(ticket)
}

fn attributes(settings: &CookieSettings, https: bool) -> Vec<u8> {
    let mut text = format!("; Path={}", settings.path);
    if let Some(domain) = &settings.domain {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    let secure = match settings.secure {
        // Browsers drop a cookie that is SameSite=None without Secure.
        _ if settings.same_site == SameSite::None => true,
        Secure::Always => true,
        Secure::Never => false,
        Secure::Auto => https,
    };
    if secure {
        text.push_str("; Secure");
    }
    if settings.http_only {
        text.push_str("; HttpOnly");
    }
    text.push_str(match settings.same_site {
        SameSite::Strict => "; SameSite=Strict",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::None => "; SameSite=None",
    });
    text.into_bytes()
}

fn seconds(time: UnixSeconds) -> Result<[u8; 4], CookieError> {
    u32::try_from(time.0).map(u32::to_be_bytes).map_err(|_| CookieError::Time)
}

/// The `N` bytes of `bytes` that start at `at`; the callers' offsets are constants within the fixed length.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}
