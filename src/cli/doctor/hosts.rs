//! Which agent hosts start us, and whether what they start is there and reaches the store.

use std::path::Path;

use serde_json::Value;

use super::finding::Findings;
use crate::{
    app::App,
    cli::host::{Host, entry_in},
    config::StoreKind,
    visible::visible,
};

pub(super) fn check(app: &App, user_home: &Path, store: Option<StoreKind>, findings: &mut Findings) {
    let needs_bus = store == Some(StoreKind::Keyring) && is_elsewhere(app.environment().session_bus());
    let before = findings.0.len();
    for host in Host::ALL {
        let Ok(text) = std::fs::read_to_string(host.config(user_home)) else { continue };
        let Some(entry) = entry_in(host, &text) else { continue };
        let command = entry.get("command").and_then(Value::as_str).unwrap_or_default();
        let shown = visible(command);
        let fix = format!("agentport host add {}", host.name());
        if Path::new(command).is_absolute() && !Path::new(command).exists() {
            findings.bad("hosts", format!("{} starts {shown}, which is not there", host.title()), fix);
        } else if host.strips_environment() && needs_bus && !names_bus(&entry) {
            let finding = format!(
                "{} starts {shown} without DBUS_SESSION_BUS_ADDRESS, so that it will not find the keyring",
                host.title()
            );
            findings.warn("hosts", finding, fix);
        } else {
            findings.ok("hosts", format!("{} starts {shown}", host.title()));
        }
    }
    if findings.0.len() == before {
        findings.warn(
            "hosts",
            "no agent host starts agentport yet",
            "agentport host add openclaw, or claude-code, codex, cursor",
        );
    }
}

/// Is the session's bus anywhere but where a program finds it by itself?
fn is_elsewhere(bus: Option<&str>) -> bool {
    cfg!(target_os = "linux") && bus.is_some_and(|bus| !bus.starts_with("unix:path=/run/user/"))
}

fn names_bus(entry: &Value) -> bool {
    let name = "DBUS_SESSION_BUS_ADDRESS";
    let passed = entry.get("env_vars").and_then(Value::as_array).into_iter().flatten();
    entry.get("env").is_some_and(|env| env.get(name).is_some()) || passed.into_iter().any(|passed| passed == name)
}
