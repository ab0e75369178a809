//! What a call is judged by, read together: settings, catalog, policy, accounts, and where the site is.
//!
//! Looked at again at every call and once a second by the watcher. The bytes decide, not a time stamp: what is the same
//! as before is not compiled again.

mod manifests;

use std::sync::{Arc, Mutex, PoisonError};

pub use self::manifests::Manifests;
use crate::{
    account::Account,
    call::Caller,
    catalog::Catalog,
    config::{Environment, Home, Settings},
    diagnostic::{Diagnostic, Source},
    files,
    ledger::{Agent, Grant, LedgerError, Sqlite},
    policy::{Pinned, Policy, SystemPolicy, grants_text},
    trust::Trust,
    visible::visible,
};

/// One consistent view; calls that began with it end with it.
#[derive(Debug)]
pub struct Snapshot {
    /// `agentport.toml`; the last one that was valid.
    pub settings: Arc<Settings>,
    /// Everything that can be called.
    pub catalog: Arc<Catalog>,
    /// Pinned, edited and built-in.
    pub policy: Arc<Policy>,
    /// What root says on this computer; it judges as a part of `policy`.
    pub system_policy: SystemPolicy,
    /// The accounts, by integration and name.
    pub accounts: Vec<Arc<Account>>,
    /// The agents that were let in over a gateway.
    pub agents: Vec<Agent>,
    /// What people granted, as far as its tool and account are what they were.
    pub grants: Vec<Grant>,
    /// What links begin with; `None` while the site cannot be reached by a link.
    pub site: Option<String>,
    /// What is wrong with the files now. The last good ones are in force.
    pub problems: Vec<Diagnostic>,
    /// What is wrong with the user's own manifests. Those that have problems are left out.
    pub manifest_problems: Vec<Diagnostic>,
    /// Has `policy.toml` text that was not applied?
    pub unapplied: bool,
}

impl Snapshot {
    /// The address of a page of the site, where it has one by now.
    pub fn page(&self, path: &str) -> Option<String> {
        self.site.as_ref().map(|site| format!("{site}{path}"))
    }

    /// The account of this name.
    pub fn account(&self, integration: &str, name: &str) -> Option<&Arc<Account>> {
        self.accounts.iter().find(|account| account.integration == integration && account.name == name)
    }

    /// The accounts of an integration.
    pub fn accounts_of(&self, integration: &str) -> Vec<Arc<Account>> {
        self.accounts.iter().filter(|account| account.integration == integration).cloned().collect()
    }

    /// The name of a tool as policies and the log have it; one that there is not, as it was written.
    pub fn policy_name(&self, name: &str) -> String {
        self.catalog.find(name).map_or_else(|| name.to_owned(), |tool| tool.policy_name())
    }

    /// May this caller call anything of the integration? Only agents that were let in for some of them may not; whatever
    /// channel they come by.
    pub fn reaches(&self, caller: &Caller, integration: &str) -> bool {
        self.agents.iter().filter(|agent| agent.name == *caller).all(|agent| agent.reach.includes(integration))
    }
}

/// Keeps the newest snapshot.
#[derive(Debug)]
pub struct Snapshots {
    home: Home,
    environment: Environment,
    ledger: Sqlite,
    /// What is built in.
    catalog: Arc<Catalog>,
    /// What `[trust]` says now.
    trust: Trust,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seen: Seen,
    whole: Whole,
    current: Arc<Snapshot>,
}

/// Built-in and the user's own.
#[derive(Debug, Clone)]
struct Whole {
    catalog: Arc<Catalog>,
    problems: Vec<Diagnostic>,
}

/// What the current snapshot was made from.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    settings: Result<Option<String>, String>,
    policy: Result<Option<String>, String>,
    system_policy: Option<(String, Result<Option<String>, String>)>,
    pinned: Option<Pinned>,
    accounts: Vec<Account>,
    agents: Vec<Agent>,
    grants: Vec<Grant>,
    site: Option<String>,
    manifests: Manifests,
}

impl Snapshots {
    /// Reads everything once.
    ///
    /// # Errors
    /// The ledger cannot be read, or there are no valid settings to begin with.
    pub fn start(
        home: Home,
        environment: Environment,
        ledger: Sqlite,
        catalog: Arc<Catalog>,
    ) -> Result<Self, SnapshotError> {
        let seen = look(&home, &environment, &ledger)?;
        let settings = match &seen.settings {
            Ok(text) => Settings::parse(text.as_deref().unwrap_or(""), &environment)
                .map_err(|problems| SnapshotError::Settings(problems.to_string()))?,
            Err(reason) => return Err(SnapshotError::Settings(reason.clone())),
        };
        let whole = Whole::of(&catalog, &seen.manifests);
        let trust = Trust::default();
        trust.set(&settings.trust);
        let current = Arc::new(build(&seen, Arc::new(settings), &whole, Vec::new())?);
        Ok(Self { home, environment, ledger, catalog, trust, state: Mutex::new(State { seen, whole, current }) })
    }

