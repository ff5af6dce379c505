//! What is counted, and over which part of the story.

use super::world::Phase;

/// A part of the story that is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// All nodes run.
    Calm,
    /// One stops, and comes back.
    Outage,
    /// All nodes run, and nobody is kept anywhere.
    Without,
    /// After the story.
    Open,
}

impl Round {
    pub(super) const ALL: [Self; Self::COUNT] = [Self::Calm, Self::Outage, Self::Without, Self::Open];
    pub(super) const COUNT: usize = 4;

    pub(super) fn phase(self) -> Phase {
        if self == Self::Without { Phase::Without } else { Phase::With }
    }
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) requests: u32,
    /// Answered by the node that answered this client before.
    pub(super) kept: u32,
    /// The client's first answer.
    pub(super) fresh: u32,
    /// Answered by another node, because the client's own had stopped.
    pub(super) moved: u32,
    /// Answered by another node, and its own was there.
    pub(super) astray: u32,
    /// Answered by no node.
    pub(super) unanswered: u32,
    /// By [`super::traffic::Talk`].
    pub(super) conversations: [u32; 3],
    pub(super) broken: [u32; 3],
    /// Broken because the node that had the conversation in memory stopped.
    pub(super) excused: u32,
}

impl Tally {
    /// Both together.
    pub(super) fn and(self, other: &Self) -> Self {
        let sum = |one: [u32; 3], two: [u32; 3]| [one[0] + two[0], one[1] + two[1], one[2] + two[2]];
        Self {
            requests: self.requests + other.requests,
            kept: self.kept + other.kept,
            fresh: self.fresh + other.fresh,
            moved: self.moved + other.moved,
            astray: self.astray + other.astray,
            unanswered: self.unanswered + other.unanswered,
            conversations: sum(self.conversations, other.conversations),
            broken: sum(self.broken, other.broken),
            excused: self.excused + other.excused,
        }
    }

    pub(super) fn all_conversations(&self) -> u32 {
        self.conversations.iter().sum()
    }

    pub(super) fn all_broken(&self) -> u32 {
        self.broken.iter().sum()
    }
}

/// So many conversations, in words.
pub(super) fn conversations(count: u32) -> String {
    format!("{count} {}", if count == 1 { "conversation" } else { "conversations" })
}
