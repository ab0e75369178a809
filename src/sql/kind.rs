//! A statement's class and what it touches, by kind of statement.

mod bare;
pub(super) mod change;
mod explain;
mod show;

use std::collections::BTreeSet;

use sqlparser::{
    ast::{CreateTableOptions, DescribeAlias, ObjectName, ObjectType, Statement as Parsed},
    parser::{Parser, ParserOptions},
    tokenizer::Token,
};

use super::{
    Class, Dialect, Misunderstood, grammar,
    proof::Proof,
    target::{self, Target},
    tokens::Tokens,
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
    let grammar = grammar::of(dialect);
    let options = ParserOptions::new().with_unescape(false);
    let parser = Parser::new(grammar.as_ref()).with_options(options).with_recursion_limit(MAX_DEPTH);
    let (count, has_semicolon) = (tokens.len(), tokens.has_semicolon());
    #[cfg(any(test, fuzzing))]
    let again = tokens.as_slice().to_vec();
    let mut parser = parser.with_tokens_with_locations(tokens.lent());
    let parsed = parser.parse_statements();
    #[cfg(any(test, fuzzing))]
    grammar::assert_same(dialect, MAX_DEPTH, again, &parsed);
    let mut statements = match parsed {
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
    } else if proof.complete {
        proof.refuse_queries((0..count).map(|at| &parser.token_at(at).token));
    }
    // a name or an operator that may be another one is no read either, whatever the statement
    if class == Class::Select && proof.why_not_read.is_none() && !matches!(statement, Parsed::Query(_)) {
        proof.refuse_if(tokens.against_read.clone().filter(|why| why.starts_with("the ")));
    }
    for (done, _) in &proof.changes {
        class = class.max(*done);
    }
    if class == Class::Select && has_semicolon {
        // the parser skips empty statements; a read has nothing before it or behind it
        return Err(Misunderstood::Several);
    }
    // what may do more than read is none to a rule, though it begins with `SELECT`
    if class == Class::Select && (!proof.complete || proof.why_not_read.is_some()) {
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
        tokens.given_back((0..count).map(|at| parser.token_at(at).clone()));
        target::of(dialect, &statement, &tokens)
    };
    let explain_analyze = explain::is_explain_analyze(&statement);
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
        Parsed::Insert(insert) => change::inserts(insert, proof),
        Parsed::Update(_) | Parsed::Delete(_) | Parsed::Merge(_) => change::changes(statement, proof),
        Parsed::Explain { .. } => explain::explains(statement, proof),
        Parsed::ExplainTable { describe_alias, hive_format, has_table_keyword: _, table_name } => {
            match (describe_alias, hive_format) {
                (DescribeAlias::Describe | DescribeAlias::Desc | DescribeAlias::Explain, None) => {
                    proof.table(table_name);
                }
                _ => proof.unknown("this form of `DESCRIBE`"),
            }
            Class::Select
        }
        Parsed::ShowVariable { .. }
        | Parsed::ShowTables { .. }
        | Parsed::ShowDatabases { .. }
        | Parsed::ShowColumns { .. }
        | Parsed::ShowVariables { .. }
        | Parsed::ShowStatus { .. }
        | Parsed::ShowCreate { .. } => show::shows(statement, proof),
        Parsed::Pragma { name, value, is_eq } => show::pragma(name, value.as_ref(), *is_eq, proof),
        Parsed::Truncate(truncate) => {
            truncate.table_names.iter().for_each(|target| proof.table(&target.name));
            Class::Ddl
        }
        Parsed::Drop { object_type, names, table, .. } => drops(*object_type, names.iter().chain(table), proof),
        Parsed::AlterTable(alter) => {
            proof.table(&alter.name);
            proof.complete = false;
            Class::Ddl
        }
        Parsed::CreateTable(create) => {
            proof.table(&create.name);
            // columns and options may name other tables
            proof.complete &= create.columns.is_empty()
                && create.constraints.is_empty()
                && matches!(create.table_options, CreateTableOptions::None);
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
            bare::class(other)
        }
    }
}

/// What goes away. Only of tables and views is it known which tables that is.
fn drops<'a>(kind: ObjectType, names: impl Iterator<Item = &'a ObjectName>, proof: &mut Proof) -> Class {
    match kind {
        ObjectType::Table | ObjectType::ForeignTable | ObjectType::View | ObjectType::MaterializedView => {
            names.for_each(|name| proof.table(name));
            Class::Ddl
        }
        ObjectType::Role | ObjectType::Group | ObjectType::User => {
            proof.complete = false;
            Class::Grant
        }
        _ => {
            proof.complete = false;
            Class::Ddl
        }
    }
}
