//! A statement's class and what it touches, by kind of statement.

use std::collections::BTreeSet;

use sqlparser::{
    ast::{
        DescribeAlias, Expr, FromTable, Insert, MergeAction, ObjectName, OnConflictAction, OnInsert, SetExpr,
        ShowStatementFilter, ShowStatementFilterPosition, Statement as Parsed, TableObject, TableWithJoins,
        UpdateTableFromKind, UtilityOption, Value, ValueWithSpan,
    },
    parser::{Parser, ParserOptions},
    tokenizer::Token,
};

use super::{
    Class, Dialect, Misunderstood,
    catalogs::PRAGMAS,
    proof::Proof,
    target::{self, Target},
    tokens::{Tokens, grammar},
};
use crate::visible::visible;

/// How deep expressions and queries may nest.
const MAX_DEPTH: usize = 48;

/// What is known of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) class: Class,
    pub(super) tables: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    pub(super) complete: bool,
    pub(super) has_where: Option<bool>,
    pub(super) why_not_read: Option<String>,
    pub(super) explain_analyze: bool,
    pub(super) parameters: usize,
}

/// Parses and judges. The syntax tree lives and dies in here.
pub(super) fn read(dialect: Dialect, mut tokens: Tokens) -> Result<(Reading, Vec<Target>), Misunderstood> {
    let parameters = tokens.parameters(0, tokens.len()).into_iter().max().unwrap_or(0);
    let grammar = grammar(dialect);
    let options = ParserOptions::new().with_unescape(false);
    let parser = Parser::new(grammar.as_ref()).with_options(options).with_recursion_limit(MAX_DEPTH);
    let (count, has_semicolon) = (tokens.len(), tokens.has_semicolon());
    let mut parser = parser.with_tokens(tokens.lent());
    let mut statements = match parser.parse_statements() {
        Ok(statements) => statements,
        // where it can't be parsed, a semicolon may stand between two statements
        Err(_) if has_semicolon => return Err(Misunderstood::Several),
        Err(error) => return Ok((not_understood(&error.to_string(), parameters), Vec::new())),
    };
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Misunderstood::Several);
    };
    // at an `END` the parser takes a statement for finished; for a server it is the name of a column, and more may follow
    if parser.peek_token_ref().token != Token::EOF {
        return Ok((not_understood("it goes on behind its end", parameters), Vec::new()));
    }
    // in a `SHOW` the parser passes over whatever is no word
    if let Parsed::ShowVariable { variable } = &statement
        && count != 1 + variable.len()
    {
        return Ok((not_understood("it is no `SHOW` of one setting", parameters), Vec::new()));
    }
    let mut proof = Proof::new(dialect);
    let mut class = classify(&statement, &mut proof);
    if let Parsed::Query(_) = &statement {
        proof.refuse_if(tokens.against_read.clone());
    }
    if let Parsed::Query(_) | Parsed::Explain { .. } = &statement
        && class == Class::Select
    {
        proof.refuse_overlooked((0..count).map(|at| &parser.token_at(at).token));
    }
    // a name that may be another one is no read either, whatever the statement
    if class == Class::Select && proof.why_not_read.is_none() && !matches!(statement, Parsed::Query(_)) {
        proof.refuse_if(tokens.against_read.clone().filter(|why| why.starts_with("the name")));
    }
    for (done, _) in &proof.changes {
        class = class.max(*done);
    }
    if class == Class::Select && has_semicolon {
        // the parser skips empty statements; a read has nothing before it or behind it
        return Err(Misunderstood::Several);
    }
    if class == Class::Select && !proof.complete {
        class = Class::Other;
    }
    if class != Class::Select {
        proof.refuse(format!("it is of class `{class}`"));
    }
    let wheres: Vec<bool> = proof.changes.iter().filter_map(|(_, has_where)| *has_where).collect();
    let has_where = (!wheres.is_empty()).then(|| wheres.iter().all(|has| *has));
    let targets = if class == Class::Select {
        Vec::new()
    } else {
        // most statements change nothing, and are spared the copy
        tokens.given_back((0..count).map(|at| parser.token_at(at).token.clone()));
        target::of(dialect, &statement, &tokens)
    };
    let explain_analyze = is_explain_analyze(&statement);
    let reading = Reading {
        class,
        tables: proof.tables,
        functions: proof.functions,
        complete: proof.complete,
        has_where,
        why_not_read: proof.why_not_read,
        explain_analyze,
        parameters,
    };
    Ok((reading, targets))
}

fn not_understood(error: &str, parameters: usize) -> Reading {
    let error = error.trim_start_matches("sql parser error: ");
    Reading {
        class: Class::Other,
        tables: BTreeSet::new(),
        functions: BTreeSet::new(),
        complete: false,
        has_where: None,
        why_not_read: Some(format!("it is not understood ({})", visible(error))),
        explain_analyze: false,
        parameters,
    }
}

