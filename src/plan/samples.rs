//! Plans of every kind for tests: what a mail, nested objects, a GraphQL document and a statement become. Their texts are
//! of few characters, those that could pass for structure, so that two of them that look alike are likely to be drawn.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};

use super::Plan;
use crate::{
    account::{Account, Environment, Identity, Origin},
    call::{Call, Caller},
    catalog::{Catalog, Tool},
};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

/// A built-in tool, `gmail_send_email`.
pub(crate) fn tool(name: &str) -> &'static Arc<Tool> {
    CATALOG.find(name).unwrap()
}

/// What a call of the tool becomes; `None` where its arguments are not valid.
pub(crate) fn plan(name: &str, arguments: &Value) -> Option<Plan> {
    let tool = tool(name);
    let integration = tool.integration.id.clone();
    let origin = match integration.as_str() {
        "postgres" => Origin::of_server("postgres", "db.example.com", 5432, false),
        _ => Origin::parse(tool.integration.upstream.origin(), false),
    };
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let account = Account {
        integration,
        name: "default".to_owned(),
        id: "acc_1".to_owned(),
        origin: origin.ok()?,
        environment: Environment::Production,
        identity: Identity::default(),
        settings: BTreeMap::from([setting("project_id", "7"), setting("database", "shop")]),
        connected_at: 0,
    };
    let caller = Caller::parse("claude").ok()?;
    let call = Call::parse(tool, arguments.as_object()?.clone(), &caller, &[Arc::new(account)]).ok()?;
    Plan::build(&call).ok()
}

/// The tools of [`calls`].
pub(crate) const KINDS: [&str; 5] = [
    "stripe_create_customer",
    "gmail_send_email",
    "posthog_update_feature_flag",
    "linear_create_issue",
    "postgres_execute",
];

/// Arguments of many calls of one tool of [`KINDS`].
pub(crate) fn calls(name: &str) -> BoxedStrategy<Vec<Value>> {
    let one = match name {
        "stripe_create_customer" => customer().boxed(),
        "gmail_send_email" => mail().boxed(),
        "posthog_update_feature_flag" => flag().boxed(),
        "linear_create_issue" => issue().boxed(),
        _ => statement().boxed(),
    };
    vec(one, 30).boxed()
}

/// No two of them that would do different things look the same.
pub(crate) fn never_the_same(
    name: &str,
    calls: &[Value],
    shown: impl Fn(&Plan) -> String,
) -> Result<usize, TestCaseError> {
    let mut seen: BTreeMap<String, (super::Digest, &Value)> = BTreeMap::new();
    for arguments in calls {
        let Some(plan) = plan(name, arguments) else { continue };
        let found = seen.entry(shown(&plan)).or_insert((plan.digest(), arguments));
        prop_assert!(found.0 == plan.digest(), "{} and {arguments} look the same", found.1);
    }
    Ok(seen.len())
}

fn text() -> impl Strategy<Value = String> {
    "[ab \"'&<=%+,\\\\\n⟨⟩\u{202E}\u{200B}\u{430}]{1,4}"
}

