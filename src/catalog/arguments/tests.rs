use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::{Catalog, Effect, schema::input_schema, tests::everything};

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

fn built_in(name: &str) -> Arc<Tool> {
    Arc::clone(BUILT_IN.find(name).unwrap())
}

fn parsed(tool: &Tool, given: Value) -> Result<Value, Vec<(String, String)>> {
    let Value::Object(given) = given else { panic!("not an object") };
    let parsed = parse_arguments(tool, &given).map(Value::Object);
    parsed.map_err(|problems| problems.into_iter().map(|problem| (problem.at, problem.message)).collect())
}

/// The one problem of a refund with this amount.
fn amount(amount: &Value) -> Option<String> {
    let refund = built_in("stripe_create_refund");
    match parsed(&refund, json!({"charge": "ch_1", "amount": amount})) {
        Ok(_) => None,
        Err(problems) => {
            let [(at, message)] = <[_; 1]>::try_from(problems).unwrap();
            assert_eq!(at, "/amount");
            Some(message)
        }
    }
}

#[test]
fn every_problem_is_said_at_once_with_its_place() {
    let tool = built_in("stripe_create_refund");
    let given = json!({"amuont": 5, "amount": "5", "reason": "because", "metadata": {"a b": "x", "c": 1}});
    let problems = parsed(&tool, given).unwrap_err();
    let expected = [
        ("", "at least one of `charge`, `payment_intent` must be given"),
        ("/amount", "must be a whole number, not a string"),
        ("/amuont", "unknown argument; did you mean `amount`?"),
        ("/metadata/a b", "must have a name of at most 40 letters, digits, `_` and `-`"),
        ("/metadata/c", "must be a string, not a number"),
        ("/reason", "must be one of `duplicate`, `fraudulent`, `requested_by_customer`"),
    ];
    assert_eq!(problems, expected.map(|(at, message)| (at.to_owned(), message.to_owned())));
}

/// To take somebody off is to change something; what takes no null is not given by one.
#[test]
fn a_null_that_is_a_value_is_given() {
    let tool = built_in("linear_update_issue");
    let unassigned = json!({"issue": "ENG-1", "assignee_id": null});
    assert_eq!(parsed(&tool, unassigned.clone()), Ok(unassigned));
    let message = |given| parsed(&tool, given).unwrap_err().into_iter().map(|(at, _)| at).collect::<Vec<_>>();
    assert_eq!(message(json!({"issue": "ENG-1"})), [""]);
    assert_eq!(message(json!({"issue": "ENG-1", "title": null})), ["/title"]);
}

#[test]
fn t027_an_integer_is_written_in_one_way() {
    for text in ["1.0", "1e0", "10e-1", "0.1e1", "100.5"] {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(amount(&value).as_deref(), Some("must be a whole number written without a fraction"), "{text}");
    }
    assert_eq!(amount(&json!(1)), None);
}

#[test]
fn t028_integers_are_exact_or_refused() {
    let refund = built_in("stripe_create_refund");
    let exact = json!({"charge": "ch_1", "amount": 9_007_199_254_740_993_i64});
    assert_eq!(parsed(&refund, exact.clone()), Ok(exact));
    for text in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "-9223372036854775809",
    ] {
        assert!(amount(&serde_json::from_str(text).unwrap()).is_some(), "{text}");
    }
}

#[test]
fn t029_no_silent_rounding() {
    for text in ["-0", "-0.0", "1e-400", "100.0000000000000000001"] {
        assert!(amount(&serde_json::from_str(text).unwrap()).is_some(), "{text}");
    }
}

#[test]
fn t030_nothing_is_coerced() {
    for (value, kind) in [
        (json!("100"), "a string"),
        (json!("1e2"), "a string"),
        (json!(" 100"), "a string"),
        (json!("١٠٠"), "a string"),
        (json!(true), "true or false"),
        (json!([100]), "a list"),
        (json!({}), "an object"),
        (json!(null), "null"),
    ] {
        assert_eq!(amount(&value), Some(format!("must be a whole number, not {kind}")));
    }
    assert_eq!(amount(&json!(0)), Some("must be at least 1".to_owned()));
}

