//! The arguments, leaf by leaf: each under its full path, whole, with what it means.
//!
//! INVARIANT: rows are injective. A path has declared names as they are and all others in quotes; a text is in quotes
//! in its cell, everything else is not; nothing is shortened.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{cell::Cell, json::quoted, letters};
use crate::{
    catalog::{Param, Type, Unit},
    money,
};

/// One leaf of the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Row {
    /// `amount`, `to[1]`, `metadata["order"]`.
    pub(in crate::web) path: Cell,
    /// What the parameter is, in the manifest's words.
    pub(in crate::web) description: String,
    /// The value.
    pub(in crate::web) shown: Shown,
    /// What is odd about it.
    pub(in crate::web) oddities: Vec<String>,
}

/// How a value is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum Shown {
    /// As it will be sent.
    Value {
        /// The value itself.
        cell: Cell,
        /// Filled in by us, not given by the agent.
        default: bool,
    },
    /// Money in a known currency.
    Money {
        /// `12.50 USD`
        human: String,
        /// The number as it will be sent.
        cell: Cell,
    },
    /// Money in a currency that the request does not name.
    Minor {
        /// The number as it will be sent.
        cell: Cell,
        /// Whose smallest unit.
        unit: &'static str,
    },
    /// Not given.
    Assumed {
        /// What the vendor then assumes.
        words: String,
        /// Is it about money?
        money: bool,
    },
}

/// A longer text stands under its name, in the whole width.
const WIDE: usize = 60;

impl Row {
    /// The class in the style sheet: a long text takes the whole width, what is assumed and no money takes less room.
    pub(in crate::web) fn class(&self) -> &'static str {
        match &self.shown {
            Shown::Assumed { money: false, .. } => "row assumed",
            Shown::Value { cell, .. } if cell.length() > WIDE => "row wide",
            Shown::Assumed { money: true, .. } | Shown::Value { .. } | Shown::Money { .. } | Shown::Minor { .. } => {
                "row"
            }
        }
    }
}

/// All rows, in the order of the manifest. `currencies` are those of amounts whose currency the request does not name, by path.
pub(super) fn rows(
    params: &[Param],
    arguments: &Map<String, Value>,
    given: &Map<String, Value>,
    currencies: &BTreeMap<String, String>,
) -> Vec<Row> {
    let of_charge = params.iter().any(|param| matches!(param.name.as_str(), "charge" | "payment_intent"));
    let mut walk = Walk { rows: Vec::new(), of_charge, currencies };
    walk.fields("", params, arguments, Some(given), None);
    walk.rows
}

/// The names of what is neither given nor assumed.
pub(super) fn not_given(params: &[Param], arguments: &Map<String, Value>) -> Vec<String> {
    let missing = params.iter().filter(|param| !arguments.contains_key(&param.name) && param.absent.is_none());
    missing.map(|param| param.name.clone()).collect()
}

struct Walk<'a> {
    rows: Vec<Row>,
    of_charge: bool,
    currencies: &'a BTreeMap<String, String>,
}

impl Walk<'_> {
    fn fields(
        &mut self,
        path: &str,
        params: &[Param],
        values: &Map<String, Value>,
        given: Option<&Map<String, Value>>,
        currency: Option<&str>,
    ) {
        let currency = values.get("currency").and_then(Value::as_str).or(currency);
        for param in params {
            let path = if path.is_empty() { param.name.clone() } else { format!("{path}.{}", param.name) };
            match (values.get(&param.name), &param.absent) {
                (Some(value), _) => {
                    let given = given.and_then(|given| given.get(&param.name));
                    self.value(&path, Some(param), value, given, currency);
                }
                (None, Some(assumed)) => {
                    let shown = Shown::Assumed { words: plain(assumed), money: param.unit == Some(Unit::Minor) };
                    self.push(&path, Some(param), shown, Vec::new());
                }
                (None, None) => {}
            }
        }
        let unknown = values.iter().filter(|(name, _)| !params.iter().any(|param| param.name == **name));
        for (name, value) in unknown {
            let given = given.and_then(|given| given.get(name));
            self.value(&format!("{path}[{}]", quoted(name)), None, value, given, currency);
        }
    }

    fn value(
        &mut self,
        path: &str,
        param: Option<&Param>,
        value: &Value,
        given: Option<&Value>,
        currency: Option<&str>,
    ) {
        let cell = match value {
            Value::Object(members) if !members.is_empty() => {
                let given = given.and_then(Value::as_object);
                match param.map(|param| &param.ty) {
                    Some(Type::Object { fields }) => self.fields(path, fields, members, given, currency),
                    Some(Type::Map { values, .. }) => {
                        for (name, member) in members {
                            let given = given.and_then(|given| given.get(name));
                            self.value(&format!("{path}[{}]", quoted(name)), Some(values), member, given, currency);
                        }
                    }
                    Some(
                        Type::String { .. }
                        | Type::Integer { .. }
                        | Type::Number { .. }
                        | Type::Boolean
                        | Type::Value { .. }
                        | Type::Array { .. },
                    )
                    | None => self.fields(path, &[], members, given, currency),
                }
                return;
            }
            Value::Array(items) if !items.is_empty() => {
                let item_param = match param.map(|param| &param.ty) {
                    Some(Type::Array { items, .. }) => Some(&**items),
                    Some(
                        Type::String { .. }
                        | Type::Integer { .. }
                        | Type::Number { .. }
                        | Type::Boolean
                        | Type::Value { .. }
                        | Type::Object { .. }
                        | Type::Map { .. },
                    )
                    | None => None,
                };
                for (index, item) in items.iter().enumerate() {
                    let given = given.and_then(|given| given.get(index));
                    self.value(&format!("{path}[{}]", index + 1), item_param, item, given, currency);
                }
                return;
            }
            Value::Object(_) => Cell::line("empty object"),
            Value::Array(_) => Cell::line("empty list"),
            Value::String(text) => Cell::text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => Cell::line(&value.to_string()),
        };
        let oddities = value.as_str().map(letters::oddities).unwrap_or_default();
        let default = given.is_none();
        let currency = currency.or_else(|| self.currencies.get(path).map(String::as_str));
        let minor = param.filter(|param| param.unit == Some(Unit::Minor)).and_then(|_| whole(value));
        let shown = match minor {
            None => Shown::Value { cell, default },
            Some(minor) => match currency.and_then(|currency| money::human(minor, currency)) {
                Some(human) => Shown::Money { human, cell },
                None if self.of_charge && currency.is_none() => {
                    Shown::Minor { cell, unit: "in the charge's smallest unit" }
                }
                None => Shown::Minor { cell, unit: "in the currency's smallest unit" },
            },
        };
        self.push(path, param, shown, oddities);
    }

    fn push(&mut self, path: &str, param: Option<&Param>, shown: Shown, oddities: Vec<String>) {
        let description = param.map(|param| param.description.clone()).unwrap_or_default();
        self.rows.push(Row { path: Cell::of_visible(path), description, shown, oddities });
    }
}

/// A manifest's own words, or its value.
fn plain(assumed: &Value) -> String {
    match assumed {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests;
