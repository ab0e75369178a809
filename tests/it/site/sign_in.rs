//! Signing in at a vendor from the page of an account, at an authorization server that we did not write.

use agentport::account::{Account, Environment, Identity, Origin};
use agentport::clock::Clock as _;
use agentport::ledger::Sqlite;
use serde_json::{Value, json};

use super::{
    accounts::{other_person, signed},
    house::{Answer, Browser, House, Plan},
};
use crate::{
    browser::{click, drive, fill, has_browser, open, pictures, text, wait},
    harness::{Authority, Browser as Person},
    passkey::enrolled,
};

const PATH: &str = "/accounts/posthog/default";
const ALICE: [(&str, &str); 2] = [("login", "alice"), ("password", "x")];
const CLIENT: &str = "agentport-test";

/// Of Alice, at the stand-in; its sign-in is gone.
async fn account(house: &House, authority: &Authority) -> Account {
    let account = Account {
        integration: "posthog".to_owned(),
        name: "default".to_owned(),
        id: Sqlite::fresh_account_id().unwrap(),
        origin: Origin::parse(&authority.origin(), true).unwrap(),
        environment: Environment::Test,
        identity: Identity { id: Some("uuid-alice".to_owned()), ..Identity::default() },
        settings: [("project_id".to_owned(), "1".to_owned())].into(),
        connected_at: house.now(),
    };
    house.parts.home.put_account(account.clone(), None, house.clock.now()).await.unwrap();
    account
}

/// Begins; the address of the vendor, and what comes back when Alice says yes there.
async fn begin(browser: &mut Browser, client: &str, secret: &str) -> Answer {
    let csrf = browser.get(PATH).await.csrf(&format!("{PATH}/sign-in"));
    let fields = [("csrf", &*csrf), ("client_id", client), ("client_secret", secret)];
    browser.post(&format!("{PATH}/sign-in"), &fields).await
}

