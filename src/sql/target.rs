//! What a statement changes, in pieces that a preview is made of. Each piece is checked to be a run of the statement's own
//! tokens, so that a preview can't look at other rows than the statement does.

use sqlparser::{
    ast::{
        AssignmentTarget, Delete, Expr, FromTable, ObjectName, Query, SetExpr, Statement as Parsed, TableFactor,
        TableWithJoins, Update,
    },
    tokenizer::Token,
};

use super::{
    Dialect,
    tokens::{Tokens, is_word, normalised, parameter, split},
};

/// A table that a statement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    dialect: Dialect,
    table: String,
    name: String,
    alias: Option<String>,
    condition: Condition,
    assignments: Vec<Assignment>,
}

/// One `column = value` of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The column, in SQL.
    pub column: String,
    /// What it becomes, in SQL.
    pub value: String,
    /// The numbers of the statement's parameters that stand in the value, in order.
    parameters: Vec<usize>,
}

/// A query that shows beforehand what a statement would meet. It is to be understood again, and to be a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The query.
    pub text: String,
    /// Which of the statement's parameters (from 1) are bound to it, in its own order.
    pub parameters: Vec<usize>,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    All,
    Where {
        text: String,
        parameters: Vec<usize>,
    },
    /// It joins, limits or is not found again in the tokens: no simple query meets the same rows.
    Involved,
}

impl Target {
    /// The table as SQL names it, quotes and schema as written.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The table as [`super::Statement::tables`] lists it, qualified if it was written so.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The condition, in SQL; `None` without one, and where it is too involved for a preview.
    pub fn where_text(&self) -> Option<&str> {
        match &self.condition {
            Condition::Where { text, .. } => Some(text),
            Condition::All | Condition::Involved => None,
        }
    }

    /// What an update sets.
    pub fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// How many rows match; `None` where no simple query can tell.
    pub fn count(&self) -> Option<Preview> {
        self.query("count(*)", Vec::new(), "")
    }

    /// How many rows the table has.
    pub fn count_all(&self) -> Preview {
        Preview { text: format!("SELECT count(*) FROM {}", self.table), parameters: Vec::new() }
    }

    /// The first rows that match, as they are: all columns.
    pub fn rows(&self, limit: u32) -> Option<Preview> {
        self.query(
            &format!("{}.*", self.alias.as_deref().unwrap_or(&self.table)),
            Vec::new(),
            &format!(" LIMIT {limit}"),
        )
    }

    /// For an update: of the first rows that match each assigned column as it is and, behind it, as it becomes.
    pub fn old_and_new(&self, limit: u32) -> Option<Preview> {
        if self.assignments.is_empty() {
            return None;
        }
        let pairs = self.assignments.iter().map(|set| format!("{}, ({})", set.column, set.value));
        let parameters = self.assignments.iter().flat_map(|set| set.parameters.iter().copied()).collect();
        self.query(&pairs.collect::<Vec<_>>().join(", "), parameters, &format!(" LIMIT {limit}"))
    }

    fn query(&self, what: &str, mut parameters: Vec<usize>, rest: &str) -> Option<Preview> {
        let alias = self.alias.as_ref().map(|alias| format!(" AS {alias}")).unwrap_or_default();
        let condition = match &self.condition {
            Condition::All => String::new(),
            Condition::Where { text, parameters: more } => {
                parameters.extend(more);
                format!(" WHERE {text}")
            }
            Condition::Involved => return None,
        };
        let text = format!("SELECT {what} FROM {}{alias}{condition}{rest}", self.table);
        renumbered(self.dialect, &text, parameters)
    }
}

