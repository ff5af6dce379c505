//! What passes on an HTTP/2 connection, frame by frame, without a look into the frames.
//!
//! The HTTP/2 library bounds the memory of a connection, but answers PING and SETTINGS, and takes PRIORITY,
//! WINDOW_UPDATE and RST_STREAM, as fast as they come (CVE-2019-9511 to 9518, CVE-2023-44487), and refuses malformed
//! requests without telling anybody. Everything needed to notice that stands in the nine bytes in front of each frame
//! (RFC 9113 section 4.1), which this module follows through the bytes as they are split by reads and writes. Its
//! state is a few dozen bytes whatever comes. A library of our own, or a fork with counters, was rejected: header
//! compression and stream states are the hard part, and they are well kept there.

use std::time::{Duration, Instant};

/// What a client sends first (RFC 9113 section 3.4).
pub(super) const PREFACE: usize = 24;

/// Over how long frames are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// A DATA frame of so many bytes allows the client to announce new windows for it.
const WORTH_AN_UPDATE: u32 = 1024;
/// So many WINDOW_UPDATE frames: one for the stream, one for the connection.
const UPDATES: u32 = 2;
/// The most that can be saved up.
const MAX_CREDIT: u32 = 1 << 20;

/// Types of frames (RFC 9113 section 6).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Flags of frames (RFC 9113 sections 6.1, 6.2 and 6.10).
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a connection's client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests at once (RFC 9113 section 5.1.2).
    pub streams: u32,
    /// Streams that the client resets, or makes the edge reset by malformed frames, within ten seconds.
    pub resets: u32,
    /// Frames within ten seconds that carry nothing of a request: PING, SETTINGS, PRIORITY, CONTINUATION, empty DATA,
    /// a WINDOW_UPDATE that no response calls for, and what this version of HTTP does not know.
    pub control_frames: u32,
}

/// The nine bytes in front of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
}

impl FrameHead {
    /// Whether a header block ends with this frame.
    pub(super) fn ends_block(&self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::CONTINUATION) && self.flags & END_HEADERS != 0
    }
}

/// A step of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Its head is there.
    Begun(FrameHead),
    /// All of it is there. The number is the error code of a RST_STREAM or GOAWAY frame (RFC 9113 sections 6.4, 6.8).
    Whole(FrameHead, u32),
}

/// Follows the frames of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the preface still to come.
    preface: usize,
    bytes: [u8; 9],
    have: usize,
    head: FrameHead,
    /// Bytes of the frame's payload still to come.
    left: u32,
    /// Bytes of it until the end of an error code, and the last four of them.
    to_code: u32,
    code: u32,
}

impl Frames {
    /// Frames behind a preface of so many bytes.
    pub(super) fn behind(preface: usize) -> Self {
        Self { preface, bytes: [0; 9], have: 0, head: FrameHead::default(), left: 0, to_code: 0, code: 0 }
    }

    /// Follows `bytes` and tells what is in them.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Seen)) {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.have < self.bytes.len() {
                let count = (self.bytes.len() - self.have).min(bytes.len());
                self.bytes[self.have..self.have + count].copy_from_slice(&bytes[..count]);
                self.have += count;
                bytes = &bytes[count..];
                if self.have < self.bytes.len() {
                    return;
                }
                self.begin();
                tell(Seen::Begun(self.head));
            } else {
                let count = bytes.len().min(self.left as usize);
                for byte in bytes[..count].iter().take(self.to_code as usize) {
                    self.code = self.code << 8 | u32::from(*byte);
                }
                self.to_code = self.to_code.saturating_sub(count as u32);
                self.left -= count as u32;
                bytes = &bytes[count..];
            }
            if self.left == 0 {
                self.have = 0;
                tell(Seen::Whole(self.head, self.code));
            }
        }
    }

    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.bytes;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.head = FrameHead { length, kind, flags };
        self.left = length;
        self.code = 0;
        self.to_code = match kind {
            kind::RST_STREAM => 4,
            // Behind the last stream's number.
            kind::GOAWAY => 8,
            _ => 0,
        };
    }
}

