//! When a request ended, as RFC 3339 in UTC.

use super::line;
use std::time::Duration;

/// The second that was written last: requests share it, and a calendar is not asked for each of them.
#[derive(Debug)]
pub(super) struct Stamp {
    second: u64,
    /// `2026-11-22T01:34:08`.
    text: [u8; 19],
}

impl Default for Stamp {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00" }
    }
}

impl Stamp {
    /// Writes a moment, told as the time since 1970, with as many decimals as it has.
    pub(super) fn write(&mut self, line: &mut Vec<u8>, moment: Duration) {
        if moment.as_secs() != self.second {
            self.turn(moment.as_secs());
        }
        line.extend_from_slice(&self.text);
        line::nanoseconds(line, moment.subsec_nanos());
        line.push(b'Z');
    }

    fn turn(&mut self, second: u64) {
        // Years beyond 9999 have no form in RFC 3339.
        let shown = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
        let shown = shown.unwrap_or(jiff::Timestamp::MAX);
        if let Some(text) = format!("{shown:.0}").as_bytes().first_chunk() {
            self.text = *text;
        }
        self.second = second;
    }
}
