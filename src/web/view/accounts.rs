//! An account and how it is; and what connecting one takes.

use super::{cell::Cell, when::When};
use crate::{
    account::Account,
    catalog::{Integration, UpstreamSpec},
    clock::Millis,
    gateway::{Health, SecretState, is_unseen, way_in},
    snapshot::Snapshot,
    sql::Dialect,
    upstream::oauth::SignedIn,
};

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct AccountView {
    /// `stripe`
    pub(in crate::web) integration: String,
    /// The account's name with us.
    pub(in crate::web) name: String,
    /// The service's name.
    pub(in crate::web) service: String,
    /// `production`
    pub(in crate::web) environment: &'static str,
    /// Where its requests go, and nowhere else.
    pub(in crate::web) origin: Cell,
    /// Whose it is, as the vendor says.
    pub(in crate::web) identity: Vec<Cell>,
    /// `live` or `test mode`, as the vendor says.
    pub(in crate::web) live: Option<&'static str>,
    /// What is the matter with its secret.
    pub(in crate::web) ill: Option<&'static str>,
    /// Was it connected by signing in?
    pub(in crate::web) signs_in: bool,
    /// What it may do that an agent should not.
    pub(in crate::web) too_much: Vec<String>,
    /// The SQL of a role that may do less, line by line.
    pub(in crate::web) role: Vec<Cell>,
    /// When a call with it last succeeded.
    pub(in crate::web) worked: Option<When>,
    /// When one last failed, if none succeeded since.
    pub(in crate::web) failed: Option<When>,
    /// When it was connected.
    pub(in crate::web) connected: When,
    /// Its settings.
    pub(in crate::web) settings: Vec<(String, Cell)>,
}

impl AccountView {
    /// One account, seen from `now`.
    pub(in crate::web) fn new(health: &Health, snapshot: &Snapshot, now: Millis) -> Self {
        let account = &health.account;
        let integration = snapshot.catalog.integration(&account.integration);
        let identity = [&account.identity.name, &account.identity.id];
        let ill = match health.secret {
            SecretState::Ok if health.described => None,
            SecretState::Ok => Some("no manifest describes this service any more: its tools are gone"),
            SecretState::Missing => Some("there is no secret for it: store one again"),
            SecretState::SignedOut => Some("its sign-in has ended: sign in again"),
            SecretState::Locked => Some("the secret store does not answer"),
            SecretState::Unreadable => Some("its secret cannot be read: store it again"),
        };
        Self {
            integration: account.integration.clone(),
            name: account.name.clone(),
            service: integration.map_or_else(|| account.integration.clone(), |integration| integration.title.clone()),
            environment: account.environment.as_str(),
            origin: Cell::line(account.origin.as_str()),
            identity: identity.into_iter().flatten().map(|text| Cell::line(text)).collect(),
            live: account.identity.live.map(|live| if live { "live" } else { "test mode" }),
            ill,
            signs_in: health.signs_in,
            too_much: health.too_much.clone(),
            role: health.role.iter().flat_map(|role| role.lines()).map(Cell::line).collect(),
            worked: health.worked.map(|at| When::new(at, now)),
            failed: health
                .failed
                .filter(|at| health.worked.is_none_or(|worked| worked < *at))
                .map(|at| When::new(at, now)),
            connected: When::new(account.connected_at, now),
            settings: account.settings.iter().map(|(name, value)| (name.clone(), Cell::line(value))).collect(),
        }
    }
}

/// A sign-in that came back and is to be stored: all that storing it puts in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct BackView {
    /// By which the form names it.
    pub(in crate::web) mark: String,
    /// Whose it is, as the service says.
    pub(in crate::web) whose: Vec<Cell>,
    /// `production`
    pub(in crate::web) environment: &'static str,
    /// Where its requests go, and nowhere else.
    pub(in crate::web) origin: Cell,
    /// Where it is renewed.
    pub(in crate::web) renewed_at: Cell,
    /// The client that signed in.
    pub(in crate::web) client: Cell,
    /// What the server granted.
    pub(in crate::web) scopes: Vec<Cell>,
    /// Its settings.
    pub(in crate::web) settings: Vec<(String, Cell)>,
}

impl BackView {
    /// Of what came back.
    pub(in crate::web) fn new(account: &Account, tokens: &SignedIn, mark: &str) -> Self {
        let identity = [&account.identity.name, &account.identity.id];
        Self {
            mark: mark.to_owned(),
            whose: identity.into_iter().flatten().map(|text| Cell::line(text)).collect(),
            environment: account.environment.as_str(),
            origin: Cell::line(account.origin.as_str()),
            renewed_at: Cell::line(&tokens.token_endpoint().url()),
            client: Cell::line(tokens.client_id()),
            scopes: tokens.scopes().iter().map(|scope| Cell::line(scope)).collect(),
            settings: account.settings.iter().map(|(name, value)| (name.clone(), Cell::line(value))).collect(),
        }
    }
}

