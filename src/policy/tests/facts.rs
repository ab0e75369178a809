//! Conditions on what was looked up. The tool is the real one: its previews say which facts there are.

use std::sync::LazyLock;

use super::{Decision::*, *};
use crate::findings::{Finding, Found};

static BUILT: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

const SMALL: &str = r#"
[[rule]]
id = "small"
tools = ["stripe.create_refund"]
where = { amount = { max = 500 }, "facts.charge.currency" = { any = ["usd"] } }
decision = "allow"
"#;

fn judged(text: &str, arguments: Value, findings: Option<&Findings>) -> Evaluation {
    let catalog = &*BUILT;
    check("policy.toml", text, catalog).unwrap_or_else(|problems| panic!("{problems}"));
    let (policy, _) = Policy::new(catalog, &pinned(catalog, text), None);
    let given = super::arguments(arguments);
    policy.evaluate(&Facts {
        tool: catalog.find("stripe.create_refund").unwrap(),
        arguments: Some(&given),
        caller: &caller("local"),
        account: "default",
        environment: Environment::Production,
        findings,
        now: 0,
    })
}

fn supposing(facts: Value) -> Findings {
    let Value::Object(facts) = facts else { panic!("no object") };
    Findings::supposed(&facts)
}

fn decided(conditions: &str, decision: &str, facts: Option<Value>) -> Decision {
    let line = "[tools]\n\"stripe.create_refund\" = \"allow\"";
    let other = if decision == "allow" { "" } else { line };
    let text = policy(&format!("{other}\n{}", rule("r", "create_refund", decision, &format!("where = {conditions}"))));
    judged(&text, json!({"charge": "ch_1", "amount": 500}), facts.map(supposing).as_ref()).decision
}

#[test]
fn t038_500_is_5_dollars_and_500_yen() {
    let text = policy(SMALL);
    let decision = |currency: &str, amount: i64| {
        let findings = supposing(json!({"charge": {"currency": currency}}));
        judged(&text, json!({"charge": "ch_1", "amount": amount}), Some(&findings)).decision
    };
    assert_eq!(
        [decision("usd", 500), decision("usd", 501), decision("jpy", 500), decision("USD", 500)],
        [Allow, Ask, Ask, Ask]
    );
}

