//! Several processes on one home: a home that a test makes, a service that remembers what it was sent, and children of
//! this very binary, each with a gateway of its own that does what its standard input says.

#![expect(clippy::disallowed_methods, reason = "children are processes, told what to do by their environment")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use agentport::{
    account::{Account, Environment as AccountEnvironment, Identity, Origin},
    approval::{Claim, Code, FactorId, PersonId, RecoveryHash},
    call::Caller,
    catalog::{Catalog, CredentialScheme},
    clock::{Clock, Millis, SteppingClock, SystemClock},
    config::{Environment, Home},
    gateway::{Connecting, Gateway, Parts, Presented, Said, seed_name},
    ledger::{LedgerError, Runner, Sqlite},
    notify::Courier,
    policy::{BUILT_IN, Pinned},
    secret::{KeySource, Secret, SecretStore, StoreError, Vault},
    snapshot::Snapshots,
    upstream::{Credentials, Rest, Sql, Upstreams, account_secret_name, seal},
};
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Evidence, Hook, Hooked, Memory, Ran, Scene, keep_vault_key, log_to};

/// When the stepped clocks begin.
pub(crate) const BEGIN: Millis = 1_800_000_000_000;

const HOME: &str = "AGENTPORT_TEST_CHILD_OF";
const ORIGIN: &str = "AGENTPORT_TEST_CHILD_TO";
const KEY: &str = "AGENTPORT_TEST_CHILD_KEY";
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A home with one account, at a service that remembers what it was sent.
pub(crate) struct Ground {
    pub(crate) service: Service,
    pub(crate) ledger: Sqlite,
    scene: Scene,
}

impl Ground {
    /// Makes it, with so many recovery codes. `clock` says when.
    pub(crate) async fn new(codes: u32, clock: &dyn Clock) -> Self {
        Self::with_policy(codes, clock, BUILT_IN).await
    }

    /// Makes it, with this policy.
    pub(crate) async fn with_policy(codes: u32, clock: &dyn Clock, policy: &str) -> Self {
        let (scene, service) = (Scene::new(), Service::start());
        let home = Place::of(&scene, &service).home;
        agentport::files::ensure_private_dir(&home.join("run")).unwrap();
        let key = scene.path().join("key");
        Vault::create_key(&key).unwrap();
        keep_vault_key(&scene);
        scene.evidence().keep_from(SEED);
        let settings =
            format!("[secrets]\nstore = \"vault\"\nkey_file = \"{}\"\n[approvals]\nlook_up = false\n", key.display());
        agentport::files::replace_private(&home.join("agentport.toml"), settings.as_bytes()).unwrap();
        agentport::files::replace_private(&home.join("policy.toml"), policy.as_bytes()).unwrap();
        let ledger = open(&home);
        let now = clock.now();
        let tools = Catalog::built_in().tools().map(|tool| tool.policy_name()).collect();
        assert!(ledger.pin(Pinned { text: policy.to_owned(), tools }, None, now).await.unwrap());
        let hashes = (0..codes).map(|number| RecoveryHash::of(&letters(number))).collect();
        assert!(ledger.enrol(factor(), 0, hashes, None, now).await.unwrap());
        let place = Place::of(&scene, &service);
        let vault = place.vault();
        for (name, secret) in place.secrets() {
            vault.put(&name, Secret::new(secret)).await.unwrap();
        }
        ledger.put_account(place.account(), None, now).await.unwrap();
        Self { service, ledger, scene }
    }

    /// A process of this home.
    pub(crate) fn child(&self) -> Process {
        let (place, evidence) = (Place::of(&self.scene, &self.service), self.scene.evidence().clone());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::child", "--nocapture"])
            .env_clear()
            .env(HOME, place.home)
            .env(ORIGIN, place.service.to_string())
            .env(KEY, place.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(evidence.stderr())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Process { child, input: Some(input), output, evidence }
    }

    /// A gateway of this home in this process.
    pub(crate) fn gateway(&self, clock: Arc<dyn Clock>) -> Arc<Gateway> {
        Place::of(&self.scene, &self.service).gateway(clock, Stop::default())
    }

    /// Where its secrets are.
    pub(crate) fn vault(&self) -> Vault {
        Place::of(&self.scene, &self.service).vault()
    }

    /// Nobody but the vault may see it.
    pub(crate) fn keep_from(&self, secret: &str) {
        self.scene.evidence().keep_from(secret);
    }

    /// The real program.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        Program::start(&self.scene, arguments)
    }

