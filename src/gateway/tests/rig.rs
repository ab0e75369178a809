//! A home in a folder, and gateways on it as processes have them.

mod double;
mod gates;
mod watched;

use std::{
    collections::VecDeque,
    fmt::{Debug, Display},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    approval::{Claim, Code, PersonId, Seed},
    call::Caller,
    catalog::{Catalog, CredentialScheme},
    clock::{Clock as _, Now, SteppingClock},
    config::{Environment, Home},
    doubles::{Hook, Hooked, Memory},
    evidence::{Evidence, Scene},
    gateway::{
        ConnectError, Connected, ConnectedAccount, Connecting, DecideError, Gateway, Parts, Presented, Said, seed_name,
    },
    ledger::{
        Approval, FailureKind, Ledger, LedgerError, LineFilter, Outcome, Permit, Runner, Sqlite,
        conformance::{self, BEGIN, CATALOG, factor, letters, recovery_hashes},
        sqlite::pin_digest,
    },
    notify::{Courier, Notifier},
    policy::{BUILT_IN, Pinned},
    reply::Reply,
    secret::{Secret, SecretStore},
    snapshot::Snapshots,
    upstream::{Credential, Credentials, Upstream, Upstreams, account_secret_name, seal},
};

pub(crate) use self::{
    double::{Behaviour, Double, Sent},
    gates::Gates,
    watched::Watched,
};

/// The seed of RFC 6238's vectors.
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A gateway and everything around it.
pub(crate) struct Rig {
    pub(crate) gateway: Arc<Watched>,
    pub(crate) home: Sqlite,
    pub(crate) ledger: Arc<Gates>,
    pub(crate) clock: SteppingClock,
    pub(crate) upstream: Arc<Double>,
    pub(crate) store: Arc<Memory>,
    pub(crate) folder: PathBuf,
    codes: Arc<AtomicU32>,
    canary: String,
    evidence: Evidence,
    /// Of the first process: dropped, it searches what all of them showed and wrote.
    _scene: Option<Scene>,
}

impl Rig {
    /// A home with the default policy, one account and a factor.
    pub(crate) async fn start() -> Self {
        let rig = Self::without_factor().await;
        assert!(rig.home.enrol(factor(), 0, recovery_hashes(0..500), None, rig.clock.now()).await.unwrap());
        rig
    }

    /// The same, before anybody can approve.
    pub(crate) async fn without_factor() -> Self {
        let scene = Scene::new();
        let (canary, evidence, folder) = (scene.canary().to_owned(), scene.evidence().clone(), scene.path().to_owned());
        evidence.keep_from(SEED);
        std::fs::create_dir(folder.join("run")).unwrap();
        let home = Sqlite::open(&folder.join("agentport.db"), Runner::start(&folder.join("run")).unwrap()).unwrap();
        let clock = SteppingClock::starting_at(BEGIN);
        let tools = CATALOG.tools().map(|tool| tool.policy_name()).collect();
        assert!(home.pin(Pinned { text: BUILT_IN.to_owned(), tools }, None, clock.now()).await.unwrap());
        let (upstream, store) = (Arc::new(Double::watched_by(&evidence)), Arc::<Memory>::default());
        store.put(&seed_name(&factor()), Secret::new(SEED.to_owned())).await.unwrap();
        let (gateway, ledger) = gateway(&folder, &home, &clock, &upstream, &store, Arc::clone(&CATALOG));
        let gateway = Arc::new(Watched { inner: gateway, evidence: evidence.clone() });
        let codes = Arc::default();
        let scene = Some(scene);
        let rig =
            Self { gateway, home, ledger, clock, upstream, store, folder, codes, canary, evidence, _scene: scene };
        rig.connect(conformance::account().as_ref().clone()).await;
        rig
    }

    /// Another process of the same home.
    pub(crate) fn another(&self) -> Self {
        self.another_version(Arc::clone(&CATALOG))
    }

    /// Another process, with other tools.
    pub(crate) fn another_version(&self, catalog: Arc<Catalog>) -> Self {
        let home = Sqlite::open(self.home.path(), Runner::start(&self.folder.join("run")).unwrap()).unwrap();
        let (gateway, ledger) = gateway(&self.folder, &home, &self.clock, &self.upstream, &self.store, catalog);
        Self {
            gateway: Arc::new(Watched { inner: gateway, evidence: self.evidence.clone() }),
            home,
            ledger,
            clock: self.clock.clone(),
            upstream: Arc::clone(&self.upstream),
            store: Arc::clone(&self.store),
            folder: self.folder.clone(),
            codes: Arc::clone(&self.codes),
            canary: self.canary.clone(),
            evidence: self.evidence.clone(),
            _scene: None,
        }
    }

