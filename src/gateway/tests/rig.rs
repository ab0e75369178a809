//! A home in a folder, and gateways on it as processes have them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    approval::{Claim, Code, Purpose, Seed},
    call::Caller,
    catalog::{Catalog, CredentialScheme},
    clock::{Clock as _, Now, SteppingClock},
    config::{Environment, Home},
    gateway::{DecideError, Gateway, Parts, seed_name},
    ledger::{
        Admission, Admit, Answer, Approval, Attempt, CancelledBy, Decided, Factor, FailureKind, Ledger, LedgerError,
        LineFilter, Outcome, Permit, Refusal, Runner, Sqlite,
        conformance::{self, BEGIN, CATALOG, factor, letters, recovery_hashes},
        sqlite::pin_digest,
    },
    notify::Notifier,
    policy::{BUILT_IN, Evaluation, Pinned},
    secret::{Secret, SecretStore, StoreError},
    snapshot::Snapshots,
    upstream::{Credential, Credentials, Upstream, Upstreams, account_secret_name, seal},
};

/// The seed of RFC 6238's vectors.
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A gateway and everything around it.
pub(crate) struct Rig {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) home: Sqlite,
    pub(crate) ledger: Arc<Gated>,
    pub(crate) clock: SteppingClock,
    pub(crate) upstream: Arc<Double>,
    pub(crate) store: Arc<Memory>,
    pub(crate) folder: Arc<TempDir>,
    codes: Arc<AtomicU32>,
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
        let folder = Arc::new(TempDir::new().unwrap());
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let (clock, upstream, store) = (SteppingClock::starting_at(BEGIN), Arc::default(), Arc::<Memory>::default());
        let home =
            Sqlite::open(&folder.path().join("agentport.db"), Runner::start(&folder.path().join("run")).unwrap());
        let home = home.unwrap();
        let tools = CATALOG.tools().map(|tool| tool.policy_name()).collect();
        assert!(home.pin(Pinned { text: BUILT_IN.to_owned(), tools }, None, clock.now()).await.unwrap());
        store.put(&seed_name(&factor()), Secret::new(SEED.to_owned())).await.unwrap();
        let rig = Self::over(folder, home, clock, upstream, store, Arc::default(), Arc::clone(&CATALOG));
        rig.connect(conformance::account().as_ref().clone()).await;
        rig
    }

    /// Another process of the same home.
    pub(crate) fn another(&self) -> Self {
        self.another_version(Arc::clone(&CATALOG))
    }

    /// Another process, with other tools.
    pub(crate) fn another_version(&self, catalog: Arc<Catalog>) -> Self {
        let run = self.folder.path().join("run");
        let home = Sqlite::open(self.home.path(), Runner::start(&run).unwrap()).unwrap();
        let (clock, upstream, store) = (self.clock.clone(), Arc::clone(&self.upstream), Arc::clone(&self.store));
        Self::over(Arc::clone(&self.folder), home, clock, upstream, store, Arc::clone(&self.codes), catalog)
    }

    fn over(
        folder: Arc<TempDir>,
        home: Sqlite,
        clock: SteppingClock,
        upstream: Arc<Double>,
        store: Arc<Memory>,
        codes: Arc<AtomicU32>,
        catalog: Arc<Catalog>,
    ) -> Self {
        let environment = Environment::of_home(folder.path());
        let place = Home::find(&environment).unwrap();
        let ledger = Arc::new(Gated::over(home.clone()));
        let parts = Parts {
            snapshots: Snapshots::start(place, environment, home.clone(), catalog).unwrap(),
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            home: home.clone(),
            secrets: Arc::clone(&store) as Arc<dyn SecretStore>,
            credentials: Credentials::new(Arc::clone(&store) as Arc<dyn SecretStore>),
            upstreams: Upstreams { http: Arc::clone(&upstream) as Arc<dyn Upstream> },
            notifiers: vec![Arc::clone(&upstream) as Arc<dyn Notifier>],
        };
        let parts = Mutex::new(Some(parts));
        let opener = Box::new(move || Ok(parts.lock().unwrap().take()));
        let gateway = Gateway::new(opener, Arc::new(clock.clone()));
        Self { gateway, home, ledger, clock, upstream, store, folder, codes }
    }

    /// Stores a secret for an account and lists it.
    pub(crate) async fn connect(&self, account: Account) {
        self.seal(&account).await;
        self.home.put_account(account, self.clock.now()).await.unwrap();
    }

    /// Stores a secret for an account, and nothing else.
    pub(crate) async fn seal(&self, account: &Account) {
        let sealed = seal(account, &CredentialScheme::Bearer, &Secret::new("sk_test_1".to_owned())).unwrap();
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

    fn fresh(&self) -> u32 {
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

/// How the double takes a request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    Answer(Outcome),
    /// Until it is released.
    Hang,
    Panic,
}

/// An upstream that does as it is told and remembers what it was sent; also who is told that something waits.
#[derive(Debug)]
pub(crate) struct Double {
    pub(crate) sent: Mutex<Vec<Sent>>,
    next: Mutex<VecDeque<Behaviour>>,
    pub(crate) arrived: Semaphore,
    pub(crate) release: Notify,
    pub(crate) told: AtomicU32,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) tool: String,
    pub(crate) digest: String,
    pub(crate) idempotency_key: String,
}

