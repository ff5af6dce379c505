//! Ratios that hold on a noisy machine: every round measures all competitors one after the other, a ratio is taken
//! within its round, and the median of the rounds is told with its quartiles.

use crate::counting::live_bytes;
use crate::farm::{address, at, facts, selector, serve};
use crate::maps::{DashMap, Papaya, Pins, stick_table};
use identity_edge::clock::Millis;
use identity_edge::persistence::settings::By;
use identity_edge::persistence::stick_table::Key;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Barrier;

const ROUNDS: usize = 25;
/// Operations of one thread in one round.
const OPERATIONS: u64 = 200_000;
const COMPETITORS: [&str; 3] = ["stick table", "DashMap", "papaya"];

/// The key of client `number`.
pub fn key(number: u64) -> Key {
    Key::address(address(number), 32, 128)
}

/// Numbers that look random, one after the other.
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * u128::from(bound)) >> 64) as u64
    }
}

/// Median and quartiles.
struct Spread([f64; 3]);

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self([1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4]))
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [low, median, high] = self.0;
        write!(formatter, "{median:8.2}  [{low:.2} .. {high:.2}]")
    }
}

/// Nanoseconds of this thread's own processor time: what a neighbour's program takes is not counted.
fn thread_nanoseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// What one operation costs, in nanoseconds: of a thread's own time, and by the wall clock.
#[derive(Clone, Copy)]
struct Cost {
    own: f64,
    wall: f64,
}

/// `threads` do `work(thread)` at the same time; it says how many operations it did.
fn measure(threads: u64, work: impl Fn(u64) -> u64 + Sync) -> Cost {
    let start = Barrier::new(threads as usize);
    let costs: Vec<Cost> = std::thread::scope(|scope| {
        let spawned = (0..threads).map(|thread| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                let (wall, own) = (std::time::Instant::now(), thread_nanoseconds());
                let operations = work(thread) as f64;
                let own = thread_nanoseconds() - own;
                Cost { own: own / operations, wall: wall.elapsed().as_nanos() as f64 / operations }
            })
        });
        let spawned: Vec<_> = spawned.collect();
        spawned.into_iter().map(|thread| thread.join().expect("a measured thread")).collect()
    });
    let mean = |part: fn(&Cost) -> f64| costs.iter().map(part).sum::<f64>() / costs.len() as f64;
    Cost { own: mean(|cost| cost.own), wall: mean(|cost| cost.wall) }
}

/// Hits of known clients, in random order. Whom the next one asks for depends on what this one found: between two
/// requests lies a proxy's work, so no processor reads the memory of one while it waits for the other's.
fn hits(pins: &dyn Pins, known: u64, seed: u64) -> u64 {
    let mut random = Random(seed);
    for step in 0..OPERATIONS {
        let now = Millis(1_000_000 + step / 1_000);
        let node = pins.hit(key(random.below(known)), now);
        random.0 ^= node.map_or(0, |node| u64::from(node.0 & 2));
    }
    OPERATIONS
}

/// 95 of 100 requests are of known clients, five of new ones; the table is full, so each of these evicts somebody.
fn mixed(pins: &dyn Pins, known: u64, seed: u64, new: &mut u64) -> u64 {
    let mut random = Random(seed);
    let spare = known / 4;
    for step in 0..OPERATIONS {
        let now = Millis(2_000_000 + *new / 50);
        if step % 20 == 0 {
            *new += 1;
            pins.forget(key(*new - spare / 2));
            pins.enter(key(*new), now);
        } else {
            let key = key(random.below(known));
            match pins.hit(key, now) {
                Some(node) => random.0 ^= u64::from(node.0 & 2),
                None => pins.enter(key, now),
            }
        }
    }
    OPERATIONS
}

/// One of each, with `known` clients and a quarter more that come once.
fn competitors(known: u64) -> [Box<dyn Pins>; 3] {
    let all: [Box<dyn Pins>; 3] = [
        Box::new(stick_table((known + known / 4) as usize)),
        Box::<DashMap>::default(),
        Box::<Papaya>::default(),
    ];
    for pins in &all {
        for number in (NEW..NEW + known / 4).chain(0..known) {
            pins.enter(key(number), Millis(number & 0xffff));
        }
    }
    all
}

/// The first number of a client that comes once; each thread has its own range.
const NEW: u64 = 1 << 40;

fn hit_ratios(known: u64) {
    let all = competitors(known);
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        rounds.push([0, 1, 2].map(|which| {
            // Who comes first changes from round to round.
            measure(1, |_| hits(&*all[(which + round) % 3], known, 0x9e37_79b9 + round as u64)).own
        }));
        rounds[round].rotate_right(round % 3);
    }
    for (which, name) in COMPETITORS.iter().enumerate() {
        let cost = Spread::of(rounds.iter().map(|round| round[which]).collect());
        let ratio = Spread::of(rounds.iter().map(|round| round[0] / round[which]).collect());
        print!("hit         {known:>9}  {name:12} {cost} ns");
        println!("{}", if which == 0 { String::new() } else { format!("   stick table / {name}: {ratio}") });
    }
}