#[test]
fn t031_unknown_names_are_refused() {
    let tool = built_in("stripe_get_customer");
    for name in
        ["Customer", "customer ", "__proto__", "constructor", "customer\u{200b}", "x-http-method-override", "_method"]
    {
        let given = json!({"customer": "cus_1", name: "x"});
        let problems = parsed(&tool, given).unwrap_err();
        assert_eq!(problems.len(), 1, "{name}");
        assert!(problems[0].1.starts_with("unknown argument; "), "{problems:?}");
    }
}

#[test]
fn t032_null_missing_empty_and_default_are_four_things() {
    let tool = everything("json");
    let with = |extra: Value| {
        let mut given = json!({"id": 1, "branch": "main"});
        given.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        parsed(&tool, given)
    };
    assert_eq!(with(json!({})), Ok(json!({"id": 1, "branch": "main", "page": 1})));
    assert_eq!(with(json!({"flag": null})), Ok(json!({"id": 1, "branch": "main", "page": 1, "flag": null})));
    assert_eq!(with(json!({"nested": {}})), Ok(json!({"id": 1, "branch": "main", "page": 1, "nested": {"size": 7}})));
    assert_eq!(
        with(json!({"page": null})),
        Err(vec![("/page".to_owned(), "must be a whole number, not null".to_owned())])
    );
    assert_eq!(with(json!({"ratio": 2.0})), Ok(json!({"id": 1, "branch": "main", "page": 1, "ratio": 2})));
    assert_eq!(
        parsed(&tool, json!({"branch": "main"})),
        Err(vec![("/id".to_owned(), "is missing; it must be a whole number".to_owned())])
    );
}

#[test]
fn t033_strings_are_never_normalised() {
    let tool = built_in("github_create_issue");
    for title in ["é", "e\u{301}", "ａ", "\u{212a}"] {
        let given = json!({"owner": "a", "repo": "b", "title": title});
        assert_eq!(parsed(&tool, given.clone()), Ok(given));
    }
}

#[test]
fn t035_choices_are_exact() {
    let tool = built_in("github_list_issues");
    for state in ["Open", "open\n", " open", "OPEN"] {
        assert!(parsed(&tool, json!({"owner": "a", "repo": "b", "state": state})).is_err(), "{state:?}");
    }
}

#[test]
fn t036_too_much_is_refused() {
    let refund = built_in("stripe_create_refund");
    let metadata: Map<String, Value> = (0..10_000).map(|i| (format!("k{i}"), json!("v"))).collect();
    assert_eq!(
        parsed(&refund, json!({"charge": "ch_1", "metadata": metadata})),
        Err(vec![("/metadata".to_owned(), "must have at most 50 members, not 10000".to_owned())])
    );
    let problems = parsed(&refund, json!({"charge": format!("ch_{}", "x".repeat(1_000_000))})).unwrap_err();
    assert_eq!(problems, [("/charge".to_owned(), "must have at most 255 characters, not 1000003".to_owned())]);
    let unknown: Map<String, Value> = (0..200_000).map(|i| (format!("k{i}"), json!(1))).collect();
    assert_eq!(parsed(&refund, Value::Object(unknown)).unwrap_err().len(), MOST_PROBLEMS + 1);
}

#[test]
fn t040_an_id_of_another_kind_is_refused() {
    let tool = built_in("stripe_get_customer");
    assert_eq!(
        parsed(&tool, json!({"customer": "ch_1"})),
        Err(vec![(
            "/customer".to_owned(),
            "must match `^cus_[A-Za-z0-9_-]+$`, for example `cus_Q1w2E3r4T5y6U7`".to_owned()
        )])
    );
    assert!(parsed(&everything("json"), json!({"id": 1, "branch": "b", "prefix": "acct_1"})).is_err());
    assert!(parsed(&everything("json"), json!({"id": 1, "branch": "b", "prefix": "py_1"})).is_ok());
}

