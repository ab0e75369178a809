//! The server as an agent host sees it: the handshakes, the list of tools, the life of an approval, and the end.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use agentport::{
    app::App,
    approval::{Code, PersonId},
    call::Caller,
    clock::SteppingClock,
    config::Environment,
    gateway::{Gateway, Presented},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, Port, Reply, Upstream, now};

const BUILT_IN: [&str; 5] = [
    "agentport_await_approval",
    "agentport_call_tool",
    "agentport_find_tools",
    "agentport_list_integrations",
    "agentport_withdraw_approval",
];

/// Less than the 30 s for which running sends are waited for, and more than a loaded machine takes for anything.
const WELL_BEFORE_A_DRAIN: Duration = Duration::from_secs(20);

#[test]
fn every_revision_with_a_handshake_is_served() {
    let port = Port::new();
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut wire = port.silent_wire("local");
        let said = wire.initialize(revision);
        assert_eq!(said["protocolVersion"], json!(revision));
        assert_eq!(said["capabilities"], json!({"tools": {"listChanged": true}}));
        assert_eq!(said["serverInfo"]["name"], json!("agentport"));
        assert_eq!(said["serverInfo"]["version"], json!(env!("CARGO_PKG_VERSION")));
        assert_eq!(wire.tools(), BUILT_IN, "{revision}");
        assert_eq!(wire.call("agentport_list_integrations", json!({})).status(), "completed");
        assert_eq!(wire.end().code, Some(0));
    }
}

#[test]
fn the_revision_without_a_handshake_is_served() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.silent_wire("local");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let found = wire.ask("server/discover", &json!({"_meta": meta}));
    let versions = found["result"]["supportedVersions"].as_array().unwrap();
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        assert!(versions.contains(&json!(revision)), "{found}");
    }
    let listed = wire.ask("tools/list", &json!({"_meta": meta}));
    assert!(listed["result"]["tools"].as_array().unwrap().len() > BUILT_IN.len());
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments, "_meta": meta});
    let read = wire.ask("tools/call", &call("stripe_list_customers", json!({})));
    assert_eq!(Answer::of(&read["result"]).completed(), json!({"id": "x"}));
    let asked = wire.ask("tools/call", &call("stripe_create_refund", json!({"charge": "ch_1"})));
    let id = Answer::of(&asked["result"]).approval_id();
    port.approve(&id);
    let outcome = wire.ask("tools/call", &call("agentport_await_approval", json!({"approval_id": id})));
    assert_eq!(Answer::of(&outcome["result"]).completed(), json!({"id": "x"}));
    assert_eq!(wire.end().code, Some(0));
}

#[test]
fn the_list_of_tools_is_sorted_closed_and_says_what_each_does() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let listed = wire.ask("tools/list", &json!({}));
    assert_eq!(wire.ask("tools/list", &json!({}))["result"], listed["result"]);
    let mut other = port.wire_as("claude");
    assert_eq!(other.ask("tools/list", &json!({}))["result"], listed["result"]);
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() <= 40, "{names:?}");
    assert!(BUILT_IN.iter().all(|name| names.contains(name)), "{names:?}");
    assert!(names.iter().all(|name| BUILT_IN.contains(name) || name.starts_with("stripe_")), "{names:?}");
    // what the policy always denies is not shown
    assert!(!names.contains(&"stripe_create_payout"));
    for tool in tools {
        assert_eq!(tool.get("outputSchema"), None, "{tool}");
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{tool}");
        }
        let schema = &tool["inputSchema"];
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)), "{tool}");
        for word in ["anyOf", "oneOf", "allOf", "$ref", "$defs"] {
            assert_eq!(schema.get(word), None, "{tool}");
        }
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.contains_key("_reason"), "{tool}");
        assert!(properties.values().all(|property| property["description"].is_string()), "{tool}");
        if !BUILT_IN.contains(&tool["name"].as_str().unwrap()) {
            assert_eq!(properties["account"]["enum"], json!(["default"]), "{tool}");
            assert!(!schema["required"].as_array().is_some_and(|required| required.contains(&json!("account"))));
        }
    }
    let hints = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == json!(name)).unwrap();
        (tool["annotations"]["readOnlyHint"].clone(), tool["annotations"]["destructiveHint"].clone())
    };
    assert_eq!(hints("stripe_list_customers"), (json!(true), json!(false)));
    assert_eq!(hints("stripe_create_refund"), (json!(false), json!(true)));
}

