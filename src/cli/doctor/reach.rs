//! What the agent could reach besides asking us, in plain words.

use super::finding::Findings;
use crate::config::StoreKind;

/// What is asked here is a home of the user's own, so that the program runs as the agent's user. Whether the agent's host keeps the
/// agent away from that user's files (L1) cannot be seen from here.
pub(super) const LEVEL: &str = "L0";

pub(super) fn check(store: Option<StoreKind>, findings: &mut Findings) {
    let store = match store {
        Some(StoreKind::Vault) => "the vault and its key file",
        Some(StoreKind::Keyring) | None => "your keyring",
    };
    let finding = format!(
        "your agent could read these keys: it runs as you{}. What comes through agentport is checked, approved and\n\
         recorded; an agent with a shell could go round it, to {store}, the seed of your\n\
         second factor and the log (level L0)",
        who()
    );
    findings.warn(
        "reach",
        finding,
        "`sudo agentport install --service --for-user` with your user's name moves all of it out of reach, to a service under a \
         user of its own (L2, on Linux); or let your agent's host run its commands in a sandbox that reaches neither these files \
         nor the keyring (L1)",
    );
}

#[cfg(unix)]
fn who() -> String {
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    user.map_or_else(|| format!(" (user {uid})"), |user| format!(" ({})", crate::visible::visible(&user.name)))
}

#[cfg(not(unix))]
fn who() -> String {
    crate::config::user_home()
        .and_then(|home| Some(format!(" ({})", home.file_name()?.to_string_lossy())))
        .unwrap_or_default()
}
