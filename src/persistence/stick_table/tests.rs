use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

/// What evictions go by, to a tick: provisional pins first, then by last use.
fn eviction_order(pin: &Pin) -> (bool, u32) {
    (!pin.provisional, pin.last_seen)
}

#[test]
fn within_one_tick_the_order_of_uses_decides() {
    let table = StickTable::new(Limits { capacity: 2, idle_timeout: Duration::from_secs(60), evict: true });
    let keys = [1_u8, 2, 3].map(|last| Key::address([10, 0, 0, last].into(), 32, 128));
    let now = Millis(1000);
    for key in [keys[0], keys[1], keys[0], keys[2]] {
        table.update_or_insert(key, now, Pin::settled(NodeId(0), None, now), |_, _| ()).unwrap();
    }
    assert!(table.update(keys[0], now, |_| ()).is_some(), "used after the other");
    assert!(table.update(keys[1], now, |_| ()).is_none());
}

fn limits(capacity: usize, evict: bool) -> Limits {
    Limits { capacity, evict, idle_timeout: Duration::from_secs(10) }
}

fn key(number: u128) -> Key {
    Key::nonce(number)
}

fn at(tick: u32) -> Millis {
    Millis(u64::from(tick) * entry::TICK_MILLIS)
}

fn enter(table: &StickTable, number: u128, now: Millis) -> Result<bool, Full> {
    table.update_or_insert(key(number), now, Pin::settled(NodeId(1), None, now), |_, there| there)
}

fn has(table: &StickTable, number: u128, now: Millis) -> bool {
    table.update(key(number), now, |_| ()).is_some()
}

#[test]
fn to_look_at_a_pin_is_no_use_of_it() {
    let table = StickTable::new(limits(2, true));
    enter(&table, 1, at(0)).unwrap();
    enter(&table, 2, at(1)).unwrap();
    let (pin, left) = table.peek(key(1), at(60)).unwrap();
    assert_eq!((pin.node, pin.in_flight, left), (NodeId(1), 0, Some(Duration::from_secs(4))));
    enter(&table, 3, at(61)).unwrap();
    assert_eq!(table.peek(key(1), at(62)), None, "it was the oldest still");
    assert!(table.peek(key(2), at(100)).is_some() && table.peek(key(2), at(101)).is_none(), "it expires");
    table.update(key(3), at(61), |pin| pin.in_flight = 1).unwrap();
    assert_eq!(table.peek(key(3), at(1000)).unwrap().1, None, "not while a request is in flight");
    let provisional = Pin::provisional(NodeId(1), at(70));
    table.update_or_insert(key(4), at(70), provisional, |_, _| ()).unwrap();
    assert_eq!(table.peek(key(4), at(75)).unwrap().1, Some(Duration::from_millis(1500)));
}

/// What is in the table, expired or not.
fn contents(table: &StickTable) -> Vec<(Key, Pin)> {
    let mut all = Vec::new();
    for part in &table.shards {
        all.extend(part.0.lock().iter().map(|slot| (slot.key(), slot.pin())));
    }
    all.sort_by_key(|(key, _)| *key);
    all
}

fn assert_counts(table: &StickTable, nodes: u16) {
    let all = contents(table);
    assert_eq!(table.len(), all.len());
    for node in (0..nodes).map(NodeId) {
        let pins = all.iter().filter(|(_, pin)| pin.node == node).count();
        assert_eq!(table.pins(node), pins as u64);
    }
}

#[test]
fn a_key_is_a_masked_address_and_families_never_meet() {
    let address = |text: &str| Key::address(text.parse::<IpAddr>().unwrap(), 24, 64);
    assert_eq!(address("10.1.2.3"), address("10.1.2.250"));
    assert_eq!(address("10.1.2.3"), address("::ffff:10.1.2.9"));
    assert_ne!(address("10.1.2.3"), address("10.1.3.3"));
    assert_eq!(address("2001:db8::1"), address("2001:db8::ffff"));
    assert_ne!(address("2001:db8:0:1::"), address("2001:db8::"));
    assert_ne!(
        Key::address("0.0.0.1".parse().unwrap(), 32, 128),
        Key::address("::1".parse().unwrap(), 32, 128)
    );
    assert_ne!(key(1), Key::address("::1".parse().unwrap(), 32, 128));
    assert_eq!(address("10.1.2.3").to_string(), "10.1.2.0");
    assert_eq!(address("10.1.2.3").bytes(), [10, 1, 2, 0]);
}

