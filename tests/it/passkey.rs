//! Passkeys over the site's own routes, with a key in software that is as honest as a test wants it to be. The same with a
//! real browser stands in `passkey/chromium.rs`.

mod applying;
mod chromium;
mod firefox;
mod grant;
mod lock;
mod people;
mod processes;

use agentport::{
    approval::{Claim, Code, PersonId},
    clock::Clock as _,
    gateway::Presented,
    ledger::{Approval, ApprovalStatus},
};
use serde_json::{Value, json};

use crate::{
    harness::authenticator::{Authenticator, TOUCHED},
    site::house::{Answer, Browser, House, Plan},
};

/// A signed-in browser, and the key that the owner enrolled with it.
pub(crate) async fn enrolled(house: &House) -> (Browser, Authenticator) {
    let mut browser = Browser::new(house.port);
    let key = Authenticator::new(&house.base);
    let done = enrol(house, &mut browser, &key, None).await;
    assert_eq!(done.status, 200, "{}", done.body);
    (browser, key)
}

/// The address of a link for a further factor of the owner.
async fn link(house: &House, code: &str) -> String {
    let (owner, code) = (PersonId::owner(), Code::parse(code).unwrap());
    let approver = house.gateway.prove(&house.parts, Claim::AddFactor, &Presented::Code(&owner, &code)).await.unwrap();
    let token = house.parts.home.open_enrolment(Some(approver), None, house.clock.now()).await.unwrap().unwrap();
    format!("{}/enrol/{}", house.base, token.as_link())
}

/// Enrols a key by a link of its own.
async fn enrol(house: &House, browser: &mut Browser, key: &Authenticator, code: Option<&str>) -> Answer {
    let path = match code {
        None => {
            let token = house.parts.home.open_enrolment(None, None, house.clock.now()).await.unwrap().unwrap();
            format!("/enrol/{}", token.as_link())
        }
        Some(code) => link(house, code).await.replace(&house.base, ""),
    };
    let page = browser.get(&path).await;
    let challenge = attribute(&page, "data-challenge");
    browser.post(&path, &[("passkey", &key.register(&challenge))]).await
}

fn attribute(page: &Answer, name: &str) -> String {
    let rest = page.body.split(&format!("{name}=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {}", page.body));
    rest.split('"').next().unwrap().to_owned()
}