    /// Somebody saw this.
    pub(crate) fn saw(&self, text: String) {
        self.scene.evidence().saw(text);
    }

    /// Does the log hang together?
    pub(crate) async fn verified(&self) {
        let verified = self.ledger.verify().await.unwrap();
        assert!(verified.is_ok(), "{verified:?}");
    }
}

/// The real program, running.
pub(crate) struct Program {
    child: Child,
    evidence: Evidence,
}

impl Program {
    /// With the home of a scene, and the vault's key beside that.
    pub(crate) fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_agentport"))
            .args(arguments)
            .env_clear()
            .env("AGENTPORT_HOME", scene.path().join("home"))
            .env("AGENTPORT_KEY_FILE", scene.path().join("key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, evidence: scene.evidence().clone() }
    }

    /// Types a line, the only one.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.take().unwrap(), "{line}").unwrap();
    }

    /// How it ended, and what it printed.
    pub(crate) fn end(self) -> Ran {
        Ran::of(self.child.wait_with_output().unwrap(), &self.evidence)
    }
}

/// A child of this binary with a gateway. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    evidence: Evidence,
}

impl Process {
    /// Tells it to do something.
    pub(crate) fn tell(&mut self, what: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{what}").unwrap();
    }

    /// What it says next.
    pub(crate) fn hear(&mut self) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the child is gone");
            self.evidence.saw(&line);
            // the test runner of the child prints lines of its own, and does not always end them
            if let Some((_, said)) = line.split_once("> ") {
                return serde_json::from_str(said).unwrap();
            }
        }
    }

    /// Tells it and waits for its answer.
    pub(crate) fn ask(&mut self, what: &Value) -> Value {
        self.tell(what);
        self.hear()
    }

    /// SIGKILL, now.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it come to its end.
    pub(crate) fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The recovery code of a number, as it is typed.
