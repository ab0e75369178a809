//! The life of an approval, as its agent sees it.

use serde_json::{Value, json};

use crate::harness::{Answer, Port, Upstream};

#[test]
fn t126_an_approval_belongs_to_its_caller() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (mut alice, mut bob) = (port.wire_as("alice"), port.wire_as("bob"));
    let refund = json!({"charge": "ch_1"});
    let id = alice.call("stripe_create_refund", refund.clone()).approval_id();
    for (tool, arguments) in [
        ("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0})),
        ("agentport_withdraw_approval", json!({"approval_id": id})),
    ] {
        let foreign = bob.call(tool, arguments);
        let made_up = bob.call(tool, json!({"approval_id": "apr_doesnotexist"}));
        assert_eq!((foreign.status(), &foreign), ("not_found", &made_up));
    }
    assert_eq!(look_at_all(&mut bob), json!([]));
    let bobs = bob.call("stripe_create_refund", refund.clone()).approval_id();
    assert_ne!(bobs, id);
    port.approve(&id);
    assert_eq!(look(&mut bob, &id).status(), "not_found");
    assert_eq!(bob.call("stripe_create_refund", refund).approval_id(), bobs);
    // the same caller, in another process
    assert_eq!(look(&mut port.wire_as("alice"), &id).completed(), json!({"id": "x"}));
    upstream.received_one("POST /v1/refunds");
}

#[test]
fn two_servers_on_one_home_share_what_waits() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (mut one, mut two) = (port.wire(), port.wire());
    let refund = json!({"charge": "ch_1", "amount": 5});
    let id = one.call("stripe_create_refund", refund.clone()).approval_id();
    assert_eq!(two.call("stripe_create_refund", refund).approval_id(), id);
    let waits = two.begin("agentport_await_approval", &json!({"approval_id": id}));
    port.approve(&id);
    assert_eq!(Answer::of(&two.answer(waits)["result"]).completed(), json!({"id": "x"}));
    assert_eq!(look(&mut one, &id).completed(), json!({"id": "x"}));
    upstream.received_one("POST /v1/refunds");
}

#[test]
fn a_denial_is_remembered_until_it_is_reopened() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let refund = json!({"charge": "ch_1"});
    let id = wire.call("stripe_create_refund", refund.clone()).approval_id();
    let denied = port.cli(["approvals", "deny", &id, "--note", "not this one", "--json"]).done().json();
    assert_eq!(denied, json!({"id": id, "status": "denied"}));
    for answer in [
        look(&mut wire, &id),
        wire.call("stripe_create_refund", refund.clone()),
        // another reason is the same call
        wire.call("stripe_create_refund", json!({"charge": "ch_1", "_reason": "please"})),
    ] {
        assert_eq!((answer.denied(), &answer.0["note"]), ("human", &json!("not this one")));
    }
    wire.call("stripe_create_refund", json!({"charge": "ch_2"})).approval_id();
    port.cli(["approvals", "reopen", &id]).done();
    assert_ne!(wire.call("stripe_create_refund", refund).approval_id(), id);
    assert_eq!(upstream.lines(), Vec::<String>::new());
    port.cli(["approvals", "reopen", &id]).exits(1);
}

#[test]
fn what_an_agent_withdraws_does_not_run() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let refund = json!({"charge": "ch_1"});
    let id = wire.call("stripe_create_refund", refund.clone()).approval_id();
    for _ in 0..2 {
        let withdrawn = wire.call("agentport_withdraw_approval", json!({"approval_id": id}));
        assert_eq!((withdrawn.status(), &withdrawn.0["by"]), ("cancelled", &json!("agent")));
        assert_eq!(withdrawn.0["approval"]["id"], json!(id));
    }
    assert_eq!(look(&mut wire, &id).0["by"], json!("agent"));
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_ne!(wire.call("stripe_create_refund", refund).approval_id(), id);
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[test]
fn the_wait_grows_and_in_the_end_the_turn_may_end() {
    let port = Port::connected(&Upstream::plain());
    let mut wire = port.wire();
    let asked = wire.call("stripe_create_refund", json!({"charge": "ch_1"}));
    let id = asked.approval_id();
    assert_eq!(asked.0["next"]["after_seconds"], json!(0));
    let answers: Vec<Answer> = (0..4).map(|_| look(&mut wire, &id)).collect();
    let waits: Vec<&Value> = answers.iter().map(|answer| &answer.0["next"]["after_seconds"]).collect();
    assert_eq!(waits, [60, 300, 1800, 1800]);
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status(), "pending");
        assert_eq!(answer.0["approval"], asked.0["approval"]);
        let may_end = answer.0["message"].as_str().unwrap().contains("you may end your turn");
        assert_eq!(may_end, index >= 2, "{answer:?}");
    }
}

#[test]
fn five_may_wait_and_the_sixth_is_denied_by_limit() {
    let port = Port::connected(&Upstream::plain());
    let mut wire = port.wire();
    let refund = |number: u32| json!({"charge": format!("ch_{number}")});
    let ids: Vec<String> = (0..5).map(|n| wire.call("stripe_create_refund", refund(n)).approval_id()).collect();
    let sixth = wire.call("stripe_create_refund", refund(5));
    assert_eq!(sixth.denied(), "limit");
    assert!(sixth.0["retry_after"].as_u64().unwrap() >= 1, "{sixth:?}");
    // what waits is still pointed to, and another caller has its own five
    assert_eq!(wire.call("stripe_create_refund", refund(0)).approval_id(), ids[0]);
    port.wire_as("other").call("stripe_create_refund", refund(5)).approval_id();
    wire.call("agentport_withdraw_approval", json!({"approval_id": ids[0]}));
    wire.call("stripe_create_refund", refund(5)).approval_id();
}

#[test]
fn await_without_an_id_gives_what_is_open_and_what_nobody_fetched() {
    let port = Port::connected(&Upstream::plain());
    let mut wire = port.wire();
    assert_eq!(look_at_all(&mut wire), json!([]));
    let refund = |wire: &mut crate::harness::Wire, charge: &str| {
        wire.call("stripe_create_refund", json!({"charge": charge})).approval_id()
    };
    let (first, second) = (refund(&mut wire, "ch_1"), refund(&mut wire, "ch_2"));
    let statuses = |all: Value| -> Vec<String> {
        all.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses(look_at_all(&mut wire)), ["pending", "pending"]);
    port.approve(&first);
    assert_eq!(statuses(look_at_all(&mut wire)), ["completed", "pending"]);
    // delivered now, and given again when it is asked for by its id
    assert_eq!(statuses(look_at_all(&mut wire)), ["pending"]);
    assert_eq!(look(&mut wire, &first).0["replayed"], json!(true));
    port.cli(["approvals", "deny", &second]).done();
    assert_eq!(statuses(look_at_all(&mut wire)), ["denied"]);
    assert_eq!(look_at_all(&mut wire), json!([]));
}

#[test]
fn t096_what_the_policy_denies_at_the_yes_is_denied_by_policy() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.cli(["policy", "set", "stripe.create_refund", "deny"]).done();
    let refused = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1);
    assert!(refused.error().contains("the policy denies this call now"), "{refused:?}");
    assert_eq!(look(&mut wire, &id).denied(), "policy");
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

fn look(wire: &mut crate::harness::Wire, id: &str) -> Answer {
    wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0}))
}

fn look_at_all(wire: &mut crate::harness::Wire) -> Value {
    let all = wire.call("agentport_await_approval", json!({"wait_seconds": 0}));
    assert_eq!(all.status(), "completed");
    all.0["approvals"].clone()
}
