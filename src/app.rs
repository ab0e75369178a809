//! The composition root: the only place that names every concrete type.

pub mod keeping;
mod store;

use std::{path::Path, sync::Arc};

use self::store::StoreInForce;
use crate::{
    catalog::Catalog,
    clock::{Clock, SystemClock},
    config::{Environment, Home, HomeError, Settings, StoreKind},
    diagnostic::Diagnostics,
    files,
    gateway::{Gateway, Parts},
    ledger::{LedgerError, Runner, Sqlite},
    notify::{Courier, LogNotifier},
    policy::{self, Known, Pinned},
    secret::{Keyring, SecretStore, StoreError, Vault},
    snapshot::{Manifests, SnapshotError, Snapshots},
    upstream::{
        Credentials, Rest, Sql, Upstreams,
        http::{Http, Limits},
        oauth::OAuth,
    },
};

/// The program: its environment, its clock, its catalog.
#[derive(Debug, Clone)]
pub struct App {
    environment: Environment,
    clock: Arc<dyn Clock>,
}

/// Why the program cannot go on. For the person at the terminal.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum AppError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Catalog(#[from] Diagnostics),
    #[error("there is no home at {0}; run `agentport init`")]
    NoHome(String),
    #[error("there is a home at {0} already; nothing was changed")]
    HomeExists(String),
    #[error("{0} is not empty and no home; nothing was changed")]
    NotEmpty(String),
    #[error("`{0}` is no backup that can be used: {1}")]
    NoBackup(String, String),
    #[error("the home could not be put at {0}: {1}; nothing was changed")]
    NotPlaced(String, String),
    #[error("there is no preset `{0}`; the presets are {1}")]
    NoPreset(String, String),
}

impl App {
    /// A program on the machine's clock.
    pub fn new(environment: Environment) -> Self {
        Self::with_clock(environment, Arc::new(SystemClock::default()))
    }

    /// A program on another clock, for tests that step it.
    pub fn with_clock(environment: Environment, clock: Arc<dyn Clock>) -> Self {
        Self { environment, clock }
    }

    /// The variables that it was started with.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Its clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Where its home is, or would be.
    ///
    /// # Errors
    /// There is no place for one.
    pub fn home(&self) -> Result<Home, HomeError> {
        Home::find(&self.environment)
    }

