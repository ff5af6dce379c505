//! The story line by line, without a single escape code.

use super::super::world::{Tone, World};
use std::io::{Write as _, stdout};

/// How much has been printed.
#[derive(Debug, Default)]
pub(in super::super) struct Plain {
    printed: usize,
}

impl Plain {
    /// Begins with a later line.
    pub(super) fn from_line(first: usize) -> Self {
        Self { printed: first }
    }

    pub(super) fn show(&mut self, world: &World) {
        let mut out = stdout().lock();
        for line in world.told.iter().skip(self.printed) {
            let indent = if line.tone == Tone::Title { "\n" } else { "  " };
            // Nobody may be reading: then nobody misses it.
            let _ = writeln!(out, "{indent}{}", line.text);
        }
        let _ = out.flush();
        self.printed = world.told.len();
    }
}
