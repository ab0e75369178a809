//! A home on its way to another user. Root only starts the two sides: who has the home gives it, reading its secrets as who
//! it is; who gets it takes it, and makes files of its own. Between them is a pipe, and nothing is ever written down twice.
//!
//! Until the word comes that it was taken, the giver keeps all that it has and holds its agents' calls back.

use std::{
    fs::{self, File},
    io::{BufRead as _, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::taking;
use crate::{
    app::{App, AppError, keeping::secret_names},
    cli::{
        Exit, Failure, Out,
        host::{Host, HostFile, entry_in},
        prompt,
    },
    config::{StoreKind, user_home},
    files::{self, Lock},
    secret::{self, KeySource},
};

/// What `install` and `uninstall` start as the users whose homes they are.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Action {
    /// Say what there is to move
    Survey,
    /// Write the home to standard output, and let go of it once it is told that it was taken
    Give,
    /// Make a home of what comes on standard input
    Take(taking::Args),
    /// Have this home's gateway listen at the service's socket
    OpenSocket,
}

/// What comes before the secrets and the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) home_id: String,
    /// The last record's hash.
    pub(super) head: String,
    pub(super) settings: String,
    pub(super) policy: String,
    pub(super) grants: Option<String>,
    /// The user's own manifests, by file name.
    pub(super) tools: Vec<(String, String)>,
}

/// The word that it was taken.
pub(super) const TAKEN: &str = "taken";

/// What the giver says where it did not come.
pub(super) const NOT_TAKEN: &str = "the other side did not take the home";

pub(in crate::cli) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match action {
        Action::Survey => survey(app, out).await,
        Action::Give => give(app).await,
        Action::Take(args) => taking::run(app, out, &args).await,
        Action::OpenSocket => taking::open_socket(app, out),
    }
}

async fn survey(app: &App, out: &Out) -> Result<Exit, Failure> {
    let hosts: Vec<&str> = Host::ALL.into_iter().filter(|host| has_entry(*host)).map(Host::name).collect();
    let parts = match app.open() {
        Ok(parts) => parts,
        Err(AppError::NoHome(_)) => {
            out.value(&json!({"home": null, "hosts": hosts}));
            return Ok(Exit::Done);
        }
        Err(error) => return Err(error.into()),
    };
    let settings = parts.snapshots.current().map_err(|error| Failure::new(error.to_string()))?.settings.clone();
    let accounts = parts.home.accounts()?;
    let key_file = match (settings.store, &settings.key) {
        (StoreKind::Vault, KeySource::File(path)) => Some(path.display().to_string()),
        (StoreKind::Vault | StoreKind::Keyring, _) => None,
    };
    out.value(&json!({
        "home": parts.snapshots.home().path().display().to_string(),
        "accounts": accounts.iter().map(|account| format!("{}/{}", account.integration, account.name)).collect::<Vec<_>>(),
        "files": accounts.iter().filter_map(|account| account.origin.as_str().strip_prefix("sqlite://")).collect::<Vec<_>>(),
        "factors": parts.ledger.factors().await?.len(),
        "store": match settings.store { StoreKind::Vault => "vault", StoreKind::Keyring => "keyring" },
        "key_file": key_file,
        "hosts": hosts,
    }));
    Ok(Exit::Done)
}

fn has_entry(host: Host) -> bool {
    let Some(home) = user_home() else { return false };
    let file = HostFile::read(&host.config(&home)).ok();
    file.as_ref().and_then(HostFile::text).is_some_and(|text| entry_in(host, text).is_some())
}

