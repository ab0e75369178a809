//! When a token is renewed, by whom, and what goes on meanwhile.

use super::*;

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_stored_before_it_is_used() {
    let stage = Stage::start().await;
    let process = stage.process();
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-1");
    stage.clock.pass(HOUR - 60_001);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-1");
    assert_eq!(stage.asked(), [""; 0]);

    stage.clock.pass(1);
    stage.gives(2);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
    assert_eq!(stage.asked(), ["grant_type=refresh_token&refresh_token=refresh-1&client_id=client"]);
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-2"));
    // another process finds it; nobody asks again
    assert_eq!(stage.open(&stage.process()).await.unwrap(), "Bearer access-2");
    // a server that does not rotate leaves the refresh token as it is
    stage.clock.pass(HOUR);
    stage.then(200, &json!({"access_token": "access-3", "token_type": "bearer", "expires_in": 3600, "scope": "read"}));
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-3");
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-2"));
    assert_eq!(stage.stored().grant.unwrap().scopes, ["read"]);
    let renewed = ("stripe.oauth_renew".to_owned(), "succeeded".to_owned());
    assert_eq!(stage.log().await, [renewed.clone(), renewed]);
}

#[tokio::test]
async fn a_read_goes_on_with_what_was_opened_until_it_is_due() {
    let stage = Stage::start().await;
    let process = stage.process();
    let read = async || process.open_for_read(&stage.plan(), &stage.account).await.map(|credential| sent(&credential));
    assert_eq!(read().await.unwrap(), "Bearer access-1");
    stage.clock.pass(HOUR);
    stage.gives(2);
    assert_eq!(read().await.unwrap(), "Bearer access-2");
    assert_eq!(read().await.unwrap(), "Bearer access-2");
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t190_many_renew_once() {
    let stage = Stage::start().await;
    stage.clock.pass(HOUR);
    stage.gives(2);
    let processes: Vec<Credentials> = (0..4).map(|_| stage.process()).collect();
    let opening = processes.iter().flat_map(|process| [process.clone(), process.clone()]).map(|process| {
        let (plan, account) = (stage.plan(), stage.account.clone());
        tokio::spawn(async move { process.open(&plan, &account).await.map(|credential| sent(&credential)) })
    });
    let opening: Vec<_> = opening.collect();
    for opened in opening {
        assert_eq!(opened.await.unwrap().unwrap(), "Bearer access-2");
    }
    assert_eq!(stage.asked().len(), 1);
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-2"));
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_left_alone_for_a_while() {
    let stage = Stage::start().await;
    let process = stage.process();
    // due and not over: the old token still does
    stage.clock.pass(HOUR - 30_000);
    stage.then(503, &json!({"error": "invalid_grant"}));
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-1");
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-1");
    assert_eq!(stage.asked().len(), 1);
    // over: nothing is sent with it
    stage.clock.pass(30_000);
    stage.then(302, &json!({}));
    let error = stage.open(&process).await.unwrap_err();
    assert_eq!(error, CredentialError::NotRenewed("it answered 302".to_owned()));
    assert_eq!(stage.open(&process).await.unwrap_err(), error);
    assert_eq!(stage.asked().len(), 2);
    for (status, body) in [
        (200, json!({"access_token": "access-7", "token_type": "mac"})),
        (200, json!({"access_token": ["access-7"], "token_type": "bearer"})),
        (400, json!({"access_token": "access-7"})),
        (400, json!({"error": "temporarily_unavailable"})),
        (429, json!({"error": "slow_down"})),
    ] {
        stage.clock.pass(10_000);
        stage.then(status, &body);
        let error = stage.open(&process).await.unwrap_err();
        assert!(matches!(error, CredentialError::NotRenewed(_)) && !error.to_string().contains("access-7"), "{error}");
    }
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-1"));
    stage.clock.pass(10_000);
    stage.gives(2);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
    stage.log().await;
}

/// A page that is closed, a client that leaves: the rotated token reaches the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_runs_to_its_end_whoever_leaves() {
    let stage = Stage::start().await;
    let process = stage.process();
    stage.clock.pass(HOUR);
    stage.gives(2);
    let (gate, arrived) = (Arc::clone(&stage.gate), stage.server.clone());
    let held = gate.lock().unwrap_or_else(PoisonError::into_inner);
    let opening = {
        let (process, plan, account) = (process.clone(), stage.plan(), stage.account.clone());
        tokio::spawn(async move { process.open(&plan, &account).await.map(drop) })
    };
    let begun = std::time::Instant::now();
    while arrived.seen().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    opening.abort();
    drop(held);
    process.oauth().unwrap().drain(Duration::from_secs(20)).await;
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-2"));
    assert_eq!(stage.log().await, [("stripe.oauth_renew".to_owned(), "succeeded".to_owned())]);
}

#[tokio::test]
async fn what_cannot_be_renewed_ends() {
    let stage = Stage::start().await;
    let process = stage.process();
    stage.sign_in("access-2", None, Some(HOUR)).await;
    stage.clock.pass(HOUR - 1);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
    stage.clock.pass(1);
    assert_eq!(stage.open(&process).await.unwrap_err(), ended());
    // one that never ends, and nothing renews: as a key
    stage.sign_in("access-3", None, None).await;
    stage.clock.pass(1_000 * HOUR);
    let credential = process.open(&stage.plan(), &stage.account).await.unwrap();
    assert_eq!(sent(&credential), "Bearer access-3");
    assert!(credential.renewed(&stage.plan()).await.is_none());
    assert_eq!(stage.asked(), [""; 0]);
}

#[test]
fn a_token_of_a_short_life_is_used_for_most_of_it() {
    let grant = |life: Option<i64>| {
        let answer = TokenAnswer {
            access: zeroize::Zeroizing::new("a".to_owned()),
            refresh: Some(zeroize::Zeroizing::new("r".to_owned())),
            expires_in: life,
            scopes: None,
        };
        let origin = Origin::parse("https://api.example.com", false).unwrap();
        let server = Server::of(&spec(), "https://api.example.com", &origin, None).unwrap();
        let signed_in = SignedIn::new(answer, &server, &Client::new("c".to_owned(), None), scopes(), 0);
        let sealed = signed_in.seal(&account("https://api.example.com")).unwrap();
        Sealed::read(&sealed).unwrap().grant.unwrap()
    };
    let short = grant(Some(40_000));
    assert_eq!(short.scopes, scopes(), "what was asked for, where the server names nothing");
    assert_eq!(short.standing(29_999), Standing::Fresh);
    assert_eq!(short.standing(30_000), Standing::Due { over: false });
    assert_eq!(short.standing(40_000), Standing::Due { over: true });
    assert_eq!(grant(None).standing(i64::MAX), Standing::Fresh);
    assert_eq!(format!("{short:?}").find("\"r\""), None);
}
