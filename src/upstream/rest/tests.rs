use std::{net::Shutdown, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{
        credential::tests::account,
        http::{
            Limits,
            tests::{QUICK, SECRET, SMALL, Server, credential},
        },
    },
    *,
};
use crate::{
    catalog::{AnswerKind, Method as HttpMethod},
    evidence::unseen,
};

fn post() -> HttpRequest {
    HttpRequest {
        method: HttpMethod::Post,
        path: "/v1/refunds".to_owned(),
        query: "expand%5B%5D=charge".to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("stripe-version".to_owned(), "2026-10-28.endive".to_owned()),
        ],
        body: Some("charge=ch_1&amount=400".to_owned()),
        idempotency: Some("Idempotency-Key".to_owned()),
        answer: AnswerKind::Plain,
    }
}

async fn send_to(origin: &str, effect: Effect, limits: Limits) -> Outcome {
    let (credential, plan) = credential(&account(origin), effect, post());
    let outcome = Rest::new(Http::new(limits)).send(&Permit::for_tests(plan), credential).await;
    unseen(SECRET, "an outcome", &format!("{outcome:?}"));
    outcome
}

async fn send(answer: &str, effect: Effect) -> Outcome {
    send_to(&Server::saying(answer).origin(), effect, SMALL).await
}

