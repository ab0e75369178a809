//! What stands until somebody ends it: the lock and the grants, by the commands of the real program.

use serde_json::{Value, json};

use crate::{
    harness::{Port, Upstream},
    site::house::Browser,
};

fn refund(amount: u64) -> Value {
    json!({"charge": "ch_1", "amount": amount})
}

#[test]
fn lock_refuses_every_call_of_every_process_until_unlock() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    port.allow("stripe.list_customers");
    let (mut first, mut second) = (port.wire(), port.wire_as("claude"));
    let waiting = first.call("stripe_create_refund", refund(1)).approval_id();
    first.call("stripe_list_customers", json!({})).completed();
    let before = upstream.lines().len();

    // not without a code, and not with a wrong one
    port.cli(["lock", "--code-stdin", "--json"]).stdin("000000").exits(1);
    first.call("stripe_list_customers", json!({})).completed();
    let code = port.code();
    assert_eq!(port.cli(["lock", "--code-stdin", "--json"]).stdin(&code).done().json(), json!({"locked": true}));
    for wire in [&mut first, &mut second] {
        assert_eq!(wire.call("stripe_list_customers", json!({})).denied(), "lock");
        assert_eq!(wire.call("stripe_create_refund", refund(2)).denied(), "lock");
    }
    // what waited is cancelled, and a yes comes too late
    let shown = port.cli(["approvals", "show", &waiting, "--json"]).done().json();
    assert_eq!(shown["status"], json!("cancelled"));
    port.cli(["approvals", "approve", &waiting, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert!(port.cli(["doctor"]).run().stdout.contains("locked"), "doctor says so");
    assert_eq!(upstream.lines().len(), before + 1);

    // the code that locked does not unlock
    port.cli(["unlock", "--code-stdin", "--json"]).stdin(&code).exits(1);
    assert_eq!(first.call("stripe_list_customers", json!({})).denied(), "lock");
    let open = port.cli(["unlock", "--code-stdin", "--json"]).stdin(&port.code()).done().json();
    assert_eq!(open["locked"], json!(false));
    assert!(open["since"].as_str().unwrap().ends_with('Z'));
    first.call("stripe_list_customers", json!({})).completed();
    second.call("stripe_create_refund", refund(3)).approval_id();
    // where nothing is locked, nothing is asked
    assert_eq!(port.cli(["unlock", "--json"]).done().json(), json!({"locked": false}));
    let log: Vec<_> = port.log().iter().map(|line| line["status"].as_str().unwrap().to_owned()).collect();
    for status in ["locked", "unlocked"] {
        assert!(log.iter().any(|word| word == status), "{status} is not in {log:?}");
    }
    port.cli(["log", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn t120_grants_are_listed_and_revoked_at_the_terminal() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    assert_eq!(port.cli(["grants", "list"]).done().stdout, "nothing is granted\n");
    assert_eq!(port.cli(["grants", "list", "--json"]).done().json(), json!([]));
    let mut wire = port.wire();
    let asked = wire.call("stripe_create_refund", refund(50));
    let (id, url) = (asked.approval_id(), asked.0["approval"]["url"].as_str().unwrap().to_owned());
    // the person gives it on the page
    let site: u16 = url.split(':').nth(2).unwrap().split('/').next().unwrap().parse().unwrap();
    let (mut browser, path) = (Browser::new(site), format!("/approve/{id}"));
    assert_eq!(browser.post("/login", &[("code", &port.code()), ("next", &path)]).await.status, 303);
    let page = browser.get(&path).await;
    let (csrf, seen, code) = (page.csrf(&path), page.seen(), port.code());
    let fields = [
        ("csrf", csrf.as_str()),
        ("decision", "approve"),
        ("seen", &seen),
        ("code", &code),
        ("grant.give", "yes"),
        ("grant.bound.amount", "most"),
        ("grant.most.amount", "60"),
        ("grant.hours", "2"),
        ("grant.uses", "5"),
    ];
    let given = browser.post(&path, &fields).await;
    assert_eq!(given.status, 303, "{}", given.text());

    let listed = port.cli(["grants", "list", "--json"]).done().json();
    let grant = listed[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&listed[0]["tool"], &listed[0]["state"]), (&json!("stripe.create_refund"), &json!("live")));
    let text = port.cli(["grants", "list"]).done().stdout;
    assert!(text.contains(&grant) && text.contains("\"amount\" = { min = 0, max = 60 }"), "{text}");
    wire.call("stripe_create_refund", refund(60)).completed();
    wire.call("stripe_create_refund", refund(61)).approval_id();

    // revoked without a code, in force at once in a process that runs already; once
    assert_eq!(port.cli(["grants", "revoke", &grant, "--json"]).done().json(), json!({"revoked": grant}));
    wire.call("stripe_create_refund", refund(59)).approval_id();
    port.cli(["grants", "revoke", &grant]).exits(1);
    port.cli(["grants", "revoke", "grt_nobody"]).exits(1);
    assert_eq!(port.cli(["grants", "list", "--json"]).done().json(), json!([]));
    assert_eq!(upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count(), 2);
    port.cli(["log", "verify"]).done();
}
