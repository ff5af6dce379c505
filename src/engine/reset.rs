//! Ending a connection so that its other end notices.
#![allow(unsafe_code, reason = "Pingora's streams give their descriptor as a number only")]

use pingora::protocols::UniqueID;
use socket2::SockRef;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Makes a socket send a reset instead of an orderly end when it is dropped. Where a body lasts until the
/// connection's end (RFC 9112 section 6.3), an orderly end would make a part look whole.
pub(super) fn reset_when_dropped(socket: &SockRef<'_>) {
    // A socket that is closed already needs no reset.
    let _ = socket.set_linger(Some(Duration::ZERO));
}

/// The same for the socket under one of Pingora's TLS streams.
pub(super) fn reset_tls_when_dropped(stream: &impl UniqueID) {
    // SAFETY: the number is the descriptor of the socket that `stream` owns. The borrow of `stream` outlives
    // the borrowed descriptor, which does not leave this function, so it stays open and is nobody else's.
    let socket = unsafe { BorrowedFd::borrow_raw(stream.id()) };
    reset_when_dropped(&SockRef::from(&socket));
}
