//! How the world is shown: as lines where output goes to a file or another program, as a picture on a terminal.

mod boxes;
mod frame;
mod live;
mod plain;
#[cfg(test)]
mod tests;
mod text;

use super::world::World;
use live::Live;
use plain::Plain;
use std::io::{IsTerminal as _, stdout};

/// One of the two.
#[derive(Debug)]
pub(super) enum View {
    Plain(Plain),
    Live(Live),
}

impl View {
    /// The picture, if standard output can show one.
    pub(super) fn choose() -> Self {
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let able = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
        if stdout().is_terminal() && able {
            Self::Live(Live::open(coloured))
        } else {
            Self::Plain(Plain::default())
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// Shows what is new.
    pub(super) fn show(&mut self, world: &World) {
        match self {
            Self::Plain(plain) => plain.show(world),
            Self::Live(live) => live.show(world),
        }
    }

    /// The terminal has another size.
    pub(super) fn resized(&mut self) {
        if let Self::Live(live) = self {
            live.resized();
        }
    }

    /// Leaves the terminal as it was, with what is worth keeping: the result.
    pub(super) fn close(self, world: &World) {
        if let Self::Live(live) = self {
            let width = live.width();
            drop(live);
            let result = world.result.clone().unwrap_or_default();
            plain::print(world.told.get(result).unwrap_or_default(), width);
        }
    }
}