    /// The newest snapshot. A file that became unreadable or invalid leaves the last good one in force.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn current(&self) -> Result<Arc<Snapshot>, SnapshotError> {
        let seen = look(&self.home, &self.environment, &self.ledger)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.seen != seen {
            let mut problems = Vec::new();
            let current = &state.current.settings;
            let settings = match &seen.settings {
                Ok(text) => Settings::parse(text.as_deref().unwrap_or(""), &self.environment).map_or_else(
                    |found| {
                        problems.extend(found.0);
                        Arc::clone(current)
                    },
                    Arc::new,
                ),
                Err(reason) => {
                    problems.extend(unreadable("agentport.toml", reason));
                    Arc::clone(current)
                }
            };
            if state.seen.manifests != seen.manifests {
                state.whole = Whole::of(&self.catalog, &seen.manifests);
            }
            self.trust.set(&settings.trust);
            state.current = Arc::new(build(&seen, settings, &state.whole, problems)?);
            state.seen = seen;
        }
        Ok(Arc::clone(&state.current))
    }

    /// Who is believed, as the settings have it at each time.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The home that is read.
    pub fn home(&self) -> &Home {
        &self.home
    }
}

/// Why there is nothing to judge by.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// `agentport.toml` is not valid.
    #[error("{0}")]
    Settings(String),
    /// No policy was ever pinned: `init` did not end.
    #[error("no policy is in force in this home; its set-up was not finished")]
    NoPolicy,
}

impl Whole {
    /// Says in the log what was left out, once for each state of the files.
    fn of(built_in: &Arc<Catalog>, manifests: &Manifests) -> Self {
        if manifests.is_empty() {
            return Self { catalog: Arc::clone(built_in), problems: Vec::new() };
        }
        let (catalog, problems) = manifests.beside(built_in);
        for problem in &problems {
            let place = match problem.line() {
                0 => problem.file.clone(),
                line => format!("{}:{line}", problem.file),
            };
            tracing::warn!("{}: {}; the file is left out", visible(&place), visible(&problem.message));
        }
        Self { catalog: Arc::new(catalog), problems }
    }
}

fn look(home: &Home, environment: &Environment, ledger: &Sqlite) -> Result<Seen, SnapshotError> {
    let read = |path: &std::path::Path| files::read_guarded(path).map_err(|error| error.to_string());
    let of_root = |path: &std::path::Path| {
        (path.display().to_string(), files::read_of_root(path).map_err(|error| error.to_string()))
    };
    Ok(Seen {
        settings: read(&home.settings()),
        policy: read(&home.policy()),
        system_policy: environment.system_policy().map(of_root),
        pinned: ledger.pinned()?,
        accounts: ledger.accounts()?,
        agents: ledger.agents()?,
        grants: ledger.grants()?,
        site: ledger.meta("site")?,
        manifests: Manifests::read(&home.tools()),
    })
}

fn build(
    seen: &Seen,
    settings: Arc<Settings>,
    Whole { catalog, problems: manifest_problems }: &Whole,
    mut problems: Vec<Diagnostic>,
) -> Result<Snapshot, SnapshotError> {
    let pinned = seen.pinned.as_ref().ok_or(SnapshotError::NoPolicy)?;
    let edited = match &seen.policy {
        Ok(text) => text.as_deref().filter(|text| *text != pinned.text),
        Err(_) => None,
    };
    let (policy, found) = Policy::new(catalog, pinned, edited);
    problems.extend(found);
    let (system_policy, found) = match &seen.system_policy {
        Some((file, read)) => {
            SystemPolicy::new(file, read.as_ref().map(Option::as_deref).map_err(String::as_str), catalog)
        }
        None => (SystemPolicy::default(), Vec::new()),
    };
    problems.extend(found);
    let policy = policy.under(&system_policy);
    let grants: Vec<Grant> =
        seen.grants.iter().filter(|grant| stands(grant, catalog, &seen.accounts)).cloned().collect();
    let policy = if grants.is_empty() {
        policy
    } else {
        policy.granting(&grants_text(grants.iter().map(|grant| grant.text.as_str())))
    };
    for (name, read) in [("agentport.toml", &seen.settings), ("policy.toml", &seen.policy)] {
        if let Err(reason) = read {
            let mut source = Source::new(name, "");
            source.problem_of_file(
                format!("it cannot be used: {reason}"),
                Some("what was in force before stays".to_owned()),
            );
            problems.extend(source.into_problems());
        }
    }
    let site = match seen.site.as_deref() {
        Some("") => None,
        Some(url) => Some(url.to_owned()),
        None => Some(settings.public_url.clone()),
    };
    Ok(Snapshot {
        settings,
        catalog: Arc::clone(catalog),
        policy: Arc::new(policy),
        system_policy,
        accounts: seen.accounts.iter().cloned().map(Arc::new).collect(),
        agents: seen.agents.clone(),
        grants,
        site,
        problems,
        manifest_problems: manifest_problems.clone(),
        unapplied: edited.is_some(),
    })
}

/// Are tool and account still those that it was given for?
fn stands(grant: &Grant, catalog: &Catalog, accounts: &[Account]) -> bool {
    let tool = catalog.find(&grant.tool).is_some_and(|tool| grant.definition == tool.definition().into());
    let same = |account: &Account| account.id == grant.account_id && account.origin.to_string() == grant.origin;
    tool && accounts.iter().any(same)
}

fn unreadable(file: &str, reason: &str) -> Vec<Diagnostic> {
    let mut source = Source::new(file, "");
    source.problem_of_file(reason, None);
    source.into_problems()
}
