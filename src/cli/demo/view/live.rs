//! The terminal: a screen of its own, drawn in place, and left as it was.

use super::super::keys::somebody_types;
use super::super::world::World;
use super::frame::{Size, frame};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use std::fmt::Write as _;
use std::io::{Write as _, stdin, stdout};
use tokio::time::Instant;

/// The other screen, without wrapping of long lines and without a cursor (xterm's private modes 1049, 7, 25).
const OPEN: &str = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[2J";
const CLOSE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Terminals that know it (mode 2026) show what is between these at once.
const HOLD: &str = "\x1b[?2026h";
const SHOW: &str = "\x1b[?2026l";
/// Where a terminal does not tell its size.
const USUAL: Size = Size { rows: 24, columns: 80 };

/// The terminal while the picture is on it; dropping it gives it back.
#[derive(Debug)]
pub(in super::super) struct Live {
    coloured: bool,
    size: Size,
    /// What is on the screen, so that only what changes is written.
    drawn: Vec<String>,
    /// How the keyboard was.
    keyboard: Option<Termios>,
}

impl Live {
    pub(super) fn open(coloured: bool) -> Self {
        // What a panic says would vanish with the picture.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            write(CLOSE);
            before(panic);
        }));
        write(OPEN);
        Self { coloured, size: size(), drawn: Vec::new(), keyboard: quiet_keyboard() }
    }

    pub(super) fn width(&self) -> usize {
        self.size.columns
    }

    pub(super) fn resized(&mut self) {
        self.size = size();
        self.drawn.clear();
        write("\x1b[2J");
    }

    pub(super) fn show(&mut self, world: &World) {
        let rows = frame(world, self.size, Instant::now());
        let rows: Vec<String> = rows.iter().map(|row| row.rendered(self.coloured)).collect();
        let mut out = String::from(HOLD);
        for at in 0..rows.len().max(self.drawn.len()) {
            let row = rows.get(at).map(String::as_str).unwrap_or_default();
            if self.drawn.get(at).map(String::as_str) != Some(row) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\x1b[{};1H{row}\x1b[K", at + 1);
            }
        }
        if out.len() > HOLD.len() {
            out.push_str(SHOW);
            write(&out);
        }
        self.drawn = rows;
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        write(CLOSE);
        if let Some(keyboard) = &self.keyboard {
            // A terminal that has gone needs nothing.
            let _ = tcsetattr(stdin(), OptionalActions::Now, keyboard);
        }
    }
}

/// Keys are read one by one and do not appear. Ctrl-Z would leave the picture on the shell's screen.
fn quiet_keyboard() -> Option<Termios> {
    let before = somebody_types().then(|| tcgetattr(stdin()).ok())??;
    let mut quiet = before.clone();
    quiet.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
    tcsetattr(stdin(), OptionalActions::Now, &quiet).ok()?;
    Some(before)
}

fn size() -> Size {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            Size { rows: size.ws_row.into(), columns: size.ws_col.into() }
        }
        _ => USUAL,
    }
}

fn write(text: &str) {
    let mut out = stdout().lock();
    // Nobody may be looking: then nobody misses it.
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
