//! A home as a whole: into a backup, out of one, from store to store, and gone.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{App, AppError, open_ledger, store::store};
use crate::{
    canonical,
    config::{Home, Settings, StoreKind},
    files::{self, FileError, Lock},
    gateway::{Parts, seed_name},
    ledger::{
        LedgerError, Sqlite,
        sqlite::{KeptFile, Voided},
    },
    secret::{KeySource, Keyring, Opening, Parcel, SecretStore, StoreError, Vault},
    snapshot::Snapshot,
    upstream::{account_secret_names, channel_secret_name},
};

/// The sealed secrets' name in a backup.
const SECRETS: &str = "secrets.age";

/// A backup that was looked through and lies ready beside the home. Dropped, it goes.
#[derive(Debug)]
pub struct Staged {
    app: App,
    home: Home,
    sealed: Option<Vec<u8>>,
    parcel: Option<Parcel>,
    /// How many records its log has; they were verified.
    pub records: u64,
    /// The last one's hash.
    pub head: String,
}

/// The home in whose place a backup comes.
#[derive(Debug, Default)]
pub struct Replaced {
    /// Its id, where it could be read.
    pub home_id: Option<String>,
    /// The last hash of its log, where that could be read.
    pub head: Option<String>,
}

/// A home that came out of a backup.
#[derive(Debug)]
pub struct Restored {
    /// What of it counts no more.
    pub voided: Voided,
    /// How many secrets went into its store; `None` where the backup has some and nothing opened them.
    pub secrets: Option<usize>,
    /// Where the home is that was in its place.
    pub aside: Option<PathBuf>,
}

/// The names of the secrets that a home may have.
pub fn secret_names(
    parts: &Parts,
    factors: &[crate::ledger::Factor],
    snapshot: &Snapshot,
) -> Result<Vec<String>, LedgerError> {
    let accounts = parts.home.accounts()?;
    let accounts = accounts.iter().flat_map(|account| account_secret_names(&account.integration, &account.name));
    let factors = factors.iter().map(|factor| seed_name(&factor.id));
    let channels = snapshot.settings.notify.iter().map(|channel| channel_secret_name(&channel.name));
    let mut names: Vec<String> = accounts.chain(factors).chain(channels).collect();
    // what was being stored when its process ended
    let noted = parts.home.noted_secrets()?.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>();
    names.extend(noted);
    Ok(names)
}

