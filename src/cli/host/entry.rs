//! What a host has to know to start us.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::kind::Host;
use crate::{
    app::App,
    cli::{Failure, doctor::mask},
    config::{Settings, StoreKind, user_home},
    files,
};

/// The keys that are ours to set; what else stands in an entry is its owner's.
const OURS: [&str; 5] = ["command", "args", "env", "env_vars", "requestTimeoutMs"];
/// OpenClaw gives a call 60 seconds and a list 1.5 unless told otherwise; awaiting an approval takes up to 50.
const OPENCLAW_TIMEOUT: u64 = 90_000;

/// An entry: its members, in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry(Vec<(String, Value)>);

impl Entry {
    /// Ours in the configuration of `host`, and what the person should know about it.
    pub(super) fn for_host(app: &App, host: Host) -> Result<(Self, Vec<String>), Failure> {
        let mut warnings = Vec::new();
        let command = own_path()?;
        if let Some(warning) = fleeting(&command) {
            warnings.push(warning);
        }
        if let Some(url) = app.environment().gateway_url() {
            return Ok((Self::of_shim(&command, host, url), warnings));
        }
        let mut env = Map::new();
        let mut passed = Vec::new();
        let home = app.home()?;
        if user_home().is_none_or(|user| home.path() != user.join(".agentport")) {
            env.insert("AGENTPORT_HOME".to_owned(), json!(text(home.path())?));
        }
        let environment = app.environment();
        match store(app) {
            StoreKind::Vault => {
                if let Some(key) = environment.key_file() {
                    env.insert("AGENTPORT_KEY_FILE".to_owned(), json!(text(key)?));
                }
            }
            StoreKind::Keyring if host.strips_environment() && cfg!(target_os = "linux") => {
                let session = [
                    ("DBUS_SESSION_BUS_ADDRESS", environment.session_bus()),
                    ("XDG_RUNTIME_DIR", environment.runtime_dir()),
                ];
                if environment.session_bus().is_none() {
                    warnings.push(format!(
                        "{} starts servers without the session's variables, and DBUS_SESSION_BUS_ADDRESS is not set \
                         here; if it cannot reach the keyring later, run this again in your desktop session",
                        host.title()
                    ));
                }
                for (name, value) in session.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                    match host {
                        Host::Codex => passed.push(name),
                        Host::OpenClaw | Host::ClaudeCode | Host::Cursor => {
                            drop(env.insert(name.to_owned(), json!(value)));
                        }
                    }
                }
            }
            StoreKind::Keyring => {}
        }
        let mut members =
            vec![("command".to_owned(), json!(command)), ("args".to_owned(), json!(["stdio", "--as", host.name()]))];
        if !env.is_empty() {
            members.push(("env".to_owned(), Value::Object(env)));
        }
        if !passed.is_empty() {
            members.push(("env_vars".to_owned(), json!(passed)));
        }
        if host == Host::OpenClaw {
            members.push(("requestTimeoutMs".to_owned(), json!(OPENCLAW_TIMEOUT)));
        }
        Ok((Self(members), warnings))
    }

    /// The agent's side of a gateway: it holds nothing, so that nothing leads to a store. A token is a key, which its owner
    /// puts in where the gateway asks for one.
    fn of_shim(command: &str, host: Host, url: &str) -> Self {
        let mut members = vec![
            ("command".to_owned(), json!(command)),
            ("args".to_owned(), json!(["stdio"])),
            ("env".to_owned(), json!({"AGENTPORT_URL": url})),
        ];
        if host == Host::OpenClaw {
            members.push(("requestTimeoutMs".to_owned(), json!(OPENCLAW_TIMEOUT)));
        }
        Self(members)
    }

    /// An entry as it was found.
    pub(super) fn from_json(found: &Value) -> Self {
        let members = found.as_object().into_iter().flatten();
        let (ours, others): (Vec<_>, Vec<_>) = members.partition(|(key, _)| OURS.contains(&key.as_str()));
        let position = |key: &str| OURS.iter().position(|ours| *ours == key);
        let mut ours: Vec<(String, Value)> =
            ours.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        ours.sort_by_key(|(key, _)| position(key));
        ours.extend(others.into_iter().map(|(key, value)| (key.clone(), value.clone())));
        Self(ours)
    }

    /// Its members, in order.
    pub(super) fn members(&self) -> Vec<(String, Value)> {
        self.0.clone()
    }

    /// As one object.
    pub(super) fn to_json(&self) -> Value {
        Value::Object(self.0.iter().cloned().collect())
    }

    /// Has `found` every member of ours with the same value, and none of ours beside?
    pub(super) fn is_in(&self, found: &Value) -> bool {
        let ours = |key: &str| self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        found.is_object() && OURS.iter().all(|key| found.get(key) == ours(key))
    }

    /// With what the owner added to the entry that is there.
    pub(super) fn with_others_of(self, found: Option<&Value>) -> Self {
        let others = found.and_then(Value::as_object).into_iter().flatten();
        let others = others.filter(|(key, _)| !OURS.contains(&key.as_str()));
        let added = others.map(|(key, value)| (key.clone(), value.clone()));
        Self(self.0.into_iter().chain(added).collect())
    }

    /// For the screen: a key that somebody left in it is not shown.
    pub(super) fn masked(&self) -> Self {
        Self(self.0.iter().map(|(key, value)| (key.clone(), mask(value))).collect())
    }
}

