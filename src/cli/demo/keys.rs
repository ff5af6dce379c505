//! What is typed: single keys in a picture, a key and Enter otherwise.

use super::error::DemoError;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use std::io::{IsTerminal as _, Read as _, stdin};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Whether somebody can type: a program in the background that touches its terminal is stopped.
pub(super) fn somebody_types() -> bool {
    stdin().is_terminal() && tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Stop or start the node with this number, counted from 1.
    Node(usize),
    /// The other half of what there is to see.
    Turn,
}

/// The keys that are typed. The thread that reads ends with the process.
pub(super) fn typed() -> Result<UnboundedReceiver<Key>, DemoError> {
    let (sender, typed) = unbounded_channel();
    let read = move || {
        for byte in stdin().lock().bytes().map_while(Result::ok) {
            let key = match byte {
                b'1'..=b'9' => Key::Node(usize::from(byte - b'0')),
                b' ' => Key::Turn,
                _ => continue,
            };
            if sender.send(key).is_err() {
                return;
            }
        }
    };
    if somebody_types() {
        std::thread::Builder::new().spawn(read).map_err(DemoError::io("start a thread"))?;
    }
    Ok(typed)
}
