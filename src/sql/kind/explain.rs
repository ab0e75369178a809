//! `EXPLAIN`, which plans a statement or runs it.

use sqlparser::ast::{Expr, Statement as Parsed, UtilityOption, Value};

use super::classify;
use crate::sql::{Class, Dialect, proof::Proof};

pub(super) fn explains(statement: &Parsed, proof: &mut Proof) -> Class {
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
            if class != Class::Select && proof.dialect != Dialect::Postgres {
                // MariaDB plans no change in a read-only transaction, and SQLite's authorizer is asked as if it ran
                proof.refuse(format!("the server takes an `EXPLAIN` of `{class}` for the change itself"));
            }
            proof.changes.clear();
            Class::Select
        }
        Class::Ddl | Class::Grant | Class::Other => Class::Other,
    }
}

const EXPLAIN_OPTIONS: [&str; 10] =
    ["analyze", "verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary", "format"];

/// Does it run what it explains?
pub(super) fn is_explain_analyze(statement: &Parsed) -> bool {
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
