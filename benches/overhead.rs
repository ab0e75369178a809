//! What the gate costs: an allowed read through it, beside the same request by the bare client, in one run and in turns,
//! so that what the machine does otherwise hits both. Prints; asserts nothing by a clock.
//!
//! `cargo bench --bench overhead`, with a number of calls behind `--` if 2,000 are not right.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot run says why")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use agentport::{
    account::{Account, Environment as AccountEnvironment, Identity, Origin},
    call::{Call, Caller},
    catalog::{Catalog, CredentialScheme},
    clock::{Clock as _, SystemClock},
    config::{Environment, Home},
    gateway::{Gateway, Parts},
    ledger::{Admission, Admit, Ledger, Outcome, Runner, Sqlite},
    notify::Courier,
    plan::Plan,
    policy::{BUILT_IN, Evaluation, Pinned},
    reply::Reply,
    secret::{Secret, SecretStore, StoreError},
    snapshot::Snapshots,
    upstream::{
        Credential, Credentials, Rest, Sql, Upstreams, account_secret_name,
        http::{Http, Limits},
        seal,
    },
};
use async_trait::async_trait;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

const TOOL: &str = "stripe_get_balance";
const BODY: &str = r#"{"object":"balance","available":[{"amount":12345,"currency":"usd"}],"pending":[]}"#;

fn main() {
    let calls = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2_000);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure(calls));
}

async fn measure(calls: usize) {
    let folder = tempfile::TempDir::new().unwrap();
    let scene = Scene::new(folder.path()).await;
    for _ in 0..calls / 10 {
        scene.through().await;
        scene.bare().await;
        scene.recorded().await;
    }
    let (mut through, mut bare, mut recorded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..calls {
        bare.push(timed(scene.bare()).await);
        through.push(timed(scene.through()).await);
        recorded.push(timed(scene.recorded()).await);
    }
    let rows = [("bare client", bare), ("through the gate", through), ("admit and settle alone", recorded)]
        .map(|(name, times)| (name, Spread::of(times)));
    println!("{calls} reads each, one after the other, over loopback; microseconds");
    println!("{:<24}{:>10}{:>10}", "", "p50", "p95");
    for (name, spread) in &rows {
        println!("{name:<24}{:>10.0}{:>10.0}", spread.p50, spread.p95);
    }
    let [(_, bare), (_, through), _] = &rows;
    println!("{:<24}{:>10.0}{:>10.0}", "difference", through.p50 - bare.p50, through.p95 - bare.p95);
    println!("{:<24}{:>10.2}{:>10.2}", "ratio", through.p50 / bare.p50, through.p95 / bare.p95);
}

async fn timed(work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    began.elapsed().as_secs_f64() * 1e6
}

struct Spread {
    p50: f64,
    p95: f64,
}

impl Spread {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or(f64::NAN);
        Self { p50: at(50), p95: at(95) }
    }
}

/// A home with one account at a service on loopback.
struct Scene {
    gateway: Arc<Gateway>,
    ledger: Sqlite,
    clock: Arc<SystemClock>,
    caller: Caller,
    call: Call,
    client: Http,
    credential: Credential,
    url: reqwest::Url,
}

