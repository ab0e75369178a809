//! A home with everything in it, its site served on a port of its own, and a browser that is exactly as honest as a test
//! wants it to be.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agentport::{
    account::{Account, Environment as AccountEnvironment, Identity, Origin},
    app::App,
    approval::{FactorId, RecoveryCodes, Seed},
    call::Caller,
    catalog::Catalog,
    clock::{Clock as _, SteppingClock},
    config::Environment,
    gateway::{Gateway, Parts, seed_name},
    ledger::{Approval, ApprovalStatus, LineFilter, Runner, Sqlite},
    policy::{BUILT_IN, Pinned},
    reply::Reply,
    secret::{Secret, Vault},
    upstream::{account_secret_name, seal},
    web,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::harness::{Scene, keep_vault_key, saw};

const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// 2026-11-23T09:00:00Z
const BEGIN: i64 = 1_795_424_400_000;

/// A home whose site is served.
pub(crate) struct House {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) parts: Arc<Parts>,
    pub(crate) clock: SteppingClock,
    pub(crate) upstream: MockServer,
    pub(crate) base: String,
    pub(crate) port: u16,
    pub(crate) stop: CancellationToken,
    /// What serves the site, until `stop`.
    pub(crate) hosting: tokio::task::JoinHandle<()>,
    /// Dropped, it searches every page, reply and file for the accounts' key.
    pub(crate) folder: Scene,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a home is made with.
pub(crate) struct Plan {
    /// The text of `policy.toml`.
    pub(crate) policy: String,
    /// Is there a second factor?
    pub(crate) factor: bool,
    /// Where the accounts' requests go; the stand-in unless named.
    pub(crate) usual_origins: bool,
    /// What the stand-in answers.
    pub(crate) answer: ResponseTemplate,
}

impl Default for Plan {
    fn default() -> Self {
        let answer = ResponseTemplate::new(200).set_body_json(serde_json::json!({"id": "re_1", "status": "succeeded"}));
        Self { policy: BUILT_IN.to_owned(), factor: true, usual_origins: false, answer }
    }
}

