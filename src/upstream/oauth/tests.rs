//! Renewals against a server on loopback, on a clock that is stepped, with a store that can fail.

mod bounds;
mod keeping;
mod rejected;
mod renewing;

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
        let request = HttpRequest::bare(Method::Get, "/", AnswerKind::Plain);
        Plan::of_request(&self.account, Effect::Write, request)
    }

    async fn open(&self, process: &Credentials) -> Result<String, CredentialError> {
        process.open(&self.plan(), &self.account).await.map(|credential| sent(&credential))
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