fn vendor(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{}", page.text());
    let link = page.body.split("id=\"go\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    link.replace("&#38;", "&")
}

/// Alice, at the vendor: the path that she comes back with.
fn back(house: &House, url: &str) -> String {
    let back = Person::default().go(url, &ALICE);
    let path = back.strip_prefix(&format!("http://localhost:{}", house.port));
    path.unwrap_or_else(|| panic!("{back}")).to_owned()
}

/// By what the page names the sign-in that it shows.
fn mark(page: &Answer) -> String {
    page.body.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// No token that was given out may be seen by anybody.
fn keep(house: &House, authority: &Authority) {
    for token in authority.tokens() {
        house.folder.evidence().keep_from(&token);
    }
}

fn grants(authority: &Authority) -> usize {
    authority.log().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn t191_a_sign_in_comes_back_to_its_session_once_and_is_stored_with_the_factor() {
    let Some(authority) = Authority::start("t191_a_sign_in_on_the_site", "posthog") else { return };
    let house = House::build().await;
    let before = account(&house, &authority).await;
    let (mut browser, mut other) = (house.signed_in().await, house.signed_in().await);
    let shown = browser.get(PATH).await.text();
    assert!(shown.contains(&format!("http://localhost:{}/oauth/callback", house.port)), "{shown}");

    let page = begin(&mut browser, CLIENT, "").await;
    assert_eq!(page.header("location"), None);
    let url = vendor(&page);
    let query: Vec<(String, String)> = url::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((value("response_type"), value("code_challenge_method")), ("code", "S256"));
    let state = value("state").to_owned();
    let shown = page.text();
    assert!(shown.contains(&authority.origin()) && shown.contains("feature_flag:write"), "{shown}");
    let path = back(&house, &url);

    // nobody else's answer counts, nor this one in another session, with or without a sign-in of its own under way
    let nothing = async |browser: &Browser, path: &str| {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.text().contains("Nothing was changed"), "{}", answer.text());
        assert_eq!(grants(&authority), 0);
    };
    nothing(&other, &path).await;
    vendor(&begin(&mut other, CLIENT, "").await);
    nothing(&other, &path).await;
    for foreign in [
        "/oauth/callback".to_owned(),
        "/oauth/callback?code=x&state=wrong".to_owned(),
        format!("/oauth/callback?state={state}"),
        format!("/oauth/callback?code=x&state={state}&state={state}"),
        format!("/oauth/callback?code=x&state={state}&iss=https%3A%2F%2Fevil.example.com"),
    ] {
        nothing(&browser, &foreign).await;
    }
    let stranger = Browser::new(house.port).get(&path).await;
    assert!(stranger.text().contains("Sign in") && grants(&authority) == 0, "{}", stranger.text());

    // the right one leads on at once, and works once
    let led = browser.get(&path).await;
    assert_eq!((led.status, led.header("location")), (303, Some(PATH)), "{}", led.text());
    keep(&house, &authority);
    assert_eq!(grants(&authority), 1);
    assert_eq!(browser.get(&path).await.status, 400);
    assert_eq!(grants(&authority), 1);

    // nothing is stored before the factor, in this session or in another
    let page = browser.get(PATH).await;
    assert!(
        page.text().contains("alice@example.com") && page.text().contains("Nothing is stored yet"),
        "{}",
        page.text()
    );
    assert!(!other.get(PATH).await.text().contains("alice@example.com"));
    let (csrf, store) = (page.csrf(&format!("{PATH}/sign-in/store")), format!("{PATH}/sign-in/store"));
    let (code, mark) = (house.next_code(), mark(&page));
    for (fields, status) in [
        (vec![("csrf", &*csrf), ("mark", &*mark)], 422),
        (vec![("csrf", &*csrf), ("mark", &*mark), ("code", "000000")], 422),
        (vec![("csrf", "0"), ("mark", &*mark), ("code", &*code)], 403),
        (vec![("csrf", &*csrf), ("code", &*code)], 422),
    ] {
        assert_eq!(browser.post(&store, &fields).await.status, status, "{fields:?}");
    }
    let others = other.get(PATH).await.csrf(&format!("{PATH}/sign-in"));
    assert_eq!(other.post(&store, &[("csrf", &others), ("mark", &mark), ("code", &code)]).await.status, 422);
    assert!(house.parts.credentials.inspect_stored(&before).await.unwrap().is_none());
    assert_eq!(house.parts.home.accounts().unwrap().iter().find(|one| one.id == before.id), Some(&before));

    let done = browser.post(&store, &[("csrf", &csrf), ("mark", &mark), ("code", &code)]).await;
    assert_eq!((done.status, done.header("location")), (303, Some(PATH)), "{}", done.text());
    let page = browser.get(PATH).await.text();
    assert!(page.contains("alice@example.com") && page.contains("by signing in") && !page.contains("yet"), "{page}");
    let again = [("csrf", &*csrf), ("mark", &*mark), ("code", &*house.next_code())];
    assert_eq!(browser.post(&store, &again).await.status, 422);
    let answer = house.call("posthog_list_feature_flags", json!({"fields": ["*"]})).await.to_json();
    assert_eq!(answer["result"], json!({"results": [], "token": "[redacted]"}), "{answer}");

    // it is renewed as one of the terminal is, and the log has who agreed
    authority.expire();
    assert_eq!(house.call("posthog_list_feature_flags", json!({})).await.to_json()["status"], "completed");
    keep(&house, &authority);
    let records = house.parts.home.export(0, 1_000).await.unwrap();
    let replaced: Vec<&Value> = records.iter().filter(|record| record["tool"] == "posthog/default").collect();
    assert_eq!(replaced.iter().filter(|record| record["body"]["proof"].is_object()).count(), 1, "{replaced:?}");
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_refused_too_late_or_of_somebody_else_stores_nothing() {
    let Some(authority) = Authority::start("a_sign_in_that_is_refused", "posthog") else { return };
    let house = House::build().await;
    let mut bobs = account(&house, &authority).await;
    let mut browser = house.signed_in().await;
    // the person says no: that is said on the page, and not as an address
    let url = vendor(&begin(&mut browser, CLIENT, "").await);
    let state = url.split("&state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let led = browser.get(&format!("/oauth/callback?error=access_denied&state={state}")).await;
    assert_eq!((led.status, led.header("location")), (303, Some(PATH)));
    let page = browser.get(PATH).await.text();
    assert!(page.contains("refused: access_denied; nothing was stored"), "{page}");
    assert!(!browser.get(PATH).await.text().contains("access_denied"), "it is said once");

    // too late
    let url = vendor(&begin(&mut browser, CLIENT, "").await);
    let path = back(&house, &url);
    house.clock.pass(600_000);
    assert_eq!((browser.get(&path).await.status, grants(&authority)), (400, 0));

    // a client whose secret is wrong, one that has none, and one that is none
    assert_eq!(begin(&mut browser, "two words", "").await.status, 422);
    house.folder.evidence().keep_from("not-the-secret-of-the-client");
    let url = vendor(&begin(&mut browser, "agentport-secret", "not-the-secret-of-the-client").await);
    assert_eq!(browser.get(&back(&house, &url)).await.status, 303);
    let page = browser.get(PATH).await.text();
    assert!(page.contains("invalid_client") && page.contains("nothing was stored"), "{page}");

    // somebody else's account is not put in the place of the one that is there, and the code is not spent
    bobs.identity.id = Some("uuid-bob".to_owned());
    house.parts.home.put_account(bobs.clone(), None, house.clock.now()).await.unwrap();
    let url = vendor(&begin(&mut browser, CLIENT, "").await);
    browser.get(&back(&house, &url)).await;
    keep(&house, &authority);
    let page = browser.get(PATH).await;
    let (csrf, mark) = (page.csrf(&format!("{PATH}/sign-in/store")), mark(&page));
    let code = house.next_code();
    for _ in 0..2 {
        let fields = [("csrf", csrf.as_str()), ("mark", &mark), ("code", &code)];
        let refused = browser.post(&format!("{PATH}/sign-in/store"), &fields).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("cannot be shown to be the same PostHog account"), "{}", refused.text());
    }
    assert!(house.parts.credentials.inspect_stored(&bobs).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_the_sign_in_that_the_page_showed() {
    let Some(authority) = Authority::start("what_is_stored_is_the_sign_in", "posthog") else { return };
    let house = House::build().await;
    account(&house, &authority).await;
    let mut browser = house.signed_in().await;
    let (begins, store) = (format!("{PATH}/sign-in"), format!("{PATH}/sign-in/store"));
    // what the form of an account that is there has no field for is not taken
    let csrf = browser.get(PATH).await.csrf(&begins);
    for more in [("set.project_id", "999"), ("environment", "production")] {
        let refused = browser.post(&begins, &[("csrf", &csrf), ("client_id", CLIENT), more]).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
    }

    let url = vendor(&begin(&mut browser, CLIENT, "").await);
    browser.get(&back(&house, &url)).await;
    let page = browser.get(PATH).await;
    let shown = page.body.split("id=\"back-title\"").nth(1).unwrap().split("</section>").next().unwrap().to_owned();
    let catalog = agentport::catalog::Catalog::built_in();
    let scopes = &catalog.integration("posthog").unwrap().credential.oauth.as_ref().unwrap().scopes;
    for what in [&authority.origin(), CLIENT, "<dd>test</dd>", "project_id"]
        .into_iter()
        .chain(scopes.iter().map(String::as_str))
    {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    // whoever has the session puts another one in its place, between the page and the button
    let (csrf, first, code) = (page.csrf(&store), mark(&page), house.next_code());
    let url = vendor(&begin(&mut browser, CLIENT, "").await);
    browser.get(&back(&house, &url)).await;
    keep(&house, &authority);
    let refused = browser.post(&store, &[("csrf", &csrf), ("mark", &first), ("code", &code)]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("another sign-in came back") && mark(&refused) != first, "{}", refused.text());

    // the account was taken away meanwhile; the code is good for that, so nothing was spent
    let removed = browser.post(&format!("{PATH}/disconnect"), &[("csrf", &csrf), ("code", &code)]).await;
    assert_eq!(removed.status, 303, "{}", removed.text());
    let fields = [("csrf", &*csrf), ("mark", &*mark(&refused)), ("code", &*house.next_code())];
    let refused = browser.post(&store, &fields).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("not the one for which this sign-in began"), "{}", refused.text());
    assert!(house.parts.home.accounts().unwrap().iter().all(|one| one.integration != "posthog"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_passkey_stores_the_sign_in_of_one_account() {
    let Some(authority) = Authority::start("t134_a_passkey_stores_the_sign_in", "posthog") else { return };
    let house = House::with(Plan { factor: false, ..Plan::default() }).await;
    let before = account(&house, &authority).await;
    let (mut browser, mut key) = enrolled(&house).await;
    let url = vendor(&begin(&mut browser, CLIENT, "").await);
    browser.get(&back(&house, &url)).await;
    keep(&house, &authority);
    let (page, store) = (browser.get(PATH).await, format!("{PATH}/sign-in/store"));
    let challenge = format!("data-challenge=\"{PATH}/sign-in/store/challenge\" data-send=\"mark\"");
    assert!(page.body.contains(&challenge), "{}", page.body);
    let (csrf, mark) = (page.csrf(&store), mark(&page));
    let unseen = browser.post(&format!("{store}/challenge"), &[("csrf", &*csrf), ("mark", "0")]).await;
    assert_eq!(unseen.status, 422);
    assert!(unseen.text().contains("another sign-in came back"), "{}", unseen.text());
    // one for removing it stores nothing
    let for_removal = signed(&mut browser, &mut key, &format!("{PATH}/disconnect"), &csrf).await;
    assert_eq!(browser.post(&store, &[("csrf", &csrf), ("mark", &mark), ("passkey", &for_removal)]).await.status, 422);
    assert!(house.parts.credentials.inspect_stored(&before).await.unwrap().is_none());
    let given = browser.post(&format!("{store}/challenge"), &[("csrf", &csrf), ("mark", &mark)]).await;
    let given: Value = serde_json::from_str(&given.body).unwrap();
    let signature = serde_json::to_string(&key.sign(given["challenge"].as_str().unwrap())).unwrap();
    let done = browser.post(&store, &[("csrf", &csrf), ("mark", &mark), ("passkey", &signature)]).await;
    assert_eq!((done.status, done.header("location")), (303, Some(PATH)), "{}", done.text());
    assert!(browser.get(PATH).await.text().contains("by signing in"));
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_signs_in_and_only_where_the_manifest_or_the_account_says() {
    let house = House::build().await;
    let mut owner = house.signed_in().await;
    // a new account's sign-in is the vendor's own
    let path = "/accounts/gmail/second";
    let page = owner.get(path).await;
    let csrf = page.csrf(&format!("{path}/sign-in"));
    let fields = [("csrf", &*csrf), ("client_id", "1-a.apps.googleusercontent.com"), ("client_secret", "GOCSPX-x")];
    let went = vendor(&owner.post(&format!("{path}/sign-in"), &fields).await);
    assert!(went.starts_with("https://accounts.google.com/o/oauth2/v2/auth?"), "{went}");
    let without = owner.post(&format!("{path}/sign-in"), &fields[..2]).await;
    assert!(without.text().contains("demands a client secret"), "{}", without.text());
    // the account of the house is at a stand-in, whose authorization server nobody named
    let page = owner.get("/accounts/gmail/default").await;
    assert!(page.text().contains("agentport connect gmail --oauth --account default"), "{}", page.text());
    let refused = owner.post("/accounts/gmail/default/sign-in", &[fields[0]]).await;
    assert!([400, 403].contains(&refused.status), "{refused:?}");
    assert_eq!(owner.get("/accounts/stripe/default").await.body.matches("/sign-in").count(), 0);

    let mut ann = other_person(&house).await;
    let cookie = ann.cookie.clone().unwrap();
    let token = agentport::ledger::sqlite::SessionToken::parse(cookie.split_once('=').unwrap().1).unwrap();
    let csrf = token.for_form("accounts/gmail/second");
    let fields = [("csrf", &*csrf), ("client_id", "1-a.apps.googleusercontent.com"), ("client_secret", "GOCSPX-x")];
    let refused = ann.post(&format!("{path}/sign-in"), &fields).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("only the owner changes accounts"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_at_a_vendor_in_a_browser_without_scripts() {
    if !has_browser() {
        return;
    }
    let Some(authority) = Authority::start("a_person_signs_in_in_a_browser", "posthog") else { return };
    let house = House::build().await;
    account(&house, &authority).await;
    let codes = [house.next_code(), house.next_code()];
    let mut steps = Vec::new();
    let mut said = Vec::new();
    for (scheme, code) in ["light", "dark"].into_iter().zip(&codes) {
        let viewport = json!({"width": 390, "height": 844});
        steps.push(
            json!({"step": "newContext", "colorScheme": scheme, "viewport": viewport, "javaScriptEnabled": false}),
        );
        steps.extend([open(&format!("{}/accounts", house.base)), fill("#code", code), click("main button")]);
        steps.extend([wait("#new-title"), open(&format!("{}/accounts/gmail/second", house.base))]);
        steps.extend(pictures("account-sign-in-new", scheme));
        steps.extend([open(&format!("{}{PATH}", house.base)), click("summary"), fill("#client-id", CLIENT)]);
        steps.extend(pictures("account-sign-in-again", scheme));
        steps.extend([click("#sign-in"), wait("#go"), text("main")]);
        said.push(steps.len() - 1);
        steps.extend(pictures("account-vendor", scheme));
        steps.extend([click("#go"), wait("[name=login]"), fill("[name=login]", "alice"), fill("[name=password]", "x")]);
        steps.extend([click("button"), wait("text=Continue"), click("button"), wait("#store"), text("main")]);
        said.push(steps.len() - 1);
        steps.extend(pictures("account-signed-in", scheme));
    }
    steps.extend([fill("#store-code", &codes[0]), click("#store"), wait("text=by signing in"), text("main")]);
    said.push(steps.len() - 1);
    let results = drive(steps).await;
    keep(&house, &authority);
    let texts: Vec<&str> = said.iter().map(|index| results[*index]["text"].as_str().unwrap()).collect();
    assert!(texts[0].contains(&authority.origin()), "{}", texts[0]);
    assert!(texts[1].contains("alice@example.com") && texts[1].contains("Nothing is stored yet"), "{}", texts[1]);
    assert!(texts[4].contains("alice@example.com") && !texts[4].contains("yet"), "{}", texts[4]);
    for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
        assert_eq!(width, 390, "a page is wider than the phone");
    }
}