/// What a person is asked for to connect an account of a service, or to give one another secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct OfferView {
    /// The service's name.
    pub(in crate::web) service: String,
    /// `Stripe restricted key`
    pub(in crate::web) label: String,
    /// Where one is made, an https address.
    pub(in crate::web) create_at: Option<String>,
    /// What the connection URL of a database looks like.
    pub(in crate::web) example: Option<&'static str>,
    /// What it has to be allowed to do.
    pub(in crate::web) rights: Option<String>,
    /// Where it will go, unless another address is given; of a database its connection URL says that.
    pub(in crate::web) origin: Option<String>,
    /// What has to be set: name, description, example and default.
    pub(in crate::web) settings: Vec<(String, String, String, Option<String>)>,
    /// Is it a server, which may be in a private network?
    pub(in crate::web) server: bool,
    /// Why it is the terminal's alone.
    pub(in crate::web) elsewhere: Option<&'static str>,
    /// How one signs in to it on the terminal, where that is the only place, or sees what it is.
    pub(in crate::web) command: Option<String>,
    /// Is there no other way than signing in?
    pub(in crate::web) alone: bool,
    /// Signing in here.
    pub(in crate::web) sign_in: Option<SignInView>,
}

/// What signing in to a service takes, and asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct SignInView {
    /// The client that was registered with the service, as far as it is known.
    pub(in crate::web) client_id: String,
    /// Does the service demand a secret of it?
    pub(in crate::web) client_secret: bool,
    /// Where the browser comes back to.
    pub(in crate::web) redirect: String,
}

impl OfferView {
    /// For an account of this name of a service, and the one that is there; with the id of the client that signs in, and
    /// where the browser comes back to.
    pub(in crate::web) fn new(
        integration: &Integration,
        (name, before): (&str, Option<&Account>),
        snapshot: &Snapshot,
        (client_id, redirect): (String, String),
    ) -> Self {
        let credential = &integration.credential;
        let alone = credential.oauth.as_ref().is_some_and(|oauth| oauth.alone);
        let sign_in = way_in(snapshot, integration, before).map(|(oauth, _)| SignInView {
            client_id,
            client_secret: oauth.client_secret,
            redirect,
        });
        let on_terminal = || format!("agentport connect {} --oauth --account {name}", integration.id);
        let (elsewhere, command) = match (&credential.oauth, &sign_in) {
            _ if is_unseen(snapshot, integration) => (
                Some("Its manifest has not been approved as it stands now. See it on the terminal first:"),
                Some("agentport policy apply".to_owned()),
            ),
            (Some(_), None) if alone => {
                (Some("One signs in to this account, and that starts on the terminal:"), Some(on_terminal()))
            }
            (Some(_), None) => (None, Some(on_terminal())),
            (Some(_), Some(_)) | (None, _) => (None, None),
        };
        Self {
            service: integration.title.clone(),
            label: credential.label.clone(),
            create_at: credential.create_at.clone().filter(|at| at.starts_with("https://")),
            example: match &integration.upstream {
                UpstreamSpec::Sql { dialect } => Some(match dialect {
                    Dialect::Postgres => "postgres://user:password@host:5432/database",
                    Dialect::Mysql => "mysql://user:password@host:3306/database",
                    Dialect::Sqlite => "sqlite:///home/me/shop.db",
                }),
                UpstreamSpec::Rest { .. } | UpstreamSpec::Graphql { .. } => None,
            },
            rights: credential.rights.clone(),
            origin: match &integration.upstream {
                UpstreamSpec::Rest { origin, .. } | UpstreamSpec::Graphql { origin, .. } => Some(origin.clone()),
                UpstreamSpec::Sql { .. } => None,
            },
            settings: integration
                .settings
                .iter()
                .filter(|setting| {
                    setting.name != "database" || !matches!(integration.upstream, UpstreamSpec::Sql { .. })
                })
                .map(|setting| {
                    let default = setting.default.clone();
                    (setting.name.clone(), setting.description.clone(), setting.example.clone(), default)
                })
                .collect(),
            server: matches!(integration.upstream, UpstreamSpec::Sql { dialect: Dialect::Postgres | Dialect::Mysql }),
            elsewhere,
            command,
            alone,
            sign_in,
        }
    }
}
