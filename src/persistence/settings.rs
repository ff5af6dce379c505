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
