use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::{AnswerKind, Catalog, Method, tests::everything};

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);
static EVERYTHING: LazyLock<Arc<Tool>> = LazyLock::new(|| everything("json"));

fn built_in(name: &str) -> Arc<Tool> {
    Arc::clone(BUILT_IN.find(name).unwrap())
}

fn origin() -> Origin {
    Origin::parse("https://api.acme.com", false).unwrap()
}

fn placed(tool: &Tool, given: Value) -> Result<HttpRequest, Vec<Problem>> {
    let Value::Object(given) = given else { panic!("not an object") };
    place(tool, &Arguments::parse(tool, &given).unwrap(), &origin(), &BTreeMap::new()).map(Placed::http)
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const US: &str = concat!("agentport/", env!("CARGO_PKG_VERSION"));

#[test]
fn a_form_has_brackets() {
    let tool = built_in("stripe_create_refund");
    let given = json!({"charge": "ch_1", "amount": 1050, "metadata": {"b": "x&amount=1", "a": "1 + 1 = é"}, "reverse_transfer": true});
    let expected = HttpRequest {
        method: Method::Post,
        path: "/v1/refunds".to_owned(),
        query: String::new(),
        headers: headers(&[
            ("stripe-version", "2026-10-28.endive"),
            ("accept", "application/json"),
            ("user-agent", US),
            ("content-type", "application/x-www-form-urlencoded"),
        ]),
        body: Some(
            "charge=ch_1&amount=1050&reverse_transfer=true&metadata%5Ba%5D=1%20%2B%201%20%3D%20%C3%A9&metadata%5Bb%5D=x%26amount%3D1"
                .to_owned(),
        ),
        idempotency: Some("idempotency-key".to_owned()),
        answer: AnswerKind::Plain,
    };
    assert_eq!(placed(&tool, given), Ok(expected));
}

#[test]
fn a_json_body_has_the_wire_names() {
    let given = json!({
        "id": 7, "branch": "feature/x y", "tags": ["a", "b&c"], "level": null, "ratio": 1.5,
        "nested": {"list": [{"x": true}]}, "labels": {"k": "v"},
    });
    let expected = HttpRequest {
        method: Method::Post,
        path: "/things/7/feature%2Fx%20y".to_owned(),
        query: "tags=a&tags=b%26c&p=1".to_owned(),
        headers: headers(&[
            ("x-api-version", "2"),
            ("accept", "application/json"),
            ("user-agent", US),
            ("content-type", "application/json"),
        ]),
        body: Some(
            r#"{"labels":{"k":"v"},"level":null,"nested":{"list":[{"X-x":true}],"size":7},"ratio":1.5}"#.to_owned(),
        ),
        idempotency: None,
        answer: AnswerKind::Plain,
    };
    assert_eq!(placed(&everything("json"), given), Ok(expected));
}

#[test]
fn a_read_has_no_body_and_what_the_vendor_assumes_is_not_sent() {
    let expected = HttpRequest {
        method: Method::Get,
        path: "/v1/customers".to_owned(),
        query: "email=a%40b.c&created%5Bgte%5D=1700000000".to_owned(),
        headers: headers(&[
            ("stripe-version", "2026-10-28.endive"),
            ("accept", "application/json"),
            ("user-agent", US),
        ]),
        body: None,
        idempotency: None,
        answer: AnswerKind::Plain,
    };
    assert_eq!(
        placed(&built_in("stripe_list_customers"), json!({"created": {"gte": 1_700_000_000}, "email": "a@b.c"})),
        Ok(expected)
    );
}

#[test]
fn manifest_headers_stand_for_ours() {
    let request = placed(&built_in("github_get_repository"), json!({"owner": "a", "repo": "b.c"})).unwrap();
    let expected = [
        ("user-agent", "agentport"),
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ];
    assert_eq!((request.path.as_str(), request.headers), ("/repos/a/b.c", headers(&expected)));
}

/// The message for a branch, which may contain `/`, or for an owner-like argument, which may not.
fn refused(slash: bool, argument: &str) -> Option<String> {
    let manifest = format!(
        "[[tool]]\nname = \"t\"\ntitle = \"T\"\ndescription = \"T.\"\neffect = \"destructive\"\ntoolset = \"core\"\nrequest = \"DELETE /v1/{{id}}/x\"\n[tool.params]\nid = {{ type = \"string\", in = \"path\", description = \"Id.\", slash = {slash} }}\n"
    );
    let catalog = crate::catalog::tests::compiled(&manifest);
    let tool = catalog.find("acme_t").unwrap();
    match placed(tool, json!({"id": argument})) {
        Ok(_) => None,
        Err(problems) => {
            let [problem] = <[_; 1]>::try_from(problems).unwrap();
            assert_eq!(problem.at, "/id");
            Some(problem.message)
        }
    }
}

#[test]
fn t042_dot_segments_are_refused_however_they_are_written() {
    for argument in ["..", ".", "%2e%2e", "%2E", "%252e%252E"] {
        assert_eq!(refused(false, argument).as_deref(), Some("must not be empty, `.` or `..`"), "{argument}");
    }
    for argument in ["../charges", "a/../b", "a/.", ".%2E/refunds", "a//b", "/a", "a/", "a/%2e%2e/b", "a\\..\\b"] {
        let expected = Some("no part of it between slashes may be empty, `.` or `..`");
        assert_eq!(refused(true, argument).as_deref(), expected, "{argument}");
    }
    assert_eq!(refused(true, "a/b...c"), None);
}

#[test]
fn t043_separators_are_refused_unless_declared() {
    for argument in ["a/b", "a\\b", "//evil.com", "a%2Fb", "a%252Fb", "a%5Cb"] {
        let expected = Some("must not contain `/` or `\\`; it is one segment of a path");
        assert_eq!(refused(false, argument).as_deref(), expected, "{argument}");
    }
    for argument in ["a\tb", "a\nb", "a%0Ab", "a%00", "\u{7f}"] {
        assert_eq!(refused(true, argument).as_deref(), Some("must not contain control characters"), "{argument}");
    }
    assert_eq!(refused(false, "a;b"), None);
}

#[test]
fn t044_an_argument_cannot_become_query_or_fragment() {
    let tool = everything("json");
    let request = placed(&tool, json!({"id": 1, "branch": "?x=1&expand[]=a#f", "page": 2})).unwrap();
    assert_eq!((request.path.as_str(), request.query.as_str()), ("/things/1/%3Fx%3D1%26expand%5B%5D%3Da%23f", "p=2"));
}

#[test]
fn t045_a_path_argument_is_never_empty() {
    for argument in [" ", "\u{a0}", "\u{2003}\u{3000}"] {
        assert_eq!(refused(false, argument).as_deref(), Some("must not be empty"), "{argument:?}");
    }
    let tool = built_in("stripe_delete_customer");
    let parse = |customer: String| Arguments::parse(&tool, json!({"customer": customer}).as_object().unwrap());
    assert!(parse(String::new()).is_err());
    assert!(parse(format!("cus_{}", "x".repeat(10_000))).is_err());
}

#[test]
fn t046_no_argument_reaches_the_authority() {
    for tool in Catalog::built_in().tools() {
        let origin = tool.integration.upstream.origin();
        assert!(!origin.contains(['{', '}']), "{origin}");
        let places: Vec<_> = tool.params.iter().map(|param| param.place).collect();
        let known =
            [Place::Path, Place::Query, Place::Body, Place::Mail, Place::Variable, Place::Answer, Place::Statement];
        assert!(places.iter().all(|place| known.contains(place)));
    }
}

#[test]
fn settings_fixed_members_and_dotted_places_have_their_place() {
    let text = r#"
[integration.settings]
project = { description = "The project.", pattern = ".+", example = "12" }
[[tool]]
name = "ask"
title = "Ask"
description = "Asks."
effect = "write"
toolset = "core"
request = "POST /projects/{project}/ask/"
[tool.params]
sql = { type = "string", in = "body", description = "A query.", wire = "query.query", max_length = 50 }
[tool.fixed]
query = { kind = "SQL" }
client = "us"
[[tool]]
name = "list"
title = "List"
description = "Lists."
effect = "read"
toolset = "core"
request = "GET /list"
[tool.fixed]
expand = ["a", "b"]
deep = { x = 1 }
"#;
    let catalog = crate::catalog::tests::compiled(text);
    let tool = catalog.find("acme_ask").unwrap();
    let given = json!({"sql": "select 1"});
    let arguments = Arguments::parse(tool, given.as_object().unwrap()).unwrap();
    let with = |project: &str| {
        let settings = BTreeMap::from([("project".to_owned(), project.to_owned())]);
        place(tool, &arguments, &origin(), &settings).map(Placed::http)
    };
    let request = with("a/7 ?");
    assert_eq!(
        request.unwrap_err()[0].message,
        "the account's `project` must not contain `/` or `\\`; it is one segment of a path"
    );
    let request = with("7 ?").unwrap();
    assert_eq!(request.path, "/projects/7%20%3F/ask/");
    assert_eq!(request.body.unwrap(), r#"{"client":"us","query":{"kind":"SQL","query":"select 1"}}"#);
    let missing = place(tool, &arguments, &origin(), &BTreeMap::new()).unwrap_err();
    assert_eq!(missing[0].message, "the account has no usable `project`; a human must finish its set-up");

    let list = placed(catalog.find("acme_list").unwrap(), json!({})).unwrap();
    assert_eq!((list.query.as_str(), list.body), ("deep%5Bx%5D=1&expand=a&expand=b", None));
}

#[test]
fn a_moved_address_is_noticed() {
    let request = |path: &str| HttpRequest {
        method: Method::Get,
        path: path.to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: None,
        idempotency: None,
        answer: AnswerKind::Plain,
    };
    let segment = |text: &str| PlacedSegment { encoded: text.to_owned(), meant: text.to_owned() };
    let template = RestTemplate {
        method: Method::Get,
        path: Vec::new(),
        trailing_slash: false,
        body: BodyKind::Json,
        fixed: Map::new(),
        idempotency: None,
        raw: Vec::new(),
        decode: AnswerKind::Plain,
    };
    let check =
        |path: &str, segments: &[PlacedSegment]| unmoved(&request(path), segments, &template, &origin()).is_ok();
    assert!(check("/a/b", &[segment("a"), segment("b")]));
    assert!(check("/", &[]));
    assert!(!check("/a/../b", &[segment("a"), segment(".."), segment("b")]));
    assert!(!check("/a\\b", &[segment("a\\b")]));
    assert!(!check("@evil.com/a", &[segment("a")]));
    assert!(!check("/a?b", &[segment("a?b")]));
    assert!(!check("/a\tb", &[segment("a\tb")]));
    assert!(!check("/a", &[segment("b")]));
    assert!(!check("//a", &[segment("a")]));
}

/// A value as text and nested maps: all that is left of it in a form.
#[derive(Debug, Clone, PartialEq)]
enum Read {
    Text(String),
    Members(BTreeMap<String, Read>),
}

fn as_text(value: &Value) -> Read {
    match value {
        Value::Array(items) => {
            Read::Members(items.iter().enumerate().map(|(i, item)| (i.to_string(), as_text(item))).collect())
        }
        Value::Object(members) => {
            Read::Members(members.iter().map(|(key, value)| (key.clone(), as_text(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Read::Text(encode::scalar(value)),
    }
}

/// Reads a form as a server does.
fn read_form(text: &str) -> BTreeMap<String, Read> {
    let mut root = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let mut keys = name.split('[').map(|key| key.strip_suffix(']').unwrap_or(key).to_owned());
        let mut members = &mut root;
        let mut key = keys.next().unwrap();
        for next in keys {
            let inner = members.entry(key).or_insert_with(|| Read::Members(BTreeMap::new()));
            let Read::Members(inner) = inner else { panic!("{name} is two things") };
            (members, key) = (inner, next);
        }
        assert!(members.insert(key, Read::Text(value.into_owned())).is_none(), "{name} is there twice");
    }
    root
}

/// Text with what matters to URLs and forms in it.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z./\\\\%25eEfF#?&=;@:+ \\[\\]]{1,12}",
        "\\PC{1,12}",
        prop::sample::select(vec!["..", "%2e%2e", "//evil.com", "@evil.com", ":80", "x&amount=1", "\r\nHost: evil"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// I: whatever the arguments say, scheme, host, port and the number of segments are the template's.
    #[test]
    fn t042_t043_t044_arguments_stay_in_their_segments(branch in tricky(), tag in tricky(), id in 1..i64::MAX) {
        let tool = &EVERYTHING;
        let given = json!({"id": id, "branch": branch, "tags": [tag]});
        let Ok(arguments) = Arguments::parse(tool, given.as_object().unwrap()) else { return Ok(()) };
        let Ok(request) = place(tool, &arguments, &origin(), &BTreeMap::new()).map(Placed::http) else { return Ok(()) };
        let url = url::Url::parse(&format!("{}{}?{}", origin().as_str(), request.path, request.query)).unwrap();
        prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("api.acme.com"), None));
        prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
        let segments: Vec<_> = url.path_segments().unwrap().map(|segment| encode::decode(segment).unwrap()).collect();
        prop_assert_eq!(segments, ["things".to_owned(), id.to_string(), branch]);
        let query: Vec<_> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(query, [("tags".to_owned(), tag), ("p".to_owned(), "1".to_owned())]);
    }

    /// Ordinary text with every separator of URLs in it is no reason to refuse a call.
    #[test]
    fn ordinary_arguments_are_placed(branch in "[a-z0-9][a-z0-9?#&;=+@:é .-]{0,18}") {
        let tool = &EVERYTHING;
        let placed = placed(tool, json!({"id": 1, "branch": branch}));
        prop_assert!(placed.is_ok(), "{:?}", placed);
    }

    #[test]
    fn t049_a_form_says_exactly_the_arguments(
        metadata in prop::collection::btree_map("[A-Za-z0-9_-]{1,8}", tricky(), 1..5),
        line in tricky(),
        locales in prop::collection::vec("[a-z&\\[\\]=%]{2,6}", 1..4),
    ) {
        let given = json!({"metadata": metadata, "address": {"line1": line, "city": ""}, "preferred_locales": locales});
        let tool = built_in("stripe_create_customer");
        let body = placed(&tool, given.clone()).unwrap().body.unwrap();
        prop_assert_eq!(Read::Members(read_form(&body)), as_text(&given));
    }
}
