//! The commands: people added and removed, and two of them in two processes at the same moment.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::json;

use super::attribute;
use crate::{
    harness::{Port, Reply, Upstream, authenticator::Authenticator},
    site::house::Browser,
};

const TWO: &str = "\n[[rule]]\nid = \"two\"\ntools = [\"stripe.create_refund\"]\ndecision = \"ask\"\napprovers = 2\n";

/// The owner adds ann, who enrols a passkey by the link; her recovery codes, which the terminal takes.
async fn add_ann(port: &Port) -> Vec<String> {
    let mut talk = port.cli(["people", "add", "ann", "--code-stdin", "--json"]).unseen().spawn();
    talk.say(&port.code());
    let line = talk.line();
    let url = line["url"].as_str().unwrap_or_else(|| panic!("{line}"));
    let rest = url.strip_prefix("http://localhost:").unwrap();
    let (number, path) = rest.split_once('/').unwrap();
    let (mut browser, path) = (Browser::new(number.parse().unwrap()), format!("/{path}"));
    let key = Authenticator::new(&format!("http://localhost:{number}"));
    let page = browser.get(&path).await;
    let done = browser.post(&path, &[("passkey", &key.register(&attribute(&page, "data-challenge")))]).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let codes: Vec<String> =
        done.body.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    for code in &codes {
        port.evidence().keep_from(code);
    }
    let active = talk.line();
    assert_eq!((&active["status"], &active["person"]), (&json!("active"), &json!("ann")));
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn t106_two_people_in_two_processes_are_one_request() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    // nobody could meet it yet: that is no mistake of the policy's, and doctor says so
    port.edit_policy(&format!("{}{TWO}", port.policy()));
    port.cli(["policy", "check"]).done();
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let doctor = port.cli(["doctor", "--json"]).run().stdout;
    assert!(doctor.contains("a rule takes a yes of 2 people with a factor, and there are 1"), "{doctor}");
    let codes = add_ann(&port).await;
    let people = port.cli(["people", "list", "--json"]).done().json();
    assert_eq!(people[1]["name"], json!("ann"));
    assert_eq!((&people[0]["owner"], &people[1]["owner"]), (&json!(true), &json!(false)));
    assert!(!port.cli(["doctor", "--json"]).run().stdout.contains("a rule takes a yes"));

    let mut wire = port.wire();
    for round in 0..3 {
        let id = wire.call("stripe_create_refund", json!({"charge": format!("ch_{round}")})).approval_id();
        let (mine, hers) = (port.code(), codes[round].clone());
        let both: Vec<i32> = std::thread::scope(|scope| {
            let owner = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]);
            let ann = port.cli(["approvals", "approve", &id, "--code-stdin", "--json", "--person", "ann"]);
            let both = [scope.spawn(|| owner.stdin(&mine).run().code), scope.spawn(|| ann.stdin(&hers).run().code)];
            both.into_iter().map(|one| one.join().unwrap()).collect()
        });
        // whoever came first waits for the other, whoever came second has sent it
        assert!([[0, 2], [2, 0]].iter().any(|codes| codes[..] == both[..]), "{both:?}");
        let shown = port.cli(["approvals", "show", &id, "--json"]).done().json();
        assert_eq!((&shown["status"], shown["approved_by"].as_array().unwrap().len()), (&json!("executed"), 2));
    }
    assert_eq!(upstream.lines(), ["POST /v1/refunds"; 3]);
    // another person's code is nobody's under your name
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_9"})).approval_id();
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&codes[5]).exits(1);
    port.cli(["approvals", "approve", &id, "--code-stdin", "--person", "eve"]).stdin(&codes[5]).exits(1);
    port.cli(["people", "remove", "owner", "--code-stdin"]).stdin(&port.code()).exits(1);
    port.cli(["people", "remove", "ann", "--code-stdin"]).stdin(&port.code()).done();
    assert_eq!(port.cli(["people", "list", "--json"]).done().json().as_array().unwrap().len(), 1);
    port.cli(["log", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn t054_a_first_yes_to_facts_that_have_changed_does_not_count() {
    let refunded = Arc::<AtomicU64>::default();
    let upstream = {
        let refunded = Arc::clone(&refunded);
        Upstream::start(move |request| match request.line.as_str() {
            "GET /v1/charges/ch_1" => {
                let before = refunded.load(Ordering::SeqCst);
                Reply::json(200, &json!({"id": "ch_1", "amount": 5000, "amount_refunded": before, "currency": "eur"}))
            }
            "POST /v1/refunds" => Reply::json(200, &json!({"id": "re_1", "status": "succeeded"})),
            _ => Reply::json(404, &json!({"error": {"message": "no such thing"}})),
        })
    };
    let sent = || upstream.lines().iter().filter(|line| *line == "POST /v1/refunds").count();
    let port = Port::connected(&upstream);
    port.settings(&[("look_up = false", "look_up = true")]);
    port.edit_policy(&format!("{}{TWO}", port.policy()));
    port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&port.code()).done();
    let codes = add_ann(&port).await;
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 100})).approval_id();
    let owner = |code: &str| port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(code).run();
    let ann = |code: &str| port.cli(["approvals", "approve", &id, "--code-stdin", "--person", "ann"]).stdin(code).run();
    assert_eq!(owner(&port.code()).code, 2, "it waits for the second");
    // the service changes: the second yes is not taken, and what is looked up now is what both have to say yes to
    refunded.store(4_000, Ordering::SeqCst);
    let refused = ann(&codes[0]);
    assert!(refused.code == 1 && refused.stderr.contains("Refunded before: was 0.00 EUR"), "{refused:?}");
    let first = ann(&codes[0]);
    assert_eq!((first.code, sent()), (2, 0), "{first:?}");
    let says = "said yes: ann (1 of 2); owner to facts that have changed since, which does not count";
    assert!(first.stdout.contains(says), "{first:?}");
    assert_eq!((owner(&port.code()).code, sent()), (0, 1));
    port.cli(["log", "verify"]).done();
}
