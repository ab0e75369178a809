//! What a statement changes, in pieces that a preview is made of. Each piece is checked to be a run of the statement's own
//! tokens, so that a preview can't look at other rows than the statement does.

use std::fmt::Display;

use sqlparser::{
    ast::{
        AssignmentTarget, CascadeOption, Delete, Expr, FromTable, Insert, ObjectName, Query, SetExpr, SqliteOnConflict,
        Statement as Parsed, TableFactor, TableObject, TableWithJoins, Update,
    },
    tokenizer::Token,
};

use super::{
    Dialect,
    selection::{Preview, Selection},
    text::normalised,
    tokens::{Tokens, is_word, split},
};

/// A table that a statement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    dialect: Dialect,
    change: Change,
    table: String,
    name: String,
    parts: Vec<String>,
    alias: Option<String>,
    condition: Condition,
    assignments: Vec<Assignment>,
    cascades: bool,
    object: String,
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Rows are added.
    Insert,
    /// Rows are changed.
    Update,
    /// Rows are removed.
    Delete,
    /// All rows are removed.
    Truncate,
    /// It is removed.
    Drop,
    /// It is changed itself.
    Alter,
}

/// One `column = value` of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The column, in SQL.
    pub column: String,
    /// What it becomes, in SQL.
    pub value: String,
    /// The column's bare name.
    name: String,
    /// The numbers of the statement's parameters that stand in the value, in order.
    parameters: Vec<usize>,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    All,
    Where {
        text: String,
        parameters: Vec<usize>,
    },
    /// The rows of a query, which are added.
    Of {
        query: String,
        parameters: Vec<usize>,
    },
    /// So many new ones.
    New(u64),
    /// It joins, limits or is not found again in the tokens: no simple query meets the same rows.
    Involved,
}

impl Target {
    /// What is done to it.
    pub fn change(&self) -> Change {
        self.change
    }

    /// The table as SQL names it, quotes and schema as written.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The table as [`super::Statement::tables`] lists it, qualified if it was written so.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parts of its name as written, without quotes, the table's own last.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Does the statement say `CASCADE`?
    pub fn cascades(&self) -> bool {
        self.cascades
    }

    /// What kind of thing it is, as a `DROP` says: `table`, `view`, `index`.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Has it rows, or belongs to what has? A role, a schema or a database may have the name of a table.
    pub fn is_of_a_table(&self) -> bool {
        !["role", "user", "group", "schema", "database"].contains(&self.object())
    }

    /// The condition, in SQL; `None` without one, and where it is too involved for a preview.
    pub fn where_text(&self) -> Option<&str> {
        match &self.condition {
            Condition::Where { text, .. } => Some(text),
            Condition::All | Condition::Of { .. } | Condition::New(_) | Condition::Involved => None,
        }
    }

    /// What an update sets.
    pub fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// How many rows it adds, where the statement itself says so.
    pub fn new_rows(&self) -> Option<u64> {
        match self.condition {
            Condition::New(rows) => Some(rows),
            Condition::All | Condition::Where { .. } | Condition::Of { .. } | Condition::Involved => None,
        }
    }

    /// How many rows match, or are added by a query; `None` where no simple query can tell.
    pub fn count(&self) -> Option<Preview> {
        self.selection()?.select("count(*)", Vec::new(), "")
    }

    /// How many rows the table has.
    pub fn count_all(&self) -> Preview {
        Preview { text: format!("SELECT count(*) FROM {}", self.table), parameters: Vec::new() }
    }

    /// The first rows that match, as they are, or that are added: all columns.
    pub fn rows(&self, limit: u32) -> Option<Preview> {
        let selection = self.selection()?;
        let all = format!("{}.*", selection.name());
        selection.select(&all, Vec::new(), &format!(" LIMIT {limit}"))
    }

    /// For an update: of the first rows that match the columns `keys`, then each assigned column as it is and, behind
    /// it, as it becomes.
    pub fn old_and_new(&self, keys: &[&str], limit: u32) -> Option<Preview> {
        if self.assignments.is_empty() {
            return None;
        }
        let selection = self.selection()?;
        let keys = keys.iter().map(|key| format!("{}.{}", selection.name(), self.dialect.quoted(key)));
        let pairs = self.assignments.iter().map(|set| format!("{}, ({})", set.column, set.value));
        let parameters = self.assignments.iter().flat_map(|set| set.parameters.iter().copied()).collect();
        selection.select(&keys.chain(pairs).collect::<Vec<_>>().join(", "), parameters, &format!(" LIMIT {limit}"))
    }

    /// The rows that match, or the query whose rows are added.
    pub fn selection(&self) -> Option<Selection> {
        match &self.condition {
            Condition::Of { query, parameters } => Some(Selection::of_query(self.dialect, query, parameters.clone())),
            Condition::All => Some(Selection::of_table(self.dialect, &self.table, self.alias.as_deref())),
            Condition::Where { text, parameters } => {
                let all = Selection::of_table(self.dialect, &self.table, self.alias.as_deref());
                Some(all.which(text, parameters.clone()))
            }
            Condition::New(_) | Condition::Involved => None,
        }
    }
}

