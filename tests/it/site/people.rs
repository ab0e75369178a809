//! The page of who may say yes: seen by whoever is signed in, changed with a proof of just that change.

use serde_json::Value;

use super::house::{Answer, Browser, House, Plan};
use crate::{harness::authenticator::Authenticator, passkey::enrolled};

async fn names(house: &House) -> Vec<String> {
    house.parts.home.people().await.unwrap().iter().map(|person| person.name.to_string()).collect()
}

async fn factors(house: &House) -> usize {
    house.parts.ledger.factors().await.unwrap().len()
}

/// The page of a change, and what its forms carry along.
async fn change(browser: &Browser, query: &str) -> (Answer, Vec<(String, String)>) {
    let page = browser.get(&format!("/people/change?{query}")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let mut fields = vec![("csrf".to_owned(), page.csrf("/people/change"))];
    fields.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
    (page, fields)
}

async fn post(browser: &mut Browser, fields: &[(String, String)], proof: (&str, &str)) -> Answer {
    let mut all: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.push(proof);
    browser.post("/people/change", &all).await
}

/// What a passkey signs for a change.
async fn signed(browser: &mut Browser, key: &mut Authenticator, fields: &[(String, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = browser.post("/people/change/challenge", &fields).await;
    assert_eq!(given.status, 200, "{given:?}");
    let given: Value = serde_json::from_str(&given.body).unwrap();
    serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap()
}

/// Who has the link enrols a passkey and is signed in.
async fn follow(house: &House, path: &str) -> (Browser, Authenticator) {
    let (mut browser, key) = (Browser::new(house.port), Authenticator::new(&house.base));
    let page = browser.get(path).await;
    let challenge = page.body.split("data-challenge=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let done = browser.post(path, &[("passkey", &key.register(&challenge))]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    (browser, key)
}

/// The set-up link on a page, without the site before it.
fn link(page: &Answer, house: &House) -> String {
    let link = page.body.split("id=\"link\">").nth(1).unwrap_or_else(|| panic!("{}", page.text()));
    let link = link.split('<').next().unwrap();
    link.strip_prefix(&house.base).unwrap_or_else(|| panic!("{link}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_their_factors_are_listed_by_kind_and_date() {
    let house = House::build().await;
    let owner = house.signed_in().await;
    let before = house.traces().await;
    let page = owner.get("/people").await;
    for shown in ["owner", "you", "authenticator app, enrolled 2026-11-23 09:00:00 UTC", "10 recovery codes left"] {
        assert!(page.text().contains(shown), "{shown} is not on the page: {}", page.text());
    }
    // the last factor has no way to remove it
    assert!(page.text().contains("Add a factor of yours") && !page.text().contains("Remove"), "{}", page.text());
    // looking at a change makes none
    change(&owner, "change=add_person&name=ann").await;
    change(&owner, "change=add_factor").await;
    assert_eq!(house.traces().await, before);
    assert_eq!(names(&house).await, ["owner"]);
    let stranger = Browser::new(house.port);
    for path in ["/people", "/people/change?change=add_person&name=ann"] {
        let asked = stranger.get(path).await;
        assert!(asked.text().contains("Sign in") && !asked.text().contains("authenticator app, enrolled"), "{path}");
    }
    for path in ["/people/change", "/people/change?change=grow", "/people/change?change=add_factor&x=1"] {
        assert_eq!(owner.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_adds_and_removes_people_with_a_code() {
    let house = House::build().await;
    let mut owner = house.signed_in().await;
    let (page, fields) = change(&owner, "change=add_person&name=ann").await;
    assert!(
        page.text().contains("Add ann") && page.text().contains("as soon as they have a factor"),
        "{}",
        page.text()
    );
    assert_eq!(post(&mut owner, &fields, ("code", "000000")).await.status, 422);
    assert_eq!(post(&mut owner, &fields, ("code", "")).await.status, 422);
    assert_eq!(names(&house).await, ["owner"]);
    let code = house.next_code();
    let added = post(&mut owner, &fields, ("code", &code)).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let path = link(&added, &house);
    assert!(!owner.get("/people").await.body.contains(&path), "the link is shown once");
    let (ann, _) = follow(&house, &path).await;
    let seen = ann.get("/people").await.text();
    assert!(seen.contains("passkey, enrolled") && !seen.contains("Add a person") && !seen.contains("Remove"), "{seen}");
    // a code counts once, and there is one ann
    let (_, other) = change(&owner, "change=add_person&name=bert").await;
    assert_eq!(post(&mut owner, &other, ("code", &code)).await.status, 422);
    let again = post(&mut owner, &fields, ("code", &house.next_code())).await;
    assert!(again.status == 422 && again.text().contains("there is a person `ann` already"), "{}", again.text());
    assert_eq!(names(&house).await, ["owner", "ann"]);
    // and away with them: their sessions and factors go, too
    let id = house.parts.home.people().await.unwrap().remove(1).id;
    let (page, fields) = change(&owner, &format!("change=remove_person&id={}", id.0)).await;
    assert!(page.text().contains("Remove ann"), "{}", page.text());
    let removed = post(&mut owner, &fields, ("code", &house.next_code())).await;
    assert_eq!((removed.status, removed.header("location")), (303, Some("/people")), "{}", removed.text());
    assert_eq!((names(&house).await, factors(&house).await), (vec!["owner".to_owned()], 1));
    assert!(ann.get("/people").await.text().contains("Sign in"));
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t135_nobody_but_the_owner_changes_who_there_is_and_nobody_anothers_factors() {
    let house = House::build().await;
    let mut owner = house.signed_in().await;
    let (_, fields) = change(&owner, "change=add_person&name=ann").await;
    let added = post(&mut owner, &fields, ("code", &house.next_code())).await;
    let (mut ann, _) = follow(&house, &link(&added, &house)).await;
    let csrf = change(&ann, "change=add_factor").await.0.csrf("/people/change");
    for (kind, name, id, problem) in [
        ("add_person", "eve", "", "only the owner adds and removes people"),
        ("remove_person", "", "per_owner", "only the owner adds and removes people"),
        ("remove_factor", "", "fac_test", "you have no such factor any more"),
    ] {
        let fields = [("csrf", csrf.as_str()), ("change", kind), ("name", name), ("id", id), ("code", "123456")];
        let refused = ann.post("/people/change", &fields).await;
        assert!(refused.status == 422 && refused.text().contains(problem), "{kind}: {}", refused.text());
        assert_eq!(ann.post("/people/change/challenge", &fields[..4]).await.status, 409, "{kind}");
    }
    let csrf = change(&owner, "change=add_factor").await.0.csrf("/people/change");
    for (kind, id, problem) in [
        ("remove_person", "per_owner", "the owner cannot be removed"),
        ("remove_person", "per_nobody", "there is no such person any more"),
        ("remove_factor", "fac_test", "it is your last factor"),
    ] {
        let fields = [("csrf", csrf.as_str()), ("change", kind), ("id", id), ("code", "123456")];
        let refused = owner.post("/people/change", &fields).await;
        assert!(refused.status == 422 && refused.text().contains(problem), "{kind}: {}", refused.text());
    }
    for name in ["", "Eve", "../x", "<b>", "a b"] {
        let fields = [("csrf", csrf.as_str()), ("change", "add_person"), ("name", name), ("code", "123456")];
        let refused = owner.post("/people/change", &fields).await;
        assert!(refused.status == 422 && refused.text().contains("a person's name is"), "{}", refused.text());
        assert!(!refused.body.contains("<b>"));
    }
    // a form from elsewhere, and one without a session
    let id = house.parts.home.people().await.unwrap().remove(1).id.0;
    let fields = [("csrf", "x"), ("change", "remove_person"), ("id", id.as_str()), ("code", &house.next_code())];
    assert_eq!(owner.post("/people/change", &fields).await.status, 403);
    assert_eq!(Browser::new(house.port).post("/people/change", &fields).await.status, 401);
    assert_eq!(Browser::new(house.port).post("/people/change/challenge", &fields[..3]).await.status, 401);
    assert_eq!((names(&house).await.len(), factors(&house).await), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_signs_one_change_of_the_people_and_no_other() {
    let house = House::with(Plan { factor: false, ..Plan::default() }).await;
    let (mut owner, mut key) = enrolled(&house).await;
    let (page, ann) = change(&owner, "change=add_person&name=ann").await;
    assert!(page.text().contains("Add ann with a passkey"), "{}", page.text());
    let (_, eve) = change(&owner, "change=add_person&name=eve").await;
    let (_, factor) = change(&owner, "change=add_factor").await;
    let for_ann = signed(&mut owner, &mut key, &ann).await;
    let refused = post(&mut owner, &eve, ("passkey", &for_ann)).await;
    assert!(refused.status == 422 && refused.text().contains("was not used for this"), "{}", refused.text());
    assert_eq!(post(&mut owner, &ann, ("passkey", &for_ann)).await.status, 422, "that used it up");
    let for_ann = signed(&mut owner, &mut key, &ann).await;
    assert_eq!(post(&mut owner, &factor, ("passkey", &for_ann)).await.status, 422);
    assert_eq!(names(&house).await, ["owner"]);
    let for_ann = signed(&mut owner, &mut key, &ann).await;
    assert_eq!(post(&mut owner, &ann, ("passkey", &for_ann)).await.status, 200);
    assert_eq!(names(&house).await, ["owner", "ann"]);
    // a second factor of one's own, by the link that the page leads on to; then the first one goes
    let for_factor = signed(&mut owner, &mut key, &factor).await;
    let led = post(&mut owner, &factor, ("passkey", &for_factor)).await;
    assert_eq!(led.status, 303, "{}", led.text());
    let path = led.header("location").unwrap().to_owned();
    let (mut second, mut new) = follow(&house, &path).await;
    let first = house.parts.ledger.factors().await.unwrap().remove(0).id.0;
    let (page, gone) = change(&second, &format!("change=remove_factor&id={first}")).await;
    assert!(page.text().contains("Remove your passkey"), "{}", page.text());
    let by_new = signed(&mut second, &mut new, &gone).await;
    assert_eq!(post(&mut second, &gone, ("passkey", &by_new)).await.status, 303);
    assert_eq!(factors(&house).await, 1);
    // who changed what, and with which key, is in the log, and is checked again
    house.parts.home.verify().await.unwrap().unwrap();
    let records = house.parts.home.export(0, 1_000).await.unwrap();
    let proven = |status: &str| {
        let found = records.iter().find(|record| record["status"] == status && record["body"]["proof"].is_object());
        found.unwrap_or_else(|| panic!("{status}: {records:?}"))["body"]["proof"]["kind"].clone()
    };
    for status in ["person added", "set-up link made", "factor removed"] {
        assert_eq!(proven(status), "passkey", "{status}");
    }
}

/// Whoever is not signed in learns of no id, session, link or name by asking for it.
#[tokio::test(flavor = "multi_thread")]
async fn t140_what_there_is_and_what_there_is_not_answer_alike_and_take_the_same() {
    let house = House::build().await;
    let approval = house.refund().await.id;
    let ann = super::accounts::other_person(&house).await;
    let stranger = Browser::new(house.port);
    // an approval: nothing is looked at before one has signed in
    let absent = format!("apr_{}", "0".repeat(approval.len() - 4));
    let look = async |browser: &Browser, id: &str| {
        let before = house.traces().await;
        let answer = browser.get(&format!("/approve/{id}")).await;
        assert_eq!(house.traces().await, before);
        // the date is the hour of asking, not of what was asked for
        let headers: Vec<_> = answer.headers.into_iter().filter(|(name, _)| name != "date").collect();
        (answer.status, headers, answer.body.replace(id, "ID"))
    };
    let shown = look(&stranger, &approval).await;
    assert_eq!(shown, look(&stranger, &absent).await);
    // a session that there is not is none, whatever it looks like
    let cookie = ann.cookie.clone().unwrap();
    let (name, value) = cookie.split_once('=').unwrap();
    for forged in [value.chars().rev().collect(), "A".repeat(value.len()), "x".to_owned()] {
        let forged = Browser { cookie: Some(format!("{name}={forged}")), ..stranger.clone() };
        assert_eq!(look(&forged, &approval).await, shown);
    }
    // a name: the same words, and the same records, until the lock and beyond
    let records = async || house.parts.home.export(0, 10_000).await.unwrap().len();
    let mut browser = stranger.clone();
    let mut answers = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..7 {
        for (name, answers) in ["owner", "ann", "bob"].iter().zip(&mut answers) {
            let before = records().await;
            let answer = browser.post("/login", &[("name", name), ("code", "000000"), ("next", "/")]).await;
            answers.push((answer.status, answer.text(), records().await - before));
        }
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    // whoever has locked a place of the names that nobody has learns nothing from it: a first try and a late one read alike
    for (status, text, _) in &answers[2] {
        assert_eq!((*status, text), (422, &answers[2][0].1));
        assert!(text.contains("after several wrong codes a name waits"), "{text}");
    }
    // no name is the owner's
    let help = stranger.get("/login").await.text();
    assert!(help.contains("empty means the owner"), "{help}");
    house.clock.pass(86_400_000);
    let signed_in = browser.post("/login", &[("name", ""), ("code", &house.next_code()), ("next", "/")]).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
}
