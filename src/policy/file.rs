//! The policy file as it is written: which keys stand where, with which kind of TOML value and at which bytes.
//! What the words mean is decided in [`super::compile`]. Every key that is not known is a problem (T091).

use std::ops::Range;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    selector::did_you_mean,
    value::{Text, json, members, owned, text, texts, ticked},
};
use crate::diagnostic::Source;

/// A whole file.
#[derive(Default)]
pub(super) struct RawPolicy<'t> {
    pub defaults: Vec<(Text, Text)>,
    pub tools: Vec<(Text, Text)>,
    pub rules: Vec<RawRule<'t>>,
    pub tests: Vec<RawTest>,
}

/// One `[[rule]]`.
pub(super) struct RawRule<'t> {
    pub span: Range<usize>,
    pub id: Option<Text>,
    pub tools: Option<Vec<Text>>,
    pub conditions: Vec<(Text, Spanned<DeValue<'t>>)>,
    pub decision: Option<Text>,
    pub caller: Option<Vec<Text>>,
    pub account: Option<Vec<Text>>,
    pub environment: Option<Vec<Text>>,
    pub expires: Option<Text>,
    pub approve: Option<Text>,
    pub approvers: Option<Spanned<i64>>,
    pub answer_within: Option<Text>,
    pub limit: Option<Spanned<DeValue<'t>>>,
    pub floor: Option<Spanned<Value>>,
    pub reason: Option<Text>,
}

/// One `[[test]]`.
pub(super) struct RawTest {
    pub span: Range<usize>,
    pub call: Option<Text>,
    pub caller: Option<Text>,
    pub account: Option<Text>,
    pub environment: Option<Text>,
    pub args: Option<Spanned<Value>>,
    pub facts: Option<Spanned<Value>>,
    pub expect: Option<Text>,
}

const RULE_KEYS: [&str; 14] = [
    "id",
    "tools",
    "where",
    "decision",
    "caller",
    "account",
    "env",
    "expires",
    "approve",
    "approvers",
    "answer_within",
    "limit",
    "floor",
    "reason",
];
/// Keys of the contract that a later release reads. Ignoring one would loosen what its owner wrote.
const LATER: [&str; 2] = ["grant", "grants"];

/// Reads the text of `source`. `None` where it is not even TOML.
pub(super) fn read<'t>(source: &mut Source<'t>) -> Option<RawPolicy<'t>> {
    let table = match DeTable::parse(source.text()) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            source.problem(error.span().unwrap_or(0..0), error.message(), None);
            return None;
        }
    };
    let mut raw = RawPolicy::default();
    let mut schema = false;
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "schema" => {
                schema = true;
                if json(source, value.clone()) != Some(Value::from(1)) {
                    source.problem(value.span(), "`schema` must be 1", "write `schema = 1`".to_owned());
                }
            }
            "defaults" => raw.defaults = pairs(source, "defaults", value),
            "tools" => raw.tools = pairs(source, "tools", value),
            "rule" => raw.rules = tables(source, "rule", value, rule),
            "test" => raw.tests = tables(source, "test", value, test),
            name => unknown_key(source, key.span(), name, &["schema", "defaults", "tools", "rule", "test"]),
        }
    }
    if !schema {
        source.problem_of_file("the file does not begin with `schema = 1`", "add it as the first line".to_owned());
    }
    Some(raw)
}

fn rule<'t>(source: &mut Source<'_>, span: Range<usize>, table: DeTable<'t>) -> RawRule<'t> {
    let mut raw = RawRule {
        span,
        id: None,
        tools: None,
        conditions: Vec::new(),
        decision: None,
        caller: None,
        account: None,
        environment: None,
        expires: None,
        approve: None,
        approvers: None,
        answer_within: None,
        limit: None,
        floor: None,
        reason: None,
    };
    missing(
        source,
        &raw.span,
        &table,
        &[
            ("id", "give it a name for logs and denials: `id = \"small-refunds\"`"),
            ("tools", "say which tools: `tools = [\"stripe.create_refund\"]`"),
            ("decision", "say `decision = \"allow\"`, `\"ask\"` or `\"deny\"`"),
        ],
    );
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "id" => raw.id = text(source, "id", value),
            "tools" => raw.tools = texts(source, "tools", value),
            "where" => {
                let span = value.span();
                if let Some(table) = members(source, "where", value) {
                    if table.is_empty() {
                        source.problem(span, "`where` has no condition", "add one, or remove the key".to_owned());
                    }
                    raw.conditions = table.into_iter().map(|(key, value)| (owned(&key), value)).collect();
                }
            }
            "decision" => raw.decision = text(source, "decision", value),
            "caller" => raw.caller = texts(source, "caller", value),
            "account" => raw.account = texts(source, "account", value),
            "env" => raw.environment = texts(source, "env", value),
            "expires" => raw.expires = time(source, value),
            "approve" => raw.approve = text(source, "approve", value),
            "approvers" => {
                let span = value.span();
                // what is no whole number is none of people either
                let number = json(source, value).map(|number| number.as_i64().unwrap_or(0));
                raw.approvers = number.map(|number| Spanned::new(span, number));
            }
            "limit" => raw.limit = Some(value),
            "floor" => {
                let span = value.span();
                raw.floor = json(source, value).map(|floor| Spanned::new(span, floor));
            }
            "answer_within" => raw.answer_within = text(source, "answer_within", value),
            "reason" => raw.reason = text(source, "reason", value),
            name => unknown_key(source, key.span(), name, &RULE_KEYS),
        }
    }
    raw
}

