//! `agentport.toml`: what a person may set, checked as a whole.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Channel, Environment,
    channels::{self, RawChannel},
    duration::{DAY, duration},
    site::{self, RawSite, Tls},
    user_home,
};
use crate::{
    clock::Millis,
    diagnostic::{Diagnostics, Source},
    secret::KeySource,
    trust::bare,
};

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The OS keyring.
    Keyring,
    /// An age file.
    Vault,
}

impl StoreKind {
    /// The word of the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::Vault => "vault",
        }
    }
}

/// `agentport.toml`, valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The approval site's address.
    pub listen: SocketAddr,
    /// The gateway's Unix socket, for agents of this computer.
    pub socket: Option<PathBuf>,
    /// What the site and the gateway prove who they are with.
    pub tls: Option<Tls>,
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
    /// How many approvals of one caller may be asked for in an hour.
    pub hourly: u32,
    /// Whether facts are looked up for an approver.
    pub look_up: bool,
    /// Toolsets shown beside the core ones: `(integration, toolset or "all")`.
    pub expose: Vec<(String, String)>,
    /// Whether what looks like a secret of a well-known service is cut out of answers.
    pub mask_secrets: bool,
    /// How long arguments and answers are kept.
    pub keep_payloads: Millis,
    /// The clients that were registered with vendors for signing in, by integration.
    pub oauth: BTreeMap<String, OAuthClient>,
    /// How people are told that something waits.
    pub notify: Vec<Channel>,
    /// The authorities that alone may vouch for a host, each with its file.
    pub trust: BTreeMap<String, PathBuf>,
}

