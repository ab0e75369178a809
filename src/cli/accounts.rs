//! `agentport accounts`, `disconnect`.

use serde_json::{Value, json};

use super::{Exit, Failure, Out};
use crate::{app::App, clock::rfc3339, gateway::Parts, upstream::CredentialError, visible::visible};

#[derive(Debug, clap::Args)]
pub(super) struct DisconnectArgs {
    /// The service
    integration: String,
    /// The account's name
    #[arg(long, value_name = "NAME", default_value = "default")]
    account: String,
}

/// Of an account that nothing describes any more.
pub(super) const NO_MANIFEST: &str = "no manifest describes this service any more: its tools are gone";

pub(super) async fn list(app: &App, out: &Out) -> Result<Exit, Failure> {
    let parts = app.gateway().open_parts()?;
    let snapshot = parts.snapshots.current()?;
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for account in parts.home.accounts()? {
        let command = format!("agentport connect {} --oauth --account {}", account.integration, account.name);
        let (secret, fix) = match parts.credentials.inspect_stored(&account.integration, &account.name).await {
            Ok(Some(_)) => ("ok", None),
            Ok(None) => ("needs secret", None),
            Err(CredentialError::SignedOut { .. }) => ("needs sign-in", Some(command)),
            Err(CredentialError::Store(_)) => ("store locked", None),
            Err(_) => ("unreadable", None),
        };
        lines.push(format!(
            "{}/{}  {}  {}  {}  {}{}",
            account.integration,
            account.name,
            account.environment,
            account.origin,
            account.identity.name.as_deref().map_or_else(|| "-".to_owned(), visible),
            secret,
            fix.as_ref().map_or_else(String::new, |fix| format!(": {fix}")),
        ));
        let mut value = json!({
            "integration": account.integration,
            "account": account.name,
            "origin": account.origin.as_str(),
            "environment": account.environment,
            "identity": account.identity,
            "connected_at": rfc3339(account.connected_at),
            "secret": secret,
        });
        if let (Some(value), Some(fix)) = (value.as_object_mut(), fix) {
            value.insert("fix".to_owned(), json!(fix));
        }
        if snapshot.catalog.integration(&account.integration).is_none() {
            if let Some(line) = lines.last_mut() {
                *line += &format!("  ({NO_MANIFEST})");
            }
            if let Value::Object(members) = &mut value {
                members.insert("note".to_owned(), json!(NO_MANIFEST));
            }
        }
        values.push(value);
    }
    out.answer(&json!(values), || {
        if lines.is_empty() {
            return "nothing is connected; for example: agentport connect stripe".to_owned();
        }
        lines.join("\n")
    });
    Ok(Exit::Done)
}

pub(super) async fn disconnect(app: &App, out: &Out, args: DisconnectArgs) -> Result<Exit, Failure> {
    let parts = app.gateway().open_parts()?;
    let removed = parts.home.remove_account(&args.integration, &args.account, app.clock().now()).await?;
    let revoked = revoke(&parts, &args).await;
    parts.credentials.delete(&args.integration, &args.account).await?;
    if !removed {
        let name = format!("{}/{}", visible(&args.integration), visible(&args.account));
        return Err(Failure::new(format!("there is no account {name}")).hint("agentport accounts"));
    }
    let mut value = json!({"integration": args.integration, "account": args.account, "disconnected": true});
    if let (Some(value), Some(revoked)) = (value.as_object_mut(), revoked) {
        value.insert("revoked".to_owned(), json!(revoked));
    }
    out.answer(&value, || {
        let rest = match revoked {
            Some(true) => "the vendor has taken its sign-in back",
            Some(false) => "the vendor did not take its sign-in back: revoke it there",
            None => "revoke it at the vendor too",
        };
        format!("disconnected {}/{}; its credential is deleted here, {rest}", args.integration, args.account)
    });
    Ok(Exit::Done)
}

/// Gives a sign-in back to the vendor, where it has a place for that.
async fn revoke(parts: &Parts, args: &DisconnectArgs) -> Option<bool> {
    let oauth = parts.credentials.oauth()?;
    let stored = parts.credentials.inspect_stored(&args.integration, &args.account).await.ok()??;
    let revoked = oauth.revoke(&stored).await?;
    Some(revoked.is_ok())
}
