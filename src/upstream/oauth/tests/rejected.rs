//! A token that the service rejects is renewed once, and its request sent once more.

use super::*;

#[tokio::test]
async fn a_rejected_token_is_renewed_once_and_not_again() {
    let stage = Stage::start().await;
    let (one, two) = (stage.process(), stage.process());
    let (first, second) = (
        one.open(&stage.plan(), &stage.account).await.unwrap(),
        two.open(&stage.plan(), &stage.account).await.unwrap(),
    );
    stage.gives(2);
    let renewed = first.renewed(&stage.plan()).await.unwrap().unwrap();
    assert_eq!(sent(&renewed), "Bearer access-2");
    // the other process had the same token rejected: it finds the new one
    assert_eq!(sent(&second.renewed(&stage.plan()).await.unwrap().unwrap()), "Bearer access-2");
    assert_eq!(stage.asked().len(), 1);
    // the new one is rejected too: that is no matter of age
    renewed.still_rejected();
    assert!(renewed.renewed(&stage.plan()).await.is_none());
    assert!(one.open(&stage.plan(), &stage.account).await.unwrap().renewed(&stage.plan()).await.is_none());
    assert_eq!(stage.asked().len(), 1);
    // what was opened without anything that renews it renews nothing
    let key = crate::upstream::seal(
        &stage.account,
        &crate::catalog::CredentialScheme::Bearer,
        &Secret::new("key-1".to_owned()),
    );
    stage.store.put("account/stripe/default", key.unwrap()).await.unwrap();
    assert!(one.open(&stage.plan(), &stage.account).await.unwrap().renewed(&stage.plan()).await.is_none());
}

/// The head and body of a request, less its token.
fn without_token(request: &str) -> Vec<String> {
    let mut lines: Vec<_> =
        request.lines().filter(|line| !line.starts_with("authorization:")).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_write_that_was_rejected_goes_once_more_as_the_same_request() {
    use crate::{
        ledger::Permit,
        upstream::{Rest, Upstream as _},
    };
    let stage = Stage::start().await;
    let request = HttpRequest {
        method: Method::Post,
        path: "/v1/refunds".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Some("{\"charge\":\"ch_1\"}".to_owned()),
        idempotency: Some("Idempotency-Key".to_owned()),
        answer: AnswerKind::Plain,
    };
    let plan = Plan::of_request(&stage.account, Effect::Destructive, request);
    let rest = Rest::new(Http::new(crate::upstream::http::tests::SMALL));
    let process = stage.process();
    let send = async || {
        let credential = process.open(&plan, &stage.account).await.unwrap();
        rest.send(&Permit::for_tests(plan.clone()), credential).await
    };
    stage.then(401, &json!({"message": "access-1 has expired"}));
    stage.gives(2);
    stage.then(200, &json!({"id": "re_1", "echo": ["access-2", "refresh-2"]}));
    let Outcome::Succeeded { result, .. } = send().await else { panic!() };
    assert_eq!(result, json!({"id": "re_1", "echo": ["[redacted]", "[redacted]"]}));
    let [first, renewal, second] = stage.server.seen().try_into().unwrap();
    assert!(renewal.starts_with("POST /oauth/token "));
    assert!(first.contains("authorization: Bearer access-1") && second.contains("authorization: Bearer access-2"));
    assert!(first.contains("idempotency-key: apr_test"));
    assert_eq!(without_token(&first), without_token(&second));

    // rejected again: the vendor's own words, and from then on no renewal
    let rejected = json!({"message": "not for you"});
    for body in [&rejected, &tokens(3), &rejected, &rejected] {
        stage.then(if body.get("access_token").is_some() { 200 } else { 401 }, body);
    }
    for _ in 0..2 {
        let Outcome::Failed { kind, http_status, message, .. } = send().await else { panic!() };
        assert_eq!((kind, http_status), (FailureKind::Upstream, Some(401)));
        assert_eq!(message, "`stripe` answered 401: not for you");
    }
    assert_eq!(stage.server.seen().len(), 3 + 3 + 1);

    // after a rejection and a renewal the second try may have happened: it is not called failed
    stage.sign_in("access-4", Some("refresh-4"), Some(HOUR)).await;
    stage.then(401, &rejected);
    stage.gives(5);
    stage.then(500, &json!({}));
    assert!(matches!(send().await, Outcome::Unknown { .. }));

    // nothing renews it any more
    stage.then(401, &rejected);
    stage.then(400, &json!({"error": "invalid_grant"}));
    let Outcome::Failed { kind, http_status, message, body } = send().await else { panic!() };
    assert_eq!((kind, http_status, body), (FailureKind::Credential, Some(401), None));
    assert_eq!(
        message,
        "`stripe` rejected the account's sign-in, which has ended; a human must connect the account again; nothing was done"
    );
}

#[tokio::test]
async fn a_graphql_service_rejects_a_token_in_its_own_words() {
    use crate::{
        ledger::Permit,
        upstream::{Rest, Upstream as _},
    };
    let stage = Stage::start().await;
    let request = HttpRequest {
        method: Method::Post,
        path: "/graphql".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Some("{\"query\":\"mutation { a { success } }\"}".to_owned()),
        idempotency: None,
        answer: AnswerKind::Graphql,
    };
    let plan = Plan::of_request(&stage.account, Effect::Write, request);
    let rest = Rest::new(Http::new(crate::upstream::http::tests::SMALL));
    let process = stage.process();
    let send = async || {
        let credential = process.open(&plan, &stage.account).await.unwrap();
        rest.send(&Permit::for_tests(plan.clone()), credential).await
    };
    let error = |code: &str, path: &[&str]| json!({"message": "No.", "path": path, "extensions": {"code": code}});
    let done = json!({"data": {"a": {"success": true}}});
    for (renewals, (status, code)) in [(1, (200, "AUTHENTICATION_ERROR")), (2, (400, "UNAUTHENTICATED"))] {
        stage.then(status, &json!({"errors": [error(code, &[])]}));
        stage.gives(renewals + 1);
        stage.then(200, &done);
        assert!(matches!(send().await, Outcome::Succeeded { .. }), "{code}");
        assert_eq!(stage.server.seen().len(), 3 * renewals as usize);
    }
    // where something may have been executed, or it is about something else, nothing goes twice
    for (status, body) in [
        (200, json!({"data": {"a": null}, "errors": [error("AUTHENTICATION_ERROR", &["a"])]})),
        (200, json!({"data": null, "errors": [error("AUTHENTICATION_ERROR", &["a"])]})),
        (200, json!({"errors": [error("AUTHENTICATION_ERROR", &[]), error("FORBIDDEN", &[])]})),
        (500, json!({"errors": [error("AUTHENTICATION_ERROR", &[])]})),
        (200, json!({"errors": []})),
    ] {
        let before = stage.server.seen().len();
        stage.then(status, &body);
        assert!(!matches!(send().await, Outcome::Succeeded { .. }), "{body}");
        assert_eq!(stage.server.seen().len(), before + 1, "{body}");
    }
}
