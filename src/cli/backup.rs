//! `agentport backup` and `restore`: the whole home in one file, and back.

use std::path::PathBuf;

use serde_json::{Map, json};

use super::{Exit, Failure, Out, consent::Consent, prompt};
use crate::{
    app::{
        App,
        keeping::{Replaced, Restored, is_used, secret_names},
    },
    approval::Claim,
    config::Home,
    secret::{Opening, Parcel, Seal, Secret},
    visible::visible,
};

/// A passphrase that is guessed opens every account.
const SHORTEST: usize = 12;

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The file to write; readable by you alone
    file: PathBuf,
    /// The secrets too, sealed; takes your code
    #[arg(long)]
    with_secrets: bool,
    /// Seal them to this age recipient, `age1…`; without one, to a passphrase
    #[arg(long, value_name = "AGE1", requires = "with_secrets")]
    recipient: Option<String>,
    /// Take the passphrase as one line of standard input, before the code
    #[arg(long, requires = "with_secrets", conflicts_with = "recipient")]
    passphrase_stdin: bool,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// What `agentport backup` wrote
    file: PathBuf,
    /// Over a home that is there: takes a code of it, and moves it aside
    #[arg(long)]
    force: bool,
    /// Take the passphrase of its secrets as one line of standard input, before the code
    #[arg(long)]
    passphrase_stdin: bool,
    /// The file with the key that its secrets were sealed to
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_stdin")]
    identity: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
}

pub(super) async fn backup(app: &App, out: &Out, args: BackupArgs) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let file = std::path::absolute(&args.file).map_err(|error| Failure::usage(error.to_string()))?;
    let shown = visible(&file.display().to_string());
    if file.exists() {
        return Err(
            Failure::new(format!("`{shown}` is there already; nothing was written")).hint("choose another name")
        );
    }
    let mut secrets = None;
    let mut sealed = None;
    if args.with_secrets {
        let factors = parts.ledger.factors().await?;
        if factors.is_empty() {
            return Err(Failure::new("without a second factor nobody can say that the secrets may be taken elsewhere")
                .hint("agentport factor add totp"));
        }
        let seal = match args.recipient {
            Some(recipient) => Seal::Recipient(recipient),
            None => Seal::Passphrase(new_passphrase(args.passphrase_stdin)?),
        };
        let approver =
            args.consent.given((&gateway, &parts), Claim::Secrets, "seal the secrets into it", "seal").await?;
        let names = secret_names(&parts, &factors, &*parts.snapshots.current()?)?;
        let (bytes, count) = Parcel::seal(&*parts.secrets, &names, seal).await?;
        let body = Map::from_iter([("secrets".to_owned(), json!(count))]);
        let now = app.clock().now();
        if !parts.home.note_proven((Claim::Secrets, approver), "backed up with secrets", body, now).await? {
            return Err(Failure::new("that code was used already; nothing was written"));
        }
        (secrets, sealed) = (Some(count), Some(bytes));
    }
    app.back_up(&parts, &file, sealed).await?;
    out.answer(&json!({"backup": file, "secrets": secrets}), || match secrets {
        Some(count) => {
            format!("{shown} holds the home, and {count} secrets, sealed; without what opens them they are lost")
        }
        None => format!(
            "{shown} holds the home without its secrets; the accounts will need them again (or: --with-secrets)"
        ),
    });
    Ok(Exit::Done)
}

