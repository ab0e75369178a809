//! Several writes on one page: one proof, and each of them its own request.

use agentport::{
    findings::{Fact, Finding, Findings, Found},
    ledger::{Approval, ApprovalStatus},
};
use serde_json::{Value, json};

use super::house::{Answer, Browser, House, Plan};
use crate::passkey::enrolled;

async fn customer(house: &House, name: &str) -> Box<Approval> {
    house.ask("stripe_create_customer", json!({"name": name})).await
}

async fn customers<const N: usize>(house: &House, names: [&str; N]) -> Vec<Box<Approval>> {
    let mut all = Vec::new();
    for name in names {
        // one after the other: the oldest stands first
        house.clock.pass(1);
        all.push(customer(house, name).await);
    }
    all
}

fn path(approval: &Approval) -> String {
    format!("/together/{}", approval.id)
}

/// What the page showed of each, by the ids.
fn ticks(page: &Answer, of: &[&Approval]) -> Vec<(String, String)> {
    let seen = |approval: &Approval| {
        let name = format!("tick.{}", approval.id);
        let rest = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1);
        (
            name,
            rest.unwrap_or_else(|| panic!("{} is not on the page", approval.id)).split('"').next().unwrap().to_owned(),
        )
    };
    of.iter().map(|approval| seen(approval)).collect()
}

async fn post(browser: &mut Browser, path: &str, proof: (&str, &str), ticks: &[(String, String)]) -> Answer {
    let csrf = browser.get(path).await.csrf(path);
    let mut fields = vec![("csrf", csrf.as_str()), proof];
    fields.extend(ticks.iter().map(|(name, seen)| (name.as_str(), seen.as_str())));
    browser.post(path, &fields).await
}