/// What a client sent too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Resets,
    ControlFrames,
}

/// Counts what a client costs.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: Limits,
    since: Instant,
    resets: u32,
    control_frames: u32,
    /// WINDOW_UPDATE frames that responses call for.
    credit: u32,
}

impl Ledger {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, since: now, resets: 0, control_frames: 0, credit: 0 }
    }

    /// Counts a frame that came.
    pub(super) fn received(&mut self, head: FrameHead, now: Instant) -> Option<Excess> {
        self.move_on(now);
        match head.kind {
            // A request, which may be followed by an update for its response.
            kind::HEADERS => self.allow_updates(),
            kind::DATA if head.length > 0 || head.flags & END_STREAM != 0 => {}
            kind::RST_STREAM => return self.reset(),
            kind::WINDOW_UPDATE if self.credit > 0 => self.credit -= 1,
            _ => {
                self.control_frames = self.control_frames.saturating_add(1);
                return (self.control_frames > self.limits.control_frames).then_some(Excess::ControlFrames);
            }
        }
        None
    }

    /// Notes a frame that leaves.
    pub(super) fn sent(&mut self, head: FrameHead) {
        if head.kind == kind::DATA && (head.length >= WORTH_AN_UPDATE || head.flags & END_STREAM != 0) {
            self.allow_updates();
        }
    }

    /// Counts a stream that was reset for what the client sent.
    pub(super) fn provoked(&mut self, now: Instant) -> Option<Excess> {
        self.move_on(now);
        self.reset()
    }

    fn reset(&mut self) -> Option<Excess> {
        self.resets = self.resets.saturating_add(1);
        (self.resets > self.limits.resets).then_some(Excess::Resets)
    }

    fn allow_updates(&mut self) {
        self.credit = (self.credit + UPDATES).min(MAX_CREDIT);
    }

    fn move_on(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.resets = 0;
            self.control_frames = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.extend_from_slice(payload);
        frame
    }

    fn seen(frames: &mut Frames, bytes: &[u8]) -> Vec<Seen> {
        let mut all = Vec::new();
        frames.pass(bytes, |step| all.push(step));
        all
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_split() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, &[]));
        bytes.extend(frame(kind::HEADERS, END_HEADERS, b"some fields"));
        bytes.extend(frame(kind::DATA, END_STREAM, &[7; 300]));
        bytes.extend(frame(kind::RST_STREAM, 0, &[0, 0, 0, 8]));
        bytes.extend(frame(kind::GOAWAY, 0, b"\0\0\0\x09\x01\x02\x03\x04 and why"));
        bytes.extend(frame(6, 1, &[1; 8]));
        let whole = seen(&mut Frames::behind(PREFACE), &bytes);
        assert_eq!(whole.len(), 12);
        let codes: Vec<u32> = whole
            .iter()
            .filter_map(|step| match step {
                Seen::Whole(_, code) => Some(*code),
                Seen::Begun(_) => None,
            })
            .collect();
        assert_eq!(codes, [0, 0, 0, 8, 0x0102_0304, 0]);
        assert_eq!(whole[0], Seen::Begun(FrameHead { length: 0, kind: 4, flags: 0 }));
        assert!(matches!(whole[2], Seen::Begun(head) if head.ends_block() && head.length == 11));
        for first in 0..bytes.len() {
            for second in [first, first + 1, first + 9, first + 40] {
                let second = second.min(bytes.len());
                let mut frames = Frames::behind(PREFACE);
                let mut pieces = seen(&mut frames, &bytes[..first]);
                pieces.extend(seen(&mut frames, &bytes[first..second]));
                pieces.extend(seen(&mut frames, &bytes[second..]));
                assert_eq!(pieces, whole, "split at {first} and {second}");
            }
        }
        let mut frames = Frames::behind(PREFACE);
        let single: Vec<Seen> = bytes.iter().flat_map(|byte| seen(&mut frames, &[*byte])).collect();
        assert_eq!(single, whole);
    }

    #[test]
    fn the_largest_frame_is_followed_to_its_end() {
        let mut frames = Frames::behind(0);
        let begun = seen(&mut frames, b"\xff\xff\xff\0\0\0\0\0\x01");
        assert!(matches!(begun[..], [Seen::Begun(FrameHead { length: 0xff_ffff, .. })]));
        let zeros = vec![0; 1 << 16];
        for _ in 0..255 {
            assert_eq!(seen(&mut frames, &zeros), []);
        }
        assert_eq!(seen(&mut frames, &zeros[1..]).len(), 1);
    }

    const LIMITS: Limits = Limits { streams: 1, resets: 3, control_frames: 5 };

    fn head(kind: u8, flags: u8, length: u32) -> FrameHead {
        FrameHead { length, kind, flags }
    }

    /// How many of these frames pass before one is too many.
    fn pass(ledger: &mut Ledger, head: FrameHead, now: Instant) -> (usize, Option<Excess>) {
        for count in 0..1000 {
            if let Some(excess) = ledger.received(head, now) {
                return (count, Some(excess));
            }
        }
        (1000, None)
    }

    #[test]
    fn each_kind_has_its_bound_and_time_renews_it() {
        let now = Instant::now();
        for (frame, most, excess) in [
            (head(kind::RST_STREAM, 0, 4), 3, Some(Excess::Resets)),
            (head(6, 0, 8), 5, Some(Excess::ControlFrames)),
            (head(4, 0, 0), 5, Some(Excess::ControlFrames)),
            (head(4, 1, 0), 5, Some(Excess::ControlFrames)),
            (head(2, 0, 5), 5, Some(Excess::ControlFrames)),
            (head(kind::CONTINUATION, 0, 100), 5, Some(Excess::ControlFrames)),
            (head(kind::WINDOW_UPDATE, 0, 4), 5, Some(Excess::ControlFrames)),
            (head(kind::DATA, 0, 0), 5, Some(Excess::ControlFrames)),
            (head(0x10, 0, 20), 5, Some(Excess::ControlFrames)),
            (head(kind::GOAWAY, 0, 8), 5, Some(Excess::ControlFrames)),
            (head(kind::DATA, 0, 1), 1000, None),
            (head(kind::DATA, END_STREAM, 0), 1000, None),
            (head(kind::HEADERS, END_HEADERS, 10), 1000, None),
        ] {
            let mut ledger = Ledger::new(LIMITS, now);
            assert_eq!(pass(&mut ledger, frame, now), (most, excess), "{frame:?}");
            let later = now + WINDOW;
            assert_eq!(pass(&mut ledger, frame, later), (most, excess), "{frame:?} later");
        }
    }

    #[test]
    fn updates_are_free_where_data_calls_for_them() {
        let now = Instant::now();
        let mut ledger = Ledger::new(LIMITS, now);
        let update = head(kind::WINDOW_UPDATE, 0, 4);
        for _ in 0..1000 {
            ledger.sent(head(kind::DATA, 0, 16_384));
            assert_eq!(ledger.received(update, now), None);
            assert_eq!(ledger.received(update, now), None);
        }
        // Windows of a byte call for frames of a byte, and those for nothing.
        let mut passed = 0;
        while ledger.received(update, now).is_none() {
            ledger.sent(head(kind::DATA, 0, 1));
            passed += 1;
        }
        assert_eq!(passed, 5);
    }

    #[test]
    fn credit_is_bounded() {
        let mut ledger = Ledger::new(LIMITS, Instant::now());
        for _ in 0..MAX_CREDIT {
            ledger.sent(head(kind::DATA, 0, 16_384));
        }
        assert_eq!(ledger.credit, MAX_CREDIT);
    }

    #[test]
    fn what_a_client_provokes_counts_like_what_it_does() {
        let now = Instant::now();
        let mut ledger = Ledger::new(LIMITS, now);
        assert_eq!(ledger.provoked(now), None);
        assert_eq!(ledger.received(head(kind::RST_STREAM, 0, 4), now), None);
        assert_eq!(ledger.provoked(now), None);
        assert_eq!(ledger.provoked(now), Some(Excess::Resets));
    }
}
