//! A client that sends whatever frames a test makes up.

use super::{Identity, name};
use crate::support::PATIENCE;
use rustls::{ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PROTOCOL_ERROR: u32 = 1;
pub const REFUSED_STREAM: u32 = 7;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of a RST_STREAM or GOAWAY frame.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The status at the start of a HEADERS frame (RFC 7541 appendix A and B).
    pub fn status(&self) -> u16 {
        match self.payload[..] {
            [indexed @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
            [0x08 | 0x48, length, ..] => {
                let text = &self.payload[2..2 + usize::from(length & 0x7f)];
                if length & 0x80 == 0 {
                    return String::from_utf8_lossy(text).parse().unwrap();
                }
                let mut bits = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
                let mut digits = 0;
                for _ in 0..3 {
                    let mut take = |count| bits.by_ref().take(count).fold(0, |code, bit| code << 1 | bit);
                    let code = take(5);
                    // Digits up to 2 have five bits, the others six.
                    let digit = if code <= 2 { code } else { (code << 1 | take(1)) - 0x19 + 3 };
                    digits = digits * 10 + u16::from(digit);
                }
                digits
            }
            _ => panic!("no status at the start of {self:?}"),
        }
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Fields as literals that enter no table (RFC 7541 section 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            // RFC 7541 section 5.1, with a prefix of seven bits.
            let mut length = text.len();
            if length < 127 {
                block.push(length as u8);
            } else {
                block.push(127);
                length -= 127;
                while length >= 128 {
                    block.push((length % 128 + 128) as u8);
                    length /= 128;
                }
                block.push(length as u8);
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// What every request has.
pub const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "edge.test"), (":path", "/raw")];

/// A connection.
pub struct Raw {
    stream: StreamOwned<ClientConnection, TcpStream>,
    unread: Vec<u8>,
}

impl Raw {
    /// A connection that has sent its preface and empty settings.
    pub fn connect(identity: &Identity, to: SocketAddr) -> Raw {
        let mut raw = Raw::silent(identity, to);
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        raw.send(frame(SETTINGS, 0, 0, &[]));
        raw
    }

    /// A connection that has sent nothing but its handshake.
    pub fn silent(identity: &Identity, to: SocketAddr) -> Raw {
        let tcp = TcpStream::connect(to).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.set_write_timeout(Some(PATIENCE)).unwrap();
        let session = ClientConnection::new(identity.client(&["h2"]), name()).unwrap();
        let mut stream = StreamOwned::new(session, tcp);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        Raw { stream, unread: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).expect("sending to the edge");
    }

    /// The same to an edge that may have closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// A whole request without a body.
    pub fn ask(&mut self, stream: u32, fields: &[(&str, &str)]) {
        self.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields)));
    }

    /// The next frame; none when the edge has closed.
    #[track_caller]
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let [high, middle, low, kind, flags, a, b, c, d, ..] = self.unread[..] {
                let end = 9 + u32::from_be_bytes([0, high, middle, low]) as usize;
                if self.unread.len() >= end {
                    let rest = self.unread.split_off(end);
                    let payload = std::mem::replace(&mut self.unread, rest).split_off(9);
                    return Some(Frame { kind, flags, stream: u32::from_be_bytes([a, b, c, d]), payload });
                }
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("nothing came: {error}")
                }
                Err(_) => return None,
            }
        }
    }

    /// The next frame of one of these types; others are passed over.
    #[track_caller]
    pub fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// Fails unless the edge says goodbye with this code and closes. Returns what came before.
    #[track_caller]
    pub fn expect_goodbye(&mut self, code: u32) -> Vec<Frame> {
        let mut before = Vec::new();
        let mut codes = Vec::new();
        while let Some(frame) = self.next() {
            if frame.kind == GOAWAY {
                codes.push(frame.code());
            }
            before.push(frame);
        }
        assert_eq!(codes.last(), Some(&code), "{before:?}");
        before
    }

    /// Fails unless a plain request on this connection is served.
    #[track_caller]
    pub fn expect_service(&mut self, stream: u32) {
        self.ask(stream, &GET);
        loop {
            let frame = self.next().expect("the connection is still open");
            if frame.stream == stream {
                assert_eq!((frame.kind, frame.status()), (HEADERS, 200), "{frame:?}");
                return;
            }
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
        }
    }
}
