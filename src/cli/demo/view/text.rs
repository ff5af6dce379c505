//! Text with colours, measured. Every character that the demo shows is one column wide.

use std::iter::repeat_n;

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    #[default]
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
    Cyan,
}

impl Paint {
    /// SGR parameters, ECMA-48 section 8.3.117.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
            Self::Cyan => "36",
        }
    }
}

/// One line of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row(Vec<(Paint, String)>);

impl Row {
    pub(super) fn new(paint: Paint, text: impl Into<String>) -> Self {
        Self::default().with(paint, text)
    }

    pub(super) fn with(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.0.push((paint, text.into()));
        self
    }

    pub(super) fn joined(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| columns(text)).sum()
    }

    /// The row in exactly so many columns: cut, or filled up.
    pub(super) fn fitted(mut self, width: usize, filler: char) -> Self {
        let missing = width.saturating_sub(self.width());
        if missing > 0 {
            return self.with(Paint::Plain, repeat_n(filler, missing).collect::<String>());
        }
        let mut left = width;
        for (_, text) in &mut self.0 {
            *text = cut(text, left);
            left -= columns(text);
        }
        self
    }

    /// At most so many columns.
    pub(super) fn cut(self, width: usize) -> Self {
        if self.width() > width { self.fitted(width, ' ') } else { self }
    }

    /// As a terminal takes it.
    pub(super) fn rendered(&self, coloured: bool) -> String {
        let piece = |(paint, text): &(Paint, String)| match paint.code() {
            code if coloured && !code.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.clone(),
        };
        self.0.iter().map(piece).collect()
    }
}

/// How many columns it takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// The first `width` columns; the last of them says that there is more.
fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { short } else { format!("{short}…") }
}

/// `text` in lines of at most `width` columns, broken between words; what comes after the first starts with `hang`.
pub(super) fn wrapped(text: &str, width: usize, hang: &str) -> Vec<String> {
    if columns(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let fits = columns(&line) + 1 + columns(word) <= width;
        if line.is_empty() {
            line.push_str(word);
        } else if fits {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(std::mem::replace(&mut line, format!("{hang}{word}")));
        }
    }
    lines.push(line);
    lines.into_iter().map(|line| cut(&line, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_cut_or_filled_whatever_its_colours() {
        let row = Row::new(Paint::Green, "mim1 ").with(Paint::Bold, "is up");
        assert_eq!(row.clone().fitted(12, '─').rendered(false), "mim1 is up──");
        assert_eq!(row.clone().cut(8).rendered(false), "mim1 is…");
        assert_eq!(row.cut(3).rendered(true), "\x1b[32mmi…\x1b[0m\x1b[1m\x1b[0m");
    }

    #[test]
    fn words_are_kept_whole_where_they_can_be() {
        assert_eq!(wrapped("one two three", 8, "  "), ["one two", "  three"]);
        assert_eq!(wrapped("unbreakable", 6, ""), ["unbre…"]);
    }
}
