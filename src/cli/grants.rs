//! `agentport grants`: the standing permissions that people gave beside a yes.

use serde_json::{Value, json};

use super::{Exit, Failure, Out};
use crate::{
    app::App,
    clock::rfc3339,
    gateway::DecideError,
    ledger::Grant,
    visible::{visible, visible_source},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// List them, with the rule that each is
    List,
    /// End one; needs no code
    Revoke {
        /// `grt_…`
        id: String,
    },
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    match action {
        Action::List => {
            let snapshot = parts.snapshots.current()?;
            let now = app.clock().now().wall;
            let state = |grant: &Grant| {
                if grant.expires_at <= now {
                    "expired"
                } else if snapshot.grants.contains(grant) {
                    "live"
                } else {
                    "dead: its tool or its account has changed"
                }
            };
            let grants = parts.home.grants()?;
            let value = |grant: &Grant| -> Value {
                json!({
                    "id": grant.id,
                    "tool": grant.tool,
                    "state": state(grant),
                    "expires_at": rfc3339(grant.expires_at),
                    "rule": grant.text,
                })
            };
            out.answer(&grants.iter().map(value).collect(), || {
                if grants.is_empty() {
                    return "nothing is granted".to_owned();
                }
                let shown = |grant: &Grant| {
                    let lines = grant.text.lines().skip(1).map(|line| format!("    {}\n", visible_source(line)));
                    format!("{}  {}  {}\n{}", grant.id, grant.tool, state(grant), lines.collect::<String>())
                };
                grants.iter().map(shown).collect()
            });
            Ok(Exit::Done)
        }
        Action::Revoke { id } => match gateway.revoke_grant(&id).await {
            Ok(()) => {
                out.answer(&json!({"revoked": id}), || "revoked; such calls ask again".to_owned());
                Ok(Exit::Done)
            }
            Err(DecideError::NotFound) => {
                let failure = Failure::new(format!("there is no grant `{}` that stands", visible(&id)));
                Err(failure.hint("agentport grants list"))
            }
            Err(error) => Err(error.into()),
        },
    }
}