impl Scene {
    async fn new(folder: &std::path::Path) -> Self {
        let (run, origin) = (folder.join("run"), serve());
        agentport::files::ensure_private_dir(&run).unwrap();
        let ledger = Sqlite::open(&folder.join("agentport.db"), Runner::start(&run).unwrap()).unwrap();
        let (clock, catalog) = (Arc::new(SystemClock::default()), Arc::new(Catalog::built_in()));
        let tools = catalog.tools().map(|tool| tool.policy_name()).collect();
        ledger.pin(Pinned { text: BUILT_IN.to_owned(), tools }, None, clock.now()).await.unwrap();
        let account = Account {
            integration: "stripe".to_owned(),
            name: "default".to_owned(),
            id: "acc_1".to_owned(),
            origin: Origin::parse(&origin, true).unwrap(),
            environment: AccountEnvironment::Test,
            identity: Identity::default(),
            settings: BTreeMap::new(),
            connected_at: 0,
        };
        let sealed = seal(&account, &CredentialScheme::Bearer, &Secret::new("rk_test_1".to_owned())).unwrap();
        let caller = Caller::parse("local").unwrap();
        let tool = catalog.find(TOOL).unwrap();
        let call = Call::parse(tool, Map::new(), &caller, &[Arc::new(account.clone())]).unwrap();
        let credential = Credentials::from_sealed(&sealed, &Plan::build(&call).unwrap()).unwrap();
        ledger.put_account(account, clock.now()).await.unwrap();
        let store = BTreeMap::from([(account_secret_name("stripe", "default"), sealed.expose().to_owned())]);
        let store: Arc<dyn SecretStore> = Arc::new(Memory(store));
        let environment = Environment::of_home(folder);
        let place = Home::find(&environment).unwrap();
        let parts = Parts {
            snapshots: Snapshots::start(place, environment, ledger.clone(), catalog).unwrap(),
            ledger: Arc::new(ledger.clone()),
            home: ledger.clone(),
            credentials: Credentials::new(Arc::clone(&store)),
            courier: Arc::new(Courier::new(ledger.clone(), Arc::clone(&store), Arc::clone(&clock) as _)),
            secrets: store,
            upstreams: Upstreams { http: Arc::new(Rest::default()), sql: Arc::new(Sql::default()) },
            notifiers: Vec::new(),
        };
        let parts = Mutex::new(Some(parts));
        let opener = Box::new(move || Ok(parts.lock().unwrap().take()));
        Self {
            gateway: Gateway::new(opener, Arc::clone(&clock) as _),
            ledger,
            clock,
            caller,
            call,
            client: Http::new(Limits::DEFAULT),
            credential,
            url: format!("{origin}/v1/balance").parse().unwrap(),
        }
    }

    /// The whole path: parsed, planned, judged, recorded, sent, filtered, settled.
    async fn through(&self) {
        let reply = self.gateway.call(&self.caller, TOOL, Map::new(), CancellationToken::new()).await;
        assert!(matches!(&reply, Reply::Completed { .. }) && !reply.is_error(), "{reply:?}");
    }

    /// The same client with the same credential, and nothing around it.
    async fn bare(&self) {
        let request = reqwest::Request::new(reqwest::Method::GET, self.url.clone());
        let answer = self.client.send(request, &self.credential, Duration::from_secs(30)).await.unwrap();
        assert_eq!(answer.body.unwrap().len(), BODY.len());
    }

    /// The two transactions of a read.
    async fn recorded(&self) {
        let admit = Admit {
            findings: None,
            plan: Arc::new(Plan::build(&self.call).unwrap()),
            key: self.call.key(),
            evaluation: Evaluation::own_read(),
            summary: "Get the balance".to_owned(),
            expires_in: 0,
            max_pending: 0,
            hourly: 0,
        };
        let admission = self.ledger.admit(admit, self.clock.now()).await.unwrap();
        let Admission::Permit(permit) = admission else { unreachable_admission(&admission) };
        let outcome =
            Outcome::Succeeded { result: json!({"id": 1}), http_status: Some(200), truncated: false, next: None };
        assert!(self.ledger.settle(permit.record(), &outcome, self.clock.now()).await.unwrap());
    }
}

#[expect(clippy::panic, reason = "a measurement that cannot run says why")]
fn unreachable_admission(admission: &Admission) -> ! {
    panic!("an allowed read was not admitted: {admission:?}")
}

/// A service that answers every request with the same body; where it listens.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
                    BODY.len()
                );
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() && (&stream).write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    origin
}

#[derive(Debug)]
struct Memory(BTreeMap<String, String>);

#[async_trait]
impl SecretStore for Memory {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        Ok(self.0.get(name).cloned().map(Secret::new))
    }

    async fn put(&self, name: &str, _secret: Secret) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(format!("`{name}` is not stored here")))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(format!("`{name}` is not stored here")))
    }
}
