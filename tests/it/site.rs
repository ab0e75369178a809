//! The approval site over a real listener, with a real home behind it.

mod accounts;
mod bounds;
mod bystanders;
pub(crate) mod house;
mod inbox;
mod log;
mod people;
mod policy;
mod sign_in;
mod together;
mod walls;

use std::time::Duration;

use agentport::{ledger::ApprovalStatus, web};
use serde_json::json;

use self::house::{Browser, House, Plan};

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
async fn t129_without_a_factor_nobody_signs_in_or_approves() {
    let house = House::with(Plan { factor: false, ..Plan::default() }).await;
    let mut browser = Browser::new(house.port);
    let answer = browser.post("/login", &[("code", "123456"), ("next", "/")]).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("Nobody is enrolled yet") && !answer.body.contains("name=\"code\""),
        "{}",
        answer.text()
    );
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
    let mut house = House::build().await;
    let neighbour = house.neighbour();
    let stop = tokio_util::sync::CancellationToken::new();
    let hosting = tokio::spawn(web::host(neighbour.clone(), stop.clone()));
    assert_eq!(web::hosted(&neighbour).await.as_deref(), Some(house.base.as_str()));
    house.stop.cancel();
    // the old host answers until it has gone
    (&mut house.hosting).await.unwrap();
    let began = std::time::Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", house.port)).await.is_err() {
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
