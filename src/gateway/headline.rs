//! What a call does, in the words of its manifest, with values out of its arguments and of what was looked up.

mod statement;

use serde_json::Value;

use crate::{
    canonical,
    catalog::{
        Tool,
        ask::{Path, Piece},
    },
    findings::Findings,
    money,
    plan::Plan,
    visible::visible,
};

/// A part of a headline.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// The manifest's own.
    Text(String),
    /// Money in human units.
    Money(String),
    /// A value that somebody else chose.
    Value(Value),
    /// A name that somebody else chose, as it stands in a statement.
    Name(String),
}

/// The headline of a plan. `None` where the tool has none, or something in it is not known: half a sentence misleads.
pub fn headline(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> Option<Vec<Word>> {
    if tool.executes_statements() {
        return Some(statement::words(&tool.statement(plan.arguments())?, findings));
    }
    if tool.ask.headline.is_empty() {
        return None;
    }
    let value = |path: &Path| value(path, plan, findings);
    let words = tool.ask.headline.iter().map(|piece| match piece {
        Piece::Text(text) => Some(Word::Text(text.clone())),
        Piece::Value(path) => value(path).cloned().map(Word::Value),
        Piece::Money { amount, currency } => {
            let amount = value(amount)?;
            let human = money::human(i128::from(amount.as_i64()?), value(currency)?.as_str()?);
            Some(human.map_or_else(|| Word::Value(amount.clone()), Word::Money))
        }
    });
    words.collect()
}

/// The amounts that a headline names, and the currencies that they are in, as far as those are known: `amount`, `eur`.
pub fn currencies<'a>(
    tool: &'a Tool,
    plan: &'a Plan,
    findings: Option<&'a Findings>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    tool.ask.headline.iter().filter_map(move |piece| match piece {
        Piece::Money { amount: Path::Argument(amount), currency } => {
            Some((amount.as_str(), value(currency, plan, findings)?.as_str()?))
        }
        Piece::Money { amount: Path::Fact { .. }, .. } | Piece::Text(_) | Piece::Value(_) => None,
    })
}

/// The headline as one line, nothing in it hidden.
pub fn headline_text(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> Option<String> {
    let words = headline(tool, plan, findings)?.into_iter().map(|word| match word {
        Word::Text(text) | Word::Money(text) => text,
        Word::Value(Value::String(text)) => visible(&text),
        Word::Name(name) => visible(&name),
        Word::Value(other) => visible(&canonical::text(&other)),
    });
    Some(words.collect())
}

fn value<'a>(path: &Path, plan: &'a Plan, findings: Option<&'a Findings>) -> Option<&'a Value> {
    match path {
        Path::Argument(path) => plan.arguments().given(path).into_iter().next(),
        Path::Fact { of, at } => findings?.value(&format!("{of}.{at}")).filter(|value| !value.is_null()),
    }
}
