//! Many requests at the same moment.

use super::farm::*;
use crate::persistence::decision::{Decision, Outcome};
use crate::persistence::settings::By;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

const THREADS: usize = 200;

#[test]
fn first_requests_of_one_client_all_get_one_node() {
    for client in 0..20 {
        let farm = Farm::new("a b c", settings(By::SourceIp));
        let start = Barrier::new(THREADS);
        let nodes: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (farm, start) = (&farm, &start);
                    scope.spawn(move || {
                        start.wait();
                        let selection = farm.used(thread % 2, client);
                        let name = selection.backend().node.name.clone();
                        if thread % 3 == 0 {
                            farm.complete(selection);
                        }
                        name
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(nodes.iter().all(|node| *node == nodes[0]));
        let pin = farm.pin(client).unwrap();
        assert_eq!((pin.in_flight, pin.generation, pin.provisional), (0, 0, false));
        assert_eq!(farm.table().len(), 1);
    }
}

#[test]
fn a_dead_node_moves_its_client_once_however_many_requests_meet_it() {
    let mut farm = Farm::new("a b c d", settings(By::SourceIp));
    let (node, _) = farm.serve(0, 1);
    let held: Vec<_> = (0..THREADS).map(|_| farm.used(0, 1)).collect();
    farm.down(0, &node);
    farm.pass(HOLD);
    let start = Barrier::new(THREADS);
    let moves = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for selection in held {
            let (farm, start, moves) = (&farm, &start, &moves);
            scope.spawn(move || {
                start.wait();
                let Decision::Use(next) = farm.selector.select_again(selection, farm.now) else { panic!() };
                if next.outcome() == Outcome::Redispatched {
                    moves.fetch_add(1, Ordering::Relaxed);
                }
                farm.complete(next);
            });
        }
    });
    let pin = farm.pin(1).unwrap();
    assert_eq!((moves.into_inner(), pin.generation, pin.in_flight), (1, 1, 0));
}
