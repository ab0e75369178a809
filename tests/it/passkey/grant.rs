//! A standing permission beside a yes, by a passkey: what it signs is the grant as it was made, and nothing else is given.

use agentport::ledger::{ApprovalStatus, Grant};
use serde_json::{Value, json};

use super::{enrolled, no_factor};
use crate::{
    harness::authenticator::Authenticator,
    site::house::{Answer, Browser, House},
};

/// The form's fields for a grant: up to 600, for so many hours.
fn bounded(hours: &str) -> Vec<(&'static str, String)> {
    [
        ("grant.give", "yes"),
        ("grant.bound.charge", "same"),
        ("grant.bound.amount", "most"),
        ("grant.most.amount", "600"),
        ("grant.hours", hours),
        ("grant.uses", "2"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn with<'a>(head: &[(&'a str, &'a str)], rest: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    head.iter().copied().chain(rest.iter().map(|(name, value)| (*name, value.as_str()))).collect()
}

/// What the page is given to sign for a yes to this approval and these bounds.
async fn asked(browser: &mut Browser, id: &str, bounds: &[(&'static str, String)]) -> Answer {
    let path = format!("/approve/{id}");
    let csrf = browser.get(&path).await.csrf(&path);
    browser.post(&format!("{path}/challenge"), &with(&[("csrf", &csrf)], bounds)).await
}

fn signed(key: &mut Authenticator, given: &Answer) -> String {
    assert_eq!(given.status, 200, "{given:?}");
    let given: Value = serde_json::from_str(&given.body).unwrap();
    serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap()
}

async fn say_yes(browser: &mut Browser, id: &str, assertion: &str, fields: &[(&'static str, String)]) -> Answer {
    let path = format!("/approve/{id}");
    let page = browser.get(&path).await;
    let (csrf, seen) = (page.csrf(&path), page.seen());
    let head = [("csrf", &*csrf), ("decision", "approve"), ("seen", &seen), ("passkey", assertion)];
    browser.post(&path, &with(&head, fields)).await
}

fn grants(house: &House) -> Vec<Grant> {
    house.parts.home.grants().unwrap()
}

async fn refund(house: &House, amount: i64) -> String {
    let arguments = json!({"charge": "ch_3Nf1abcdefghijkl", "amount": amount});
    house.call("stripe_create_refund", arguments).await.to_json()["status"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn t120_t134_a_passkey_gives_the_grant_that_it_signed_whatever_comes_with_the_signature() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let first = house.refund().await;
    // what there cannot be is not signed, and says why
    let long = asked(&mut browser, &first.id, &bounded("169")).await;
    assert_eq!((long.status, long.body.as_str()), (422, "a grant lasts from 1 to 168 hours."));
    let given = asked(&mut browser, &first.id, &bounded("2")).await;
    let begun = house.now();
    let assertion = signed(&mut key, &given);
    assert!(grants(&house).is_empty(), "asking for something to sign grants nothing");
    // time passes, and the browser sends other bounds along
    house.clock.pass(60_000);
    let mut wider = bounded("168");
    wider[3].1 = "1000000".to_owned();
    wider[5].1 = "1000".to_owned();
    let path = format!("/approve/{}", first.id);
    let csrf = browser.get(&path).await.csrf(&path);
    let yes = say_yes(&mut browser, &first.id, &assertion, &wider).await;
    assert_eq!(yes.status, 303, "{}", yes.text());
    assert_eq!(house.status(&first.id).await, ApprovalStatus::Executed);
    let [grant] = grants(&house).try_into().unwrap();
    assert_eq!(grant.expires_at, begun + 2 * 3_600_000);
    assert!(grant.text.contains("amount\" = { min = 0, max = 600 }"), "{}", grant.text);
    let written = std::fs::read_to_string(house.folder.path().join("home/grants.toml")).unwrap();
    assert!(written.contains(&grant.text), "{written}");
    assert_eq!(refund(&house, 601).await, "approval_required");
    assert_eq!(refund(&house, 600).await, "completed");
    assert_eq!(refund(&house, 599).await, "completed");
    assert_eq!(refund(&house, 598).await, "approval_required", "it was for two calls");
    house.parts.home.verify().await.unwrap().unwrap();
    // once
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("passkey", &assertion)];
    assert_eq!((browser.post(&path, &fields).await.status, grants(&house).len()), (409, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn t120_t134_a_yes_that_was_signed_without_a_grant_gives_none() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let (first, second) = (house.refund().await, house.ask("stripe_create_refund", json!({"charge": "ch_2"})).await);
    let given = asked(&mut browser, &first.id, &[]).await;
    let plain = signed(&mut key, &given);
    let yes = say_yes(&mut browser, &first.id, &plain, &bounded("2")).await;
    assert_eq!((yes.status, grants(&house).len()), (303, 0), "{}", yes.text());
    // nor does one that was signed for a grant beside another approval
    let third = house.ask("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 7})).await;
    let given = asked(&mut browser, &third.id, &bounded("2")).await;
    let of_third = signed(&mut key, &given);
    assert_eq!(say_yes(&mut browser, &second.id, &of_third, &[]).await.status, 422);
    assert_eq!(say_yes(&mut browser, &third.id, &of_third, &[]).await.status, 422, "and that used it up");
    // nor one that is too old
    let given = asked(&mut browser, &third.id, &bounded("2")).await;
    let stale = signed(&mut key, &given);
    house.clock.pass(120_000);
    assert_eq!(say_yes(&mut browser, &third.id, &stale, &[]).await.status, 422);
    assert!(grants(&house).is_empty());
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
    // nobody else is given anything to sign
    let path = format!("/approve/{}/challenge", third.id);
    let fields = with(&[("csrf", "x")], &[]).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fields: Vec<_> = fields.collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(Browser::new(house.port).post(&path, &fields).await.status, 401);
    assert_eq!(browser.post(&path, &fields).await.status, 403);
}

/// Between the signing and the yes the owner put a floor under the tool: the grant is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn t120_what_a_floor_forbids_by_now_is_not_granted() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let approval = house.refund().await;
    let given = asked(&mut browser, &approval.id, &bounded("2")).await;
    let assertion = signed(&mut key, &given);
    let floor = "\n[[rule]]\nid = \"always\"\ntools = [\"stripe.create_refund\"]\ndecision = \"ask\"\nfloor = true\n";
    let path = house.folder.path().join("home/policy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    crate::site::house::write(&path, &(text + floor));
    let refused = say_yes(&mut browser, &approval.id, &assertion, &[]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("not for a grant to answer") && grants(&house).is_empty(), "{}", refused.text());
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);
    assert!(house.upstream.received_requests().await.unwrap().is_empty());
}
