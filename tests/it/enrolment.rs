//! Enrolling a factor in the browser, by a set-up link.

mod ending;
mod terminal;

use agentport::{
    approval::{Approver, Claim, Code, Enrolled, FactorId, PersonId, Proof, Seed, prove},
    clock::{Clock as _, SteppingClock},
    ledger::{LineFilter, sqlite::EnrolmentToken},
    reply::Reply,
};
use serde_json::{Value, json};

use super::{
    harness::totp,
    site::house::{Answer, Browser, House, Plan},
};

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
    assert!(answer.text().contains("This link is not open") && !answer.body.contains("enrol"), "{}", answer.body);
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
    assert!(browser.get("/").await.text().contains("Nobody is enrolled yet"));

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
    let closed = stranger.get(&format!("/enrol/{}", "Z".repeat(43))).await;
    assert!(closed.text().contains("This link is not open") && closed.text().contains("agentport open"), "{closed:?}");
    for path in &paths {
        // whatever looks like a link is one that is not open, whether or not it ever was one
        let is_link = path.strip_prefix("/enrol/").is_some_and(|rest| !rest.is_empty() && !rest.contains('/'));
        let expected = body(if is_link { &closed } else { &nothing });
        assert_eq!(body(&stranger.get(path).await), expected, "{path}");
        let posted = stranger.post(path, &[("code", "123456")]).await;
        assert_eq!(body(&posted), expected, "{path}");
        let posted = stranger.post(path, &[("nothing", "ours")]).await;
        assert_eq!(body(&posted), expected, "{path}");
    }
    assert_eq!(stranger.get(&token).await.status, 200);
    assert_eq!(stranger.post(&token, &[("nothing", "ours")]).await.status, 400);
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        assert_eq!(stranger.request(method, &token, &[], "").await.status, 405, "{method}");
    }
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
