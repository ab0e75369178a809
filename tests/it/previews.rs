//! What the gateway looks up by itself for who has to approve: kept with the approval, shown, and true at the yes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{Port, Reply, Upstream};

/// A charge of 50 EUR of a customer, of which so much went back before.
fn shop(refunded: &Arc<AtomicU64>) -> Upstream {
    let refunded = Arc::clone(refunded);
    Upstream::start(move |request| match request.line.as_str() {
        "GET /v1/charges/ch_1" => Reply::json(
            200,
            &json!({
                "id": "ch_1", "amount": 5000, "amount_refunded": refunded.load(Ordering::SeqCst), "currency": "eur",
                "created": 1_700_000_000, "status": "succeeded", "customer": "cus_1", "disputed": false,
            }),
        ),
        "GET /v1/customers/cus_1" => {
            Reply::json(200, &json!({"id": "cus_1", "email": "ann@example.com", "name": "Ann \u{202e}"}))
        }
        "POST /v1/refunds" => Reply::json(200, &json!({"id": "re_1", "status": "succeeded"})),
        _ => Reply::json(404, &json!({"error": {"message": "no such thing"}})),
    })
}

fn port(upstream: &Upstream) -> Port {
    let port = Port::connected(upstream);
    port.settings(&[("look_up = false", "look_up = true")]);
    port
}

/// What was looked up, once it was.
fn facts(port: &Port, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let shown = port.cli(["approvals", "show", id, "--json"]).done().json();
        if shown["facts"].is_object() {
            return shown["facts"].clone();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing was looked up: {shown}");
    }
}

#[test]
fn a_refund_is_shown_with_its_charge_and_its_customer() {
    let upstream = shop(&Arc::default());
    let port = port(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 1200})).approval_id();
    let facts = facts(&port, &id);
    let looks: Vec<_> = facts["all"].as_array().unwrap().iter().map(|look| look["source"].clone()).collect();
    assert_eq!(looks, [json!("stripe.get_charge"), json!("stripe.get_customer")]);
    let charged = json!({"label": "Charged", "value": 5000, "meaning": {"money": "eur"}});
    assert_eq!(facts["all"][0]["found"]["facts"]["shown"][0], charged);
    let text = port.cli(["approvals", "show", &id]).done().stdout;
    for line in [
        "in words     Refund 12.00 EUR to ann@example.com",
        "undo         none",
        "charge: Charged = 50.00 EUR (5000)",
        "charge: Refunded before = 0.00 EUR (0)",
        "customer: Customer's name = \"Ann ⟨U+202E⟩\"",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    // it is a read of the product's own, in the log like every other, and the facts are part of what `verify` covers
    let log = port.cli(["log", "list", "--caller", "agentport", "--json"]).done().json();
    assert!(log.as_array().unwrap().iter().any(|line| line["tool"] == json!("stripe.get_charge")), "{log}");
    port.approve(&id);
    assert_eq!(upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count(), 1);
    port.cli(["log", "verify"]).done();
    let database = rusqlite::Connection::open(port.home().join("agentport.db")).unwrap();
    database.execute("UPDATE payload SET text = replace(text, '5000', '6000') WHERE role = 'facts'", []).unwrap();
    port.cli(["log", "verify"]).exits(1);
}

#[test]
fn t054_a_yes_to_facts_that_have_changed_is_not_taken() {
    let refunded: Arc<AtomicU64> = Arc::default();
    let upstream = shop(&refunded);
    let port = port(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    facts(&port, &id);
    refunded.store(5000, Ordering::SeqCst);
    let code = port.code();
    let refused = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&code).exits(1);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("charge: Refunded before: was 0.00 EUR (0), is 50.00 EUR (5000)"), "{message}");
    assert!(!upstream.lines().contains(&"POST /v1/refunds".to_owned()));
    // it waits on, and the code was not spent: now that the person has seen it, it is taken
    port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&code).done();
    assert_eq!(upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count(), 1);
}

