//! Enrolling a factor in the browser, by a set-up link.

use std::time::Duration;

use agentport::{
    approval::{Approver, Claim, Code, Enrolled, FactorId, PersonId, Proof, Seed, prove},
    clock::{Clock as _, SteppingClock},
    gateway::seed_name,
    ledger::{LineFilter, sqlite::EnrolmentToken},
    reply::Reply,
};
use serde_json::{Value, json};

use super::{
    harness::{Port, now as seconds, totp},
    site::house::{Answer, Browser, House, Plan},
};

const FIFTEEN_MINUTES: i64 = 15 * 60 * 1000;

/// A home in which nobody is enrolled yet.
async fn empty() -> House {
    House::with(Plan { factor: false, ..Plan::default() }).await
}

/// What `agentport open` does.
async fn link(house: &House, approver: Option<Approver>, next: Option<String>) -> Option<EnrolmentToken> {
    house.parts.home.open_enrolment(approver, next, house.clock.now()).await.unwrap()
}

async fn first_link(house: &House) -> String {
    path(&link(house, None, None).await.unwrap())
}

fn path(token: &EnrolmentToken) -> String {
    format!("/enrol/{}", token.as_link())
}

/// The secret as the page shows it for typing.
fn secret(page: &Answer) -> String {
    let text = page.body.split("<p class=\"secret\"").nth(1).unwrap().split_once('>').unwrap().1;
    text.split('<').next().unwrap().replace(' ', "")
}

/// What an app with this secret shows.
fn code(secret: &str, clock: &SteppingClock) -> String {
    totp(secret, u64::try_from(clock.now().wall / 30_000).unwrap())
}

fn wrong(right: &str) -> &'static str {
    if right == "000000" { "000001" } else { "000000" }
}