/// What the page is given to sign.
async fn challenge(browser: &mut Browser, approval: &Approval) -> Value {
    let path = format!("/approve/{}", approval.id);
    let csrf = browser.get(&path).await.csrf(&path);
    let answer = browser.post(&format!("{path}/challenge"), &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

async fn say_yes(browser: &mut Browser, approval: &Approval, assertion: &str) -> Answer {
    let path = format!("/approve/{}", approval.id);
    let page = browser.get(&path).await;
    let (csrf, seen) = (page.csrf(&path), page.seen());
    let fields = [("csrf", &*csrf), ("decision", "approve"), ("seen", &seen), ("passkey", assertion)];
    browser.post(&path, &fields).await
}

/// Signs what the page is given, and posts it.
async fn approve(browser: &mut Browser, key: &mut Authenticator, approval: &Approval) -> Answer {
    let given = challenge(browser, approval).await;
    let assertion = key.sign(given["challenge"].as_str().unwrap());
    say_yes(browser, approval, &serde_json::to_string(&assertion).unwrap()).await
}

async fn no_factor() -> House {
    House::with(Plan { factor: false, ..Plan::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_enrolled_approves_signs_in_and_is_in_the_record() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let approval = house.refund().await;
    let given = challenge(&mut browser, &approval).await;
    assert_eq!((&given["rp"], &given["credentials"]), (&json!("localhost"), &json!([key.id()])));
    assert_eq!(approve(&mut browser, &mut key, &approval).await.status, 303);
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Executed);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
    let page = browser.get(&format!("/approve/{}", approval.id)).await.text();
    assert!(page.contains("Approved by") && page.contains("owner"), "{page}");
    house.parts.home.verify().await.unwrap().unwrap();

    // without a session the passkey says whose it is
    let mut other = Browser::new(house.port);
    let answer = other.post("/login/challenge", &[]).await;
    let given: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(given["credentials"], json!([]), "who has not signed in learns of no passkey");
    let assertion = serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap();
    assert_eq!(other.post("/login", &[("passkey", &assertion), ("next", "/")]).await.status, 303);
    assert!(other.get("/").await.body.contains("Inbox"));
    // once
    assert_eq!(Browser::new(house.port).post("/login", &[("passkey", &assertion)]).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_only_the_right_assertion_executes() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let (first, second) =
        (house.refund().await, house.ask("github_delete_repository", json!({"owner": "a", "repo": "b"})).await);
    let sign = |key: &mut Authenticator, given: &Value| {
        serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap()
    };
    // for another approval
    let given = challenge(&mut browser, &first).await;
    let of_first = sign(&mut key, &given);
    let answer = say_yes(&mut browser, &second, &of_first).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    // which also used it up
    assert_eq!(say_yes(&mut browser, &first, &of_first).await.status, 422);
    // stale: two minutes are over
    let given = challenge(&mut browser, &first).await;
    let stale = sign(&mut key, &given);
    house.clock.pass(120_000);
    assert_eq!(say_yes(&mut browser, &first, &stale).await.status, 422);
    // without user verification
    key.flags = TOUCHED;
    let answer = approve(&mut browser, &mut key, &first).await;
    assert!(answer.status == 422 && answer.text().contains("did not check who you are"), "{}", answer.text());
    key.flags = 0x05;
    // on a page of another port, or another name
    for origin in [
        format!("http://localhost:{}", house.port + 1),
        "http://localhost".to_owned(),
        "https://evil.example".to_owned(),
    ] {
        let right = std::mem::replace(&mut key.origin, origin);
        assert_eq!(approve(&mut browser, &mut key, &first).await.status, 422);
        key.origin = right;
    }
    key.rp = "evil.example".to_owned();
    assert_eq!(approve(&mut browser, &mut key, &first).await.status, 422);
    key.rp = "localhost".to_owned();
    // a challenge that nobody gave
    let made_up = serde_json::to_string(&key.sign(&"A".repeat(43))).unwrap();
    assert_eq!(say_yes(&mut browser, &first, &made_up).await.status, 422);
    // a key that is not enrolled
    let mut stranger = Authenticator::new(&house.base);
    assert_eq!(approve(&mut browser, &mut stranger, &first).await.status, 422);
    for junk in ["{}", "null", "[1]", "a"] {
        assert_eq!(say_yes(&mut browser, &first, junk).await.status, 422);
    }
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 0);
    // none of that locks anything: the right one executes, and it alone
    let given = challenge(&mut browser, &first).await;
    let right = sign(&mut key, &given);
    assert_eq!(say_yes(&mut browser, &first, &right).await.status, 303);
    let third = house.ask("github_delete_repository", json!({"owner": "a", "repo": "c"})).await;
    assert_eq!(say_yes(&mut browser, &third, &right).await.status, 422);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_copied_key_is_noticed_by_its_counter() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let ask = async |repo: &str| house.ask("github_delete_repository", json!({"owner": "a", "repo": repo})).await;
    key.counter = 5;
    assert_eq!(approve(&mut browser, &mut key, &*ask("one").await).await.status, 303);
    let second = ask("two").await;
    for counter in [5, 4, 0] {
        key.counter = counter;
        assert_eq!(approve(&mut browser, &mut key, &second).await.status, 422, "{counter}");
    }
    key.counter = 6;
    assert_eq!(approve(&mut browser, &mut key, &second).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_signature_that_was_changed_is_found_by_verify() {
    let house = no_factor().await;
    let (mut browser, mut key) = enrolled(&house).await;
    let approval = house.refund().await;
    assert_eq!(approve(&mut browser, &mut key, &approval).await.status, 303);
    let line = house.parts.home.detail(&approval.id).await.unwrap().unwrap();
    let decision = line.records.iter().find(|record| record["kind"] == "decision").unwrap();
    let proof = &decision["body"]["proof"];
    assert_eq!(proof["kind"], "passkey");
    for part in ["id", "authenticatorData", "clientDataJSON", "signature"] {
        assert!(proof["assertion"][part].is_string(), "{proof}");
    }
    let claim = Claim::Approve { approval: approval.id.clone(), digest: approval.plan.as_ref().unwrap().digest() };
    agentport::approval::passkey::check_recorded(proof, &claim).unwrap();
    // somebody who can rewrite the whole chain still cannot sign
    let other = Claim::Approve { approval: approval.id.clone(), digest: [7; 32].into() };
    agentport::approval::passkey::check_recorded(proof, &other).unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_keys_of_one_person_and_the_app_beside_them() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let mut keys = Vec::new();
    for key in [Authenticator::new(&house.base), Authenticator::ed25519(&house.base, 7)] {
        let done = enrol(&house, &mut browser, &key, Some(&house.next_code())).await;
        assert_eq!(done.status, 200, "{}", done.body);
        keys.push(key);
    }
    // the same key twice is one key
    let again = enrol(&house, &mut browser, &keys[0], Some(&house.next_code())).await;
    assert_eq!(again.status, 404, "{}", again.body);
    assert_eq!(house.parts.home.passkeys(None).await.unwrap().len(), 2);
    for (index, key) in keys.iter_mut().enumerate() {
        let approval = house.ask("github_delete_repository", json!({"owner": "a", "repo": index.to_string()})).await;
        assert_eq!(approve(&mut browser, key, &approval).await.status, 303, "{index}");
    }
    let approval = house.refund().await;
    assert_eq!(browser.decide(&approval.id, "approve", &house.next_code(), "").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_given_to_who_is_signed_in_and_asks_from_this_page() {
    let house = no_factor().await;
    let (mut browser, _) = enrolled(&house).await;
    let approval = house.refund().await;
    let path = format!("/approve/{}/challenge", approval.id);
    let csrf = browser.get(&format!("/approve/{}", approval.id)).await.csrf(&format!("/approve/{}", approval.id));
    let mut stranger = Browser::new(house.port);
    assert_eq!(stranger.post(&path, &[("csrf", &csrf)]).await.status, 401);
    assert_eq!(browser.post(&path, &[("csrf", "x")]).await.status, 403);
    assert_eq!(browser.get(&path).await.status, 405);
    let foreign = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(browser.post_with(&path, &foreign, &[("csrf", &csrf)]).await.status, 403);
    assert_eq!(browser.post("/approve/apr_none/challenge", &[("csrf", &csrf)]).await.status, 403);
    assert_eq!(browser.post(&path, &[("csrf", &csrf)]).await.status, 200);
    // the inbox has the lock, which takes a passkey too
    let address = format!("/approve/{}", approval.id);
    for path in ["/", &address] {
        let page = browser.get(path).await;
        assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'; connect-src 'self'"));
        assert_eq!(page.body.matches("<script").count(), 1, "{path}");
    }
    // where no passkey can be used there is no script at all
    browser.post(&address, &[("csrf", &csrf), ("decision", "deny")]).await;
    let decided = browser.get(&address).await;
    assert!(!decided.header("content-security-policy").unwrap().contains("script-src"));
    assert_eq!((decided.status, decided.body.matches("<script").count()), (200, 0));
}

/// A passkey is for one port. Where that is another program's, nobody is led to a page on which it cannot be used.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_passkey_the_site_does_not_move_to_another_port() {
    let house = no_factor().await;
    enrolled(&house).await;
    house.stop.cancel();
    let foreign = loop {
        match tokio::net::TcpListener::bind(("127.0.0.1", house.port)).await {
            Ok(listener) => break listener,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    let neighbour = house.neighbour();
    let stop = tokio_util::sync::CancellationToken::new();
    let hosting = tokio::spawn(agentport::web::host(std::sync::Arc::clone(&neighbour), stop.clone()));
    let site = || house.parts.snapshots.current().unwrap().site.clone();
    while site().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told = house.call("github_delete_repository", json!({"owner": "a", "repo": "b"})).await.to_json();
    assert_eq!((&told["status"], &told["approval"]["url"]), (&json!("approval_required"), &Value::Null), "{told}");
    assert!(told["message"].as_str().unwrap().contains("look at the computer"), "{told}");
    // and as soon as it is free again, the site is there again
    drop(foreign);
    while site().as_deref() != Some(house.base.as_str()) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stop.cancel();
    hosting.await.unwrap();
}

/// Cookies of `localhost` reach every port: who has a session's cookie reads and denies, and neither approves nor enrols.
#[tokio::test(flavor = "multi_thread")]
async fn t135_t138_a_stolen_session_neither_approves_nor_enrols() {
    let house = no_factor().await;
    let (browser, _) = enrolled(&house).await;
    let mut thief = browser.clone();
    let approval = house.refund().await;
    let given = challenge(&mut thief, &approval).await;
    let mut own = Authenticator::new(&house.base);
    let assertion = own.sign(given["challenge"].as_str().unwrap());
    assert_eq!(say_yes(&mut thief, &approval, &serde_json::to_string(&assertion).unwrap()).await.status, 422);
    let named =
        agentport::approval::Assertion { id: given["credentials"][0].as_str().unwrap().to_owned(), ..assertion };
    assert_eq!(say_yes(&mut thief, &approval, &serde_json::to_string(&named).unwrap()).await.status, 422);
    assert_eq!(thief.decide(&approval.id, "approve", "000000", "").await.status, 422);
    // a key of their own would take a link, and a link what the owner enrolled
    assert!(house.parts.home.open_enrolment(None, None, house.clock.now()).await.unwrap().is_none());
    assert_eq!(house.parts.home.passkeys(None).await.unwrap().len(), 1);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 0);
    assert_eq!(thief.decide(&approval.id, "deny", "", "").await.status, 303);
}