impl Default for Double {
    fn default() -> Self {
        Self {
            sent: Mutex::default(),
            next: Mutex::default(),
            arrived: Semaphore::new(0),
            release: Notify::new(),
            told: AtomicU32::new(0),
        }
    }
}

impl Double {
    /// What it does with the next request; after them it answers.
    pub(crate) fn then(&self, behaviour: Behaviour) {
        self.next.lock().unwrap().push_back(behaviour);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// How many requests arrived.
    pub(crate) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Waits until one more request has arrived.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Upstream for Double {
    async fn send(&self, permit: &Permit, credential: Credential) -> Outcome {
        assert_eq!(credential.origin(), permit.plan().origin());
        self.sent.lock().unwrap().push(Sent {
            tool: permit.plan().tool(),
            digest: permit.plan().digest().to_string(),
            idempotency_key: permit.idempotency_key().to_owned(),
        });
        self.arrived.add_permits(1);
        let behaviour = self.next.lock().unwrap().pop_front();
        match behaviour.unwrap_or_else(|| Behaviour::Answer(done())) {
            Behaviour::Answer(outcome) => outcome,
            Behaviour::Hang => {
                self.release.notified().await;
                done()
            }
            Behaviour::Panic => panic!("the upstream fell over"),
        }
    }
}

impl Notifier for Double {
    fn waiting(&self, _approval: &Approval, _url: Option<&str>) {
        self.told.fetch_add(1, Ordering::SeqCst);
    }
}

/// A secret store in memory, which can be locked.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    secrets: Mutex<BTreeMap<String, String>>,
    pub(crate) locked: AtomicBool,
}

#[async_trait]
impl SecretStore for Memory {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        if self.locked.load(Ordering::SeqCst) {
            return Err(StoreError::Locked("the keyring is locked".to_owned()));
        }
        Ok(self.secrets.lock().unwrap().get(name).cloned().map(Secret::new))
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        self.secrets.lock().unwrap().insert(name.to_owned(), secret.expose().to_owned());
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.secrets.lock().unwrap().remove(name);
        Ok(())
    }
}

/// The ledger, with gates: what was committed can be held back before it is known, and a disk can be full.
#[derive(Debug)]
pub(crate) struct Gated {
    inner: Sqlite,
    /// `admit` and `decide` are committed and do not return until this has a permit.
    pub(crate) hold: AtomicBool,
    pub(crate) held: Semaphore,
    pub(crate) go_on: Semaphore,
    /// Which methods fail.
    pub(crate) broken: Mutex<Vec<&'static str>>,
}