#[test]
fn a_pin_slides_and_expires() {
    let table = StickTable::new(limits(10, true));
    assert_eq!(enter(&table, 1, at(0)), Ok(false));
    assert!(table.update(key(1), at(99), |pin| pin.touch_at(at(99))).is_some());
    assert!(has(&table, 1, at(198)));
    assert!(!has(&table, 1, at(199)));
    assert_eq!((table.len(), table.expirations()), (0, 1));
}

#[test]
fn a_pin_in_flight_neither_expires_nor_is_evicted() {
    let table = StickTable::new(limits(1, true));
    assert_eq!(enter(&table, 1, at(0)), Ok(false));
    table.update(key(1), at(0), |pin| pin.in_flight += 1);
    assert_eq!(enter(&table, 2, at(5_000)), Err(Full));
    table.sweep(at(5_000), 1_000);
    assert!(has(&table, 1, at(5_000)));
    assert!(!table.remove(key(1)));
    table.finish(key(1), at(5_000));
    assert!(has(&table, 1, at(5_099)));
    assert_eq!(enter(&table, 2, at(5_099)), Ok(false));
    assert_eq!((table.len(), table.evictions(), table.refusals()), (1, 1, 1));
}

#[test]
fn a_provisional_pin_is_gone_two_seconds_after_its_last_sharer() {
    let table = StickTable::new(limits(10, true));
    let pin = Pin::provisional(NodeId(1), at(0));
    let begin = |pin: &mut Pin, _| pin.in_flight += 1;
    assert_eq!(table.update_or_insert(key(1), at(0), pin, begin), Ok(()));
    assert!(has(&table, 1, at(600)));
    table.release(key(1));
    assert!(has(&table, 1, at(619)));
    assert!(!has(&table, 1, at(620)));
}

#[test]
fn a_full_table_that_refuses_takes_a_new_pin_once_an_old_one_expired() {
    let table = StickTable::new(limits(2, false));
    assert_eq!(enter(&table, 1, at(0)), Ok(false));
    assert_eq!(enter(&table, 2, at(50)), Ok(false));
    assert_eq!(enter(&table, 3, at(99)), Err(Full));
    assert_eq!(enter(&table, 3, at(100)), Ok(false));
    assert_eq!((table.refusals(), table.evictions(), table.expirations()), (1, 0, 1));
}

#[test]
fn the_oldest_of_the_whole_table_makes_room_and_provisional_pins_first() {
    let table = StickTable::with_shards(limits(1_000, true), 8);
    for number in 0..1_000 {
        let now = at(u32::try_from(number).unwrap() / 100);
        assert_eq!(enter(&table, number, now), Ok(false));
    }
    table.update(key(0), at(20), |pin| pin.touch_at(at(20)));
    table.update(key(990), at(20), |pin| pin.provisional = true);
    for number in 1_000..1_100 {
        assert_eq!(enter(&table, number, at(20)), Ok(false));
    }
    assert!(has(&table, 0, at(20)));
    assert!(!has(&table, 990, at(20)));
    assert!((1..100).all(|number| !has(&table, number, at(20))), "these were the oldest");
    assert!((100..990).all(|number| has(&table, number, at(20))));
    assert_eq!(table.len(), 1_000);
}

#[test]
fn a_smaller_capacity_holds_at_once_and_memory_is_given_back() {
    let table = StickTable::new(limits(10_000, true));
    for number in 0..10_000 {
        assert_eq!(enter(&table, number, at(0)), Ok(false));
    }
    let bytes = table.bytes();
    assert!(bytes / 10_000 <= 2 * StickTable::BYTES_PER_PIN, "{bytes}");
    table.set_limits(limits(100, true));
    assert_eq!(table.len(), 100);
    while !table.sweep(at(1), 10_000) {}
    assert!(table.bytes() < bytes / 4, "{} of {bytes}", table.bytes());
    assert_counts(&table, 3);
}

#[test]
fn clients_that_come_and_go_do_not_make_a_full_table_larger() {
    // 82 of 100 places are taken: removed pins leave traces, and there is little room for them.
    let table = StickTable::with_shards(limits(13_500, true), 1);
    for number in 0..13_500 {
        assert_eq!(enter(&table, number, at(0)), Ok(false));
    }
    let buckets = table.shards[0].0.lock().buckets();
    for number in 13_500..100_000 {
        assert_eq!(enter(&table, number, at(u32::try_from(number).unwrap() / 1_000)), Ok(false));
    }
    assert_eq!((table.len(), table.shards[0].0.lock().buckets()), (13_500, buckets));
}