async fn sent(house: &House) -> Vec<String> {
    let received = house.upstream.received_requests().await.unwrap();
    let mut bodies: Vec<_> = received.iter().map(|one| String::from_utf8(one.body.clone()).unwrap()).collect();
    bodies.sort();
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ticked_is_sent_with_one_code_and_the_rest_waits_on() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let all = customers(&house, ["ann", "bob", "eve"]).await;
    let inbox = browser.get("/").await;
    assert!(inbox.text().contains("Decide these 3 on one page"), "{}", inbox.text());
    let path = path(&all[0]);
    assert!(inbox.body.contains(&format!("href=\"{path}\"")));
    // each stands there in full
    let page = browser.get(&path).await;
    for approval in &all {
        assert!(page.text().contains(&approval.plan.as_ref().unwrap().digest().to_string()), "{}", page.text());
    }
    for shown in ["\"ann\"", "name=bob", "credential: added when sent", "defaults.write"] {
        assert!(page.text().contains(shown), "{shown} is not on {}", page.text());
    }
    let ticked = ticks(&page, &[&all[0], &all[2]]);
    // nothing ticked, or a wrong code: nothing happens, and a right code is still good
    let code = house.next_code();
    assert_eq!(post(&mut browser, &path, ("code", &code), &[]).await.status, 422);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(post(&mut browser, &path, ("code", wrong), &ticked).await.status, 422);
    assert!(sent(&house).await.is_empty());
    let done = post(&mut browser, &path, ("code", &code), &ticked).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/")), "{}", done.text());
    assert_eq!(sent(&house).await, ["name=ann", "name=eve"]);
    for (approval, status) in
        all.iter().zip([ApprovalStatus::Executed, ApprovalStatus::Pending, ApprovalStatus::Executed])
    {
        assert_eq!(house.status(&approval.id).await, status);
    }
    // the same form once more: what was sent is not sent again, and the code is used up
    let again =
        browser.post(&path, &[("csrf", &page.csrf(&path)), ("code", &code), (&ticked[0].0, &ticked[0].1)]).await;
    assert!(again.status == 409 && again.text().contains("it is executed already"), "{}", again.text());
    let last = ticks(&browser.get(&path).await, &[&all[1]]);
    assert_eq!(post(&mut browser, &path, ("code", &code), &last).await.status, 422);
    assert_eq!(sent(&house).await.len(), 2);
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_them_is_denied_without_a_code_and_the_rest_waits_on() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let all = customers(&house, ["ann", "bob", "eve"]).await;
    let path = path(&all[0]);
    let page = browser.get(&path).await;
    let csrf = page.csrf(&path);
    let ticked = ticks(&page, &[&all[0]]);
    // the button denies and does nothing else, whatever is ticked or typed beside it
    let code = house.next_code();
    let fields = [("csrf", &*csrf), ("deny", &all[1].id), ("code", &code), (&*ticked[0].0, &*ticked[0].1)];
    let denied = browser.post(&path, &fields).await;
    assert_eq!((denied.status, denied.header("location")), (303, Some(&*path)), "{}", denied.text());
    for (approval, status) in all.iter().zip([ApprovalStatus::Pending, ApprovalStatus::Denied, ApprovalStatus::Pending])
    {
        assert_eq!(house.status(&approval.id).await, status);
    }
    assert!(sent(&house).await.is_empty());
    let left = browser.get(&path).await;
    assert!(
        !left.body.contains(&all[1].id) && left.body.contains(&format!("value=\"{}\"", all[2].id)),
        "{}",
        left.text()
    );
    // once more says what became of it; what is not on this page is not denied on it, nor without the page's own token
    let again = browser.post(&path, &[("csrf", &csrf), ("deny", &all[1].id)]).await;
    assert!(again.status == 409 && again.text().contains("it is denied already"), "{}", again.text());
    let refund = house.refund().await;
    for (csrf, deny) in [(csrf.as_str(), refund.id.as_str()), ("forged", &all[2].id), (&csrf, "apr_nothing")] {
        let refused = browser.post(&path, &[("csrf", csrf), ("deny", deny)]).await;
        assert!((400..500).contains(&refused.status), "{}", refused.text());
    }
    assert_eq!(house.status(&refund.id).await, ApprovalStatus::Pending);
    assert_eq!(house.status(&all[2].id).await, ApprovalStatus::Pending);
    // the code is still good
    let done = post(&mut browser, &path, ("code", &code), &ticks(&left, &[&all[2]])).await;
    assert_eq!(done.status, 303, "{}", done.text());
    assert_eq!(sent(&house).await, ["name=eve"]);
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t119_nothing_destructive_and_nothing_unlike_is_decided_together() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let mut refunds = Vec::new();
    for amount in [1, 2] {
        refunds.push(house.ask("stripe_create_refund", json!({"charge": "ch_1", "amount": amount})).await);
    }
    let write = customer(&house, "ann").await;
    let inbox = browser.get("/").await;
    assert!(!inbox.body.contains("/together/"), "{}", inbox.text());
    let page = browser.get(&path(&refunds[0])).await;
    assert!(page.text().contains("None of these waits any more.") && !page.body.contains("name=\"tick."));
    // somebody made the form
    let tick = |approval: &Approval| (format!("tick.{}", approval.id), approval.shown_digest().unwrap().to_string());
    let path = path(&write);
    for forged in [vec![tick(&refunds[0]), tick(&refunds[1])], vec![tick(&write), tick(&refunds[0])]] {
        let refused = post(&mut browser, &path, ("code", &house.next_code()), &forged).await;
        assert!(refused.status == 422 && refused.text().contains("only writes of one tool"), "{}", refused.text());
    }
    assert!(sent(&house).await.is_empty());
    // and none that is not of the form that pages have
    for (name, seen) in [("tick.apr_x/..", "00"), ("tick.apr_1", "not a digest"), ("other", "1")] {
        let odd = [(name.to_owned(), seen.to_owned())];
        assert_eq!(post(&mut browser, &path, ("code", "000000"), &odd).await.status, 400, "{name}");
    }
    let mut stranger = Browser::new(house.port);
    assert_eq!(stranger.post(&path, &[("csrf", "x"), ("code", &house.code())]).await.status, 401);
    assert_eq!(browser.post(&path, &[("csrf", "x"), ("code", &house.code())]).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn t119_five_at_most() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let all = customers(&house, ["a", "b", "c", "d", "e", "f"]).await;
    let path = path(&all[0]);
    let inbox = browser.get("/").await.text();
    assert!(inbox.contains("Decide the first 5 of them on one page"), "{inbox}");
    // they are one line that opens
    assert!(inbox.contains("6 calls of stripe.create_customer"), "{inbox}");
    let page = browser.get(&path).await;
    assert_eq!(page.body.matches("name=\"tick.").count(), 5);
    let mut six = ticks(&page, &all[..5].iter().map(|one| &**one).collect::<Vec<_>>());
    six.push((format!("tick.{}", all[5].id), all[5].shown_digest().unwrap().to_string()));
    let refused = post(&mut browser, &path, ("code", &house.next_code()), &six).await;
    assert!(refused.status == 422 && refused.text().contains("tick from 1 to 5"), "{}", refused.text());
    assert!(sent(&house).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t054_one_that_changed_stays_out_and_says_so() {
    let house = House::build().await;
    let mut browser = house.signed_in().await;
    let all = customers(&house, ["ann", "bob", "eve"]).await;
    let path = path(&all[0]);
    let ticked = ticks(&browser.get(&path).await, &[&all[0], &all[1], &all[2]]);
    // somebody looks meanwhile, and finds something; another one is denied
    let found = Found::facts(vec![Fact::plain("Balance", json!(7))], Value::Null);
    let findings = Findings {
        at: house.now(),
        all: vec![Finding { name: "customer".to_owned(), source: "stripe.get_customer".to_owned(), found }],
    };
    assert!(house.parts.ledger.note_findings(&all[1].id, &findings, house.instant()).await.unwrap());
    house.gateway.deny(&all[2].id, None).await.unwrap();
    let csrf = browser.get(&path).await.csrf(&path);
    let code = house.next_code();
    let mut fields = vec![("csrf", csrf.as_str()), ("code", code.as_str())];
    fields.extend(ticked.iter().map(|(name, seen)| (name.as_str(), seen.as_str())));
    let done = browser.post(&path, &fields).await;
    let text = done.text();
    assert_eq!(done.status, 409, "{text}");
    for said in ["what you were shown has changed", "it is denied already", "your yes was taken"] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    assert_eq!(sent(&house).await, ["name=ann"]);
    assert_eq!(house.status(&all[1].id).await, ApprovalStatus::Pending);
    // where none of them could be taken, the code is not even looked at
    let stale = [ticked[1].clone()];
    let fresh = house.next_code();
    assert_eq!(post(&mut browser, &path, ("code", &fresh), &stale).await.status, 409);
    let now = ticks(&browser.get(&path).await, &[&all[1]]);
    assert_eq!(post(&mut browser, &path, ("code", &fresh), &now).await.status, 303);
    assert_eq!(sent(&house).await, ["name=ann", "name=bob"]);
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_signs_all_that_is_ticked_and_nothing_else() {
    let house = House::with(Plan { factor: false, ..Plan::default() }).await;
    let (mut browser, mut key) = enrolled(&house).await;
    let all = customers(&house, ["ann", "bob", "eve"]).await;
    let path = path(&all[0]);
    let page = browser.get(&path).await;
    let ticked = ticks(&page, &[&all[0], &all[1]]);
    let sign = async |browser: &mut Browser, key: &mut crate::harness::authenticator::Authenticator| {
        let csrf = browser.get(&path).await.csrf(&path);
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend(ticked.iter().map(|(name, seen)| (name.as_str(), seen.as_str())));
        let given = browser.post(&format!("{path}/challenge"), &fields).await;
        assert_eq!(given.status, 200, "{given:?}");
        let given: Value = serde_json::from_str(&given.body).unwrap();
        serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap()
    };
    // one more, one fewer, another: not what was signed
    for other in [ticks(&page, &[&all[0], &all[1], &all[2]]), ticks(&page, &[&all[0]]), ticks(&page, &[&all[2]])] {
        let signed = sign(&mut browser, &mut key).await;
        assert_eq!(post(&mut browser, &path, ("passkey", &signed), &other).await.status, 422);
    }
    // nor is it a yes on the page of one of them
    let signed = sign(&mut browser, &mut key).await;
    let alone = format!("/approve/{}", all[0].id);
    let one = browser.get(&alone).await;
    let (csrf, seen) = (one.csrf(&alone), one.seen());
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", &seen), ("passkey", &signed)];
    assert_eq!(browser.post(&alone, &fields).await.status, 422);
    assert!(sent(&house).await.is_empty());
    let signed = sign(&mut browser, &mut key).await;
    assert_eq!(post(&mut browser, &path, ("passkey", &signed), &ticked).await.status, 303);
    assert_eq!(sent(&house).await, ["name=ann", "name=bob"]);
    assert_eq!(house.status(&all[2].id).await, ApprovalStatus::Pending);
    // each decision's record says what was signed, and is checked by it
    house.parts.home.verify().await.unwrap().unwrap();
    let database = rusqlite::Connection::open(house.folder.path().join("home/agentport.db")).unwrap();
    let together: i64 = database
        .query_row("SELECT count(*) FROM record WHERE json_array_length(body, '$.together') = 2", [], |row| row.get(0))
        .unwrap();
    assert_eq!(together, 2);
}
