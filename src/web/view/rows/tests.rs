use std::collections::BTreeMap;

use askama::Template as _;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{canonical, catalog::Place};

fn param(name: &str, ty: Type) -> Param {
    Param { description: format!("The {name}."), ..Param::plain(name, Place::Body, ty) }
}

fn string() -> Type {
    Type::String { pattern: None, choices: None, min_length: None, max_length: 100_000 }
}

fn integer() -> Type {
    Type::Integer { min: None, max: None, choices: None }
}

fn refund() -> Vec<Param> {
    vec![
        param("charge", string()),
        Param {
            unit: Some(Unit::Minor),
            absent: Some(json!("everything not yet refunded")),
            ..param("amount", integer())
        },
        param("reason", string()),
        param("metadata", Type::Map { values: Box::new(param("metadata", string())), max_items: 50 }),
    ]
}

/// Rows as `path = value`, marks behind.
fn told(params: &[Param], arguments: &Value, given: &Value) -> Vec<String> {
    let rows = rows(params, arguments.as_object().unwrap(), given.as_object().unwrap(), &BTreeMap::new());
    rows.iter()
        .map(|row| {
            let value = match &row.shown {
                Shown::Value { cell, default: true } => format!("{} default", cell.plain()),
                Shown::Value { cell, default: false } => cell.plain(),
                Shown::Money { human, cell } => format!("{human} ({})", cell.plain()),
                Shown::Minor { cell, unit } => format!("{} {unit}", cell.plain()),
                Shown::Assumed { words, .. } => format!("not given: vendor assumes {words}"),
            };
            format!("{} = {value}", row.path.plain())
        })
        .collect()
}

#[test]
fn t170_money_is_shown_in_human_units_and_raw() {
    let mut charge = vec![Param { unit: Some(Unit::Minor), ..param("amount", integer()) }, param("currency", string())];
    let arguments = json!({"amount": 1250, "currency": "usd"});
    assert_eq!(told(&charge, &arguments, &arguments), ["amount = 12.50 USD (1250)", "currency = \"usd\""]);
    let arguments = json!({"amount": 1250, "currency": "isk"});
    assert_eq!(told(&charge, &arguments, &arguments)[0], "amount = 1250 in the currency's smallest unit");
    let arguments = json!({"amount": 500});
    assert_eq!(told(&refund(), &arguments, &arguments), ["amount = 500 in the charge's smallest unit"]);
    // the currency of an enclosing object holds for what is in it
    charge.push(param(
        "parts",
        Type::Array {
            items: Box::new(param(
                "parts",
                Type::Object { fields: vec![Param { unit: Some(Unit::Minor), ..param("amount", integer()) }] },
            )),
            min_items: None,
            max_items: 9,
        },
    ));
    let arguments = json!({"amount": 1, "currency": "jpy", "parts": [{"amount": 7}]});
    assert_eq!(told(&charge, &arguments, &arguments)[2], "parts[1].amount = 7 JPY (7)");
}

#[test]
fn every_leaf_has_its_path_and_its_marks() {
    let arguments =
        json!({"charge": "ch_1", "reason": "duplicate", "metadata": {"a\"]": "1", "b.c": "", "\u{200B}": "x"}});
    let given = json!({"charge": "ch_1", "metadata": {"a\"]": "1", "b.c": "", "\u{200B}": "x"}});
    assert_eq!(
        told(&refund(), &arguments, &given),
        [
            "charge = \"ch_1\"",
            "amount = not given: vendor assumes everything not yet refunded",
            "reason = \"duplicate\" default",
            "metadata[\"a\\\"]\"] = \"1\"",
            "metadata[\"b.c\"] = \"\"",
            "metadata[\"⟨U+200B⟩\"] = \"x\"",
        ]
    );
    assert_eq!(not_given(&refund(), arguments.as_object().unwrap()), Vec::<String>::new());
    assert_eq!(not_given(&refund(), json!({"charge": "ch_1"}).as_object().unwrap()), ["reason", "metadata"]);
}

