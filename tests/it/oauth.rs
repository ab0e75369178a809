//! Signing in with OAuth 2.0 at a server that we did not write, with real processes.

use serde_json::{Value, json};

use crate::harness::{Authority, Browser, Port, fetch, free_port};

const ALICE: [(&str, &str); 2] = [("login", "alice"), ("password", "x")];

/// A home whose settings name the client.
fn home(integration: &str, client: &str) -> Port {
    let port = Port::enrolled();
    let client = format!("\n[oauth.{integration}]\nclient_id = \"{client}\"\n");
    let path = port.home().join("agentport.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + &client).unwrap();
    port
}

/// No token that was given out so far may be seen by anybody.
fn keep(port: &Port, authority: &Authority) {
    for token in authority.tokens() {
        port.evidence().keep_from(&token);
    }
}

/// `connect posthog --oauth` at this origin.
fn connecting(origin: &str) -> [&str; 9] {
    ["connect", "posthog", "--set", "project_id=1", "--oauth", "--origin", origin, "--allow-private", "--json"]
}

/// The same, with the person's browser; what it says at the end.
fn connect(port: &Port, authority: &Authority, answers: &[(&str, &str)]) -> Value {
    let mut child = port.cli(connecting(&authority.origin())).unseen().spawn();
    let waiting = child.line();
    let back = Browser::default().go(waiting["authorize_url"].as_str().unwrap(), answers);
    assert!(back.starts_with(waiting["redirect_uri"].as_str().unwrap()), "{back}");
    let page = fetch("GET", &back, "", "");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You can close this window"), "{}", page.body);
    let connected = child.line();
    assert_eq!(child.wait(), 0);
    port.evidence().saw(waiting.to_string());
    port.evidence().saw(connected.to_string());
    keep(port, authority);
    connected
}

fn grants(authority: &Authority) -> Vec<String> {
    authority.log().into_iter().map(|(grant, result)| format!("{grant} {result}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn t190_a_sign_in_is_renewed_until_the_vendor_refuses_and_a_human_signs_in_again() {
    let Some(authority) = Authority::start("t190_a_sign_in", "posthog") else { return };
    let port = home("posthog", "agentport-test");
    let connected = connect(&port, &authority, &ALICE);
    assert_eq!(connected["identity"]["name"], json!("alice@example.com"));
    let catalog = agentport::catalog::Catalog::built_in();
    let oauth = catalog.integration("posthog").unwrap().credential.oauth.as_ref().unwrap();
    assert_eq!(connected["scopes"], json!(oauth.scopes));
    assert_eq!((&connected["sign_in"], &connected["warnings"]), (&json!(true), &Value::Null));

    let agent = port.agent().await;
    let listed = async || agent.call("posthog_list_feature_flags", json!({"fields": ["*"]})).await;
    assert_eq!(listed().await.completed(), json!({"results": [], "token": "[redacted]"}));

    // a read, and a write that waited for its yes: the service says 401 once, each happens once
    authority.expire();
    assert_eq!(listed().await.completed(), json!({"results": [], "token": "[redacted]"}));
    let note = json!({"content": "hello", "date_marker": "2026-01-31T12:00:00Z"});
    let id = agent.call("posthog_create_annotation", note.clone()).await.approval_id();
    authority.expire();
    assert_eq!(port.approve(&id)["result"]["made"], note);
    let ok = "refresh_token ok";
    assert_eq!(grants(&authority), ["authorization_code ok", ok, ok]);
    keep(&port, &authority);

    // somebody uses a refresh token that was used already: the server takes the whole sign-in back
    let waiting = agent
        .call("posthog_create_annotation", json!({"content": "later", "date_marker": "2026-01-31T12:00:00Z"}))
        .await
        .approval_id();
    assert_eq!(authority.steal(&authority.tokens()[1]), "invalid_grant");
    authority.expire();
    let refused = listed().await;
    let shown = refused.0.to_string();
    assert_eq!(refused.failed(), "credential");
    assert!(shown.contains("a human must connect the account again") && !shown.contains("--oauth"), "{shown}");
    let asked = grants(&authority).len();
    // nobody asks again, in whatever process
    assert_eq!(listed().await.failed(), "credential");
    assert_eq!(
        port.cli(["call", "posthog.list_feature_flags", "--json"]).exits(1).json()["error"]["kind"],
        json!("credential")
    );
    assert_eq!(grants(&authority).len(), asked);
    let command = "agentport connect posthog --oauth --account default";
    let accounts = port.cli(["accounts", "--json"]).done().json();
    assert_eq!((&accounts[0]["secret"], &accounts[0]["fix"]), (&json!("needs sign-in"), &json!(command)));
    let doctor = port.cli(["doctor", "--json", "--user-home", "/nonexistent"]).exits(1).json();
    let bad: Vec<_> = doctor["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "accounts").collect();
    assert_eq!((bad[0]["status"].as_str(), bad[0]["fix"].as_str()), (Some("bad"), Some(command)), "{bad:?}");
    assert!(port.evidence().said().contains(command));

    // the same person signs in again: what waited still waits, and runs
    connect(&port, &authority, &ALICE);
    assert_eq!(agent.look(&waiting).await.status(), "pending");
    assert_eq!(port.approve(&waiting)["result"]["made"]["content"], "later");
    assert_eq!(listed().await.completed(), json!({"results": [], "token": "[redacted]"}));

    // every request to the authorization server is in the log, and the log holds
    let calls = port.calls();
    for tool in ["posthog.oauth_sign_in", "posthog.oauth_renew"] {
        assert!(calls.contains(&(tool.to_owned(), "succeeded".to_owned())), "{calls:?}");
    }
    assert!(calls.contains(&("posthog.oauth_renew".to_owned(), "failed".to_owned())), "{calls:?}");
    port.cli(["log", "verify"]).done();
    agent.leave().await;

    let gone = port.cli(["disconnect", "posthog", "--json"]).done().json();
    assert_eq!(gone["revoked"], json!(true));
    let last = authority.tokens().pop().unwrap();
    assert_eq!(authority.steal(&last), "invalid_grant");
}

#[test]
fn t190_two_processes_renew_once() {
    let Some(authority) = Authority::start("t190_two_processes_renew_once", "posthog") else { return };
    let port = home("posthog", "agentport-test");
    connect(&port, &authority, &ALICE);
    let mut wires = ["one", "two", "three"].map(|caller| port.wire_as(caller));
    for round in 1..=5 {
        authority.expire();
        std::thread::scope(|scope| {
            for wire in &mut wires {
                scope.spawn(|| {
                    for _ in 0..2 {
                        wire.call("posthog_list_feature_flags", json!({"fields": ["*"]})).completed();
                    }
                });
            }
        });
        assert_eq!(grants(&authority).len(), 1 + round, "{:?}", grants(&authority));
    }
    assert!(grants(&authority).iter().all(|grant| grant.ends_with(" ok")));
    keep(&port, &authority);
}

#[test]
fn t191_the_port_takes_one_answer_to_its_own_question() {
    let Some(authority) = Authority::start("t191_the_port", "posthog") else { return };
    let port = home("posthog", "agentport-test");
    let origin = authority.origin();
    let mut child = port.cli(connecting(&origin)).unseen().spawn();
    let waiting = child.line();
    let (url, back) = (waiting["authorize_url"].as_str().unwrap(), waiting["redirect_uri"].as_str().unwrap());
    let query: Vec<(String, String)> = url::Url::parse(url).unwrap().query_pairs().into_owned().collect();
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((value("response_type"), value("code_challenge_method"), value("redirect_uri")), ("code", "S256", back));
    assert!(value("state").len() >= 32 && value("code_challenge").len() == 43);
    let state = value("state").to_owned();
    let elsewhere = back.replace("/callback", "/");
    for (target, status) in [
        (format!("{back}?code=x&state=wrong"), 400),
        (format!("{back}?code=x"), 400),
        (format!("{back}?code=x&state={state}&state={state}"), 400),
        (format!("{back}?code=x&state={state}&iss=https%3A%2F%2Fevil.example.com"), 400),
        (format!("{back}?state={state}"), 400),
        (format!("{elsewhere}favicon.ico"), 404),
    ] {
        assert_eq!(fetch("GET", &target, "", "").status, status, "{target}");
    }
    assert_eq!(fetch("POST", &format!("{back}?code=x&state={state}"), "", "").status, 400);
    // the person says no
    assert_eq!(fetch("GET", &format!("{back}?error=access_denied&state={state}"), "", "").status, 200);
    let error = child.line();
    assert_eq!(error["error"]["message"], json!("the authorization server refused: access_denied; nothing was stored"));
    assert_eq!(child.wait(), 1);
    assert_eq!((grants(&authority).len(), port.cli(["accounts", "--json"]).done().json()), (0, json!([])));

    // a code of somebody else's does not go with our verifier
    let mut child = port.cli(connecting(&origin)).unseen().spawn();
    let waiting = child.line();
    let url = waiting["authorize_url"].as_str().unwrap();
    let challenge = url.split("code_challenge=").nth(1).unwrap().split('&').next().unwrap();
    let other = url.replace(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert_eq!(fetch("GET", &Browser::default().go(&other, &ALICE), "", "").status, 200);
    let error = child.line()["error"]["message"].as_str().unwrap().to_owned();
    assert!(error.starts_with("the authorization server refused: invalid_grant"), "{error}");
    assert_eq!(child.wait(), 1);
}

#[test]
fn a_device_signs_in_with_a_code() {
    let Some(authority) = Authority::start("a_device_signs_in_with_a_code", "github") else { return };
    let port = home("github", "agentport-test");
    let origin = authority.origin();
    let arguments = ["connect", "github", "--oauth", "--origin", &origin, "--allow-private", "--json"];
    // GitHub's sign-in is not where its API is: tokens of github.com are nothing for another address
    let refused = port.cli(arguments).exits(64).error();
    assert!(refused.contains("name the authorization server that belongs to it"), "{refused}");

    let asks = ["--oauth-origin", &origin, "--scope", "delete_repo"];
    let mut child = port.cli(arguments.into_iter().chain(asks)).unseen().spawn();
    let waiting = child.line();
    let code = waiting["user_code"].as_str().unwrap();
    let answers = [("login", "alice"), ("password", "x"), ("user_code", code)];
    let page = Browser::default().go(waiting["verification_uri"].as_str().unwrap(), &answers);
    assert!(page.contains("Sign-in Success"), "{page}");
    let connected = child.line();
    assert_eq!(child.wait(), 0);
    keep(&port, &authority);
    port.evidence().saw(connected.to_string());
    assert_eq!(connected["identity"]["name"], json!("alice"));
    assert_eq!(connected["scopes"], json!(["repo", "delete_repo"]));
    let warnings = connected["warnings"].as_array().unwrap();
    assert!(warnings.len() == 1 && warnings[0].as_str().unwrap().contains("delete_repo"), "{warnings:?}");
    authority.expire();
    port.cli(["call", "github.list_repositories", "--json"]).done();
    assert_eq!(grants(&authority).last().unwrap(), "refresh_token ok");
    keep(&port, &authority);
}

#[test]
fn a_client_secret_comes_on_standard_input_and_stays_in_the_store() {
    let Some(authority) = Authority::start("a_client_secret", "posthog") else { return };
    let port = home("posthog", "agentport-secret");
    let secret = "secret-of-the-client-0123456789-0123456789";
    port.evidence().keep_from(secret);
    let origin = authority.origin();
    let arguments = connecting(&origin);
    let sign_in = |more: Option<&str>, line: &str| {
        let mut child = port.cli(arguments.into_iter().chain(more)).unseen().spawn();
        child.say(line);
        let waiting = child.line();
        let back = Browser::default().go(waiting["authorize_url"].as_str().unwrap(), &ALICE);
        fetch("GET", &back, "", "");
        let end = child.line();
        child.wait();
        keep(&port, &authority);
        port.evidence().saw(end.to_string());
        end
    };
    let refused = sign_in(None, "");
    assert!(refused["error"]["message"].as_str().unwrap().contains("invalid_client"), "{refused}");
    assert_eq!(sign_in(Some("--client-secret-stdin"), secret)["identity"]["name"], json!("alice@example.com"));
    // the same client again: its secret is known
    assert_eq!(sign_in(None, "")["identity"]["name"], json!("alice@example.com"));
    authority.expire();
    port.cli(["call", "posthog.list_feature_flags", "--json"]).done();
    assert_eq!(grants(&authority).last().unwrap(), "refresh_token ok");
    keep(&port, &authority);
}

#[test]
fn what_is_missing_is_said_before_anything_is_asked() {
    let port = Port::enrolled();
    let error = port.cli(["connect", "posthog", "--set", "project_id=1", "--oauth", "--json"]).exits(1);
    assert_eq!(error.error(), "no OAuth client is set for PostHog; nothing was stored");
    assert!(error.json()["error"]["hint"].as_str().unwrap().contains("[oauth.posthog]"));
    let error = port.cli(["connect", "stripe", "--oauth", "--json"]).exits(64);
    assert_eq!(error.error(), "`stripe` has no sign-in");
    // nobody listens there
    let port = home("posthog", "agentport-test");
    let origin = format!("http://127.0.0.1:{}", free_port());
    for arguments in [
        vec!["connect", "posthog", "--set", "project_id=1", "--oauth", "--origin", &origin, "--json"],
        vec!["connect", "posthog", "--set", "project_id=1", "--oauth", "--device", "--json"],
        vec!["connect", "posthog", "--set", "project_id=1", "--oauth", "--scope", "a b", "--json"],
        vec!["connect", "posthog", "--set", "project_id=1", "--oauth", "--secret-stdin", "--json"],
    ] {
        port.cli(arguments).exits(64);
    }
    assert_eq!(port.log().iter().filter(|line| line["kind"] == "call").count(), 0);
}

/// A key that can do more than an agent should is stored, and said.
#[test]
fn over_broad_keys_are_warned_about() {
    let Some(authority) = Authority::start("over_broad_keys", "github") else { return };
    let port = home("github", "agentport-test");
    let origin = authority.origin();
    // a ready token, as a classic one: its scopes stand in a header of the verifying read
    let arguments = ["connect", "github", "--oauth", "--origin", &origin, "--allow-private", "--json"];
    let mut child =
        port.cli(arguments.into_iter().chain(["--oauth-origin", &origin, "--scope", "delete_repo"])).unseen().spawn();
    let waiting = child.line();
    let code = waiting["user_code"].as_str().unwrap();
    Browser::default().go(
        waiting["verification_uri"].as_str().unwrap(),
        &[("login", "alice"), ("password", "x"), ("user_code", code)],
    );
    child.line();
    child.wait();
    keep(&port, &authority);
    let token = &authority.tokens()[0];
    let key = ["connect", "github", "--account", "classic", "--origin", &origin, "--allow-private", "--secret-stdin"];
    let connected = port.cli(key.into_iter().chain(["--json"])).stdin(token).done().json();
    assert_eq!(connected["scopes"], json!(["repo", "delete_repo"]));
    assert!(connected["warnings"][0].as_str().unwrap().contains("delete_repo"), "{connected}");
    let doctor = port.cli(["doctor", "--json", "--user-home", "/nonexistent"]).run().json();
    let warned = doctor["findings"].as_array().unwrap().iter().filter(|one| {
        one["check"] == "accounts"
            && one["status"] == "warn"
            && one["finding"].as_str().unwrap().contains("delete_repo")
    });
    assert_eq!(warned.count(), 2, "{doctor}");
}
