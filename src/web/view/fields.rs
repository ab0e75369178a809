//! What becomes of a value that has parts, part by part: the columns of a row, the leaves of an object. What changes
//! comes first, so that nobody has to find it among what stays.
//!
//! INVARIANT: no two parts have the same name: what could be taken for a path is in quotes.

use serde_json::{Map, Value};

use super::{
    cell::Cell,
    json::{pretty, quoted},
};

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct FieldView {
    /// `name`, `groups[1].rollout_percentage`
    pub(in crate::web) name: Cell,
    /// How it stands.
    pub(in crate::web) now: Cell,
    /// What the call makes of it, where that is something else.
    pub(in crate::web) then: Option<Cell>,
}

/// The parts of a value and of what the call makes of it. None where it has no parts, or nothing is made of it that has.
pub(super) fn fields(value: &Value, then: Option<&Value>) -> Vec<FieldView> {
    match (value, then) {
        (Value::Object(row), None) if !row.values().any(is_nested) => columns(row, &Map::new()),
        (Value::Object(row), Some(Value::Object(then))) if !row.values().chain(then.values()).any(is_nested) => {
            columns(row, then)
        }
        (Value::Object(_), Some(then @ Value::Object(_))) | (Value::Array(_), Some(then @ Value::Array(_))) => {
            leaf_by_leaf(value, then)
        }
        (
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            _,
        ) => Vec::new(),
    }
}

/// How a value stands in its place.
pub(super) fn cell(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => pretty(value),
    }
}

/// In the order of the row, which begins with what it is known by.
fn columns(row: &Map<String, Value>, then: &Map<String, Value>) -> Vec<FieldView> {
    let known = row.iter().map(|(name, now)| FieldView {
        name: Cell::line(name),
        now: cell(now),
        then: then.get(name).filter(|then| *then != now).map(cell),
    });
    let new = then.iter().filter(|(name, _)| !row.contains_key(*name));
    let new =
        new.map(|(name, then)| FieldView { name: Cell::line(name), now: cell(&Value::Null), then: Some(cell(then)) });
    known.chain(new).collect()
}

fn leaf_by_leaf(now: &Value, then: &Value) -> Vec<FieldView> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    leaves("", now, &mut old);
    leaves("", then, &mut new);
    let at = |leaves: &[(String, Cell)], path: &str| {
        leaves.iter().find(|(known, _)| known == path).map_or_else(|| Cell::line("not there"), |(_, cell)| cell.clone())
    };
    let added = new.iter().filter(|(path, _)| !old.iter().any(|(known, _)| known == path));
    let all = old.iter().chain(added).map(|(path, _)| {
        let (now, then) = (at(&old, path), at(&new, path));
        FieldView { name: Cell::of_visible(path), then: Some(then).filter(|then| *then != now), now }
    });
    let (changed, stays): (Vec<_>, Vec<_>) = all.partition(|field| field.then.is_some());
    changed.into_iter().chain(stays).collect()
}

fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Cell)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                leaves(&member_of(path, name), member, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves(&format!("{path}[{}]", index + 1), item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            found.push((path.to_owned(), cell(value)));
        }
    }
}

fn member_of(path: &str, name: &str) -> String {
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match (path, is_plain) {
        ("", true) => name.to_owned(),
        (_, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{}]", quoted(name)),
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(now: &Value, then: Option<&Value>) -> Vec<String> {
        let becomes =
            |one: &FieldView| one.then.as_ref().map(|then| format!(" -> {}", then.plain())).unwrap_or_default();
        let all = fields(now, then);
        all.iter().map(|one| format!("{} = {}{}", one.name.plain(), one.now.plain(), becomes(one))).collect()
    }

    #[test]
    fn a_row_stands_column_by_column_and_only_what_changes_becomes_something() {
        let (now, then) = (json!({"id": 7, "name": "Ann"}), json!({"id": 7, "name": "Bob\u{202e}"}));
        assert_eq!(told(&now, Some(&then)), ["id = 7", "name = \"Ann\" -> \"Bob⟨U+202E⟩\""]);
        assert_eq!(told(&now, None), ["id = 7", "name = \"Ann\""]);
        assert!(fields(&json!({"a": [1]}), None).is_empty() && fields(&json!("x"), None).is_empty());
        assert!(fields(&json!({"a": [1]}), Some(&json!(null))).is_empty());
    }

    #[test]
    fn of_a_nested_value_what_changes_comes_first_and_the_rest_is_there() {
        let groups = |percent: u64, value: &Value| json!({"groups": [{"properties": [{"key": "a.b", "value": value}], "rollout_percentage": percent}]});
        assert_eq!(
            told(&groups(10, &json!(["DE", "AT"])), Some(&groups(100, &json!(["DE"])))),
            [
                "groups[1].properties[1].value[2] = \"AT\" -> not there",
                "groups[1].rollout_percentage = 10 -> 100",
                "groups[1].properties[1].key = \"a.b\"",
                "groups[1].properties[1].value[1] = \"DE\"",
            ]
        );
        let odd = (json!({"a": {"b": 1}, "list": [1]}), json!({"a": {}, "a.b": 1, "list": [1]}));
        assert_eq!(
            told(&odd.0, Some(&odd.1)),
            ["a.b = 1 -> not there", "a = not there -> {}", "[\"a.b\"] = not there -> 1", "list[1] = 1"]
        );
    }
}
