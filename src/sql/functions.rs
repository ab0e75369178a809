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
    /// On the list, and what it makes may be so many times as long as what it is given.
    Grows(u64),
    /// On the list of those that make as much as they are told to, and told without a small number.
    Unbounded,
    /// Not on a list.
    Unknown,
}

/// How much longer all calls of a statement together may make a text. No server stops within one function, so that what
/// searches a text of many megabytes for another runs for minutes, whatever the limit of time.
pub(super) const MOST: u64 = 1_000_000;
/// The largest number that a call which makes something of a given size may have.
const LARGEST: i64 = 100_000;
/// What is filled up to here at most grows nothing worth counting: dates, amounts, columns of a report.
const PADDED: u64 = 100;
/// Taken for the growth where the text that is put in is not written out.
const PUT_IN: u64 = 100;
/// The most digits of a width in a format.
const DIGITS: usize = 3;

/// A function by its bare name, as the server folds it.
pub(super) fn judge(dialect: Dialect, name: &str, arguments: &[&Expr]) -> Call {
    let (own, sized, formats) = match dialect {
        Dialect::Postgres => (&postgres::PLAIN[..], &postgres::SIZED[..], &postgres::FORMATS[..]),
        Dialect::Mysql => (&mysql::PLAIN[..], &mysql::SIZED[..], &[][..]),
        Dialect::Sqlite => (&sqlite::PLAIN[..], &sqlite::SIZED[..], &sqlite::FORMATS[..]),
    };
    if sized.contains(&name) {
        return size(name, arguments).map_or(Call::Unbounded, Call::Grows);
    }
    if formats.contains(&name) {
        let narrow = arguments.first().and_then(|format| text(format)).is_some_and(is_narrow);
        return if narrow { Call::Harmless } else { Call::Unbounded };
    }
    if !common::PLAIN.has_small(name) && !own.iter().any(|topic| topic.has_small(name)) {
        return Call::Unknown;
    }
    match (name, arguments) {
        ("replace" | "regexp_replace", [_, from, to, ..]) => Call::Grows(growth(name, from, to)),
        _ => Call::Harmless,
    }
}

/// How much longer a call makes what it is given, if its size is a small number that is written out.
fn size(name: &str, arguments: &[&Expr]) -> Option<u64> {
    let small = |argument: &&Expr| number(argument).filter(|number| number.abs() <= LARGEST).map(i64::unsigned_abs);
    match (name, arguments) {
        // rows, between which every server stops
        ("generate_series", [_, ..]) => arguments.iter().all(|argument| small(argument).is_some()).then_some(1),
        ("space" | "zeroblob", [size, ..]) => small(size),
        ("repeat", [what, times, ..]) => small(times).map(|times| times.saturating_mul(length(what).unwrap_or(1))),
        ("lpad" | "rpad", [_, size, ..]) => small(size).map(|size| if size <= PADDED { 1 } else { size }),
        _ => None,
    }
}

/// How much longer a text may become in which one text takes the place of another.
fn growth(name: &str, from: &Expr, to: &Expr) -> u64 {
    // what a pattern finds may be a single character
    let from = if name == "replace" { length(from).unwrap_or(1) } else { 1 };
    length(to).map_or(PUT_IN, |to| to.div_ceil(from.max(1)))
}

/// Does a format fill up to small widths only? `%15000000d` makes 15 MB, and `*` takes the width from a value.
fn is_narrow(format: &str) -> bool {
    format.split('%').skip(1).all(|directive| {
        let flags = directive.split(|sign: char| sign.is_ascii_alphabetic()).next().unwrap_or_default();
        !flags.contains('*') && flags.split(|sign: char| !sign.is_ascii_digit()).all(|digits| digits.len() <= DIGITS)
    })
}

/// The bytes of a text that is written out.
fn length(expression: &Expr) -> Option<u64> {
    text(expression).and_then(|text| u64::try_from(text.len()).ok())
}

/// A text that is written out.
fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => text(inner),
        _ => None,
    }
}

/// Is it a function of MySQL's grammar, and not one of its library? Whatever its case.
pub(super) fn is_of_grammar(name: &str) -> bool {
    mysql::OF_GRAMMAR.has(name)
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

#[cfg(test)]
mod tests {
    use super::{common, mysql, postgres, sqlite};

    #[test]
    fn each_function_of_the_lists_is_found_as_it_is_written_and_no_other() {
        let lists = [&[][..], &postgres::PLAIN[..], &mysql::PLAIN[..], &sqlite::PLAIN[..]].into_iter().flatten();
        for list in lists.chain([&common::PLAIN, &mysql::OF_GRAMMAR]) {
            for name in list.all() {
                assert!(list.has_small(name), "{name}");
                assert!(list.has(&name.to_uppercase()) && !list.has_small(&name.to_uppercase()), "{name}");
                assert!(!list.has_small(&format!("{name} {name}")) && !list.has_small(&format!("{name}_")), "{name}");
            }
        }
    }
}
