//! What a persistence group was told to do, as runtime types. The configuration is parsed into these once;
//! nothing later looks at raw values.

use crate::client_addr::IpPrefix;
use std::sync::Arc;
use std::time::Duration;

use super::keys::KeyRing;

/// How the clients of a group are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By address, in a stick table.
    SourceIp,
    /// By the persistence cookie.
    Cookie,
    /// A valid cookie first, then SOAP signs mean source IP, anything else is a browser.
    Auto,
    /// Not at all: every request is placed anew.
    None,
}

/// What happens when the stick table has no room for a new pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The least recently used pin without requests in flight makes room.
    EvictOldest,
    /// The client is refused with 503; it is never served unpinned.
    Refuse,
}

/// How a new pin finds its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstChoice {
    /// The fewest pins per weight; in a group without a table the fewest requests in flight.
    LeastPins,
    /// The fewest requests in flight per weight.
    LeastRequests,
    /// In turn, by weight.
    RoundRobin,
    /// By a weighted rendezvous hash of the key: the same answer on every edge.
    Hash,
}

/// What a persisted client gets when its node is still unusable after the hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// Another node; the whole pin moves.
    Redispatch,
    /// 503; the pin stays.
    Reject,
}

/// Where clients stay after their first node recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRecovery {
    /// On the node that took over.
    Stay,
    /// They go back after an idle gap.
    Return,
}

/// Settings of source-IP persistence.
#[derive(Clone, Debug)]
pub struct SourceIpSettings {
    /// Bits of an IPv4 address that make the key, 1 to 32.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that make the key, 1 to 128.
    pub ipv6_prefix: u8,
    /// The most pins the table holds, 1 to 16,777,216.
    pub capacity: usize,
    /// What happens at that number.
    pub when_full: WhenFull,
}

impl Default for SourceIpSettings {
    /// Whole addresses, 100,000 pins, the oldest makes room.
    fn default() -> Self {
        Self { ipv4_prefix: 32, ipv6_prefix: 128, capacity: 100_000, when_full: WhenFull::EvictOldest }
    }
}

/// When the cookie carries `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secure {
    /// When the request came over TLS.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The cookie's `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `SameSite=Strict`
    Strict,
    /// `SameSite=Lax`
    Lax,
    /// `SameSite=None`
    None,
}

/// Settings of the persistence cookie.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// The cookie's name (RFC 6265 token).
    pub name: String,
    /// When it is `Secure`.
    pub secure: Secure,
    /// Whether scripts are kept from it.
    pub http_only: bool,
    /// Its `SameSite` attribute.
    pub same_site: SameSite,
    /// Its `Domain` attribute; none means the host that set it.
    pub domain: Option<String>,
    /// Its `Path` attribute.
    pub path: String,
    /// The keys it is sealed and opened with.
    pub keys: Arc<KeyRing>,
}

impl CookieSettings {
    /// A cookie of this name for its whole site: `HttpOnly`, `SameSite=Lax`, `Secure` where the request came
    /// over TLS.
    #[must_use]
    pub fn new(name: impl Into<String>, keys: Arc<KeyRing>) -> Self {
        Self {
            name: name.into(),
            secure: Secure::Auto,
            http_only: true,
            same_site: SameSite::Lax,
            domain: None,
            path: "/".to_owned(),
            keys,
        }
    }

    /// What the cookie of a group is called that was told no name.
    #[must_use]
    pub fn default_name(group: &str) -> String {
        format!("EDGE-{group}")
    }
}

/// Everything a persistence group was told.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// The group's name.
    pub name: String,
    /// How its clients are recognised.
    pub by: By,
    /// The table; used by [`By::SourceIp`] and [`By::Auto`].
    pub source_ip: SourceIpSettings,
    /// Clients with a fixed home: prefix and node name, in no order (the longest prefix wins).
    pub static_pins: Vec<(IpPrefix, String)>,
    /// The cookie; present for [`By::Cookie`] and [`By::Auto`].
    pub cookie: Option<CookieSettings>,
    /// How long a pin or cookie outlives its last request.
    pub idle_timeout: Duration,
    /// If set, a pin older than this is decided anew at its next idle gap; the same node is preferred.
    pub max_age: Option<Duration>,
    /// How a new pin finds its node.
    pub first_choice: FirstChoice,
    /// What happens when the hold is over.
    pub unavailable: Unavailable,
    /// How long a persisted client is kept for a node that just failed.
    pub hold: Duration,
    /// Where clients stay after recovery.
    pub after_recovery: AfterRecovery,
    /// A return, and the effect of `max_age`, happen only after so long without a request.
    pub return_idle: Duration,
    /// How long the address of a browser that has no cookie yet is remembered.
    pub first_requests: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);

/// The defaults, which the program shares. What should differ is written over them:
///
/// ```
/// use identity_edge::persistence::settings::{GroupSettings, Unavailable};
///
/// let group = GroupSettings { unavailable: Unavailable::Reject, ..GroupSettings::by_source_ip("mim-service") };
/// assert_eq!(group.hold.as_secs(), 2);
/// ```
impl GroupSettings {
    /// A group that remembers nobody. Everything else is as in every group: idle timeout 10 h, no greatest age,
    /// least pins, redispatch after a hold of 2 s, stay, return after 5 min of silence, first requests 10 s.
    #[must_use]
    pub fn unpinned(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            by: By::None,
            source_ip: SourceIpSettings::default(),
            static_pins: Vec::new(),
            cookie: None,
            idle_timeout: 600 * MINUTE,
            max_age: None,
            first_choice: FirstChoice::LeastPins,
            unavailable: Unavailable::Redispatch,
            hold: Duration::from_secs(2),
            after_recovery: AfterRecovery::Stay,
            return_idle: 5 * MINUTE,
            first_requests: Duration::from_secs(10),
        }
    }

    /// A group that knows its clients by address; a pin outlives its last request by 10 h.
    #[must_use]
    pub fn by_source_ip(name: impl Into<String>) -> Self {
        Self { by: By::SourceIp, ..Self::unpinned(name) }
    }

    /// A group that knows its clients by a cookie `EDGE-NAME`, which outlives their last request by 1 h.
    #[must_use]
    pub fn by_cookie(name: impl Into<String>, keys: Arc<KeyRing>) -> Self {
        Self { by: By::Cookie, idle_timeout: 60 * MINUTE, ..Self::auto(name, keys) }
    }

    /// A group that knows SOAP clients by address and browsers by a cookie `EDGE-NAME`; both are remembered for
    /// 10 h after their last request.
    #[must_use]
    pub fn auto(name: impl Into<String>, keys: Arc<KeyRing>) -> Self {
        let name = name.into();
        let cookie = CookieSettings::new(CookieSettings::default_name(&name), keys);
        Self { by: By::Auto, cookie: Some(cookie), ..Self::unpinned(name) }
    }
}
