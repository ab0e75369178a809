use std::time::Duration;

use super::*;
use crate::{
    catalog::{AnswerKind, Effect, HttpRequest, Method},
    ledger::Permit,
    upstream::{
        Rest, Upstream as _,
        credential::tests::account,
        http::{
            Http, Limits,
            tests::{QUICK, SECRET, SMALL, Server, credential},
        },
    },
};

fn operation() -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        path: "/graphql".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Some(r#"{"query":"{ a { id } }","variables":{}}"#.to_owned()),
        idempotency: None,
        answer: AnswerKind::Graphql,
    }
}

async fn send_to(origin: &str, effect: Effect, limits: Limits) -> Outcome {
    let (credential, plan) = credential(&account(origin), effect, operation());
    Rest::new(Http::new(limits)).send(&Permit::for_tests(plan), credential).await
}

fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Over a real connection: the outcome of a read and of a write that get this answer.
async fn both(answer: &str) -> [Outcome; 2] {
    let server = Server::saying(answer);
    let outcomes = [
        send_to(&server.origin(), Effect::Read, SMALL).await,
        send_to(&server.origin(), Effect::Destructive, SMALL).await,
    ];
    let sent = server.seen().len();
    assert!((2..=4).contains(&sent), "a write once, a read at most three times: {sent}");
    outcomes
}

async fn of(body: &Value) -> [Outcome; 2] {
    both(&answer(200, &body.to_string())).await
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded { .. } => "succeeded",
        Outcome::Failed { .. } => "failed",
        Outcome::Unknown { .. } => "unknown",
    }
}

fn message(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Succeeded { .. } => "",
        Outcome::Failed { message, .. } | Outcome::Unknown { message, .. } => message,
    }
}

fn error(code: &str, path: &[&str]) -> Value {
    let mut error = json!({"message": "No.", "extensions": {"code": code}});
    if !path.is_empty() {
        error["path"] = json!(path);
    }
    error
}

#[tokio::test]
async fn the_content_of_data_is_the_result() {
    let [read, write] = of(&json!({"data": {"issueCreate": {"success": true, "issue": {"id": "1"}}}})).await;
    let result = json!({"issueCreate": {"success": true, "issue": {"id": "1"}}});
    let expected = Outcome::Succeeded { result, http_status: Some(200), truncated: false, next: None };
    assert_eq!((&read, &write), (&expected, &expected));
    // no errors, however that is written
    for errors in [json!([]), Value::Null] {
        let [read, write] = of(&json!({"data": {"a": {"id": SECRET}}, "errors": errors, "extensions": {"x": 1}})).await;
        let result = json!({"a": {"id": "[redacted]"}});
        let expected = Outcome::Succeeded { result, http_status: Some(200), truncated: false, next: None };
        assert_eq!((&read, &write), (&expected, &expected));
    }
}

#[tokio::test]
async fn half_an_answer_to_a_read_is_failed() {
    let body = json!({
        "data": {"issues": null, "viewer": {"id": "1"}},
        "errors": [{"message": "Broken.", "path": ["issues"], "extensions": {"userPresentableMessage": format!("Look: {SECRET}")}}],
    });
    let [read, _] = of(&body).await;
    let mut shown = body.clone();
    shown["errors"][0]["extensions"]["userPresentableMessage"] = json!("Look: [redacted]");
    let expected = Outcome::Failed {
        kind: FailureKind::Upstream,
        http_status: Some(200),
        message: "`stripe` answered with an error: Look: [redacted]".to_owned(),
        body: Some(shown),
    };
    assert_eq!(read, expected);
    for body in [json!({"data": null}), json!({"errors": [{}]}), json!({"data": {"a": 1}, "errors": "x"})] {
        assert_eq!(word(&of(&body).await[0]), "failed", "{body}");
    }
}

