//! The secret store that the settings name, as they stand at each use: a running process follows `secrets move`.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{
    config::{Environment, Home, Settings, StoreKind},
    files,
    secret::{KeySource, Keyring, Secret, SecretStore, StoreError, Vault},
};

/// Opens whichever store is in force. Settings that cannot be read leave the last one.
#[derive(Debug)]
pub(super) struct StoreInForce {
    home: Home,
    environment: Environment,
    home_id: String,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    text: Option<String>,
    named: (StoreKind, KeySource),
    store: Arc<dyn SecretStore>,
}

impl StoreInForce {
    pub(super) fn new(home: &Home, environment: &Environment, settings: &Settings, home_id: &str) -> Self {
        let named = (settings.store, settings.key.clone());
        let store = store(home, settings, home_id);
        let last = Mutex::new(Last { text: None, named, store });
        Self { home: home.clone(), environment: environment.clone(), home_id: home_id.to_owned(), last }
    }

    fn current(&self) -> Arc<dyn SecretStore> {
        let read = files::read_guarded(&self.home.settings());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(text) = read
            && text != last.text
        {
            if let Ok(settings) = Settings::parse(text.as_deref().unwrap_or(""), &self.environment) {
                let named = (settings.store, settings.key.clone());
                if named != last.named {
                    last.store = store(&self.home, &settings, &self.home_id);
                    last.named = named;
                }
            }
            last.text = text;
        }
        Arc::clone(&last.store)
    }
}

/// The store that the settings name. No fallback: another one is never tried.
pub(super) fn store(home: &Home, settings: &Settings, home_id: &str) -> Arc<dyn SecretStore> {
    match settings.store {
        StoreKind::Keyring => Arc::new(Keyring::new(home_id)),
        StoreKind::Vault => Arc::new(Vault::new(home.vault(), settings.key.clone())),
    }
}

#[async_trait]
impl SecretStore for StoreInForce {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let store = self.current();
        let found = store.get(name).await?;
        // it may have been moved between the two
        let now = self.current();
        if found.is_none() && !Arc::ptr_eq(&store, &now) { now.get(name).await } else { Ok(found) }
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        self.current().put(name, secret).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.current().delete(name).await
    }
}
