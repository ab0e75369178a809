//! What the inbox says of each call that waits.

use agentport::findings::{Finding, Findings, Found};
use serde_json::json;

use super::house::House;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The sentence about what was asked lately, of the one call that waits.
async fn lately(house: &House) -> String {
    let text = house.signed_in().await.get("/").await.text();
    let mut said = text.split("Asked lately: ").skip(1);
    let sentence = said.next().unwrap_or_else(|| panic!("nothing is said: {text}")).lines().next().unwrap().to_owned();
    assert_eq!(said.count(), 0, "{text}");
    sentence
}

async fn refund(house: &House, amount: u32) -> String {
    house.clock.pass(60_000);
    let arguments = json!({"charge": "ch_3Nf1abcdefghijkl", "amount": amount});
    house.ask("stripe_create_refund", arguments).await.id.clone()
}

async fn decide(house: &House, id: &str, decision: &str) {
    let mut browser = house.signed_in().await;
    let answer = browser.decide(id, decision, &house.next_code(), "").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_says_how_often_the_like_was_asked_in_the_last_seven_days() {
    let house = House::build().await;
    let first = refund(&house, 500).await;
    assert_eq!(lately(&house).await, "first time in 7 days for this tool, account and caller");
    decide(&house, &first, "deny").await;
    let second = refund(&house, 600).await;
    assert_eq!(lately(&house).await, "once in the 7 days before: 0 approved, 1 denied, 0 done");
    decide(&house, &second, "approve").await;
    let third = refund(&house, 700).await;
    assert_eq!(lately(&house).await, "2 times in the 7 days before: 1 approved, 1 denied, 1 done");
    decide(&house, &third, "deny").await;
    // another tool is another habit
    let other = house.ask("stripe_create_customer", json!({"name": "ann"})).await;
    assert_eq!(lately(&house).await, "first time in 7 days for this tool, account and caller");
    decide(&house, &other.id, "deny").await;
    house.clock.pass(8 * DAY);
    refund(&house, 800).await;
    assert_eq!(lately(&house).await, "first time in 7 days for this tool, account and caller");
}

/// What was looked up stands there in money and names, as on the page, and what the list leaves out in the line below.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_says_in_words_what_waits_and_hides_nothing_in_them() {
    let house = House::build().await;
    let charge = json!({"id": "ch_1", "amount": 5000, "amount_refunded": 700, "currency": "eur"});
    let customer = json!({"email": "ann\u{202E}@example.com"});
    let looked = |(name, values)| Finding {
        name: String::from(name),
        source: format!("stripe.get_{name}"),
        found: Found::facts(Vec::new(), values),
    };
    let all = [("charge", charge), ("customer", customer)].map(looked).to_vec();
    let id = house.ask("stripe_create_refund", json!({"charge": "ch_1"})).await.id.clone();
    let text = house.signed_in().await.get("/").await.text();
    assert!(text.contains("Refund all that is left of the charge ch_1"), "{text}");
    let findings = Findings { at: house.now(), all };
    house.parts.ledger.note_findings(&id, &findings, house.instant()).await.unwrap();
    let text = house.signed_in().await.get("/").await.text();
    assert!(text.contains("Refund all that is left: 43.00 EUR to ann⟨U+202E⟩@example.com"), "{text}");
    assert!(text.contains("Refund a charge: charge ch_1") && text.contains("has hidden characters"), "{text}");
}
