//! A value that somebody else chose, ready to stand in a bordered cell that no text can imitate.

use crate::visible::{visible, visible_lines};

/// A value, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Cell {
    /// In quotes: text. Without: a number, true, false, null, or our own word for an empty list.
    pub(in crate::web) quoted: bool,
    /// What is in it.
    pub(in crate::web) pieces: Vec<Piece>,
}

/// A part of a value: as it stands, or a character that would not be seen, written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Piece {
    /// The text, or `⟨U+202E⟩`.
    pub(in crate::web) text: String,
    /// What kind of piece.
    pub(in crate::web) kind: Kind,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    /// As it stands.
    Plain,
    /// The mark of a line's end, which stands before the break itself.
    Break,
    /// A character that would not be seen.
    Hidden,
}

impl Kind {
    /// The class in the style sheet.
    pub(in crate::web) fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Break => "break",
            Self::Hidden => "hidden",
        }
    }
}

impl Cell {
    /// Text, in quotes, its lines kept.
    pub(super) fn text(text: &str) -> Self {
        Self { quoted: true, pieces: pieces(&visible_lines(text)) }
    }

    /// Text on one line without quotes, where the cell holds nothing but text.
    pub(in crate::web) fn line(text: &str) -> Self {
        Self { quoted: false, pieces: pieces(&visible(text)) }
    }

    /// What has been made visible before.
    pub(in crate::web) fn of_visible(text: &str) -> Self {
        Self { quoted: false, pieces: pieces(text) }
    }

    /// Is it the path of this argument, or of an element of it?
    pub(super) fn is_of(&self, argument: &str) -> bool {
        let text = self.pieces.first().map(|piece| piece.text.as_str()).unwrap_or_default();
        text.strip_prefix(argument).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    }

    /// Is there nothing in it?
    pub(in crate::web) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How many characters it shows.
    pub(super) fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.chars().count()).sum()
    }

    /// The whole as text, for tests.
    #[cfg(test)]
    pub(super) fn plain(&self) -> String {
        let text: String = self.pieces.iter().map(|piece| piece.text.as_str()).collect();
        if self.quoted { format!("\"{text}\"") } else { text }
    }
}

/// `visible` writes `⟨` only where it wrote a character out, so that the brackets tell the pieces apart.
fn pieces(visible: &str) -> Vec<Piece> {
    let plain = |text: &str| Piece { text: text.to_owned(), kind: Kind::Plain };
    let mut found = Vec::new();
    let mut parts = visible.split('⟨');
    found.extend(parts.next().filter(|text| !text.is_empty()).map(plain));
    for part in parts {
        let (name, rest) = part.split_once('⟩').unwrap_or((part, ""));
        let kind = if name == "U+000A" { Kind::Break } else { Kind::Hidden };
        found.push(Piece { text: format!("⟨{name}⟩"), kind });
        found.extend(Some(rest).filter(|text| !text.is_empty()).map(plain));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t161_hidden_characters_are_pieces_of_their_own() {
        let cell = Cell::text("pay\u{202E}x\ny⟨U+000A⟩");
        let found: Vec<_> = cell.pieces.iter().map(|piece| (piece.text.as_str(), piece.kind)).collect();
        assert_eq!(
            found,
            [
                ("pay", Kind::Plain),
                ("⟨U+202E⟩", Kind::Hidden),
                ("x", Kind::Plain),
                ("⟨U+000A⟩", Kind::Break),
                ("\ny", Kind::Plain),
                ("⟨U+27E8⟩", Kind::Hidden),
                ("U+000A", Kind::Plain),
                ("⟨U+27E9⟩", Kind::Hidden),
            ]
        );
    }
}
