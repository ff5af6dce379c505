//! The stick table, and what it is measured against: the same work on plain concurrent maps, which neither bound
//! their number of pins nor let them expire. All three hash with foldhash; the maps' own defaults are slower.

use foldhash::fast::RandomState;
use identity_edge::clock::Millis;
use identity_edge::id::NodeId;
use identity_edge::persistence::stick_table::{Key, Limits, Pin, StickTable};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

/// Client keys to nodes.
pub trait Pins: Sync {
    /// Finds the pin, touches its time and counts a request in flight; then ends that request. The node, if there
    /// was a pin.
    fn hit(&self, key: Key, now: Millis) -> Option<NodeId>;

    /// Enters a client that is not there.
    fn enter(&self, key: Key, now: Millis);

    /// Makes room for a new client by forgetting `key`, where the map does not do that itself.
    fn forget(&self, key: Key);
}

/// A table for so many pins that makes room for more.
pub fn stick_table(capacity: usize) -> StickTable {
    StickTable::new(Limits { capacity, evict: true, idle_timeout: Duration::from_secs(36_000) })
}

impl Pins for StickTable {
    fn hit(&self, key: Key, now: Millis) -> Option<NodeId> {
        let begin = |pin: &mut Pin| {
            pin.touch_at(now);
            pin.in_flight += 1;
            pin.node
        };
        let end = |pin: &mut Pin| {
            pin.touch_at(now);
            pin.in_flight -= 1;
        };
        let node = self.update(key, now, begin)?;
        self.update(key, now, end)?;
        Some(node)
    }

    fn enter(&self, key: Key, now: Millis) {
        let pin = Pin::settled(NodeId(1), Some(NodeId(1)), now);
        self.update_or_insert(key, now, pin, |_, _| ()).expect("somebody may be evicted");
    }

    fn forget(&self, _: Key) {}
}

/// With the value that the stick table gives out.
pub type DashMap = dashmap::DashMap<Key, Pin, RandomState>;

impl Pins for DashMap {
    fn hit(&self, key: Key, now: Millis) -> Option<NodeId> {
        let node = {
            let mut pin = self.get_mut(&key)?;
            pin.touch_at(now);
            pin.in_flight += 1;
            pin.node
        };
        let mut pin = self.get_mut(&key)?;
        pin.touch_at(now);
        pin.in_flight -= 1;
        Some(node)
    }

    fn enter(&self, key: Key, now: Millis) {
        self.insert(key, Pin::settled(NodeId(1), Some(NodeId(1)), now));
    }

    fn forget(&self, key: Key) {
        self.remove(&key);
    }
}

/// Its values are shared, so what changes is atomic.
pub struct SharedPin {
    node: AtomicU16,
    home: u16,
    generation: AtomicU32,
    in_flight: AtomicU32,
    last_seen: AtomicU32,
    created: u32,
    flags: AtomicU32,
}

/// A map without locks.
pub type Papaya = papaya::HashMap<Key, SharedPin, RandomState>;

impl Pins for Papaya {
    fn hit(&self, key: Key, now: Millis) -> Option<NodeId> {
        let tick = tick(now);
        let node = {
            let pins = self.pin();
            let pin = pins.get(&key)?;
            pin.last_seen.fetch_max(tick, Ordering::Relaxed);
            pin.in_flight.fetch_add(1, Ordering::Relaxed);
            NodeId(pin.node.load(Ordering::Relaxed))
        };
        let pins = self.pin();
        let pin = pins.get(&key)?;
        pin.last_seen.fetch_max(tick, Ordering::Relaxed);
        pin.in_flight.fetch_sub(1, Ordering::Relaxed);
        Some(node)
    }

    fn enter(&self, key: Key, now: Millis) {
        let pin = SharedPin {
            node: AtomicU16::new(1),
            home: 1,
            generation: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            last_seen: AtomicU32::new(tick(now)),
            created: tick(now),
            flags: AtomicU32::new(0),
        };
        std::hint::black_box((pin.home, pin.created, &pin.generation, &pin.flags));
        self.pin().insert(key, pin);
    }

    fn forget(&self, key: Key) {
        self.pin().remove(&key);
    }
}

fn tick(now: Millis) -> u32 {
    (now.0 / 100) as u32
}
