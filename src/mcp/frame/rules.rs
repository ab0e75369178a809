//! What of JSON is taken: no key twice, no key that a parser gives a meaning of its own, nothing that a later reader
//! could take for something else, and bounds on everything.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use super::{
    number,
    scan::{Event, Kind, Text},
};

/// The deepest nesting that is taken; the frame's own object is the first level.
pub const MAX_DEPTH: usize = 32;
/// The most values in a frame, lists and objects among them.
pub const MAX_VALUES: usize = 20_000;
/// The most keys in one object.
pub const MAX_KEYS: usize = 10_000;
/// The longest string, in bytes of what it means.
pub const MAX_STRING: usize = 512 * 1024;
/// How much of a pointer a message shows.
const MAX_POINTER: usize = 256;

/// A rule that a text breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// A JSON pointer (RFC 6901), cut where it is long.
    pub(super) at: String,
    pub(super) rule: Rule,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Twice,
    Reserved,
    Nul,
    Deep,
    ManyValues,
    ManyKeys,
    LongString,
    Inexact,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match self.rule {
            Rule::Twice => write!(formatter, "the key at `{at}` is given twice"),
            Rule::Reserved => write!(formatter, "the key at `{at}` is reserved"),
            Rule::Nul => write!(formatter, "the text at `{at}` contains a NUL character"),
            Rule::Deep => write!(formatter, "`{at}` is nested deeper than {MAX_DEPTH} levels"),
            Rule::ManyValues => write!(formatter, "more than {MAX_VALUES} values, from `{at}` on"),
            Rule::ManyKeys => write!(formatter, "more than {MAX_KEYS} keys in one object, from `{at}` on"),
            Rule::LongString => write!(formatter, "the text at `{at}` is longer than {MAX_STRING} bytes"),
            Rule::Inexact => write!(
                formatter,
                "the number at `{at}` would lose precision; write a whole number of at most 64 bits, or a decimal in \
                 its shortest form, or a string"
            ),
        }
    }
}

/// Watches events and keeps the first problem.
#[derive(Debug, Default)]
pub(super) struct Rules<'a> {
    levels: Vec<Level<'a>>,
    values: usize,
    problem: Option<Problem>,
}

#[derive(Debug)]
enum Level<'a> {
    Object { keys: BTreeSet<Cow<'a, str>>, key: Cow<'a, str> },
    List { seen: usize },
}

impl<'a> Rules<'a> {
    /// The first rule that was broken.
    pub(super) fn problem(self) -> Option<Problem> {
        self.problem
    }

    /// Takes the next event. After the first problem nothing is looked at, and nothing remembered, any more.
    pub(super) fn see(&mut self, event: Event<'a>) {
        if self.problem.is_some() {
            return;
        }
        match event {
            Event::Key(key) => self.key(key),
            Event::Open(kind) => {
                self.value();
                if self.levels.len() >= MAX_DEPTH {
                    self.broken(Rule::Deep);
                }
                self.levels.push(match kind {
                    Kind::Object => Level::Object { keys: BTreeSet::new(), key: Cow::Borrowed("") },
                    Kind::List => Level::List { seen: 0 },
                });
            }
            Event::Close => {
                self.levels.pop();
            }
            Event::String(text) => {
                self.value();
                self.text(text, &text.decode());
            }
            Event::Number(spelling) => {
                self.value();
                if !number::is_exact(spelling) {
                    self.broken(Rule::Inexact);
                }
            }
            Event::Bool | Event::Null => self.value(),
        }
    }

    fn value(&mut self) {
        if let Some(Level::List { seen }) = self.levels.last_mut() {
            *seen += 1;
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            self.broken(Rule::ManyValues);
        }
    }

    fn key(&mut self, text: Text<'a>) {
        let decoded = text.decode();
        let Some(Level::Object { keys, key }) = self.levels.last_mut() else { return };
        key.clone_from(&decoded);
        let full = keys.len() >= MAX_KEYS;
        let new = full || keys.insert(decoded.clone());
        if !new {
            self.broken(Rule::Twice);
        } else if full {
            self.broken(Rule::ManyKeys);
        } else if decoded.starts_with("$serde_json::private::") {
            self.broken(Rule::Reserved);
        }
        self.text(text, &decoded);
    }

    fn text(&mut self, text: Text<'a>, decoded: &str) {
        if text.nul {
            self.broken(Rule::Nul);
        } else if decoded.len() > MAX_STRING {
            self.broken(Rule::LongString);
        }
    }

    fn broken(&mut self, rule: Rule) {
        if self.problem.is_none() {
            self.problem = Some(Problem { at: self.pointer(), rule });
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for level in &self.levels {
            pointer.push('/');
            match level {
                Level::Object { key, .. } => {
                    pointer.extend(key.chars().take(MAX_POINTER).flat_map(|character| match character {
                        '~' => vec!['~', '0'],
                        '/' => vec!['~', '1'],
                        other => vec![other],
                    }));
                }
                Level::List { seen } => pointer.push_str(&seen.saturating_sub(1).to_string()),
            }
        }
        match pointer.char_indices().nth(MAX_POINTER) {
            Some((end, _)) => {
                pointer.truncate(end);
                pointer + "…"
            }
            None => pointer,
        }
    }
}