#[test]
fn t056_nul_is_refused_everywhere() {
    let refund = built_in("stripe_create_refund");
    for metadata in [json!({"a": "x\0y"}), json!({"a\0": "x"})] {
        assert!(parsed(&refund, json!({"charge": "ch_1", "metadata": metadata})).is_err());
    }
}

struct Judged {
    tool: Arc<Tool>,
    validator: jsonschema::Validator,
}

static TOOLS: LazyLock<Vec<Judged>> = LazyLock::new(|| {
    let mine = [everything("json"), everything("form")];
    // the hand-made ones have every kind of parameter: half of the cases are theirs
    let weight = BUILT_IN.tools().count() / 2;
    let mine = mine.iter().flat_map(|tool| std::iter::repeat_n(tool, weight));
    let judged = |tool: &Arc<Tool>| {
        let schema = Value::Object(input_schema(tool, &[]));
        Judged { tool: Arc::clone(tool), validator: jsonschema::draft202012::new(&schema).unwrap() }
    };
    BUILT_IN.tools().chain(mine).map(judged).collect()
});

/// Values that fit, nearly fit, or do not fit at all.
fn near(param: &Param) -> BoxedStrategy<Value> {
    let any_value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(u64::MAX)),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"k": "v"})),
        Just(json!(["x"])),
        ".{0,8}".prop_map(Value::from),
    ];
    let fitting: BoxedStrategy<Value> = match &param.ty {
        Type::String { choices: Some(choices), .. } => {
            prop::sample::select(choices.clone()).prop_map(Value::from).boxed()
        }
        Type::String { min_length, max_length, .. } => {
            let example = param.example.as_ref().and_then(Value::as_str).unwrap_or("main").to_owned();
            let (min, max) = (min_length.unwrap_or(0), (*max_length).min(600));
            let example = Just(example);
            prop_oneof![
                4 => example.clone(),
                1 => (example, "[\\n |$.a-z]").prop_map(|(example, more)| example + &more),
                1 => ".{0,6}",
                1 => prop::sample::select(vec![min, max, max + 1, min.saturating_sub(1)])
                    .prop_map(|length| "é".repeat(usize::try_from(length).unwrap())),
            ]
            .prop_map(Value::from)
            .boxed()
        }
        Type::Value { .. } => prop_oneof![
            Just(json!([1, "a", true])),
            Just(json!([[1]])),
            Just(json!(1.5)),
            ".{0,8}".prop_map(Value::from),
        ]
        .boxed(),
        Type::Integer { min, max, choices } => {
            let mut values = choices.clone().unwrap_or_default();
            for bound in [min.unwrap_or(-5), max.unwrap_or(7)] {
                values.extend([bound, bound.saturating_sub(1), bound.saturating_add(1)]);
            }
            prop::sample::select(values).prop_map(Value::from).boxed()
        }
        Type::Number { .. } => prop::sample::select(vec![0.25, 0.5, 0.75, 1.99, 2.01]).prop_map(Value::from).boxed(),
        Type::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Type::Array { items, .. } => prop::collection::vec(near(items), 0..4).prop_map(Value::from).boxed(),
        Type::Object { fields } => object(fields),
        Type::Map { values, .. } => {
            let key = prop_oneof![9 => "[A-Za-z0-9_-]{1,6}", 1 => "[A-Za-z0-9_-]{39,42}", 1 => "[\\[\\]a&. ]{0,3}"];
            prop::collection::btree_map(key, near(values), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
                .boxed()
        }
    };
    prop_oneof![14 => fitting, 1 => Just(Value::Null), 1 => any_value].boxed()
}

