//! Queries about the rows that a statement meets: built of the statement's own tokens and of names that are quoted here.

use std::slice;

use sqlparser::tokenizer::Token;

use super::{Dialect, numbering::Numbering, text::normalised, tokens::split};

/// A query that shows beforehand what a statement would meet. It is to be understood again, and to be a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The query.
    pub text: String,
    /// Which of the statement's parameters (from 1) are bound to it, in its own order.
    pub parameters: Vec<usize>,
}

/// Some rows of one table, or of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    dialect: Dialect,
    /// `customers AS c`
    from: String,
    /// What its columns are qualified with.
    name: String,
    condition: String,
    parameters: Vec<usize>,
}

impl Selection {
    pub(super) fn of_table(dialect: Dialect, table: &str, alias: Option<&str>) -> Self {
        Self {
            dialect,
            from: alias.map_or_else(|| table.to_owned(), |alias| format!("{table} AS {alias}")),
            name: alias.unwrap_or(table).to_owned(),
            condition: String::new(),
            parameters: Vec::new(),
        }
    }

    pub(super) fn of_query(dialect: Dialect, query: &str, parameters: Vec<usize>) -> Self {
        let name = "added".to_owned();
        Self { dialect, from: format!("({query}) AS {name}"), name, condition: String::new(), parameters }
    }

    pub(super) fn which(self, condition: &str, parameters: Vec<usize>) -> Self {
        Self { condition: format!(" WHERE {condition}"), parameters, ..self }
    }

    /// What its columns are qualified with.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many there are.
    pub fn count(&self) -> Option<Preview> {
        self.select("count(*)", Vec::new(), "")
    }

    /// The rows of another table whose `columns` have the values that `referenced` have in these.
    #[must_use]
    pub fn pointing(&self, schema: Option<&str>, table: &str, columns: &[&str], referenced: &[&str]) -> Self {
        let quoted = |names: &[&str], before: &str| {
            let names = names.iter().map(|name| format!("{before}{}", self.dialect.quoted(name)));
            names.collect::<Vec<_>>().join(", ")
        };
        let table = self.dialect.qualified(schema, table);
        let (columns, referenced) = (quoted(columns, ""), quoted(referenced, &format!("{}.", self.name)));
        let condition = format!(" WHERE ({columns}) IN (SELECT {referenced} FROM {}{})", self.from, self.condition);
        let (name, parameters) = (table.clone(), self.parameters.clone());
        Self { dialect: self.dialect, from: table, name, condition, parameters }
    }

    pub(super) fn select(&self, what: &str, mut parameters: Vec<usize>, rest: &str) -> Option<Preview> {
        parameters.extend(&self.parameters);
        let text = format!("SELECT {what} FROM {}{}{rest}", self.from, self.condition);
        renumbered(self.dialect, &text, parameters)
    }
}

impl Dialect {
    /// A name in quotes, so that it is a name whatever is in it.
    pub fn quoted(self, name: &str) -> String {
        match self {
            Self::Postgres | Self::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// A table's name in quotes, with its schema's where one is known.
    pub fn qualified(self, schema: Option<&str>, table: &str) -> String {
        let schema = schema.map(|schema| format!("{}.", self.quoted(schema))).unwrap_or_default();
        format!("{schema}{}", self.quoted(table))
    }
}

/// PostgreSQL's and SQLite's numbered parameters begin at 1 again, in the order in which they stand.
fn renumbered(dialect: Dialect, text: &str, parameters: Vec<usize>) -> Option<Preview> {
    let mut out = Vec::new();
    let mut numbering = Numbering::new(dialect);
    let mut own = 0;
    for token in split(dialect, text).ok()? {
        let is_parameter = numbering.next(&token.token).is_some();
        match token.token {
            Token::Placeholder(name) if is_parameter && name.starts_with('$') => {
                own += 1;
                out.push(format!("${own}"));
            }
            Token::Placeholder(_) if is_parameter => {
                own += 1;
                out.push("?".to_owned());
            }
            Token::EOF => {}
            Token::EscapedStringLiteral(_) => out.push(normalised(dialect, slice::from_ref(&token))),
            other => out.push(other.to_string()),
        }
    }
    (own == parameters.len()).then(|| Preview { text: out.concat(), parameters })
}
