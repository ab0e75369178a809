//! The home and its settings: the only reader of the environment and of `agentport.toml`.

mod channels;
mod duration;
mod rewrite;
mod settings;
mod site;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::secret::Secret;

pub use self::channels::{Channel, ChannelKind, MailTls, Mailbox, SecretNeed};
pub use self::duration::parse_duration;
pub use self::rewrite::with_store;
pub use self::settings::{OAuthClient, Settings, StoreKind, is_client_id};
pub use self::site::{Acme, Tls, TlsFiles, is_this_computer};

/// Where root says what nobody on this computer may.
const SYSTEM_POLICY: Option<&str> = if cfg!(unix) { Some("/etc/agentport/policy.toml") } else { None };

/// The variables that have a meaning to us, read once.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `AGENTPORT_HOME`
    home: Option<PathBuf>,
    /// `AGENTPORT_KEY_FILE`
    key_file: Option<PathBuf>,
    /// `CREDENTIALS_DIRECTORY`, as systemd sets it
    credentials_directory: Option<PathBuf>,
    /// `AGENTPORT_LOG`
    log: Option<String>,
    /// `SSH_CONNECTION` is not read: whether there is a browser is asked of the platform
    display: bool,
    /// `DBUS_SESSION_BUS_ADDRESS`
    session_bus: Option<String>,
    /// `XDG_RUNTIME_DIR`
    runtime_dir: Option<String>,
    /// `AGENTPORT_URL`
    url: Option<String>,
    /// `AGENTPORT_CA`
    ca: Option<PathBuf>,
    /// `AGENTPORT_TOKEN`
    token: Option<Arc<Secret>>,
    /// Is this the gateway?
    gateway: bool,
    /// The policy of this computer. No variable names it: what an agent can set must not lead around it.
    system_policy: Option<PathBuf>,
    /// `NO_COLOR` and a `TERM` that is `dumb` speak against it
    color: bool,
}

impl Environment {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Self {
        let variable = |name: &str| -> Option<OsString> { std::env::var_os(name).filter(|value| !value.is_empty()) };
        Self {
            home: variable("AGENTPORT_HOME").map(PathBuf::from),
            key_file: variable("AGENTPORT_KEY_FILE").map(PathBuf::from),
            credentials_directory: variable("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            log: variable("AGENTPORT_LOG").and_then(|value| value.into_string().ok()),
            display: cfg!(any(target_os = "macos", windows))
                || variable("DISPLAY").is_some()
                || variable("WAYLAND_DISPLAY").is_some(),
            session_bus: variable("DBUS_SESSION_BUS_ADDRESS").and_then(|value| value.into_string().ok()),
            runtime_dir: variable("XDG_RUNTIME_DIR").and_then(|value| value.into_string().ok()),
            // one that cannot be read is one that was given
            url: variable("AGENTPORT_URL").map(|value| value.to_string_lossy().into_owned()),
            ca: variable("AGENTPORT_CA").map(PathBuf::from),
            token: variable("AGENTPORT_TOKEN")
                .and_then(|value| value.into_string().ok())
                .map(|value| Arc::new(Secret::new(value))),
            gateway: false,
            system_policy: SYSTEM_POLICY.map(PathBuf::from),
            color: variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb"),
        }
    }

    /// One that names a home and nothing else, for a home that this process makes itself.
    pub fn of_home(home: &Path) -> Self {
        Self { home: Some(home.to_owned()), ..Self::default() }
    }

    /// One that names a home and the key of its vault, neither of which is anywhere near the user's own.
    pub fn of_sandbox(home: &Path, key_file: &Path) -> Self {
        Self { key_file: Some(key_file.to_owned()), ..Self::of_home(home) }
    }

    /// The same with another home.
    #[must_use]
    pub fn with_home(&self, home: &Path) -> Self {
        Self { home: Some(home.to_owned()), ..self.clone() }
    }

    /// The same for a process that is the gateway: some settings have another value there where they are not given.
    #[must_use]
    pub fn for_gateway(self) -> Self {
        Self { gateway: true, ..self }
    }

    /// The same with the policy of a computer that a test made up.
    #[must_use]
    pub fn with_system_policy(self, path: &Path) -> Self {
        Self { system_policy: Some(path.to_owned()), ..self }
    }

    /// Where root's policy is, or would be.
    pub fn system_policy(&self) -> Option<&Path> {
        self.system_policy.as_deref()
    }