/// What each answer means to a mutation.
#[tokio::test]
async fn failed_or_unknown_by_what_was_executed() {
    let done = json!({"m": {"success": true, "issue": null}});
    let silent = json!({"m": {"issue": {"id": "1"}}});
    let null = json!({"m": null});
    for (data, errors, expected) in [
        // request errors: nothing was executed
        (None, json!([error("GRAPHQL_VALIDATION_FAILED", &[])]), "failed"),
        (None, json!([{"message": "No."}]), "unknown"),
        (None, json!([error("RATELIMITED", &[])]), "failed"),
        (None, json!([error("AUTHENTICATION_ERROR", &[])]), "failed"),
        // by their form request errors, by their words the service's own trouble
        (None, json!([error("INTERNAL_SERVER_ERROR", &[])]), "unknown"),
        (None, json!([error("GATEWAY_TIMEOUT", &[])]), "unknown"),
        (None, json!([error("INVALID_INPUT", &[]), error("INTERNAL_SERVER_ERROR", &[])]), "unknown"),
        // a path without data: something was executed
        (None, json!([error("SOMETHING", &["m"])]), "unknown"),
        // the mutation's own field failed
        (Some(Value::Null), json!([error("INVALID_INPUT", &["m"])]), "failed"),
        (Some(null.clone()), json!([error("INVALID_INPUT", &["m"])]), "failed"),
        (Some(null.clone()), json!([error("FORBIDDEN", &["m"])]), "failed"),
        (Some(null.clone()), json!([error("USAGE_LIMIT_EXCEEDED", &["m"])]), "failed"),
        (
            Some(null.clone()),
            json!([{"message": "No.", "path": ["m"], "extensions": {"type": "invalid input"}}]),
            "failed",
        ),
        (Some(null.clone()), json!([{"message": "No.", "path": ["m"], "extensions": {"userError": true}}]), "failed"),
        (Some(null.clone()), json!([{"message": "No.", "extensions": {"userError": true}}]), "failed"),
        (Some(null.clone()), json!([{"message": "No.", "path": ["m"], "extensions": {"userError": false}}]), "unknown"),
        (
            Some(null.clone()),
            json!([{"message": "No.", "path": ["m"], "extensions": {"type": "lock timeout", "userError": true}}]),
            "unknown",
        ),
        (Some(null.clone()), json!([error("INTERNAL_SERVER_ERROR", &["m"])]), "unknown"),
        (Some(null.clone()), json!([error("INVALID_INPUT", &["m"]), error("OTHER", &["m"])]), "unknown"),
        (Some(null.clone()), json!([{"message": "No.", "path": ["m"]}]), "unknown"),
        (Some(null.clone()), json!("broken"), "unknown"),
        // it ran, and what it gave back took it along
        (Some(Value::Null), json!([error("FORBIDDEN", &["m", "issue", "team"])]), "unknown"),
        (Some(null.clone()), json!([error("INVALID_INPUT", &["m", "issue"])]), "unknown"),
        // it ran, and what it gave back is not all there
        (Some(done.clone()), json!([error("FORBIDDEN", &["m", "issue"])]), "succeeded"),
        (Some(done), json!([{"message": "No."}]), "succeeded"),
        (Some(silent.clone()), json!([error("FORBIDDEN", &["m", "issue", "team"])]), "succeeded"),
        (Some(silent), json!([{"message": "No."}]), "unknown"),
        // it says so itself
        (Some(json!({"m": {"success": false}})), Value::Null, "failed"),
        (Some(json!({"m": {"success": false}})), json!([error("INTERNAL_SERVER_ERROR", &["m", "issue"])]), "failed"),
        (Some(json!({"m": {"success": false}, "n": {"success": true}})), Value::Null, "unknown"),
        // nothing says anything
        (Some(null), Value::Null, "unknown"),
        (Some(Value::Null), Value::Null, "unknown"),
        (Some(json!({})), Value::Null, "unknown"),
    ] {
        let mut body = json!({"errors": errors});
        if let Some(data) = data {
            body["data"] = data;
        }
        let [_, write] = of(&body).await;
        assert_eq!(word(&write), expected, "{body}");
        assert!(
            matches!(write, Outcome::Succeeded { http_status: Some(200), .. })
                || message(&write).starts_with("`stripe` answered "),
            "{write:?}"
        );
        assert_eq!(message(&write).ends_with(MAYBE), expected == "unknown", "{write:?}");
    }
}