fn object(params: &[Param]) -> BoxedStrategy<Value> {
    let members: Vec<_> = params
        .iter()
        .map(|param| {
            let name = param.name.clone();
            let given = if param.required { 0.95 } else { 0.3 };
            prop::option::weighted(given, near(param)).prop_map(move |value| value.map(|value| (name.clone(), value)))
        })
        .collect();
    let unknown = prop::option::weighted(0.04, ("[a-z_A-Z]{1,4}", Just(json!(1))));
    (members, unknown)
        .prop_map(|(members, unknown)| Value::Object(members.into_iter().flatten().chain(unknown).collect()))
        .boxed()
}

/// What a schema cannot say: whole numbers with a fraction, numbers beyond 64 bits, NUL.
fn is_sayable(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => {
            if number.is_f64() {
                number.as_f64().is_some_and(|float| float.fract() != 0.0)
            } else {
                number.is_i64()
            }
        }
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(is_sayable),
        Value::Object(members) => members.iter().all(|(key, value)| !key.contains('\0') && is_sayable(value)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    /// Agents are told by the schema what we take: both must agree on every value.
    #[test]
    fn t031_we_accept_exactly_what_the_schema_accepts(
        (index, given) in (0..TOOLS.len()).prop_flat_map(|index| (Just(index), object(&TOOLS[index].tool.params)))
    ) {
        prop_assume!(is_sayable(&given));
        let Judged { tool, validator } = &TOOLS[index];
        let Value::Object(members) = &given else { panic!("not an object") };
        let ours: Vec<_> = match parse_arguments(tool, members) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().filter(|p| !p.message.starts_with("at least one of")).collect(),
        };
        let theirs: Vec<_> = validator.iter_errors(&given).map(|error| error.to_string()).collect();
        prop_assert_eq!(ours.is_empty(), theirs.is_empty(), "{} {}: ours {:?}, theirs {:?}", tool.name, given, ours, theirs);
    }
}

#[test]
fn an_open_value_is_a_text_a_number_a_boolean_or_a_list_of_them() {
    let tool = r#"
[[tool]]
name = "open"
title = "Open"
description = "Takes it."
effect = "write"
toolset = "core"
request = "POST /open"
[tool.params]
value = { type = "value", in = "body", description = "A value.", nullable = true, max_length = 3, max_items = 2, required = false }
[[tool.raise]]
where = { value = { present = true } }
effect = "destructive"
"#;
    let catalog = crate::catalog::tests::compiled(tool);
    let tool = catalog.find("acme_open").unwrap();
    let schema = Value::Object(input_schema(tool, &[]));
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (value, fits) in [
        (json!("abc"), true),
        (json!(7), true),
        (json!(1.5), true),
        (json!(true), true),
        (json!(null), true),
        (json!(["a", 1]), true),
        (json!([]), true),
        (json!("abcd"), false),
        (json!(["abcd"]), false),
        (json!([1, 2, 3]), false),
        (json!([[1]]), false),
        (json!([null]), false),
        (json!([{}]), false),
        (json!({"a": 1}), false),
    ] {
        let given = json!({ "value": value });
        let parsed = Arguments::parse(tool, given.as_object().unwrap());
        assert_eq!(parsed.is_ok(), fits, "{value}");
        assert_eq!(validator.is_valid(&given), fits, "{value}");
        if let Ok(arguments) = parsed {
            assert_eq!(tool.effect_of(Some(&arguments)), Effect::Destructive, "{value}");
        }
    }
    assert_eq!(tool.effect_of(Some(&Arguments::default())), Effect::Write);
    let form = |tool: &str| Catalog::compile(&[("acme.toml", &format!("{}{tool}", crate::catalog::tests::HEAD))]);
    let query = r#"
[[tool]]
name = "open"
title = "Open"
description = "Takes it."
effect = "read"
toolset = "core"
request = "GET /open"
[tool.params]
value = { type = "value", in = "query", description = "A value." }
"#;
    assert!(form(query).unwrap_err().to_string().contains("needs a JSON body"));
}
