//! Secrets in one file, for machines without a keyring: an `age` file that a key file or a systemd credential opens.
//!
//! The stock `age -d -i KEY vault.age` opens it too. Each write holds `<vault>.lock`, reads again what is there and
//! puts a new file in its place, so that two processes never lose each other's secrets.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use age::{secrecy::ExposeSecret as _, x25519};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{Secret, SecretStore, StoreError};
use crate::files::{self, FileError, Lock};

/// As long as [`StoreError::Timeout`] says.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the vault's key, an age X25519 identity, comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of ours with mode 0600.
    File(PathBuf),
    /// A file that systemd put into `$CREDENTIALS_DIRECTORY`.
    SystemdCredential(PathBuf),
}

impl KeySource {
    /// The file's path.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::SystemdCredential(path) => path,
        }
    }

    pub(super) fn load(&self) -> Result<x25519::Identity, StoreError> {
        let bytes = match self {
            Self::File(path) => files::read_private(path),
            Self::SystemdCredential(path) => files::read_handed(path),
        };
        let shown = self.path().display();
        let bytes = Zeroizing::new(bytes.map_err(|error| unavailable(&error))?.ok_or_else(|| {
            StoreError::Unavailable(format!(
                "the vault's key `{shown}` is not there; put your copy of it there, or name it in `key_file` of \
                 agentport.toml or in AGENTPORT_KEY_FILE"
            ))
        })?);
        std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')))
            .and_then(|line| line.parse().ok())
            .ok_or_else(|| {
                StoreError::Broken(format!(
                    "`{shown}` holds no key of a vault; it must have a line that begins with `AGE-SECRET-KEY-1`"
                ))
            })
    }
}

/// The secret store in a file.
#[derive(Debug, Clone)]
pub struct Vault {
    path: PathBuf,
    key: KeySource,
}

impl Vault {
    /// The vault at `path`; where there is no file yet, it is empty. Nothing is opened before the first use.
    pub fn new(path: PathBuf, key: KeySource) -> Self {
        Self { path, key }
    }

    /// Makes a key file where there is none. `false`: there is one, and it stays.
    ///
    /// # Errors
    /// The file cannot be written, or the existing one is not a key or can be read by others.
    pub fn create_key(path: &Path) -> Result<bool, StoreError> {
        let exists = files::check_private(path).map_err(|error| unavailable(&error))?;
        if exists {
            KeySource::File(path.to_owned()).load()?;
            return Ok(false);
        }
        let identity = x25519::Identity::generate();
        let text = Zeroizing::new(format!(
            "# opens AgentPort's vault, also with `age -d -i`; keep a copy away from the vault\n{}\n",
            identity.to_string().expose_secret()
        ));
        files::replace_private(path, text.as_bytes()).map_err(|error| unavailable(&error))?;
        Ok(true)
    }

    fn read(&self) -> Result<Contents, StoreError> {
        let Some(sealed) = files::read_private(&self.path).map_err(|error| unavailable(&error))? else {
            return Ok(Contents::default());
        };
        let key = self.key.load()?;
        let (vault, key_path) = (self.path.display(), self.key.path().display());
        let text = age::decrypt(&key, &sealed).map(Zeroizing::new).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => StoreError::Broken(format!(
                "the vault `{vault}` is locked with another key than `{key_path}`; put the right key there"
            )),
            other => StoreError::Broken(format!(
                "the vault `{vault}` is damaged ({other}); it was left as it is: restore it from a backup, or move it \
                 away and connect the accounts again"
            )),
        })?;
        serde_json::from_slice(&text).map_err(|_| {
            StoreError::Broken(format!("the vault `{vault}` opens but holds no secrets of ours; was it made by hand?"))
        })
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), StoreError> {
        let mut lock = self.path.clone().into_os_string();
        lock.push(".lock");
        let _held = Lock::exclusive(Path::new(&lock), PATIENCE).map_err(|error| unavailable(&error))?;
        let mut contents = self.read()?;
        change(&mut contents);
        let broken = |what: &dyn std::fmt::Display| StoreError::Broken(format!("the vault cannot be written: {what}"));
        let text = contents.text().map_err(|error| broken(&error))?;
        let sealed = age::encrypt(&self.key.load()?.to_public(), &text).map_err(|error| broken(&error))?;
        files::replace_private(&self.path, &sealed).map_err(|error| unavailable(&error))
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let vault = self.clone();
        tokio::task::spawn_blocking(move || work(&vault))
            .await
            .unwrap_or_else(|_| Err(StoreError::Broken("the vault's work was stopped; try again".to_owned())))
    }
}

#[async_trait]
impl SecretStore for Vault {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let name = name.to_owned();
        self.blocking(move |vault| Ok(vault.read()?.0.remove(&name).map(Secret::new))).await
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.blocking(move |vault| {
            vault.change(|contents| {
                if let Some(mut old) = contents.0.insert(name, secret.expose().to_owned()) {
                    old.zeroize();
                }
            })
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.blocking(move |vault| {
            if !vault.read()?.0.contains_key(&name) {
                return Ok(());
            }
            vault.change(|contents| {
                if let Some(mut old) = contents.0.remove(&name) {
                    old.zeroize();
                }
            })
        })
        .await
    }
}

/// Secrets by name, wiped when dropped.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Contents(pub(super) BTreeMap<String, String>);

impl Contents {
    /// What is sealed.
    pub(super) fn text(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        // room for the whole text with every character escaped: a buffer that grows leaves copies behind
        let size = self.0.iter().map(|(name, secret)| 6 * (name.len() + secret.len()) + 8).sum::<usize>() + 2;
        let mut text = Zeroizing::new(Vec::with_capacity(size));
        serde_json::to_writer(&mut *text, self)?;
        Ok(text)
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

fn unavailable(error: &FileError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
