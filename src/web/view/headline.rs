//! What happens, in the manifest's words, with values that others chose in cells of their own.

use std::collections::BTreeMap;

use super::cell::Cell;
use crate::{
    canonical,
    catalog::Tool,
    findings::Findings,
    gateway::{Word, currencies as named, headline as words},
    plan::Plan,
};

/// A part of the headline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum HeadlineWord {
    /// The manifest's own, or money in human units: nobody else wrote it.
    Plain(String),
    /// Somebody else's.
    Value(Cell),
}

/// The headline of a plan; empty where something in it is not known.
pub(super) fn headline(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> Vec<HeadlineWord> {
    let word = |word: Word| match word {
        Word::Text(text) | Word::Money(text) => HeadlineWord::Plain(text),
        Word::Value(value) => HeadlineWord::Value(match value.as_str() {
            Some(text) => Cell::text(text),
            None => Cell::line(&canonical::text(&value)),
        }),
        Word::Name(name) => HeadlineWord::Value(Cell::line(&name)),
    };
    words(tool, plan, findings).into_iter().flatten().map(word).collect()
}

/// The currencies of amounts that the request does not name, and what was looked up does: `amount` is in `eur`.
pub(super) fn currencies(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> BTreeMap<String, String> {
    named(tool, plan, findings).map(|(amount, currency)| (amount.to_owned(), currency.to_owned())).collect()
}