/// An object of those that are there.
fn object(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn customer() -> impl Strategy<Value = Value> {
    let metadata = option::of(proptest::collection::btree_map("[a\u{200B}\u{430}.\"=]{1,3}", text(), 1..3));
    (option::of(text()), option::of(text()), metadata).prop_map(|(name, description, metadata)| {
        object([
            ("name", name.map(Value::from)),
            ("description", description.map(Value::from)),
            ("metadata", metadata.map(|metadata| json!(metadata))),
        ])
    })
}

fn mail() -> impl Strategy<Value = Value> {
    let address = prop::sample::select(vec!["a@x.example", "A <a@x.example>", "b@x.example", "b@xn--e1a.example"]);
    let list = || option::of(vec(address.clone(), 1..3));
    let html = "(<p>|</p>|<a href=\"https://x.example\">|a|b|\n| ){1,4}";
    let file = ("[ab,. ⟨\u{202E}]{1,3}", prop::sample::select(vec!["", "YQ==", "YWI="]));
    let files = option::of(vec(file, 1..3));
    ((list(), list(), list()), "[ab ,⟨:]{1,3}", option::of(text()), option::of(html), files).prop_map(
        |((to, cc, bcc), subject, text, html, files)| {
            let files = files.map(|files| {
                let file = |(filename, content): (String, &str)| json!({"filename": filename, "content": content});
                Value::Array(files.into_iter().map(file).collect())
            });
            let list = |list: Option<Vec<&str>>| list.map(|list| json!(list));
            object([
                ("to", list(to)),
                ("cc", list(cc)),
                ("bcc", list(bcc)),
                ("subject", Some(json!(subject))),
                ("text", text.map(Value::from)),
                ("html", html.map(Value::from)),
                ("attachments", files),
            ])
        },
    )
}

fn flag() -> impl Strategy<Value = Value> {
    let scalar = || {
        prop_oneof![
            "[a1,\"\\]⟨]{1,2}".prop_map(Value::from),
            (0..3_i64).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
        ]
    };
    let value = prop_oneof![scalar(), vec(scalar(), 0..3).prop_map(Value::Array)];
    let condition = ("[a.\\[1\\]\"]{1,4}", value)
        .prop_map(|(key, value)| json!({"key": key, "type": "person", "operator": "exact", "value": value}));
    let group = (option::of(0..2_i64), option::of(vec(condition, 0..3))).prop_map(|(percent, properties)| {
        object([("rollout_percentage", percent.map(Value::from)), ("properties", properties.map(Value::Array))])
    });
    let payloads = option::of(proptest::collection::btree_map("[a.\"]{1,2}", "[a\"{},:]{1,3}", 0..3));
    (vec(group, 0..3), payloads, option::of(any::<bool>())).prop_map(|(groups, payloads, active)| {
        let filters =
            object([("groups", Some(Value::Array(groups))), ("payloads", payloads.map(|payloads| json!(payloads)))]);
        object([("feature_flag", Some(json!(42))), ("filters", Some(filters)), ("active", active.map(Value::from))])
    })
}

fn issue() -> impl Strategy<Value = Value> {
    let id = |end: u8| format!("3f2a1c84-5b6d-4e7f-8a90-b1c2d3e4f50{end}");
    (text(), option::of(text()), option::of(0..5_i64), option::of(vec((0..3_u8).prop_map(id), 0..3))).prop_map(
        move |(title, description, priority, labels)| {
            object([
                ("team_id", Some(json!(id(0)))),
                ("title", Some(json!(title))),
                ("description", description.map(Value::from)),
                ("priority", priority.map(Value::from)),
                ("label_ids", labels.map(|labels| json!(labels))),
            ])
        },
    )
}

fn statement() -> impl Strategy<Value = Value> {
    let value = || {
        prop_oneof![
            text().prop_map(Value::from),
            (0..3_i64).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ]
    };
    let condition = "( |\n|  |id = |\\$1|'a'|'\\$1'|--a|/\\*a\\*/| or ){1,4}";
    (condition, option::of(vec(value(), 0..3)), option::of(100..102_i64)).prop_map(|(condition, params, timeout)| {
        object([
            ("sql", Some(json!(format!("UPDATE t SET a = $1 WHERE {condition}")))),
            ("params", params.map(Value::Array)),
            ("timeout_ms", timeout.map(Value::from)),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        /// What the other tests draw is valid often enough to say something.
        #[test]
        fn many_of_each_kind_are_plans(all in KINDS.map(calls)) {
            for (name, calls) in KINDS.into_iter().zip(&all) {
                let plans = calls.iter().filter(|arguments| plan(name, arguments).is_some()).count();
                prop_assert!(plans >= 3, "only {plans} of {name}, such as {}", calls[0]);
            }
        }
    }
}
