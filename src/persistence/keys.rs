//! The keys that persistence cookies are sealed and opened with.
//!
//! The first key of a ring signs, all of them open. Several edges never disagree as long as no key signs
//! before every edge knows it; so a new key joins at the end ([`KeyRing::rotate`]), the file is copied to
//! every edge, and only then does the key move to the front ([`KeyRing::promote`]). One step that adds a key
//! and signs with it was rejected: until the last edge has the file, its clients would look new there.
//!
//! AES-256-GCM with random nonces: one key may seal 2^32 cookies (NIST SP 800-38D section 8.3), so an edge
//! that issues a thousand a second should rotate once a month.

mod created;
mod file;
#[cfg(test)]
mod tests;

use std::fmt;

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use created::Created;

pub use file::{KeyFileError, KeyFileReason, MAX_FILE_LENGTH};

/// The most keys a ring holds.
pub const MAX_KEYS: usize = 16;

/// How many keys that no longer sign are kept to open older cookies.
pub const MAX_RETIRED: usize = 4;

const SECRET_LENGTH: usize = 32;

/// What a cookie names its key by; written as 8 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// One key.
pub struct Key {
    id: KeyId,
    created: Created,
    secret: Secret,
    aead: LessSafeKey,
}

impl Key {
    fn new(id: KeyId, created: Created, secret: Secret) -> Result<Self, ring::error::Unspecified> {
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*secret.0)?);
        Ok(Self { id, created, secret, aead })
    }

    fn random(id: KeyId, created: Created, random: &SystemRandom) -> Result<Self, ring::error::Unspecified> {
        let mut secret = Secret::zero();
        random.fill(&mut *secret.0)?;
        Self::new(id, created, secret)
    }

    /// What cookies name it by.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// When it was made, as its file says.
    #[must_use]
    pub fn created(&self) -> &str {
        self.created.as_str()
    }

    /// The prepared key; making it costs more than using it.
    pub(super) fn aead(&self) -> &LessSafeKey {
        &self.aead
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("id", &self.id)
            .field("created", &self.created())
            .finish_non_exhaustive()
    }
}

/// Key bytes. Boxed, so that moving a key leaves no copy behind; cleared when dropped. (The round keys that
/// ring prepares from them are its own and are not.)
struct Secret(Box<[u8; SECRET_LENGTH]>);

impl Secret {
    fn zero() -> Self {
        Self(Box::new([0; SECRET_LENGTH]))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Keeps the compiler from seeing that nobody reads the zeroes.
        std::hint::black_box(&self.0);
    }
}

/// Keys in order: the first signs, all open. Never empty, at most [`MAX_KEYS`], every id once.
pub struct KeyRing {
    keys: Vec<Key>,
}

/// Why a ring cannot be made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRingError {
    /// The operating system gave no random bytes.
    Randomness,
    /// The date is not one of RFC 3339.
    Created,
    /// A new key must be younger than every other, or nobody could tell later that it has not signed yet.
    NotNewest,
    /// The ring would hold more than [`MAX_KEYS`].
    TooManyKeys,
    /// The last key is not younger than the first: the newest key signs already.
    NothingToPromote {
        /// The key that signs.
        signing: KeyId,
    },
    /// There was no ring to merge.
    NoRing,
    /// Two rings have different keys of this id.
    ConflictingId(KeyId),
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Randomness => formatter.write_str("the operating system gives no random bytes"),
            Self::Created => formatter.write_str("the date of creation is no RFC 3339 date"),
            Self::NotNewest => formatter.write_str("the new key's date is not later than every other key's"),
            Self::TooManyKeys => write!(formatter, "more than {MAX_KEYS} keys; remove old ones first"),
            Self::NothingToPromote { signing } => {
                write!(
                    formatter,
                    "no key waits to be promoted: the newest, {signing}, signs already; rotate first"
                )
            }
            Self::NoRing => formatter.write_str("no key file to take keys from"),
            Self::ConflictingId(id) => write!(formatter, "two different keys have the id {id}"),
        }
    }
}

impl std::error::Error for KeyRingError {}