pub(super) async fn restore(app: &App, out: &Out, args: RestoreArgs) -> Result<Exit, Failure> {
    let home = app.home()?;
    let at = visible(&home.path().display().to_string());
    let occupied = home.database().exists();
    if occupied && !args.force {
        return Err(Failure::new(format!("there is a home at {at} already; nothing was changed"))
            .hint("name an empty one in AGENTPORT_HOME, or move this one aside with --force"));
    }
    if !occupied && std::fs::read_dir(home.path()).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::new(format!("{at} is not empty and no home; nothing was changed")));
    }
    let mut staged = app.stage(&args.file).await?;
    if let Some(opening) = opening(&args, staged.has_secrets())? {
        staged.open_secrets(&opening)?;
    }
    let replaced = if occupied { replaced(app, &home, &args, &staged.head).await? } else { Replaced::default() };
    let (records, head) = (staged.records, staged.head.clone());
    let Restored { voided, secrets, aside } = staged.place(&home, replaced).await?;
    let value = json!({
        "home": home.path(),
        "records": records,
        "head": head,
        "cancelled": voided.cancelled,
        "unknown": voided.unknown,
        "grants_revoked": voided.grants,
        "secrets": secrets,
        "aside": aside,
    });
    out.answer(&value, || {
        let mut text = format!("restored to {at}: {records} records, the last of them {head}\n");
        text += &format!(
            "what was approved before counts no more: {} that waited are cancelled, {} that were being sent are unknown, {} grants are revoked, recovery codes and sessions are gone\n",
            voided.cancelled, voided.unknown, voided.grants
        );
        text += &match secrets {
            Some(0) => "no secrets were put into the store: `agentport accounts` says which accounts need theirs\n".to_owned(),
            Some(count) => format!("{count} secrets were put into the store\n"),
            None => "its secrets stay sealed: `agentport accounts` says which accounts need theirs\n".to_owned(),
        };
        text += "agents that you shut out since are let in again: agentport agents list\n";
        if let Some(aside) = &aside {
            text += &format!("the home that was there is at {}\n", visible(&aside.display().to_string()));
        }
        text
    });
    Ok(Exit::Done)
}

/// What opens the secrets of the backup, where it has some and somebody says.
fn opening(args: &RestoreArgs, has_secrets: bool) -> Result<Option<Opening>, Failure> {
    let opening = match (&args.identity, args.passphrase_stdin) {
        _ if !has_secrets => None,
        (Some(file), _) => Some(Opening::Identity(file.clone())),
        (None, true) => Some(Opening::Passphrase(Secret::new(prompt::line()?))),
        (None, false) if prompt::is_terminal() => {
            let typed = prompt::hidden("the passphrase of its secrets (empty: leave them sealed)")?;
            Some(typed).filter(|typed| !typed.is_empty()).map(Opening::Passphrase)
        }
        (None, false) => None,
    };
    Ok(opening)
}

/// The word of the owner of the home that goes, which is noted in both logs.
async fn replaced(app: &App, home: &Home, args: &RestoreArgs, by: &str) -> Result<Replaced, Failure> {
    if is_used(home)? {
        return Err(in_use());
    }
    let what = "put the backup in the place of this home";
    let gateway = app.gateway();
    let parts = match gateway.open_parts() {
        Ok(parts) => parts,
        // what cannot be opened has nobody to ask
        Err(error) => {
            args.consent
                .typed(&format!("{what}, which cannot be opened ({})", visible(&error.to_string())), "restore")?;
            return Ok(Replaced::default());
        }
    };
    let approver = args.consent.given((&gateway, &parts), Claim::Home, what, "restore").await?;
    let body = Map::from_iter([("by".to_owned(), json!(by))]);
    if !parts.home.note_proven((Claim::Home, approver), "replaced", body, app.clock().now()).await? {
        return Err(Failure::new("that code was used already; nothing was changed"));
    }
    // a log that was changed has no last hash to speak of
    let head = parts.home.verify().await?.ok().map(|verified| verified.head);
    Ok(Replaced { home_id: Some(parts.home.home_id().to_owned()), head })
}

/// Why nothing is done to a home that somebody uses.
pub(super) fn in_use() -> Failure {
    Failure::new("a process of this home runs; nothing was changed")
        .hint("stop your agent hosts and `agentport serve`, then try again")
}

fn new_passphrase(from_stdin: bool) -> Result<Secret, Failure> {
    let passphrase = if from_stdin {
        Secret::new(prompt::line()?)
    } else if prompt::is_terminal() {
        prompt::twice("a passphrase for its secrets")?
    } else {
        return Err(Failure::usage("there is no terminal to ask for a passphrase on")
            .hint("--passphrase-stdin, or --recipient"));
    };
    if passphrase.len() < SHORTEST {
        return Err(Failure::new(format!("the passphrase has fewer than {SHORTEST} characters; nothing was written")));
    }
    Ok(passphrase)
}
