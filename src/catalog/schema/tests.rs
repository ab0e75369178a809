use super::*;
use crate::catalog::{
    Catalog,
    builtin::builtin_tools,
    tests::{HEAD, everything},
};

#[test]
fn what_agents_see_of_each_tool() {
    for tool in Catalog::built_in().tools() {
        let seen = json!({
            "title": tool.title,
            "description": tool.full_description(),
            "effect": tool.effect,
            "strongest_effect": tool.strongest_effect(),
            "toolset": tool.toolset,
            "inputSchema": input_schema(tool, &[]),
        });
        insta::assert_json_snapshot!(tool.wire_name(), seen);
    }
}

#[test]
fn every_kind_of_parameter_has_its_schema() {
    insta::assert_json_snapshot!(
        "everything",
        input_schema(&everything("json"), &["default".to_owned(), "test".to_owned()])
    );
}

#[test]
fn what_goes_into_brackets_is_not_empty() {
    let least = |kind| {
        let schema = Value::Object(input_schema(&everything(kind), &[]));
        ["/tags/minItems", "/labels/minProperties", "/nested/minProperties"]
            .map(|at| schema.pointer(&format!("/properties{at}")).cloned())
    };
    assert_eq!(least("form"), [Some(json!(1)), Some(json!(1)), Some(json!(1))]);
    assert_eq!(least("json"), [Some(json!(1)), None, None]);
}

#[test]
fn every_property_is_described() {
    fn check(schema: &Value, at: &str) {
        let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, property) in members {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{at}/{name}");
            check(property, &format!("{at}/{name}"));
        }
    }
    for tool in Catalog::built_in().tools() {
        check(&Value::Object(input_schema(tool, &["default".to_owned()])), &tool.wire_name());
    }
}

#[test]
fn an_account_is_required_when_there_are_several() {
    let tool = everything("json");
    let account = |accounts: &[&str]| {
        let accounts: Vec<_> = accounts.iter().map(|name| (*name).to_owned()).collect();
        let schema = input_schema(&tool, &accounts);
        let required = schema["required"].as_array().unwrap().contains(&json!("account"));
        (schema["properties"]["account"]["enum"].clone(), required)
    };
    assert_eq!(account(&[]), (Value::Null, false));
    assert_eq!(account(&["default"]), (json!(["default"]), false));
    assert_eq!(account(&["default", "test"]), (json!(["default", "test"]), true));
}

#[test]
fn t088_patterns_are_anchored_for_validators() {
    let anchored = |source: &str| anchored(&Pattern::new(source).unwrap());
    assert_eq!(anchored("^cus_[A-Za-z0-9]+$"), "^cus_[A-Za-z0-9]+$");
    assert_eq!(anchored("^(a|b)_[|]$"), "^(a|b)_[|]$");
    assert_eq!(anchored("cus_"), "^(?:cus_)$");
    assert_eq!(anchored("^a|b$"), "^(?:^a|b$)$");
    assert_eq!(anchored("^a\\$"), "^(?:^a\\$)$");
}

/// What agents are given refers to nothing, is shallow, and its patterns are of the kind that takes linear time.
#[test]
fn t226_no_schema_refers_to_another_one() {
    fn check(schema: &Value, depth: usize, at: &str) {
        assert!(depth < 24, "{at}");
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    assert!(!key.starts_with('$'), "{at}: {key}");
                    if let (true, Some(pattern)) = (key == "pattern", value.as_str()) {
                        Pattern::new(pattern).unwrap();
                    }
                    check(value, depth + 1, &format!("{at}/{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, depth + 1, at)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for tool in Catalog::built_in().tools() {
        check(&Value::Object(input_schema(tool, &[])), 0, &tool.wire_name());
    }
    for tool in builtin_tools() {
        check(&Value::Object(tool.input_schema), 0, tool.name);
    }
}

/// A manifest has types of its own: what only JSON Schema has is no key of them, and a pattern that could take exponential
/// time, or an object without end, is none.
#[test]
fn t226_a_manifest_cannot_bring_a_reference_a_slow_pattern_or_an_endless_depth() {
    let of = |param: &str| {
        let tool = format!(
            "[[tool]]\nname = \"get_it\"\ntitle = \"It\"\ndescription = \"Gets it.\"\neffect = \"read\"\ntoolset = \"core\"\n\
             request = \"GET /it\"\n[tool.params]\na = {param}\n"
        );
        Catalog::compile(&[("acme.toml", &format!("{HEAD}{tool}"))])
    };
    let text = |more: &str| format!("{{ type = \"string\", in = \"query\", description = \"A.\"{more} }}");
    of(&text("")).unwrap();
    for more in [
        ", \"$ref\" = \"https://evil.example/schema.json\"",
        ", \"$dynamicRef\" = \"#a\"",
        ", allOf = []",
        ", pattern = '^(a)\\1$'",
        ", pattern = '^(?=a)a$'",
        ", pattern = '^((a{1,1000}){1,1000}){1,1000}$'",
    ] {
        assert!(of(&text(more)).is_err(), "{more}");
    }
    let deep = "{ type = \"object\", description = \"A.\", fields = { a = ".repeat(2_000);
    assert!(of(&format!("{deep}{}{}", text(""), " } }".repeat(2_000))).is_err());
    // one that would take for ever where it is tried over and over
    let slow = Pattern::new("^(a+)+$").unwrap();
    assert!(!slow.matches(&format!("{}!", "a".repeat(100_000))));
}
