use std::sync::{Arc, LazyLock};

use askama::Template;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    account::Origin,
    call::{Call, Caller},
    catalog::Catalog,
    plan::samples::{KINDS, calls, never_the_same},
    web::view::{HeadlineWord, Shown},
};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

/// The part of the page that shows a call.
#[derive(Template)]
#[template(path = "call.html")]
struct Section {
    approval: ApprovalView,
}

fn plan(arguments: &Value) -> Option<Plan> {
    planned("stripe_create_customer", Origin::parse("https://api.stripe.com", false).ok()?, arguments)
}

/// A statement and its values.
fn statement(sql: &str, params: &[Value]) -> Option<Plan> {
    let origin = Origin::of_server("postgres", "db.example.com", 5432, false).ok()?;
    planned("postgres_execute", origin, &json!({"sql": sql, "params": params}))
}

fn planned(tool: &str, origin: Origin, arguments: &Value) -> Option<Plan> {
    let tool = CATALOG.find(tool)?;
    let caller = Caller::parse("claude").ok()?;
    let account = Account {
        integration: tool.integration.id.clone(),
        name: "default".to_owned(),
        id: "acc_1".to_owned(),
        origin,
        environment: crate::account::Environment::Production,
        identity: crate::account::Identity::default(),
        settings: std::collections::BTreeMap::new(),
        connected_at: 0,
    };
    let call = Call::parse(tool, arguments.as_object()?.clone(), &caller, &[Arc::new(account)]).ok()?;
    Plan::build(&call).ok()
}

/// What the page shows of it, its digest left out: that is another one by itself.
fn shown(plan: &Plan) -> (String, String) {
    let tool = CATALOG.find(&plan.tool()).map(|tool| &**tool);
    let when = || When::new(0, 0);
    let mut call = CallView::new(plan, tool, None, None, "apr_1");
    call.digest = String::new();
    let approval = ApprovalView {
        id: "apr_1".to_owned(),
        record: "rec_1".to_owned(),
        title: "Create a customer".to_owned(),
        tool: "stripe.create_customer".to_owned(),
        standing: Standing::Waiting,
        warnings: Vec::new(),
        findings: None,
        headline: Vec::new(),
        oddities: Vec::new(),
        undo: None,
        seen: String::new(),
        call: Some(call),
        summary: Cell::line(""),
        asker: Cell::line("claude"),
        asked: when(),
        expires: when(),
        last_ran: None,
        lately: String::new(),
        reasons: Vec::new(),
        now_says: None,
    };
    let page = Section { approval }.render().unwrap();
    let (facts, request) = page.split_once("id=\"request-").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    (facts, request)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// I11: two plans that would do different things never render the same, neither in the facts at the top of the page nor
    /// in the request below them: of forms, mails, nested objects and lists, GraphQL and SQL.
    #[test]
    fn i11_two_different_plans_never_render_the_same(all in KINDS.map(calls)) {
        for (name, calls) in KINDS.into_iter().zip(&all) {
            never_the_same(name, calls, |plan| shown(plan).1)?;
            // a statement is laid out anew at the top: there its parts are the same, whatever space stands between them
            if name != "postgres_execute" {
                never_the_same(name, calls, |plan| shown(plan).0)?;
            }
        }
    }
}

#[test]
fn t169_texts_that_look_alike_render_apart() {
    let page = |name: &str| plan(&json!({"name": name})).map(|plan| shown(&plan));
    let pages: Vec<_> = ["ab", "a\u{200B}b", "a\u{430}b", "a b", "a  b", "\"ab\"", "a⟨U+200B⟩b"].map(page).into();
    let built: Vec<_> = pages.iter().flatten().collect();
    assert!(built.len() > 3, "{}", built.len());
    for (index, one) in built.iter().enumerate() {
        assert!(built.iter().skip(index + 1).all(|other| one.0 != other.0 && one.1 != other.1), "{one:?}");
    }
}

fn values() -> impl Strategy<Value = Vec<Value>> {
    let value = prop_oneof![
        "[ab'\"$1⟨⟩ =;\\u{202E}-]{0,5}".prop_map(Value::from),
        (0_i64..20).prop_map(Value::from),
        Just(Value::Null),
        Just(json!(true)),
    ];
    proptest::collection::vec(value, 0..3)
}

fn statements() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "DELETE FROM t WHERE a = $1",
        "DELETE FROM t WHERE a = '$1'",
        "and",
        "AND",
        "b = $2",
        "b=$2",
        "b = 'x'",
        "b = 'x '",
        "-- AND c",
        "/* x */",
        "\n",
        "OR true",
        "('⟨$1 = \"a\"⟩' = c)",
        "\"a\"",
        " ",
        "  ",
    ]);
    proptest::collection::vec(word, 1..5).prop_map(|words| words.join(" "))
}

proptest! {
    /// I11 for databases: two different statements, or the same with other values, never render the same.
    #[test]
    fn i11_two_different_statements_never_render_the_same(
        one in statements(), other in statements(), a in values(), b in values(),
    ) {
        for (one, other) in [(statement(&one, &a), statement(&other, &b)), (statement(&one, &a), statement(&one, &b))] {
            let (Some(one), Some(other)) = (one, other) else { continue };
            let (seen, unlike) = (shown(&one), shown(&other));
            // above the same parts are the same, whatever stands between them; below each byte counts
            prop_assert_eq!(one.digest() == other.digest(), seen.1 == unlike.1, "{}", seen.1);
        }
    }
}

/// Values of which a statement takes no notice by its looks stand in it as values.
#[test]
fn t072_a_value_that_looks_like_sql_is_marked_as_a_value() {
    let top = |sql: &str, params: &[Value]| shown(&statement(sql, params).unwrap()).0;
    let page = top("DELETE FROM t WHERE a = $1 AND b = $2", &[json!("x' OR '1'='1"), json!(7)]);
    assert!(page.contains("<span class=\"keyword\">DELETE</span>"), "{page}");
    let quoted = "<span class=\"bound\"><b>⟨$1 =</b> &#34;x&#39; OR &#39;1&#39;=&#39;1&#34;<b>⟩</b></span>";
    assert!(page.contains(quoted), "{page}");
    assert!(page.contains("<span class=\"bound\"><b>⟨$2 =</b> 7<b>⟩</b></span>"), "{page}");
    // text of the statement cannot look like one
    let fake = top("DELETE FROM t WHERE a = '⟨$1 = \"x\"⟩'", &[]);
    assert!(!fake.contains("class=\"bound\"") && fake.contains("<mark class=\"hidden\">⟨U+27E8⟩</mark>"), "{fake}");
    // a long one is named in its place and whole below
    let long = statement("DELETE FROM t WHERE a = $1", &[json!("y".repeat(2_000))]).unwrap();
    let (above, below) = shown(&long);
    assert!(above.contains("a value of 2002 characters, whole below") && !above.contains("yyyy"), "{above}");
    assert!(below.contains(&"y".repeat(2_000)), "{below}");
}