#[test]
fn t037_a_fact_that_is_not_known_allows_nothing_and_tightens() {
    let unknown = [
        None,
        Some(json!({})),
        Some(json!({"customer": {"currency": "usd"}})),
        Some(json!({"charge": null})),
        Some(json!({"charge": {}})),
        Some(json!({"charge": {"currency": null}})),
        Some(json!({"charge": {"currency": 5}})),
        Some(json!({"charge": {"currency": {"usd": 1}}})),
        Some(json!({"charge": "usd"})),
    ];
    for facts in unknown {
        let on = |conditions, decision| decided(conditions, decision, facts.clone());
        let currency = r#"{ "facts.charge.currency" = { any = ["usd"] } }"#;
        assert_eq!([on(currency, "allow"), on(currency, "ask"), on(currency, "deny")], [Ask, Ask, Deny], "{facts:?}");
    }
    // a look that failed is no sign that something is not there
    let failed = Findings {
        at: 0,
        all: vec![Finding { name: "charge".into(), source: "s".into(), found: Found::Problem("404".into()) }],
    };
    let text =
        policy(&rule("r", "create_refund", "allow", r#"where = { "facts.charge.description" = { present = false } }"#));
    let on = |findings: Option<&Findings>| judged(&text, json!({"charge": "ch_1"}), findings);
    assert_eq!([on(None).decision, on(Some(&failed)).decision], [Ask, Ask]);
    assert_eq!(on(Some(&supposing(json!({"charge": {"description": null}})))).decision, Allow);
    assert!(on(Some(&failed)).facts.iter().all(|fact| !fact.known));
}

#[test]
fn facts_are_judged_like_arguments_and_nested_tables_name_them_too() {
    let charge = json!({"charge": {
        "currency": "usd", "amount": 900, "disputed": false, "metadata": {"team": "a"},
        "billing_details": {"email": "x@acme.com"},
    }});
    for (conditions, holds) in [
        (r#"{ facts = { charge = { currency = { any = ["usd"] } } } }"#, true),
        (r#"{ "facts.charge.amount" = { max = 900 } }"#, true),
        (r#"{ "facts.charge.amount" = { max = 899 } }"#, false),
        (r#"{ "facts.charge.disputed" = { any = [false] } }"#, true),
        (r#"{ "facts.charge.metadata.team" = { prefix = "a" } }"#, true),
        (r#"{ "facts.charge.billing_details.email" = { domain = "acme.com" } }"#, true),
        (r#"{ "facts.charge.billing_details.email" = { domain = "evil.com" } }"#, false),
        (r#"{ "facts.charge.description" = { present = false } }"#, true),
    ] {
        let [allowed, denied] = ["allow", "deny"].map(|decision| decided(conditions, decision, Some(charge.clone())));
        assert_eq!((allowed, denied), if holds { (Allow, Deny) } else { (Ask, Allow) }, "{conditions}");
    }
}

#[test]
fn only_rules_that_could_apply_need_facts() {
    let catalog = &*BUILT;
    let wanted = |text: &str, tool: &str, given: Value| {
        let (policy, _) = Policy::new(catalog, &pinned(catalog, text), None);
        let given = arguments(given);
        let (tool, by) = (catalog.find(tool).unwrap(), caller("local"));
        let facts = Facts {
            tool,
            arguments: Some(&given),
            caller: &by,
            account: "default",
            environment: Environment::Production,
            findings: None,
            now: 0,
        };
        policy.deciding_facts(&facts).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refund = "stripe.create_refund";
    let text = policy(SMALL);
    assert_eq!(wanted(&text, refund, json!({"charge": "ch_1", "amount": 500})), ["charge.currency"]);
    assert_eq!(wanted(&text, refund, json!({"charge": "ch_1", "amount": 501})), <[&str; 0]>::default());
    assert_eq!(wanted(&text, "stripe.create_customer", json!({})), <[&str; 0]>::default());
    assert_eq!(wanted(&policy(""), refund, json!({"charge": "ch_1", "amount": 1})), <[&str; 0]>::default());
    let denied = policy(&format!("[tools]\n\"stripe.*\" = \"deny\"\n{SMALL}"));
    assert_eq!(wanted(&denied, refund, json!({"charge": "ch_1", "amount": 1})), <[&str; 0]>::default());
}

#[test]
fn the_verdict_names_the_facts_that_it_went_by() {
    let evaluation = judged(
        &policy(SMALL),
        json!({"charge": "ch_1", "amount": 5}),
        Some(&supposing(json!({"charge": {"currency": "usd"}}))),
    );
    assert_eq!(evaluation.facts, [FactRead { name: "charge.currency".to_owned(), known: true }]);
    assert_eq!(judged(&policy(SMALL), json!({"charge": "ch_1", "amount": 5_000}), None).facts, []);
}

#[test]
fn the_tests_of_a_policy_suppose_facts() {
    let test = |facts: &str, expect: &str| {
        policy(&format!(
            "{SMALL}[[test]]\ncall = \"stripe.create_refund\"\nargs = {{ charge = \"ch_1\", amount = 5 }}\n{facts}\nexpect = \"{expect}\"\n"
        ))
    };
    let usd = "facts = { charge = { currency = \"usd\" } }";
    let catalog = &*BUILT;
    assert_eq!(check("policy.toml", &test(usd, "allow"), catalog).unwrap(), 1);
    assert_eq!(check("policy.toml", &test("", "ask"), catalog).unwrap(), 1);
    assert!(check("policy.toml", &test(usd, "ask"), catalog).is_err());
    assert!(check("policy.toml", &test("facts = 5", "ask"), catalog).is_err());
}

#[test]
fn a_fact_that_is_not_looked_up_is_a_problem_with_the_nearest_name() {
    let problems = |tool: &str, condition: &str| {
        let text = policy(&format!(
            "[[rule]]\nid = \"r\"\ntools = [\"{tool}\"]\ndecision = \"allow\"\nwhere = {{ \"{condition}\" = {{ any = [\"usd\"] }} }}\n"
        ));
        check("policy.toml", &text, &BUILT).unwrap_err().to_string()
    };
    let asked = [
        ("stripe.create_refund", "facts.charge.curency"),
        ("stripe.create_refund", "facts.chrage.currency"),
        ("stripe.create_refund", "facts.weather.today"),
        ("stripe.list_charges", "facts.charge.currency"),
        ("github.*", "facts.charge.currency"),
    ];
    let all: Vec<_> = asked.into_iter().map(|(tool, condition)| problems(tool, condition)).collect();
    insta::assert_snapshot!(all.join("\n"));
    // a wildcard may cover tools of which it is not looked up, as long as of one it is
    let text = policy(
        "[[rule]]\nid = \"r\"\ntools = [\"stripe.*\"]\ndecision = \"ask\"\nwhere = { \"facts.charge.currency\" = { none = [\"usd\"] } }\n",
    );
    check("policy.toml", &text, &BUILT).unwrap();
}
