//! The home and its settings: the only reader of the environment and of `agentport.toml`.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    clock::Millis,
    diagnostic::{Diagnostics, Source},
    secret::KeySource,
};

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

    /// `agentport.db`
    pub fn database(&self) -> PathBuf {
        self.0.join("agentport.db")
    }

    /// `vault.age`
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault.age")
    }

    /// `run/`, where each process holds a locked file
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// `site.lock`, whose holder hosts the approval site
    pub fn site_lock(&self) -> PathBuf {
        self.0.join("site.lock")
    }
}

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The OS keyring.
    Keyring,
    /// An age file.
    Vault,
}

/// `agentport.toml`, valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The approval site's address.
    pub listen: SocketAddr,
    /// What links begin with; no trailing slash.
    pub public_url: String,
    /// A session's life since its last use.
    pub session: Millis,
    /// Where secrets are kept.
    pub store: StoreKind,
    /// What opens the vault.
    pub key: KeySource,
    /// How long an approval waits.
    pub expires: Millis,
    /// How many approvals of one caller may wait.
    pub max_pending: u32,
    /// Toolsets shown beside the core ones: `(integration, toolset or "all")`.
    pub expose: Vec<(String, String)>,
    /// How long arguments and answers are kept.
    pub keep_payloads: Millis,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    site: RawSite,
    secrets: RawSecrets,
    approvals: RawApprovals,
    tools: RawTools,
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSite {
    listen: toml::Spanned<String>,
    public_url: toml::Spanned<String>,
    session: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSecrets {
    store: StoreKind,
    key_file: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawApprovals {
    expires: toml::Spanned<String>,
    max_pending: toml::Spanned<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTools {
    expose: Vec<toml::Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    keep_payloads: toml::Spanned<String>,
}

impl Default for RawSite {
    fn default() -> Self {
        Self {
            listen: unplaced("127.0.0.1:4747"),
            public_url: unplaced("http://localhost:4747"),
            session: unplaced("30d"),
        }
    }
}

impl Default for RawSecrets {
    fn default() -> Self {
        Self { store: StoreKind::Keyring, key_file: unplaced("~/.agentport.key") }
    }
}

impl Default for RawApprovals {
    fn default() -> Self {
        Self { expires: unplaced("1h"), max_pending: toml::Spanned::new(0..0, 5) }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self { keep_payloads: unplaced("90d") }
    }
}

fn unplaced(text: &str) -> toml::Spanned<String> {
    toml::Spanned::new(0..0, text.to_owned())
}

impl Settings {
    /// Parses `agentport.toml`; a key that is not there has the value that `init` would have written.
    ///
    /// # Errors
    /// Every problem, with its line.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, Diagnostics> {
        let mut source = Source::new("agentport.toml", text);
        let raw: Raw = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                source.problem(error.span().unwrap_or(0..0), error.message().to_lowercase(), None);
                return Err(Diagnostics(source.into_problems()));
            }
        };
        let listen = raw.site.listen.get_ref().parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
        if listen.is_none() {
            source.problem(
                raw.site.listen.span(),
                "`listen` must be a loopback address with a port",
                Some("for example \"127.0.0.1:4747\"".to_owned()),
            );
        }
        let public_url = public_url(&raw.site.public_url, &mut source);
        let session = duration(&raw.site.session, "session", (60_000, 365 * DAY), &mut source);
        let expires = duration(&raw.approvals.expires, "expires", (60_000, 7 * DAY), &mut source);
        let keep_payloads = duration(&raw.log.keep_payloads, "keep_payloads", (DAY, 3650 * DAY), &mut source);
        let max_pending = *raw.approvals.max_pending.get_ref();
        if !(1..=100).contains(&max_pending) {
            source.problem(raw.approvals.max_pending.span(), "`max_pending` must be 1 to 100", None);
        }
        let mut expose = Vec::new();
        for entry in &raw.tools.expose {
            match entry.get_ref().split_once(':') {
                Some((integration, toolset)) if !integration.is_empty() && !toolset.is_empty() => {
                    expose.push((integration.to_owned(), toolset.to_owned()));
                }
                Some(_) | None => source.problem(
                    entry.span(),
                    format!("`{}` is not a toolset", entry.get_ref()),
                    Some("write integration:toolset, for example \"stripe:all\"".to_owned()),
                ),
            }
        }
        let key_file = environment.key_file.clone().or_else(|| expand(raw.secrets.key_file.get_ref()));
        if key_file.as_ref().is_none_or(|path| !path.is_absolute()) {
            source.problem(
                raw.secrets.key_file.span(),
                "`key_file` must be an absolute path, or begin with `~/`",
                None,
            );
        }
        let valid = (listen, public_url, session, expires, keep_payloads, key_file);
        let (Some(listen), Some(public_url), Some(session), Some(expires), Some(keep_payloads), Some(key_file)) = valid
        else {
            return Err(Diagnostics(source.into_problems()));
        };
        if !source.is_clean() {
            return Err(Diagnostics(source.into_problems()));
        }
        let key = match &environment.credentials_directory {
            Some(folder) if folder.join("agentport-key").exists() => {
                KeySource::SystemdCredential(folder.join("agentport-key"))
            }
            Some(_) | None => KeySource::File(key_file),
        };
        Ok(Self {
            listen,
            public_url,
            session,
            store: raw.secrets.store,
            key,
            expires,
            max_pending,
            expose,
            keep_payloads,
        })
    }

    /// What `init` writes: every key, uncommented.
    pub fn template(store: StoreKind) -> String {
        let store = match store {
            StoreKind::Keyring => "keyring",
            StoreKind::Vault => "vault",
        };
        format!(
            r#"[site]
listen = "127.0.0.1:4747"             # the approval site; also bound on [::1]
public_url = "http://localhost:4747"  # what links begin with
session = "30d"                       # since last use; a session reads and denies, it never approves by itself

[secrets]
store = "{store}"{pad}             # "keyring", or "vault": an age file that the key file opens
key_file = "~/.agentport.key"         # beside the home, so that a copied home has no key

[approvals]
expires = "1h"                        # 1m to 7d
max_pending = 5                       # per caller

[tools]
expose = []                           # extra toolsets, for example "stripe:all"

[log]
keep_payloads = "90d"                 # older arguments and answers go; hashes and chain stay
"#,
            pad = " ".repeat(15_usize.saturating_sub(store.len())),
        )
    }
}