async fn give(app: &App) -> Result<Exit, Failure> {
    if !is_between_roots_pipes() {
        return Err(Failure::new("this hands every secret over, and is for `agentport install` and `uninstall` alone"));
    }
    let parts = app.open()?;
    let home = parts.snapshots.home().clone();
    // as a gateway would: whoever hosts the site of this home stops, and its address is free for the other side
    let alone = Lock::try_exclusive(&home.gateway_lock())?;
    let Some(_alone) = alone else {
        return Err(Failure::new("a gateway serves this home").hint("stop `agentport serve`, then try again"));
    };
    let _own = parts.own_secrets().await?;
    let snapshot = parts.snapshots.current().map_err(|error| Failure::new(error.to_string()))?;
    let names = secret_names(&parts, &parts.ledger.factors().await?, &snapshot)?;
    // a keyring may ask to be unlocked; nobody is held back meanwhile
    for name in &names {
        drop(parts.secrets.get(name).await?);
    }
    let still = parts.home.stand_still()?;
    let verified = parts.home.verify().await?;
    let head = verified.map_err(|bad| Failure::new(format!("the log is not in order: {bad}; nothing was moved")))?.head;
    let header = Header {
        home_id: parts.home.home_id().to_owned(),
        head,
        settings: files::read_guarded(&home.settings())?.unwrap_or_default(),
        policy: files::read_guarded(&home.policy())?.unwrap_or_default(),
        grants: files::read_guarded(&home.grants())?,
        tools: manifests(&home.tools())?,
    };
    let copy = home.path().join("handed-over.db");
    drop(fs::remove_file(&copy));
    files::create_private(&copy)?;
    let sent = async {
        still.copy_to(&copy)?;
        let mut to = std::io::stdout();
        writeln!(to, "{}", serde_json::to_string(&header)?)?;
        secret::give(&*parts.secrets, &names, &mut to).await?;
        let mut ledger = File::open(&copy)?;
        writeln!(to, "{}", ledger.metadata()?.len())?;
        std::io::copy(&mut ledger, &mut to)?;
        to.flush()?;
        Ok::<(), Failure>(())
    };
    let sent = sent.await;
    drop(fs::remove_file(&copy));
    sent?;
    if prompt::line().ok().as_deref() != Some(TAKEN) {
        return Err(Failure::new(format!("{NOT_TAKEN}; here all is as it was")));
    }
    let key = parts.snapshots.current().ok().map(|snapshot| snapshot.settings.key.clone());
    for name in &names {
        parts.secrets.delete(name).await?;
    }
    still.give_up()?;
    fs::remove_dir_all(home.path())?;
    if let Some(KeySource::File(path)) = key {
        drop(fs::remove_file(path));
    }
    // standard output was for the other side
    Ok(Exit::Done)
}

/// A pipe belongs to who made it. No agent that may run our commands, and little else, has two of root's.
fn is_between_roots_pipes() -> bool {
    let is_roots = |found: rustix::io::Result<rustix::fs::Stat>| {
        found.is_ok_and(|found| found.st_uid == 0 && rustix::fs::FileType::from_raw_mode(found.st_mode).is_fifo())
    };
    !rustix::process::geteuid().is_root()
        && is_roots(rustix::fs::fstat(std::io::stdin()))
        && is_roots(rustix::fs::fstat(std::io::stdout()))
}

fn manifests(folder: &Path) -> Result<Vec<(String, String)>, Failure> {
    let names = files::list_guarded(folder)?.unwrap_or_default();
    let is_manifest = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "toml");
    let names = names.into_iter().filter_map(|name| name.into_string().ok()).filter(is_manifest);
    let mut manifests = Vec::new();
    for name in names {
        if let Some(text) = files::read_guarded(&folder.join(&name))? {
            manifests.push((name, text));
        }
    }
    Ok(manifests)
}

/// The first line of what [`Action::Give`] writes.
pub(super) fn header(from: &mut impl std::io::BufRead) -> Result<Header, Failure> {
    const LONGEST: u64 = 256 * 1024 * 1024;
    let mut line = Vec::new();
    std::io::Read::take(from, LONGEST).read_until(b'\n', &mut line)?;
    serde_json::from_slice(&line).map_err(|_| Failure::new("what came is no home"))
}
