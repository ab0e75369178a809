//! Policies that go by facts: read by the gateway before the verdict, kept in the record, read again at the yes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use crate::harness::{Localstripe, Port, Reply, Upstream};

const SMALL_DOLLARS: &str = r#"
[[rule]]
id = "small-dollars"
tools = ["stripe.create_refund"]
where = { amount = { max = 500 }, "facts.charge.currency" = { any = ["usd"] } }
decision = "allow"
"#;

/// A home whose policy has these rules, too.
fn port(upstream: &str, rules: &str) -> Port {
    let port = Port::enrolled();
    port.connect_stripe(upstream);
    port.settings(&[("look_up = false", "look_up = true")]);
    port.edit_policy(&format!("{}\n{rules}", port.policy()));
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    port
}

/// Charges in dollars and in yen; `disputed` is a thing that no page shows.
fn shop(disputed: &Arc<AtomicBool>) -> Upstream {
    let disputed = Arc::clone(disputed);
    Upstream::start(move |request| {
        let charge = |currency: &str| {
            let disputed = disputed.load(Ordering::SeqCst);
            Reply::json(
                200,
                &json!({
                    "id": "ch_1", "amount": 5000, "amount_refunded": 0, "currency": currency, "created": 1_700_000_000,
                    "captured": !disputed,
                }),
            )
        };
        match request.line.as_str() {
            "GET /v1/charges/ch_usd" => charge("usd"),
            "GET /v1/charges/ch_jpy" => charge("jpy"),
            "POST /v1/refunds" => Reply::json(200, &json!({"id": "re_1", "status": "succeeded"})),
            _ => Reply::json(404, &json!({"error": {"message": "no such thing"}})),
        }
    })
}

fn sent(upstream: &Upstream) -> usize {
    upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count()
}

/// The record of the newest call of the tool, whole.
fn record(port: &Port) -> Value {
    let lines = port.log();
    let call = lines.iter().find(|line| line["kind"] == "call" && line["tool"] == "stripe.create_refund").unwrap();
    port.cli(["log", "show", call["id"].as_str().unwrap(), "--json"]).done().json()
}

#[test]
fn t038_500_in_dollars_runs_and_500_yen_wait() {
    let upstream = shop(&Arc::default());
    let port = port(&upstream.origin(), SMALL_DOLLARS);
    let mut wire = port.wire();
    wire.call("stripe_create_refund", json!({"charge": "ch_usd", "amount": 500})).completed();
    assert_eq!(sent(&upstream), 1);
    // what it went by stands in the record of the call
    let detail = record(&port);
    let text = detail.to_string();
    assert!(text.contains(r#""facts":[{"known":true,"name":"charge.currency"}]"#), "{text}");
    assert!(detail["facts"]["all"][0]["found"]["facts"]["values"]["currency"] == json!("usd"), "{text}");

    let id = wire.call("stripe_create_refund", json!({"charge": "ch_jpy", "amount": 500})).approval_id();
    assert_eq!(sent(&upstream), 1);
    // what the verdict went by is what the human is shown, and it was read once
    let shown = port.cli(["approvals", "show", &id, "--json"]).done().json();
    assert_eq!(shown["facts"]["all"][0]["found"]["facts"]["values"]["currency"], json!("jpy"));
    assert_eq!(upstream.lines().iter().filter(|line| *line == "GET /v1/charges/ch_jpy").count(), 1);
    port.approve(&id);
    assert_eq!(sent(&upstream), 2);
    // above the bound the rule cannot apply: nothing is looked up for the verdict, but for who decides
    port.settings(&[("look_up = true", "look_up = false")]);
    wire.call("stripe_create_refund", json!({"charge": "ch_usd", "amount": 501})).approval_id();
    assert_eq!(upstream.lines().iter().filter(|line| *line == "GET /v1/charges/ch_usd").count(), 1);
    port.cli(["log", "verify"]).done();
}

#[test]
fn t037_a_fact_that_cannot_be_read_allows_nothing() {
    let upstream = shop(&Arc::default());
    let port = port(&upstream.origin(), SMALL_DOLLARS);
    let mut wire = port.wire();
    wire.call("stripe_create_refund", json!({"charge": "ch_gone", "amount": 1})).approval_id();
    // nor does one that is not looked up, because the owner switched that off
    port.settings(&[("look_up = true", "look_up = false")]);
    wire.call("stripe_create_refund", json!({"charge": "ch_usd", "amount": 1})).approval_id();
    assert_eq!(sent(&upstream), 0);
    let text = record(&port).to_string();
    assert!(text.contains(r#""facts":[{"known":false,"name":"charge.currency"}]"#), "{text}");
}

#[test]
fn t054_at_the_yes_the_policy_goes_by_the_facts_of_then() {
    let disputed = Arc::<AtomicBool>::default();
    let upstream = shop(&disputed);
    let rules = r#"
[[rule]]
id = "captured-only"
tools = ["stripe.create_refund"]
where = { "facts.charge.captured" = { any = [false] } }
decision = "deny"
"#;
    let port = port(&upstream.origin(), rules);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_usd", "amount": 700})).approval_id();
    disputed.store(true, Ordering::SeqCst);
    let refused = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the policy denies this call now (`captured-only`)"), "{message}");
    assert_eq!(sent(&upstream), 0);
    assert_eq!(wire.call("stripe_create_refund", json!({"charge": "ch_usd", "amount": 701})).denied(), "policy",);
    let text = record(&port).to_string();
    assert!(text.contains(r#""captured":false"#), "{text}");
    port.cli(["log", "verify"]).done();
}

#[test]
fn policy_explain_supposes_facts() {
    let upstream = shop(&Arc::default());
    let port = port(&upstream.origin(), SMALL_DOLLARS);
    let explain = |facts: &str| {
        let mut arguments =
            vec!["policy", "explain", "stripe.create_refund", "--args", r#"{"charge": "ch_1", "amount": 5}"#];
        if !facts.is_empty() {
            arguments.extend(["--facts", facts]);
        }
        port.cli(arguments).done().stdout
    };
    let usd = explain(r#"{"charge": {"currency": "usd"}}"#);
    assert!(
        usd.starts_with("stripe.create_refund: allow\n") && usd.ends_with("  goes by facts.charge.currency\n"),
        "{usd}"
    );
    let unknown = explain("");
    assert!(unknown.starts_with("stripe.create_refund: ask\n"), "{unknown}");
    assert!(unknown.contains("goes by facts.charge.currency  not known, which counts against the call"), "{unknown}");
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

/// Against a Stripe that keeps state.
#[test]
fn t038_dollars_and_yen_of_a_stripe_that_keeps_state() {
    let Some(stripe) = Localstripe::start("t038_dollars_and_yen_of_a_stripe_that_keeps_state") else { return };
    let port = port(&stripe.origin(), SMALL_DOLLARS);
    let charge = |currency: &str| {
        let form = format!("amount=5000&currency={currency}&source={}", stripe.card());
        let (status, charge) = stripe.ask("POST", "/v1/charges", &form);
        assert_eq!(status, 200, "{charge}");
        charge["id"].as_str().unwrap().to_owned()
    };
    let (dollars, yen) = (charge("usd"), charge("jpy"));
    let mut wire = port.wire();
    let refund = |charge: &str| json!({"charge": charge, "amount": 500});
    wire.call("stripe_create_refund", refund(&dollars)).completed();
    wire.call("stripe_create_refund", refund(&yen)).approval_id();
    assert_eq!((stripe.refunds(&dollars).len(), stripe.refunds(&yen).len()), (1, 0));
}