/// The class of a statement by its kind; what it contains goes to `proof`.
fn classify(statement: &Parsed, proof: &mut Proof) -> Class {
    match statement {
        Parsed::Query(query) => {
            proof.query(query);
            Class::Select
        }
        Parsed::Insert(insert) => inserts(insert, proof),
        Parsed::Update(_) | Parsed::Delete(_) | Parsed::Merge(_) => changes(statement, proof),
        Parsed::Explain { .. } => explains(statement, proof),
        Parsed::ExplainTable { describe_alias, hive_format, has_table_keyword: _, table_name } => {
            match (describe_alias, hive_format) {
                (DescribeAlias::Describe | DescribeAlias::Desc | DescribeAlias::Explain, None) => {
                    proof.table(table_name);
                }
                _ => proof.unknown("this form of `DESCRIBE`"),
            }
            Class::Select
        }
        Parsed::ShowVariable { variable } => {
            if proof.dialect != Dialect::Postgres || variable.len() > 2 {
                proof.unknown("this form of `SHOW`");
            }
            Class::Select
        }
        Parsed::ShowTables { show_options, .. }
        | Parsed::ShowDatabases { show_options, .. }
        | Parsed::ShowColumns { show_options, .. } => {
            let plain = match &show_options.filter_position {
                None => true,
                Some(ShowStatementFilterPosition::Infix(filter) | ShowStatementFilterPosition::Suffix(filter)) => {
                    matches!(filter, ShowStatementFilter::Like(_))
                }
            };
            let plain = plain && show_options.limit.is_none() && show_options.starts_with.is_none();
            shows(plain && show_options.limit_from.is_none(), proof);
            if let (Parsed::ShowColumns { .. }, Some(place)) = (statement, &show_options.show_in) {
                place.parent_name.iter().for_each(|name| proof.table(name));
            }
            Class::Select
        }
        Parsed::ShowVariables { filter, .. } | Parsed::ShowStatus { filter, .. } => {
            let plain = matches!(filter, None | Some(ShowStatementFilter::Like(_)));
            shows(plain, proof);
            Class::Select
        }
        Parsed::ShowCreate { obj_type: _, obj_name } => {
            shows(true, proof);
            proof.table(obj_name);
            Class::Select
        }
        Parsed::Pragma { name, value, is_eq } => pragma(name, value.as_ref(), *is_eq, proof),
        Parsed::Truncate(truncate) => {
            truncate.table_names.iter().for_each(|target| proof.table(&target.name));
            Class::Ddl
        }
        Parsed::Drop { names, table, .. } => {
            names.iter().chain(table).for_each(|name| proof.table(name));
            Class::Ddl
        }
        Parsed::AlterTable(alter) => {
            proof.table(&alter.name);
            proof.complete = false;
            Class::Ddl
        }
        Parsed::CreateTable(create) => {
            proof.table(&create.name);
            match &create.query {
                Some(query) => proof.query(query),
                None => proof.complete = false,
            }
            Class::Ddl
        }
        Parsed::CreateView(create) => {
            proof.table(&create.name);
            proof.query(&create.query);
            Class::Ddl
        }
        Parsed::CreateIndex(create) => {
            proof.table(&create.table_name);
            proof.complete = false;
            Class::Ddl
        }
        Parsed::RenameTable(renames) => {
            renames
                .iter()
                .for_each(|rename| [&rename.old_name, &rename.new_name].into_iter().for_each(|name| proof.table(name)));
            Class::Ddl
        }
        other => {
            proof.complete = false;
            by_words(other)
        }
    }
}

