//! `agentport accounts`, `disconnect`.

use serde_json::{Value, json};

use super::{Exit, Failure, Out};
use crate::{app::App, clock::rfc3339, upstream::account_secret_name, visible::visible};

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
        let name = account_secret_name(&account.integration, &account.name);
        let secret = match parts.secrets.get(&name).await {
            Ok(Some(_)) => "ok",
            Ok(None) => "needs secret",
            Err(_) => "store locked",
        };
        lines.push(format!(
            "{}/{}  {}  {}  {}  {}",
            account.integration,
            account.name,
            account.environment,
            account.origin,
            account.identity.name.as_deref().map_or_else(|| "-".to_owned(), visible),
            secret
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
    parts.secrets.delete(&account_secret_name(&args.integration, &args.account)).await?;
    if !removed {
        let name = format!("{}/{}", visible(&args.integration), visible(&args.account));
        return Err(Failure::new(format!("there is no account {name}")).hint("agentport accounts"));
    }
    out.answer(&json!({"integration": args.integration, "account": args.account, "disconnected": true}), || {
        format!(
            "disconnected {}/{}; its credential is deleted here, revoke it at the vendor too",
            args.integration, args.account
        )
    });
    Ok(Exit::Done)
}
