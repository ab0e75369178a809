//! Several people: whose yes it is, how many are needed, and what none of them can do for another.

use agentport::{
    approval::{Claim, Code, PersonId},
    clock::Clock as _,
    gateway::{DecideError, Presented},
    ledger::{Approval, ApprovalStatus},
};
use serde_json::json;

use super::{approve, attribute};
use crate::{
    harness::authenticator::Authenticator,
    site::house::{Answer, Browser, House, Plan},
};

const TWO: &str = "schema = 1\n[defaults]\nread = \"allow\"\nwrite = \"ask\"\ndestructive = \"ask\"\n\
                   [[rule]]\nid = \"two\"\ntools = [\"github.delete_repository\"]\ndecision = \"ask\"\napprovers = 2\n\
                   [[rule]]\nid = \"key\"\ntools = [\"stripe.create_refund\"]\ndecision = \"ask\"\napprove = \"passkey\"\n\
                   answer_within = \"10m\"\n";

pub(super) async fn house() -> House {
    House::with(Plan { policy: TWO.to_owned(), ..Plan::default() }).await
}

/// The owner adds a person, who enrols a passkey by the link and is signed in.
pub(super) async fn person(house: &House, name: &str) -> (Browser, Authenticator, PersonId) {
    let (owner, code) = (PersonId::owner(), Code::parse(&house.next_code()).unwrap());
    let claim = Claim::AddPerson(name.parse().unwrap());
    let approver = house.gateway.prove(&house.parts, claim, &Presented::Code(&owner, &code)).await.unwrap();
    let now = house.clock.now();
    let token = house.parts.home.add_person(name.parse().unwrap(), approver, now).await.unwrap().unwrap();
    let path = format!("/enrol/{}", token.as_link());
    let (mut browser, key) = (Browser::new(house.port), Authenticator::new(&house.base));
    let page = browser.get(&path).await;
    assert!(page.body.contains(&format!("For <strong>{name}</strong>")), "{}", page.body);
    let done = browser.post(&path, &[("passkey", &key.register(&attribute(&page, "data-challenge")))]).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let people = house.parts.home.people().await.unwrap();
    let id = people.into_iter().find(|person| person.name.as_str() == name).unwrap().id;
    (browser, key, id)
}

async fn delete(house: &House, repo: &str) -> Box<Approval> {
    house.ask("github_delete_repository", json!({"owner": "a", "repo": repo})).await
}

async fn sent(house: &House) -> usize {
    house.upstream.received_requests().await.unwrap().len()
}

/// The owner signs in: with two people, the form says whose code it is.
async fn owner(house: &House) -> Browser {
    let mut browser = Browser::new(house.port);
    let code = house.next_code();
    let fields = [("name", "owner"), ("code", code.as_str())];
    assert_eq!(browser.post("/login", &fields).await.status, 303);
    browser
}