fn test(source: &mut Source<'_>, span: Range<usize>, table: DeTable<'_>) -> RawTest {
    let mut raw = RawTest {
        span,
        call: None,
        caller: None,
        account: None,
        environment: None,
        args: None,
        facts: None,
        expect: None,
    };
    missing(
        source,
        &raw.span,
        &table,
        &[
            ("call", "say which tool is called: `call = \"stripe.create_refund\"`"),
            ("expect", "say `expect = \"allow\"`, `\"ask\"` or `\"deny\"`"),
        ],
    );
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "call" => raw.call = text(source, "call", value),
            "caller" => raw.caller = text(source, "caller", value),
            "account" => raw.account = text(source, "account", value),
            "env" => raw.environment = text(source, "env", value),
            "args" => {
                let span = value.span();
                raw.args = json(source, value).map(|args| Spanned::new(span, args));
            }
            "facts" => {
                let span = value.span();
                raw.facts = json(source, value).map(|facts| Spanned::new(span, facts));
            }
            "expect" => raw.expect = text(source, "expect", value),
            name => {
                unknown_key(source, key.span(), name, &["call", "caller", "account", "env", "args", "facts", "expect"]);
            }
        }
    }
    raw
}

fn missing(source: &mut Source<'_>, span: &Range<usize>, table: &DeTable<'_>, needed: &[(&str, &str)]) {
    for (key, help) in needed.iter().filter(|(key, _)| !table.contains_key(*key)) {
        source.problem(span.clone(), format!("`{key}` is missing"), (*help).to_owned());
    }
}

/// Notes a key that nothing reads.
pub(super) fn unknown_key(source: &mut Source<'_>, span: Range<usize>, name: &str, known: &[&str]) {
    if LATER.contains(&name) {
        source.problem(
            span,
            format!("`{name}` is not available yet"),
            "remove it; a later release reads it".to_owned(),
        );
    } else {
        let help = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("the keys here are {}", ticked(known.iter())));
        source.problem(span, format!("unknown key `{name}`"), help);
    }
}

fn pairs(source: &mut Source<'_>, key: &str, value: Spanned<DeValue<'_>>) -> Vec<(Text, Text)> {
    let Some(table) = members(source, key, value) else { return Vec::new() };
    let mut pairs = Vec::new();
    for (key, value) in table {
        // `stripe.create_refund = …` without quotes is a table `stripe` in TOML
        if value.get_ref().is_table() {
            let message = format!("`{}` must be \"allow\", \"ask\" or \"deny\", not a table", key.get_ref());
            source.problem(key.span(), message, "a name with a dot stands in double quotes".to_owned());
        } else if let Some(text) = text(source, key.get_ref(), value) {
            pairs.push((owned(&key), text));
        }
    }
    pairs
}

fn tables<'t, T>(
    source: &mut Source<'_>,
    key: &str,
    value: Spanned<DeValue<'t>>,
    read: impl Fn(&mut Source<'_>, Range<usize>, DeTable<'t>) -> T,
) -> Vec<T> {
    let span = value.span();
    let DeValue::Array(array) = value.into_inner() else {
        source.problem(span, format!("`{key}` must be a list of tables"), format!("write it as `[[{key}]]`"));
        return Vec::new();
    };
    let mut all = Vec::new();
    for element in array {
        let span = element.span();
        if let Some(table) = members(source, key, element) {
            all.push(read(source, span, table));
        }
    }
    all
}

/// TOML's own times are as good as quoted ones.
fn time(source: &mut Source<'_>, value: Spanned<DeValue<'_>>) -> Option<Text> {
    match value.get_ref() {
        DeValue::Datetime(time) => Some(Spanned::new(value.span(), time.to_string())),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => text(source, "expires", value),
    }
}
