//! The walk over queries and expressions. It collects what they touch and says, at the first thing that it can't prove
//! harmless, why this is no read. Structures are taken apart field by field without `..` wherever a field could change
//! something, so that a field that a newer parser adds does not compile until it is thought about.

mod call;
mod expression;
mod name;
mod overlooked;
mod query;
mod table;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use sqlparser::ast::{Expr, Ident, ObjectName};

use super::{Class, Dialect};

/// What a walk has found so far.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) dialect: Dialect,
    pub(super) tables: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    /// Has everything been looked into?
    pub(super) complete: bool,
    pub(super) why_not_read: Option<String>,
    /// Each change of rows, and whether it says which.
    pub(super) changes: Vec<(Class, Option<bool>)>,
    columns: usize,
    /// How many times as long as what it is given the calls may make a text, all together.
    growth: u64,
    /// How many times `SELECT` was walked through.
    queries: usize,
    /// Each name with a parenthesis behind it that was walked past, as the server folds it, and how often.
    before_parentheses: BTreeMap<String, usize>,
    /// Names of `WITH`, innermost last.
    ctes: Vec<String>,
}

impl Proof {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            tables: BTreeSet::new(),
            functions: BTreeSet::new(),
            complete: true,
            why_not_read: None,
            changes: Vec::new(),
            columns: 0,
            growth: 1,
            queries: 0,
            before_parentheses: BTreeMap::new(),
            ctes: Vec::new(),
        }
    }

    /// Understood, and no read.
    pub(super) fn refuse(&mut self, why: String) {
        self.why_not_read.get_or_insert(why);
    }

    pub(super) fn refuse_if(&mut self, why: Option<String>) {
        why.into_iter().for_each(|why| self.refuse(why));
    }

    /// Not looked into: there may be anything in it.
    pub(super) fn unknown(&mut self, what: &str) {
        self.complete = false;
        self.refuse(format!("{what} is not known to be a read"));
    }

    fn only(&mut self, fine: bool, what: &str) {
        if !fine {
            self.unknown(what);
        }
    }

    fn parts<'a>(&self, name: &'a ObjectName) -> Option<Vec<Cow<'a, str>>> {
        let fold = |name: &'a Ident| self.dialect.folded(&name.value, name.quote_style.is_some());
        name.0.iter().map(|part| part.as_ident().map(fold)).collect()
    }

    /// Does a condition say which rows? Only if it looks at a column.
    pub(super) fn names_rows(&mut self, condition: Option<&Expr>) -> bool {
        let before = self.columns;
        self.expressions(condition);
        self.columns > before
    }
}
