//! Several processes on one home: a home that a test makes, a service that remembers what it was sent, and children of
//! this very binary, each with a gateway of its own that does what its standard input says.

#![expect(clippy::disallowed_methods, reason = "children are processes, told what to do by their environment")]

mod child;
mod service;

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

use self::{
    child::{HOME, KEY, ORIGIN, Place, Stop},
    service::Service,
};
use crate::harness::{Evidence, Hook, Hooked, Memory, Ran, Scene, keep_vault_key, log_to};

/// When the stepped clocks begin.
pub(crate) const BEGIN: Millis = 1_800_000_000_000;

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
            .args(["--exact", "processes::child::does_as_told", "--nocapture"])
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

/// A clock of the machine, for what runs beside the real program.
pub(crate) fn real_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}
