//! Renewals against a server on loopback, on a clock that is stepped, with a store that can fail.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;

use super::{
    super::{
        Credential, CredentialError, Credentials,
        credential::{Sealed, tests::account},
        http::tests::Server as Loopback,
    },
    grant::Standing,
    wire::TokenAnswer,
    *,
};
use crate::{
    account::Origin,
    catalog::{EndpointSpec, OAuthSpec},
    clock::SteppingClock,
    evidence::Scene,
    ledger::{LineFilter, Runner, Sqlite},
    secret::{Secret, StoreError},
};

const HOUR: i64 = 3_600_000;

#[derive(Debug, Default)]
struct Store {
    secrets: Mutex<BTreeMap<String, String>>,
    broken: AtomicBool,
    puts: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl SecretStore for Store {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        Ok(self.secrets.lock().unwrap().get(name).cloned().map(Secret::new))
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Locked("the keyring is locked".to_owned()));
        }
        self.secrets.lock().unwrap().insert(name.to_owned(), secret.expose().to_owned());
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.secrets.lock().unwrap().remove(name);
        Ok(())
    }
}

/// A home with one account that is signed in, and its authorization server.
struct Stage {
    folder: Scene,
    ledger: Sqlite,
    store: Arc<Store>,
    clock: SteppingClock,
    server: Loopback,
    replies: Arc<Mutex<VecDeque<String>>>,
    /// Replies are held back until this is let go.
    gate: Arc<Mutex<()>>,
    account: Account,
}

impl Stage {
    async fn start() -> Self {
        let folder = Scene::new();
        // what is asked for and given is in the store alone
        for token in ["access-1", "access-2", "refresh-1", "refresh-2"] {
            folder.evidence().keep_from(token);
        }
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let run = Runner::start(&folder.path().join("run")).unwrap();
        let ledger = Sqlite::open(&folder.path().join("agentport.db"), run).unwrap();
        let replies = Arc::<Mutex<VecDeque<String>>>::default();
        let gate = Arc::<Mutex<()>>::default();
        let (queue, held) = (Arc::clone(&replies), Arc::clone(&gate));
        let server = Loopback::start(move |stream| {
            drop(held.lock().unwrap());
            let reply = queue.lock().unwrap().pop_front().unwrap_or_else(|| answer(500, "{}"));
            drop(stream.write_all(reply.as_bytes()));
        });
        let account = account(&server.origin());
        let clock = SteppingClock::starting_at(1_800_000_000_000);
        let stage = Self { folder, ledger, store: Arc::default(), clock, server, replies, gate, account };
        stage.sign_in("access-1", Some("refresh-1"), Some(HOUR)).await;
        stage
    }

    /// What a human's sign-in leaves in the store.
    async fn sign_in(&self, access: &str, refresh: Option<&str>, life: Option<i64>) {
        let token = |text: &str| zeroize::Zeroizing::new(text.to_owned());
        let answer = TokenAnswer {
            access: token(access),
            refresh: refresh.map(token),
            expires_in: life,
            scopes: Some(scopes()),
        };
        let server = Server::of(&spec(), "https://api.example.com", &self.account.origin, None).unwrap();
        let client = Client::new("client".to_owned(), None);
        let signed_in = SignedIn::new(answer, &server, &client, Vec::new(), self.clock.now().wall);
        let account = Account { connected_at: self.clock.now().wall, ..self.account.clone() };
        self.store.put("account/stripe/default", signed_in.seal(&account).unwrap()).await.unwrap();
    }

    /// The credentials as a process of their own has them.
    fn process(&self) -> Credentials {
        let store = Arc::clone(&self.store) as Arc<dyn SecretStore>;
        let (ledger, clock) = (Arc::new(self.ledger.clone()), Arc::new(self.clock.clone()));
        let oauth = OAuth::new(ledger, Arc::clone(&store), clock, self.folder.path().join("run"));
        Credentials::new(store).renewing(Arc::new(oauth))
    }

    fn plan(&self) -> Plan {
        let request = HttpRequest {
            method: Method::Get,
            path: "/".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: None,
            idempotency: None,
            answer: AnswerKind::Plain,
        };
        Plan::of_request(&self.account, Effect::Write, request)
    }

    async fn open(&self, process: &Credentials) -> Result<String, CredentialError> {
        process.open(&self.plan()).await.map(|credential| sent(&credential))
    }

    /// What the server answers next.
    fn then(&self, status: u16, body: &Value) {
        self.replies.lock().unwrap().push_back(answer(status, &body.to_string()));
    }

    fn gives(&self, number: u32) {
        self.then(200, &tokens(number));
    }

    /// The bodies that arrived at the token endpoint.
    fn asked(&self) -> Vec<String> {
        let requests = self.server.seen().into_iter();
        let bodies = requests.map(|request| {
            assert!(request.starts_with("POST /oauth/token HTTP/1.1"), "{request}");
            request.split_once("\r\n\r\n").unwrap().1.to_owned()
        });
        bodies.collect()
    }

    fn stored(&self) -> Sealed {
        let text = self.store.secrets.lock().unwrap()["account/stripe/default"].clone();
        Sealed::read(&Secret::new(text)).unwrap()
    }

    fn stored_refresh(&self) -> Option<String> {
        self.stored().grant.unwrap().refresh_token.clone()
    }

