//! Is anybody told when something waits?

use super::finding::Findings;
use crate::{
    cli::notify::secret_state, clock::rfc3339, gateway::Parts, ledger::LedgerError, notify::Courier,
    snapshot::Snapshot, visible::visible,
};

pub(super) async fn check(
    parts: &Parts,
    snapshot: &Snapshot,
    secrets: bool,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    if snapshot.settings.notify.is_empty() {
        findings.ok(
            "notify",
            "no channel is set up: the agent and its host's log are all that tell you (docs/channels.md)",
        );
    }
    for channel in &snapshot.settings.notify {
        let (name, kind) = (&channel.name, channel.kind.as_str());
        if let Some(refusal) = Courier::refusal(channel, &snapshot.settings) {
            findings.bad("notify", format!("`{name}` is not used: {refusal}"), refusal.fix());
            continue;
        }
        let secret = if secrets { secret_state(parts, channel).await } else { "ok" };
        if ["missing", "for another destination"].contains(&secret) {
            let fix = format!("agentport notify set {name}");
            findings.bad("notify", format!("`{name}` cannot be used: its secret is {secret}"), fix);
            continue;
        }
        let health = parts.home.channel_health(name).await?;
        match (health.failed, health.told_at) {
            (Some((at, problem)), _) => findings.bad(
                "notify",
                format!("`{name}` failed at {}: {}", rfc3339(at), visible(&problem)),
                format!("agentport notify test {name}"),
            ),
            (None, Some(at)) => findings.ok("notify", format!("`{name}` ({kind}) last told you at {}", rfc3339(at))),
            (None, None) => findings.warn(
                "notify",
                format!("`{name}` ({kind}) was not used yet"),
                format!("agentport notify test {name}"),
            ),
        }
    }
    Ok(())
}