/// Kinds of which the class alone is known.
fn by_words(statement: &Parsed) -> Class {
    match statement {
        Parsed::Grant(_)
        | Parsed::GrantRole(_)
        | Parsed::Deny(_)
        | Parsed::Revoke(_)
        | Parsed::RevokeRole(_)
        | Parsed::AlterDefaultPrivileges(_)
        | Parsed::CreateRole(_)
        | Parsed::AlterRole { .. }
        | Parsed::CreateUser(_)
        | Parsed::AlterUser(_)
        | Parsed::CreatePolicy(_)
        | Parsed::AlterPolicy(_)
        | Parsed::DropPolicy(_) => Class::Grant,
        Parsed::CreateVirtualTable { .. }
        | Parsed::CreateServer(_)
        | Parsed::CreateForeignTable(_)
        | Parsed::CreateForeignDataWrapper(_)
        | Parsed::CreateUserMapping(_)
        | Parsed::CreateRule(_)
        | Parsed::CreateOperator(_)
        | Parsed::CreateOperatorFamily(_)
        | Parsed::CreateOperatorClass(_)
        | Parsed::CreateTextSearch(_)
        | Parsed::CreateAggregate(_)
        | Parsed::CreateExtension(_)
        | Parsed::CreateCollation(_)
        | Parsed::CreateSchema { .. }
        | Parsed::CreateDatabase { .. }
        | Parsed::CreateFunction(_)
        | Parsed::CreateTrigger(_)
        | Parsed::CreateProcedure { .. }
        | Parsed::CreateSequence { .. }
        | Parsed::CreateDomain(_)
        | Parsed::CreateType { .. }
        | Parsed::AlterSchema(_)
        | Parsed::AlterIndex { .. }
        | Parsed::AlterView(_)
        | Parsed::AlterFunction(_)
        | Parsed::AlterType(_)
        | Parsed::AlterCollation(_)
        | Parsed::AlterOperator(_)
        | Parsed::AlterOperatorFamily(_)
        | Parsed::AlterOperatorClass(_)
        | Parsed::AlterTextSearch(_)
        | Parsed::AlterTrigger(_)
        | Parsed::DropFunction(_)
        | Parsed::DropDomain(_)
        | Parsed::DropProcedure { .. }
        | Parsed::DropRule(_)
        | Parsed::DropExtension(_)
        | Parsed::DropOperator(_)
        | Parsed::DropOperatorFamily(_)
        | Parsed::DropOperatorClass(_)
        | Parsed::DropTrigger(_)
        | Parsed::Comment { .. }
        | Parsed::RefreshMaterializedView(_) => Class::Ddl,
        _ => Class::Other,
    }
}

/// Inserts, updates, deletes and merges, on their own or within a query. What changes goes to `proof.changes`.
pub(super) fn changes(statement: &Parsed, proof: &mut Proof) -> Class {
    match statement {
        Parsed::Insert(insert) => inserts(insert, proof),
        Parsed::Update(update) => {
            joined(&update.table, proof);
            match &update.from {
                Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) => {
                    tables.iter().for_each(|table| joined(table, proof));
                }
                None => {}
            }
            update.assignments.iter().for_each(|assignment| proof.expression(&assignment.value));
            let has_where = proof.names_rows(update.selection.as_ref());
            update.order_by.iter().for_each(|order| proof.ordering(order));
            proof.expressions(&update.limit);
            proof.returning(update.returning.as_deref());
            proof.changes.push((Class::Update, Some(has_where)));
            unless(update.output.is_none() && update.settings.is_none(), "this form of `UPDATE`", proof);
            Class::Update
        }
        Parsed::Delete(delete) => {
            delete.tables.iter().for_each(|table| proof.table(table));
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            from.iter().chain(delete.using.iter().flatten()).for_each(|table| joined(table, proof));
            let has_where = proof.names_rows(delete.selection.as_ref());
            delete.order_by.iter().for_each(|order| proof.ordering(order));
            proof.expressions(&delete.limit);
            proof.returning(delete.returning.as_deref());
            proof.changes.push((Class::Delete, Some(has_where)));
            unless(delete.output.is_none() && delete.settings.is_none(), "this form of `DELETE`", proof);
            Class::Delete
        }
        Parsed::Merge(merge) => {
            proof.factor(&merge.table);
            proof.factor(&merge.source);
            proof.expression(&merge.on);
            let mut class = Class::Insert;
            for clause in &merge.clauses {
                proof.expressions(&clause.predicate);
                class = class.max(match &clause.action {
                    MergeAction::Insert(_) | MergeAction::DoNothing { .. } => Class::Insert,
                    MergeAction::Update(_) => Class::Update,
                    MergeAction::Delete { .. } => Class::Delete,
                });
            }
            // what its branches set is not looked into
            proof.unknown("`MERGE`");
            proof.changes.push((class, (class != Class::Insert).then_some(true)));
            class
        }
        _ => {
            proof.unknown("a statement within a statement");
            Class::Other
        }
    }
}