impl House {
    pub(crate) async fn build() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let folder = Scene::new();
        folder.evidence().keep_from(SEED);
        let home = folder.path().join("home");
        let settings = settings(&folder, 0);
        private_dir(&home);
        private_dir(&home.join("run"));
        write(&home.join("agentport.toml"), &settings);
        write(&home.join("policy.toml"), &plan.policy);
        let clock = SteppingClock::starting_at(BEGIN);
        let ledger = Sqlite::open(&home.join("agentport.db"), Runner::start(&home.join("run")).unwrap()).unwrap();
        let tools = Catalog::built_in().tools().map(|tool| tool.policy_name()).collect();
        ledger.pin(Pinned { text: plan.policy.clone(), tools }, None, clock.now()).await.unwrap();
        Vault::create_key(&folder.path().join("key")).unwrap();
        keep_vault_key(&folder);
        drop(ledger);
        let app = App::with_clock(Environment::of_home(&home), Arc::new(clock.clone()));
        let gateway = app.gateway();
        let parts = gateway.open_parts().unwrap();
        let upstream = MockServer::start().await;
        Mock::given(any()).respond_with(plan.answer).mount(&upstream).await;
        for integration in ["stripe", "github", "gmail"] {
            let usual = parts
                .snapshots
                .current()
                .unwrap()
                .catalog
                .integration(integration)
                .unwrap()
                .upstream
                .origin()
                .to_owned();
            let origin = if plan.usual_origins { usual } else { upstream.uri() };
            put_account(&parts, &clock, integration, &origin, folder.canary()).await;
        }
        if plan.factor {
            let id = FactorId("fac_test".to_owned());
            let seed = Secret::new(SEED.to_owned());
            parts.secrets.put(&seed_name(&id), Seed::from_secret(&seed).unwrap().to_secret()).await.unwrap();
            let recovery = RecoveryCodes::generate().unwrap().hashes();
            assert!(parts.home.enrol(id, 1, recovery, None, clock.now()).await.unwrap());
        }
        let stop = CancellationToken::new();
        let hosting = tokio::spawn(web::host(Arc::clone(&gateway), stop.clone()));
        let base = hosted(&gateway).await;
        let port = base.rsplit(':').next().unwrap().parse().unwrap();
        Self { gateway, parts, clock, upstream, base, port, stop, hosting, folder }
    }

    /// Another process of the same home, as far as one process can play it.
    pub(crate) fn neighbour(&self) -> Arc<Gateway> {
        let home = self.folder.path().join("home");
        App::with_clock(Environment::of_home(&home), Arc::new(self.clock.clone())).gateway()
    }

    /// An agent calls; the approval that it is given.
    pub(crate) async fn ask(&self, tool: &str, arguments: Value) -> Box<Approval> {
        match self.call(tool, arguments).await {
            Reply::ApprovalRequired { approval, .. } => approval,
            other => panic!("not asked: {other:?}"),
        }
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Reply {
        let caller = Caller::parse("claude").unwrap();
        let arguments = arguments.as_object().unwrap().clone();
        let reply = self.gateway.call(&caller, tool, arguments, CancellationToken::new()).await;
        self.folder.evidence().saw(format!("{reply:?} {}", reply.to_json()));
        reply
    }

    /// The refund that most tests ask for.
    pub(crate) async fn refund(&self) -> Box<Approval> {
        let arguments =
            serde_json::json!({"charge": "ch_3Nf1abcdefghijkl", "amount": 500, "_reason": "the customer asked"});
        self.ask("stripe_create_refund", arguments).await
    }

    pub(crate) async fn status(&self, id: &str) -> ApprovalStatus {
        self.parts.ledger.approval(id).await.unwrap().unwrap().status
    }

    /// The moment that everything here goes by.
    pub(crate) fn instant(&self) -> agentport::clock::Now {
        self.clock.now()
    }

    /// The same, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.instant().wall
    }

    /// How many records the log has, and what reached the service.
    pub(crate) async fn traces(&self) -> (usize, usize) {
        let lines = self.parts.home.lines(LineFilter::default()).await.unwrap();
        let seqs = lines.iter().map(|line| line.seq).max().unwrap_or(0);
        (usize::try_from(seqs).unwrap() + lines.len(), self.upstream.received_requests().await.unwrap().len())
    }

    /// The code that the app shows now.
    pub(crate) fn code(&self) -> String {
        let secret = data_encoding::BASE32_NOPAD.decode(SEED.as_bytes()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).with_account_name("owner").build().unwrap();
        totp.generate(u64::try_from(self.clock.now().wall / 1000).unwrap()).to_string()
    }

    /// Time passes until the app shows the next code.
    pub(crate) fn next_code(&self) -> String {
        self.clock.pass(30_000);
        self.code()
    }

    pub(crate) async fn signed_in(&self) -> Browser {
        let mut browser = Browser::new(self.port);
        let answer = browser.post("/login", &[("code", &self.next_code()), ("next", "/")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    }
}

/// Where the site is; a busy machine may take longer to serve it than a person would wait.
async fn hosted(gateway: &Gateway) -> String {
    for _ in 0..12 {
        if let Some(base) = web::hosted(gateway).await {
            return base;
        }
    }
    panic!("nobody serves the site");
}

pub(crate) fn settings(folder: &Scene, port: u16) -> String {
    let key = folder.path().join("key");
    format!(
        "[site]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://localhost:{port}\"\n\
         [secrets]\nstore = \"vault\"\nkey_file = {:?}\n[approvals]\nmax_pending = 50\nhourly = 500\nlook_up = false\n",
        key.to_str().unwrap()
    )
}

async fn put_account(parts: &Parts, clock: &SteppingClock, integration: &str, origin: &str, key: &str) {
    let live = (integration == "stripe").then_some(true);
    let account = Account {
        integration: integration.to_owned(),
        name: "default".to_owned(),
        id: Sqlite::fresh_account_id().unwrap(),
        origin: Origin::parse(origin, origin.starts_with("http:")).unwrap(),
        environment: AccountEnvironment::Production,
        identity: Identity { id: None, name: None, live },
        settings: BTreeMap::new(),
        connected_at: clock.now().wall,
    };
    let snapshot = parts.snapshots.current().unwrap();
    let scheme = &snapshot.catalog.integration(integration).unwrap().credential.scheme;
    let sealed = seal(&account, scheme, &Secret::new(key.to_owned())).unwrap();
    parts.secrets.put(&account_secret_name(integration, "default"), sealed).await.unwrap();
    parts.home.put_account(account, None, clock.now()).await.unwrap();
}

pub(crate) fn private_dir(path: &std::path::Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(path).unwrap();
}

pub(crate) fn write(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The token of the form that posts to `action`.
    pub(crate) fn csrf(&self, action: &str) -> String {
        let form = self.body.split("<form").find(|form| form.contains(&format!("action=\"{action}\""))).unwrap();
        form.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// What the page of an approval says that it shows; nothing where it has no form for a yes.
    pub(crate) fn seen(&self) -> String {
        let found = self.body.split("name=\"seen\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        found.unwrap_or_default().to_owned()
    }

    /// The page as a person reads it: no markup, entities decoded.
    pub(crate) fn text(&self) -> String {
        let mut text: String =
            self.body.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest)).collect();
        for (entity, character) in [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")] {
            text = text.replace(entity, character);
        }
        text
    }
}

/// Sends bytes as they are and reads until the other side closes. Whoever asked, what comes back is evidence.
pub(crate) async fn send(port: u16, request: &str) -> Answer {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    drop(read.expect("the site answers and closes"));
    let text = String::from_utf8(bytes).unwrap();
    // the page of an enrolment shows the person the new seed and the recovery codes, this one time
    if !request.contains(" /enrol/") {
        saw(&text);
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok()).unwrap_or(0);
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Answer { status, headers, body: body.to_owned() }
}

/// A browser with one cookie jar.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) port: u16,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, cookie: None }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").await
    }

    /// A form of the site's own, as a browser posts it.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = format!("http://localhost:{}", self.port);
        let headers = [("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin")];
        let answer = self.post_with(path, &headers, fields).await;
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap().to_owned();
            self.cookie = Some(pair).filter(|pair| !pair.ends_with('='));
        }
        answer
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.iter().copied().chain([form]).collect();
        self.request("POST", path, &headers, &body).await
    }

    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n", self.port);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(cookie) = &self.cookie {
            request.push_str(&format!("Cookie: {cookie}\r\n"));
        }
        if method == "POST" || !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        send(self.port, &format!("{request}\r\n{body}")).await
    }

    /// Opens the approval and fills its form.
    pub(crate) async fn decide(&mut self, id: &str, decision: &str, code: &str, note: &str) -> Answer {
        let path = format!("/approve/{id}");
        let page = self.get(&path).await;
        let (csrf, seen) = (page.csrf(&path), page.seen());
        let fields = [("csrf", &*csrf), ("decision", decision), ("seen", &seen), ("code", code), ("note", note)];
        self.post(&path, &fields).await
    }
}
