//! `examples/refund-desk`, as a test: an agent looks into a double charge, a person says yes, the money goes back once.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Port, Reply, Upstream};

const POLICY: &str = include_str!("../../examples/refund-desk/policy.toml");
const README: &str = include_str!("../../examples/refund-desk/README.md");

/// A shop where Ann paid twice, and once more a little; what it has refunded is in its books.
fn shop(books: &Arc<Mutex<Vec<String>>>) -> Upstream {
    let books = Arc::clone(books);
    let charge = |id: &str, amount: i64, currency: &str, created: i64, disputed: bool| {
        json!({
            "id": id, "amount": amount, "amount_refunded": 0, "currency": currency, "created": created,
            "status": "succeeded", "customer": "cus_ann", "description": "Order 1042", "disputed": disputed,
        })
    };
    let charges = [
        charge("ch_second", 4900, "usd", 1_764_000_120, false),
        charge("ch_first", 4900, "usd", 1_764_000_000, false),
        charge("ch_small", 400, "usd", 1_763_000_000, false),
        charge("ch_yen", 400, "jpy", 1_763_000_000, false),
        charge("ch_bank", 9900, "usd", 1_763_000_000, true),
    ];
    let customer = json!({"id": "cus_ann", "email": "ann@example.com", "name": "Ann"});
    Upstream::start(move |request| {
        let (method, path) = request.line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        match (method, path) {
            ("GET", "/v1/customers") => Reply::json(200, &json!({"data": [customer], "has_more": false})),
            ("GET", "/v1/customers/cus_ann") => Reply::json(200, &customer),
            ("GET", "/v1/charges") => Reply::json(200, &json!({"data": charges, "has_more": false})),
            ("GET", "/v1/refunds") => Reply::json(200, &json!({"data": [], "has_more": false})),
            ("POST", "/v1/refunds") => {
                books.lock().unwrap().push(request.body.clone());
                Reply::json(200, &json!({"id": "re_1", "status": "succeeded"}))
            }
            ("GET", path) => {
                let id = path.strip_prefix("/v1/charges/").unwrap_or_default();
                match charges.iter().find(|charge| charge["id"] == json!(id)) {
                    Some(charge) => Reply::json(200, charge),
                    None => Reply::json(404, &json!({"error": {"message": "no such thing"}})),
                }
            }
            _ => Reply::json(404, &json!({"error": {"message": "no such thing"}})),
        }
    })
}

fn desk(upstream: &Upstream) -> Port {
    let port = Port::connected(upstream);
    port.settings(&[("look_up = false", "look_up = true")]);
    port.edit_policy(POLICY);
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_looks_a_person_says_yes_and_the_money_goes_back_once() {
    let books = Arc::<Mutex<Vec<String>>>::default();
    let upstream = shop(&books);
    let port = desk(&upstream);
    let agent = port.agent().await;

    // it looks into it by itself
    let customers = agent.call("stripe_list_customers", json!({"email": "ann@example.com"})).await.completed();
    let customer = customers["data"][0]["id"].as_str().unwrap().to_owned();
    let charges = agent.call("stripe_list_charges", json!({"customer": customer})).await.completed();
    let charges: Vec<Value> = charges["data"].as_array().unwrap().clone();
    let (later, earlier) = (&charges[0], &charges[1]);
    let of = |charge: &Value| (charge["amount"].clone(), charge["currency"].clone());
    assert_eq!(of(later), of(earlier));
    let refunds = agent.call("stripe_list_refunds", json!({"charge": later["id"]})).await.completed();
    assert_eq!(refunds["data"], json!([]));

    // it drafts the refund, which waits
    let refund = json!({
        "charge": later["id"], "amount": later["amount"], "reason": "duplicate",
        "_reason": "Ann was charged 49.00 USD twice within two minutes for order 1042.",
    });
    let id = agent.call("stripe_create_refund", refund.clone()).await.approval_id();
    assert_eq!(agent.call("stripe_create_refund", refund.clone()).await.approval_id(), id);
    assert!(books.lock().unwrap().is_empty());

    // the person is shown what the README shows
    let shown = port.cli(["approvals", "show", &id]).done().stdout;
    let block = README.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    for line in block.lines().filter(|line| !line.contains('…')) {
        assert!(shown.lines().any(|other| other == line), "`{line}` is in the README and not in\n{shown}");
    }

    // their yes, with a code of their app
    let answer = port.approve(&id);
    assert_eq!((&answer["status"], &answer["result"]["id"]), (&json!("completed"), &json!("re_1")));
    let learnt = agent.look(&id).await.completed();
    assert_eq!(learnt["status"], json!("succeeded"));
    assert_eq!(agent.look(&id).await.completed(), learnt);
    assert_eq!(*books.lock().unwrap(), ["charge=ch_second&amount=4900&reason=duplicate"]);

    // the same once more is another question, not another refund
    assert_ne!(agent.call("stripe_create_refund", refund).await.approval_id(), id);
    assert_eq!(books.lock().unwrap().len(), 1);
    agent.leave().await;
    port.cli(["log", "verify"]).done();
}

#[test]
fn small_duplicates_in_dollars_run_and_nothing_else_does() {
    let books = Arc::<Mutex<Vec<String>>>::default();
    let upstream = shop(&books);
    let port = desk(&upstream);
    let mut wire = port.wire();
    let refund = |charge: &str, amount: i64| json!({"charge": charge, "amount": amount, "reason": "duplicate"});
    wire.call("stripe_create_refund", refund("ch_small", 400)).completed();
    wire.call("stripe_create_refund", refund("ch_yen", 400)).approval_id();
    let denied = wire.call("stripe_create_refund", refund("ch_bank", 9900));
    assert_eq!(denied.denied(), "policy");
    assert_eq!(wire.call("stripe_create_refund", refund("ch_gone", 400)).denied(), "policy");
    assert_eq!(wire.call("stripe_create_payout", json!({"amount": 1, "currency": "usd"})).denied(), "policy");
    // 20 dollars a day: the sixth asks
    for cents in [399, 398, 397, 396] {
        wire.call("stripe_create_refund", refund("ch_small", cents)).completed();
    }
    wire.call("stripe_create_refund", refund("ch_small", 395)).approval_id();
    assert_eq!(books.lock().unwrap().len(), 5);
}
