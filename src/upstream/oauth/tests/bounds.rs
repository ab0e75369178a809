//! What an authorization server may not do: other scopes, other places, other accounts, other questions.

use super::*;

#[tokio::test]
async fn t190_more_scopes_than_a_human_agreed_to_are_not_used() {
    let stage = Stage::start().await;
    stage.clock.pass(HOUR);
    let mut wider = tokens(2);
    wider["scope"] = json!("read write admin");
    stage.then(200, &wider);
    assert_eq!(stage.open(&stage.process()).await.unwrap_err(), ended());
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-2"));
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn t224_a_device_is_sent_to_no_page_but_https() {
    let stage = Stage::start().await;
    let spec = OAuthSpec { device: Some(EndpointSpec::Own("/oauth/token".to_owned())), ..spec() };
    let server = Server::of(&spec, "https://api.example.com", &stage.account.origin, None).unwrap();
    let process = stage.process();
    let start = async |page: &str| {
        stage.then(200, &json!({
            "device_code": "device-1", "user_code": "ABCD", "expires_in": 99_999, "interval": 0, "verification_uri": page,
        }));
        let client = Client::new("client".to_owned(), None);
        process.oauth().unwrap().start_device(&stage.account, &server, &client, "read,write").await
    };
    let device = start("https://vendor.example.com/device").await.unwrap();
    assert_eq!((device.user_code(), device.verification_uri()), ("ABCD", "https://vendor.example.com/device"));
    assert_eq!(device.expires_in(), Duration::from_mins(30), "a server cannot make us ask for a day");
    assert!(!format!("{device:?}").contains("device-1"));
    assert_eq!(stage.asked(), ["client_id=client&scope=read%2Cwrite"]);
    assert!(start(&stage.server.origin()).await.is_ok(), "the account's own server, which may be plain on loopback");
    for page in
        ["http://vendor.example.com/", "javascript:alert(1)", "file:///etc/passwd", "https://a:b@c.example/", "x"]
    {
        assert!(matches!(start(page).await, Err(SignInError::Unavailable(_))), "{page}");
    }
    // GitHub says no with status 200
    stage.then(200, &json!({"error": "unauthorized_client", "error_description": "off\u{202e}"}));
    let client = Client::new("client".to_owned(), None);
    let refused = process.oauth().unwrap().start_device(&stage.account, &server, &client, "").await.unwrap_err();
    assert_eq!(refused.to_string(), "the authorization server refused: unauthorized_client (off⟨U+202E⟩)");
    assert_eq!(stage.log().await.len(), 8);
}

#[tokio::test]
async fn t196_nothing_is_renewed_for_a_plan_of_another_account() {
    let stage = Stage::start().await;
    stage.clock.pass(HOUR);
    let other = Account { id: "acc_2".to_owned(), ..stage.account.clone() };
    let crate::plan::Request::Http(request) = stage.plan().request().clone() else { panic!("over HTTP") };
    let plan = Plan::of_request(&other, Effect::Read, request);
    assert!(matches!(stage.process().open(&plan, &stage.account).await.unwrap_err(), CredentialError::Mismatch { .. }));
    assert_eq!(stage.asked(), [""; 0]);
}

#[test]
fn t201_an_authorization_server_is_the_vendors_or_the_one_that_a_human_named() {
    let vendor = "https://api.example.com";
    let at = |path: &str| EndpointSpec::At { origin: "https://login.example.com".to_owned(), path: path.to_owned() };
    let elsewhere = OAuthSpec { authorize: Some(at("/authorize")), token: at("/token"), revoke: None, ..spec() };
    let origin = |text: &str| Origin::parse(text, true).unwrap();
    let urls = |spec: &OAuthSpec, account: &str, named: Option<&str>| {
        let named = named.map(origin);
        let server = Server::of(spec, vendor, &origin(account), named.as_ref())?;
        Ok::<_, ServerError>((server.authorize.unwrap().url(), server.token.url()))
    };
    let pair = |base: &str, path: &str| Ok((format!("{base}{path}authorize"), format!("{base}{path}token")));
    // on the integration's own origin: it moves with the account
    assert_eq!(urls(&spec(), vendor, None), pair(vendor, "/oauth/"));
    assert_eq!(urls(&spec(), "https://eu.example.com", None), pair("https://eu.example.com", "/oauth/"));
    assert_eq!(urls(&spec(), "http://127.0.0.1:9", Some("http://127.0.0.1:8")), pair("http://127.0.0.1:9", "/oauth/"));
    // elsewhere: only with the vendor's own API, or where a human says
    assert_eq!(urls(&elsewhere, vendor, None), pair("https://login.example.com", "/"));
    let refused = urls(&elsewhere, "https://evil.example.org", None);
    assert_eq!(refused, Err(ServerError::Elsewhere("https://login.example.com".to_owned())));
    assert_eq!(
        urls(&elsewhere, "https://ghe.example.org", Some("https://sso.example.org")),
        pair("https://sso.example.org", "/")
    );
}

#[test]
fn t190_an_answer_belongs_to_its_question() {
    let server =
        Server::of(&spec(), "https://x.example", &Origin::parse("https://api.example.com", false).unwrap(), None);
    let client = Client::new("client".to_owned(), None);
    let begin = || {
        let redirect = "http://127.0.0.1:5/callback".to_owned();
        let extra = [("access_type".to_owned(), "offline".to_owned())];
        let authorize = server.as_ref().unwrap().authorize.as_ref().unwrap();
        Authorization::begin(authorize, &client, redirect, (scopes(), ","), &extra).unwrap()
    };
    let (authorization, another) = (begin(), begin());
    let value = |authorization: &Authorization, name: &str| {
        let url = url::Url::parse(authorization.url()).unwrap();
        url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned()
    };
    let state = value(&authorization, "state");
    assert!(
        authorization.url().starts_with("https://api.example.com/oauth/authorize?response_type=code&client_id=client&")
    );
    assert_eq!(
        (value(&authorization, "scope"), value(&authorization, "access_type")),
        ("read,write".into(), "offline".into())
    );
    assert_ne!(state, value(&another, "state"));
    assert_ne!(value(&authorization, "code_challenge"), value(&another, "code_challenge"));
    assert_eq!(value(&authorization, "code_challenge_method"), "S256");

    let Returned::Code(code) = authorization.accept(&format!("code=c%2F1&state={state}")) else { panic!() };
    assert_eq!((code.text(), code.redirect_uri()), ("c/1", "http://127.0.0.1:5/callback"));
    let digest = <sha2::Sha256 as sha2::Digest>::digest(code.verifier());
    assert_eq!(data_encoding::BASE64URL_NOPAD.encode(&digest), value(&authorization, "code_challenge"));
    let ours = format!("code=c&state={state}&iss=https%3A%2F%2Fapi.example.com");
    assert!(matches!(authorization.accept(&ours), Returned::Code(_)));
    assert!(
        matches!(authorization.accept(&format!("error=access%0Adenied&state={state}")), Returned::Refused(word) if word == "accessdenied")
    );
    for foreign in [
        String::new(),
        "code=c".to_owned(),
        format!("code=c&state={}", value(&another, "state")),
        format!("code=c&state={state}x"),
        format!("code=c&state={}", state.get(1..).unwrap()),
        format!("code=c&state={state}&state={state}"),
        format!("code=c&code=d&state={state}"),
        format!("code=c&error=x&state={state}"),
        format!("code=&state={state}"),
        format!("state={state}"),
        format!("code=c&state={state}&iss=https%3A%2F%2Fevil.example.org"),
        format!("code=c&state={state}&iss=https%3A%2F%2Fapi.example.com&iss=x"),
        format!("code={}&state={state}", "c".repeat(9_000)),
    ] {
        assert!(matches!(authorization.accept(&foreign), Returned::Foreign(_)), "{foreign}");
    }
    assert!(!format!("{authorization:?}{code:?}").contains(&state) && !format!("{code:?}").contains("c/1"));
}
