//! A home with one account, the gateway over it, and the clock's part in a comparison.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot run says why")]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use agentport::{
    account::{Account, Environment as AccountEnvironment, Identity, Origin},
    call::{Call, Caller},
    catalog::{Catalog, CredentialScheme},
    clock::{Clock as _, SystemClock},
    config::{Environment, Home},
    gateway::{Gateway, Parts},
    ledger::{Runner, Sqlite},
    notify::Courier,
    plan::Plan,
    policy::{BUILT_IN, Pinned},
    reply::Reply,
    secret::{Secret, SecretStore, StoreError},
    snapshot::Snapshots,
    upstream::{Credential, Credentials, Rest, Sql, Upstreams, account_secret_name, seal},
};
use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// Where the account leads, and with what.
pub(crate) struct Connected {
    pub(crate) integration: &'static str,
    pub(crate) origin: Origin,
    pub(crate) scheme: CredentialScheme,
    pub(crate) secret: String,
    pub(crate) settings: BTreeMap<String, String>,
}

/// What is measured.
pub(crate) struct Scene {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) ledger: Sqlite,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) call: Call,
    pub(crate) credential: Credential,
    caller: Caller,
    tool: &'static str,
    arguments: Map<String, Value>,
}

impl Scene {
    pub(crate) async fn new(folder: &Path, to: Connected, tool: &'static str, arguments: Map<String, Value>) -> Self {
        let run = folder.join("run");
        agentport::files::ensure_private_dir(&run).unwrap();
        let ledger = Sqlite::open(&folder.join("agentport.db"), Runner::start(&run).unwrap()).unwrap();
        let (clock, catalog) = (Arc::new(SystemClock::default()), Arc::new(Catalog::built_in()));
        let tools = catalog.tools().map(|tool| tool.policy_name()).collect();
        ledger.pin(Pinned { text: BUILT_IN.to_owned(), tools }, None, clock.now()).await.unwrap();
        let account = Account {
            integration: to.integration.to_owned(),
            name: "default".to_owned(),
            id: "acc_1".to_owned(),
            origin: to.origin,
            environment: AccountEnvironment::Test,
            identity: Identity::default(),
            settings: to.settings,
            connected_at: 0,
        };
        let sealed = seal(&account, &to.scheme, &Secret::new(to.secret)).unwrap();
        let caller = Caller::parse("local").unwrap();
        let found = catalog.find(tool).unwrap();
        let call = Call::parse(found, arguments.clone(), &caller, &[Arc::new(account.clone())]).unwrap();
        let credential = Credentials::from_sealed(&sealed, &Plan::build(&call).unwrap()).unwrap();
        let name = account_secret_name(to.integration, "default");
        ledger.put_account(account, None, clock.now()).await.unwrap();
        let store: Arc<dyn SecretStore> = Arc::new(Memory(BTreeMap::from([(name, sealed.expose().to_owned())])));
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
        let gateway = Gateway::new(opener, Arc::clone(&clock) as _);
        Self { gateway, ledger, clock, call, credential, caller, tool, arguments }
    }

    /// The whole path: parsed, planned, judged, recorded, sent, filtered, settled.
    pub(crate) async fn through(&self) {
        let reply = self.gateway.call(&self.caller, self.tool, self.arguments.clone(), CancellationToken::new()).await;
        assert!(matches!(&reply, Reply::Completed { .. }) && !reply.is_error(), "{reply:?}");
    }
}

/// How long something takes, in microseconds.
pub(crate) async fn timed(work: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    work.await;
    began.elapsed().as_secs_f64() * 1e6
}

/// The fast end, the middle and the slow end of many times.
pub(crate) struct Spread {
    pub(crate) p05: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
}

impl Spread {
    pub(crate) fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or(f64::NAN);
        Self { p05: at(5), p50: at(50), p95: at(95) }
    }
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