impl Gated {
    fn over(inner: Sqlite) -> Self {
        let (held, go_on) = (Semaphore::new(0), Semaphore::new(0));
        Self { inner, hold: AtomicBool::new(false), held, go_on, broken: Mutex::default() }
    }

    async fn gate(&self) {
        if self.hold.load(Ordering::SeqCst) {
            self.held.add_permits(1);
            self.go_on.acquire().await.unwrap().forget();
        }
    }

    fn sound(&self, method: &str) -> Result<(), LedgerError> {
        let broken = self.broken.lock().unwrap().contains(&method);
        if broken { Err(LedgerError::Corrupt(format!("`{method}` was told to fail"))) } else { Ok(()) }
    }
}

#[async_trait]
impl Ledger for Gated {
    async fn admit(&self, admit: Admit, now: Now) -> Result<Admission, LedgerError> {
        self.sound("admit")?;
        let admission = self.inner.admit(admit, now).await;
        self.gate().await;
        admission
    }

    async fn decide(&self, id: &str, answer: Answer, judged: &Evaluation, now: Now) -> Result<Decided, LedgerError> {
        self.sound("decide")?;
        let decided = self.inner.decide(id, answer, judged, now).await;
        self.gate().await;
        decided
    }

    async fn settle(&self, record: &str, outcome: &Outcome, now: Now) -> Result<bool, LedgerError> {
        self.sound("settle")?;
        self.inner.settle(record, outcome, now).await
    }

    async fn cancel(&self, approval: &str, by: CancelledBy, now: Now) -> Result<bool, LedgerError> {
        self.sound("cancel")?;
        self.inner.cancel(approval, by, now).await
    }

    async fn deny_by_policy(&self, approval: &str, judged: &Evaluation, now: Now) -> Result<bool, LedgerError> {
        self.sound("deny_by_policy")?;
        self.inner.deny_by_policy(approval, judged, now).await
    }

    async fn reopen(&self, approval: &str, now: Now) -> Result<bool, LedgerError> {
        self.inner.reopen(approval, now).await
    }

    async fn refuse(&self, refusal: Refusal, now: Now) -> Result<(), LedgerError> {
        self.sound("refuse")?;
        self.inner.refuse(refusal, now).await
    }

    async fn approval(&self, id: &str) -> Result<Option<Approval>, LedgerError> {
        self.sound("approval")?;
        self.inner.approval(id).await
    }

    async fn open_approvals(&self, caller: Option<&Caller>) -> Result<Vec<Approval>, LedgerError> {
        self.inner.open_approvals(caller).await
    }

    async fn recent_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.inner.recent_approvals(limit).await
    }

    async fn awaited(&self, approval: &str) -> Result<u32, LedgerError> {
        self.inner.awaited(approval).await
    }

    async fn deliver(&self, approval: &str) -> Result<(), LedgerError> {
        self.inner.deliver(approval).await
    }

    async fn last_ran(&self, approval: &str) -> Result<Option<i64>, LedgerError> {
        self.inner.last_ran(approval).await
    }

    async fn sweep(&self, now: Now) -> Result<(), LedgerError> {
        self.sound("sweep")?;
        self.inner.sweep(now).await
    }

    async fn factors(&self) -> Result<Vec<Factor>, LedgerError> {
        self.sound("factors")?;
        self.inner.factors().await
    }

    async fn begin_attempt(&self, purpose: Purpose, now: Now) -> Result<Attempt, LedgerError> {
        self.sound("begin_attempt")?;
        self.inner.begin_attempt(purpose, now).await
    }

    async fn forgive_attempt(&self, purpose: Purpose) -> Result<(), LedgerError> {
        self.inner.forgive_attempt(purpose).await
    }
}

/// The kind of a failure that nothing was recorded of.
pub(crate) fn kind(kind: FailureKind) -> Value {
    json!(kind.as_str())
}