/// What two threads cost each other, from the rounds in which both had a processor: where a neighbour made them take
/// turns, they could not get in each other's way.
fn tell_threads(what: &str, known: u64, name: &str, rounds: &[(Cost, Cost)]) {
    let together: Vec<_> = rounds.iter().filter(|(_, two)| two.wall < 1.15 * two.own).collect();
    print!("{what:10}  {known:>9}  {name:12}");
    if together.is_empty() {
        println!(" two threads never ran at the same time");
        return;
    }
    let pick = |of: fn(&(Cost, Cost)) -> f64| Spread::of(together.iter().map(|round| of(round)).collect());
    println!(" one thread {} ns, two {} ns", pick(|(one, _)| one.own), pick(|(_, two)| two.own));
    let ratio = pick(|(one, two)| two.own / one.own);
    println!("{:36}two threads / one: {ratio}   in {} rounds of {}", "", together.len(), rounds.len());
}

fn thread_ratios(known: u64) {
    let all = competitors(known);
    let mut new = [NEW + known / 4; 2];
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        rounds.push([0, 1, 2].map(|which| {
            let run = |threads: u64, new: [u64; 2]| {
                let last = std::sync::Mutex::new(new);
                let cost = measure(threads, |thread| {
                    let mut mine = new[thread as usize] + (thread << 36);
                    let done = mixed(&*all[which], known, 77 + thread + round as u64, &mut mine);
                    last.lock().expect("no panic")[thread as usize] = mine - (thread << 36);
                    done
                });
                (cost, last.into_inner().expect("no panic"))
            };
            let (one, after) = run(1, new);
            let (two, after) = run(2, after);
            if which == 2 {
                new = after;
            }
            (one, two)
        }));
    }
    for (which, name) in COMPETITORS.iter().enumerate() {
        tell_threads("95/5", known, name, &rounds.iter().map(|round| round[which]).collect::<Vec<_>>());
    }
}

/// A request of a known client: select, commit, finish.
fn whole_selector() {
    for known in [1_000, 1_000_000] {
        let all = selector(By::SourceIp, known as usize);
        for number in 0..known {
            serve(&all, &facts(address(number), None), at(0));
        }
        let work = |thread: u64| {
            let mut random = Random(99 + thread);
            for step in 0..OPERATIONS {
                let node = serve(&all, &facts(address(random.below(known)), None), at(step / 1_000));
                random.0 ^= u64::from(node & 2);
            }
            OPERATIONS
        };
        let rounds: Vec<_> = (0..ROUNDS).map(|_| (measure(1, work), measure(2, work))).collect();
        tell_threads("request", known, "selector", &rounds);
    }
}

fn bytes_per_entry() {
    for capacity_is in ["number of clients", "1000000"] {
        for clients in [1_000_usize, 100_000, 1_000_000] {
            let before = live_bytes();
            let table = stick_table(if capacity_is == "1000000" { 1_000_000 } else { clients });
            let mut worst: f64 = 0.0;
            for number in 0..clients {
                table.enter(key(number as u64), Millis(0));
                if number + 1 >= clients / 2 && number % (clients / 500) == 0 {
                    worst = worst.max((live_bytes() - before) as f64 / (number + 1) as f64);
                }
            }
            let full = (live_bytes() - before) as f64 / clients as f64;
            let said = table.bytes() as f64 / clients as f64;
            for number in 0..2 * clients {
                table.enter(key(NEW + number as u64), Millis(1_000 + number as u64));
            }
            let churned = (live_bytes() - before) as f64 / table.len() as f64;
            println!(
                "bytes/entry {clients:>9}  capacity {capacity_is}: {full:.1} (the table says {said:.1}); the most on the way \
                 from half of that: {worst:.1}; after twice as many new clients: {churned:.1} at {}",
                table.len()
            );
        }
    }
    for clients in [1_000_usize, 100_000, 1_000_000] {
        let before = live_bytes();
        let map = DashMap::default();
        (0..clients).for_each(|number| map.enter(key(number as u64), Millis(0)));
        println!("bytes/entry {clients:>9}  DashMap: {:.1}", (live_bytes() - before) as f64 / clients as f64);
    }
}

/// Prints everything.
pub fn print() {
    println!("\nratios: median of {ROUNDS} rounds [quartiles]");
    for known in [1_000, 1_000_000] {
        hit_ratios(known);
    }
    for known in [1_000, 1_000_000] {
        thread_ratios(known);
    }
    whole_selector();
    bytes_per_entry();
}

/// One case, `times` over, for counting instructions: the difference between two counts is what the work costs.
pub fn repeat(case: &str, times: u64) {
    let all = competitors(1_000);
    let serving = selector(By::SourceIp, 1_000);
    let client = |step: u64| step % 1_000;
    for step in 0..times {
        match case {
            "stick_table" | "dashmap" | "papaya" => {
                let which = ["stick_table", "dashmap", "papaya"].iter().position(|name| *name == case);
                all[which.expect("one of them")].hit(key(client(step)), Millis(1_000_000));
            }
            "key" => _ = std::hint::black_box(key(client(step))),
            "select" => _ = serve(&serving, &facts(address(client(step % 100)), None), at(0)),
            other => panic!("no case {other}"),
        }
    }
}
