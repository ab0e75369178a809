//! What a statement in SQL would do, read from its syntax and never from its words: its class, the tables it touches, the
//! functions it calls, and whether it is proved a plain read.
//!
//! INVARIANT: a statement is a read only by proof. The walk over its syntax names each construct that is known to change
//! nothing; everything else, and everything that a parser newer than this page may learn, is not a read. A second look at
//! the bare tokens must agree. Pure: no connection, no clock.

#![expect(clippy::needless_for_each, reason = "a walk over many kinds of parts reads as one line for each")]

mod catalogs;
mod functions;
mod grammar;
mod kind;
mod layout;
mod numbering;
mod proof;
mod selection;
mod target;
mod text;
mod tokens;
mod types;
mod words;

use std::{borrow::Cow, collections::BTreeSet, fmt, panic, thread};

pub use self::{
    catalogs::only_tells,
    layout::{Kind, Layout, Line, Part},
    selection::{Preview, Selection},
    target::{Assignment, Change, Target},
};
use self::{kind::Reading, tokens::Tokens};

/// The longest statement that is looked at, in bytes.
pub const MAX_BYTES: usize = 32 * 1024;
/// The most words, signs and values of a statement.
pub const MAX_TOKENS: usize = 8_192;
/// Up to here a statement is read on the caller's own stack; a longer one may nest further than that reaches.
const TOKENS_ON_ANY_STACK: usize = 400;
/// Enough for the deepest chain that `MAX_TOKENS` can build, also without optimisation.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// How the connected server reads quotes. Statements that two settings read differently are refused where the setting is
/// unknown or not the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Does a backslash escape within a plain string? Usual: no for PostgreSQL (`standard_conforming_strings`) and
    /// SQLite, yes for MySQL (unless `NO_BACKSLASH_ESCAPES`).
    pub backslash_escapes: Option<bool>,
    /// Are double quotes round a name? Usual: yes, for MySQL no (unless `ANSI_QUOTES`).
    pub double_quotes_name: Option<bool>,
}

/// What a statement does, as policies name it (`sql.class`). The later, the stricter, where one statement does several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Reads, and is proved to; also `EXPLAIN`, `SHOW` and the like where nothing is run.
    Select,
    /// Adds rows.
    Insert,
    /// Changes rows, upserts included.
    Update,
    /// Removes rows, `REPLACE` included.
    Delete,
    /// Changes what there is: tables, indexes, schemas; also `TRUNCATE`.
    Ddl,
    /// Changes who may do what.
    Grant,
    /// Anything else: what is not understood, and a query that may do more than read.
    Other,
}

/// One statement, understood as far as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    dialect: Dialect,
    original: String,
    reading: Reading,
    targets: Vec<Target>,
}

/// Why a text is no statement that could be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misunderstood {
    /// Nothing but spaces and comments.
    #[error("there is no statement")]
    Empty,
    /// Over [`MAX_BYTES`].
    #[error("the statement has {0} bytes; at most {MAX_BYTES} are looked at")]
    TooLong(usize),
    /// Over [`MAX_TOKENS`].
    #[error("the statement has {0} parts; at most {MAX_TOKENS} are looked at")]
    TooManyParts(usize),
    /// More than one.
    #[error("there is more than one statement; send one at a time")]
    Several,
    /// Something that servers read in more than one way, or that hides what follows.
    #[error("{0}")]
    Ambiguous(String),
    /// The text does not end where a string, name or comment in it does.
    #[error("the text is not SQL: {0}")]
    NotSql(String),
    /// The reader gave up.
    #[error("the statement could not be read")]
    Failed,
}

impl Statement {
    /// Reads one statement of `dialect` as a server with `settings` would. What a server may run and we don't understand
    /// comes back as [`Class::Other`]; an error means that it must not be sent at all.
    pub fn understand(dialect: Dialect, text: &str, settings: Settings) -> Result<Self, Misunderstood> {
        let tokens = Tokens::read(dialect, text, settings)?;
        let fits_any_stack = tokens.len() <= TOKENS_ON_ANY_STACK;
        let read = move || kind::read(dialect, tokens);
        let understood = if fits_any_stack {
            panic::catch_unwind(read).map_err(|_| Misunderstood::Failed)?
        } else {
            let reader = thread::Builder::new().stack_size(STACK_BYTES).spawn(read);
            reader.map_err(|_| Misunderstood::Failed)?.join().map_err(|_| Misunderstood::Failed)?
        };
        let (reading, targets) = understood?;
        Ok(Self { dialect, original: text.to_owned(), reading, targets })
    }