/// What a statement changes, as far as it is plain to see.
pub(super) fn of(dialect: Dialect, statement: &Parsed, tokens: &Tokens) -> Vec<Target> {
    match statement {
        Parsed::Query(query) => match plain(query) {
            Some(inner) => of(dialect, inner, tokens),
            None => Vec::new(),
        },
        Parsed::Update(update) => changed(dialect, update, tokens).into_iter().collect(),
        Parsed::Delete(delete) => removed(dialect, delete, tokens).into_iter().collect(),
        Parsed::Truncate(truncate) => {
            truncate.table_names.iter().filter_map(|target| whole(dialect, &target.name)).collect()
        }
        Parsed::Drop { names, .. } => names.iter().filter_map(|name| whole(dialect, name)).collect(),
        Parsed::AlterTable(alter) => whole(dialect, &alter.name).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The change within a query that is nothing but parentheses round it. A `WITH` in front could hide a table.
fn plain(query: &Query) -> Option<&Parsed> {
    match query.body.as_ref() {
        SetExpr::Update(statement) | SetExpr::Delete(statement) if query.with.is_none() => Some(statement),
        SetExpr::Query(inner) if query.with.is_none() => plain(inner),
        _ => None,
    }
}

fn changed(dialect: Dialect, update: &Update, tokens: &Tokens) -> Option<Target> {
    let simple = update.from.is_none() && update.order_by.is_empty() && update.limit.is_none();
    let mut target = single(dialect, &update.table, simple)?;
    target.condition = condition(target.condition, update.selection.as_ref(), dialect, tokens);
    let assignments = update.assignments.iter().map(|assignment| {
        let AssignmentTarget::ColumnName(column) = &assignment.target else { return None };
        let (value, parameters) = found(dialect, tokens, &assignment.value, |before| matches!(before, Token::Eq))?;
        Some(Assignment { column: column.to_string(), value, parameters })
    });
    target.assignments = assignments.collect::<Option<_>>().unwrap_or_default();
    Some(target)
}

fn removed(dialect: Dialect, delete: &Delete, tokens: &Tokens) -> Option<Target> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [table] = from.as_slice() else { return None };
    let simple = delete.tables.is_empty() && delete.using.is_none() && delete.order_by.is_empty();
    let mut target = single(dialect, table, simple && delete.limit.is_none())?;
    target.condition = condition(target.condition, delete.selection.as_ref(), dialect, tokens);
    Some(target)
}

fn single(dialect: Dialect, table: &TableWithJoins, simple: bool) -> Option<Target> {
    let TableFactor::Table { name, alias, args: None, partitions, inheritance, .. } = &table.relation else {
        return None;
    };
    let mut target = whole(dialect, name)?;
    target.alias = alias.as_ref().map(|alias| alias.name.to_string());
    if !simple || !table.joins.is_empty() || !partitions.is_empty() || inheritance.is_some() {
        target.condition = Condition::Involved;
    }
    Some(target)
}

fn whole(dialect: Dialect, name: &ObjectName) -> Option<Target> {
    let folded =
        name.0.iter().map(|part| part.as_ident().map(|name| dialect.folded(&name.value, name.quote_style.is_some())));
    let folded = folded.collect::<Option<Vec<_>>>()?.join(".");
    let condition = Condition::All;
    Some(Target { dialect, table: name.to_string(), name: folded, alias: None, condition, assignments: Vec::new() })
}

fn condition(so_far: Condition, selection: Option<&Expr>, dialect: Dialect, tokens: &Tokens) -> Condition {
    match (so_far, selection) {
        (Condition::Involved, _) => Condition::Involved,
        (Condition::All | Condition::Where { .. }, None) => Condition::All,
        (Condition::All | Condition::Where { .. }, Some(selection)) => {
            match found(dialect, tokens, selection, |before| is_word(before, "WHERE")) {
                Some((text, parameters)) => Condition::Where { text, parameters },
                None => Condition::Involved,
            }
        }
    }
}

/// An expression in the statement's own tokens: what the parser prints, if that very run of tokens stands behind a token
/// that `begins` it, exactly once.
fn found(
    dialect: Dialect,
    tokens: &Tokens,
    expression: &Expr,
    begins: impl Fn(&Token) -> bool,
) -> Option<(String, Vec<usize>)> {
    let printed = split(dialect, &expression.to_string()).ok()?;
    let printed: Vec<Token> =
        printed.into_iter().filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF)).collect();
    let all = tokens.as_slice();
    let same = |from: usize| {
        let run = all.get(from..from + printed.len());
        run.is_some_and(|run| run.iter().zip(&printed).all(|(one, other)| is_same(one, other)))
    };
    let starts = all.iter().enumerate().filter(|(_, token)| begins(token)).map(|(at, _)| at + 1);
    let mut starts = starts.filter(|from| same(*from));
    let (from, None) = (starts.next()?, starts.next()) else { return None };
    let to = from + printed.len();
    Some((normalised(dialect, all.get(from..to)?).trim_start().to_owned(), tokens.parameters(from, to)))
}

fn is_same(one: &Token, other: &Token) -> bool {
    match (one, other) {
        (Token::Word(one), Token::Word(other)) => {
            one.quote_style == other.quote_style
                && match one.quote_style {
                    Some(_) => one.value == other.value,
                    None => one.value.eq_ignore_ascii_case(&other.value),
                }
        }
        (one, other) => one == other,
    }
}

/// PostgreSQL's and SQLite's numbered parameters begin at 1 again, in the order in which they stand.
fn renumbered(dialect: Dialect, text: &str, parameters: Vec<usize>) -> Option<Preview> {
    let mut out = Vec::new();
    let mut count = 0;
    let mut own = 0;
    for token in split(dialect, text).ok()? {
        let is_parameter = parameter(&token, &mut count).is_some();
        match token {
            Token::Placeholder(name) if is_parameter && name.starts_with('$') => {
                own += 1;
                out.push(format!("${own}"));
            }
            Token::Placeholder(_) if is_parameter => {
                own += 1;
                out.push("?".to_owned());
            }
            Token::EOF => {}
            Token::EscapedStringLiteral(_) => out.push(normalised(dialect, &[token])),
            other => out.push(other.to_string()),
        }
    }
    (own == parameters.len()).then(|| Preview { text: out.concat(), parameters })
}
