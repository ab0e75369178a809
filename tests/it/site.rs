//! The approval site over a real listener, with a real home behind it.

mod accounts;
mod bystanders;
pub(crate) mod house;
mod inbox;
mod log;
mod people;
mod policy;
mod together;

use std::time::Duration;

use agentport::{ledger::ApprovalStatus, web};
use serde_json::json;
use wiremock::ResponseTemplate;

use self::house::{Browser, House, Plan, send};

#[tokio::test(flavor = "multi_thread")]
async fn t041_t117_a_human_signs_in_reads_and_approves_and_the_stored_plan_runs() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = Browser::new(house.port);
    let path = format!("/approve/{}", approval.id);

    let answer = browser.post("/login", &[("code", &house.next_code()), ("next", &path)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(path.as_str())));
    let text = browser.get(&path).await.text();
    for shown in [
        "Refund a charge",
        "stripe.create_refund",
        "destructive",
        "production",
        "\"ch_3Nf1abcdefghijkl\"",
        "500 in the charge's smallest unit",
        "claude",
        "defaults.destructive",
        "never ran before",
        "amount=500",
        "credential: added when sent",
        "\"the customer asked\"",
        "Said by the agent, not verified",
    ] {
        assert!(text.contains(shown), "{shown} is not on the page:\n{text}");
    }
    assert!(text.contains(&approval.plan.as_ref().unwrap().digest().to_string()));
    assert!(
        text.find("Said by the agent").unwrap() < text.find("Code from your").unwrap(),
        "the code field stands last"
    );
    assert!(house.upstream.received_requests().await.unwrap().is_empty());

    let answer = browser.decide(&approval.id, "approve", &house.next_code(), "").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(path.as_str())));
    let sent = house.upstream.received_requests().await.unwrap();
    assert_eq!(sent.len(), 1);
    assert_eq!(String::from_utf8(sent[0].body.clone()).unwrap(), "charge=ch_3Nf1abcdefghijkl&amount=500");
    let text = browser.get(&path).await.text();
    for shown in ["Done", "HTTP status200", "\"id\": \"re_1\"", &approval.record] {
        assert!(text.contains(shown), "{shown} is not on the page:\n{text}");
    }
    let inbox = browser.get("/").await.text();
    assert!(inbox.contains("Nothing waits") && inbox.contains("Done"), "{inbox}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_lists_what_was_missed_and_what_the_agent_was_told() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    assert!(!browser.get("/").await.text().contains("You missed"));
    house.clock.pass(60 * 60 * 1000);
    let inbox = browser.get("/").await.text();
    for shown in ["You missed", "Expired", "No channel told you of it.", "The agent has not asked since"] {
        assert!(inbox.contains(shown), "{shown} is not in {inbox}");
    }
    house.parts.ledger.deliver(&approval.id).await.unwrap();
    let inbox = browser.get("/").await.text();
    assert!(inbox.contains("The agent was told that nobody decided in time and that nothing was sent."), "{inbox}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_denies_without_a_code_and_the_note_is_kept() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let answer = browser.decide(&approval.id, "deny", "", "  ask the owner first ").await;
    assert_eq!(answer.status, 303);
    let text = browser.get(&format!("/approve/{}", approval.id)).await.text();
    assert!(text.contains("A human denied it") && text.contains("\"ask the owner first\""), "{text}");
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Denied);
    assert!(house.upstream.received_requests().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t111_no_request_without_session_token_and_code_changes_anything() {
    let house = House::build().await;
    let approval = house.refund().await;
    let path = format!("/approve/{}", approval.id);
    let (csrf, seen, cookie) = {
        let browser = house.signed_in().await;
        let page = browser.get(&path).await;
        (page.csrf(&path), page.seen(), browser.cookie.clone())
    };
    let before = house.traces().await;
    let signed = Browser { port: house.port, cookie };
    let stranger = Browser::new(house.port);
    let forged = Browser { port: house.port, cookie: Some("agentport_000000000000=AAAA".to_owned()) };
    let origin = format!("http://localhost:{}", house.port);
    let ours = [("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin")];
    let code = house.next_code();
    let yes = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", seen.as_str())];
    let fields = [yes.as_slice(), &[("code", code.as_str())]].concat();
    for browser in [&stranger, &forged] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            browser.request(method, &path, &ours, "").await;
        }
        assert_eq!(browser.post_with(&path, &ours, &fields).await.status, 401);
        assert_eq!(browser.post_with(&path, &ours, &[("csrf", &csrf), ("decision", "deny")]).await.status, 401);
    }
    // with the session, and without one of the other things
    assert_eq!(signed.get(&format!("{path}?decision=approve&code={code}&csrf={csrf}")).await.status, 200);
    assert_eq!(signed.request("PUT", &path, &ours, "").await.status, 405);
    assert_eq!(signed.post_with(&path, &[("Origin", &origin)], &fields).await.status, 403);
    assert_eq!(signed.post_with(&path, &ours, &[("csrf", "x"), ("decision", "deny")]).await.status, 403);
    assert_eq!(signed.post_with(&path, &ours, &[("decision", "deny")]).await.status, 400);
    assert_eq!(signed.post_with(&path, &ours, &[("csrf", &csrf), ("decision", "allow")]).await.status, 400);
    assert_eq!(signed.post_with(&path, &ours, &yes).await.status, 422);
    // a form that does not say what it showed, or says something else
    let blind = [("csrf", csrf.as_str()), ("decision", "approve"), ("code", code.as_str())];
    let other = [blind.as_slice(), &[("seen", "00")]].concat();
    for fields in [blind.as_slice(), &other] {
        let refused = signed.post_with(&path, &ours, fields).await;
        assert!(refused.status == 409 && refused.text().contains("look again"), "{}", refused.text());
    }
    assert_eq!(house.traces().await, before);
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);

    // a wrong code is counted, said, and the form is still there
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let wrong = [yes.as_slice(), &[("code", wrong)]].concat();
    let answer = signed.post_with(&path, &ours, &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("that code is not right") && answer.body.contains("name=\"code\""));
    for _ in 0..6 {
        signed.post_with(&path, &ours, &wrong).await;
    }
    let answer = signed.post_with(&path, &ours, &fields).await;
    assert_eq!(answer.status, 429);
    assert!(answer.text().contains("too many wrong codes"), "{}", answer.text());
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);
    assert!(house.upstream.received_requests().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t113_t114_an_unfurler_sees_nothing_and_changes_nothing() {
    let house = House::build().await;
    let approval = house.refund().await;
    let before = house.traces().await;
    let stranger = Browser::new(house.port);
    for path in [format!("/approve/{}", approval.id), "/".to_owned(), "/login".to_owned()] {
        for method in ["GET", "HEAD"] {
            let answer = stranger.request(method, &path, &[("Sec-Purpose", "prefetch;prerender")], "").await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("set-cookie"), None);
            assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
            for secret in ["refund", "Refund", "stripe", "ch_3Nf", "500", "claude", "default", "customer"] {
                assert!(!answer.body.contains(secret), "{secret} is on the page: {}", answer.body);
            }
        }
    }
    assert_eq!(house.traces().await, before);
    // reading it with a session leaves no trace either
    let browser = house.signed_in().await;
    let before = house.traces().await;
    for _ in 0..3 {
        browser.get(&format!("/approve/{}", approval.id)).await;
    }
    assert_eq!(house.traces().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn t115_unknown_and_existing_ids_look_the_same_without_a_session() {
    let house = House::build().await;
    let approval = house.refund().await;
    let unknown = format!("apr_{}", "a".repeat(approval.id.len() - 4));
    let stranger = Browser::new(house.port);
    let page = async |id: &str| {
        let answer = stranger.get(&format!("/approve/{id}")).await;
        let headers: Vec<_> = answer.headers.into_iter().filter(|(name, _)| name != "date").collect();
        (answer.status, headers, answer.body.replace(id, "ID"))
    };
    assert_eq!(page(&approval.id).await, page(&unknown).await);
    let browser = house.signed_in().await;
    assert_eq!(browser.get(&format!("/approve/{unknown}")).await.status, 404);
    assert_eq!(browser.get(&format!("/approve/{}", approval.id)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn t128_a_second_click_decides_nothing() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let path = format!("/approve/{}", approval.id);
    let page = browser.get(&path).await;
    let (csrf, seen, code) = (page.csrf(&path), page.seen(), house.next_code());
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", &seen), ("code", code.as_str())];
    let (mut other, mut third) = (browser.clone(), browser.clone());
    let answers = tokio::join!(browser.post(&path, &fields), other.post(&path, &fields));
    let mut statuses = [answers.0.status, answers.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 303);
    assert!(matches!(statuses[1], 409 | 422), "{statuses:?}");
    let again = third.post(&path, &fields).await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("Already decided") && !again.body.contains("name=\"code\""), "{}", again.text());
    let denied = third.post(&path, &[("csrf", &csrf), ("decision", "deny")]).await;
    assert_eq!(denied.status, 409);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
}

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
    let like =
        house.call("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 501})).await.to_json();
    let id = like["approval"]["id"].as_str().unwrap_or_else(|| panic!("{like}")).to_owned();
    let text = browser.get(&format!("/approve/{id}")).await.text();
    assert!(text.contains("a human said no to a call of the same tool by the same agent"), "{text}");
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

#[tokio::test(flavor = "multi_thread")]
async fn t129_without_a_factor_nobody_signs_in_or_approves() {
    let house = House::with(Plan { factor: false, ..Plan::default() }).await;
    let mut browser = Browser::new(house.port);
    let answer = browser.post("/login", &[("code", "123456"), ("next", "/")]).await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("no second factor is enrolled"), "{}", answer.text());
    assert_eq!(browser.cookie, None);
    for code in ["", "12345", "１２３４５６", "123 456"] {
        assert_eq!(browser.post("/login", &[("code", code), ("next", "/")]).await.status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t130_t137_a_code_signs_in_once_and_the_session_is_new_each_time() {
    let house = House::build().await;
    let mut browser = Browser::new(house.port);
    let code = house.next_code();
    assert_eq!(
        browser.post("/login", &[("code", &code), ("next", "//evil.example")]).await.header("location"),
        Some("/")
    );
    let first = browser.clone();
    let set = Browser::new(house.port).post("/login", &[("code", &code), ("next", "/")]).await;
    assert_eq!((set.status, set.header("set-cookie")), (422, None));
    // signing in again ends the session that the browser had
    let answer = browser.post("/login", &[("code", &house.next_code()), ("next", "/")]).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_ne!(browser.cookie, first.cookie);
    assert!(first.get("/").await.text().contains("Sign in"));
    assert!(browser.get("/").await.text().contains("Inbox"));
    // a planted cookie of the same name does not sign the human out
    let planted = format!("{}=planted; {}", cookie.split('=').next().unwrap(), browser.cookie.clone().unwrap());
    assert!(Browser { cookie: Some(planted), ..browser.clone() }.get("/").await.text().contains("Inbox"));
    let csrf = browser.get("/").await.csrf("/logout");
    let kept = browser.clone();
    assert_eq!(browser.post("/logout", &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(browser.cookie, None);
    assert!(kept.get("/").await.text().contains("Sign in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t144_a_wrong_host_gets_nowhere() {
    let house = House::build().await;
    let (port, id) = (house.port, house.refund().await.id);
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost.:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        "localhost".to_owned(),
    ] {
        let answer =
            send(port, &format!("GET /approve/{id} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 421, "{host}");
        assert_eq!(answer.body, "this is not the site that you asked for\n");
    }
    for head in [
        format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example"),
        format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: localhost:{port}"),
        "GET / HTTP/1.1".to_owned(),
        format!("GET http://localhost:{port}/ HTTP/1.1\r\nHost: localhost:{port}"),
        format!("GET http://evil.example/ HTTP/1.1\r\nHost: localhost:{port}"),
    ] {
        let answer = send(port, &format!("{head}\r\nConnection: close\r\n\r\n")).await;
        assert!(matches!(answer.status, 400 | 421), "{head}: {answer:?}");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let answer = send(port, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t145_t146_a_form_from_elsewhere_is_refused() {
    let house = House::build().await;
    let (approval, other) =
        (house.refund().await, house.ask("github_delete_repository", json!({"owner": "a", "repo": "b"})).await);
    let mut browser = house.signed_in().await;
    let (path, foreign) = (format!("/approve/{}", approval.id), format!("/approve/{}", other.id));
    let csrf = browser.get(&path).await.csrf(&path);
    let origin = format!("http://localhost:{}", house.port);
    let elsewhere = format!("http://localhost:{}", house.port ^ 1);
    let fields = [("csrf", csrf.as_str()), ("decision", "deny")];
    for headers in [
        vec![],
        vec![("Origin", origin.as_str())],
        vec![("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", elsewhere.as_str()), ("Sec-Fetch-Site", "same-site")],
        vec![("Origin", elsewhere.as_str()), ("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", origin.as_str()), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", origin.as_str()), ("Sec-Fetch-Site", "none")],
    ] {
        for path in [path.as_str(), "/login", "/logout", "/"] {
            assert_eq!(browser.post_with(path, &headers, &fields).await.status, 403, "{headers:?}");
        }
    }
    // the token of one approval is none for another
    assert_eq!(browser.post(&foreign, &fields).await.status, 403);
    let body = format!("{{\"csrf\":\"{csrf}\",\"decision\":\"deny\"}}");
    let ours = [("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin"), ("Content-Type", "text/plain")];
    assert_eq!(browser.request("POST", &path, &ours, &body).await.status, 415);
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);
    assert_eq!(house.status(&other.id).await, ApprovalStatus::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn t147_t149_t150_t154_every_answer_is_hardened() {
    let house = House::build().await;
    let id = house.refund().await.id;
    let browser = house.signed_in().await;
    let cross = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    let answers = [
        browser.get("/").await,
        browser.get(&format!("/approve/{id}")).await,
        browser.get("/style.css").await,
        browser.get("/nothing").await,
        browser.get("/approve/x.js").await,
        Browser::new(house.port).get("/").await,
        browser.request("OPTIONS", "/", &cross, "").await,
        browser.request("POST", "/logout", &cross, "").await,
        browser.request("POST", "/style.css", &[], "").await,
        send(house.port, "GET / HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n").await,
    ];
    for answer in &answers {
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control") || name == "server"));
        assert!(answer.header("content-type").is_some_and(|kind| kind.ends_with("; charset=utf-8")), "{answer:?}");
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 404, 404, 200, 405, 403, 403, 421]);
    let page = &answers[1].body;
    assert!(!page.contains("<script") && !page.contains(" style=") && !page.contains("http-equiv"));
    assert_eq!(page.matches("autocomplete=\"one-time-code\"").count(), 1);
    assert_eq!(page.matches("<h1").count(), 1);
}

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "</code></dd><h1>APPROVED</h1>",
    "{{ 7*7 }} {% raw %}",
    "</script><script>alert(1)</script>&lt;b&gt;",
];

#[tokio::test(flavor = "multi_thread")]
async fn t148_nothing_that_somebody_else_wrote_becomes_markup() {
    let policy = format!(
        "{}\n[[rule]]\nid = \"x\"\ntools = [\"stripe.create_customer\"]\ndecision = \"ask\"\nreason = '''{}'''\n",
        agentport::policy::BUILT_IN,
        HOSTILE[0]
    );
    let answer =
        ResponseTemplate::new(400).set_body_json(json!({"error": {"message": HOSTILE.join(" ")}, "<b>": HOSTILE}));
    let house = House::with(Plan { policy, answer, ..Plan::default() }).await;
    let mut browser = house.signed_in().await;
    for hostile in HOSTILE {
        let arguments =
            json!({"name": hostile, "description": hostile, "metadata": {"k": hostile}, "_reason": hostile});
        let approval = house.ask("stripe_create_customer", arguments).await;
        let path = format!("/approve/{}", approval.id);
        let plain = browser.get(&path).await;
        check_markup(&plain.body);
        assert!(plain.text().contains(&agentport::visible::visible(hostile)), "{hostile}");
        check_markup(&browser.get("/").await.body);
        let csrf = plain.csrf(&path);
        if hostile.len() % 2 == 0 {
            let note = [("csrf", csrf.as_str()), ("decision", "deny"), ("note", hostile)];
            assert_eq!(browser.post(&path, &note).await.status, 303);
        } else {
            let (code, seen) = (house.next_code(), plain.seen());
            let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("seen", &seen), ("code", code.as_str())];
            assert_eq!(browser.post(&path, &fields).await.status, 303);
        }
        check_markup(&browser.get(&path).await.body);
        check_markup(&browser.get(&format!("/log/{}", approval.record)).await.body);
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("text", hostile).finish();
        check_markup(&valueless(&browser.get(&format!("/log?{query}&tool=%3Cscript%3E")).await.body));
        let csrf = browser.get("/policy").await.csrf("/policy");
        let call = [("csrf", &*csrf), ("tool", hostile), ("arguments", hostile), ("caller", "x"), ("account", hostile)];
        check_markup(&valueless(&browser.post("/policy", &call).await.body));
    }
    for page in ["/", "/log", "/policy", "/agents"] {
        check_markup(&browser.get(page).await.body);
    }
    let next =
        format!("/login?next={}", url::form_urlencoded::byte_serialize(HOSTILE[2].as_bytes()).collect::<String>());
    check_markup(&Browser::new(house.port).get(&next).await.body);
}

/// The page less what stands in quotes inside its tags, where a form shows what was typed: whatever broke out of them stays.
fn valueless(html: &str) -> String {
    let tag = |part: &str| {
        let (inside, text) = part.split_once('>').unwrap_or((part, ""));
        format!("<{}>{text}", inside.split('"').step_by(2).collect::<String>())
    };
    html.split('<').skip(1).map(tag).collect()
}

/// Every tag of the page is one of ours, with attributes of ours.
fn check_markup(html: &str) {
    const TAGS: [&str; 49] = [
        "!doctype", "html", "head", "meta", "title", "link", "body", "header", "a", "form", "input", "button", "main",
        "section", "div", "h1", "h2", "p", "span", "dl", "dt", "dd", "code", "i", "mark", "strong", "b", "pre", "time",
        "label", "ul", "li", "i", "b", "fieldset", "legend", "select", "option", "details", "summary", "nav", "table",
        "thead", "tbody", "tr", "th", "td", "textarea", "datalist",
    ];
    for tag in html.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        // the one that we write ourselves
        let inside = &inside.replace(" role=\"alert\"", "");
        let name = inside.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        assert!(TAGS.contains(&name), "<{inside}>");
        assert!(!inside.contains("alert") && !inside.contains("onerror") && !inside.contains("onfocus"), "<{inside}>");
    }
    assert!(!html.contains("href=\"javascript"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t153_odd_paths_are_not_found() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    let id = &approval.id;
    for path in [
        format!("//approve/{id}"),
        format!("/approve/../approve/{id}"),
        format!("/approve/%2e%2e/{id}"),
        format!("/approve/{id};jsessionid=1"),
        format!("/approve/{id}%00"),
        format!("/approve/{id}/"),
        format!("/approve/%61{}", id.strip_prefix('a').unwrap()),
        "/approve/%c0%af".to_owned(),
        "/approve/".to_owned(),
        "/approve".to_owned(),
        format!("/Approve/{id}"),
        "/style.css/x".to_owned(),
        "/../etc/passwd".to_owned(),
        "/templates/base.html".to_owned(),
        "/favicon.ico".to_owned(),
        "/logs".to_owned(),
        "/log/".to_owned(),
        format!("/log/{}/", approval.record),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        assert!(!answer.body.contains("Refund"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t159_an_agents_token_is_nothing_here() {
    let house = House::build().await;
    let id = house.refund().await.id;
    let stranger = Browser::new(house.port);
    let path = format!("/approve/{id}?token=apt_0123456789");
    let bearer = stranger.request("GET", &path, &[("Authorization", "Bearer apt_0123456789")], "").await;
    assert_eq!((bearer.status, bearer.body.contains("stripe")), (401, false));
    let other = stranger.request("GET", &path, &[("X-AgentPort-Token", "apt_0123456789")], "").await;
    assert!(other.text().contains("Sign in") && !other.body.contains("stripe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t160_what_goes_wrong_inside_is_an_opaque_id() {
    let house = House::build().await;
    let approval = house.refund().await;
    let browser = house.signed_in().await;
    // the plan in the database is not the one that was recorded
    let database = rusqlite::Connection::open(house.parts.home.path()).unwrap();
    database.execute("UPDATE payload SET text = replace(text, '500', '900') WHERE role = 'plan'", []).unwrap();
    let answer = browser.get(&format!("/approve/{}", approval.id)).await;
    assert_eq!(answer.status, 500);
    let text = answer.text();
    assert!(text.contains("Reference for the log: "), "{text}");
    for inside in [approval.id.as_str(), "apr_", "payload", "plan", "ch_3Nf", "/tmp", "sqlite", "ledger"] {
        assert!(!text.contains(inside), "{inside} is on the page: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_opened_leaves_the_approval_waiting() {
    let house = House::build().await;
    let approval = house.refund().await;
    let mut browser = house.signed_in().await;
    let name = agentport::upstream::account_secret_name("stripe", "default");
    house.parts.secrets.delete(&name).await.unwrap();
    let answer = browser.decide(&approval.id, "approve", &house.next_code(), "").await;
    assert_eq!(answer.status, 503);
    let text = answer.text();
    assert!(text.contains("agentport connect stripe") && text.contains("it still waits"), "{text}");
    assert!(answer.body.contains("name=\"code\"") && text.contains("\"ch_3Nf1abcdefghijkl\""));
    assert_eq!(house.status(&approval.id).await, ApprovalStatus::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_takes_over_on_the_same_port() {
    let house = House::build().await;
    let neighbour = house.neighbour();
    let stop = tokio_util::sync::CancellationToken::new();
    let hosting = tokio::spawn(web::host(neighbour.clone(), stop.clone()));
    assert_eq!(web::hosted(&neighbour).await.as_deref(), Some(house.base.as_str()));
    house.stop.cancel();
    let began = std::time::Instant::now();
    loop {
        let found = tokio::net::TcpStream::connect(("127.0.0.1", house.port)).await.is_ok();
        // the old host answers until it has gone
        if found && house.gateway.parts().is_some() && began.elapsed() > Duration::from_millis(200) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "nobody took over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(Browser::new(house.port).get("/").await.status, 200);
    stop.cancel();
    hosting.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_port_moves_the_site_and_its_links() {
    let house = House::build().await;
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = foreign.local_addr().unwrap().port();
    house::write(&house.folder.path().join("home/agentport.toml"), &house::settings(&house.folder, taken));
    let began = std::time::Instant::now();
    let moved = loop {
        let site = house.parts.snapshots.current().unwrap().site.clone().unwrap();
        if site != house.base {
            break site;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the site stayed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let port: u16 = moved.rsplit(':').next().unwrap().parse().unwrap();
    assert!((taken + 1..taken + 10).contains(&port), "{taken} {moved}");
    assert_eq!(Browser::new(port).get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn t052_a_mail_is_decoded_on_the_page_before_the_code_field() {
    let house = House::build().await;
    let mail = json!({
        "to": ["Ann Lee <ann@example.com>", "p@xn--pypal-4ve.com"], "bcc": ["eve@example.net"],
        "subject": "Grüße", "text": "one\n<b>two</b>", "html": "<script>alert(1)</script>",
        "attachments": [{"filename": "a\u{202E}fdp.txt", "content": "aGVsbG8="}],
    });
    let approval = house.ask("gmail_send_email", mail).await;
    let browser = house.signed_in().await;
    let answer = browser.get(&format!("/approve/{}", approval.id)).await;
    let (body, text) = (answer.body.clone(), answer.text());
    let (_, rest) = text.split_once("The mail in it, decoded").unwrap();
    let (shown, _) = rest.split_once("Your decision").unwrap();
    for part in [
        "Ann Lee <ann@example.com>",
        "an address in punycode",
        "Bcc",
        "eve@example.net",
        "Grüße",
        "HTML, as its source",
        "<script>alert(1)</script>",
        "⟨U+202E⟩",
        "application/octet-stream",
        "5 bytes, SHA-256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    assert!(!body.contains("<script>") && !body.contains("<b>two"), "the page has nothing of the mail's HTML");
}