#[test]
fn a_sweep_walks_the_whole_table_in_slices() {
    let table = StickTable::with_shards(limits(5_000, true), 4);
    for number in 0..5_000 {
        assert_eq!(enter(&table, number, at(0)), Ok(false));
    }
    let mut slices = 0;
    while !table.sweep(at(100), 100) {
        slices += 1;
    }
    assert!(slices > 40);
    assert_eq!((table.len(), table.expirations()), (0, 5_000));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Begin(u8, u16),
    Touch(u8),
    Release(u8),
    Finish(u8),
    Confirm(u8),
    Move(u8, u16),
    Remove(u8),
    Sweep,
    Pass(u32),
    Capacity(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0_u8..14;
    prop_oneof![
        8 => (key.clone(), 0_u16..3).prop_map(|(key, node)| Op::Begin(key, node)),
        3 => key.clone().prop_map(Op::Touch),
        4 => key.clone().prop_map(Op::Release),
        6 => key.clone().prop_map(Op::Finish),
        5 => key.clone().prop_map(Op::Confirm),
        2 => (key.clone(), 0_u16..3).prop_map(|(key, node)| Op::Move(key, node)),
        1 => key.prop_map(Op::Remove),
        1 => Just(Op::Sweep),
        4 => prop_oneof![0_u32..4, 15_u32..40].prop_map(Op::Pass),
        1 => (1_usize..9).prop_map(Op::Capacity),
    ]
}

/// The plain thing: a list, searched from end to end.
struct Model {
    pins: Vec<(Key, Pin)>,
    capacity: usize,
    evict: bool,
    tick: u32,
}

const IDLE: u32 = 100;

impl Pin {
    fn expired(&self, tick: u32, idle_ticks: u32) -> bool {
        let lifetime = if self.provisional { PROVISIONAL_TICKS.min(idle_ticks) } else { idle_ticks };
        self.in_flight == 0 && tick.saturating_sub(self.last_seen) >= lifetime
    }
}

impl Model {
    fn find(&mut self, key: Key) -> Option<&mut Pin> {
        let tick = self.tick;
        self.pins.retain(|(other, pin)| *other != key || !pin.expired(tick, IDLE));
        self.pins.iter_mut().find(|(other, _)| *other == key).map(|(_, pin)| pin)
    }

    /// The pins that make room were chosen by the table; here it is checked that it chose rightly.
    fn make_room(&mut self, table: &StickTable, entered: Key, succeeded: bool) {
        let kept = contents(table);
        while self.pins.len() >= self.capacity {
            let free = |pin: &Pin, model: &Self| {
                pin.in_flight == 0 && (model.evict || pin.expired(model.tick, IDLE))
            };
            let candidates = self.pins.iter().filter(|(_, pin)| free(pin, self));
            let Some(lowest) = candidates.clone().map(|(_, pin)| eviction_order(pin)).min() else {
                assert!(!succeeded, "there was no room");
                return;
            };
            let gone = self.pins.iter().position(|(key, pin)| {
                free(pin, self)
                    && (!self.evict || eviction_order(pin) == lowest)
                    && *key != entered
                    && !kept.iter().any(|(other, _)| other == key)
            });
            let gone = gone.expect("an oldest pin makes room");
            self.pins.swap_remove(gone);
        }
        assert!(succeeded, "there was room");
    }
}

fn run(ops: &[Op], evict: bool, shards: usize) {
    let table = StickTable::with_shards(limits(5, evict), shards);
    let mut model = Model { pins: Vec::new(), capacity: 5, evict, tick: 1_000 };
    for op in ops {
        let now = at(model.tick);
        let key_of = |number: u8| key(u128::from(number));
        match *op {
            Op::Begin(number, node) => {
                let new = Pin::provisional(NodeId(node), now);
                let known = model.find(key_of(number)).is_some();
                let entered = table.update_or_insert(key_of(number), now, new, |pin, there| {
                    assert_eq!(there, known);
                    pin.in_flight += 1;
                    pin.touch_at(now);
                });
                if !known {
                    model.make_room(&table, key_of(number), entered.is_ok());
                    if entered.is_ok() {
                        model.pins.push((key_of(number), new));
                    }
                }
                if let Some(pin) = model.find(key_of(number)) {
                    pin.in_flight += 1;
                    pin.touch_at(now);
                }
                if !evict {
                    // Room may have been made by a sweep, which takes all that expired.
                    let kept = contents(&table);
                    model.pins.retain(|(key, pin)| {
                        !pin.expired(model.tick, IDLE) || kept.iter().any(|(other, _)| other == key)
                    });
                }
            }
            Op::Touch(number) => {
                table.update(key_of(number), now, |pin| pin.touch_at(now));
                if let Some(pin) = model.find(key_of(number)) {
                    pin.touch_at(now);
                }
            }
            Op::Release(number) | Op::Finish(number) => {
                let held =
                    model.pins.iter_mut().find(|(key, pin)| *key == key_of(number) && pin.in_flight > 0);
                let Some((_, pin)) = held else { continue };
                pin.in_flight -= 1;
                pin.touch_at(now);
                if matches!(op, Op::Finish(_)) {
                    table.finish(key_of(number), now);
                } else {
                    table.release(key_of(number));
                }
            }
            Op::Confirm(number) => {
                let confirm = |pin: &mut Pin| {
                    pin.provisional = false;
                    pin.touch_at(now);
                };
                let known = table.update(key_of(number), now, confirm).is_some();
                assert_eq!(known, model.find(key_of(number)).map(confirm).is_some());
            }
            Op::Move(number, node) => {
                table.update(key_of(number), now, |pin| pin.move_to(NodeId(node)));
                if let Some(pin) = model.find(key_of(number)) {
                    pin.move_to(NodeId(node));
                }
            }
            Op::Remove(number) => {
                let free =
                    model.pins.iter().position(|(key, pin)| *key == key_of(number) && pin.in_flight == 0);
                assert_eq!(table.remove(key_of(number)), free.is_some());
                if let Some(place) = free {
                    model.pins.swap_remove(place);
                }
            }
            Op::Sweep => {
                while !table.sweep(now, 7) {}
                while !table.sweep(now, 7) {}
                model.pins.retain(|(_, pin)| !pin.expired(model.tick, IDLE));
            }
            Op::Pass(ticks) => {
                model.tick += ticks;
                // Somebody always tells the time before a request is dropped.
                table.update(key(999), at(model.tick), |_| ());
            }
            Op::Capacity(capacity) => {
                table.set_limits(limits(capacity, evict));
                model.capacity = capacity;
                let kept = contents(&table);
                while model.pins.len() > kept.len() {
                    let free = model.pins.iter().filter(|(_, pin)| pin.in_flight == 0);
                    let lowest = free.map(|(_, pin)| eviction_order(pin)).min().unwrap();
                    let gone = model.pins.iter().position(|(key, pin)| {
                        pin.in_flight == 0
                            && eviction_order(pin) == lowest
                            && !kept.iter().any(|(other, _)| other == key)
                    });
                    model.pins.swap_remove(gone.unwrap());
                }
                let stuck = model.pins.iter().all(|(_, pin)| pin.in_flight > 0);
                assert!(model.pins.len() <= capacity || stuck);
            }
        }
        let mut expected = model.pins.clone();
        expected.sort_by_key(|(key, _)| *key);
        assert_eq!(contents(&table), expected, "after {op:?}");
        assert_counts(&table, 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_table_behaves_like_a_list(
        ops in prop::collection::vec(op(), 1..250),
        evict in any::<bool>(),
        shards in prop_oneof![Just(1_usize), Just(4)],
    ) {
        run(&ops, evict, shards);
    }
}

#[test]
fn threads_that_share_a_full_table_lose_and_double_nothing() {
    let table = StickTable::with_shards(limits(64, true), 4);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let table = &table;
            scope.spawn(move || {
                let mut state = thread + 1;
                for step in 0..20_000_u64 {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let number = u128::from(state >> 57);
                    let now = Millis(step * 10);
                    let node = NodeId(u16::try_from(state >> 40 & 3).unwrap());
                    let began =
                        table.update_or_insert(key(number), now, Pin::provisional(node, now), |pin, _| {
                            pin.in_flight += 1;
                        });
                    if began.is_err() {
                        continue;
                    }
                    assert!(table.update(key(number), now, |pin| pin.provisional = false).is_some());
                    if state >> 30 & 1 == 0 {
                        table.finish(key(number), now);
                    } else {
                        table.release(key(number));
                    }
                    assert!(table.len() <= 64);
                    if step % 64 == 0 {
                        table.sweep(now, 16);
                    }
                }
            });
        }
    });
    assert_counts(&table, 4);
    assert!(contents(&table).iter().all(|(_, pin)| pin.in_flight == 0));
    assert!(table.evictions() > 1_000);
}