pub(crate) fn letters(number: u32) -> String {
    format!("{number:016}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// The recovery code of a number.
pub(crate) fn code(number: u32) -> Code {
    Code::parse(&letters(number)).unwrap()
}

fn factor() -> FactorId {
    FactorId("fac_1".to_owned())
}

fn open(home: &std::path::Path) -> Sqlite {
    Sqlite::open(&home.join("agentport.db"), Runner::start(&home.join("run")).unwrap()).unwrap()
}

/// What a process of a home knows.
struct Place {
    home: PathBuf,
    service: SocketAddr,
    key: String,
}

impl Place {
    fn of(scene: &Scene, service: &Service) -> Self {
        Self { home: scene.path().join("home"), service: service.address, key: scene.canary().to_owned() }
    }

    fn vault(&self) -> Vault {
        Vault::new(self.home.join("vault.age"), KeySource::File(self.home.with_file_name("key")))
    }

    fn account(&self) -> Account {
        Account {
            integration: "stripe".to_owned(),
            name: "default".to_owned(),
            id: "acc_1".to_owned(),
            origin: Origin::parse(&format!("http://{}", self.service), true).unwrap(),
            environment: AccountEnvironment::Test,
            identity: Identity::default(),
            settings: BTreeMap::new(),
            connected_at: BEGIN,
        }
    }

    /// What the secret store holds.
    fn secrets(&self) -> BTreeMap<String, String> {
        let sealed = seal(&self.account(), &CredentialScheme::Bearer, &Secret::new(self.key.clone())).unwrap();
        BTreeMap::from([
            (account_secret_name("stripe", "default"), sealed.expose().to_owned()),
            (seed_name(&factor()), SEED.to_owned()),
        ])
    }

    /// The secrets are in memory, which spares opening the vault a thousand times.
    fn gateway(&self, clock: Arc<dyn Clock>, stop: Stop) -> Arc<Gateway> {
        let store = Memory { secrets: Mutex::new(self.secrets()), ..Memory::default() };
        self.gateway_over(Arc::new(store), clock, stop)
    }

    fn gateway_over(&self, store: Arc<dyn SecretStore>, clock: Arc<dyn Clock>, stop: Stop) -> Arc<Gateway> {
        let (ledger, environment) = (open(&self.home), Environment::of_home(&self.home));
        let place = Home::find(&environment).unwrap();
        let catalog = Arc::new(Catalog::built_in());
        let parts = Parts {
            courier: Arc::new(Courier::new(ledger.clone(), Arc::clone(&store), Arc::clone(&clock))),
            snapshots: Snapshots::start(place, environment, ledger.clone(), catalog).unwrap(),
            ledger: Arc::new(Hooked { inner: ledger.clone(), hook: Arc::new(stop) }),
            home: ledger,
            credentials: Credentials::new(Arc::clone(&store)),
            secrets: store,
            upstreams: Upstreams { http: Arc::new(Rest::default()), sql: Arc::new(Sql::default()) },
            notifiers: Vec::new(),
        };
        let parts = Mutex::new(Some(parts));
        Gateway::new(Box::new(move || Ok(parts.lock().unwrap().take())), clock)
    }
}

/// Does nothing but in the processes of [`Ground::child`].
#[test]
fn child() {
    let [Ok(home), Ok(service), Ok(key)] = [HOME, ORIGIN, KEY].map(std::env::var) else { return };
    log_to(std::io::stderr);
    let (clock, stop) = (SteppingClock::starting_at(BEGIN), Stop::default());
    let place = Place { home: home.into(), service: service.parse().unwrap(), key };
    let gateway = place.gateway(Arc::new(clock.clone()), stop.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for line in std::io::stdin().lock().lines() {
        let told: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(at) = told["at"].as_i64() {
            clock.pass(at - clock.now().wall);
        }
        *stop.0.lock().unwrap() = told["stop"].as_str().map(str::to_owned);
        say(&match told["do"].as_str() {
            Some("connect") => runtime.block_on(connect(&place, &clock, &stop, &told)),
            _ => runtime.block_on(act(&gateway, &told)),
        });
    }
    runtime.block_on(gateway.drain(Duration::from_secs(30)));
}

/// Gives the account another secret, in the home's own vault.
async fn connect(place: &Place, clock: &SteppingClock, stop: &Stop, told: &Value) -> Value {
    let store = Arc::new(Stopping { inner: place.vault(), stop: stop.clone() });
    let gateway = place.gateway_over(store, Arc::new(clock.clone()), stop.clone());
    let parts = gateway.open_parts().unwrap();
    let snapshot = parts.snapshots.current().unwrap();
    let before = snapshot.account("stripe", "default").unwrap();
    let account =
        Account { id: told["id"].as_str().unwrap().to_owned(), connected_at: clock.now().wall, ..(**before).clone() };
    let secret = Secret::new(told["key"].as_str().unwrap().to_owned());
    let seal = |account: &Account, _: &[String]| seal(account, &CredentialScheme::Bearer, &secret);
    let code = code(u32::try_from(told["code"].as_u64().unwrap()).unwrap());
    let claim = Claim::Connect("stripe/default".to_owned());
    let approver = match gateway.prove(&parts, claim, &Presented::Code(&PersonId::owner(), &code)).await {
        Ok(approver) => Some(approver),
        Err(error) => return json!({"refused": error.to_string()}),
    };
    let connecting = Connecting {
        integration: snapshot.catalog.integration("stripe").unwrap(),
        account,
        before: Some(before),
        replace: true,
        verify: false,
        seal: &seal,
        approver,
    };
    match gateway.connect(&parts, connecting).await {
        Ok(_) => json!({"connected": true}),
        Err(error) => json!({"refused": error.to_string()}),
    }
}

/// A vault whose process can be stopped while a secret is on its way.
#[derive(Debug)]
struct Stopping {
    inner: Vault,
    stop: Stop,
}

#[async_trait]
impl SecretStore for Stopping {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        self.inner.get(name).await
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        let waits = name.ends_with("/new");
        if !waits {
            self.stop.point("recorded").await;
        }
        self.inner.put(name, secret).await?;
        self.stop.point(if waits { "staged" } else { "placed" }).await;
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.inner.delete(name).await
    }
}

async fn act(gateway: &Arc<Gateway>, told: &Value) -> Value {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let local = Caller::parse("local").unwrap();
    let call = async |tool: &str, arguments: Value| {
        let Value::Object(arguments) = arguments else { panic!("{arguments}") };
        gateway.call(&local, tool, arguments, CancellationToken::new()).await.to_json()
    };
    match told["do"].as_str().unwrap() {
        "approve" => {
            let code = code(u32::try_from(told["code"].as_u64().unwrap()).unwrap());
            match gateway.approve(&text("id"), &Presented::Code(&PersonId::owner(), &code)).await {
                Ok(Said::Sent(outcome)) => json!({"sent": outcome.as_str()}),
                Ok(Said::OneMore(_)) => json!({"one_more": true}),
                Err(error) => json!({"refused": error.to_string()}),
            }
        }
        "deny" => match gateway.deny(&text("id"), None).await {
            Ok(()) => json!({"denied": true}),
            Err(error) => json!({"refused": error.to_string()}),
        },
        "refund" => call("stripe_create_refund", json!({"charge": "ch_1", "amount": told["amount"]})).await,
        "read" => call("stripe_get_balance", Value::Object(Map::new())).await,
        "await" => call("agentport_await_approval", json!({"approval_id": text("id"), "wait_seconds": 0})).await,
        other => panic!("{other}"),
    }
}

fn say(what: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "> {what}").unwrap();
    out.flush().unwrap();
}

/// Where a child stops for good, after it has said so: `proved`, `consumed` or `sent`. It lies between two steps, where
/// a signal from outside can't hit.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<Mutex<Option<String>>>);

impl Stop {
    async fn point(&self, name: &str) {
        let here = self.0.lock().unwrap().as_deref() == Some(name);
        if here {
            say(&json!({"stopped": name}));
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Hook for Stop {
    async fn before(&self, method: &'static str) -> Result<(), LedgerError> {
        match method {
            "decide" => self.point("proved").await,
            "settle" => self.point("sent").await,
            _ => {}
        }
        Ok(())
    }

    async fn after(&self, method: &'static str) {
        if ["admit", "decide"].contains(&method) {
            self.point("consumed").await;
        }
    }
}

/// A clock of the machine, for what runs beside the real program.
pub(crate) fn real_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// A stand-in for a vendor, which counts what it was asked by idempotency key.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
    half: Arc<Mutex<bool>>,
    halves: mpsc::Receiver<()>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, half) = (Arc::<Mutex<BTreeMap<_, _>>>::default(), Arc::<Mutex<bool>>::default());
        let (half_sent, halves) = mpsc::channel();
        let (counting, cutting) = (Arc::clone(&seen), Arc::clone(&half));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, counting, cutting) = (stream.unwrap(), Arc::clone(&counting), Arc::clone(&cutting));
                let half_sent = half_sent.clone();
                std::thread::spawn(move || drop(serve(&stream, &counting, &cutting, &half_sent)));
            }
        });
        Self { address, seen, half, halves }
    }

    /// How many requests came for each key; those without one are under their path.
    pub(crate) fn seen(&self) -> BTreeMap<String, u32> {
        self.seen.lock().unwrap().clone()
    }

    /// How many came for one.
    pub(crate) fn count(&self, key: &str) -> u32 {
        self.seen().get(key).copied().unwrap_or(0)
    }

    /// Whether answers stop in the middle from now on.
    pub(crate) fn stop_half_way(&self, half: bool) {
        *self.half.lock().unwrap() = half;
    }

    /// Waits until half an answer was sent.
    pub(crate) fn half_sent(&self) {
        self.halves.recv().unwrap();
    }
}

/// Answers the requests of one connection.
fn serve(
    stream: &TcpStream,
    seen: &Mutex<BTreeMap<String, u32>>,
    half: &Mutex<bool>,
    half_sent: &mpsc::Sender<()>,
) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut path, mut key, mut length) = (String::new(), None, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                None if path.is_empty() => line.trim_end().clone_into(&mut path),
                None => break,
                Some(("idempotency-key", value)) => key = Some(value.to_owned()),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        *seen.lock().unwrap().entry(key.unwrap_or(path)).or_default() += 1;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n";
        if *half.lock().unwrap() {
            writer.write_all(format!("{head}{{\"id\":").as_bytes())?;
            half_sent.send(()).unwrap();
            // until the other side is gone
            drop(reader.read_line(&mut String::new()));
            return Ok(());
        }
        writer.write_all(format!("{head}{{\"id\": \"re_12\"}}").as_bytes())?;
    }
}