fn text(answer: &Answer) -> String {
    answer.text().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_have_to_say_yes_and_the_page_says_who_has() {
    let house = house().await;
    let (mut ann, mut key, id) = person(&house, "ann").await;
    let mut owner = owner(&house).await;
    let approval = delete(&house, "one").await;
    let path = format!("/approve/{}", approval.id);
    assert!(text(&owner.get(&path).await).contains("This takes a yes of 2 different people."));
    assert_eq!(owner.decide(&approval.id, "approve", &house.next_code(), "").await.status, 303);
    assert_eq!((house.status(&approval.id).await, sent(&house).await), (ApprovalStatus::Pending, 0));
    // once each: not with another code, and the form is gone
    let page = owner.get(&path).await;
    assert!(text(&page).contains("You have said yes.") && !page.body.contains("id=\"approve\""), "{}", page.text());
    let shown = Code::parse(&house.next_code()).unwrap();
    let again = house.gateway.approve(&approval.id, &Presented::Code(&PersonId::owner(), &shown)).await;
    assert!(matches!(again, Err(DecideError::SaidAlready)), "{again:?}");
    assert!(text(&ann.get(&path).await).contains("owner said yes"));
    assert_eq!(approve(&mut ann, &mut key, &approval).await.status, 303);
    assert_eq!((house.status(&approval.id).await, sent(&house).await), (ApprovalStatus::Executed, 1));
    assert!(text(&ann.get(&path).await).contains("Approved byowner, ann"));
    let found = house.parts.ledger.approval(&approval.id).await.unwrap().unwrap();
    let said: Vec<_> = found.yeses.iter().map(|yes| yes.person.clone()).collect();
    assert_eq!(said, [PersonId::owner(), id]);
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_by_anyone_ends_it_and_a_removed_persons_yes_does_not_count() {
    let house = house().await;
    let (mut ann, mut key, id) = person(&house, "ann").await;
    let mut owner = owner(&house).await;
    let first = delete(&house, "one").await;
    assert_eq!(approve(&mut ann, &mut key, &first).await.status, 303);
    assert_eq!(owner.decide(&first.id, "deny", "", "no").await.status, 303);
    assert_eq!(house.status(&first.id).await, ApprovalStatus::Denied);
    let second = delete(&house, "two").await;
    assert_eq!(approve(&mut ann, &mut key, &second).await.status, 303);
    // only the owner removes people, and whoever is gone is signed out
    let (owners, code) = (PersonId::owner(), Code::parse(&house.next_code()).unwrap());
    let claim = Claim::RemovePerson(id.clone());
    let proven = house.gateway.prove(&house.parts, claim, &Presented::Code(&owners, &code)).await.unwrap();
    assert_eq!(house.parts.home.remove_person(id, proven, house.clock.now()).await.unwrap().unwrap().len(), 1);
    assert!(ann.get("/").await.body.contains("<h1>Sign in</h1>"));
    assert_eq!(owner.decide(&second.id, "approve", &house.next_code(), "").await.status, 303);
    assert_eq!((house.status(&second.id).await, sent(&house).await), (ApprovalStatus::Pending, 0));
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_takes_a_passkey_takes_no_code_and_no_late_answer() {
    let house = house().await;
    let (mut ann, mut key, _) = person(&house, "ann").await;
    let mut owner = owner(&house).await;
    let approval = house.refund().await;
    let page = owner.get(&format!("/approve/{}", approval.id)).await;
    assert!(page.text().contains("The policy takes a passkey here, and no code."), "{}", page.text());
    let code = house.next_code();
    // the page has no form for it, so somebody made one
    let path = format!("/approve/{}", approval.id);
    let (csrf, seen) = (page.csrf(&path), approval.shown_digest().unwrap().to_string());
    let fields = [("csrf", &*csrf), ("decision", "approve"), ("seen", &seen), ("code", &code)];
    let refused = owner.post(&path, &fields).await;
    assert!(refused.status == 422 && refused.text().contains("this takes a passkey"), "{}", refused.text());
    // which cost neither the code nor a try
    let other = house.ask("github_create_issue", json!({"owner": "a", "repo": "b", "title": "t"})).await;
    assert_eq!(owner.decide(&other.id, "approve", &code, "").await.status, 303);
    assert_eq!(approve(&mut ann, &mut key, &approval).await.status, 303);
    assert_eq!(sent(&house).await, 2);
    // the rule's ten minutes, not the hour of the settings
    let late = house.ask("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 7})).await;
    assert_eq!(late.expires_at - late.created_at, 600_000);
    house.clock.pass(600_000);
    let page = ann.get(&format!("/approve/{}", late.id)).await;
    assert!(page.text().contains("Expired"), "{}", page.text());
    assert_eq!(house.status(&late.id).await, ApprovalStatus::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn t132_one_persons_wrong_codes_lock_nobody_else_and_no_passkey() {
    let house = house().await;
    let (mut ann, mut key, id) = person(&house, "ann").await;
    let owner = owner(&house).await;
    let approval = house.ask("github_create_issue", json!({"owner": "a", "repo": "b", "title": "t"})).await;
    // ann's codes are locked, by whoever has her session
    for _ in 0..6 {
        ann.decide(&approval.id, "approve", "aaaa-bbbb-cccc-dddd", "").await;
    }
    let locked = ann.decide(&approval.id, "approve", "aaaa-bbbb-cccc-dddd", "").await;
    assert_eq!(locked.status, 429, "{}", locked.text());
    // and so is the sign-in in the owner's name, by whoever finds the page
    let mut stranger = Browser::new(house.port);
    for _ in 0..6 {
        stranger.post("/login", &[("name", "owner"), ("code", "000000")]).await;
    }
    assert_eq!(stranger.post("/login", &[("name", "owner"), ("code", &house.next_code())]).await.status, 422);
    // the owner's session decides all the same, ann's passkey too, and both can deny
    let mut owner = owner;
    assert_eq!(owner.decide(&approval.id, "approve", &house.next_code(), "").await.status, 303);
    let second = house.ask("github_create_issue", json!({"owner": "a", "repo": "b", "title": "u"})).await;
    assert_eq!(approve(&mut ann, &mut key, &second).await.status, 303);
    let third = house.ask("github_create_issue", json!({"owner": "a", "repo": "b", "title": "v"})).await;
    assert_eq!(ann.decide(&third.id, "deny", "", "").await.status, 303);
    assert!(house.parts.ledger.factors().await.unwrap().iter().any(|factor| factor.person == id));
}

#[tokio::test(flavor = "multi_thread")]
async fn t133_no_address_and_no_further_field_is_exempt_from_the_lock() {
    let house = House::build().await;
    for (number, host) in ["localhost", "127.0.0.1", "[::1]", "localhost", "127.0.0.1"].into_iter().enumerate() {
        let body = format!("code=00000{number}&next=/&name=owner&passkey=");
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: http://{host}:{port}\r\nSec-Fetch-Site: same-origin\r\n\
             X-Forwarded-For: 10.0.0.{number}\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
            port = house.port
        );
        assert_eq!(crate::site::house::send(house.port, &request).await.status, 422, "{host}");
    }
    let right = house.next_code();
    let mut browser = Browser::new(house.port);
    assert_eq!(browser.post("/login", &[("code", &right)]).await.status, 429);
    // what a passkey would have to be is no way round it, and a field that is not ours is no form
    assert_eq!(browser.post("/login", &[("code", &right), ("passkey", "{}")]).await.status, 422);
    assert_eq!(browser.post("/login", &[("code", &right), ("totp", "1")]).await.status, 400);
    assert_eq!(browser.post("/login", &[("code", &right)]).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_owner_changes_people_or_policy_or_another_persons_factors() {
    let house = house().await;
    let (ann, mut key, id) = person(&house, "ann").await;
    let now = || house.clock.now();
    let prove = async |key: &mut Authenticator, claim: Claim| {
        let challenge = house.gateway.challenge(&house.parts, claim.clone()).await.unwrap();
        let assertion = key.sign(&challenge);
        let shown = Presented::Passkey { assertion: &assertion, origin: &house.base, of: Some(&id) };
        house.gateway.prove(&house.parts, claim, &shown).await.unwrap()
    };
    let home = &house.parts.home;
    let proven = prove(&mut key, Claim::AddPerson("eve".parse().unwrap())).await;
    assert!(home.add_person("eve".parse().unwrap(), proven, now()).await.unwrap().is_none());
    let proven = prove(&mut key, Claim::RemovePerson(PersonId::owner())).await;
    assert!(home.remove_person(PersonId::owner(), proven, now()).await.unwrap().is_none());
    let owners = home.people().await.unwrap().remove(0);
    assert!(owners.id.is_owner() && owners.factors == 1);
    let factor =
        house.parts.ledger.factors().await.unwrap().into_iter().find(|factor| factor.person.is_owner()).unwrap();
    let proven = prove(&mut key, Claim::RemoveFactor(factor.id.clone())).await;
    assert!(!home.remove_factor(factor.id, proven, now()).await.unwrap());
    let pinned = home.pinned().unwrap().unwrap();
    let claim = Claim::Policy(agentport::ledger::sqlite::pin_digest(&pinned).unwrap());
    let proven = prove(&mut key, claim).await;
    assert!(!home.pin(pinned, Some(proven), now()).await.unwrap());
    assert_eq!(ann.get("/").await.status, 200);
}
