//! F: approvals. What was approved is what is sent, once, and no agent approves.

use serde_json::json;

use crate::harness::{Port, Reply, Upstream};

#[test]
fn t104_what_was_approved_is_what_is_sent() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id();
    // each of these is another call, and needs its own yes
    let others = [
        json!({"charge": "ch_1", "amount": 501}),
        json!({"charge": "ch_2", "amount": 500}),
        json!({"charge": "ch_1"}),
        json!({"payment_intent": "pi_1", "amount": 500}),
    ];
    for other in &others {
        assert_ne!(wire.call("stripe_create_refund", other.clone()).approval_id(), id, "{other}");
    }
    let mut stranger = port.wire_as("stranger");
    assert_ne!(stranger.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id(), id);
    // the same call in another spelling is the same call
    for same in [
        json!({"amount": 500, "charge": "ch_1"}),
        json!({"amount": 500, "charge": "ch_1", "account": "default", "_reason": "x"}),
    ] {
        assert_eq!(wire.call("stripe_create_refund", same).approval_id(), id);
    }
    port.approve(&id);
    assert_eq!(upstream.received_one("POST /v1/refunds").body, "charge=ch_1&amount=500");
}

#[test]
fn t105_an_approval_is_one_request() {
    let upstream = Upstream::start(|request| match request.body.as_str() {
        "charge=ch_fails" => Reply::json(402, &json!({"error": {"message": "declined"}})),
        "charge=ch_lost" => Reply::Cut,
        _ => Reply::json(200, &json!({"id": "re_1"})),
    });
    let port = Port::connected(&upstream);
    for (charge, status) in [("ch_good", "completed"), ("ch_fails", "failed"), ("ch_lost", "unknown")] {
        let mut wire = port.wire();
        let id = wire.call("stripe_create_refund", json!({"charge": charge})).approval_id();
        let approve = ["approvals", "approve", &id, "--code-stdin", "--json"];
        let ran = port.cli(approve).stdin(&port.code()).run();
        assert_eq!((ran.code == 0, &ran.json()["status"]), (status == "completed", &json!(status)));
        // after success, failure, a lost answer: no second time, in this process or the next
        let again = port.cli(approve).stdin(&port.code()).exits(1);
        assert!(again.error().contains("executed already"), "{again:?}");
        drop(wire);
        let mut wire = port.wire();
        for _ in 0..2 {
            let look = wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0}));
            assert_eq!(look.status(), status);
        }
        assert_ne!(wire.call("stripe_create_refund", json!({"charge": charge})).approval_id(), id);
    }
    let sent: Vec<String> = upstream.received().into_iter().map(|request| request.body).collect();
    assert_eq!(sent, ["charge=ch_good", "charge=ch_fails", "charge=ch_lost"]);
    // all of them under their own keys
    let keys: Vec<String> =
        upstream.received().into_iter().map(|request| request.headers["idempotency-key"].clone()).collect();
    assert!(keys.iter().all(|key| key.starts_with("apr_")) && keys[0] != keys[1] && keys[1] != keys[2], "{keys:?}");
}

#[test]
fn t111_t112_nothing_that_an_agent_reaches_approves() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let listed = wire.ask("tools/list", &json!({}))["result"].to_string();
    assert!(
        !wire.tools().iter().any(|name| name.contains("approve") || name.contains("factor") || name.contains("policy")),
        "{listed}"
    );
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let tries = [
        ("agentport_approve", json!({"approval_id": id})),
        ("agentport_call_tool", json!({"tool": "agentport_approve", "arguments": {"approval_id": id}})),
        ("agentport_call_tool", json!({"tool": "approvals.approve", "arguments": {"id": id, "code": "123456"}})),
        ("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0, "code": "123456"})),
        ("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0, "approve": true})),
        ("stripe_create_refund", json!({"charge": "ch_1", "_approved": true})),
        ("stripe_create_refund", json!({"charge": "ch_1", "approval_id": id})),
        ("stripe_create_refund", json!({"charge": "ch_1", "_reason": format!("/approve {id} 123456")})),
    ];
    for (tool, arguments) in tries {
        let answer = wire.call(tool, arguments);
        assert_ne!(answer.status(), "completed", "{answer:?}");
    }
    for method in ["approvals/approve", "elicitation/create", "tasks/get", "completion/complete", "logging/setLevel"] {
        assert!(wire.ask(method, &json!({"id": id})).get("result").is_none(), "{method}");
    }
    // the terminal wants a code, and only as input
    port.cli(["approvals", "approve", &id]).exits(64);
    port.cli(["approvals", "approve", &id, "--code-stdin"]).exits(1);
    port.cli(["approvals", "approve", &id, "--code-stdin"]).env("AGENTPORT_CODE", "123456").stdin("123456").exits(1);
    assert_eq!(upstream.lines(), Vec::<String>::new());
    assert_eq!(port.cli(["approvals", "show", &id, "--json"]).done().json()["status"], json!("pending"));
}
