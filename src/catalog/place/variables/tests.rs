use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    account::Origin,
    catalog::{
        Catalog,
        request::place,
        tests::{GRAPHQL_HEAD, GRAPHQL_TOOL},
    },
};

static TOOL: LazyLock<Arc<Tool>> = LazyLock::new(|| {
    let catalog = Catalog::compile(&[("acme.toml", &format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}"))]).unwrap();
    Arc::clone(catalog.find("acme_save_thing").unwrap())
});

const DOCUMENT: &str = "mutation($input: ThingInput!, $where: Where, $first: Int) \
                        { thingSave(input: $input, where: $where, first: $first) { success thing { id } } }";

fn placed(given: &Value) -> HttpRequest {
    let arguments = Arguments::parse(&TOOL, given.as_object().unwrap()).unwrap();
    place(&TOOL, &arguments, &Origin::parse("https://api.acme.com", false).unwrap(), &BTreeMap::new()).unwrap().http()
}

fn variables_of(given: &Value) -> Value {
    let body: Value = serde_json::from_str(&placed(given).body.unwrap()).unwrap();
    let Value::Object(mut body) = body else { panic!("not an object") };
    assert_eq!(body.remove("query"), Some(json!(DOCUMENT)));
    let variables = body.remove("variables").unwrap();
    assert!(body.is_empty());
    variables
}

#[test]
fn a_request_is_the_document_and_its_variables() {
    let body = r#"{"query":"DOCUMENT","variables":{"first":5,"input":{"meta":{"size":null},"name":"é\"}"}}}"#;
    let headers = [
        ("x-api-version", "2"),
        ("accept", "application/json"),
        ("user-agent", concat!("agentport/", env!("CARGO_PKG_VERSION"))),
        ("content-type", "application/json"),
    ];
    let expected = HttpRequest {
        method: Method::Post,
        path: "/api/graphql".to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: Some(body.replace("DOCUMENT", DOCUMENT)),
        idempotency: None,
        answer: AnswerKind::Graphql,
    };
    assert_eq!(placed(&json!({"size": null, "name": "é\"}"})), expected);
}

#[test]
fn an_object_is_there_only_with_something_in_it() {
    assert_eq!(variables_of(&json!({"name": "a"})), json!({"first": 5, "input": {"name": "a"}}));
    assert_eq!(
        variables_of(&json!({
            "name": "a", "size": 1, "colour": "blue", "team": "ENG", "tags": [], "first": 1,
            "parts": [{"part_name": "p", "flag": true}, {"part_name": "q"}],
        })),
        json!({
            "first": 1,
            "input": {
                "name": "a",
                "meta": {"size": 1, "colour": "blue"},
                "parts": [{"partName": "p", "flag": true}, {"partName": "q"}],
            },
            "where": {"team": {"key": {"eq": "ENG"}}, "tags": []},
        })
    );
}

/// Every value of the variables by its place; what is no object is a value.
fn leaves(value: &Value, at: &str, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            assert!(!members.is_empty(), "{at} is an empty object");
            for (name, member) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
                leaves(member, &at, out);
            }
        }
        other => drop(out.insert(at.to_owned(), other.clone())),
    }
}

fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        prop::sample::select(vec!["\"}}", "$input", "\\\"", "{ id }", "input.name", "\u{0}x", "null", "\u{202e}"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is given stands at its place, and nothing else stands anywhere; the document is always the same.
    #[test]
    fn variables_hold_exactly_the_given_arguments(
        name in tricky(),
        size in prop::option::of(prop::option::of(any::<i64>())),
        colour in prop::option::of(tricky()),
        team in prop::option::of(tricky()),
        tags in prop::option::of(prop::collection::vec(tricky(), 0..4)),
        first in prop::option::of(1_i64..=9),
    ) {
        let mut given = Map::new();
        let mut expected = BTreeMap::from([("first".to_owned(), json!(first.unwrap_or(5)))]);
        for (argument, place, value) in [
            ("name", "input/name", Some(json!(name))),
            ("size", "input/meta/size", size.map(|size| json!(size))),
            ("colour", "input/meta/colour", colour.map(|colour| json!(colour))),
            ("team", "where/team/key/eq", team.map(|team| json!(team))),
            ("tags", "where/tags", tags.map(|tags| json!(tags))),
            ("first", "first", first.map(|first| json!(first))),
        ] {
            let Some(value) = value else { continue };
            expected.insert(place.to_owned(), value.clone());
            given.insert(argument.to_owned(), value);
        }
        let Ok(arguments) = Arguments::parse(&TOOL, &given) else { return Ok(()) };
        prop_assert_eq!(arguments.as_map().get("name"), given.get("name"));
        let mut found = BTreeMap::new();
        leaves(&variables_of(&Value::Object(given)), "", &mut found);
        prop_assert_eq!(found, expected);
    }
}
