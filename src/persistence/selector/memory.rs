//! Remembering what really happened: commits, cookies, and what other edges tell.

use super::super::cookie::Ticket;
use super::super::decision::{Memory, PinEvent, Selection};
use super::super::stick_table::Pin;
use super::Selector;
use crate::clock::Now;
use crate::id::{NodeId, NodeTag};
use std::sync::Arc;

impl Selector {
    /// Remembers the node that answered, at the first final response head (any status, or 101). Says what
    /// other edges should know. An answer from another node than the selected one (a bound connection's)
    /// changes nothing, and a pin that moved since this request was decided stays where it is.
    #[must_use]
    pub fn commit(&self, selection: &mut Selection, served_by: NodeId, now: Now) -> Vec<PinEvent> {
        if served_by != selection.backend.node.id {
            selection.served_elsewhere = true;
            return Vec::new();
        }
        let Memory::Pin { key, generation, settled: false } = selection.memory else { return Vec::new() };
        let (Some(live), Some(group)) = (&selection.live, self.group(selection.pool, selection.group)) else {
            return Vec::new();
        };
        let settle = |pin: &mut Pin| {
            if pin.generation != generation || pin.node != served_by {
                return None;
            }
            let before = *pin;
            pin.provisional = false;
            pin.unserved = false;
            let homeless = pin.home.is_none_or(|home| group.member(home).is_none());
            if homeless && group.primary(served_by) {
                pin.home = Some(served_by);
            }
            pin.touch_at(now.mono);
            let news = (before.provisional, before.unserved, before.home) != (false, false, pin.home);
            news.then_some(pin.home)
        };
        let Some(home) = live.pins.update(key, now.mono, settle).flatten() else { return Vec::new() };
        let home = home.and_then(|home| group.member(home)).map(|home| home.node.tag);
        let node = selection.backend.node.tag;
        vec![PinEvent { group: Arc::clone(&group.name), key, node, home, generation }]
    }

    /// Appends the value of a Set-Cookie header to `out` if one is due: the client is new, was moved, or a
    /// tenth of the idle timeout has passed since the last one. True if it did.
    pub fn set_cookie(&self, selection: &Selection, https: bool, now: Now, out: &mut Vec<u8>) -> bool {
        let Memory::Cookie(cookie) = selection.memory else { return false };
        let Some(group) = self.group(selection.pool, selection.group) else { return false };
        let Some(codec) = &group.codec else { return false };
        let tenth = group.settings.idle_timeout.as_secs() / 10;
        let due = cookie.changed
            || cookie.read.is_some_and(|read| now.wall.0 >= read.renewed.0.saturating_add(tenth));
        if !due || selection.served_elsewhere {
            return false;
        }
        let node = &selection.backend.node;
        let kept = cookie.read.filter(|_| !cookie.anew);
        let home = kept.map(|read| read.home);
        let home = home.filter(|home| group.tagged(*home).is_some_and(|home| group.primary(home)));
        let first = if node.backup { NodeTag::default() } else { node.tag };
        let ticket = Ticket {
            node: node.tag,
            home: home.unwrap_or(first),
            issued: kept.map_or(now.wall, |read| read.issued),
            renewed: now.wall,
            nonce: 0,
        };
        let length = out.len();
        let issued = codec.issue(&ticket, https, out).is_ok();
        if !issued {
            out.truncate(length);
        }
        issued
    }

    /// Takes over what another edge told: a pin this edge does not know, only guessed, or knows in an older
    /// generation. Nodes that are not in the group are ignored.
    pub fn apply(&self, event: &PinEvent, now: Now) {
        let Some(group) = self.groups.iter().find(|group| group.name == event.group) else { return };
        let Some(node) = group.tagged(event.node) else { return };
        let home = event.home.and_then(|home| group.tagged(home));
        let mut pin = Pin::settled(node, home, now.mono);
        pin.generation = event.generation;
        // A full table has been counted; the client is met as a new one.
        let _ = group.live.pins.update_or_insert(event.key, now.mono, pin, |pin, there| {
            let newer = event.generation.wrapping_sub(pin.generation).cast_signed() > 0;
            if there && (pin.provisional || newer) {
                pin.node = node;
                pin.generation = event.generation;
                pin.home = if pin.is_static { pin.home } else { home };
                pin.provisional = false;
                pin.unserved = false;
                pin.touch_at(now.mono);
            }
        });
    }
}
