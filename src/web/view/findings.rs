//! What was looked up before a human decides, line by line: how it stands, and what the call would make of it.

use serde_json::{Map, Value};

use super::{cell::Cell, json::pretty, letters, when::When};
use crate::{
    clock::Millis,
    findings::{Fact, Finding, Findings, Found},
};

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct FindingsView {
    /// When it was looked up.
    pub(in crate::web) at: When,
    /// Look by look.
    pub(in crate::web) all: Vec<FindingView>,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct FindingView {
    /// `charge`
    pub(in crate::web) name: String,
    /// The read's policy name.
    pub(in crate::web) source: String,
    /// What it found.
    pub(in crate::web) facts: Vec<FactView>,
    /// Why it found nothing.
    pub(in crate::web) problem: Option<Cell>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct FactView {
    /// What it is, in the manifest's words.
    pub(in crate::web) label: Cell,
    /// How it stands.
    pub(in crate::web) now: Side,
    /// What the call makes of it.
    pub(in crate::web) then: Option<Side>,
    /// Column by column, where it is a row: then these stand instead of both sides.
    pub(in crate::web) fields: Vec<FieldView>,
    /// What is odd about it.
    pub(in crate::web) oddities: Vec<String>,
}

/// One column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct FieldView {
    /// The column.
    pub(in crate::web) name: Cell,
    /// How it stands.
    pub(in crate::web) now: Cell,
    /// What the call makes of it, where that is something else.
    pub(in crate::web) then: Option<Cell>,
}

/// A value, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Side {
    /// `12.50 USD`
    pub(in crate::web) human: Option<String>,
    /// As the service has it.
    pub(in crate::web) cell: Cell,
}

impl FindingsView {
    /// What stands on the page; nothing where there was nothing to look up.
    pub(super) fn new(findings: &Findings, now: Millis) -> Option<Self> {
        let all: Vec<_> = findings.all.iter().map(FindingView::new).collect();
        (!all.is_empty()).then(|| Self { at: When::new(findings.at, now), all })
    }
}

impl FindingView {
    fn new(finding: &Finding) -> Self {
        let (facts, problem) = match &finding.found {
            Found::Facts { shown, .. } => (shown.iter().map(FactView::new).collect(), None),
            Found::Problem(problem) => (Vec::new(), Some(Cell::line(problem))),
        };
        Self { name: finding.name.clone(), source: finding.source.clone(), facts, problem }
    }
}

impl FactView {
    fn new(fact: &Fact) -> Self {
        let side = |value: &Value, human| Side { human, cell: cell(value) };
        Self {
            label: Cell::line(&fact.label),
            now: side(&fact.value, fact.human()),
            then: fact.then.as_ref().map(|then| side(then, fact.human_then())),
            fields: fields(&fact.value, fact.then.as_ref()),
            oddities: fact.value.as_str().map(letters::oddities).unwrap_or_default(),
        }
    }
}

/// The columns of a row. None where it is no row, or becomes something else than one.
fn fields(value: &Value, then: Option<&Value>) -> Vec<FieldView> {
    let (Some(row), true) = (value.as_object(), then.is_none_or(Value::is_object)) else { return Vec::new() };
    if row.values().chain(then.and_then(Value::as_object).into_iter().flat_map(Map::values)).any(is_nested) {
        return Vec::new();
    }
    let becomes = |name: &String| then.and_then(|then| then.get(name));
    let known = row.iter().map(|(name, now)| FieldView {
        name: Cell::line(name),
        now: cell(now),
        then: becomes(name).filter(|then| *then != now).map(cell),
    });
    let new = then.and_then(Value::as_object).into_iter().flatten().filter(|(name, _)| !row.contains_key(*name));
    let new =
        new.map(|(name, then)| FieldView { name: Cell::line(name), now: cell(&Value::Null), then: Some(cell(then)) });
    known.chain(new).collect()
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => pretty(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::findings::tests::charge;

    #[test]
    fn a_row_stands_column_by_column_and_only_what_changes_becomes_something() {
        let (now, then) = (json!({"id": 7, "name": "Ann"}), json!({"id": 7, "name": "Bob\u{202e}"}));
        let shown = |fields: Vec<FieldView>| -> Vec<(String, String, Option<String>)> {
            fields.iter().map(|one| (one.name.plain(), one.now.plain(), one.then.as_ref().map(Cell::plain))).collect()
        };
        let text = str::to_owned;
        assert_eq!(
            shown(fields(&now, Some(&then))),
            [(text("id"), text("7"), None), (text("name"), text("\"Ann\""), Some(text("\"Bob⟨U+202E⟩\"")))]
        );
        assert_eq!(shown(fields(&now, None)).len(), 2);
        assert!(fields(&json!({"a": [1]}), None).is_empty() && fields(&json!("x"), None).is_empty());
    }

    #[test]
    fn t170_a_fact_stands_in_human_units_and_raw() {
        assert_eq!(FindingsView::new(&Findings { at: 0, all: Vec::new() }, 1), None);
        let view = FindingsView::new(&charge(700), 61_001).unwrap();
        assert_eq!(view.at.from_now, "1 minute ago");
        let facts: Vec<_> = view.all[0]
            .facts
            .iter()
            .map(|fact| (fact.label.plain(), fact.now.human.clone(), fact.now.cell.plain()))
            .collect();
        let usd = |text: &str| Some(text.to_owned());
        assert_eq!(facts[0], ("Charged".to_owned(), usd("50.00 USD"), "5000".to_owned()));
        assert_eq!(facts[1], ("Refunded before".to_owned(), usd("7.00 USD"), "700".to_owned()));
        assert_eq!(facts[3], ("For".to_owned(), None, "\"x⟨U+202E⟩y\"".to_owned()));
        assert_eq!(view.all[1].problem.as_ref().map(Cell::plain), Some("`stripe` answered 404".to_owned()));
    }
}