fn recovery_codes(page: &Answer) -> Vec<String> {
    page.body.split("<li><code>").skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

/// Opens the link and types what the app shows.
async fn enrol(house: &House, browser: &mut Browser, path: &str) -> (String, Answer) {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let secret = secret(&page);
    let answer = browser.post(path, &[("code", &code(&secret, &house.clock))]).await;
    (secret, answer)
}

async fn factors(house: &House) -> Vec<FactorId> {
    house.parts.ledger.factors().await.unwrap().into_iter().map(|factor| factor.id).collect()
}

async fn events(house: &House) -> Vec<(String, Value)> {
    let lines = house.parts.home.lines(LineFilter::default()).await.unwrap();
    lines.into_iter().filter(|line| line.kind == "home").map(|line| (line.status, line.body)).collect()
}

fn assert_nothing_here(answer: &Answer) {
    assert_eq!((answer.status, answer.header("set-cookie")), (404, None), "{}", answer.body);
    assert!(answer.text().contains("Nothing is here") && !answer.body.contains("enrol"), "{}", answer.body);
}

/// The human of the factor that [`House`] enrols.
fn existing(house: &House, claim: Claim) -> Approver {
    let seed = Seed::from_secret(&agentport::secret::Secret::new("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".to_owned()));
    let enrolled = [Enrolled { id: FactorId("fac_test".to_owned()), seed: seed.unwrap(), last_step: None }];
    prove(claim, &Code::parse(&house.next_code()).unwrap(), &PersonId::owner(), &enrolled, house.clock.now()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_enrols_in_the_browser_is_signed_in_there() {
    let house = empty().await;
    let path = first_link(&house).await;
    let mut browser = Browser::new(house.port);
    let page = browser.get(&path).await;
    let secret = secret(&page);
    assert_eq!((secret.len(), page.header("set-cookie")), (32, None));
    let uri = format!("otpauth://totp/AgentPort:owner?secret={secret}&#38;issuer=AgentPort");
    assert!(page.body.contains(&format!("href=\"{uri}\"")), "{}", page.body);
    assert!(page.body.contains("<svg") && page.text().contains("(in 15 minutes)"), "{}", page.body);
    // loading it again shows the same secret: what was scanned stays right
    assert_eq!(browser.get(&path).await.body, page.body);
    assert!(browser.get("/").await.text().contains("Sign in"));

    let right = code(&secret, &house.clock);
    let done = browser.post(&path, &[("code", &right)]).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let cookie = done.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"), "{cookie}");
    let codes = recovery_codes(&done);
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| matches!(Code::parse(code), Ok(Code::Recovery(_)))), "{codes:?}");
    assert!(done.text().contains("They are shown this one time") && done.body.contains("href=\"/\""));
    assert!(!done.body.replace(' ', "").contains(&secret));
    // no code is asked for: this browser is signed in, and another is not
    assert!(browser.get("/").await.text().contains("Inbox"));
    assert!(Browser::new(house.port).get("/").await.text().contains("Sign in"));

    // used up: no page, no secret, no codes
    for answer in [browser.get(&path).await, browser.clone().post(&path, &[("code", &right)]).await] {
        assert_nothing_here(&answer);
    }
    // the code that enrolled neither approves nor signs in; the next one does
    let approval = house.refund().await;
    assert_eq!(browser.decide(&approval.id, "approve", &right, "").await.status, 422);
    assert_eq!(Browser::new(house.port).post("/login", &[("code", &right), ("next", "/")]).await.status, 422);
    house.clock.pass(30_000);
    assert_eq!(browser.decide(&approval.id, "approve", &code(&secret, &house.clock), "").await.status, 303);
    // each recovery code works, once
    let other = house.ask("github_delete_repository", json!({"owner": "a", "repo": "b"})).await;
    assert_eq!(browser.decide(&other.id, "approve", &codes[0], "").await.status, 303);
    let third = house.ask("github_delete_repository", json!({"owner": "a", "repo": "c"})).await;
    assert_eq!(browser.decide(&third.id, "approve", &codes[0], "").await.status, 422);
    assert_eq!(house.parts.home.recovery_codes_left().await.unwrap(), 9);

    let events = events(&house).await;
    let by = |what: &str| events.iter().find(|(status, _)| status == what).map(|(_, body)| body.clone());
    assert_eq!(
        by("factor added"),
        Some(json!({"by": "browser", "kind": "totp", "person": {"id": "per_owner", "name": "owner"}}))
    );
    assert_eq!(by("set-up link made"), Some(json!({"proof": null})));
    assert!(by("signed in").is_some());
    house.parts.home.verify().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolling_leads_to_the_approval_that_the_person_came_for() {
    let house = House::build().await;
    let approval = house.refund().await;
    house.parts.home.reset(house.clock.now()).await.unwrap();
    for (next, leads) in [(approval.id.clone(), format!("/approve/{}", approval.id)), ("x\"/../".into(), "/".into())] {
        house.parts.home.reset(house.clock.now()).await.unwrap();
        let path = path(&link(&house, None, Some(next)).await.unwrap());
        let mut browser = Browser::new(house.port);
        let (_, done) = enrol(&house, &mut browser, &path).await;
        assert!(done.body.contains(&format!("class=\"button\" href=\"{leads}\"")), "{}", done.body);
        assert!(!browser.get(&leads).await.text().contains("Sign in"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t113_looking_changes_nothing_and_the_post_alone_uses_the_link_up() {
    let house = empty().await;
    let path = first_link(&house).await;
    let before = house.traces().await;
    let stranger = Browser::new(house.port);
    let page = stranger.get(&path).await;
    for _ in 0..8 {
        for method in ["GET", "HEAD"] {
            let answer = stranger.request(method, &path, &[("Sec-Purpose", "prefetch;prerender")], "").await;
            assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
            assert!(method == "HEAD" || answer.body == page.body);
        }
        let query = format!("{path}?code={}", code(&secret(&page), &house.clock));
        assert_eq!(stranger.get(&query).await.body, page.body);
    }
    for header in [
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(page.header(header.0), Some(header.1));
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // the one script, from its own file
    let scripts: Vec<_> = page.body.match_indices("<script").collect();
    assert!(scripts.len() == 1 && page.body.contains("<script src=\"/passkey.js\" defer></script>"), "{}", page.body);
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    for bad in ["<style", "style=", "onclick=", "onload=", "javascript:", "<img"] {
        assert!(!page.body.contains(bad), "{bad}: {}", page.body);
    }
    assert_eq!((house.traces().await, factors(&house).await), (before, vec![]));
    let (_, done) = enrol(&house, &mut Browser::new(house.port), &path).await;
    assert_eq!((done.status, done.header("cache-control")), (200, Some("no-store")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_link_that_is_open_there_is_nothing_here() {
    let house = empty().await;
    let mut stranger = Browser::new(house.port);
    let nothing = stranger.get("/no-such-page").await;
    let body = |answer: &Answer| (answer.status, answer.body.clone());
    let token = path(&link(&house, None, None).await.unwrap());
    let (letters, rest) = token.split_at(token.len() - 1);
    let other = if rest == "A" { "B" } else { "A" };
    let paths = [
        "/enrol".to_owned(),
        "/enrol/".to_owned(),
        "/enrol/x".to_owned(),
        format!("/enrol/{}", "A".repeat(43)),
        letters.to_owned(),
        format!("{letters}{other}"),
        format!("{token}A"),
        format!("{token}/"),
        format!("{letters}%{:02x}", rest.as_bytes()[0]),
        token.to_uppercase(),
        token.replace("/enrol/", "/enrol//"),
        token.replace("/enrol/", "/enrol/../enrol/"),
        token.replace("/enrol/", "/Enrol/"),
    ];
    for path in &paths {
        assert_eq!(body(&stranger.get(path).await), body(&nothing), "{path}");
        let posted = stranger.post(path, &[("code", "123456")]).await;
        assert_eq!(body(&posted), body(&nothing), "{path}");
        let posted = stranger.post(path, &[("nothing", "ours")]).await;
        assert_eq!(body(&posted), body(&nothing), "{path}");
    }
    assert_eq!(stranger.get(&token).await.status, 200);
    assert_eq!(stranger.post(&token, &[("nothing", "ours")]).await.status, 400);
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        assert_eq!(stranger.request(method, &token, &[], "").await.status, 405, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_fifteen_minutes_by_either_clock() {
    let house = empty().await;
    let mut browser = Browser::new(house.port);
    let path = first_link(&house).await;
    let secret = secret(&browser.get(&path).await);
    house.clock.pass(FIFTEEN_MINUTES - 1);
    assert_eq!(browser.get(&path).await.status, 200);
    house.clock.pass(1);
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", &code(&secret, &house.clock))]).await);
    // it is tidied up: its salt, without which the token is worth nothing, is gone
    assert!(house.parts.home.meta("enrolment").unwrap().is_some());
    house.parts.ledger.sweep(house.clock.now()).await.unwrap();
    assert_eq!(house.parts.home.meta("enrolment").unwrap(), None);

    // somebody sets the wall clock back: the boot clock goes on
    let path = first_link(&house).await;
    let began = house.clock.now().wall;
    house.clock.pass(FIFTEEN_MINUTES);
    house.clock.set_wall(began);
    assert_nothing_here(&browser.get(&path).await);
    // and forward: that is over, too
    let path = first_link(&house).await;
    house.clock.set_wall(began + FIFTEEN_MINUTES);
    assert_nothing_here(&browser.get(&path).await);
    assert_eq!(factors(&house).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_takes_five_codes_and_says_which_it_was() {
    let house = empty().await;
    let mut browser = Browser::new(house.port);
    let path = first_link(&house).await;
    let secret = secret(&browser.get(&path).await);
    let right = code(&secret, &house.clock);
    // what is no code is not counted
    for text in ["", "12345", "１２３４５６", "abcd-efgh-2345-wxyz"] {
        let answer = browser.post(&path, &[("code", text)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains("six digits that the app shows") && answer.body.contains("name=\"code\""));
    }
    for left in ["4 more codes", "3 more codes", "2 more codes", "one more code"] {
        let answer = browser.post(&path, &[("code", wrong(&right))]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (422, None));
        assert!(answer.text().contains("does not belong to this factor") && answer.text().contains(left));
        assert!(answer.body.replace(' ', "").contains(&secret), "the page is still the same");
    }
    let last = browser.post(&path, &[("code", wrong(&right))]).await;
    assert_eq!(last.status, 410);
    assert!(last.text().contains("This link has ended") && !last.body.replace(' ', "").contains(&secret));
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", &right)]).await);
    assert_eq!((factors(&house).await, browser.cookie.clone()), (vec![], None));

    // the fifth may be right
    let path = first_link(&house).await;
    for _ in 0..4 {
        browser.post(&path, &[("code", wrong(&right))]).await;
    }
    assert_eq!(enrol(&house, &mut browser, &path).await.1.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_at_once_are_counted_one_by_one() {
    let house = empty().await;
    let path = first_link(&house).await;
    let right = code(&secret(&Browser::new(house.port).get(&path).await), &house.clock);
    let tries = (0..20).map(|_| {
        let (path, wrong, mut browser) = (path.clone(), wrong(&right), Browser::new(house.port));
        tokio::spawn(async move { browser.post(&path, &[("code", wrong)]).await.status })
    });
    let mut statuses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(422), count(410), count(404)), (4, 1, 15), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_browsers_with_one_link_one_enrols() {
    let house = empty().await;
    let path = first_link(&house).await;
    let secret = secret(&Browser::new(house.port).get(&path).await);
    let right = code(&secret, &house.clock);
    let race = (0..4).map(|_| {
        let (path, right, mut browser) = (path.clone(), right.clone(), Browser::new(house.port));
        tokio::spawn(async move {
            let answer = browser.post(&path, &[("code", &right)]).await;
            (answer.status, recovery_codes(&answer).len(), browser)
        })
    });
    let mut ended = Vec::new();
    for one in race.collect::<Vec<_>>() {
        ended.push(one.await.unwrap());
    }
    let winners: Vec<_> = ended.iter().filter(|(status, codes, _)| (*status, *codes) == (200, 10)).collect();
    let losers = ended.iter().filter(|(status, codes, _)| (*status, *codes) == (404, 0)).count();
    assert_eq!((winners.len(), losers), (1, 3), "{ended:?}");
    for (_, _, browser) in &ended {
        assert_eq!(browser.get("/").await.text().contains("Inbox"), browser.cookie.is_some());
    }
    // and the winner's seed is the one that is kept: the next code approves
    let [id] = &factors(&house).await[..] else { panic!("not one factor") };
    assert!(house.parts.secrets.get(&seed_name(id)).await.unwrap().is_some());
    house.clock.pass(30_000);
    let approval = house.refund().await;
    let mut browser = winners[0].2.clone();
    assert_eq!(browser.decide(&approval.id, "approve", &code(&secret, &house.clock), "").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn t145_a_form_from_elsewhere_enrols_nobody() {
    let house = empty().await;
    let path = first_link(&house).await;
    let browser = Browser::new(house.port);
    let right = code(&secret(&browser.get(&path).await), &house.clock);
    let origin = format!("http://localhost:{}", house.port);
    let elsewhere = format!("http://localhost:{}", house.port ^ 1);
    for headers in [
        vec![],
        vec![("Origin", origin.as_str())],
        vec![("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", elsewhere.as_str()), ("Sec-Fetch-Site", "same-site")],
        vec![("Origin", origin.as_str()), ("Sec-Fetch-Site", "none")],
    ] {
        let answer = browser.post_with(&path, &headers, &[("code", &right)]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{headers:?}");
    }
    let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example:{}\r\nConnection: close\r\n\r\n", house.port);
    assert_eq!(super::site::house::send(house.port, &request).await.status, 421);
    assert_eq!(factors(&house).await, []);
    // none of that counted as a try
    assert_eq!(enrol(&house, &mut browser.clone(), &path).await.1.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_ends_the_older_one() {
    let house = empty().await;
    let (first, second) = (first_link(&house).await, first_link(&house).await);
    let mut browser = Browser::new(house.port);
    assert_nothing_here(&browser.get(&first).await);
    assert_nothing_here(&browser.post(&first, &[("code", "123456")]).await);
    let (_, done) = enrol(&house, &mut browser, &second).await;
    assert_eq!(done.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn t135_a_first_link_is_dead_once_a_factor_is_there() {
    let house = empty().await;
    let path = first_link(&house).await;
    let mut browser = Browser::new(house.port);
    let secret = secret(&browser.get(&path).await);
    // meanwhile, on the terminal
    let mine = Seed::generate().unwrap();
    let digits = totp(&mine.shown().replace(' ', ""), u64::try_from(house.clock.now().wall / 30_000).unwrap());
    let (id, _) = house.gateway.enrol(&house.parts, &mine, &digits, None).await.unwrap();
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", &code(&secret, &house.clock))]).await);
    assert_eq!(factors(&house).await, [id]);
    // nor is another one made without a proof
    assert!(link(&house, None, None).await.is_none());
    // even if the row were still there: as from a process that began before
    let house = empty().await;
    let path = first_link(&house).await;
    let row = house.parts.home.meta("enrolment").unwrap().unwrap();
    house.gateway.enrol(&house.parts, &mine, &digits, None).await.unwrap();
    house.parts.home.set_meta(&[("enrolment", &row)]).unwrap();
    let mut browser = Browser::new(house.port);
    assert_nothing_here(&browser.get(&path).await);
    assert_nothing_here(&browser.post(&path, &[("code", "123456")]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t135_a_further_factor_needs_a_code_of_an_existing_one() {
    let house = House::build().await;
    assert!(link(&house, None, None).await.is_none());
    assert!(link(&house, Some(existing(&house, Claim::SignIn)), None).await.is_none());
    let approver = existing(&house, Claim::AddFactor);
    let Proof::Totp { step } = *approver.proof() else { panic!() };
    let token = link(&house, Some(approver), None).await.unwrap();
    // the code is burnt, and the log says that it was used
    let factor = house.parts.ledger.factors().await.unwrap().remove(0);
    assert_eq!(factor.step_decide, Some(step));
    let made = events(&house).await.into_iter().find(|(status, _)| status == "set-up link made").unwrap();
    let person = json!({"id": "per_owner", "name": "owner"});
    assert_eq!(made.1, json!({"person": person, "factor": factor.id, "proof": {"kind": "totp", "step": step}}));

    let mut browser = house.signed_in().await;
    let old = browser.clone();
    let page = browser.get(&path(&token)).await;
    assert!(page.text().contains("the earlier ones stop working"), "{}", page.text());
    let (secret, done) = enrol(&house, &mut browser, &path(&token)).await;
    assert_eq!((done.status, factors(&house).await.len()), (200, 2));
    // the session is a new one, and the one that this browser had has ended
    assert_ne!(browser.cookie, old.cookie);
    assert!(browser.get("/").await.text().contains("Inbox") && old.get("/").await.text().contains("Sign in"));
    house.clock.pass(30_000);
    for right in [house.code(), code(&secret, &house.clock)] {
        let mut browser = Browser::new(house.port);
        assert_eq!(browser.post("/login", &[("code", &right), ("next", "/")]).await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_factors_ends_an_open_link() {
    let house = House::build().await;
    let open = async || {
        house.clock.pass(30_000);
        path(&link(&house, Some(existing(&house, Claim::AddFactor)), None).await.unwrap())
    };
    let browser = Browser::new(house.port);
    // another one is added on the terminal
    let path = open().await;
    assert_eq!(browser.get(&path).await.status, 200);
    let id = FactorId("fac_second".to_owned());
    let now = house.clock.now();
    let approver = existing(&house, Claim::AddFactor);
    assert!(house.parts.home.enrol(id.clone(), 1, vec![], Some(approver), now).await.unwrap());
    assert_nothing_here(&browser.get(&path).await);
    // one is removed
    let path = open().await;
    assert_eq!(browser.get(&path).await.status, 200);
    let approver = existing(&house, Claim::RemoveFactor(id.clone()));
    assert!(house.parts.home.remove_factor(id, approver, house.clock.now()).await.unwrap());
    assert_nothing_here(&browser.get(&path).await);
    // all are gone
    let path = open().await;
    assert_eq!(browser.get(&path).await.status, 200);
    house.parts.home.reset(house.clock.now()).await.unwrap();
    assert_nothing_here(&browser.get(&path).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_link_opens_nothing() {
    let house = empty().await;
    let path = first_link(&house).await;
    let token = path.strip_prefix("/enrol/").unwrap();
    let secret = secret(&Browser::new(house.port).get(&path).await);
    let kept = |needle: &str| {
        let files = std::fs::read_dir(house.folder.path().join("home")).unwrap();
        let bytes: Vec<u8> = files.flatten().filter_map(|file| std::fs::read(file.path()).ok()).flatten().collect();
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    };
    let row: Value = serde_json::from_str(&house.parts.home.meta("enrolment").unwrap().unwrap()).unwrap();
    let salt = row["salt"].as_str().unwrap();
    assert!(kept(salt), "the search finds what is there");
    assert!(!kept(token) && !kept(&secret));
    let (_, done) = enrol(&house, &mut Browser::new(house.port), &path).await;
    assert_eq!(done.status, 200);
    // now the token alone, out of a browser's history, makes no seed any more
    assert_eq!(house.parts.home.meta("enrolment").unwrap(), None);
    assert!(!kept(token) && !kept(&secret));
    for code in recovery_codes(&done) {
        assert!(!kept(&code) && !kept(&code.replace('-', "")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_closed_nothing_is_enrolled_and_no_try_is_lost() {
    let house = empty().await;
    let path = first_link(&house).await;
    let mut browser = Browser::new(house.port);
    let secret = secret(&browser.get(&path).await);
    let (key, away) = (house.folder.path().join("key"), house.folder.path().join("away"));
    std::fs::rename(&key, &away).unwrap();
    for _ in 0..7 {
        let answer = browser.post(&path, &[("code", &code(&secret, &house.clock))]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (503, None));
        assert!(answer.text().contains("the secret of the new factor cannot be stored"), "{}", answer.text());
    }
    assert_eq!(factors(&house).await, []);
    std::fs::rename(&away, &key).unwrap();
    assert_eq!(enrol(&house, &mut browser, &path).await.1.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_to_an_agent_leads_to_the_link() {
    let house = empty().await;
    let path = first_link(&house).await;
    let caller = agentport::call::Caller::parse("claude").unwrap();
    let mut answers = vec![format!("{:?}", house.gateway.list(&caller))];
    let mut say = |reply: Reply| answers.push(format!("{reply:?} {}", reply.to_json()));
    for (tool, arguments) in [
        ("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 500})),
        ("agentport_list_integrations", json!({})),
        ("agentport_await_approval", json!({})),
        ("agentport_await_approval", json!({"approval_id": path})),
        ("agentport_call_tool", json!({"tool": "agentport_enrol", "arguments": {}})),
        ("agentport_enrol", json!({})),
        ("agentport_open", json!({})),
        ("enrol", json!({})),
        (path.as_str(), json!({})),
    ] {
        say(house.call(tool, arguments).await);
    }
    let token = path.strip_prefix("/enrol/").unwrap();
    for answer in &answers {
        // what the agent itself said may come back as a name that is not known
        let answer = answer.replace(&path, "").replace("agentport_enrol", "").replace("`enrol`", "");
        for word in [token, "/enrol", "set-up link", "factor add", "agentport open", "4747/"] {
            assert!(!answer.contains(word), "{word}: {answer}");
        }
    }
}

// --- the program ---

/// The link's path, and the browser that opens it.
fn visit(line: &Value) -> (String, Browser) {
    let url = url::Url::parse(line["url"].as_str().unwrap()).unwrap();
    (url.path().to_owned(), Browser::new(url.port().unwrap()))
}

/// Neither link, secret nor codes may be in anything that the program leaves behind.
async fn enrol_now(port: &Port, path: &str, browser: &mut Browser) -> String {
    let secret = secret(&browser.get(path).await);
    let answer = browser.post(path, &[("code", &totp(&secret, seconds() / 30))]).await;
    assert_eq!((answer.status, recovery_codes(&answer).len()), (200, 10), "{}", answer.body);
    for hidden in recovery_codes(&answer).iter().chain([&secret, &path.replace("/enrol/", "")]) {
        port.evidence().keep_from(hidden);
    }
    secret
}

#[tokio::test(flavor = "multi_thread")]
async fn agentport_open_enrols_first_where_nobody_is() {
    let port = Port::new();
    let mut talk = port.cli(["open", "--json"]).unseen().spawn();
    let line = talk.line();
    assert_eq!(line["opened"], false);
    assert!(line["expires_at"].as_str().unwrap().ends_with('Z'), "{line}");
    let (path, mut browser) = visit(&line);
    assert!(path.starts_with("/enrol/"), "{line}");
    enrol_now(&port, &path, &mut browser).await;
    assert!(browser.get("/").await.text().contains("Inbox"));
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    let factors = port.cli(["factor", "list", "--json"]).done().json();
    assert_eq!(factors["factors"].as_array().unwrap().len(), 1, "{factors}");
    // now there is somebody: it opens the inbox
    let mut talk = port.cli(["open", "--json"]).unseen().spawn();
    let (path, _) = visit(&talk.line());
    assert_eq!(path, "/");
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn factor_add_enrols_in_the_browser_with_a_code_of_what_is_there() {
    let port = Port::new();
    let mut talk = port.cli(["factor", "add", "totp", "--browser", "--json"]).unseen().spawn();
    let (path, mut browser) = visit(&talk.line());
    let secret = enrol_now(&port, &path, &mut browser).await;
    let done = talk.line();
    assert_eq!(done["status"], "active");
    assert_eq!(done.get("recovery_codes"), None, "they are in the browser");
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);

    // without a code of it there is no second link
    let refused = port.cli(["factor", "add", "totp", "--browser", "--json"]).stdin("000000").exits(1);
    assert!(refused.error().contains("that code is not right") && !refused.stdout.contains("/enrol"));
    // the recovery codes were shown once, in the browser: the app's next code it is
    let step = seconds() / 30;
    let mut talk = port.cli(["factor", "add", "totp", "--browser", "--json"]).unseen().spawn();
    talk.say(&totp(&secret, step + 1));
    let (path, mut browser) = visit(&talk.line());
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(talk.line()["status"], "active");
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json()["factors"].as_array().unwrap().len(), 2);
    port.cli(["log", "verify"]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_ends_the_command_that_waits_with_the_older_one() {
    let port = Port::new();
    let mut older = port.cli(["open", "--json"]).unseen().spawn();
    older.line();
    let mut newer = port.cli(["factor", "add", "totp", "--browser", "--json"]).unseen().spawn();
    let (path, mut browser) = visit(&newer.line());
    let failed = tokio::task::spawn_blocking(move || (older.line(), older.wait()));
    let (line, code) = tokio::time::timeout(Duration::from_mins(1), failed).await.unwrap().unwrap();
    assert!(line["error"]["message"].as_str().unwrap().contains("a newer one was made"), "{line}");
    assert_eq!(code, 1);
    // whoever hosts the site by now, the newer link works
    let began = std::time::Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", browser.port)).await.is_err() {
        assert!(began.elapsed() < Duration::from_mins(1), "nobody serves the site");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(newer.line()["status"], "active");
    assert_eq!(tokio::task::spawn_blocking(move || newer.wait()).await.unwrap(), 0);
}

/// Other users of the machine see the arguments of every process.
#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_in_no_argument_list_on_its_way_to_the_browser() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut port = Port::new();
    let bin = port.folder().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let said = port.folder().join("said");
    let script = format!("#!/bin/sh\necho \"$@\" > {0}.new\n/bin/mv {0}.new {0}\n", said.display());
    std::fs::write(bin.join("xdg-open"), script).unwrap();
    std::fs::set_permissions(bin.join("xdg-open"), std::fs::Permissions::from_mode(0o700)).unwrap();
    port.set("DISPLAY", ":99");
    port.set("PATH", bin.to_str().unwrap());
    let mut talk = port.cli(["open", "--json"]).unseen().spawn();
    let line = talk.line();
    assert_eq!(line["opened"], true);
    let (path, mut browser) = visit(&line);
    let began = std::time::Instant::now();
    while !said.exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "no browser was opened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let argument = std::fs::read_to_string(&said).unwrap();
    assert!(!argument.contains(path.strip_prefix("/enrol/").unwrap()), "{argument}");
    let file = url::Url::parse(argument.trim()).unwrap().to_file_path().unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains(&format!("content=\"0;url={}\"", line["url"].as_str().unwrap())), "{page}");
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    assert!(!file.exists());
}