fn answer(status: u16, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn succeeded(result: Value, truncated: bool) -> Outcome {
    Outcome::Succeeded { result, http_status: Some(200), truncated, next: None }
}

fn word(outcome: &Outcome) -> (&'static str, Option<&'static str>, Option<u16>) {
    match outcome {
        Outcome::Succeeded { http_status, .. } => ("succeeded", None, *http_status),
        Outcome::Failed { kind, http_status, .. } => ("failed", Some(kind.as_str()), *http_status),
        Outcome::Unknown { http_status, .. } => ("unknown", None, *http_status),
    }
}

#[tokio::test]
async fn the_stored_request_is_sent_with_credential_and_idempotency_key() {
    let server = Server::saying(answer(200, "application/json", r#"{"id":"re_1"}"#));
    let outcome = send_to(&server.origin(), Effect::Destructive, SMALL).await;
    assert_eq!(outcome, succeeded(json!({"id": "re_1"}), false));
    let [request] = server.seen().try_into().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_owned).collect();
    lines[1..].sort();
    let expected = [
        "POST /v1/refunds?expand%5B%5D=charge HTTP/1.1".to_owned(),
        "accept-encoding: gzip".to_owned(),
        "accept: */*".to_owned(),
        format!("authorization: Bearer {SECRET}"),
        "content-length: 22".to_owned(),
        "content-type: application/x-www-form-urlencoded".to_owned(),
        format!("host: {}", server.address),
        "idempotency-key: apr_test".to_owned(),
        "stripe-version: 2026-10-28.endive".to_owned(),
        concat!("user-agent: agentport/", env!("CARGO_PKG_VERSION")).to_owned(),
    ];
    assert_eq!((lines, body), (expected.to_vec(), "charge=ch_1&amount=400"));
}

#[tokio::test]
async fn t218_what_a_success_returns() {
    let json = "application/json; charset=utf-8";
    for (content_type, body, expected) in [
        (json, r#"{"a":[1]}"#, json!({"a": [1]})),
        ("application/vnd.github+json", "[]", json!([])),
        (json, "", Value::Null),
        (json, "\u{feff}{\"a\":18446744073709551616}", json!({"a": "18446744073709551616"})),
        ("text/html", "<h1>Hi</h1>", json!("<h1>Hi</h1>")),
        ("text/plain", "[1]", json!("[1]")),
    ] {
        assert_eq!(send(&answer(200, content_type, body), Effect::Write).await, succeeded(expected, false), "{body}");
    }
    // what is said to be JSON and has no one reading is not handed on past what is kept of an answer
    for body in [r#"{"a":1,"a":2}"#, r#"{"a":1"#, "{", "OK", "<h1>Hi</h1>"] {
        let outcome = send(&answer(200, json, body), Effect::Write).await;
        assert_eq!(outcome, succeeded(Value::Null, true), "{body}");
    }
    let outcome = send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", Effect::Write).await;
    assert_eq!(
        outcome,
        Outcome::Succeeded { result: Value::Null, http_status: Some(204), truncated: false, next: None }
    );

    let mut bytes = answer(200, json, "....").into_bytes();
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(b"\xff\xfe\x00\x01");
    let outcome = send_to(&Server::saying(bytes).origin(), Effect::Read, SMALL).await;
    assert_eq!(outcome, succeeded(Value::Null, true), "not UTF-8");
    let outcome = send(&answer(200, json, &"[".repeat(70_000)), Effect::Read).await;
    assert_eq!(outcome, succeeded(Value::Null, true), "too large");
}

#[tokio::test]
async fn t177_t178_an_answer_that_quotes_the_credential_is_cleaned() {
    let body = format!(r#"{{"error":{{"message":"Invalid API Key\nprovided: {SECRET}","type":"invalid"}}}}"#);
    assert_eq!(
        send(&answer(401, "application/json", &body), Effect::Read).await,
        Outcome::Failed {
            kind: FailureKind::Upstream,
            http_status: Some(401),
            message: "`stripe` answered 401: Invalid API Key provided: [redacted]".to_owned(),
            body: Some(json!({"error": {"message": "Invalid API Key\nprovided: [redacted]", "type": "invalid"}})),
        }
    );
    let page = format!("{}Bearer {SECRET}{}", "x".repeat(3_996), "y".repeat(200));
    let Outcome::Failed { body: Some(Value::String(text)), message, .. } =
        send(&answer(403, "text/html", &page), Effect::Write).await
    else {
        panic!("a refusal")
    };
    assert_eq!((text.chars().count(), message.as_str()), (4_001, "`stripe` answered 403"));
    assert!(text.ends_with("x[red…") && !text.contains("rk_"), "{text}");
    let echo = send(&answer(200, "application/json", &json!({"headers": [SECRET]}).to_string()), Effect::Read).await;
    assert_eq!(echo, succeeded(json!({"headers": ["[redacted]"]}), false));
}

#[tokio::test]
async fn t200_redirects_are_not_followed() {
    let elsewhere = Server::saying(answer(200, "application/json", "{}"));
    for status in [301, 302, 303, 307, 308] {
        for effect in [Effect::Read, Effect::Destructive] {
            let answer =
                format!("HTTP/1.1 {status} X\r\nlocation: {}/v1\r\ncontent-length: 0\r\n\r\n", elsewhere.origin());
            assert_eq!(word(&send(&answer, effect).await), ("failed", Some("redirect"), Some(status)));
        }
    }
    assert_eq!(elsewhere.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn failed_or_unknown_by_status() {
    for (status, read, write) in [
        (400, ("failed", Some("upstream")), ("failed", Some("upstream"))),
        (404, ("failed", Some("upstream")), ("failed", Some("upstream"))),
        (429, ("failed", Some("upstream")), ("failed", Some("upstream"))),
        (500, ("failed", Some("upstream")), ("unknown", None)),
        (502, ("failed", Some("upstream")), ("unknown", None)),
        (504, ("failed", Some("upstream")), ("unknown", None)),
        (600, ("failed", Some("upstream")), ("unknown", None)),
    ] {
        let answer = answer(status, "application/json", "{}");
        assert_eq!(word(&send(&answer, Effect::Read).await), (read.0, read.1, Some(status)));
        assert_eq!(word(&send(&answer, Effect::Write).await), (write.0, write.1, Some(status)));
        assert_eq!(word(&send(&answer, Effect::Destructive).await), (write.0, write.1, Some(status)));
    }
    let busy = "HTTP/1.1 429 X\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n";
    let Outcome::Failed { message, .. } = send(busy, Effect::Write).await else { panic!("429 is a refusal") };
    assert_eq!(message, "`stripe` answered 429; it asks to wait 30 seconds");
    let Outcome::Unknown { message, .. } = send(&answer(502, "text/html", "x"), Effect::Write).await else {
        panic!("502")
    };
    assert_eq!(message, "`stripe` answered 502; it may have happened: look there before asking for it again");
}

#[tokio::test]
async fn t211_t214_an_answer_that_does_not_come_is_asked_for_once() {
    let hanging = Server::start(|_| std::thread::sleep(Duration::from_secs(20)));
    assert_eq!(word(&send_to(&hanging.origin(), Effect::Destructive, QUICK).await), ("unknown", None, None));
    assert_eq!(word(&send_to(&hanging.origin(), Effect::Read, QUICK).await), ("failed", Some("timeout"), None));
    // its threads may be later than the end of our patience
    let begun = std::time::Instant::now();
    while hanging.seen().len() < 2 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::yield_now();
    }
    assert_eq!(hanging.seen().len(), 2);

    for broken in ["", "HTTP/1.1 200", "HTTP/1.1 2OO OK\r\n\r\n", "garbage\r\n\r\n"] {
        let server = Server::saying(broken);
        assert_eq!(word(&send_to(&server.origin(), Effect::Write, SMALL).await), ("unknown", None, None), "{broken}");
        assert_eq!(word(&send_to(&server.origin(), Effect::Read, SMALL).await), ("failed", Some("network"), None));
        assert_eq!(server.seen().len(), 1 + 3, "the write once, the read three times: {broken}");
    }
    let reset = Server::start(|stream| drop(stream.shutdown(Shutdown::Both)));
    assert_eq!(word(&send_to(&reset.origin(), Effect::Write, SMALL).await), ("unknown", None, None));
    assert_eq!(reset.seen().len(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_status() {
    for (status, write, read) in [
        (200, ("succeeded", None, Some(200)), ("failed", Some("network"), Some(200))),
        (404, ("failed", Some("upstream"), Some(404)), ("failed", Some("upstream"), Some(404))),
        (500, ("unknown", None, Some(500)), ("failed", Some("upstream"), Some(500))),
    ] {
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{\"a\"");
        assert_eq!(word(&send(&answer, Effect::Write).await), write);
        assert_eq!(word(&send(&answer, Effect::Read).await), read);
    }
    let cut = send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", Effect::Write).await;
    assert_eq!(cut, succeeded(Value::Null, true));
    let slow = Server::start(|stream| {
        drop(std::io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"));
        std::thread::sleep(Duration::from_secs(20));
    });
    let impatient = Limits { idle: Duration::from_millis(300), ..SMALL };
    assert_eq!(word(&send_to(&slow.origin(), Effect::Read, impatient).await), ("failed", Some("timeout"), Some(200)));
}

#[tokio::test]
async fn nobody_there_is_failed_for_writes_too() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(
        send_to(&format!("http://{address}"), Effect::Destructive, SMALL).await,
        Outcome::Failed {
            kind: FailureKind::Network,
            http_status: None,
            message: "`stripe` could not be reached; nothing was sent".to_owned(),
            body: None,
        }
    );
}

#[tokio::test]
async fn t196_a_credential_of_another_plan_is_not_sent() {
    let server = Server::saying(answer(200, "application/json", "{}"));
    let (mine, _) = credential(&account("http://127.0.0.1:1"), Effect::Read, post());
    let (_, plan) = credential(&account(&server.origin()), Effect::Read, post());
    let outcome = Rest::new(Http::new(SMALL)).send(&Permit::for_tests(plan), mine).await;
    assert_eq!(word(&outcome), ("failed", Some("credential"), None));
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[test]
fn t042_t206_a_request_that_would_be_sent_differently_is_not_built() {
    let origin = Origin::parse("https://api.stripe.com", false).unwrap();
    let authorization = reqwest::header::AUTHORIZATION;
    let built = |request: &HttpRequest| build(&origin, request, &authorization, "apr_1");
    let url = built(&post()).unwrap().url().to_string();
    assert_eq!(url, "https://api.stripe.com/v1/refunds?expand%5B%5D=charge");

    for path in [
        "",
        "v1",
        "@evil.com/",
        ".evil.com/",
        ":8443/",
        "/a/../b",
        "/a/./b",
        "/%2e%2e/b",
        "/a b",
        "/a\\b",
        "/a?b",
        "/a#b",
        "/é",
        "/a\tb",
        "\\/evil.com",
    ] {
        assert!(built(&HttpRequest { path: path.to_owned(), ..post() }).is_none(), "{path}");
    }
    for query in ["a b", "a#b", "a=\"", "a=é", "a\n=1"] {
        assert!(built(&HttpRequest { query: query.to_owned(), ..post() }).is_none(), "{query}");
    }
    for (name, value) in [
        ("authorization", "Bearer x"),
        ("host", "evil.com"),
        ("transfer-encoding", "chunked"),
        ("X-Upper", "x"),
        ("x y", "x"),
        ("x", "a\r\nb: c"),
        ("idempotency-key", "other"),
        ("content-length", "1"),
    ] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        assert!(built(&HttpRequest { headers, ..post() }).is_none(), "{name}");
    }
    let twice = vec![("x".to_owned(), "1".to_owned()); 2];
    assert!(built(&HttpRequest { headers: twice, ..post() }).is_none());
    let authorization = Some("Authorization".to_owned());
    assert!(built(&HttpRequest { idempotency: authorization, ..post() }).is_none());
}

/// Answers the first connection with one text and every further one with the other.
fn first_then(first: String, then: String) -> Server {
    let first = std::sync::Mutex::new(Some(first));
    Server::start(move |stream| {
        use std::io::Write as _;
        let text = first.lock().unwrap().take().unwrap_or_else(|| then.clone());
        drop(stream.write_all(text.as_bytes()));
    })
}

#[tokio::test]
async fn a_read_is_sent_again_and_a_write_is_not() {
    let good = || answer(200, "application/json", "{}");
    let reading = first_then(answer(503, "text/plain", "busy"), good());
    assert_eq!(word(&send_to(&reading.origin(), Effect::Read, SMALL).await), ("succeeded", None, Some(200)));
    assert_eq!(reading.seen().len(), 2);
    for status in [429, 503] {
        let writing = first_then(answer(status, "text/plain", "busy"), good());
        assert_ne!(send_to(&writing.origin(), Effect::Write, SMALL).await, succeeded(json!({}), false));
        assert_eq!(writing.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn after_a_limit_nothing_is_sent_until_it_is_over() {
    let busy = "HTTP/1.1 429 X\r\nretry-after: 600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::saying(busy);
    let rest = Rest::new(Http::new(SMALL));
    for (effect, expected) in [
        (Effect::Read, ("failed", Some("upstream"), Some(429))),
        (Effect::Read, ("failed", Some("busy"), None)),
        (Effect::Write, ("failed", Some("busy"), None)),
    ] {
        let (credential, plan) = credential(&account(&server.origin()), effect, post());
        assert_eq!(word(&rest.send(&Permit::for_tests(plan), credential).await), expected);
    }
    assert_eq!(server.seen().len(), 1);
}
