//! What the tests stand on: the edge as a child process, raw clients, stand-in nodes.

pub mod client;
pub mod edge;
pub mod farm;
pub mod http;
pub mod metrics;
pub mod mim;
pub mod node;
pub mod origin;

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How long a test waits for something that must happen. Not a measurement: far longer than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Holds threads back until a test opens it.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    open: bool,
    arrived: usize,
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    /// Returns once the gate is open.
    pub fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        self.changed.notify_all();
        let (_state, wait) = self.changed.wait_timeout_while(state, PATIENCE, |state| !state.open).unwrap();
        assert!(!wait.timed_out(), "the test never opened the gate");
    }

    /// Returns once so many threads have come to the gate.
    #[track_caller]
    pub fn arrived(&self, threads: usize) {
        let state = self.state.lock().unwrap();
        let wait = self.changed.wait_timeout_while(state, PATIENCE, |state| state.arrived < threads);
        let arrived = wait.unwrap().0.arrived;
        assert_eq!(arrived, threads, "so many came to the gate");
    }
}
