//! Would a secret that is needed now be found?

use super::finding::Findings;
use crate::{
    app::App,
    config::StoreKind,
    files,
    gateway::Parts,
    secret::{KeySource, Keyring, StoreError},
    visible::visible,
};

/// Opens the store. `false`: no secret can be had.
pub(super) async fn check(app: &App, parts: &Parts, findings: &mut Findings) -> bool {
    let settings = match parts.snapshots.current() {
        Ok(snapshot) => std::sync::Arc::clone(&snapshot.settings),
        Err(error) => {
            findings.bad("store", error.to_string(), "put agentport.toml right");
            return false;
        }
    };
    let result = match settings.store {
        StoreKind::Keyring => Keyring::new(parts.home.home_id()).probe().await,
        StoreKind::Vault => vault(parts, &settings.key).await,
    };
    match (result, settings.store) {
        (Ok(()), StoreKind::Keyring) => findings.ok("store", "the keyring keeps and gives back what is put into it"),
        (Ok(()), StoreKind::Vault) => {
            let key = visible(&settings.key.path().display().to_string());
            findings.ok("store", format!("the vault opens with {key}"));
        }
        (Err(error), kind) => {
            findings.bad("store", visible(&error.to_string()), fix(app, kind));
            return false;
        }
    }
    true
}

async fn vault(parts: &Parts, key: &KeySource) -> Result<(), StoreError> {
    // a vault that does not exist yet opens without its key
    let there = match key {
        KeySource::File(path) => files::check_private(path),
        KeySource::SystemdCredential(path) => files::read_handed(path).map(|bytes| bytes.is_some()),
    };
    match there {
        Ok(true) => parts.secrets.get("probe").await.map(drop),
        Ok(false) => Err(StoreError::Unavailable(format!("the vault's key {} is not there", key.path().display()))),
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    }
}

fn fix(app: &App, kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Vault => "put your copy of the key there, with mode 600, or name it in AGENTPORT_KEY_FILE",
        StoreKind::Keyring if cfg!(target_os = "linux") && app.environment().session_bus().is_none() => {
            "DBUS_SESSION_BUS_ADDRESS is not set: run this in your desktop session; for a host that starts its servers \
             without it, run `agentport host add <host>` there, which puts the address into the host's file"
        }
        StoreKind::Keyring => "unlock it in your desktop session, then run this again",
    }
}