/// Does any process of the home run? Its files must not be taken from under it.
pub fn is_used(home: &Home) -> Result<bool, FileError> {
    let runners = fs::read_dir(home.run()).into_iter().flatten().flatten();
    let runners = runners.filter(|entry| entry.file_name().to_string_lossy().starts_with("run_"));
    for path in runners.map(|entry| entry.path()).chain([home.site_lock(), home.gateway_lock()]) {
        if path.exists() && Lock::is_held(&path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl App {
    /// Writes the home into a private file: the ledger at one moment, settings, policy and manifests, and the secrets only
    /// where they were sealed.
    ///
    /// # Errors
    /// Something cannot be read, or the file cannot be written.
    pub async fn back_up(&self, parts: &Parts, to: &Path, sealed: Option<Vec<u8>>) -> Result<(), AppError> {
        let home = parts.snapshots.home();
        let mut kept: Vec<KeptFile> = Vec::new();
        for (name, path) in [("agentport.toml", home.settings()), ("policy.toml", home.policy())] {
            kept.extend(files::read_guarded(&path)?.map(|text| (name.to_owned(), text.into_bytes())));
        }
        for name in files::list_guarded(&home.tools())?.unwrap_or_default() {
            let Some(name) = name.to_str().filter(|name| is_manifest(name)) else { continue };
            let text = files::read_guarded(&home.tools().join(name))?;
            kept.extend(text.map(|text| (format!("tools/{name}"), text.into_bytes())));
        }
        kept.extend(sealed.map(|sealed| (SECRETS.to_owned(), sealed)));
        Ok(parts.home.back_up(to, kept).await?)
    }

    /// Puts a backup's home beside where it will be, and verifies its log.
    ///
    /// # Errors
    /// It is no backup, a newer version's, or somebody changed it.
    pub async fn stage(&self, file: &Path) -> Result<Staged, AppError> {
        let place = self.home()?;
        let (folder, name) = (place.path().parent(), place.path().file_name());
        let (Some(folder), Some(name)) = (folder, name) else {
            return Err(AppError::NoHome(place.path().display().to_string()));
        };
        files::check_ancestors(place.path())?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(LedgerError::from)?;
        let staging = folder.join(format!(".{}.restore-{}", name.to_string_lossy(), canonical::hex(&random)));
        files::ensure_private_dir(&staging)?;
        let app = Self { environment: self.environment.with_home(&staging), clock: Arc::clone(&self.clock) };
        let mut staged = Staged { home: app.home()?, app, sealed: None, parcel: None, records: 0, head: String::new() };
        let backup =
            fs::read(file).map_err(|error| AppError::NoBackup(file.display().to_string(), error.to_string()))?;
        files::replace_private(&staged.home.database(), &backup)?;
        drop(backup);
        let no_backup = |error: LedgerError| match error {
            newer @ LedgerError::Newer(_) => newer.into(),
            LedgerError::Corrupt(what) => AppError::NoBackup(file.display().to_string(), what),
            other => AppError::NoBackup(file.display().to_string(), other.to_string()),
        };
        for (name, content) in Sqlite::unpack_backup(&staged.home.database()).map_err(no_backup)? {
            match name.as_str() {
                SECRETS => staged.sealed = Some(content),
                "agentport.toml" => files::replace_private(&staged.home.settings(), &content)?,
                "policy.toml" => files::replace_private(&staged.home.policy(), &content)?,
                other => match other.strip_prefix("tools/").filter(|name| is_manifest(name)) {
                    Some(name) => {
                        files::ensure_private_dir(&staged.home.tools())?;
                        files::replace_private(&staged.home.tools().join(name), &content)?;
                    }
                    None => return Err(AppError::NoBackup(file.display().to_string(), format!("it holds `{other}`"))),
                },
            }
        }
        let ledger = open_ledger(&staged.home)?;
        match ledger.verify().await? {
            Ok(verified) => (staged.records, staged.head) = (verified.records, verified.head),
            Err(bad) => return Err(AppError::NoBackup(file.display().to_string(), bad.to_string())),
        }
        drop(staged.settings()?);
        Ok(staged)
    }
}

impl Staged {
    /// Are there secrets in it?
    pub fn has_secrets(&self) -> bool {
        self.sealed.is_some()
    }

    /// Opens them, so that they go into the store.
    ///
    /// # Errors
    /// They do not open with this.
    pub fn open_secrets(&mut self, with: &Opening) -> Result<(), StoreError> {
        self.parcel = self.sealed.as_deref().map(|sealed| Parcel::open(sealed, with)).transpose()?;
        Ok(())
    }

    fn settings(&self) -> Result<Settings, AppError> {
        let text = files::read_guarded(&self.home.settings())?.unwrap_or_default();
        Ok(Settings::parse(&text, self.app.environment())?)
    }

    /// Makes it the home: ends what must not count twice, puts the secrets into the store, and moves it into its place;
    /// what was there is moved aside.
    ///
    /// # Errors
    /// Something cannot be done; then the home that was there is there still.
    pub async fn place(mut self, at: &Home, replaced: Replaced) -> Result<Restored, AppError> {
        let (settings, now) = (self.settings()?, self.app.clock().now());
        let ledger = open_ledger(&self.home)?;
        let voided = ledger.restored(replaced.head, now).await?;
        let home_id = ledger.home_id().to_owned();
        drop(ledger);
        // the same home's own vault is newer than any backup of it
        if replaced.home_id.as_ref() == Some(&home_id)
            && let Some(vault) = files::read_private(&at.vault())?
        {
            files::replace_private(&self.home.vault(), &vault)?;
        }
        let secrets = match (&self.sealed, self.parcel.take()) {
            (_, Some(parcel)) => {
                make_ready(&settings, &self.home, &home_id).await?;
                Some(parcel.unpack(&*store(&self.home, &settings, &home_id)).await?)
            }
            (Some(_), None) => None,
            (None, None) => Some(0),
        };
        for entry in fs::read_dir(self.home.path()).into_iter().flatten().flatten() {
            // the backup is the older copy
            if entry.file_name().to_string_lossy().starts_with("agentport.db.schema-") {
                drop(fs::remove_file(entry.path()));
            }
        }
        let failed = |error: std::io::Error| AppError::NotPlaced(at.path().display().to_string(), error.to_string());
        let aside = if at.database().exists() {
            let stamp = jiff::Timestamp::from_millisecond(now.wall).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
            let mut aside = at.path().as_os_str().to_owned();
            aside.push(format!(".before-{stamp}"));
            fs::rename(at.path(), &aside).map_err(failed)?;
            Some(PathBuf::from(aside))
        } else {
            // an empty folder will do
            if at.path().exists() {
                fs::remove_dir(at.path()).map_err(failed)?;
            }
            None
        };
        if let Err(error) = fs::rename(self.home.path(), at.path()) {
            if let Some(aside) = &aside {
                drop(fs::rename(aside, at.path()));
            }
            return Err(failed(error));
        }
        Ok(Restored { voided, secrets, aside })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // after it was placed there is nothing of this name
        drop(fs::remove_dir_all(self.home.path()));
    }
}

/// A store that secrets can be put into: a keyring that gives back what it is given, a vault with a key.
///
/// # Errors
/// What is wrong with it, and what to do.
pub async fn make_ready(settings: &Settings, home: &Home, home_id: &str) -> Result<(), StoreError> {
    match (settings.store, &settings.key) {
        (StoreKind::Keyring, _) => Keyring::new(home_id).probe().await,
        (StoreKind::Vault, KeySource::File(key)) if !home.vault().exists() => Vault::create_key(key).map(drop),
        (StoreKind::Vault, KeySource::File(_) | KeySource::SystemdCredential(_)) => Ok(()),
    }
}

/// The store of this kind, whatever the settings name.
pub fn store_of(kind: StoreKind, settings: &Settings, home: &Home, home_id: &str) -> (Settings, Arc<dyn SecretStore>) {
    let settings = Settings { store: kind, ..settings.clone() };
    let found = store(home, &settings, home_id);
    (settings, found)
}

/// Removes everything in a home that is ours, and the home, where nothing else is in it. What is left.
///
/// # Errors
/// Something cannot be removed.
pub fn remove(home: &Home) -> std::io::Result<Vec<PathBuf>> {
    let ours = |name: &str| {
        ["agentport.toml", "policy.toml", "grants.toml", "site.lock", "gateway.lock"].contains(&name)
            || name.starts_with("agentport.db")
            || name.starts_with("vault.age")
            || name.starts_with('.') && Path::new(name).extension().is_some_and(|extension| extension == "tmp")
    };
    // the database last: with it the home is one that can be purged again
    let mut paths: Vec<PathBuf> = fs::read_dir(home.path())?.flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| *path == home.database());
    for tool in fs::read_dir(home.tools()).into_iter().flatten().flatten() {
        if tool.file_name().to_str().is_some_and(is_manifest) {
            fs::remove_file(tool.path())?;
        }
    }
    drop(fs::remove_dir(home.tools()));
    for folder in [home.run(), home.tls()] {
        drop(fs::remove_dir_all(folder));
    }
    for path in paths {
        if path.is_file() && path.file_name().and_then(|name| name.to_str()).is_some_and(ours) {
            fs::remove_file(&path)?;
        }
    }
    let left: Vec<PathBuf> = fs::read_dir(home.path())?.flatten().map(|entry| entry.path()).collect();
    if left.is_empty() {
        fs::remove_dir(home.path())?;
    }
    Ok(left)
}

/// A name that leads nowhere but into the folder of manifests.
fn is_manifest(name: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    name.strip_suffix(".toml").is_some() && !name.starts_with('.') && name.chars().all(plain)
}