#[test]
fn with_two_accounts_the_account_must_be_named() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let origin = upstream.origin();
    let arguments = ["connect", "stripe", "--account", "eu", "--origin", &origin, "--allow-private", "--secret-stdin"];
    port.cli(arguments).stdin(port.canary()).done();
    let mut wire = port.wire();
    let listed = wire.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    for tool in tools.iter().filter(|tool| !BUILT_IN.contains(&tool["name"].as_str().unwrap())) {
        let schema = &tool["inputSchema"];
        assert_eq!(schema["properties"]["account"]["enum"], json!(["default", "eu"]), "{tool}");
        assert!(schema["required"].as_array().unwrap().contains(&json!("account")), "{tool}");
    }
    assert_eq!(wire.call("stripe_list_customers", json!({})).invalid(), ["/account"]);
    assert_eq!(wire.call("stripe_list_customers", json!({"account": "us"})).invalid(), ["/account"]);
    assert_eq!(wire.call("stripe_list_customers", json!({"account": "eu"})).completed(), json!({"id": "x"}));
}

#[test]
fn without_a_home_it_starts_and_says_that_a_human_must_finish() {
    let port = Port::empty();
    let mut wire = port.wire();
    assert_eq!(wire.tools(), BUILT_IN);
    let calls = [
        ("agentport_list_integrations", json!({})),
        ("agentport_find_tools", json!({"query": "refund"})),
        ("agentport_await_approval", json!({})),
        ("agentport_withdraw_approval", json!({"approval_id": "apr_x"})),
        ("agentport_call_tool", json!({"tool": "stripe_list_customers", "arguments": {}})),
        ("stripe_list_customers", json!({})),
    ];
    for (tool, arguments) in calls {
        let answer = wire.call(tool, arguments);
        assert_eq!(answer.failed(), "setup", "{tool}");
        names_no_way_round(&answer);
        assert!(
            answer.0["error"]["message"].as_str().unwrap().contains("a human must finish the set-up"),
            "{answer:?}"
        );
    }
    assert!(!port.home().exists());
    assert_eq!(wire.end().code, Some(0));
}

#[test]
fn what_is_set_up_while_it_runs_is_seen() {
    let upstream = Upstream::plain();
    let port = Port::empty();
    let mut wire = port.wire();
    assert_eq!(wire.tools(), BUILT_IN);
    port.init();
    let answer = wire.call("stripe_list_customers", json!({}));
    assert_eq!(answer.failed(), "setup");
    names_no_way_round(&answer);
    port.connect_stripe(&upstream.origin());
    wire.told("notifications/tools/list_changed");
    assert!(wire.tools().contains(&"stripe_create_refund".to_owned()));
    assert_eq!(wire.call("stripe_list_customers", json!({})).completed(), json!({"id": "x"}));
    // nobody could approve yet
    let answer = wire.call("stripe_create_refund", json!({"charge": "ch_1"}));
    assert_eq!(answer.failed(), "setup");
    names_no_way_round(&answer);
    port.enrol();
    wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    // an edit that denies counts at once, and hides what is always denied
    port.cli(["policy", "set", "stripe.create_refund", "deny"]).done();
    wire.told("notifications/tools/list_changed");
    assert!(!wire.tools().contains(&"stripe_create_refund".to_owned()));
    assert_eq!(wire.call("stripe_create_refund", json!({"charge": "ch_1"})).denied(), "policy");
    port.cli(["disconnect", "stripe"]).done();
    wire.told("notifications/tools/list_changed");
    assert_eq!(wire.tools(), BUILT_IN);
    assert_eq!(wire.call("stripe_list_customers", json!({})).failed(), "setup");
    assert_eq!(upstream.lines(), ["GET /v1/customers"]);
}

