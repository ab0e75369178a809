//! `SHOW` and `PRAGMA`, which tell about a server and its settings.

use sqlparser::ast::{
    ObjectName, ShowStatementFilter, ShowStatementFilterPosition, Statement as Parsed, Value, ValueWithSpan,
};

use crate::sql::{Class, Dialect, catalogs::only_tells, proof::Proof};

/// A `SHOW`, of whatever it is.
pub(super) fn shows(statement: &Parsed, proof: &mut Proof) -> Class {
    match statement {
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
            only_of_mysql(plain && show_options.limit_from.is_none(), proof);
            if let (Parsed::ShowColumns { .. }, Some(place)) = (statement, &show_options.show_in) {
                place.parent_name.iter().for_each(|name| proof.table(name));
            }
            Class::Select
        }
        Parsed::ShowVariables { filter, .. } | Parsed::ShowStatus { filter, .. } => {
            let plain = matches!(filter, None | Some(ShowStatementFilter::Like(_)));
            only_of_mysql(plain, proof);
            Class::Select
        }
        Parsed::ShowCreate { obj_type: _, obj_name } => {
            only_of_mysql(true, proof);
            proof.table(obj_name);
            Class::Select
        }
        _ => {
            proof.unknown("this form of `SHOW`");
            Class::Other
        }
    }
}

/// A `PRAGMA` that only reads, by the list.
pub(super) fn pragma(name: &ObjectName, value: Option<&ValueWithSpan>, is_set: bool, proof: &mut Proof) -> Class {
    let bare = name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.as_str());
    let about = value.and_then(|value| match &value.value {
        Value::SingleQuotedString(name) | Value::DoubleQuotedString(name) => Some(name.as_str()),
        _ => None,
    });
    let tells = |about| !is_set && proof.dialect == Dialect::Sqlite && bare.is_some_and(|bare| only_tells(bare, about));
    match about {
        None if value.is_none() && tells(false) => Class::Select,
        Some(about) if tells(true) => {
            proof.tables.insert(about.to_ascii_lowercase());
            Class::Select
        }
        _ => {
            proof.unknown("this `PRAGMA`");
            Class::Other
        }
    }
}

fn only_of_mysql(plain: bool, proof: &mut Proof) {
    if !plain || proof.dialect != Dialect::Mysql {
        proof.unknown("this form of `SHOW`");
    }
}
