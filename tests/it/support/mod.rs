//! What the tests stand on: the edge as a child process, raw clients, stand-in nodes.

pub mod client;
pub mod edge;
pub mod farm;
pub mod http;
pub mod mim;
pub mod origin;

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How long a test waits for something that must happen. Not a measurement: far longer than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Holds threads back until a test opens it.
#[derive(Default)]
pub struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    /// Returns once the gate is open.
    pub fn wait(&self) {
        let open = self.open.lock().unwrap();
        let (_open, wait) = self.changed.wait_timeout_while(open, PATIENCE, |open| !*open).unwrap();
        assert!(!wait.timed_out(), "the test never opened the gate");
    }
}
