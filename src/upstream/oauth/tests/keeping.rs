//! What the store does not take, and a sign-in that has ended.

use super::*;

/// A process that has renewed once, and keeps what the store did not take.
async fn keeping() -> (Stage, Credentials) {
    let stage = Stage::start().await;
    let process = stage.process();
    stage.clock.pass(HOUR);
    stage.gives(2);
    stage.store.broken.store(true, Ordering::SeqCst);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
    (stage, process)
}

#[tokio::test]
async fn what_the_store_does_not_take_is_kept_and_stored_later() {
    let (stage, process) = keeping().await;
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
    assert_eq!((stage.asked().len(), stage.stored_refresh().as_deref()), (1, Some("refresh-1")));
    // the next renewal goes on from what only this process has
    stage.clock.pass(HOUR);
    stage.gives(3);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-3");
    assert!(stage.asked()[1].contains("refresh_token=refresh-2&"), "{:?}", stage.asked());

    stage.store.broken.store(false, Ordering::SeqCst);
    stage.clock.pass(20_000);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-3");
    process.oauth().unwrap().drain(Duration::from_secs(20)).await;
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-3"));
    assert_eq!(stage.asked().len(), 2);
}

#[tokio::test]
async fn a_human_who_signs_in_again_wins_over_what_a_process_keeps() {
    let (stage, process) = keeping().await;
    stage.store.broken.store(false, Ordering::SeqCst);
    stage.sign_in("access-9", Some("refresh-9"), Some(HOUR)).await;
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-9");
    process.oauth().unwrap().drain(Duration::from_secs(20)).await;
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-9"));
}

#[tokio::test]
async fn t190_a_refusal_is_remembered_until_a_human_signs_in_again() {
    let stage = Stage::start().await;
    let process = stage.process();
    stage.clock.pass(HOUR);
    let refusal = json!({"error": "invalid_grant", "error_description": "refresh-1 was revoked"});
    stage.then(400, &refusal);
    assert_eq!(stage.open(&process).await.unwrap_err(), ended());
    for process in [&process, &stage.process()] {
        assert_eq!(stage.open(process).await.unwrap_err(), ended());
        assert_eq!(process.inspect(&stage.plan(), &stage.account).await.unwrap_err(), ended());
        assert_eq!(process.inspect_stored(&stage.account).await.unwrap_err(), ended());
    }
    assert_eq!(stage.asked().len(), 1);
    assert_eq!(stage.log().await, [("stripe.oauth_renew".to_owned(), "failed".to_owned())]);
    assert_eq!(stage.stored().grant.unwrap().refused.as_deref(), Some("invalid_grant: [redacted] was revoked"));

    stage.sign_in("access-2", Some("refresh-2"), Some(HOUR)).await;
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
}

/// The mark does not reach the store: this process remembers it all the same.
#[tokio::test]
async fn a_refusal_that_cannot_be_stored_is_remembered() {
    let stage = Stage::start().await;
    let process = stage.process();
    stage.clock.pass(HOUR);
    stage.then(400, &json!({"error": "invalid_client"}));
    stage.store.broken.store(true, Ordering::SeqCst);
    assert_eq!(stage.open(&process).await.unwrap_err(), ended());
    assert_eq!(stage.open(&process).await.unwrap_err(), ended());
    assert_eq!(stage.asked().len(), 1);
}

/// A manifest may name another token endpoint than the one that the client's secret was given for.
#[tokio::test]
async fn a_clients_secret_goes_where_it_went() {
    let stage = Stage::start().await;
    let process = stage.process();
    let server = Server::of(&spec(), "https://api.example.com", &stage.account.origin, None).unwrap();
    let answer = TokenAnswer {
        access: zeroize::Zeroizing::new("access-1".to_owned()),
        refresh: None,
        expires_in: None,
        scopes: None,
    };
    stage.folder.evidence().keep_from("secret-of-the-client");
    let client = Client::new("client".to_owned(), Some(&Secret::new("secret-of-the-client".to_owned())));
    let sealed = SignedIn::new(answer, &server, &client, scopes(), 0).seal(&stage.account).unwrap();
    stage.store.put("account/stripe/default", sealed).await.unwrap();

    let mut elsewhere = spec();
    elsewhere.token = EndpointSpec::Own("/other/token".to_owned());
    let elsewhere = Server::of(&elsewhere, "https://api.example.com", &stage.account.origin, None).unwrap();
    let known = async |id: &str, at: &Endpoint| process.client_secret("stripe", "default", id, at).await;
    assert!(
        matches!(known("client", &server.token).await, KnownSecret::Here(secret) if secret.expose() == "secret-of-the-client")
    );
    assert!(matches!(known("client", &elsewhere.token).await, KnownSecret::Elsewhere(at) if at == server.token.url()));
    assert!(matches!(known("another", &server.token).await, KnownSecret::None));
    assert_eq!(process.client_of("stripe", "default").await.as_deref(), Some("client"));
}
