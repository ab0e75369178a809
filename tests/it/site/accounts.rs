//! The accounts on the site: how they are, and changes of them with the owner's factor.

use agentport::{
    approval::{Claim, Code, PersonId, PersonName},
    clock::Clock as _,
    gateway::Presented,
    ledger::{ApprovalStatus, sqlite::SessionToken},
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::house::{Answer, Browser, House, Plan};
use crate::{
    browser::{click, drive, fill, has_browser, open, pictures, text, wait},
    harness::{Database, authenticator::Authenticator},
    passkey::enrolled,
};

const PATH: &str = "/accounts/stripe/default";

async fn csrf_of(browser: &Browser, path: &str, action: &str) -> String {
    browser.get(path).await.csrf(&format!("{path}/{action}"))
}

fn names(house: &House) -> Vec<String> {
    let accounts = house.parts.home.accounts().unwrap();
    accounts.iter().map(|account| format!("{}/{}", account.integration, account.name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_say_whose_they_are_and_when_they_last_worked() {
    let house = House::build().await;
    let browser = house.signed_in().await;
    let before = browser.get("/accounts").await.text();
    assert!(before.contains("Stripe, default") && before.contains("no call with it has succeeded"), "{before}");
    drop(house.call("stripe_get_balance", json!({})).await);
    house.clock.pass(3_600_000);
    let after = browser.get(PATH).await.text();
    assert!(
        after.contains("1 hour ago") && after.contains("production") && after.contains("and nowhere else"),
        "{after}"
    );
    // where the vendor says no, that is said too
    let page = browser.get("/accounts/github/default").await.text();
    assert!(page.contains("no call with it has succeeded"), "{page}");
    for nothing in ["/accounts/nothing/default", "/accounts/stripe/../x", "/accounts/stripe/A", "/accounts/stripe"] {
        assert_eq!(browser.get(nothing).await.status, 404, "{nothing}");
    }
    let leads = browser.get("/accounts/new?integration=stripe&name=Second").await;
    assert_eq!((leads.status, leads.header("location")), (303, Some("/accounts/stripe/second")));
    assert_eq!(browser.get("/accounts/new?integration=//evil.example&name=x").await.status, 404);
    let stranger = Browser::new(house.port).get(PATH).await.text();
    assert!(stranger.contains("Sign in") && !stranger.contains("Stripe"), "{stranger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_takes_the_owners_factor_and_goes_into_the_store_alone() {
    let answer = ResponseTemplate::new(200).set_body_json(json!({"id": 1, "login": "octo"}));
    let house = House::with(Plan { answer, ..Plan::default() }).await;
    let mut browser = house.signed_in().await;
    let (token, path) = (csrf_of(&browser, PATH, "connect").await, format!("{PATH}/connect"));
    let secret = format!("rk_live_{}", "Q7".repeat(20));
    house.folder.evidence().keep_from(&secret);
    let before = house.parts.home.accounts().unwrap();
    let unchanged = async |answer: Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(!answer.body.contains("Q7Q7"), "the page shows the secret");
        assert_eq!(house.parts.home.accounts().unwrap(), before);
    };
    let code = house.next_code();
    unchanged(browser.post(&path, &[("csrf", &token), ("secret", &secret)]).await, 422).await;
    unchanged(browser.post(&path, &[("csrf", "0"), ("secret", &secret), ("code", &code)]).await, 403).await;
    unchanged(browser.post(&path, &[("csrf", &token), ("secret", "hunter2"), ("code", &code)]).await, 422).await;
    let removing = csrf_of(&browser, "/accounts/github/default", "disconnect").await;
    unchanged(browser.post(&path, &[("csrf", &removing), ("secret", &secret), ("code", &code)]).await, 403).await;
    unchanged(Browser::new(house.port).post(&path, &[("csrf", &token), ("secret", &secret)]).await, 401).await;
    // the stand-in does not say whose it is, so that it cannot be shown to be the same account; the code is not spent
    let other = browser.post(&path, &[("csrf", &token), ("secret", &secret), ("code", &code)]).await;
    assert!(other.text().contains("cannot be shown to be the same Stripe account"), "{}", other.body);
    unchanged(other, 422).await;

    // nor is one connected that lacks what it needs
    let new = "/accounts/posthog/default";
    let token = csrf_of(&browser, new, "connect").await;
    let fields = [("csrf", &*token), ("secret", "phx_Q7Q7Q7Q7Q7Q7"), ("code", &code), ("set.project_id", "")];
    let lacking = browser.post(&format!("{new}/connect"), &fields).await;
    assert!(lacking.text().contains("needs the setting `project_id`"), "{}", lacking.text());
    unchanged(lacking, 422).await;

    // of the same account as before: what waits goes on waiting
    let mut github = before.iter().find(|account| account.integration == "github").unwrap().clone();
    github.identity.id = Some("1".to_owned());
    house.parts.home.put_account(github.clone(), None, house.clock.now()).await.unwrap();
    let approval = house.ask("github_delete_repository", json!({"owner": "a", "repo": "b"})).await;
    let (path, secret) =
        ("/accounts/github/default", format!("github_pat_{}_{}", "Q7".repeat(11), "Q7".repeat(29) + "a"));
    house.folder.evidence().keep_from(&secret);
    let token = csrf_of(&browser, path, "connect").await;
    let fields = [("csrf", &*token), ("secret", &*secret), ("code", &*code)];
    let done = browser.post(&format!("{path}/connect"), &fields).await;
    assert_eq!((done.status, done.header("location")), (303, Some(path)), "{}", done.text());
    let after = house.parts.home.accounts().unwrap();
    let after = after.iter().find(|account| account.integration == "github").unwrap();
    assert_eq!((&after.id, &after.origin), (&github.id, &github.origin));
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);
    assert!(!browser.get(path).await.body.contains("Q7Q7"));
    // the vendor was asked with it, and the log has no letter of it
    let asked = house.upstream.received_requests().await.unwrap();
    let bearer = format!("Bearer {secret}");
    assert!(asked.iter().any(|request| request.headers.get("authorization").is_some_and(|value| *value == *bearer)));
    let records = serde_json::to_string(&house.parts.home.export(0, 500).await.unwrap()).unwrap();
    assert!(records.contains("account replaced") && records.contains("\"proof\""), "{records}");
    assert!(!records.contains("Q7Q7"), "{records}");
    // the code is spent now
    let again = browser.post(&format!("{path}/connect"), &fields).await;
    assert_eq!(again.status, 422, "{}", again.text());
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_removed_with_the_owners_factor() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let (token, path) = (csrf_of(&browser, PATH, "disconnect").await, format!("{PATH}/disconnect"));
    assert_eq!(browser.post(&path, &[("csrf", &token)]).await.status, 422);
    assert_eq!(names(&house).len(), 3);
    let code = house.next_code();
    let before = house.parts.snapshots.current().unwrap().account("stripe", "default").unwrap().clone();
    let done = browser.post(&path, &[("csrf", &token), ("code", &code)]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/accounts")), "{}", done.body);
    assert_eq!(names(&house), ["github/default", "gmail/default"]);
    assert!(house.parts.credentials.inspect_stored(&before).await.unwrap().is_none());
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Cancelled);
    assert_eq!(browser.post(&path, &[("csrf", &token), ("code", &house.next_code())]).await.status, 404);
    house.parts.home.verify().await.unwrap().unwrap();
}

/// What a passkey signs for a change of this account.
pub(super) async fn signed(browser: &mut Browser, key: &mut Authenticator, path: &str, csrf: &str) -> String {
    let given = browser.post(&format!("{path}/challenge"), &[("csrf", csrf)]).await;
    assert_eq!(given.status, 200, "{given:?}");
    let given: Value = serde_json::from_str(&given.body).unwrap();
    serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_signs_one_change_of_one_account() {
    let answer = ResponseTemplate::new(200).set_body_json(json!({"id": 1, "login": "octo"}));
    let house = House::with(Plan { factor: false, answer, ..Plan::default() }).await;
    let (mut owner, mut key) = enrolled(&house).await;
    let secret = format!("github_pat_{}_{}", "Z9".repeat(11), "Z9".repeat(29) + "a");
    house.folder.evidence().keep_from(&secret);
    let github = "/accounts/github/default";
    let page = owner.get(github).await;
    assert!(
        page.text().contains("Store it with a passkey") && page.text().contains("Remove with a passkey"),
        "{page:?}"
    );
    let csrf = page.csrf(&format!("{github}/connect"));
    let stripe = csrf_of(&owner, PATH, "disconnect").await;
    assert_eq!(owner.post(&format!("{github}/connect/challenge"), &[("csrf", &stripe)]).await.status, 403);

    // one for removing does not store, nor one of another account remove
    let for_removal = signed(&mut owner, &mut key, &format!("{github}/disconnect"), &csrf).await;
    let fields = [("csrf", &*csrf), ("secret", &*secret), ("passkey", &*for_removal)];
    assert_eq!(owner.post(&format!("{github}/connect"), &fields).await.status, 422);
    let for_stripe = signed(&mut owner, &mut key, &format!("{PATH}/disconnect"), &stripe).await;
    let fields = [("csrf", &*csrf), ("passkey", &*for_stripe)];
    assert_eq!(owner.post(&format!("{github}/disconnect"), &fields).await.status, 422);
    assert_eq!(names(&house), ["github/default", "gmail/default", "stripe/default"]);

    let mut same = house.parts.home.accounts().unwrap().remove(0);
    assert_eq!(same.integration, "github");
    same.identity.id = Some("1".to_owned());
    house.parts.home.put_account(same, None, house.clock.now()).await.unwrap();
    let signature = signed(&mut owner, &mut key, &format!("{github}/connect"), &csrf).await;
    let fields = [("csrf", &*csrf), ("secret", &*secret), ("passkey", &*signature)];
    let done = owner.post(&format!("{github}/connect"), &fields).await;
    assert_eq!((done.status, done.header("location")), (303, Some(github)), "{}", done.text());
    assert_eq!(owner.post(&format!("{github}/connect"), &fields).await.status, 422, "it is spent");
    let for_removal = signed(&mut owner, &mut key, &format!("{PATH}/disconnect"), &stripe).await;
    let done = owner.post(&format!("{PATH}/disconnect"), &[("csrf", &stripe), ("passkey", &for_removal)]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/accounts")), "{}", done.text());
    assert_eq!(names(&house), ["github/default", "gmail/default"]);

    // who agreed, and with which key, is in the log and is checked again
    house.parts.home.verify().await.unwrap().unwrap();
    let records = house.parts.home.export(0, 1_000).await.unwrap();
    let removed = records.iter().find(|record| record["status"] == "account disconnected").unwrap();
    assert_eq!((&removed["tool"], &removed["body"]["proof"]["kind"]), (&json!("stripe/default"), &json!("passkey")));
    let (proof, of) = (&removed["body"]["proof"], |account: &str| Claim::Disconnect(account.to_owned()));
    agentport::approval::passkey::check_recorded(proof, &of("stripe/default")).unwrap();
    agentport::approval::passkey::check_recorded(proof, &of("gmail/default")).unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn t135_nobody_but_the_owner_changes_the_accounts() {
    let house = House::build().await;
    let mut ann = other_person(&house).await;
    let page = ann.get(PATH).await;
    assert!(page.text().contains("Only the owner connects, changes and removes accounts"), "{}", page.text());
    assert!(!page.body.contains("/connect\"") && !page.body.contains("/disconnect\""), "{}", page.body);
    // the page gives her no form; what its token would be, her own cookie says
    let cookie = ann.cookie.clone().unwrap();
    let token = SessionToken::parse(cookie.split_once('=').unwrap().1).unwrap().for_form("accounts/stripe/default");
    let code = house.next_code();
    for action in ["connect", "disconnect"] {
        let fields = [("csrf", &*token), ("code", &*code), ("secret", "rk_test_0123456789abcdef0123")];
        let fields = if action == "connect" { &fields[..] } else { &fields[..2] };
        let refused = ann.post(&format!("{PATH}/{action}"), fields).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert!(refused.text().contains("only the owner changes accounts"), "{}", refused.text());
    }
    assert_eq!(names(&house).len(), 3);
}

/// A second person, signed in.
pub(super) async fn other_person(house: &House) -> Browser {
    let (owner, code) = (PersonId::owner(), Code::parse(&house.next_code()).unwrap());
    let name: PersonName = "ann".parse().unwrap();
    let claim = Claim::AddPerson(name.clone());
    let approver = house.gateway.prove(&house.parts, claim, &Presented::Code(&owner, &code)).await.unwrap();
    let token = house.parts.home.add_person(name, approver, house.clock.now()).await.unwrap().unwrap();
    let (path, mut browser, key) =
        (format!("/enrol/{}", token.as_link()), Browser::new(house.port), Authenticator::new(&house.base));
    let page = browser.get(&path).await;
    let challenge = page.body.split("data-challenge=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(browser.post(&path, &[("passkey", &key.register(&challenge))]).await.status, 200);
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_connected_by_its_url_and_a_role_that_may_less_is_shown() {
    let Some(server) = Database::postgres("the account of a database on the site") else { return };
    let house = House::build().await;
    let mut owner = house.signed_in().await;
    let (user, password) = server.superuser();
    house.folder.evidence().keep_from(password);
    let (path, url) = ("/accounts/postgres/main", server.url(user, password));
    let page = owner.get(path).await;
    assert!(page.text().contains("It will go where the connection URL leads and nowhere else"), "{}", page.text());
    let (csrf, post) = (page.csrf(&format!("{path}/connect")), format!("{path}/connect"));
    let fields = |code: &str, more: &[(&str, &str)]| {
        let all = [("csrf", csrf.as_str()), ("secret", url.as_str()), ("environment", "test"), ("code", code)];
        let all = all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        all.collect::<Vec<_>>()
    };
    let send = async |browser: &mut Browser, fields: Vec<(String, String)>| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post(&post, &fields).await
    };
    // on this computer only where that is said
    let code = house.next_code();
    let refused = send(&mut owner, fields(&code, &[])).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("private"), "{}", refused.text());
    let done = send(&mut owner, fields(&code, &[("private", "yes")])).await;
    assert_eq!((done.status, done.header("location")), (303, Some(path)), "{}", done.text());
    let shown = owner.get(path).await.text();
    for words in ["CREATE ROLE agent_reads", "A role that may read this database and nothing else", "superuser", "test"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(names(&house).contains(&"postgres/main".to_owned()));
    let answer = house.call("postgres_query", json!({"sql": "SELECT 1 AS one"})).await.to_json();
    assert_eq!(answer["status"], "completed", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_connects_changes_and_removes_in_a_browser_without_scripts() {
    if !has_browser() {
        return;
    }
    let answer = ResponseTemplate::new(200).set_body_json(json!({"id": 1, "login": "octo"}));
    let house = House::with(Plan { answer, ..Plan::default() }).await;
    let secret = format!("github_pat_{}_{}", "K3".repeat(11), "K3".repeat(29) + "a");
    house.folder.evidence().keep_from(&secret);
    let mut github = house.parts.home.accounts().unwrap().remove(0);
    github.identity.id = Some("1".to_owned());
    house.parts.home.put_account(github, None, house.clock.now()).await.unwrap();
    let at = |path: &str| open(&format!("{}{path}", house.base));
    // each counts once for signing in and once for a change
    let codes = [house.next_code(), house.next_code()];
    let mut steps = Vec::new();
    for (scheme, code) in ["light", "dark"].into_iter().zip(&codes) {
        let viewport = json!({"width": 390, "height": 844});
        steps.push(
            json!({"step": "newContext", "colorScheme": scheme, "viewport": viewport, "javaScriptEnabled": false}),
        );
        steps.extend([at("/accounts"), fill("#code", code), click("main button"), wait("#new-title")]);
        steps.extend(pictures("accounts", scheme));
        for (name, path) in [
            ("account", "/accounts/github/default"),
            ("account-new", "/accounts/posthog/default"),
            ("account-sign-in", "/accounts/gmail/second"),
            ("account-database", "/accounts/postgres/shop"),
        ] {
            steps.push(at(path));
            steps.extend(pictures(name, scheme));
        }
        steps.extend([
            at("/accounts/github/default"),
            fill("#code-secret", "hunter2"),
            fill("#connect-code", "000000"),
        ]);
        steps.extend([click("#connect"), wait(".notice.bad"), text(".notice.bad")]);
        steps.extend(pictures("account-refused", scheme));
    }
    let refused = steps.iter().position(|step| step["selector"] == ".notice.bad" && step["step"] == "text").unwrap();
    steps.extend([fill("#code-secret", &secret), fill("#connect-code", &codes[0]), click("#connect"), wait("#remove")]);
    steps.push(wait("text=octo"));
    steps.push(text("main"));
    let changed = steps.len() - 1;
    steps.extend([fill("#remove-code", &codes[1]), click("#remove"), wait("#new-title"), text("main")]);
    let results = drive(steps).await;
    assert!(results[refused]["text"].as_str().unwrap().contains("that code is not right"), "{}", results[refused]);
    let page = results[changed]["text"].as_str().unwrap();
    assert!(page.contains("octo") && !page.contains("K3K3"), "{page}");
    assert!(!results.last().unwrap()["text"].as_str().unwrap().contains("GitHub, default"), "{results:?}");
    assert_eq!(names(&house), ["gmail/default", "stripe/default"]);
    for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
        assert_eq!(width, 390, "a page is wider than the phone");
    }
}
