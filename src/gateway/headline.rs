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

/// The headline of a plan: the first of the tool's of which all is known. `None` where there is none, as half a sentence
/// misleads.
pub fn headline(tool: &Tool, plan: &Plan, findings: Option<&Findings>) -> Option<Vec<Word>> {
    if tool.executes_statements() {
        return Some(statement::words(&tool.statement(plan.arguments())?, findings));
    }
    // a sentence about what is absent is never said of what was given
    let holds =
        |without: &Option<String>| without.as_deref().is_none_or(|without| plan.arguments().given(without).is_empty());
    let otherwise = tool.ask.otherwise.iter().filter(|other| holds(&other.without)).map(|other| &other.headline);
    [&tool.ask.headline].into_iter().chain(otherwise).find_map(|pieces| sentence(pieces, plan, findings))
}

/// `None` where something in it is not known.
fn sentence(pieces: &[Piece], plan: &Plan, findings: Option<&Findings>) -> Option<Vec<Word>> {
    if pieces.is_empty() {
        return None;
    }
    let value = |path: &Path| value(path, plan, findings);
    let words = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => Some(Word::Text(text.clone())),
        Piece::Value(path) => value(path).cloned().map(Word::Value),
        Piece::Money { amount, less, currency } => {
            let mut minor = value(amount)?.as_i64()?;
            if let Some(less) = less {
                minor = minor.checked_sub(value(less)?.as_i64()?).filter(|left| *left >= 0)?;
            }
            let human = money::human(i128::from(minor), value(currency)?.as_str()?);
            Some(human.map_or_else(|| Word::Value(Value::from(minor)), Word::Money))
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
        Piece::Money { amount: Path::Argument(amount), currency, .. } => {
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use serde_json::json;

    use super::*;
    use crate::{
        account::{Account, Environment, Identity, Origin},
        call::{Call, Caller},
        catalog::Catalog,
    };

    fn said(catalog: &Catalog, tool: &str, arguments: &Value, facts: &Value) -> Option<String> {
        let tool = catalog.find(tool).unwrap();
        let account = Account {
            integration: tool.integration.id.clone(),
            name: "default".to_owned(),
            id: "acc_1".to_owned(),
            origin: Origin::parse("https://api.example.com", false).unwrap(),
            environment: Environment::Production,
            identity: Identity::default(),
            settings: BTreeMap::new(),
            connected_at: 0,
        };
        let caller = Caller::parse("claude").unwrap();
        let call = Call::parse(tool, arguments.as_object().unwrap().clone(), &caller, &[Arc::new(account)]).unwrap();
        let findings = Findings::supposed(facts.as_object().unwrap());
        headline_text(tool, &Plan::build(&call).unwrap(), Some(&findings))
    }

    #[test]
    fn t170_an_absent_amount_is_said_in_money_and_a_given_one_is_never_called_all() {
        let catalog = Catalog::built_in();
        let charge = json!({"id": "ch_1", "amount": 5000, "amount_refunded": 700, "currency": "eur"});
        let yen = json!({"id": "ch_1", "amount": 5000, "amount_refunded": 0, "currency": "jpy"});
        let more = json!({"id": "ch_1", "amount": 5000, "amount_refunded": 5001, "currency": "eur"});
        let ann = json!({"email": "ann@example.com"});
        let intent = json!({"amount_capturable": 5000, "currency": "eur"});
        let team = "3f0c4f5e-7a54-4f29-9d0c-0e1f2a3b4c5d";
        let (refund, capture, label) =
            ("stripe_create_refund", "stripe_capture_payment_intent", "linear_create_issue_label");
        for (tool, arguments, facts, line) in [
            (
                refund,
                json!({"charge": "ch_1"}),
                json!({"charge": charge, "customer": ann}),
                Some("Refund all that is left: 43.00 EUR to ann@example.com"),
            ),
            // a guest is no customer
            (
                refund,
                json!({"charge": "ch_1"}),
                json!({"charge": charge}),
                Some("Refund all that is left: 43.00 EUR of ch_1"),
            ),
            (
                refund,
                json!({"payment_intent": "pi_1"}),
                json!({"charge": yen}),
                Some("Refund all that is left: 5,000 JPY of ch_1"),
            ),
            (refund, json!({"charge": "ch_1"}), json!({}), Some("Refund all that is left of the charge ch_1")),
            (refund, json!({"payment_intent": "pi_1"}), json!({}), Some("Refund all that is left of the payment pi_1")),
            // less than nothing is left of no charge
            (
                refund,
                json!({"charge": "ch_1"}),
                json!({"charge": more}),
                Some("Refund all that is left of the charge ch_1"),
            ),
            (
                refund,
                json!({"charge": "ch_1", "amount": 1500}),
                json!({"charge": charge, "customer": ann}),
                Some("Refund 15.00 EUR to ann@example.com"),
            ),
            (
                refund,
                json!({"charge": "ch_1", "amount": 1500}),
                json!({"charge": charge}),
                Some("Refund 15.00 EUR of ch_1"),
            ),
            (refund, json!({"charge": "ch_1", "amount": 1500}), json!({}), None),
            (
                capture,
                json!({"payment_intent": "pi_1"}),
                json!({"intent": intent}),
                Some("Take all that is reserved: 50.00 EUR"),
            ),
            (capture, json!({"payment_intent": "pi_1"}), json!({}), Some("Take all that is reserved by pi_1")),
            (
                capture,
                json!({"payment_intent": "pi_1", "amount_to_capture": 2000}),
                json!({"intent": intent}),
                Some("Take 20.00 EUR of 50.00 EUR that are reserved"),
            ),
            (
                capture,
                json!({"payment_intent": "pi_1", "amount_to_capture": 2000}),
                json!({}),
                Some("Capture the payment pi_1"),
            ),
            (label, json!({"name": "bug"}), json!({}), Some("Create the label bug for the whole workspace")),
            (
                label,
                json!({"name": "bug", "team_id": team}),
                json!({}),
                Some("Create the label bug for the team 3f0c4f5e-7a54-4f29-9d0c-0e1f2a3b4c5d"),
            ),
        ] {
            assert_eq!(said(&catalog, tool, &arguments, &facts).as_deref(), line, "{arguments} {facts}");
        }
    }
}
