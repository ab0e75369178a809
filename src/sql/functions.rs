//! The functions that a read may use. What isn't on these lists is asked about: what a function of somebody's own does,
//! nobody can read from its name.

mod common;
mod mysql;
mod postgres;
mod sqlite;

use sqlparser::ast::{Expr, UnaryOperator, Value};

use super::Dialect;

/// What a call is to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// On the list.
    Harmless,
    /// On the list of those that make as much as they are told to, and told without a small number.
    Unbounded,
    /// Not on a list.
    Unknown,
}

/// The largest number that a call which makes something of a given size may have.
const LARGEST: i64 = 100_000;

/// A function by its bare name, as the server folds it.
pub(super) fn judge(dialect: Dialect, name: &str, arguments: &[&Expr]) -> Call {
    let (own, sized) = match dialect {
        Dialect::Postgres => (&postgres::PLAIN[..], &postgres::SIZED[..]),
        Dialect::Mysql => (&mysql::PLAIN[..], &mysql::SIZED[..]),
        Dialect::Sqlite => (&sqlite::PLAIN[..], &sqlite::SIZED[..]),
    };
    if sized.contains(&name) {
        let numbers = arguments.iter().filter_map(|argument| number(argument));
        let all_small = numbers.clone().all(|number| number.abs() <= LARGEST);
        let wanted = if name == "generate_series" { arguments.len() } else { 1 };
        return if all_small && numbers.count() >= wanted.max(1) { Call::Harmless } else { Call::Unbounded };
    }
    if common::PLAIN.contains(&name) || own.contains(&name) { Call::Harmless } else { Call::Unknown }
}

/// Is it a function of MySQL's grammar, and not one of its library? Whatever its case.
pub(super) fn is_of_grammar(name: &str) -> bool {
    mysql::OF_GRAMMAR.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A whole number that is written out.
fn number(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number.parse().unwrap_or(i64::MAX)),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => number(expr),
        _ => None,
    }
}
