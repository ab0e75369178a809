use proptest::prelude::*;
use serde_json::json;

use super::*;

const PLACE: [&str; 3] = ["mcp", "servers", "agentport"];

fn entry() -> Vec<(String, Value)> {
    vec![("command".into(), json!("/bin/agentport")), ("args".into(), json!(["stdio", "--as", "x"]))]
}

fn object() -> Value {
    json!({"command": "/bin/agentport", "args": ["stdio", "--as", "x"]})
}

#[test]
fn what_is_added_looks_like_the_rest() {
    let text = "{\n    \"b\": 1,\n    \"mcp\": {\n        \"servers\": {\n            \"other\": {\"x\": 1}\n        }\n    }\n}\n";
    let expected = "{\n    \"b\": 1,\n    \"mcp\": {\n        \"servers\": {\n            \"other\": {\"x\": 1},\n            \"agentport\": {\n                \"command\": \"/bin/agentport\",\n                \"args\": [\"stdio\", \"--as\", \"x\"]\n            }\n        }\n    }\n}\n";
    assert_eq!(set(text, &PLACE, &entry()).unwrap(), expected);
    assert_eq!(
        set("{\"a\":1}", &["m", "agentport"], &entry()).unwrap(),
        r#"{"a":1,"m": {"agentport": {"command": "/bin/agentport", "args": ["stdio", "--as", "x"]}}}"#
    );
    assert_eq!(set("", &["m"], &[]).unwrap(), "{\n  \"m\": {}\n}\n");
}

#[test]
fn an_entry_that_is_there_is_replaced_in_its_place() {
    let text = "{\"mcp\": {\"servers\": {\"agentport\": {\"command\": \"old\"}, \"z\": 1}}, \"k\": [1, 2]}";
    let changed = set(text, &PLACE, &entry()).unwrap();
    assert_eq!(find(&changed, &PLACE).unwrap(), Some(object()));
    assert!(changed.ends_with(", \"z\": 1}}, \"k\": [1, 2]}"));
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let reason = |text: &str| set(text, &PLACE, &entry()).unwrap_err();
    assert_eq!(reason("{\n  // mine\n}"), "it is not plain JSON: key must be a string at line 2 column 3");
    assert_eq!(reason("[1]"), "it is JSON, but not an object");
    assert_eq!(reason("{\"mcp\": 1}"), "what should hold `servers` is not an object");
    assert_eq!(reason("{\"mcp\": {}, \"mcp\": {}}"), "it has the key `mcp` twice in one object");
}

#[test]
fn without_a_backup_what_is_left_empty_goes_too() {
    for text in ["{\"a\": 1}", "{\n  \"a\": 1\n}\n", "{\r\n\t\"a\": {\"b\": [\"}\", \"\\\"{\"]}\r\n}"] {
        let added = set(text, &PLACE, &entry()).unwrap();
        assert_eq!(without(&added, &PLACE, &[]).unwrap(), text);
    }
    let text = "{\"mcp\": {\"agentport\": {}, \"z\": 1}}";
    assert_eq!(without(text, &["mcp", "agentport"], &[]).unwrap(), "{\"mcp\": {\"z\": 1}}");
    assert_eq!(without("{\"mcp\":{\"agentport\":{}}}", &["mcp", "agentport"], &[]).unwrap(), "{}");
}

proptest! {
    /// Whatever stands in the file: added, it is there and all else as it was; removed, the bytes are the old ones.
    #[test]
    fn adding_and_removing_gives_the_same_bytes(value in any_object(), pretty in any::<bool>(), held in 0_usize..3) {
        let mut root = value;
        if held > 0 {
            root.insert("mcp".to_owned(), if held == 1 { json!({}) } else { json!({"servers": {}, "k": "}"}) });
        }
        let root = Value::Object(root);
        let text = if pretty { serde_json::to_string_pretty(&root).unwrap() } else { root.to_string() };
        let added = set(&text, &PLACE, &entry()).unwrap();
        let mut expected = root.clone();
        expected["mcp"]["servers"]["agentport"] = object();
        prop_assert_eq!(serde_json::from_str::<Value>(&added).unwrap(), expected);
        prop_assert_eq!(without(&added, &PLACE, &[&text]).unwrap(), text);
    }
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a\"\\\\{}\\[\\],: \n]{0,6}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"{}]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-c\"{}]{0,3}", value, 0..4).prop_map(|map| map.into_iter().collect())
}