    /// Where the gateway is that this process is the agent's side of.
    pub fn gateway_url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The file of the authorities that alone vouch for that gateway. Whoever starts the agent's side says where its gateway
    /// is anyway; for nothing else does this mean anything.
    pub fn gateway_authority(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// By which that gateway knows the agent.
    pub fn agent_token(&self) -> Option<&Arc<Secret>> {
        self.token.as_ref()
    }

    /// The level of our own log targets: `error`, `warn`, `info`, `debug` or `trace`.
    pub fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }

    /// Is there a screen that a browser could open on?
    pub fn has_display(&self) -> bool {
        self.display
    }

    /// The key file of the vault that `AGENTPORT_KEY_FILE` names.
    pub fn key_file(&self) -> Option<&Path> {
        self.key_file.as_deref()
    }

    /// The address of the desktop session's bus, through which the keyring of Linux is reached.
    pub fn session_bus(&self) -> Option<&str> {
        self.session_bus.as_deref()
    }

    /// The folder of the login session, where the bus and the keyring have their sockets.
    pub fn runtime_dir(&self) -> Option<&str> {
        self.runtime_dir.as_deref()
    }

    /// May a terminal be written to in colour?
    pub fn wants_color(&self) -> bool {
        self.color
    }
}

/// The folder in which everything is kept, and the paths in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

/// There is no place for a home.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum HomeError {
    #[error("the user database knows no home directory of this user; set AGENTPORT_HOME to an absolute path")]
    NoUser,
    #[error("AGENTPORT_HOME is `{0}`; it must be an absolute path")]
    Relative(String),
}

impl Home {
    /// `AGENTPORT_HOME`, else `.agentport` in the home directory that the user database names.
    ///
    /// # Errors
    /// The path is relative, or the user database knows no home directory.
    pub fn find(environment: &Environment) -> Result<Self, HomeError> {
        match &environment.home {
            Some(path) if path.is_absolute() => Ok(Self(path.clone())),
            Some(path) => Err(HomeError::Relative(path.display().to_string())),
            None => user_home().map(|home| Self(home.join(".agentport"))).ok_or(HomeError::NoUser),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `agentport.toml`
    pub fn settings(&self) -> PathBuf {
        self.0.join("agentport.toml")
    }

    /// `policy.toml`
    pub fn policy(&self) -> PathBuf {
        self.0.join("policy.toml")
    }

    /// `grants.toml`, a copy of what people granted
    pub fn grants(&self) -> PathBuf {
        self.0.join("grants.toml")
    }

    /// `tools/`, where the user's own manifests are
    pub fn tools(&self) -> PathBuf {
        self.0.join("tools")
    }

    /// `agentport.db`
    pub fn database(&self) -> PathBuf {
        self.0.join("agentport.db")
    }

    /// `tls/`, what an authority gave us: its certificates, and our account with it
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// `vault.age`
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault.age")
    }

    /// `run/`, where each process holds a locked file
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// `run/secrets.lock`: `secrets move` holds it alone, whoever stores or deletes a secret shares it
    pub fn secrets_lock(&self) -> PathBuf {
        self.run().join("secrets.lock")
    }

    /// `gateway.lock`, whose holder is the gateway: nobody else hosts the site meanwhile
    pub fn gateway_lock(&self) -> PathBuf {
        self.0.join("gateway.lock")
    }

    /// `site.lock`, whose holder hosts the approval site
    pub fn site_lock(&self) -> PathBuf {
        self.0.join("site.lock")
    }
}

/// From the user database, so that a changed `HOME` leads nowhere else.
#[cfg(unix)]
pub fn user_home() -> Option<PathBuf> {
    nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.dir)
}

/// The number of a user of this computer.
#[cfg(unix)]
pub fn user_id(name: &str) -> Option<u32> {
    nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
}

/// The name of a user of this computer.
#[cfg(unix)]
pub fn user_name(id: u32) -> Option<String> {
    nix::unistd::User::from_uid(id.into()).ok().flatten().map(|user| user.name)
}

/// Users have no numbers here.
#[cfg(not(unix))]
pub fn user_id(_name: &str) -> Option<u32> {
    None
}

/// Users have no numbers here.
#[cfg(not(unix))]
pub fn user_name(_id: u32) -> Option<String> {
    None
}

/// From the profile that Windows names.
#[cfg(not(unix))]
pub fn user_home() -> Option<PathBuf> {
    std::env::home_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t259_a_relative_home_is_refused() {
        assert!(matches!(Home::find(&Environment::of_home(Path::new("here"))), Err(HomeError::Relative(_))));
    }
}
