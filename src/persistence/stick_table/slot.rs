//! A key and its pin as a shard holds them: packed.

use super::entry::{Key, Kind, Pin, lifetime};
use crate::id::NodeId;

/// The order of eviction: provisional pins first, then by last use; within a tick, by the order of uses.
pub(super) fn rank(settled: bool, last_seen: u32, order: u32) -> u64 {
    u64::from(settled) << 63 | u64::from(last_seen) << 31 | u64::from(order >> 1)
}

/// What ranks of different shards have in common: each counts its uses for itself.
pub(super) fn age(rank: u64) -> u64 {
    rank >> 31
}

/// A key and its pin, packed. A table that has just doubled has 16/7 places for each pin, so every byte here is paid
/// for more than twice: unpacked it were 52.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    bits: [u8; 16],
    generation: u32,
    last_seen: u32,
    created: u32,
    /// Grows with every use in the shard: tells apart what happened within one tick.
    order: u32,
    /// Requests in flight above the flags.
    in_flight: u32,
    node: u16,
    home: u16,
}

const _: () = assert!(size_of::<Slot>() == 40, "memory per client is part of the contract");

const FLAG_BITS: u32 = 8;
const PROVISIONAL: u32 = 1;
const UNSERVED: u32 = 1 << 1;
const STATIC: u32 = 1 << 2;
const HAS_HOME: u32 = 1 << 3;
const KIND_AT: u32 = 4;
const KIND: u32 = 3 << KIND_AT;

/// The most requests of one client that are told apart; so many do not fit into a process.
const MOST_IN_FLIGHT: u32 = u32::MAX >> FLAG_BITS;

impl Slot {
    pub(super) fn new(key: Key, pin: &Pin) -> Self {
        let mut slot = Self {
            bits: key.bits,
            generation: 0,
            last_seen: 0,
            created: 0,
            order: 0,
            in_flight: (key.kind as u32) << KIND_AT,
            node: 0,
            home: 0,
        };
        slot.set(pin, 0);
        slot
    }

    #[inline]
    pub(super) fn is(&self, key: Key) -> bool {
        self.bits == key.bits && self.in_flight & KIND == (key.kind as u32) << KIND_AT
    }

    pub(super) fn key(&self) -> Key {
        let kind = match (self.in_flight & KIND) >> KIND_AT {
            0 => Kind::V4,
            1 => Kind::V6,
            _ => Kind::Nonce,
        };
        Key { bits: self.bits, kind }
    }

    #[inline]
    pub(super) fn pin(&self) -> Pin {
        Pin {
            node: NodeId(self.node),
            home: (self.in_flight & HAS_HOME != 0).then_some(NodeId(self.home)),
            generation: self.generation,
            in_flight: self.in_flight >> FLAG_BITS,
            last_seen: self.last_seen,
            created: self.created,
            provisional: self.in_flight & PROVISIONAL != 0,
            unserved: self.in_flight & UNSERVED != 0,
            is_static: self.in_flight & STATIC != 0,
        }
    }

    #[inline]
    pub(super) fn set(&mut self, pin: &Pin, order: u32) {
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        self.node = pin.node.0;
        self.home = pin.home.map_or(0, |home| home.0);
        self.generation = pin.generation;
        self.last_seen = pin.last_seen;
        self.created = pin.created;
        self.order = order;
        self.in_flight = pin.in_flight.min(MOST_IN_FLIGHT) << FLAG_BITS
            | self.in_flight & KIND
            | flag(pin.home.is_some(), HAS_HOME)
            | flag(pin.provisional, PROVISIONAL)
            | flag(pin.unserved, UNSERVED)
            | flag(pin.is_static, STATIC);
    }

    pub(super) fn node(&self) -> NodeId {
        NodeId(self.node)
    }

    #[inline]
    pub(super) fn evictable(&self) -> bool {
        self.in_flight >> FLAG_BITS == 0
    }

    #[inline]
    pub(super) fn expired(&self, tick: u32, idle_ticks: u32) -> bool {
        let lifetime = lifetime(self.in_flight & PROVISIONAL != 0, idle_ticks);
        self.evictable() && tick.saturating_sub(self.last_seen) >= lifetime
    }

    #[inline]
    pub(super) fn rank(&self) -> u64 {
        rank(self.in_flight & PROVISIONAL == 0, self.last_seen, self.order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use proptest::prelude::*;

    prop_compose! {
        fn pin()(
            numbers in any::<(u16, Option<u16>, u32, u32, u32)>(),
            in_flight in 0..=MOST_IN_FLIGHT,
            flags in any::<(bool, bool, bool)>(),
        ) -> Pin {
            let (node, home, generation, last_seen, created) = numbers;
            let (provisional, unserved, is_static) = flags;
            let (node, home) = (NodeId(node), home.map(NodeId));
            Pin { node, home, generation, in_flight, last_seen, created, provisional, unserved, is_static }
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(first in pin(), second in pin(), number in any::<u128>(), order in any::<u32>()) {
            let v4 = Key::address(std::net::Ipv4Addr::from_bits(number as u32).into(), 32, 128);
            let v6 = Key { bits: number.to_be_bytes(), kind: Kind::V6 };
            for key in [v4, v6, Key::nonce(number)] {
                let mut slot = Slot::new(key, &first);
                prop_assert_eq!((slot.key(), slot.pin()), (key, first));
                slot.set(&second, order);
                prop_assert_eq!((slot.key(), slot.pin(), slot.node()), (key, second, second.node));
                prop_assert_eq!(slot.evictable(), second.in_flight == 0);
                prop_assert_eq!(slot.rank(), rank(!second.provisional, second.last_seen, order));
                for other in [v4, v6, Key::nonce(number), Key::nonce(!number)] {
                    prop_assert_eq!(slot.is(other), key == other);
                }
            }
        }
    }

    #[test]
    fn more_requests_in_flight_than_can_be_counted_stay_in_flight() {
        let pin = Pin { in_flight: u32::MAX, ..Pin::settled(NodeId(0), None, Millis(0)) };
        assert_eq!(Slot::new(Key::nonce(0), &pin).pin().in_flight, MOST_IN_FLIGHT);
    }
}