#[test]
fn what_is_not_text_is_never_in_quotes() {
    let arguments = json!({"charge": "empty list", "metadata": {}, "x": [], "y": null, "z": "null"});
    assert_eq!(
        told(&refund(), &arguments, &arguments),
        [
            "charge = \"empty list\"",
            "amount = not given: vendor assumes everything not yet refunded",
            "metadata = empty object",
            "[\"x\"] = empty list",
            "[\"y\"] = null",
            "[\"z\"] = \"null\"",
        ]
    );
}

#[test]
fn t166_t171_long_values_are_whole() {
    let long = "x".repeat(40_000);
    let arguments = json!({"charge": long});
    assert_eq!(told(&refund(), &arguments, &arguments)[0], format!("charge = \"{long}\""));
}

#[derive(askama::Template)]
#[template(path = "rows.html")]
struct Block {
    rows: Vec<Row>,
}

fn block(arguments: &Map<String, Value>) -> String {
    let params = [
        param("a", string()),
        Param { absent: Some(json!("a")), ..param("b", integer()) },
        param("c", Type::Object { fields: vec![param("d", string()), param("e", string())] }),
    ];
    Block { rows: rows(&params, arguments, arguments, &BTreeMap::new()) }.render().unwrap()
}

/// Values that try to pass for one another, each against each in the same place.
#[test]
fn t168_look_alikes_never_look_the_same() {
    let values = [
        json!(null),
        json!("null"),
        json!(true),
        json!("true"),
        json!(1),
        json!("1"),
        json!("\"1\""),
        json!(""),
        json!("\""),
        json!([]),
        json!("empty list"),
        json!({}),
        json!("empty object"),
        json!([1]),
        json!(["1"]),
        json!([1, 2]),
        json!("1, 2"),
        json!([[1], 2]),
        json!([[1, 2]]),
        json!({"1": 1}),
        json!({"a": 1}),
        json!({"a": "1"}),
        json!({"\"a\"": 1}),
        json!({"a\u{200B}": 1}),
        json!({"a": {"b": 1}}),
        json!({"a.b": 1}),
        json!({"a\"][\"b": 1}),
        json!(" "),
        json!("  "),
        json!("⟨U+0020⟩"),
        json!("a\nb"),
        json!("a⟨U+000A⟩\nb"),
        json!("a\u{202E}b"),
        json!("a⟨U+202E⟩b"),
        json!("a default"),
        json!("not given: vendor assumes a"),
        json!("<b>"),
        json!("&#60;b&#62;"),
        json!("&lt;b&gt;"),
        json!(1.5),
        json!("1.5"),
    ];
    let shown: Vec<String> = values.iter().map(|value| block(json!({"f": value}).as_object().unwrap())).collect();
    for (index, one) in shown.iter().enumerate() {
        for (other_index, other) in shown.iter().enumerate().skip(index + 1) {
            assert_ne!(one, other, "{} {}", values[index], values[other_index]);
        }
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        "[ab\"\\\\\\]\\[. \n⟨⟩<&1\u{202E}\u{200B}]{0,5}".prop_map(Value::from),
        Just(json!("not given: vendor assumes a")),
        Just(json!("empty list")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abde.\"\\]1\u{200B}]{0,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn arguments() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-f]", value(), 0..3).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// I11: two different requests never give the same material block, not even as bare text without our markup.
    #[test]
    fn two_requests_never_look_the_same(a in arguments(), b in arguments()) {
        if canonical::object_text(&a) != canonical::object_text(&b) {
            prop_assert_ne!(block(&a), block(&b));
        }
    }

    /// The same of requests that differ in one place only.
    #[test]
    fn t169_one_change_is_always_seen(mut a in arguments(), key in "[a-f]", other in value()) {
        let before = block(&a);
        if a.get(&key) != Some(&other) {
            a.insert(key, other);
            prop_assert_ne!(before, block(&a));
        }
    }

    /// T148: whatever the values are, the markup is ours.
    #[test]
    fn values_never_become_markup(text in "[<>&\"'/a-wyz=!-]{0,40}") {
        // (without `x` no text is punycode, which has a badge of ours)
        let html = block(json!({"a": text}).as_object().unwrap());
        let ours = block(json!({"a": ""}).as_object().unwrap());
        prop_assert_eq!(html.matches('<').count(), ours.matches('<').count());
    }
}