#[test]
fn what_cannot_be_looked_up_says_so_and_blocks_nothing() {
    let upstream = shop(&Arc::default());
    let port = port(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_2", "amount": 1})).approval_id();
    let facts = facts(&port, &id);
    assert!(facts["all"][0]["found"]["problem"].is_string(), "{facts}");
    assert!(!port.cli(["approvals", "show", &id]).done().stdout.contains("in words"));
    port.approve(&id);
    assert!(upstream.lines().contains(&"POST /v1/refunds".to_owned()));
}

#[test]
fn a_read_that_the_policy_denies_is_not_made_for_an_approver_either() {
    let upstream = shop(&Arc::default());
    let port = port(&upstream);
    port.cli(["policy", "set", "stripe.get_charge", "deny", "--json"]).done();
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let facts = facts(&port, &id);
    let why = facts["all"][0]["found"]["problem"].as_str().unwrap();
    assert!(why.contains("the policy does not allow this read (`stripe.get_charge`)"), "{why}");
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

/// A mailbox that has written to Ann, and answers no search for Eve.
fn mailbox() -> Upstream {
    Upstream::bare(|request| {
        let (path, query) = request.line.split_once('?').unwrap_or((&request.line, ""));
        match path {
            "GET /gmail/v1/users/me/profile" => Reply::json(200, &json!({"emailAddress": "sam@acme.example"})),
            "GET /gmail/v1/users/me/messages" if query.contains("eve") => {
                Reply::json(500, &json!({"error": {"message": "try later"}}))
            }
            "GET /gmail/v1/users/me/messages" if query.contains("ann") => Reply::json(
                200,
                &json!({"messages": [{"id": "18c2f0", "threadId": "18c2f0"}], "resultSizeEstimate": 1}),
            ),
            "GET /gmail/v1/users/me/messages" => Reply::json(200, &json!({"resultSizeEstimate": 0})),
            _ => Reply::json(200, &json!({"id": "18c2f1"})),
        }
    })
}

#[test]
fn t164_who_gets_a_first_mail_is_looked_up_and_what_is_not_known_is_not_said() {
    let upstream = mailbox();
    let port = Port::enrolled();
    port.settings(&[("look_up = false", "look_up = true")]);
    let origin = upstream.origin();
    let connect = ["connect", "gmail", "--origin", &origin, "--allow-private", "--secret-stdin", "--json"];
    port.cli(connect).stdin(port.canary()).done();
    let mut wire = port.wire();
    let mail = json!({
        "to": ["Ann <ann@acme.example>", "bo@Acrne.example"], "cc": ["eve@acme.example"], "bcc": ["o'neil@acme.example", "ann@acme.example"],
        "subject": "Hi", "text": "Hi",
    });
    let id = wire.call("gmail_send_email", mail.clone()).approval_id();
    let facts = facts(&port, &id);
    let before = facts["all"].as_array().unwrap().iter().find(|look| look["name"] == "before").unwrap().clone();
    assert_eq!(before["source"], json!("gmail.search_emails"));
    let shown: Vec<_> = before["found"]["facts"]["shown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fact| (fact["label"].as_str().unwrap().to_owned(), fact["value"].clone()))
        .collect();
    let to = |address: &str| format!("To {address}");
    assert_eq!(
        shown,
        [
            (to("ann@acme.example"), json!(true)),
            (to("bo@acrne.example"), json!(false)),
            (to("eve@acme.example"), json!(null)),
            // an apostrophe could mean something to a search
            (to("o'neil@acme.example"), json!(null)),
        ]
    );
    let text = port.cli(["approvals", "show", &id]).done().stdout;
    for line in [
        "before: To ann@acme.example = written to before (true)",
        "before: To bo@acrne.example = first mail from this account, as far as its sent mail says (false)",
        "before: To eve@acme.example = not looked up whether it was written to before (null)",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    // one page, one id, of what was sent; each in the log like any read
    let searches: Vec<_> = upstream.lines().into_iter().filter(|line| line.contains("/messages?")).collect();
    assert!(
        searches
            .contains(&"GET /gmail/v1/users/me/messages?q=in%3Asent%20to%3Aann%40acme.example&maxResults=1".to_owned()),
        "{searches:?}"
    );
    assert!(searches.iter().all(|line| !line.contains("neil")), "{searches:?}");
    let log = port.cli(["log", "list", "--caller", "agentport", "--json"]).done().json();
    assert!(log.as_array().unwrap().iter().any(|line| line["tool"] == json!("gmail.search_emails")), "{log}");

    // where the policy keeps such searches to people, it says so, and nobody passes for known or unknown
    port.cli(["policy", "set", "gmail.search_emails", "deny", "--json"]).done();
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let mut mail = mail;
    mail["subject"] = json!("Once more");
    let id = wire.call("gmail_send_email", mail).approval_id();
    let facts = self::facts(&port, &id);
    let before = facts["all"].as_array().unwrap().iter().find(|look| look["name"] == "before").unwrap().clone();
    let why = before["found"]["problem"].as_str().unwrap();
    assert!(why.contains("the policy does not allow this read"), "{why}");
}
