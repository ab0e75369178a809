//! What adds, changes and removes rows.

use sqlparser::ast::{
    FromTable, Insert, MergeAction, MergeClauseKind, ObjectName, OnConflictAction, OnInsert, SetExpr, SqliteOnConflict,
    Statement as Parsed, TableObject, UpdateTableFromKind,
};

use crate::sql::{Class, proof::Proof};

/// Inserts, updates, deletes and merges, on their own or within a query. What changes goes to `proof.changes`.
pub(in super::super) fn changes(statement: &Parsed, proof: &mut Proof) -> Class {
    match statement {
        Parsed::Insert(insert) => inserts(insert, proof),
        Parsed::Update(update) => {
            proof.changed(&update.table);
            match &update.from {
                Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) => {
                    tables.iter().for_each(|table| proof.joined(table));
                }
                None => {}
            }
            update.assignments.iter().for_each(|assignment| proof.expression(&assignment.value));
            let has_where = proof.names_rows(update.selection.as_ref());
            update.order_by.iter().for_each(|order| proof.ordering(order));
            proof.expressions(&update.limit);
            proof.returning(update.returning.as_deref());
            // the rows in the way are removed
            let class = match update.or {
                Some(SqliteOnConflict::Replace) => Class::Delete,
                _ => Class::Update,
            };
            proof.changes.push((class, Some(has_where)));
            unless(update.output.is_none() && update.settings.is_none(), "this form of `UPDATE`", proof);
            class
        }
        Parsed::Delete(delete) => {
            delete.tables.iter().for_each(|table| proof.stored(table));
            // for MySQL it is a word of the statement here, and may be a name elsewhere
            let quick = |table: &ObjectName| is_word(table, "quick");
            unless(!delete.tables.iter().any(quick), "this form of `DELETE`", proof);
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            from.iter().for_each(|table| proof.changed(table));
            delete.using.iter().flatten().for_each(|table| proof.joined(table));
            let has_where = proof.names_rows(delete.selection.as_ref());
            delete.order_by.iter().for_each(|order| proof.ordering(order));
            proof.expressions(&delete.limit);
            proof.returning(delete.returning.as_deref());
            proof.changes.push((Class::Delete, Some(has_where)));
            unless(delete.output.is_none() && delete.settings.is_none(), "this form of `DELETE`", proof);
            Class::Delete
        }
        Parsed::Merge(merge) => {
            proof.changed_factor(&merge.table);
            proof.factor(&merge.table);
            proof.factor(&merge.source);
            let joins_by_rows = proof.names_rows(Some(&merge.on));
            let (mut class, mut has_where) = (Class::Insert, true);
            for clause in &merge.clauses {
                let says_which = proof.names_rows(clause.predicate.as_ref());
                // what joins to no row is every other row of the table
                let by_join = joins_by_rows && clause.clause_kind != MergeClauseKind::NotMatchedBySource;
                let done = match &clause.action {
                    MergeAction::Insert(_) | MergeAction::DoNothing { .. } => Class::Insert,
                    MergeAction::Update(_) => Class::Update,
                    MergeAction::Delete { .. } => Class::Delete,
                };
                has_where &= done == Class::Insert || says_which || by_join;
                class = class.max(done);
            }
            // what its branches set is not looked into
            proof.unknown("`MERGE`");
            proof.changes.push((class, (class != Class::Insert).then_some(has_where)));
            class
        }
        _ => {
            proof.unknown("a statement within a statement");
            Class::Other
        }
    }
}

pub(super) fn inserts(insert: &Insert, proof: &mut Proof) -> Class {
    match &insert.table {
        TableObject::TableName(name) => {
            proof.stored(name);
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

/// The body of a query that changes rows.
pub(in super::super) fn changing(body: &SetExpr) -> Option<&Parsed> {
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

fn is_word(name: &ObjectName, word: &str) -> bool {
    let [part] = name.0.as_slice() else { return false };
    part.as_ident().is_some_and(|name| name.quote_style.is_none() && name.value.eq_ignore_ascii_case(word))
}

fn unless(fine: bool, what: &str, proof: &mut Proof) {
    if !fine {
        proof.unknown(what);
    }
}
