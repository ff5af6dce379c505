//! What a known client's request must not do: allocate.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "a test")]

#[path = "../benches/hot_path/counting.rs"]
mod counting;
#[path = "../benches/hot_path/farm.rs"]
mod farm;
#[path = "../benches/hot_path/maps.rs"]
#[allow(dead_code, reason = "the benchmark uses all of it")]
mod maps;

use counting::allocations;
use farm::{address, at, browser, facts, selector, serve};
use identity_edge::clock::Millis;
use identity_edge::persistence::settings::By;
use identity_edge::persistence::stick_table::Key;
use maps::{Pins, stick_table};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    let before = counting::live_bytes();
    let held = std::hint::black_box(vec![0_u8; 1 << 20]);
    assert!(counting::live_bytes() >= before + held.len());
}

#[test]
fn a_hit_allocates_nothing() {
    let table = stick_table(100);
    let key = Key::address(address(1), 32, 128);
    table.enter(key, Millis(0));
    assert_eq!(allocations(|| assert!(table.hit(key, Millis(1_000)).is_some())), 0);
}

#[test]
fn a_known_clients_request_allocates_nothing() {
    let by_address = selector(By::SourceIp, 100);
    let known = facts(address(1), None);
    serve(&by_address, &known, at(0));
    assert_eq!(allocations(|| assert!(serve(&by_address, &known, at(1_000)) < 2)), 0);

    let by_cookie = selector(By::Cookie, 100);
    let (ticket, line) = browser(&by_cookie, address(2), at(0));
    let known = facts(address(2), Some(ticket));
    let request = || {
        let _ = by_cookie.codec(0).unwrap().read(std::iter::once(&line[..]), at(1_000).wall, 36_000);
        serve(&by_cookie, &known, at(1_000));
    };
    assert_eq!(allocations(request), 0);
}
