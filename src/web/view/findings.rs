//! What was looked up before a human decides, line by line: how it stands, and what the call would make of it.

use serde_json::Value;

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
    /// What is odd about it.
    pub(in crate::web) oddities: Vec<String>,
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
    /// What stands on the page.
    pub(super) fn new(findings: &Findings, now: Millis) -> Self {
        Self { at: When::new(findings.at, now), all: findings.all.iter().map(FindingView::new).collect() }
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
            oddities: fact.value.as_str().map(letters::oddities).unwrap_or_default(),
        }
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => pretty(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::tests::charge;

    #[test]
    fn t170_a_fact_stands_in_human_units_and_raw() {
        let view = FindingsView::new(&charge(700), 61_001);
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
