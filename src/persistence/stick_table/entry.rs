//! A key and a pin.

use crate::client_addr::{canonical, mask};
use crate::clock::Millis;
use crate::id::NodeId;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Milliseconds in a tick, the grain of a pin's times.
pub(super) const TICK_MILLIS: u64 = 100;
/// How long a provisional pin outlives its last sharer.
pub(super) const PROVISIONAL_TICKS: u32 = 20;

/// `now` in ticks; 32 bits last thirteen years.
pub(super) fn tick(now: Millis) -> u32 {
    u32::try_from(now.0 / TICK_MILLIS).unwrap_or(u32::MAX)
}

/// What a pin is looked up by. Kinds never meet: an IPv4 address equals no IPv6 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub(super) bits: [u8; 16],
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    V4,
    V6,
    Nonce,
}

impl Key {
    /// The first `ipv4_prefix` or `ipv6_prefix` bits of a client's address.
    #[must_use]
    pub fn address(client: IpAddr, ipv4_prefix: u8, ipv6_prefix: u8) -> Self {
        match canonical(client) {
            v4 @ IpAddr::V4(_) => Self::whole(mask(v4, ipv4_prefix)),
            v6 @ IpAddr::V6(_) => Self::whole(mask(v6, ipv6_prefix)),
        }
    }

    fn whole(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { bits: u128::from(v4.to_bits()).to_be_bytes(), kind: Kind::V4 },
            IpAddr::V6(v6) => Self { bits: v6.octets(), kind: Kind::V6 },
        }
    }

    /// A number that is drawn at random and unique.
    #[must_use]
    pub fn nonce(nonce: u128) -> Self {
        Self { bits: nonce.to_be_bytes(), kind: Kind::Nonce }
    }

    /// What `hash` places it by: the address's bytes in network order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self.kind {
            Kind::V4 => &self.bits[12..],
            Kind::V6 | Kind::Nonce => &self.bits,
        }
    }
}

/// The kind is compared but not hashed: two keys of one number and different kinds cost each other one comparison,
/// and every request would pay for a second round of hashing.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.bits));
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [.., a, b, c, d] = self.bits;
        match self.kind {
            Kind::V4 => Ipv4Addr::new(a, b, c, d).fmt(formatter),
            Kind::V6 => Ipv6Addr::from(self.bits).fmt(formatter),
            Kind::Nonce => write!(formatter, "{:032x}", u128::from_be_bytes(self.bits)),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}({self})", self.kind)
    }
}

/// Where a client is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The node.
    pub node: NodeId,
    /// The first node that served it and is no backup; where it returns to.
    pub home: Option<NodeId>,
    /// Grows with every move, so that a late commit does not undo one.
    pub generation: u32,
    /// Requests in flight.
    pub in_flight: u32,
    /// When it was last used, in ticks of 100 ms since the process started.
    pub last_seen: u32,
    /// When it was made or last decided anew, in the same ticks.
    pub created: u32,
    /// Nobody has answered yet: gone two seconds after the last request that shares it.
    pub provisional: bool,
    /// The node has not answered since the pin moved there.
    pub unserved: bool,
    /// Its home is configured.
    pub is_static: bool,
}

impl Pin {
    /// A pin to `node` for a client first seen now.
    #[must_use]
    pub fn provisional(node: NodeId, now: Millis) -> Self {
        let now = tick(now);
        Self {
            node,
            home: None,
            generation: 0,
            in_flight: 0,
            last_seen: now,
            created: now,
            provisional: true,
            unserved: true,
            is_static: false,
        }
    }

    /// A pin that needs no confirmation.
    #[must_use]
    pub fn settled(node: NodeId, home: Option<NodeId>, now: Millis) -> Self {
        Self { home, provisional: false, unserved: false, ..Self::provisional(node, now) }
    }

    /// Renews it.
    pub(super) fn touch(&mut self, tick: u32) {
        if self.last_seen < tick {
            self.last_seen = tick;
        }
    }

    /// Renews it.
    pub fn touch_at(&mut self, now: Millis) {
        self.touch(tick(now));
    }

    /// How long ago it was used, to a tick.
    #[must_use]
    pub fn idle(&self, now: Millis) -> std::time::Duration {
        let ticks = tick(now).saturating_sub(self.last_seen);
        std::time::Duration::from_millis(u64::from(ticks) * TICK_MILLIS)
    }

    /// How old it is, to a tick.
    #[must_use]
    pub fn age(&self, now: Millis) -> std::time::Duration {
        let ticks = tick(now).saturating_sub(self.created);
        std::time::Duration::from_millis(u64::from(ticks) * TICK_MILLIS)
    }

    /// Makes it as new at `now`.
    pub fn renew_age(&mut self, now: Millis) {
        self.created = tick(now);
    }

    /// Leads it elsewhere.
    pub fn move_to(&mut self, node: NodeId) {
        self.node = node;
        self.generation = self.generation.wrapping_add(1);
        self.unserved = true;
    }

    /// In how long it expires if nobody uses it; none while requests are in flight.
    pub(super) fn expires_in(&self, tick: u32, idle_ticks: u32) -> Option<std::time::Duration> {
        let left = lifetime(self.provisional, idle_ticks).saturating_sub(tick.saturating_sub(self.last_seen));
        (self.in_flight == 0).then(|| std::time::Duration::from_millis(u64::from(left) * TICK_MILLIS))
    }
}

/// How many ticks a pin outlives its last use.
pub(super) fn lifetime(provisional: bool, idle_ticks: u32) -> u32 {
    if provisional { PROVISIONAL_TICKS.min(idle_ticks) } else { idle_ticks }
}