    /// The gateway over the home, which is opened when it is first needed and there.
    pub fn gateway(&self) -> Arc<Gateway> {
        let app = self.clone();
        let opener = move || match app.open() {
            Ok(parts) => Ok(Some(parts)),
            Err(AppError::NoHome(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        Gateway::new(Box::new(opener), Arc::clone(&self.clock))
    }

    /// Opens the home and everything that acts on it.
    ///
    /// # Errors
    /// There is none, or it is not as it should be.
    pub fn open(&self) -> Result<Parts, AppError> {
        let home = self.home()?;
        if !home.database().exists() {
            return Err(AppError::NoHome(home.path().display().to_string()));
        }
        let ledger = open_ledger(&home)?;
        let catalog = Arc::new(Catalog::built_in());
        let snapshots = Snapshots::start(home.clone(), self.environment.clone(), ledger.clone(), catalog)?;
        let settings = Arc::clone(&snapshots.current()?.settings);
        let secrets: Arc<dyn SecretStore> =
            Arc::new(StoreInForce::new(&home, &self.environment, &settings, ledger.home_id()));
        let trust = snapshots.trust().clone();
        let oauth = OAuth::new(Arc::new(ledger.clone()), Arc::clone(&secrets), Arc::clone(&self.clock), home.run())
            .trusting(trust.clone());
        let courier =
            Courier::new(ledger.clone(), Arc::clone(&secrets), Arc::clone(&self.clock)).trusting(trust.clone());
        let http = Http::new(Limits::DEFAULT).trusting(trust.clone());
        Ok(Parts {
            snapshots,
            ledger: Arc::new(ledger.clone()),
            home: ledger,
            credentials: Credentials::new(Arc::clone(&secrets)).renewing(Arc::new(oauth)),
            secrets,
            upstreams: Upstreams { http: Arc::new(Rest::new(http)), sql: Arc::new(Sql::new(trust)) },
            notifiers: vec![Arc::new(LogNotifier)],
            courier: Arc::new(courier),
        })
    }

    /// Makes a home: folders, settings, a preset as policy, pinned; the store probed. An empty folder will do, and so will
    /// one with nothing but the user's own manifests in `tools/`, which are then pinned too. All of it or nothing.
    ///
    /// # Errors
    /// There is a home already, or something cannot be made; then nothing is left behind.
    pub async fn init(&self, store: StoreKind, preset: &str) -> Result<Home, AppError> {
        let home = self.home()?;
        if home.database().exists() {
            return Err(AppError::HomeExists(home.path().display().to_string()));
        }
        let text =
            policy::presets().into_iter().find(|(name, _)| *name == preset).map(|(_, text)| text).ok_or_else(|| {
                let names: Vec<String> = policy::presets().iter().map(|(name, _)| format!("`{name}`")).collect();
                AppError::NoPreset(preset.to_owned(), names.join(", "))
            })?;
        let (existed, had_tools) = (home.path().exists(), home.tools().exists());
        // what somebody else put there is neither written over nor cleared away
        let foreign =
            |entry: std::io::Result<std::fs::DirEntry>| entry.map_or(true, |entry| entry.path() != home.tools());
        if existed && std::fs::read_dir(home.path()).is_ok_and(|mut entries| entries.any(foreign)) {
            return Err(AppError::NotEmpty(home.path().display().to_string()));
        }
        let result = self.fill(&home, store, text).await;
        if result.is_err() {
            discard(&home, existed, had_tools);
        }
        result.map(|()| home)
    }

    async fn fill(&self, home: &Home, store: StoreKind, policy_text: &str) -> Result<(), AppError> {
        files::ensure_private_dir(home.path())?;
        files::check_ancestors(home.path())?;
        files::ensure_private_dir(&home.run())?;
        files::ensure_private_dir(&home.tools())?;
        let settings_text = Settings::template(store);
        files::replace_private(&home.settings(), settings_text.as_bytes())?;
        files::replace_private(&home.policy(), policy_text.as_bytes())?;
        let settings = Settings::parse(&settings_text, &self.environment)?;
        // what is there at the time is what the owner knows of
        let (catalog, problems) = Manifests::read(&home.tools()).beside(&Catalog::built_in());
        if !problems.is_empty() {
            return Err(Diagnostics(problems).into());
        }
        let ledger = open_ledger(home)?;
        match store {
            StoreKind::Keyring => Keyring::new(ledger.home_id()).probe().await?,
            StoreKind::Vault => drop(Vault::create_key(settings.key.path())?),
        }
        let pinned = Pinned { text: policy_text.to_owned(), tools: Known::of(&catalog) };
        ledger.pin(pinned, None, self.clock.now()).await?;
        Ok(())
    }
}

fn open_ledger(home: &Home) -> Result<Sqlite, AppError> {
    files::ensure_private_dir(home.path())?;
    files::check_ancestors(home.path())?;
    files::ensure_private_dir(&home.run())?;
    let runner = Runner::start(&home.run())?;
    Ok(Sqlite::open(&home.database(), runner)?)
}

/// Takes back what a failed `init` made.
fn discard(home: &Home, existed: bool, had_tools: bool) {
    let remove = |path: &Path| drop(std::fs::remove_file(path));
    remove(&home.settings());
    remove(&home.policy());
    let database = home.database();
    for suffix in ["", "-wal", "-shm"] {
        let mut name = database.clone().into_os_string();
        name.push(suffix);
        remove(Path::new(&name));
    }
    drop(std::fs::remove_dir_all(home.run()));
    if !had_tools {
        drop(std::fs::remove_dir(home.tools()));
    }
    if !existed {
        drop(std::fs::remove_dir(home.path()));
    }
}
