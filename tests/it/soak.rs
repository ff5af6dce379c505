//! Many clients, failing nodes, and a model that knows which failures and moves they explain.
//!
//! Three nodes, each a process; SOAP clients on two ports and browsers with cookies, each with sessions that
//! only the node knows on which they began; a thread that lets nodes fail by a seeded random generator. At the
//! end every request is judged: what failed, what was forgotten and who moved must each be the work of a fault
//! of exactly that node.
//!
//! `SOAK_SECONDS` says how long (20), `SOAK_SEED` repeats the same choices, `SOAK_LOG` names a file for the
//! edge's access log.

mod actors;
mod faults;
mod model;

use crate::support::edge::{Edge, Keys};
use crate::support::farm::Farm;
use crate::support::node::Node;
use actors::{Actor, Browser, Requests, Soap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const HOLD: Duration = Duration::from_millis(1_500);
const SOAP_CLIENTS: usize = 64;
/// So many of them do two things at once.
const BUSY_CLIENTS: usize = 8;
const BROWSERS: usize = 32;
const THREADS: usize = 12;

/// SplitMix64: enough to vary, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in so many times.
    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

fn setting(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn start(nodes: &[Node; 3], keys: &Keys) -> Edge {
    let group = format!("hold: {}ms", HOLD.as_millis());
    let [a, b, c] = nodes;
    let mut farm =
        Farm::of([a, b, c]).group(&format!("by: source_ip, {group}")).web(keys, &format!(", {group}"));
    // Nothing but outages moves anybody, and a machine that is busy is no outage.
    farm.pool = "probe: { tcp: {}, interval: 100ms, fast_interval: 100ms, timeout: 10s, rise: 1, fall: 2 }, \
                 timeouts: { connect: 10s, read: 60s }, slow_start: 1s, \
                 ejection: { consecutive_failures: 1000000 },"
        .to_owned();
    let log = match std::env::var("SOAK_LOG") {
        Ok(file) => format!("{{ to: \"{file}\" }}"),
        Err(_) => "null".to_owned(),
    };
    farm.more = format!("log: {{ access: {log} }}\n");
    Edge::start(&farm.yaml())
}

#[test]
fn every_failure_and_every_move_has_its_reason() {
    let seed = setting("SOAK_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    let time = Duration::from_secs(setting("SOAK_SECONDS").unwrap_or(20));
    println!("SOAK_SEED={seed}");
    let (nodes, keys) = (["mim1", "mim2", "mim3"].map(Node::start), Keys::new());
    let edge = start(&nodes, &keys);
    let requests = Requests::to(&edge);
    let over = AtomicBool::new(false);

    let soap = (0..SOAP_CLIENTS + BUSY_CLIENTS).map(|n| Actor::Soap(Soap::new(n % SOAP_CLIENTS)));
    let browsers = (0..BROWSERS).map(|n| Actor::Browser(Browser::new(n)));
    let mut groups: Vec<Vec<Actor>> = (0..THREADS).map(|_| Vec::new()).collect();
    soap.chain(browsers).enumerate().for_each(|(n, actor)| groups[n % THREADS].push(actor));

    let (done, faults) = std::thread::scope(|scope| {
        let (requests, over, nodes) = (&requests, &over, &nodes);
        let workers: Vec<_> = groups
            .into_iter()
            .zip(1..)
            .map(|(mut actors, number)| {
                scope.spawn(move || {
                    // Whoever fails ends the others, too.
                    let _end = EndsAll(over);
                    let mut random = Random(seed ^ (number << 48));
                    let mut done = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        for actor in &mut actors {
                            done.extend(actor.step(requests, &mut random));
                        }
                    }
                    done
                })
            })
            .collect();
        let faults = faults::play(nodes, requests, Random(seed), Instant::now() + time, over);
        over.store(true, Ordering::Relaxed);
        let done: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        (done, faults)
    });
    let judged = model::judge(&nodes, &done, &faults);
    println!("SOAK_SEED={seed} {time:?}: {judged}");
    assert!(judged.wrong.is_empty(), "SOAK_SEED={seed}: {:#?}", judged.wrong);
    judged.assert_something_happened();
}

struct EndsAll<'o>(&'o AtomicBool);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