const DAY: Millis = 24 * 60 * 60 * 1000;

/// `90s`, `5m`, `1h`, `30d` in milliseconds.
pub fn parse_duration(text: &str) -> Option<Millis> {
    let unit = text.chars().next_back()?;
    let number: Millis = text.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
    let factor = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn duration(
    value: &toml::Spanned<String>,
    key: &str,
    (min, max): (Millis, Millis),
    source: &mut Source<'_>,
) -> Option<Millis> {
    let parsed = parse_duration(value.get_ref()).filter(|millis| (min..=max).contains(millis));
    if parsed.is_none() {
        source.problem(
            value.span(),
            format!("`{key}` must be a duration between {} and {}", shown(min), shown(max)),
            Some("for example \"90s\", \"5m\", \"1h\" or \"30d\"".to_owned()),
        );
    }
    parsed
}

fn shown(millis: Millis) -> String {
    if millis % DAY == 0 { format!("{}d", millis / DAY) } else { format!("{}m", millis / 60_000) }
}

fn public_url(value: &toml::Spanned<String>, source: &mut Source<'_>) -> Option<String> {
    let url = url::Url::parse(value.get_ref()).ok().filter(|url| {
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        bare && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
    });
    if url.is_none() {
        source.problem(
            value.span(),
            "`public_url` must be an https address, or http on localhost, without a path",
            Some("for example \"http://localhost:4747\"".to_owned()),
        );
    }
    url.map(|url| url.origin().ascii_serialization())
}

fn expand(path: &str) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => user_home().map(|home| home.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

/// From the user database, so that a changed `HOME` leads nowhere else.
#[cfg(unix)]
pub fn user_home() -> Option<PathBuf> {
    nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.dir)
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
    fn what_init_writes_is_what_a_missing_key_means() {
        for store in [StoreKind::Keyring, StoreKind::Vault] {
            let written = Settings::parse(&Settings::template(store), &Environment::default()).unwrap();
            let missing = Settings::parse("", &Environment::default()).unwrap();
            assert_eq!(written, Settings { store, ..missing });
        }
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let text = "[site]\nlisten = \"0.0.0.0:80\"\nsession = \"soon\"\n[approvals]\nexpires = \"30d\"\nmax_pending = 0\n[tools]\nexpose = [\"stripe\"]\n";
        let Diagnostics(problems) = Settings::parse(text, &Environment::default()).unwrap_err();
        let found: Vec<_> = problems.iter().map(|problem| (problem.line(), problem.message.as_str())).collect();
        assert_eq!(
            found,
            [
                (2, "`listen` must be a loopback address with a port"),
                (3, "`session` must be a duration between 1m and 365d"),
                (5, "`expires` must be a duration between 1m and 7d"),
                (6, "`max_pending` must be 1 to 100"),
                (8, "`stripe` is not a toolset"),
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_a_problem() {
        let Diagnostics(problems) = Settings::parse("[site]\nlissten = \"x\"\n", &Environment::default()).unwrap_err();
        assert_eq!(problems[0].line(), 2);
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("5m"), Some(300_000));
        assert_eq!(parse_duration("30d"), Some(30 * DAY));
        for text in ["", "5", "m", "-1h", "1.5h", "1w", "１h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn t259_a_relative_home_is_refused() {
        assert!(matches!(Home::find(&Environment::of_home(Path::new("here"))), Err(HomeError::Relative(_))));
    }
}
