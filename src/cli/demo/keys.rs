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

/// The digits that are typed. The thread that reads ends with the process.
pub(super) fn digits() -> Result<UnboundedReceiver<usize>, DemoError> {
    let (sender, digits) = unbounded_channel();
    let read = move || {
        for byte in stdin().lock().bytes().map_while(Result::ok).filter(u8::is_ascii_digit) {
            if sender.send(usize::from(byte - b'0')).is_err() {
                return;
            }
        }
    };
    if somebody_types() {
        std::thread::Builder::new().spawn(read).map_err(DemoError::io("start a thread"))?;
    }
    Ok(digits)
}
