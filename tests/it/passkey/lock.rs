//! The lock, and shutting an agent out, by a passkey instead of a code.

use agentport::{
    call::Caller,
    clock::Clock as _,
    ledger::{Reach, sqlite::NewAgent},
};
use serde_json::Value;

use super::{enrolled, no_factor};
use crate::{
    harness::authenticator::Authenticator,
    site::house::{Browser, House},
};

async fn signed(browser: &mut Browser, key: &mut Authenticator, what: &str) -> String {
    let csrf = browser.get("/").await.csrf("/lock");
    let given = browser.post(&format!("/{what}/challenge"), &[("csrf", &csrf)]).await;
    assert_eq!(given.status, 200, "{given:?}");
    let given: Value = serde_json::from_str(&given.body).unwrap();
    serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap()
}

async fn set(browser: &mut Browser, what: &str, signed: &str) -> u16 {
    let csrf = browser.get("/").await.csrf("/lock");
    browser.post("/lock", &[("csrf", &csrf), ("set", what), ("passkey", signed)]).await.status
}

async fn is_locked(house: &House) -> bool {
    house.parts.home.locked_since().await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_locks_and_unlocks_and_one_signature_is_for_one_of_them() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let approval = house.refund().await;
    // what was signed for ending a lock begins none, and the other way round
    let other = signed(&mut browser, &mut key, "unlock").await;
    assert_eq!(set(&mut browser, "lock", &other).await, 422);
    assert!(!is_locked(&house).await);
    let lock = signed(&mut browser, &mut key, "lock").await;
    assert_eq!(set(&mut browser, "lock", &lock).await, 303);
    assert!(is_locked(&house).await);
    assert_eq!(house.status(&approval.id).await.to_string(), "cancelled");
    for used in [&lock, &other, "{}"] {
        assert_eq!(set(&mut browser, "unlock", used).await, 422);
    }
    let unlock = signed(&mut browser, &mut key, "unlock").await;
    assert_eq!(set(&mut browser, "unlock", &unlock).await, 303);
    assert!(!is_locked(&house).await);
    // nobody else is given anything to sign
    let mut stranger = Browser::new(house.port);
    assert_eq!(stranger.post("/lock/challenge", &[("csrf", "x")]).await.status, 401);
    assert_eq!(browser.post("/lock/challenge", &[("csrf", "x")]).await.status, 403);
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_shuts_out_the_one_agent_that_it_was_asked_for() {
    let house = no_factor().await;
    // before the first factor the owner need not prove anything
    for name in ["claude", "codex"] {
        let agent = NewAgent { name: Caller::parse(name).unwrap(), reach: Reach::All, user: None, expires_at: None };
        drop(house.parts.home.add_agent(agent, None, house.clock.now()).await.unwrap());
    }
    let (mut browser, mut key) = enrolled(&house).await;
    let mut signed = Vec::new();
    for name in ["claude", "codex"] {
        let path = format!("/agents/{name}");
        let csrf = browser.get(&path).await.csrf(&path);
        let given = browser.post(&format!("{path}/challenge"), &[("csrf", &csrf)]).await;
        let given: Value = serde_json::from_str(&given.body).unwrap();
        let signature = serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap();
        signed.push((path, csrf, signature));
    }
    let [(claude, csrf, mine), (_, _, other)] = signed.as_slice() else { panic!("two were asked for") };
    assert_eq!(browser.post(claude, &[("csrf", csrf), ("passkey", other)]).await.status, 422);
    assert_eq!(house.parts.home.agents().unwrap().len(), 2);
    assert_eq!(browser.post(claude, &[("csrf", csrf), ("passkey", mine)]).await.status, 303);
    assert_eq!(house.parts.home.agents().unwrap().len(), 1);
    let mut stranger = Browser::new(house.port);
    assert_eq!(stranger.post("/agents/codex/challenge", &[("csrf", "x")]).await.status, 401);
    house.parts.home.verify().await.unwrap().unwrap();
}
