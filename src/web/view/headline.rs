//! What happens, in the manifest's words, with values that others chose in cells of their own.

use std::collections::BTreeMap;

use super::{cell::Cell, letters};
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

/// What is odd about the values in it, once each: who reads no further is warned here.
pub(super) fn oddities(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words(tool, plan, findings).into_iter().flatten() {
        let odd = match &word {
            Word::Text(_) | Word::Money(_) => Vec::new(),
            Word::Value(value) => value.as_str().map(letters::oddities).unwrap_or_default(),
            Word::Name(name) => letters::oddities(name),
        };
        for one in odd {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

/// The currencies of amounts that the request does not name, and what was looked up does: `amount` is in `eur`.
pub(super) fn currencies(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> BTreeMap<String, String> {
    named(tool, plan, findings).map(|(amount, currency)| (amount.to_owned(), currency.to_owned())).collect()
}