#[tokio::test]
async fn what_a_mutation_that_failed_says() {
    let [_, write] = of(&json!({"data": {"m": {"success": false, "issue": null}}})).await;
    let expected = Outcome::Failed {
        kind: FailureKind::Upstream,
        http_status: Some(200),
        message: "`stripe` answered that it was not done: `success` is false".to_owned(),
        body: Some(json!({"data": {"m": {"success": false, "issue": null}}})),
    };
    assert_eq!(write, expected);
    let [_, write] = of(&json!({"data": null, "errors": [error("INTERNAL", &["m"])]})).await;
    let expected =
        Outcome::Unknown { http_status: Some(200), message: format!("`stripe` answered with an error: No.; {MAYBE}") };
    assert_eq!(write, expected);
    let errors = json!([error("FORBIDDEN", &["m", "issue"])]);
    let [_, write] = of(&json!({"data": {"m": {"success": true, "issue": null}}, "errors": errors})).await;
    let result = json!({"m": {"success": true, "issue": null}, "errors": errors});
    assert_eq!(write, Outcome::Succeeded { result, http_status: Some(200), truncated: false, next: None });
}

#[tokio::test]
async fn a_limit_is_recognised_whatever_the_status() {
    let body =
        json!({"errors": [{"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}}]}).to_string();
    for status in [200, 400, 429] {
        for outcome in both(&answer(status, &body)).await {
            assert_eq!(word(&outcome), "failed", "{status}");
            assert!(message(&outcome).contains("Rate limit exceeded; the service limits"), "{outcome:?}");
            assert!(message(&outcome).contains("(RATELIMITED), so wait before asking again"), "{outcome:?}");
        }
    }
    let waiting = answer(200, &body).replacen("\r\n", "\r\nretry-after: 30\r\n", 1);
    assert!(message(&both(&waiting).await[0]).ends_with("; it asks to wait 30 seconds"));
    let other = both(&answer(400, &json!({"errors": [error("INVALID_INPUT", &[])]}).to_string())).await;
    assert_eq!(message(&other[1]), "`stripe` answered 400: No.");
}

#[tokio::test]
async fn statuses_are_as_for_every_service() {
    let body = json!({"data": null, "errors": [error("INTERNAL_SERVER_ERROR", &["m"])]}).to_string();
    for (status, write) in [(400, "failed"), (401, "failed"), (404, "failed"), (500, "unknown"), (502, "unknown")] {
        assert_eq!(both(&answer(status, &body)).await.each_ref().map(word), ["failed", write], "{status}");
    }
    let moved = "HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(both(moved).await.each_ref().map(word), ["failed", "failed"]);
}

#[tokio::test]
async fn what_is_no_graphql_answer_says_nothing() {
    for body in ["", "{", "[]", "null", "<h1>Hi</h1>", r#"{"ok":true}"#, r#"{"data":{"m":1},"data":{"m":2}}"#] {
        let outcomes = both(&answer(200, body)).await;
        assert_eq!(outcomes.each_ref().map(word), ["failed", "unknown"], "{body}");
        assert_eq!(message(&outcomes[0]), "`stripe` answered 200, but not as a GraphQL service does");
    }
    let page = answer(200, "<h1>Hi</h1>").replace("application/json", "text/html");
    assert_eq!(both(&page).await.each_ref().map(word), ["failed", "unknown"]);
    let typed = answer(200, r#"{"data":{"a":1}}"#).replace("application/json", "application/graphql-response+json");
    assert_eq!(both(&typed).await.each_ref().map(word), ["succeeded", "succeeded"]);
}

#[tokio::test]
async fn an_answer_that_is_lost_or_too_long() {
    let long = answer(200, &json!({"data": {"a": "x".repeat(70_000)}}).to_string());
    let outcomes = both(&long).await;
    assert_eq!(outcomes.each_ref().map(word), ["succeeded", "unknown"]);
    assert_eq!(
        outcomes[0],
        Outcome::Succeeded { result: Value::Null, http_status: Some(200), truncated: true, next: None }
    );
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"data\"";
    assert_eq!(both(cut).await.each_ref().map(word), ["failed", "unknown"]);
    let slow = Server::start(|stream| {
        drop(std::io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"));
        std::thread::sleep(Duration::from_secs(20));
    });
    assert_eq!(word(&send_to(&slow.origin(), Effect::Write, QUICK).await), "unknown");
}
