//! How services are treated and what they may do: limits, repeats, pages, large answers, and a server that misbehaves
//! in every way there is, over real stdio.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{Port, Reply, Upstream};

fn failed(answer: &crate::harness::Answer) -> (String, Value, String) {
    let error = &answer.0["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&error["kind"]), error["http_status"].clone(), text(&error["message"]))
}

#[test]
fn every_refusal_is_told_with_its_status_and_the_services_words() {
    let upstream = Upstream::start(|request| {
        let status: u16 = request.line.rsplit('_').next().unwrap().parse().unwrap();
        match status {
            302 => Reply::with(302, &[("location", "http://127.0.0.1:1/elsewhere")], b""),
            status => Reply::json(status, &json!({"error": {"message": format!("no, {status}")}})),
        }
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    for (status, kind) in
        [(401, "upstream"), (403, "upstream"), (404, "upstream"), (409, "upstream"), (302, "redirect")]
    {
        let before = upstream.lines().len();
        let answer = wire.call("stripe_get_customer", json!({"customer": format!("cus_{status}")}));
        let (found, http_status, message) = failed(&answer);
        assert_eq!((found.as_str(), &http_status), (kind, &json!(status)), "{message}");
        assert!(status == 302 || message.contains(&format!("no, {status}")), "{message}");
        assert_eq!(upstream.lines().len() - before, 1, "{status} is not repeated");
    }
}

#[test]
fn a_read_is_repeated_while_that_can_help_and_a_write_never() {
    let turn = AtomicUsize::new(0);
    let upstream = Upstream::start(move |request| {
        let first = turn.fetch_add(1, Ordering::SeqCst) == 0;
        match request.line.as_str() {
            "GET /v1/customers/cus_1" if first => Reply::with(503, &[("retry-after", "0")], b"busy"),
            "GET /v1/customers/cus_1" => Reply::json(200, &json!({"id": "cus_1"})),
            _ => Reply::with(500, &[], b"broken"),
        }
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    assert_eq!(wire.call("stripe_get_customer", json!({"customer": "cus_1"})).completed(), json!({"id": "cus_1"}));
    assert_eq!(upstream.lines().len(), 2);
    assert_eq!(wire.call("stripe_get_customer", json!({"customer": "cus_2"})).failed(), "upstream");
    assert_eq!(upstream.lines().len(), 2 + 3);
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let approved = port.cli(["--json", "approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    assert_eq!(approved.json()["status"], json!("unknown"));
    assert_eq!(upstream.lines().len(), 2 + 3 + 1);
}

#[test]
fn a_limit_is_obeyed_before_the_next_request_is_sent() {
    let upstream = Upstream::start(|_| Reply::with(429, &[("retry-after", "3600")], b"{}"));
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let first = wire.call("stripe_get_customer", json!({"customer": "cus_1"}));
    let (kind, http_status, message) = failed(&first);
    assert_eq!((kind.as_str(), http_status), ("upstream", json!(429)));
    assert!(message.ends_with("it asks to wait 3600 seconds"), "{message}");
    let (kind, http_status, message) = failed(&wire.call("stripe_get_customer", json!({"customer": "cus_2"})));
    assert_eq!((kind.as_str(), http_status), ("busy", Value::Null));
    assert!(message.contains("asked us to wait") && message.ends_with("nothing was sent"), "{message}");
    assert_eq!(upstream.lines().len(), 1);
}

#[test]
fn what_is_no_json_is_handed_on_as_text_and_what_is_broken_as_nothing() {
    let upstream = Upstream::start(|request| match request.line.as_str() {
        "GET /v1/customers/cus_html" => Reply::with(200, &[("content-type", "text/html")], b"<h1>Maintenance</h1>"),
        "GET /v1/customers/cus_half" => Reply::with(200, &[("content-type", "application/json")], b"{\"id\": "),
        "GET /v1/customers/cus_bytes" => Reply::with(200, &[("content-type", "application/json")], b"\xff\xfe"),
        _ => Reply::Cut,
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let mut get = |id: &str| wire.call("stripe_get_customer", json!({"customer": id}));
    assert_eq!(get("cus_html").completed(), json!("<h1>Maintenance</h1>"));
    // as text it would be whole, with what is never kept of an answer
    let half = get("cus_half").0;
    assert_eq!(
        (&half["status"], &half["result"], &half["truncated"]),
        (&json!("completed"), &Value::Null, &json!(true))
    );
    assert_eq!(get("cus_bytes").0["truncated"], json!(true));
    assert_eq!(get("cus_cut").failed(), "network");
}

#[test]
fn a_large_answer_is_trimmed_and_says_how_to_go_on() {
    let customer = |id: &str| json!({"id": id, "email": "a@example.com", "object": "customer", "invoice_prefix": "X1"});
    let upstream = Upstream::start(move |request| {
        let last = request.line.contains("starting_after=cus_b");
        let data = if last { vec![customer("cus_c")] } else { vec![customer("cus_a"), customer("cus_b")] };
        Reply::json(200, &json!({"object": "list", "url": "/v1/customers", "has_more": !last, "data": data}))
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let first = wire.call("stripe_list_customers", json!({"limit": 2}));
    let next = first.0["next"].clone();
    let kept = |id: &str| json!({"id": id, "email": "a@example.com"});
    assert_eq!(first.completed(), json!({"has_more": true, "data": [kept("cus_a"), kept("cus_b")]}));
    let arguments = json!({"limit": 2, "starting_after": "cus_b", "account": "default"});
    assert_eq!(next, json!({"tool": "stripe_list_customers", "arguments": arguments}));

    let second = wire.call(next["tool"].as_str().unwrap(), next["arguments"].clone());
    assert_eq!(second.0.get("next"), None);
    assert_eq!(second.completed(), json!({"has_more": false, "data": [kept("cus_c")]}));

    let more = wire.call("stripe_list_customers", json!({"fields": ["data.invoice_prefix"]})).completed();
    assert_eq!(more["data"][0]["invoice_prefix"], json!("X1"));
    let all = wire.call("stripe_list_customers", json!({"fields": ["*"]})).completed();
    assert_eq!((&all["url"], &all["data"][0]), (&json!("/v1/customers"), &customer("cus_a")));
    assert!(
        upstream.lines().iter().all(|line| !line.contains("fields")),
        "what of an answer is wanted is our business"
    );
    let wrong = wire.call("stripe_list_customers", json!({"fields": ["a..b"]}));
    assert_eq!(wrong.invalid(), ["/fields/0"]);
}

#[test]
fn tools_that_are_not_listed_are_found_and_called() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let listed = wire.tools();
    let found = wire.call("agentport_find_tools", json!({"query": "answer a chargeback with evidence", "limit": 3})).0
        ["result"]
        .clone();
    let tool = found["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "stripe_update_dispute").unwrap();
    assert!(!listed.contains(&"stripe_update_dispute".to_owned()));
    assert_eq!((&tool["effect"], &tool["inputSchema"]["type"]), (&json!("write"), &json!("object")));
    let called = json!({"tool": "stripe_update_dispute", "arguments": {"dispute": "dp_1", "submit": false}});
    assert_eq!(wire.call("agentport_call_tool", called).status(), "approval_required");

    let names = |answer: Value| -> Vec<String> {
        let tools = answer["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let reads = wire.call("agentport_find_tools", json!({"query": "refund", "effect": "read"})).0["result"].clone();
    assert!(
        names(reads).iter().all(|name| name.contains("_get_") || name.contains("_list_") || name.contains("_search_"))
    );
    // not connected, so of no use
    let other = wire.call("agentport_find_tools", json!({"query": "delete a repository", "integration": "github"}));
    assert_eq!(names(other.0["result"].clone()), Vec::<String>::new());
    // always denied
    let payouts =
        wire.call("agentport_find_tools", json!({"query": "pay out our balance", "limit": 20})).0["result"].clone();
    assert!(!names(payouts).contains(&"stripe_create_payout".to_owned()));
    for (wrong, at) in [
        (json!({"query": " "}), "/query"),
        (json!({"query": "x", "integration": "strip"}), "/integration"),
        (json!({"query": "x", "effect": "all"}), "/effect"),
    ] {
        assert_eq!(wire.call("agentport_find_tools", wrong).invalid(), [at]);
    }
}

#[test]
fn a_setting_of_the_account_stands_in_the_path() {
    let upstream = Upstream::bare(|_| Reply::json(200, &json!({"uuid": "u", "email": "a@example.com", "results": []})));
    let port = Port::enrolled();
    let origin = upstream.origin();
    let connect = |account: &str, set: &[&str]| {
        let base = [
            "--json",
            "connect",
            "posthog",
            "--account",
            account,
            "--origin",
            &origin,
            "--allow-private",
            "--secret-stdin",
        ];
        port.cli(base.into_iter().chain(set.iter().copied()).collect::<Vec<_>>())
            .stdin(&format!("phx_{}", port.canary()))
    };
    let connected = connect("eu", &["--set", "project_id=7"]).done().json();
    assert_eq!(connected["settings"], json!({"project_id": "7"}));
    assert!(connect("us", &[]).exits(64).error().contains("needs the setting `project_id`"));
    connect("us", &["--set", "project_id=9"]).done();
    for (wrong, words) in
        [("project_id", "has no `=`"), ("projekt=7", "no setting `projekt`"), ("project_id=x", "is no value")]
    {
        assert!(connect("no", &["--set", wrong]).exits(64).error().contains(words), "{wrong}");
    }
    let mut wire = port.wire();
    for (account, project) in [("eu", "7"), ("us", "9")] {
        wire.call("posthog_list_feature_flags", json!({"account": account})).completed();
        let line = upstream.lines().pop().unwrap();
        assert!(line.starts_with(&format!("GET /api/projects/{project}/feature_flags/")), "{line}");
    }
    // what waits was shown with the setting of then: with another it is another account
    let delete = json!({"feature_flag": 7, "account": "us"});
    let id = wire.call("posthog_delete_feature_flag", delete).approval_id();
    connect("us", &["--set", "project_id=10"]).done();
    assert_eq!(
        wire.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 1})).status(),
        "cancelled"
    );
    // replacing the secret keeps what was set
    connect("eu", &[]).done();
    wire.call("posthog_list_feature_flags", json!({"account": "eu"})).completed();
    assert!(upstream.lines().pop().unwrap().contains("/projects/7/"));
}

/// What of the answer is wanted is no part of the call: it would be a way to have one thing approved twice.
#[test]
fn t105_a_call_is_the_same_whatever_of_its_answer_is_wanted() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({"id": "in_1", "status": "paid"})));
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let pay = |fields: &[&str]| json!({"invoice": "in_1", "fields": fields});
    let id = wire.call("stripe_pay_invoice", json!({"invoice": "in_1"})).approval_id();
    for fields in [["id"].as_slice(), &["*"]] {
        assert_eq!(wire.call("stripe_pay_invoice", pay(fields)).approval_id(), id);
    }
    port.approve(&id);
    assert_eq!(wire.call("stripe_pay_invoice", pay(&["status"])).completed()["id"], json!("in_1"));
    assert_eq!(upstream.lines(), ["POST /v1/invoices/in_1/pay"]);
}