/// Can a vendor's client have this id?
pub fn is_client_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 500 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `[oauth.<integration>]`: a client that a person registered with a vendor. Its secret, where the vendor gives one out,
/// is a credential and never in a file: `connect --oauth` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// What the vendor calls it.
    pub client_id: String,
    /// The port of this computer that the browser comes back to, for a vendor that compares it; else any free one.
    pub redirect_port: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    site: RawSite,
    secrets: RawSecrets,
    approvals: RawApprovals,
    tools: RawTools,
    log: RawLog,
    oauth: BTreeMap<String, RawOAuth>,
    notify: Vec<RawChannel>,
    trust: BTreeMap<String, toml::Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOAuth {
    client_id: toml::Spanned<String>,
    redirect_port: Option<toml::Spanned<u16>>,
    /// Only to be refused by its name, without showing its line.
    client_secret: Option<serde::de::IgnoredAny>,
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
    expires: Option<toml::Spanned<String>>,
    max_pending: toml::Spanned<u32>,
    hourly: toml::Spanned<u32>,
    look_up: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTools {
    expose: Vec<toml::Spanned<String>>,
    mask_secrets: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    keep_payloads: toml::Spanned<String>,
}

impl Default for RawSecrets {
    fn default() -> Self {
        Self { store: StoreKind::Keyring, key_file: unplaced("~/.agentport.key") }
    }
}

impl Default for RawApprovals {
    fn default() -> Self {
        Self {
            expires: None,
            max_pending: toml::Spanned::new(0..0, 5),
            hourly: toml::Spanned::new(0..0, 30),
            look_up: true,
        }
    }
}

impl Default for RawTools {
    fn default() -> Self {
        Self { expose: Vec::new(), mask_secrets: true }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self { keep_payloads: unplaced("90d") }
    }
}

pub(super) fn unplaced(text: &str) -> toml::Spanned<String> {
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
        let site = site::site(&raw.site, &mut source);
        let session = duration(&raw.site.session, "session", (60_000, 365 * DAY), &mut source);
        // somebody is at a desktop; who answers for a gateway may be asleep
        let expires = raw.approvals.expires.unwrap_or_else(|| unplaced(if environment.gateway { "24h" } else { "1h" }));
        let expires = duration(&expires, "expires", (60_000, 7 * DAY), &mut source);
        let keep_payloads = duration(&raw.log.keep_payloads, "keep_payloads", (DAY, 3650 * DAY), &mut source);
        let max_pending = *raw.approvals.max_pending.get_ref();
        if !(1..=100).contains(&max_pending) {
            source.problem(raw.approvals.max_pending.span(), "`max_pending` must be 1 to 100", None);
        }
        let hourly = *raw.approvals.hourly.get_ref();
        if !(1..=10_000).contains(&hourly) {
            source.problem(raw.approvals.hourly.span(), "`hourly` must be 1 to 10000", None);
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
        let oauth = raw.oauth.iter().filter_map(|(id, raw)| Some((id.clone(), oauth_client(id, raw, &mut source)?)));
        let oauth = oauth.collect();
        let notify = channels::channels(&raw.notify, &mut source);
        let trust = raw.trust.iter().filter_map(|(host, file)| trusted(host, file, &mut source)).collect();
        let key_file = environment.key_file.clone().or_else(|| expand(raw.secrets.key_file.get_ref()));
        if key_file.as_ref().is_none_or(|path| !path.is_absolute()) {
            source.problem(
                raw.secrets.key_file.span(),
                "`key_file` must be an absolute path, or begin with `~/`",
                None,
            );
        }
        let valid = (site, session, expires, keep_payloads, key_file);
        let (Some(site), Some(session), Some(expires), Some(keep_payloads), Some(key_file)) = valid else {
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
            listen: site.listen,
            socket: site.socket,
            tls: site.tls,
            public_url: site.public_url,
            session,
            store: raw.secrets.store,
            key,
            expires,
            max_pending,
            hourly,
            look_up: raw.approvals.look_up,
            expose,
            mask_secrets: raw.tools.mask_secrets,
            keep_payloads,
            oauth,
            notify,
            trust,
        })
    }

    /// Can links be followed from another device? A channel that leaves this computer does not start before.
    pub fn is_published(&self) -> bool {
        let Ok(url) = url::Url::parse(&self.public_url) else { return false };
        match url.host() {
            Some(url::Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => !address.is_loopback(),
            Some(url::Host::Ipv6(address)) => !address.is_loopback(),
            None => false,
        }
    }

    /// The template for a home that `serve` uses: who answers for it may be asleep, and without the line it waits longer.
    pub fn for_gateway(template: &str) -> String {
        template.replacen("\nexpires = \"1h\" ", "\n# expires = \"24h\"", 1)
    }

    /// What `init` writes: every key, uncommented.
    pub fn template(store: StoreKind) -> String {
        let store = store.as_str();
        format!(
            r#"[site]
listen = "127.0.0.1:4747"             # the approval site; also bound on [::1]
public_url = "http://localhost:4747"  # what links begin with
session = "30d"                       # since last use; a session reads and denies, it never approves by itself

[secrets]
store = "{store}"{pad}             # "keyring", or "vault": an age file that the key file opens
key_file = "~/.agentport.key"         # beside the home, so that a copied home has no key

[approvals]
expires = "1h"                        # 1m to 7d; without this line 1h, and 24h with `serve`
max_pending = 5                       # per caller
hourly = 30                           # questions to you in an hour, per caller
look_up = true                        # read what a call is about, with its account, and show it beside the request

[tools]
expose = []                           # extra toolsets, for example "stripe:all"
mask_secrets = true                   # what looks like a key or a token in an answer reaches no agent

[log]
keep_payloads = "90d"                 # older arguments and answers go; hashes and chain stay
"#,
            pad = " ".repeat(15_usize.saturating_sub(store.len())),
        )
    }
}

fn oauth_client(id: &str, raw: &RawOAuth, source: &mut Source<'_>) -> Option<OAuthClient> {
    if raw.client_secret.is_some() {
        // its line is not shown: the secret stands there
        source.problem_of_file(
            format!("`client_secret` of [oauth.{}] must not stand in a file", id.escape_debug()),
            Some(format!(
                "remove it; `agentport connect {} --oauth --client-secret-stdin` takes it into the secret store",
                id.escape_debug()
            )),
        );
        return None;
    }
    let client_id = raw.client_id.get_ref();
    if !is_client_id(client_id) {
        let help = "copy it from the page where you registered the client".to_owned();
        source.problem(raw.client_id.span(), "this is not a client's id", Some(help));
        return None;
    }
    let redirect_port = raw.redirect_port.as_ref().map(|port| (*port.get_ref(), port.span()));
    if let Some((port, span)) = redirect_port.clone().filter(|(port, _)| *port < 1024) {
        source.problem(span, format!("port {port} is not for programs of yours"), Some("use 1024 or more".to_owned()));
        return None;
    }
    Some(OAuthClient { client_id: client_id.clone(), redirect_port: redirect_port.map(|(port, _)| port) })
}

/// `"db.internal" = "/etc/agentport/internal-ca.pem"`
fn trusted(host: &str, file: &toml::Spanned<String>, source: &mut Source<'_>) -> Option<(String, PathBuf)> {
    let web = |host: &str| url::Url::parse(&format!("https://{host}/")).ok()?.host_str().map(str::to_owned);
    // an IPv6 address may stand there with its brackets or without
    let whole = if host.contains(':') { web(&format!("[{}]", bare(host))) } else { web(host) };
    // a URL may hold a `*`; a certificate of one host does not
    let Some(known) = whole.filter(|known| bare(known) == bare(host) && !host.contains('*')) else {
        let help = "write the host as it stands in the address, in lower case, without scheme and port".to_owned();
        let host = host.escape_debug();
        source.problem(file.span(), format!("`{host}` of [trust] is not the name of a host"), Some(help));
        return None;
    };
    if !Path::new(file.get_ref()).is_absolute() {
        let help = "for example \"/etc/agentport/internal-ca.pem\"".to_owned();
        source.problem(file.span(), "[trust] names files by their absolute paths", Some(help));
        return None;
    }
    Some((bare(&known).to_owned(), PathBuf::from(file.get_ref())))
}

fn expand(path: &str) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => user_home().map(|home| home.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

#[cfg(test)]
mod tests;
