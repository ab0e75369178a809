use super::*;
use crate::catalog::{Catalog, tests::everything};

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
