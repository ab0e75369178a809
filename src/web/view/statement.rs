//! A statement to a database over lines, its words told apart by what they are, and the bound values where they are bound.
//! What is sent stands below it, exactly: this is how it is read.

use super::cell::Cell;
use crate::{
    catalog::SqlRequest,
    sql::{Kind, Part, Settings, Statement},
};

/// A longer value is only named in its place; whole it stands among the values.
const IN_PLACE: usize = 400;

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct StatementView {
    /// Line by line.
    pub(in crate::web) lines: Vec<StatementLine>,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct StatementLine {
    /// The space before it.
    pub(in crate::web) indent: String,
    /// Its parts.
    pub(in crate::web) parts: Vec<StatementPart>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct StatementPart {
    /// The space before it.
    pub(in crate::web) space: &'static str,
    /// The class in the style sheet.
    pub(in crate::web) class: &'static str,
    /// The place (`$1`), where a value is bound.
    pub(in crate::web) place: Option<String>,
    /// What stands there.
    pub(in crate::web) cell: Cell,
}

impl StatementView {
    /// `None` where there is no statement, or it cannot be shown so without a doubt.
    pub(super) fn new(sql: &SqlRequest) -> Option<Self> {
        let statement = Statement::understand(sql.dialect, sql.statement.as_deref()?, Settings::usual(sql.dialect));
        let values: Vec<String> = sql.params.iter().map(ToString::to_string).collect();
        let layout = statement.ok()?.layout()?;
        let lines = layout.lines().iter().map(|line| StatementLine {
            indent: "  ".repeat(line.indent),
            parts: line.parts.iter().map(|part| StatementPart::new(part, &values)).collect(),
        });
        Some(Self { lines: lines.collect() })
    }
}

impl StatementPart {
    fn new(part: &Part, values: &[String]) -> Self {
        let bound = part.bound(values);
        let text = match bound {
            // without quotes and with a word in front: no value looks so
            Some((_, value)) if value.chars().count() > IN_PLACE => {
                format!("a value of {} characters, whole below", value.chars().count())
            }
            Some((_, value)) => value.to_owned(),
            None => part.text.clone(),
        };
        Self {
            space: if part.spaced { " " } else { "" },
            class: class(part.kind),
            cell: Cell::line(&text),
            place: part.bound(values).map(|(place, _)| place),
        }
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Keyword => "keyword",
        Kind::Name => "name",
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Comment => "comment",
        Kind::Sign => "sign",
        Kind::Parameter(_) => "parameter",
    }
}
