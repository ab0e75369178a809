//! `agentport purge`: the home and its secrets, gone.

use serde_json::{Map, json};

use super::{Exit, Failure, Out, backup::in_use, consent::Consent};
use crate::{
    app::{
        App,
        keeping::{is_used, remove, secret_names},
    },
    approval::Claim,
    config::StoreKind,
    gateway::Parts,
    snapshot::Snapshot,
    upstream::is_waiting,
    visible::visible,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let home = app.home()?;
    let at = visible(&home.path().display().to_string());
    let used = home.database().exists() && is_used(&home)?;
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let snapshot = parts.snapshots.current()?;
    let (_, names) = all_names(&parts, &snapshot).await?;
    let accounts: Vec<String> =
        parts.home.accounts()?.iter().map(|account| format!("{}/{}", account.integration, account.name)).collect();
    let value = |names: &[String], left: &[std::path::PathBuf]| json!({"home": home.path(), "dry_run": args.dry_run, "secrets": names, "accounts": accounts, "left": left});
    if args.dry_run {
        out.answer(&value(&names, &[]), || match names.as_slice() {
            [] => format!("would remove {at}, with its log; it has no secrets"),
            names => format!("would remove {at}, with its log, and these secrets:\n  {}", names.join("\n  ")),
        });
        return Ok(Exit::Done);
    }
    if used {
        return Err(in_use());
    }
    let approver = args.consent.given((&gateway, &parts), Claim::Home, "remove this home for good", "purge").await?;
    // nobody stores one any more
    let own = parts.own_secrets().await?;
    if !parts.home.note_proven((Claim::Home, approver), "purged", Map::new(), app.clock().now()).await? {
        return Err(Failure::new("that code was used already; nothing was removed"));
    }
    let (waiting, names) = all_names(&parts, &snapshot).await?;
    // a vault goes with the home; a keyring that cannot be opened keeps the home: who would know the names?
    if snapshot.settings.store == StoreKind::Keyring {
        for name in waiting.iter().chain(&names) {
            parts.secrets.delete(name).await?;
        }
    }
    drop((snapshot.clone(), parts, gateway));
    let left = remove(&home).map_err(|error| Failure::new(format!("{at}: {error}")).hint("agentport purge, again"))?;
    drop(own);
    out.answer(&value(&names, &left), || {
        let mut text = format!("removed {at} and {} secrets\n", names.len());
        if !accounts.is_empty() {
            text +=
                &format!("the keys are good still: revoke them at the vendors ({})\n", visible(&accounts.join(", ")));
        }
        if snapshot.settings.store == StoreKind::Vault {
            let key = snapshot.settings.key.path().display().to_string();
            text += &format!("the vault's key is still at {}\n", visible(&key));
        }
        for path in &left {
            text += &format!("not ours, and left: {}\n", visible(&path.display().to_string()));
        }
        text
    });
    Ok(Exit::Done)
}

/// The names of all secrets: those that wait for their place, which have the same name for a person, and the others.
async fn all_names(parts: &Parts, snapshot: &Snapshot) -> Result<(Vec<String>, Vec<String>), Failure> {
    let names = secret_names(parts, &parts.ledger.factors().await?, snapshot)?;
    Ok(names.into_iter().partition(|name| is_waiting(name)))
}