/// What [`KeyRing::promote`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The key that signs from now on.
    pub signing: KeyId,
    /// The key that signed before; it still opens.
    pub retired: KeyId,
    /// Keys that were removed; cookies sealed with them are refused from now on.
    pub dropped: Vec<KeyId>,
}

impl KeyRing {
    /// A ring of one new key. `created`: its date, RFC 3339.
    ///
    /// # Errors
    /// [`KeyRingError::Randomness`] and [`KeyRingError::Created`].
    pub fn generate(created: &str) -> Result<Self, KeyRingError> {
        let created = Created::parse(created).ok_or(KeyRingError::Created)?;
        let mut ring = Self { keys: Vec::with_capacity(1) };
        ring.add(created)?;
        Ok(ring)
    }

    /// All keys of `rings` in order; the first ring's first key signs. A key that several rings share is
    /// kept once, where it came first.
    ///
    /// # Errors
    /// [`KeyRingError::NoRing`], [`KeyRingError::TooManyKeys`], [`KeyRingError::ConflictingId`].
    pub fn merge(rings: Vec<Self>) -> Result<Self, KeyRingError> {
        let mut keys: Vec<Key> = Vec::new();
        for key in rings.into_iter().flat_map(|ring| ring.keys) {
            match keys.iter().find(|known| known.id == key.id) {
                None => keys.push(key),
                Some(known) if known.secret.0 == key.secret.0 => {}
                Some(_) => return Err(KeyRingError::ConflictingId(key.id)),
            }
        }
        match keys.len() {
            0 => Err(KeyRingError::NoRing),
            1..=MAX_KEYS => Ok(Self { keys }),
            _ => Err(KeyRingError::TooManyKeys),
        }
    }

    /// Adds a new key at the end, where it opens but does not sign. `created`: its date, RFC 3339, later than
    /// every other key's.
    ///
    /// # Errors
    /// Any but those of [`KeyRing::merge`] and [`KeyRing::promote`]; the ring is then unchanged.
    pub fn rotate(&mut self, created: &str) -> Result<KeyId, KeyRingError> {
        let created = Created::parse(created).ok_or(KeyRingError::Created)?;
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyRingError::TooManyKeys);
        }
        if !self.keys.iter().all(|key| created.is_after(&key.created)) {
            return Err(KeyRingError::NotNewest);
        }
        self.add(created)
    }

    /// Moves the last key to the front, where it signs, and drops the oldest retired keys beyond
    /// [`MAX_RETIRED`]. Every edge must know the key by now.
    ///
    /// # Errors
    /// [`KeyRingError::NothingToPromote`] if the last key is not younger than the one that signs; promoting
    /// twice would otherwise bring a retired key back.
    pub fn promote(&mut self) -> Result<Promotion, KeyRingError> {
        let retired = self.signing().id;
        let waiting = self.keys.last().filter(|last| last.created.is_after(&self.signing().created));
        let Some(signing) = waiting.map(|key| key.id) else {
            return Err(KeyRingError::NothingToPromote { signing: retired });
        };
        self.keys.rotate_right(1);
        let kept = self.keys.len().min(1 + MAX_RETIRED);
        let dropped = self.keys.drain(kept..).map(|key| key.id).collect();
        Ok(Promotion { signing, retired, dropped })
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &Key {
        &self.keys[0] // never empty
    }

    /// All keys in order.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// When the youngest key was made, in Unix seconds, fractions dropped.
    #[must_use]
    pub fn youngest_created(&self) -> i64 {
        self.keys.iter().map(|key| key.created.unix_seconds()).fold(i64::MIN, i64::max)
    }

    fn add(&mut self, created: Created) -> Result<KeyId, KeyRingError> {
        let random = SystemRandom::new();
        let mut id = KeyId([0; 4]);
        loop {
            random.fill(&mut id.0).map_err(|_| KeyRingError::Randomness)?;
            if self.keys.iter().all(|key| key.id != id) {
                break;
            }
        }
        self.keys.push(Key::random(id, created, &random).map_err(|_| KeyRingError::Randomness)?);
        Ok(id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.keys).finish()
    }
}
