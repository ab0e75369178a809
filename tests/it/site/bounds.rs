//! What a person sets for many calls: the lock, grants, and what the pages say of habits.

use agentport::ledger::ApprovalStatus;
use serde_json::json;

use super::house::{Browser, House};

#[tokio::test(flavor = "multi_thread")]
async fn a_human_locks_with_a_code_and_nothing_runs_until_they_unlock() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let csrf = browser.get("/").await.csrf("/lock");
    let wrong = browser.post("/lock", &[("csrf", &csrf), ("set", "lock"), ("code", "000000")]).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    assert!(house.parts.home.locked_since().await.unwrap().is_none());
    let code = house.next_code();
    let locked = browser.post("/lock", &[("csrf", &csrf), ("set", "lock"), ("code", &code)]).await;
    assert_eq!((locked.status, locked.header("location")), (303, Some("/")));
    assert!(browser.get("/").await.text().contains("Every call is refused since"));
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Cancelled);
    // not even a read, of whatever agent
    for (tool, arguments) in [("stripe_get_balance", json!({})), ("stripe_create_refund", json!({"charge": "ch_1"}))] {
        let answer = house.call(tool, arguments).await.to_json();
        assert_eq!((&answer["status"], &answer["by"]), (&json!("denied"), &json!("lock")), "{answer}");
    }
    assert!(house.upstream.received_requests().await.unwrap().is_empty());
    // a code that has locked does not unlock
    let again = browser.post("/lock", &[("csrf", &csrf), ("set", "unlock"), ("code", &code)]).await;
    assert_eq!(again.status, 422);
    let open = browser.post("/lock", &[("csrf", &csrf), ("set", "unlock"), ("code", &house.next_code())]).await;
    assert_eq!(open.status, 303);
    assert_eq!(house.call("stripe_get_balance", json!({})).await.to_json()["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn t118_what_is_like_a_call_that_was_denied_says_so_on_its_page() {
    let house = House::build().await;
    let (first, mut browser) = (house.refund().await, house.signed_in().await);
    assert_eq!(browser.decide(&first.id, "deny", "", "no").await.status, 303);
    let page = browser.get(&format!("/approve/{}", first.id)).await.body;
    assert!(page.contains(&format!("<a href=\"/log/{}\">", first.record)), "{page}");
    let like =
        house.call("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 501})).await.to_json();
    let id = like["approval"]["id"].as_str().unwrap_or_else(|| panic!("{like}")).to_owned();
    let text = browser.get(&format!("/approve/{id}")).await.text();
    let said = "Look twiceShortly before this was asked, a human said no to a call of the same tool by the same agent";
    assert!(text.contains(said), "{text}");
    let other = house.call("stripe_create_customer", json!({"email": "a@example.com"})).await.to_json();
    let id = other["approval"]["id"].as_str().unwrap_or_else(|| panic!("{other}"));
    assert!(!browser.get(&format!("/approve/{id}")).await.text().contains("a human said no"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_habit_of_very_quick_yeses_is_pointed_out_in_the_inbox() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    for amount in 1..=5 {
        assert!(!browser.get("/").await.text().contains("Very quick"), "{amount}");
        house.clock.pass(30_000);
        let asked =
            house.call("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": amount})).await;
        let asked = asked.to_json();
        let id = asked["approval"]["id"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
        assert_eq!(browser.decide(&id, "approve", &house.code(), "").await.status, 303);
    }
    assert!(browser.get("/").await.text().contains("Your last 5 answers"));
    let records = house.parts.home.export(0, 1_000).await.unwrap();
    let decided = records.iter().filter(|record| record["kind"] == "decision" && record["status"] == "approved");
    assert!(decided.map(|record| &record["body"]["after"]).eq([&json!(0); 5]), "{records:?}");
    // one that was read ends it
    let slow = house.refund().await;
    assert_eq!(browser.decide(&slow.id, "approve", &house.next_code(), "").await.status, 303);
    assert!(!browser.get("/").await.text().contains("Very quick"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t120_a_grant_from_the_page_covers_what_was_bounded_until_it_is_revoked() {
    let house = House::build().await;
    let (first, mut browser) = (house.refund().await, house.signed_in().await);
    let path = format!("/approve/{}", first.id);
    let page = browser.get(&path).await;
    assert!(page.text().contains("Also let claude do this without asking"), "{}", page.text());
    let csrf = page.csrf(&path);
    let refund = async |amount: i64| {
        let arguments = json!({"charge": "ch_3Nf1abcdefghijkl", "amount": amount});
        house.call("stripe_create_refund", arguments).await.to_json()["status"].as_str().unwrap().to_owned()
    };
    let form = |code: &str, hours: &str| {
        [
            ("csrf", csrf.clone()),
            ("decision", "approve".to_owned()),
            ("seen", page.seen()),
            ("code", code.to_owned()),
            ("grant.give", "yes".to_owned()),
            ("grant.bound.charge", "same".to_owned()),
            ("grant.bound.amount", "most".to_owned()),
            ("grant.most.amount", "600".to_owned()),
            ("grant.hours", hours.to_owned()),
            ("grant.uses", "2".to_owned()),
        ]
    };
    let post = async |browser: &mut Browser, code: &str, hours: &str| {
        let fields = form(code, hours);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(&path, &fields).await
    };
    // a wrong code grants nothing, and neither does a bound that there is not: the code is not even looked at
    assert_eq!(post(&mut browser, "000000", "2").await.status, 422);
    let long = post(&mut browser, &house.next_code(), "169").await;
    assert!(long.status == 422 && long.text().contains("from 1 to 168 hours"), "{}", long.text());
    assert!(house.parts.home.grants().unwrap().is_empty());
    let given = post(&mut browser, &house.code(), "2").await;
    assert_eq!(given.status, 303, "{}", given.text());
    let [grant] = house.parts.home.grants().unwrap().try_into().unwrap();
    let written = std::fs::read_to_string(house.folder.path().join("home/grants.toml")).unwrap();
    assert!(written.contains(&grant.text) && grant.text.contains("amount\" = { min = 0, max = 600 }"), "{written}");
    // what it covers runs, twice; all else asks
    assert_eq!(refund(601).await, "approval_required");
    assert_eq!(refund(600).await, "completed");
    let other = house
        .call("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 5, "reason": "duplicate"}))
        .await;
    assert_eq!(other.to_json()["status"], "approval_required", "an argument that the call did not have");
    assert_eq!(refund(100).await, "completed");
    assert_eq!(refund(101).await, "approval_required");
    // revoked on the page, without a code
    let inbox = browser.get("/").await;
    assert!(inbox.text().contains(&grant.id), "{}", inbox.text());
    let revoke = inbox.csrf("/grants/revoke");
    let revoked = browser.post("/grants/revoke", &[("csrf", &revoke), ("id", &grant.id)]).await;
    assert_eq!(revoked.status, 303);
    assert!(house.parts.home.grants().unwrap().is_empty() && !browser.get("/").await.text().contains(&grant.id));
    assert!(house.parts.home.verify().await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_ends_with_its_time_and_dies_with_its_account() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    for hours in ["1", "100"] {
        let approval = house.refund().await;
        let path = format!("/approve/{}", approval.id);
        let page = browser.get(&path).await;
        let (csrf, seen, code) = (page.csrf(&path), page.seen(), house.next_code());
        let fields = [
            ("csrf", csrf.as_str()),
            ("decision", "approve"),
            ("seen", &seen),
            ("code", &code),
            ("grant.give", "yes"),
            ("grant.hours", hours),
            ("grant.uses", "9"),
        ];
        assert_eq!(browser.post(&path, &fields).await.status, 303);
        // the outcome is fetched first, then the same call is a new one
        house.call("agentport_await_approval", json!({"approval_id": approval.id})).await;
        let again = json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 500});
        assert_eq!(house.call("stripe_create_refund", again).await.to_json()["status"], "completed");
        if hours == "1" {
            house.clock.pass(3_600_000);
        }
    }
    let account = house.parts.home.accounts().unwrap().into_iter().find(|one| one.integration == "stripe").unwrap();
    let other = agentport::account::Account { id: "acc_other".to_owned(), ..account };
    house.parts.home.put_account(other, None, agentport::clock::Clock::now(&house.clock)).await.unwrap();
    let again = json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 500});
    assert_eq!(house.call("stripe_create_refund", again).await.to_json()["status"], "approval_required");
}
