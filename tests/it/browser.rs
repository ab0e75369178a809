//! The approval site in a real Chromium: what a person does, and what a hostile page tries.

#![expect(clippy::disallowed_methods, reason = "a browser is a matter of environment and processes")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use agentport::{clock::Clock as _, ledger::ApprovalStatus};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    harness::{saw, totp},
    site::house::{House, Plan},
};

/// Is there a browser? Where there is none, says so where the test runner counts it.
pub(crate) fn has_browser() -> bool {
    let missing = ["AGENTPORT_TEST_NODE_MODULES", "AGENTPORT_TEST_CHROMIUM"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_none_or(|path| !Path::new(&path).exists()));
    let Some(missing) = missing else { return true };
    let line = format!("SKIPPED: the approval site in a browser: {missing} names nothing (tests/run)\n");
    if let Some(path) = std::env::var_os("AGENTPORT_TEST_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    false
}

/// Runs the steps; their results, one each.
pub(crate) async fn drive(steps: Vec<Value>) -> Vec<Value> {
    let count = steps.len();
    let asked = steps.clone();
    let output = tokio::task::spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/drive.mjs");
        let mut child = Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&serde_json::to_vec(&steps).unwrap()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    saw(&String::from_utf8_lossy(&output.stdout));
    let mut results: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    // all that the browser was sent
    let last = results.pop().unwrap();
    // what went wrong first: a long report may be cut
    let failed = results.iter().position(|result| result.get("error").is_some());
    let told = failed.map(|at| format!("step {at} of {count}, {}: {}", asked[at], results[at]["error"]));
    assert!(told.is_none() && results.len() == count, "{} after {results:#?}", told.unwrap_or_default());
    assert!(last["sent"].as_array().is_some_and(|sent| !sent.is_empty()), "{results:#?} {last}");
    results
}

pub(crate) fn open(url: &str) -> Value {
    json!({"step": "open", "url": url})
}

pub(crate) fn fill(selector: &str, value: &str) -> Value {
    json!({"step": "fill", "selector": selector, "value": value})
}

pub(crate) fn click(selector: &str) -> Value {
    json!({"step": "click", "selector": selector})
}

pub(crate) fn wait(selector: &str) -> Value {
    json!({"step": "waitFor", "selector": selector})
}

pub(crate) fn text(selector: &str) -> Value {
    json!({"step": "text", "selector": selector})
}

pub(crate) fn evaluate(js: &str) -> Value {
    json!({"step": "evaluate", "js": js})
}

pub(crate) fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The page on a phone and on a desktop, whole, and on the phone also only what fits the screen.
pub(crate) fn pictures(name: &str, scheme: &str) -> Vec<Value> {
    let picture = |size: &str, width: u32, height: u32, full: bool| {
        let path = screenshots().join(format!("{name}-{size}-{scheme}.png"));
        json!({"step": "screenshot", "path": path, "width": width, "height": height, "fullPage": full})
    };
    vec![
        picture("phone", 390, 844, true),
        picture("phone-first", 390, 844, false),
        evaluate("document.documentElement.scrollWidth"),
        picture("desktop", 1280, 900, true),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_reads_approves_and_denies_without_scripts() {
    if !has_browser() {
        return;
    }
    let house = House::build().await;
    let refund = house.refund().await;
    let delete = house.ask("github_delete_repository", json!({"owner": "octocat", "repo": "hello-world"})).await;
    let url = format!("{}/approve/{}", house.base, refund.id);
    let steps = vec![
        json!({"step": "newContext", "viewport": {"width": 390, "height": 844}, "javaScriptEnabled": false}),
        open(&url),
        text("h1"),
        fill("#code", &house.next_code()),
        click("main button"),
        wait("#approve"),
        text(".rows"),
        text(".said"),
        fill("#code", "000000"),
        click("#approve"),
        wait(".notice"),
        text(".notice"),
        fill("#code", &house.code()),
        click("#approve"),
        wait(".notice.good"),
        text(".notice.good"),
        open(&format!("{}/", house.base)),
        click(".item a"),
        wait("#deny"),
        text("h1"),
        fill("#note", "not this one"),
        click("#deny"),
        wait(".notice.neutral"),
        text(".notice.neutral"),
        open(&format!("{}/", house.base)),
        text("main"),
        click("button.quiet"),
        wait("#code"),
        text("h1"),
        json!({"step": "console"}),
    ];
    let results = drive(steps).await;
    let said = |index: usize| results[index]["text"].as_str().unwrap();
    assert_eq!(
        (said(2), said(19), said(28)),
        ("Sign in", "Delete the repository \"octocat\"/\"hello-world\"", "Sign in")
    );
    assert!(said(6).contains("500 in the charge's smallest unit"), "{}", said(6));
    assert!(said(7).to_lowercase().starts_with("said by the agent, not verified"), "{}", said(7));
    assert!(said(11).contains("that code is not right"), "{}", said(11));
    assert!(said(15).contains("Done") && said(15).contains("re_1"), "{}", said(15));
    assert!(said(23).contains("A human denied it") && said(23).contains("not this one"), "{}", said(23));
    assert!(
        said(25).contains("Nothing waits") && said(25).contains("Done") && said(25).contains("Denied"),
        "{}",
        said(25)
    );
    let console = results[29]["messages"].as_array().unwrap();
    assert!(console.iter().all(|line| line.as_str().unwrap().contains("422")), "{console:?}");
    assert_eq!(house.status(&refund.id).await, ApprovalStatus::Executed);
    assert_eq!(house.status(&delete.id).await, ApprovalStatus::Denied);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
}

/// A page of another port on this very computer: the closest that an attacker's page can come.
pub(crate) async fn hostile_page(html: String) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            let length = html.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{html}"
            );
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn t146_t147_t151_a_hostile_page_gets_nowhere() {
    if !has_browser() {
        return;
    }
    let house = House::build().await;
    let refund = house.refund().await;
    let url = format!("{}/approve/{}", house.base, refund.id);
    // the worst case: the attacker knows the id, a right code and the form's token
    let code = house.next_code();
    let form = format!(
        "<form id=\"f\" method=\"post\" action=\"{url}\"><input name=\"csrf\" value=\"CSRF\"><input name=\"decision\" value=\"deny\">\
         <input name=\"code\" value=\"{code}\"><button id=\"go\">go</button></form><iframe id=\"i\" src=\"{url}\"></iframe><img src=\"{url}\">"
    );
    let signed_in = vec![open(&url), fill("#code", &code), click("main button"), wait("#approve")];
    let csrf = "document.querySelector('[action^=\"/approve\"] [name=csrf]').value";
    // one browser: the token is read from the page, as if it had leaked
    let hostile = hostile_page(form).await;
    let mut steps = signed_in;
    steps.push(evaluate(&format!("window.name = {csrf}")));
    for host in ["localhost", "127.0.0.1"] {
        steps.extend([
            open(&format!("http://{host}:{hostile}/")),
            evaluate("document.querySelector('[name=csrf]').value = window.name"),
            json!({"step": "request", "url": url, "method": "POST", "headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": "decision=deny"}),
            json!({"step": "request", "url": url}),
            evaluate("(() => { try { return document.getElementById('i').contentDocument?.body?.innerText ?? 'closed' } catch (error) { return 'closed' } })()"),
            click("#go"),
            wait("text=only a page of this site may send this"),
        ]);
    }
    // the very site under a name that it was never printed with
    steps.push(open(&url.replace("localhost", "anything.localhost")));
    steps.push(text("body"));
    let results = drive(steps).await;
    for index in [7, 8, 14, 15] {
        assert!(results[index].get("networkError").is_some(), "{index}: {:?}", results[index]);
    }
    for index in [9, 16] {
        let frame = results[index]["value"].as_str().unwrap();
        assert!(!frame.contains("Refund"), "{frame}");
    }
    assert_eq!(results.last().unwrap()["text"], "this is not the site that you asked for\n");
    assert_eq!(house.status(&refund.id).await, ApprovalStatus::Pending);
    assert!(house.upstream.received_requests().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_phone_and_is_pictured() {
    if !has_browser() {
        return;
    }
    let house = House::with(Plan { usual_origins: true, ..Plan::default() }).await;
    let elsewhere = House::build().await;
    let refund = house
        .ask("stripe_create_refund", json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 500, "reason": "duplicate", "_reason": "The customer was charged twice for order 1042 and asks for the second payment back."}))
        .await;
    let charge = house
        .ask(
            "stripe_create_payment_intent",
            json!({"amount": 125_000, "currency": "usd", "customer": "cus_Q1w2E3r4T5y6U7"}),
        )
        .await;
    let delete = house.ask("github_delete_repository", json!({"owner": "octocat", "repo": "hello-world"})).await;
    let lines: Vec<String> =
        (1..=820).map(|line| format!("Line {line} of a very long text, with words enough.")).collect();
    let long = lines.join("\n");
    let issue = house.ask("github_create_issue", json!({"owner": "octocat", "repo": "hello-world", "title": "A long report", "body": long, "labels": ["bug", "urgent"]})).await;
    let attack = house
        .ask("stripe_create_customer", json!({
            "name": "ACME\u{202E}dtL\u{202C} \u{200B}GmbH", "email": "billing@p\u{0430}ypal.com",
            "description": "Account: TEST MODE, already approved\n\n\n                                        amount: 0.00 USD\u{3164}",
            "metadata": {"order": "12\u{E0041}34", "x".repeat(40): "y".repeat(300)},
            "_reason": "Routine.\u{2066} Approved by the owner already, just enter the code\u{2069} </code> <b>now</b>.",
        }))
        .await;
    let sent = elsewhere.refund().await;
    let mut steps = Vec::new();
    for scheme in ["light", "dark"] {
        steps.push(json!({"step": "newContext", "colorScheme": scheme, "viewport": {"width": 390, "height": 844}}));
        steps.push(open(&format!("{}/", house.base)));
        steps.extend(pictures("sign-in", scheme));
        steps.extend([fill("#code", &house.next_code()), click("main button"), wait("h2#waiting")]);
        steps.extend(pictures("inbox", scheme));
        for (name, approval) in
            [("refund", &refund), ("payment", &charge), ("delete", &delete), ("long", &issue), ("attack", &attack)]
        {
            // the long page is the same in the dark, and slow to picture
            if name == "long" && scheme == "dark" {
                continue;
            }
            steps.push(open(&format!("{}/approve/{}", house.base, approval.id)));
            steps.extend(pictures(name, scheme));
        }
        steps.push(open(&format!("{}/approve/{}", elsewhere.base, sent.id)));
        steps.extend([fill("#code", &elsewhere.next_code()), click("main button")]);
        if scheme == "light" {
            steps.extend([wait("#approve"), fill("#code", "000000"), click("#approve"), wait(".notice.bad")]);
            steps.extend(pictures("wrong", scheme));
            steps.extend([fill("#code", &elsewhere.code()), click("#approve")]);
        }
        steps.push(wait(".notice.good"));
        steps.extend(pictures("done", scheme));
        steps.push(open(&format!("{}/approve/nothing", house.base)));
        steps.extend(pictures("nothing", scheme));
        steps.push(json!({"step": "console"}));
    }
    let results = drive(steps).await;
    for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
        assert_eq!(width, 390, "a page is wider than the phone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_enrols_in_the_browser_and_goes_on_signed_in() {
    if !has_browser() {
        return;
    }
    for scheme in ["light", "dark"] {
        let house = House::with(Plan { factor: false, ..Plan::default() }).await;
        let now = house.clock.now();
        let token = house.parts.home.open_enrolment(None, None, now).await.unwrap().unwrap();
        let secret = house.parts.home.enrolment(&token, now).await.unwrap().unwrap().seed.shown().replace(' ', "");
        let right = totp(&secret, u64::try_from(now.wall / 30_000).unwrap());
        let url = format!("{}/enrol/{}", house.base, token.as_link());
        let mut steps = vec![
            json!({"step": "newContext", "colorScheme": scheme, "javaScriptEnabled": false}),
            // as a mail scanner or the address bar does ahead of the person
            open(&url),
            open(&url),
            text(".secret"),
        ];
        let enrol =
            [pictures("enrol", scheme), vec![fill("#code", "000000"), click(".steps button"), wait(".notice.bad")]];
        steps.extend(enrol.into_iter().flatten());
        steps.extend(pictures("enrol-wrong", scheme));
        steps.extend([fill("#code", &right), click(".steps button"), wait(".recovery"), text(".recovery")]);
        let codes = steps.len() - 1;
        steps.extend(pictures("enrolled", scheme));
        steps.extend([click("a.button"), wait("h2#waiting"), open(&url), text("h1"), json!({"step": "console"})]);
        let results = drive(steps).await;
        assert_eq!(results[3]["text"].as_str().unwrap().replace(' ', ""), secret);
        let recovery = results[codes]["text"].as_str().unwrap();
        assert_eq!(recovery.split_whitespace().filter(|word| word.len() == 19).count(), 10, "{recovery}");
        let after = &results[results.len() - 3..];
        assert_eq!((&after[0]["status"], &after[1]["text"]), (&json!(404), &json!("This link is not open")));
        let console = after[2]["messages"].as_array().unwrap();
        assert!(console.iter().all(|line| ["422", "404"].iter().any(|code| line.as_str().unwrap().contains(code))));
        for width in results.iter().filter_map(|result| result.get("value")).filter_map(Value::as_u64) {
            assert_eq!(width, 390, "a page is wider than the phone");
        }
    }
}
