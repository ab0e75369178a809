//! The pages around the approvals: the inbox, several writes on one page, the people, the log, the policy, the agents.

use agentport::{
    findings::{Finding, Findings, Found},
    ledger::ApprovalStatus,
};
use serde_json::{Value, json};

use super::{SIZES, folder, look, says_whether_axe_judges};
use crate::{
    browser::{click, fill, has_browser, open, wait},
    site::house::House,
};

const HOUR: i64 = 60 * 60 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_the_light_are_pictured_and_mislead_nobody() {
    pages("light").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_the_dark_are_pictured_and_mislead_nobody() {
    pages("dark").await;
}

/// The open page as it is, and then, with all that folds opened, measured. `first` has to stand on a phone's first screen.
fn seen(name: &str, scheme: &str, first: &[&str]) -> Vec<Value> {
    let mut steps = Vec::new();
    for (size, width, height) in SIZES {
        for (part, full) in [("", false), ("-whole", true)] {
            let path = folder("pages").join(format!("{name}-{size}-{scheme}{part}.png"));
            steps.push(json!({"step": "screenshot", "path": path, "width": width, "height": height, "fullPage": full}));
        }
        let of = format!("{name}, {size}, {scheme}");
        steps.push(json!({"step": "inspect", "first": first, "of": of, "unfold": true}));
    }
    steps
}

/// Of one agent: what was approved, what was denied, what nobody decided, and what waits: five alike among it.
async fn busy(house: &House) -> String {
    let refund = async |amount: u32| {
        house.clock.pass(60_000);
        let arguments = json!({"charge": "ch_3Nf1abcdefghijkl", "amount": amount, "_reason": "The customer asked."});
        house.ask("stripe_create_refund", arguments).await.id.clone()
    };
    let mut browser = house.signed_in().await;
    let done = refund(500).await;
    assert_eq!(browser.decide(&done, "approve", &house.next_code(), "").await.status, 303);
    let denied = refund(99_900).await;
    assert_eq!(browser.decide(&denied, "deny", "", "Ask Ann first.").await.status, 303);
    let missed = refund(1_200).await;
    house.clock.pass(26 * HOUR);
    house.parts.ledger.sweep(house.instant()).await.unwrap();
    assert_eq!(house.status(&missed).await, ApprovalStatus::Expired);
    let waits = refund(2_500).await;
    let looked = |(name, values)| Finding {
        name: String::from(name),
        source: format!("stripe.get_{name}"),
        found: Found::facts(Vec::new(), values),
    };
    let charge = json!({"id": "ch_3Nf1abcdefghijkl", "amount": 5000, "amount_refunded": 0, "currency": "eur"});
    let all = [("charge", charge), ("customer", json!({"email": "ann@example.com"}))].map(looked).to_vec();
    let findings = Findings { at: house.now(), all };
    house.parts.ledger.note_findings(&waits, &findings, house.instant()).await.unwrap();
    house.ask("github_delete_repository", json!({"owner": "octocat", "repo": "hello-world"})).await;
    let mut first = None;
    for name in ["Ann Lee", "Bob \u{202E}eel\u{202C}", "Carol", "Dan", "Eve"] {
        house.clock.pass(1_000);
        let email = format!("{}@example.com", name.split(' ').next().unwrap().to_lowercase());
        let asked = house.ask("stripe_create_customer", json!({"name": name, "email": email})).await;
        first.get_or_insert(asked.id.clone());
    }
    first.unwrap()
}

async fn pages(scheme: &str) {
    if !has_browser() {
        return;
    }
    says_whether_axe_judges();
    let house = House::build().await;
    let first = busy(&house).await;
    let at = |path: &str| open(&format!("{}{path}", house.base));
    let mut steps = vec![
        json!({"step": "newContext", "colorScheme": scheme, "viewport": {"width": 390, "height": 844}}),
        at("/"),
        fill("#code", &house.next_code()),
        click("main button"),
        wait("h2#waiting"),
    ];
    steps.extend(seen(
        "inbox",
        scheme,
        &["Inbox", "Stop everything", "Waiting for you", "Refund 25.00 EUR to ann@example.com", "destructive"],
    ));
    steps.extend([at(&format!("/together/{first}")), wait("#approve")]);
    let shown = ["Your decision", "5 waiting calls", "production", "Stripe account default", "\"Ann Lee\""];
    steps.extend(seen("together", scheme, &shown));
    steps.extend([click(".deny-one button >> nth=1"), wait("text=4 waiting calls")]);
    steps.extend(seen("together-denied", scheme, &["4 waiting calls"]));
    for (path, name, ready, shown) in [
        ("/people", "people", "#add", &["People", "owner", "authenticator app, enrolled", "Add a factor"][..]),
        ("/log", "log", "#verify", &["Log", "stripe.create_customer", "asked by claude"]),
        ("/agents", "agents", "h1", &["Agents"]),
        ("/policy", "policy", "#explain", &["What would happen to a call?"]),
    ] {
        steps.extend([at(path), wait(ready)]);
        steps.extend(seen(name, scheme, shown));
    }
    steps.extend([
        at("/policy"),
        fill("#tool", "stripe.create_refund"),
        fill("#arguments", "{\"charge\": \"ch_1\", \"amount\": 500}"),
    ]);
    steps.extend([click("#explain"), wait(".badge.decision")]);
    steps.extend(seen("policy-explained", scheme, &["stripe.create_refund", "ask"]));
    steps.extend([at("/people/change?change=add_person&name=ann"), wait("#change")]);
    steps.extend(seen("people-change", scheme, &["Add ann", "Code from your authenticator app", "Change nothing"]));
    look(steps).await;
}