    /// `(tool, status)` of each call in the log, oldest first; and no token in the database.
    async fn log(&self) -> Vec<(String, String)> {
        let database = std::fs::read(self.folder.path().join("agentport.db")).unwrap();
        let wal = std::fs::read(self.folder.path().join("agentport.db-wal")).unwrap_or_default();
        let text = String::from_utf8_lossy(&database).into_owned() + &String::from_utf8_lossy(&wal);
        assert!(!text.contains("access-") && !text.contains("refresh-"), "a token is in the ledger");
        let mut lines = self.ledger.lines(LineFilter::default()).await.unwrap();
        lines.reverse();
        lines.into_iter().filter(|line| line.kind == "call").map(|line| (line.tool, line.status)).collect()
    }
}

fn scopes() -> Vec<String> {
    vec!["read".to_owned(), "write".to_owned()]
}

fn spec() -> OAuthSpec {
    OAuthSpec {
        label: "Acme sign-in".to_owned(),
        alone: true,
        authorize: Some(EndpointSpec::Own("/oauth/authorize".to_owned())),
        token: EndpointSpec::Own("/oauth/token".to_owned()),
        device: None,
        revoke: Some(EndpointSpec::Own("/oauth/revoke".to_owned())),
        scopes: scopes(),
        separator: " ",
        extra: Vec::new(),
        client_secret: false,
    }
}

fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn tokens(number: u32) -> Value {
    json!({
        "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
        "token_type": "Bearer", "expires_in": 3600,
    })
}

fn sent(credential: &Credential) -> String {
    credential.header().unwrap().1.to_str().unwrap().to_owned()
}

fn ended() -> CredentialError {
    CredentialError::SignedOut { integration: "stripe".to_owned(), account: "default".to_owned() }
}

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
        let plan = stage.plan();
        tokio::spawn(async move { process.open(&plan).await.map(|credential| sent(&credential)) })
    });
    let opening: Vec<_> = opening.collect();
    for opened in opening {
        assert_eq!(opened.await.unwrap().unwrap(), "Bearer access-2");
    }
    assert_eq!(stage.asked().len(), 1);
    assert_eq!(stage.stored_refresh().as_deref(), Some("refresh-2"));
}

#[tokio::test]
async fn a_rejected_token_is_renewed_once_and_not_again() {
    let stage = Stage::start().await;
    let (one, two) = (stage.process(), stage.process());
    let (first, second) = (one.open(&stage.plan()).await.unwrap(), two.open(&stage.plan()).await.unwrap());
    stage.gives(2);
    let renewed = first.renewed(&stage.plan()).await.unwrap().unwrap();
    assert_eq!(sent(&renewed), "Bearer access-2");
    // the other process had the same token rejected: it finds the new one
    assert_eq!(sent(&second.renewed(&stage.plan()).await.unwrap().unwrap()), "Bearer access-2");
    assert_eq!(stage.asked().len(), 1);
    // the new one is rejected too: that is no matter of age
    renewed.still_rejected();
    assert!(renewed.renewed(&stage.plan()).await.is_none());
    assert!(one.open(&stage.plan()).await.unwrap().renewed(&stage.plan()).await.is_none());
    assert_eq!(stage.asked().len(), 1);
    // what was opened without anything that renews it renews nothing
    let key = crate::upstream::seal(
        &stage.account,
        &crate::catalog::CredentialScheme::Bearer,
        &Secret::new("key-1".to_owned()),
    );
    stage.store.put("account/stripe/default", key.unwrap()).await.unwrap();
    assert!(one.open(&stage.plan()).await.unwrap().renewed(&stage.plan()).await.is_none());
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
        let credential = process.open(&plan).await.unwrap();
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
        let credential = process.open(&plan).await.unwrap();
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

#[tokio::test]
async fn what_the_store_does_not_take_is_kept_and_stored_later() {
    let stage = Stage::start().await;
    let process = stage.process();
    stage.clock.pass(HOUR);
    stage.gives(2);
    stage.store.broken.store(true, Ordering::SeqCst);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
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
    let stage = Stage::start().await;
    let process = stage.process();
    stage.clock.pass(HOUR);
    stage.gives(2);
    stage.store.broken.store(true, Ordering::SeqCst);
    assert_eq!(stage.open(&process).await.unwrap(), "Bearer access-2");
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
        assert_eq!(process.inspect(&stage.plan()).await.unwrap_err(), ended());
        assert_eq!(process.inspect_stored("stripe", "default").await.unwrap_err(), ended());
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
        let (process, plan) = (process.clone(), stage.plan());
        tokio::spawn(async move { process.open(&plan).await.map(drop) })
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
    let credential = process.open(&stage.plan()).await.unwrap();
    assert_eq!(sent(&credential), "Bearer access-3");
    assert!(credential.renewed(&stage.plan()).await.is_none());
    assert_eq!(stage.asked(), [""; 0]);
}

#[tokio::test]
async fn t196_nothing_is_renewed_for_a_plan_of_another_account() {
    let stage = Stage::start().await;
    stage.clock.pass(HOUR);
    let other = Account { id: "acc_2".to_owned(), ..stage.account.clone() };
    let crate::plan::Request::Http(request) = stage.plan().request().clone() else { panic!("over HTTP") };
    let plan = Plan::of_request(&other, Effect::Read, request);
    assert!(matches!(stage.process().open(&plan).await.unwrap_err(), CredentialError::Mismatch { .. }));
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
