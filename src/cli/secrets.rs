//! `agentport secrets move`: from the keyring into a vault, or back.

use serde_json::{Map, json};

use super::{Exit, Failure, Out, consent::Consent};
use crate::{
    app::{
        App,
        keeping::{make_ready, secret_names, store_of},
    },
    approval::Claim,
    config::{Settings, StoreKind, with_store},
    files,
    secret::{Copied, Keyring, StoreError},
    upstream::account_secret_names,
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Move every secret into another store: copied, read back and compared, then deleted from the old one
    Move {
        /// Where to
        #[arg(long, value_enum)]
        to: To,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum To {
    /// The operating system's keyring
    Keyring,
    /// An age file in the home
    Vault,
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let Action::Move { to, consent } = action;
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let home = parts.snapshots.home().clone();
    let (kind, other) = match to {
        To::Keyring => (StoreKind::Keyring, StoreKind::Vault),
        To::Vault => (StoreKind::Vault, StoreKind::Keyring),
    };
    let what = format!("move the secrets into the {}", kind.as_str());
    // nobody waits for whoever is still asked for a code
    let approver = if parts.snapshots.current()?.settings.store == kind {
        None
    } else {
        if kind == StoreKind::Keyring {
            // no code is spent on a keyring that cannot be used
            Keyring::new(parts.home.home_id()).probe().await?;
        }
        Some(consent.given((&gateway, &parts), Claim::Secrets, &what, "move").await?)
    };
    let _own = parts.own_secrets().await?;
    // as they stand now: another move may have ended meanwhile
    let snapshot = parts.snapshots.current()?;
    let names = secret_names(&parts, &parts.ledger.factors().await?, &snapshot)?;
    let home_id = parts.home.home_id();
    let (settings, new) = store_of(kind, &snapshot.settings, &home, home_id);
    let (_, old) = store_of(other, &snapshot.settings, &home, home_id);
    let done = |moved: usize| {
        let key = (kind == StoreKind::Vault).then(|| settings.key.path().display().to_string());
        out.answer(&json!({"store": kind.as_str(), "moved": moved, "key_file": key}), || {
            let mut text = format!("{moved} secrets are in the {} now", kind.as_str());
            if let Some(key) = &key {
                text += &format!("; its key is in {}: keep a copy of that file elsewhere", visible(key));
            }
            text
        });
        Exit::Done
    };
    if snapshot.settings.store == kind {
        // what an earlier move did not get to delete; a store that is not there has nothing
        let left = match Copied::again(&*old, &*new, &names).await {
            Ok(left) => left,
            Err(StoreError::Unavailable(_)) => Copied::nothing(),
            Err(error) => return Err(error.into()),
        };
        let count = left.count();
        left.finish(&*old, &*new).await?;
        out.answer(&json!({"store": kind.as_str(), "moved": 0, "deleted": count}), || match count {
            0 => format!("the secrets are in the {} already", kind.as_str()),
            _ => format!(
                "the secrets are in the {} already; {count} left behind in the other store were deleted",
                kind.as_str()
            ),
        });
        return Ok(Exit::Done);
    }
    let Some(approver) = approver else {
        return Err(Failure::new("another `secrets move` changed the store meanwhile; nothing was moved")
            .hint("the same command again moves them back"));
    };
    make_ready(&settings, &home, home_id).await?;
    // nobody renews a sign-in in the store that it is leaving
    let mut still = Vec::new();
    if let Some(oauth) = parts.credentials.oauth() {
        for account in parts.home.accounts()? {
            let [place, _] = account_secret_names(&account.integration, &account.name);
            still.push(oauth.alone(&place).await.map_err(Failure::new)?);
        }
    }
    let copied = Copied::of(&*old, &*new, &names).await?;
    let moved = copied.count();
    let body = Map::from_iter([("to".to_owned(), json!(kind.as_str())), ("secrets".to_owned(), json!(moved))]);
    let noted = parts.home.note_proven((Claim::Secrets, approver), "secrets moved", body, app.clock().now()).await;
    let switched = match noted {
        Ok(true) => switch(app, &home, kind),
        Ok(false) => Err(Failure::new("that code was used already; nothing was moved")),
        Err(error) => Err(error.into()),
    };
    if let Err(failure) = switched {
        copied.undo(&*new).await;
        return Err(failure);
    }
    copied.finish(&*old, &*new).await.map_err(|error| {
        Failure::new(format!(
            "all secrets are in the {} and used from there; not all are deleted from the other store: {error}",
            kind.as_str()
        ))
        .hint("the same command again deletes the rest")
    })?;
    drop(still);
    Ok(done(moved))
}

/// From here on every process of the home uses the new store.
fn switch(app: &App, home: &crate::config::Home, kind: StoreKind) -> Result<(), Failure> {
    let text = files::read_guarded(&home.settings())?.unwrap_or_default();
    let changed = with_store(&text, kind);
    if Settings::parse(&changed, app.environment())?.store != kind {
        return Err(Failure::new(
            "agentport.toml names its store in a way that cannot be changed here; nothing was moved",
        )
        .hint(format!("write store = \"{}\" under [secrets] on a line of its own first", kind.as_str())));
    }
    Ok(files::replace_private(&home.settings(), changed.as_bytes())?)
}