    /// The credential of every account.
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.canary.clone())
    }

    /// Stores a secret for an account and lists it.
    pub(crate) async fn connect(&self, account: Account) {
        self.seal(&account).await;
        self.home.put_account(account, None, self.clock.now()).await.unwrap();
    }

    /// Stores a secret for an account, and nothing else.
    pub(crate) async fn seal(&self, account: &Account) {
        let sealed = seal(account, &CredentialScheme::Bearer, &self.secret()).unwrap();
        self.store.put(&account_secret_name(&account.integration, &account.name), sealed).await.unwrap();
    }

    /// Puts a policy in force.
    pub(crate) async fn apply(&self, text: &str) {
        let tools = CATALOG.tools().map(|tool| tool.policy_name()).collect();
        let pinned = Pinned { text: text.to_owned(), tools };
        let approver = conformance::human(Claim::Policy(pin_digest(&pinned).unwrap()), self.fresh());
        assert!(self.home.pin(pinned, Some(approver), self.clock.now()).await.unwrap());
    }

    /// What an agent gets.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.call_as("local", tool, arguments).await
    }

    /// What another agent gets.
    pub(crate) async fn call_as(&self, caller: &str, tool: &str, arguments: Value) -> Value {
        let caller = Caller::parse(caller).unwrap();
        let Value::Object(arguments) = arguments else { panic!("no object") };
        self.gateway.call(&caller, tool, arguments, CancellationToken::new()).await.to_json()
    }

    /// Asks for a refund, which waits; its id.
    pub(crate) async fn ask(&self, amount: u32) -> String {
        let answer = self.refund(amount).await;
        assert_eq!(answer["status"], "approval_required", "{answer}");
        answer["approval"]["id"].as_str().unwrap().to_owned()
    }

    /// Calls for a refund.
    pub(crate) async fn refund(&self, amount: u32) -> Value {
        self.call("stripe_create_refund", json!({"charge": "ch_1", "amount": amount})).await
    }

    /// What await says now.
    pub(crate) async fn fetch(&self, id: &str) -> Value {
        self.call("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0})).await
    }

    /// Approves with a fresh code.
    pub(crate) async fn approve(&self, id: &str) -> Result<Outcome, DecideError> {
        self.gateway.approve(id, &self.code()).await
    }

    /// A code that was not used yet.
    pub(crate) fn code(&self) -> Code {
        code(self.fresh())
    }

    pub(crate) fn fresh(&self) -> u32 {
        self.codes.fetch_add(1, Ordering::SeqCst)
    }

    /// How each line of the log stands: tool, status; oldest first.
    pub(crate) async fn log(&self) -> Vec<(String, String)> {
        let mut lines = self.home.lines(LineFilter::default()).await.unwrap();
        lines.reverse();
        lines.into_iter().filter(|line| line.kind == "call").map(|line| (line.tool, line.status)).collect()
    }

    /// Does the log hang together?
    pub(crate) async fn verified(&self) {
        let verified = self.home.verify().await.unwrap();
        assert!(verified.is_ok(), "{verified:?}");
    }
}

fn gateway(
    folder: &Path,
    home: &Sqlite,
    clock: &SteppingClock,
    upstream: &Arc<Double>,
    store: &Arc<Memory>,
    catalog: Arc<Catalog>,
) -> (Arc<Gateway>, Arc<Gates>) {
    let environment = Environment::of_home(folder);
    let place = Home::find(&environment).unwrap();
    let gates = Arc::new(Gates::open());
    let parts = Parts {
        snapshots: Snapshots::start(place, environment, home.clone(), catalog).unwrap(),
        ledger: Arc::new(Hooked { inner: home.clone(), hook: Arc::clone(&gates) as Arc<dyn Hook> }) as Arc<dyn Ledger>,
        home: home.clone(),
        secrets: Arc::clone(store) as Arc<dyn SecretStore>,
        credentials: Credentials::new(Arc::clone(store) as Arc<dyn SecretStore>),
        upstreams: Upstreams {
            http: Arc::clone(upstream) as Arc<dyn Upstream>,
            sql: Arc::clone(upstream) as Arc<dyn Upstream>,
        },
        notifiers: vec![Arc::clone(upstream) as Arc<dyn Notifier>],
        courier: Arc::new(Courier::new(
            home.clone(),
            Arc::clone(store) as Arc<dyn SecretStore>,
            Arc::new(clock.clone()),
        )),
    };
    let parts = Mutex::new(Some(parts));
    let opener = Box::new(move || Ok(parts.lock().unwrap().take()));
    (Gateway::new(opener, Arc::new(clock.clone())), gates)
}

/// The recovery code of a number.
pub(crate) fn code(number: u32) -> Code {
    Code::parse(&letters(number)).unwrap()
}

/// The six digits that the app shows now.
pub(crate) fn digits(now: Now) -> Code {
    let seed = Seed::from_secret(&Secret::new(SEED.to_owned())).unwrap();
    let all = (0..1_000_000).map(|number| format!("{number:06}"));
    let step = u64::try_from(now.wall / 30_000).unwrap();
    let shown = all.into_iter().find(|digits| seed.matching_step(digits, now) == Some(step)).unwrap();
    Code::parse(&shown).unwrap()
}

/// What came of a call, as the double answers.
pub(crate) fn done() -> Outcome {
    conformance::done("re_1")
}

/// The kind of a failure that nothing was recorded of.
pub(crate) fn kind(kind: FailureKind) -> Value {
    json!(kind.as_str())
}