impl Assignment {
    /// Does it set this column?
    pub fn sets(&self, column: &str) -> bool {
        self.name.eq_ignore_ascii_case(column)
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
        Parsed::Insert(insert) => added(dialect, insert, tokens).into_iter().collect(),
        Parsed::Truncate(truncate) => {
            let cascades = matches!(truncate.cascade, Some(CascadeOption::Cascade));
            let targets = truncate.table_names.iter();
            let targets = targets.filter_map(|target| whole(dialect, Change::Truncate, &target.name));
            targets.map(|target| Target { cascades, ..target }).collect()
        }
        Parsed::Drop { object_type, names, cascade, .. } => {
            let targets = names.iter().filter_map(|name| whole(dialect, Change::Drop, name));
            let object = object_type.to_string().to_ascii_lowercase();
            targets.map(|target| Target { cascades: *cascade, object: object.clone(), ..target }).collect()
        }
        Parsed::AlterTable(alter) => whole(dialect, Change::Alter, &alter.name).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The change within a query that is nothing but parentheses round it. A `WITH` in front could hide a table.
fn plain(query: &Query) -> Option<&Parsed> {
    match query.body.as_ref() {
        SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Insert(statement)
            if query.with.is_none() =>
        {
            Some(statement)
        }
        SetExpr::Query(inner) if query.with.is_none() => plain(inner),
        _ => None,
    }
}

fn changed(dialect: Dialect, update: &Update, tokens: &Tokens) -> Option<Target> {
    // what it does to the rows in the way is not counted
    let replaces = matches!(update.or, Some(SqliteOnConflict::Replace));
    let simple = !replaces && update.from.is_none() && update.order_by.is_empty() && update.limit.is_none();
    let mut target = single(dialect, Change::Update, &update.table, simple)?;
    target.condition = condition(target.condition, update.selection.as_ref(), dialect, tokens);
    let assignments = update.assignments.iter().map(|assignment| {
        let AssignmentTarget::ColumnName(column) = &assignment.target else { return None };
        let (value, parameters) = found(dialect, tokens, &assignment.value, |before| matches!(before, Token::Eq))?;
        let name = column.0.last()?.as_ident()?.value.clone();
        Some(Assignment { column: column.to_string(), value, name, parameters })
    });
    target.assignments = assignments.collect::<Option<_>>().unwrap_or_default();
    Some(target)
}

fn removed(dialect: Dialect, delete: &Delete, tokens: &Tokens) -> Option<Target> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let ([table], []) = (from.as_slice(), delete.tables.as_slice()) else { return None };
    let simple = delete.using.is_none() && delete.order_by.is_empty();
    let mut target = single(dialect, Change::Delete, table, simple && delete.limit.is_none())?;
    target.condition = condition(target.condition, delete.selection.as_ref(), dialect, tokens);
    Some(target)
}

/// What an `INSERT` adds: the rows of its `VALUES`, or of a query.
fn added(dialect: Dialect, insert: &Insert, tokens: &Tokens) -> Option<Target> {
    let TableObject::TableName(name) = &insert.table else { return None };
    let mut target = whole(dialect, Change::Insert, name)?;
    // MySQL counts a row that it replaces twice
    let twice = dialect == Dialect::Mysql && (insert.on.is_some() || insert.replace_into);
    target.condition = match &insert.source {
        _ if twice => Condition::Involved,
        None => Condition::New(1),
        Some(query) => match query.body.as_ref() {
            SetExpr::Values(values) if query.with.is_none() && query.limit_clause.is_none() => {
                Condition::New(u64::try_from(values.rows.len()).ok()?)
            }
            _ => match found(dialect, tokens, query, |_| true) {
                Some((query, parameters)) => Condition::Of { query, parameters },
                None => Condition::Involved,
            },
        },
    };
    Some(target)
}

fn single(dialect: Dialect, change: Change, table: &TableWithJoins, simple: bool) -> Option<Target> {
    let TableFactor::Table { name, alias, args: None, partitions, inheritance, .. } = &table.relation else {
        return None;
    };
    // which of several tables it changes, the first of them does not say
    if !table.joins.is_empty() {
        return None;
    }
    let mut target = whole(dialect, change, name)?;
    target.alias = alias.as_ref().map(|alias| alias.name.to_string());
    if !simple || !partitions.is_empty() || inheritance.is_some() {
        target.condition = Condition::Involved;
    }
    Some(target)
}

fn whole(dialect: Dialect, change: Change, name: &ObjectName) -> Option<Target> {
    let idents = name.0.iter().map(|part| part.as_ident()).collect::<Option<Vec<_>>>()?;
    let folded = idents.iter().map(|name| dialect.folded(&name.value, name.quote_style.is_some()));
    Some(Target {
        dialect,
        change,
        table: name.to_string(),
        name: folded.collect::<Vec<_>>().join("."),
        parts: idents.iter().map(|name| name.value.clone()).collect(),
        alias: None,
        condition: Condition::All,
        assignments: Vec::new(),
        cascades: false,
        object: "table".to_owned(),
    })
}

fn condition(so_far: Condition, selection: Option<&Expr>, dialect: Dialect, tokens: &Tokens) -> Condition {
    match (so_far, selection) {
        (Condition::Involved | Condition::Of { .. } | Condition::New(_), _) => Condition::Involved,
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
    expression: &impl Display,
    begins: impl Fn(&Token) -> bool,
) -> Option<(String, Vec<usize>)> {
    let printed = split(dialect, &expression.to_string()).ok()?;
    let printed: Vec<Token> = printed
        .into_iter()
        .map(|token| token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF))
        .collect();
    let all = tokens.as_slice();
    let same = |from: usize| {
        let run = all.get(from..from + printed.len());
        run.is_some_and(|run| run.iter().zip(&printed).all(|(one, other)| is_same(&one.token, other)))
    };
    let starts = all.iter().enumerate().filter(|(_, token)| begins(&token.token)).map(|(at, _)| at + 1);
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