    /// Whose SQL it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it does. Where it does several things, the strictest of them.
    pub fn class(&self) -> Class {
        self.reading.class
    }

    /// Every table it names: folded as the server would, sorted; a qualified one as written (`public.customers`) and by
    /// its bare name (`customers`).
    pub fn tables(&self) -> &BTreeSet<String> {
        &self.reading.tables
    }

    /// Are these all? Where not, a condition on tables or functions can't be evaluated.
    pub fn is_complete(&self) -> bool {
        self.reading.complete
    }

    /// Every function it calls, in lower case, sorted.
    pub fn functions(&self) -> &BTreeSet<String> {
        &self.reading.functions
    }

    /// For what updates or deletes: does each of these say which rows? A `WHERE` without a column (`WHERE 1 = 1`) says
    /// nothing. `None` for everything else.
    pub fn has_where(&self) -> Option<bool> {
        self.reading.has_where
    }

    /// Without comments, with single spaces, keywords in capitals. Made of the very tokens of the original, when it is
    /// asked for: most reads are judged and sent without it.
    pub fn text(&self) -> String {
        text::of(self.dialect, &self.original)
    }

    /// As it was written, and as it is to be sent.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Over lines, for people. `None` where that would not be sure to be the same statement.
    pub fn layout(&self) -> Option<Layout> {
        Layout::of(self.dialect, &self.original)
    }

    /// Is it proved that running it changes nothing?
    pub fn is_read(&self) -> bool {
        self.reading.why_not_read.is_none()
    }

    /// What keeps it from being a read, in plain words; `None` for a read.
    pub fn why_not_read(&self) -> Option<&str> {
        self.reading.why_not_read.as_deref()
    }

    /// Is it an `EXPLAIN` that runs what it explains?
    pub fn is_explain_analyze(&self) -> bool {
        self.reading.explain_analyze
    }

    /// The tables that it changes, with what a preview needs, as far as they are plain to see: one for an insert, an
    /// update or a delete, each of a `DROP`, `TRUNCATE` or `ALTER`.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The only target, where there is exactly one.
    pub fn target(&self) -> Option<&Target> {
        match self.targets.as_slice() {
            [target] => Some(target),
            _ => None,
        }
    }

    /// How many values it wants bound.
    pub fn parameters(&self) -> usize {
        self.reading.parameters
    }
}

impl Settings {
    /// What a server of this dialect does unless told otherwise, and what our own connections set.
    pub fn usual(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Postgres | Dialect::Sqlite => {
                Self { backslash_escapes: Some(false), double_quotes_name: Some(true) }
            }
            Dialect::Mysql => Self { backslash_escapes: Some(true), double_quotes_name: Some(false) },
        }
    }

    /// Nothing is known.
    pub fn unknown() -> Self {
        Self { backslash_escapes: None, double_quotes_name: None }
    }
}

impl Class {
    /// Every class, mildest first.
    pub const ALL: [Self; 7] =
        [Self::Select, Self::Insert, Self::Update, Self::Delete, Self::Ddl, Self::Grant, Self::Other];

    /// As policies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Ddl => "ddl",
            Self::Grant => "grant",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Dialect {
    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }

    /// A name as the server compares it: PostgreSQL folds what is not quoted; MySQL's tables and SQLite's names are
    /// compared without regard to case, the stricter of what a MySQL may be set to.
    pub(crate) fn folded(self, name: &str, quoted: bool) -> Cow<'_, str> {
        let stays = match self {
            Self::Postgres if quoted => true,
            Self::Postgres | Self::Mysql | Self::Sqlite => !name.bytes().any(|byte| byte.is_ascii_uppercase()),
        };
        if stays { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
