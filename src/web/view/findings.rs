//! What was looked up before a human decides, line by line: how it stands, and what the call would make of it.

use serde_json::Value;

use super::{
    cell::Cell,
    fields::{FieldView, cell, fields},
    letters,
    when::When,
};
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
    /// Part by part, where it has parts: then these stand instead of both sides.
    pub(in crate::web) fields: Vec<FieldView>,
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
    /// What stands on the page; nothing where there was nothing to look up.
    pub(super) fn new(findings: &Findings, now: Millis) -> Option<Self> {
        let all: Vec<_> = findings.all.iter().map(FindingView::new).collect();
        (!all.is_empty()).then(|| Self { at: When::new(findings.at, now), all })
    }

    /// Does it say what becomes of something? Then it is read before the arguments, which only say what is wanted.
    pub(in crate::web) fn is_change(&self) -> bool {
        self.all.iter().flat_map(|finding| &finding.facts).any(FactView::is_change)
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
    /// Does the call make something of it?
    fn is_change(&self) -> bool {
        self.then.is_some() || self.fields.iter().any(|field| field.then.is_some())
    }

    /// The class in the style sheet: what is read part by part takes the whole width.
    pub(in crate::web) fn class(&self) -> &'static str {
        if self.fields.is_empty() { "fact" } else { "fact whole" }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::tests::charge;

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