#[test]
fn a_client_of_the_newest_revision_is_told_of_changes_when_it_listens() {
    let upstream = Upstream::plain();
    let port = Port::new();
    let mut wire = port.silent_wire("local");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
    wire.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}));
    wire.told("notifications/subscriptions/acknowledged");
    port.connect_stripe(&upstream.origin());
    wire.told("notifications/tools/list_changed");
    assert_eq!(wire.end().code, Some(0));
}

#[test]
fn at_the_end_of_input_what_runs_is_answered_and_waits_end() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = Upstream::start(move |_| {
        gate.lock().unwrap().recv().ok();
        Reply::json(200, &json!({"data": []}))
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let waits = wire.begin("agentport_await_approval", &json!({"approval_id": id}));
    let reads = wire.begin("stripe_list_customers", &json!({}));
    upstream.arrival();
    wire.close();
    let pending = Answer::of(&wire.answer(waits)["result"]);
    assert_eq!((pending.status(), &pending.0["executed"]), ("pending", &json!(false)));
    release.send(()).unwrap();
    assert_eq!(Answer::of(&wire.answer(reads)["result"]).completed(), json!({"data": []}));
    let ended = wire.wait();
    assert_eq!((ended.code, ended.rest), (Some(0), vec![]));
    assert!(ended.after < WELL_BEFORE_A_DRAIN, "{:?}", ended.after);
}

#[test]
fn an_idle_server_ends_with_its_input() {
    let port = Port::new();
    for wire in [port.wire(), port.silent_wire("local")] {
        let ended = wire.end();
        assert_eq!(ended.code, Some(0));
        assert!(ended.after < WELL_BEFORE_A_DRAIN, "{:?}", ended.after);
    }
}

#[test]
fn a_write_that_hangs_when_the_server_is_told_to_end_is_unknown() {
    let upstream = Upstream::start(|_| Reply::Hang);
    let port = Port::connected(&upstream);
    port.allow("stripe.create_customer");
    let mut wire = port.wire();
    wire.begin("stripe_create_customer", &json!({"name": "x"}));
    upstream.arrival();
    assert_eq!(port.calls().last().unwrap().1, "sending");
    wire.terminate();
    let ended = wire.wait();
    assert_eq!(ended.code, Some(0));
    assert!(Duration::from_secs(1) < ended.after && ended.after < WELL_BEFORE_A_DRAIN, "{:?}", ended.after);
    assert_eq!(port.calls().last().unwrap(), &("stripe.create_customer".to_owned(), "unknown".to_owned()));
    assert_eq!(upstream.lines(), ["POST /v1/customers"]);
    port.cli(["log", "verify"]).done();
}

#[test]
fn a_write_that_hung_when_the_server_was_killed_is_unknown_for_the_next_one() {
    let upstream = Upstream::start(|_| Reply::Hang);
    let port = Port::connected(&upstream);
    port.allow("stripe.create_customer");
    let mut wire = port.wire();
    wire.begin("stripe_create_customer", &json!({"name": "x"}));
    upstream.arrival();
    // the drop kills it
    drop(wire);
    assert_eq!(port.calls().last().unwrap().1, "unknown");
    port.cli(["log", "verify"]).done();
}

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

/// The clock of a test: what no real minute can be waited for.
#[tokio::test(flavor = "multi_thread")]
async fn t108_an_approval_lives_until_its_last_millisecond() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (gateway, clock) = stepped(&port.home());
    let hour = 3_600_000;

    let in_time = approval_id(&refund(&gateway, "ch_1").await);
    clock.pass(hour - 1);
    gateway.approve(&in_time, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap();
    assert_eq!(status(&gateway, &in_time).await, "completed");

    for late in [0, 1] {
        let id = approval_id(&refund(&gateway, "ch_2").await);
        clock.pass(hour + late);
        let refused = gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap_err();
        assert_eq!(refused.to_string(), "it is expired already; nothing was changed");
        let expired = gateway.await_approval(&local(), Some(&id), Duration::ZERO, &CancellationToken::new()).await;
        let expired = expired.to_json();
        assert_eq!((&expired["status"], &expired["approval"]["id"]), (&json!("expired"), &json!(id)));
        assert_ne!(approval_id(&refund(&gateway, "ch_2").await), id);
        clock.pass(hour);
    }

    // a denial stands as long as the approval would have
    let id = approval_id(&refund(&gateway, "ch_3").await);
    gateway.deny(&id, None).await.unwrap();
    clock.pass(hour - 1);
    assert_eq!(refund(&gateway, "ch_3").await["by"], json!("human"));
    clock.pass(1);
    assert_ne!(approval_id(&refund(&gateway, "ch_3").await), id);

    // the first repeat fetches an outcome for a day, then it is a new call
    let day = 24 * hour;
    for (waits, fetched) in [(day - 1, true), (day, false)] {
        let charge = format!("ch_day{waits}");
        let id = approval_id(&refund(&gateway, &charge).await);
        gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap();
        clock.pass(waits);
        assert_eq!(refund(&gateway, &charge).await["status"] == json!("completed"), fetched);
    }
    assert_eq!(upstream.lines(), ["POST /v1/refunds"; 3]);
    port.cli(["log", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_clock_was_set_back_nothing_is_approved_until_it_has_caught_up() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let (gateway, clock) = stepped(&port.home());
    let begun = agentport::clock::Clock::now(&clock).wall;
    clock.pass(600_000);
    let id = approval_id(&refund(&gateway, "ch_1").await);
    clock.set_wall(begun);
    let refused =
        gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap_err().to_string();
    assert!(refused.contains("clock"), "{refused}");
    assert_eq!(upstream.lines(), Vec::<String>::new());
    clock.pass(600_000);
    gateway.approve(&id, &Presented::Code(&PersonId::owner(), &code(&port))).await.unwrap();
    upstream.received_one("POST /v1/refunds");
    // set back, it would wait for ever by the wall: the boot clock ends it
    let id = approval_id(&refund(&gateway, "ch_2").await);
    clock.set_wall(begun);
    clock.pass(3_600_000);
    assert_eq!(status(&gateway, &id).await, "expired");
}

fn stepped(home: &Path) -> (Arc<Gateway>, SteppingClock) {
    let clock = SteppingClock::starting_at(i64::try_from(now()).unwrap() * 1000 + 60_000);
    let app = App::with_clock(Environment::of_home(home), Arc::new(clock.clone()));
    (app.gateway(), clock)
}

fn local() -> Caller {
    Caller::parse("local").unwrap()
}

async fn refund(gateway: &Arc<Gateway>, charge: &str) -> Value {
    let arguments = Map::from_iter([("charge".to_owned(), json!(charge))]);
    gateway.call(&local(), "stripe_create_refund", arguments, CancellationToken::new()).await.to_json()
}

async fn status(gateway: &Arc<Gateway>, id: &str) -> String {
    let reply = gateway.await_approval(&local(), Some(id), Duration::ZERO, &CancellationToken::new()).await;
    reply.status().to_owned()
}

fn approval_id(answer: &Value) -> String {
    assert_eq!(answer["status"], json!("approval_required"), "{answer}");
    answer["approval"]["id"].as_str().unwrap().to_owned()
}

/// Recovery codes: the clock of these tests is not the app's.
fn code(port: &Port) -> Code {
    loop {
        let code = Code::parse(&port.code()).unwrap();
        if matches!(code, Code::Recovery(_)) {
            return code;
        }
    }
}

fn look(wire: &mut crate::harness::Wire, id: &str) -> Answer {
    wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0}))
}

fn look_at_all(wire: &mut crate::harness::Wire) -> Value {
    let all = wire.call("agentport_await_approval", json!({"wait_seconds": 0}));
    assert_eq!(all.status(), "completed");
    all.0["approvals"].clone()
}

/// No answer to an agent names a command, a route or a code that enrols or approves.
fn names_no_way_round(answer: &Answer) {
    let text = answer.0.to_string();
    for word in ["agentport init", "agentport connect", "agentport factor", "--", "`agentport", "/approve", "enrol"] {
        assert!(!text.contains(word), "{text}");
    }
}
