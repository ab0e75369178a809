//! A statement over lines, for people: its own tokens, character by character, each with its kind, and a new line where a
//! clause begins. Nothing is printed from a syntax tree, so nothing can be lost or repaired on the way.
//!
//! INVARIANT: only the space between tokens differs from the statement. The result is split again, and where its parts,
//! comments included, are not those of the statement, there is no layout.

mod flow;
mod lexeme;

use self::lexeme::Lexeme;
use super::Dialect;
use crate::visible::visible;

/// Deeper lines are not indented further.
const DEEPEST: usize = 10;

/// A statement, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout(Vec<Line>);

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How many steps it stands to the right.
    pub indent: usize,
    /// What stands in it.
    pub parts: Vec<Part>,
}

/// A token or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: Kind,
    /// As it is written in the statement.
    pub text: String,
    /// Is there a space before it?
    pub spaced: bool,
}

/// What a part of a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word of SQL.
    Keyword,
    /// A table, a column, a function.
    Name,
    /// Text in quotes.
    String,
    /// A number.
    Number,
    /// What no server reads.
    Comment,
    /// An operator, a bracket, a comma.
    Sign,
    /// A place for a bound value, and which one (from 1).
    Parameter(usize),
}

impl Layout {
    /// `None` where it would not be sure to be the same statement.
    pub(super) fn of(dialect: Dialect, text: &str) -> Option<Self> {
        let lexemes = lexeme::split_up(dialect, text)?;
        let layout = Self(flow::lines(&lexemes));
        let again = lexeme::split_up(dialect, &layout.text())?;
        let same = |(one, other): (&Lexeme, &Lexeme)| one.token == other.token && one.text == other.text;
        (again.len() == lexemes.len() && lexemes.iter().zip(&again).all(same)).then_some(layout)
    }

    /// Line by line.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// The statement itself, written so.
    pub fn text(&self) -> String {
        self.written(|part| part.text.clone())
    }

    /// For a terminal: nothing in it hidden, and `values` where they are bound, each in brackets of ours that no
    /// statement has: `⟨$1 = "DE"⟩`.
    pub fn with_values(&self, values: &[String]) -> String {
        self.written(|part| match part.bound(values) {
            Some((place, value)) => format!("⟨{place} = {value}⟩"),
            None => visible(&part.text),
        })
    }

    fn written(&self, part: impl Fn(&Part) -> String) -> String {
        let line = |line: &Line| {
            let mut out = "  ".repeat(line.indent);
            for one in &line.parts {
                out.extend(one.spaced.then_some(' '));
                out += &part(one);
            }
            out
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Part {
    /// Where it is a place for a value that there is: its name (`$1`, `?2`) and the value.
    pub fn bound<'v>(&self, values: &'v [String]) -> Option<(String, &'v str)> {
        let Kind::Parameter(number) = self.kind else { return None };
        let value = values.get(number.checked_sub(1)?)?;
        let sign = self.text.chars().next()?;
        Some((format!("{sign}{number}"), value))
    }
}

#[cfg(test)]
mod tests;
