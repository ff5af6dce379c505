//! The selector and its parts, one call at a time.

use crate::counting::allocations;
use crate::farm::{address, at, browser, facts, selector, serve};
use crate::maps::{Pins, stick_table};
use crate::ratios::{Random, key};
use criterion::Criterion;
use identity_edge::clock::Millis;
use identity_edge::persistence::settings::By;
use std::hint::black_box;

/// Hits, misses, touches and evictions of tables of two sizes; cookies; the whole.
pub fn measure(criterion: &mut Criterion) {
    for known in [1_000, 1_000_000] {
        table(criterion, known);
        whole(criterion, known);
    }
    cookie(criterion);
}

fn table(criterion: &mut Criterion, known: u64) {
    let mut group = criterion.benchmark_group(format!("stick table of {known}"));
    let now = Millis(1_000_000);
    let table = stick_table(known as usize);
    (0..known).for_each(|number| table.enter(key(number), now));
    let mut random = Random(1);
    let mut some = move || key(random.below(known));
    assert_eq!(allocations(|| assert!(table.hit(some(), now).is_some())), 0, "a hit allocates nothing");
    group.bench_function("hit", |bencher| bencher.iter(|| table.hit(some(), now)));
    group.bench_function("touch", |bencher| {
        bencher.iter(|| table.update(some(), now, |pin| pin.touch_at(now)))
    });
    let mut random = Random(2);
    let mut nobody = move || key((1 << 41) + random.below(1 << 40));
    group.bench_function("miss", |bencher| bencher.iter(|| table.update(nobody(), now, |pin| pin.node)));
    let mut new = 1 << 42;
    group.bench_function("eviction", |bencher| {
        bencher.iter(|| {
            new += 1;
            table.enter(key(new), Millis(1_000_000 + (new >> 4 & 0xffff_ffff)));
        });
    });
}

fn whole(criterion: &mut Criterion, known: u64) {
    let selector = selector(By::SourceIp, known as usize);
    for number in 0..known {
        serve(&selector, &facts(address(number), None), at(0));
    }
    let mut random = Random(3);
    criterion.bench_function(&format!("select, commit, finish of {known} clients"), |bencher| {
        bencher.iter(|| serve(&selector, &facts(address(random.below(known)), None), at(1)));
    });
    let allocated = allocations(|| assert!(serve(&selector, &facts(address(5), None), at(1)) < 2));
    assert_eq!(allocated, 0, "a known client's request allocates nothing");
}

fn cookie(criterion: &mut Criterion) {
    let selector = selector(By::Cookie, 1_000);
    let (ticket, line) = browser(&selector, address(1), at(0));
    let codec = selector.codec(0).unwrap();
    criterion.bench_function("cookie verified", |bencher| {
        bencher.iter(|| codec.read(std::iter::once(black_box(&line[..])), at(0).wall, 36_000));
    });
    criterion.bench_function("select, commit, finish by cookie", |bencher| {
        bencher.iter(|| serve(&selector, &facts(address(1), Some(ticket)), at(1)));
    });
}
