//! The story line by line, without a single escape code.

use super::super::world::{Line, Tone, World};
use super::text::wrapped;
use std::io::{Write as _, stdout};

/// Columns of a line at most.
const WIDTH: usize = 100;
const INDENT: &str = "  ";

/// How much has been printed.
#[derive(Debug, Default)]
pub(in super::super) struct Plain {
    printed: usize,
}

impl Plain {
    pub(super) fn show(&mut self, world: &World) {
        print(world.told.get(self.printed..).unwrap_or_default(), WIDTH);
        self.printed = world.told.len();
    }
}

/// Prints lines of at most `width` columns.
pub(super) fn print(lines: &[Line], width: usize) {
    let mut out = stdout().lock();
    let width = width.min(WIDTH).saturating_sub(INDENT.len());
    for line in lines {
        let indent = if line.tone == Tone::Title { "\n" } else { INDENT };
        for text in wrapped(&line.text, width, INDENT) {
            // Nobody may be reading: then nobody misses it.
            let _ = writeln!(out, "{indent}{text}");
        }
    }
    let _ = out.flush();
}