/// This program, by a path that means the same from everywhere.
fn own_path() -> Result<String, Failure> {
    let path = std::env::current_exe().and_then(|path| path.canonicalize());
    let path = path.map_err(|error| {
        Failure::new(format!("this program cannot find itself: {error}"))
            .hint("was it replaced while it ran? start it again")
    })?;
    text(&path)
}

/// Why a host that has noted this path may not find the program there tomorrow.
pub(in crate::cli) fn fleeting(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    let cache = parts.contains(&"_npx");
    (cache || parts.contains(&"node_modules")).then(|| {
        let where_it_is = if cache { "npx's cache, which is emptied now and then" } else { "a node_modules folder" };
        format!(
            "`{}` lies in {where_it_is}; install agentport for good and run this again, so that the host finds it tomorrow",
            crate::visible::visible(path)
        )
    })
}

/// Where the home keeps its secrets, or will by default.
fn store(app: &App) -> StoreKind {
    let settings = app.home().ok().and_then(|home| files::read_guarded(&home.settings()).ok()).flatten();
    settings
        .and_then(|text| Settings::parse(&text, app.environment()).ok())
        .map_or(StoreKind::Keyring, |settings| settings.store)
}

fn text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(format!("the path `{}` is not UTF-8, which no host's file can hold", path.display()))
            .hint("move it to a path that is")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_may_be_gone_tomorrow_is_named() {
        assert!(fleeting("/home/a/.npm/_npx/1f/node_modules/@agentport/x/agentport").unwrap().contains("npx's cache"));
        assert!(fleeting("C:\\p\\node_modules\\agentport.exe").unwrap().contains("a node_modules folder"));
        assert_eq!(fleeting("/usr/local/bin/agentport"), None);
    }

    #[test]
    fn what_the_owner_added_stays_and_does_not_count_as_a_difference() {
        let entry = Entry(vec![("command".into(), json!("/bin/a")), ("args".into(), json!(["stdio"]))]);
        let found = json!({"args": ["stdio"], "command": "/bin/a", "disabled": true});
        assert!(entry.is_in(&found));
        assert!(!entry.is_in(&json!({"args": ["stdio"], "command": "/bin/a", "env": {"A": "b"}})));
        let keys: Vec<_> = entry.with_others_of(Some(&found)).0.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["command", "args", "disabled"]);
    }
}