fn inserts(insert: &Insert, proof: &mut Proof) -> Class {
    match &insert.table {
        TableObject::TableName(name) => {
            proof.table(name);
            // its columns may stand behind it
            name.0.last().and_then(|last| last.as_ident()).into_iter().for_each(|last| proof.before_parenthesis(last));
        }
        TableObject::TableFunction(_) | TableObject::TableQuery(_) => proof.unknown("an insert into no table"),
    }
    if let Some(source) = &insert.source {
        proof.query(source);
    }
    insert.assignments.iter().for_each(|assignment| proof.expression(&assignment.value));
    let mut class = Class::Insert;
    match &insert.on {
        Some(OnInsert::DuplicateKeyUpdate(assignments)) => {
            assignments.iter().for_each(|assignment| proof.expression(&assignment.value));
            class = Class::Update;
        }
        Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
            OnConflictAction::DoNothing => {}
            OnConflictAction::DoUpdate(update) => {
                update.assignments.iter().for_each(|assignment| proof.expression(&assignment.value));
                proof.expressions(&update.selection);
                class = Class::Update;
            }
        },
        Some(_) => proof.unknown("this form of `INSERT`"),
        None => {}
    }
    // `INSERT OR REPLACE` and `REPLACE` remove the row that was there
    if insert.replace_into || insert.or.is_some() || insert.overwrite {
        class = Class::Delete;
    }
    proof.returning(insert.returning.as_deref());
    let plain = insert.partitioned.is_none()
        && insert.output.is_none()
        && insert.settings.is_none()
        && insert.format_clause.is_none()
        && insert.multi_table_into_clauses.is_empty()
        && insert.multi_table_when_clauses.is_empty()
        && insert.multi_table_else_clause.is_none();
    unless(plain, "this form of `INSERT`", proof);
    // the rows that an upsert or a replacement meets are those with its keys
    proof.changes.push((class, (class != Class::Insert).then_some(true)));
    class
}

fn explains(statement: &Parsed, proof: &mut Proof) -> Class {
    let Parsed::Explain { statement: inner, estimate, options, .. } = statement else { return Class::Other };
    if *estimate || !options.iter().flatten().all(|option| EXPLAIN_OPTIONS.contains(&lower(option).as_str())) {
        proof.unknown("this option of `EXPLAIN`");
    }
    if !matches!(**inner, Parsed::Query(_) | Parsed::Insert(_) | Parsed::Update(_) | Parsed::Delete(_)) {
        proof.unknown("an `EXPLAIN` of something that has no plan");
        return Class::Other;
    }
    let class = classify(inner, proof);
    if is_explain_analyze(statement) {
        return class;
    }
    // planning runs functions that call themselves immutable, so what the walk refused stays refused; but no row changes
    match class {
        Class::Select | Class::Insert | Class::Update | Class::Delete => {
            proof.changes.clear();
            Class::Select
        }
        Class::Ddl | Class::Grant | Class::Other => Class::Other,
    }
}

const EXPLAIN_OPTIONS: [&str; 10] =
    ["analyze", "verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary", "format"];

fn is_explain_analyze(statement: &Parsed) -> bool {
    let Parsed::Explain { analyze, options, .. } = statement else { return false };
    let off = |option: &UtilityOption| match &option.arg {
        Some(Expr::Value(value)) => match &value.value {
            Value::Boolean(on) => !on,
            Value::Number(number, _) => number == "0",
            _ => false,
        },
        Some(Expr::Identifier(name)) => ["off", "false"].contains(&name.value.to_ascii_lowercase().as_str()),
        _ => false,
    };
    *analyze || options.iter().flatten().any(|option| lower(option) == "analyze" && !off(option))
}

fn lower(option: &UtilityOption) -> String {
    option.name.value.to_ascii_lowercase()
}

fn pragma(name: &ObjectName, value: Option<&ValueWithSpan>, is_set: bool, proof: &mut Proof) -> Class {
    let bare = name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_ascii_lowercase());
    let known = bare.as_deref().and_then(|bare| PRAGMAS.iter().find(|(known, _)| *known == bare));
    let about = value.and_then(|value| match &value.value {
        Value::SingleQuotedString(name) | Value::DoubleQuotedString(name) => Some(name.as_str()),
        _ => None,
    });
    match (known, about) {
        (Some((_, false)), None) if !is_set && value.is_none() && proof.dialect == Dialect::Sqlite => Class::Select,
        (Some((_, true)), Some(about)) if !is_set && proof.dialect == Dialect::Sqlite => {
            proof.tables.insert(about.to_ascii_lowercase());
            Class::Select
        }
        _ => {
            proof.unknown("this `PRAGMA`");
            Class::Other
        }
    }
}

fn shows(plain: bool, proof: &mut Proof) {
    unless(plain && proof.dialect == Dialect::Mysql, "this form of `SHOW`", proof);
}

fn unless(fine: bool, what: &str, proof: &mut Proof) {
    if !fine {
        proof.unknown(what);
    }
}

fn joined(table: &TableWithJoins, proof: &mut Proof) {
    proof.joined(table);
}

/// The body of a query that changes rows.
pub(super) fn changing(body: &SetExpr) -> Option<&Parsed> {
    match body {
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => Some(statement),
        SetExpr::Select(_)
        | SetExpr::Query(_)
        | SetExpr::SetOperation { .. }
        | SetExpr::Values(_)
        | SetExpr::Table(_) => None,
    }
}
