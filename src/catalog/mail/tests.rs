use serde_json::json;

use super::*;
use crate::catalog::Catalog;

fn judged(path: &str, given: &Value) -> Option<Value> {
    let catalog = Catalog::built_in();
    let tool = catalog.find("gmail_create_draft").unwrap();
    tool.judged(path, &Arguments::parse(tool, given.as_object().unwrap()).unwrap())
}

#[test]
fn t039_addresses_are_judged_without_their_names() {
    let given = json!({
        "to": ["evil <ann@Acme.COM>", "bob@acme.com"],
        "bcc": ["eve@evil.com"],
        "reply_to": "Acme <x@Evil.com>",
        "subject": "a@b.c",
    });
    assert_eq!(judged("to", &given), Some(json!(["ann@acme.com", "bob@acme.com"])));
    assert_eq!(judged("recipients", &given), Some(json!(["ann@acme.com", "bob@acme.com", "eve@evil.com"])));
    assert_eq!(judged("reply_to", &given), Some(json!("x@evil.com")));
    assert_eq!(judged("subject", &given), None);
    assert_eq!(judged("cc", &given), None);
    assert_eq!(judged("recipients", &json!({"subject": "x"})), None, "nobody was named");
    assert_eq!(judged("to", &json!({"to": ["a@acme..com"]})), Some(json!([null])), "nobody knows");
}

#[test]
fn recipients_are_there_where_a_mail_is_and_nowhere_else() {
    let catalog = Catalog::built_in();
    let having: Vec<_> =
        catalog.tools().filter(|tool| tool.param_at(RECIPIENTS).is_some()).map(|tool| tool.name.as_str()).collect();
    assert_eq!(having, ["create_draft", "reply_to_email", "send_email", "update_draft"]);
    let schema = crate::catalog::input_schema(catalog.find("gmail_send_email").unwrap(), &[]);
    assert!(schema["properties"].get(RECIPIENTS).is_none(), "no agent gives them");
}

#[test]
fn every_role_has_its_word() {
    for role in Role::ALL {
        assert_eq!(Role::from_word(role.as_str()), Some(role));
    }
    assert_eq!(Role::from_word("from"), None);
}
