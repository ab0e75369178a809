//! `agentport accounts`, `disconnect`.

use serde_json::{Value, json};

use super::{Exit, Failure, Out};
use crate::{
    app::App,
    clock::rfc3339,
    gateway::{Disconnected, SecretState},
    visible::visible,
};

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
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let snapshot = parts.snapshots.current()?;
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for health in gateway.accounts(&parts, &snapshot).await? {
        let account = &health.account;
        let secret = health.secret.as_str();
        let fix = (health.secret == SecretState::SignedOut)
            .then(|| format!("agentport connect {} --oauth --account {}", account.integration, account.name));
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
            "last_worked_at": health.worked.map(rfc3339),
        });
        if let (Some(value), Some(fix)) = (value.as_object_mut(), fix) {
            value.insert("fix".to_owned(), json!(fix));
        }
        if !health.described {
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
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let revoked = match gateway.disconnect(&parts, &args.integration, &args.account, None).await? {
        Disconnected::Done(revoked) => revoked,
        Disconnected::Nobody | Disconnected::Unproven => {
            let name = format!("{}/{}", visible(&args.integration), visible(&args.account));
            return Err(Failure::new(format!("there is no account {name}")).hint("agentport accounts"));
        }
    };
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
