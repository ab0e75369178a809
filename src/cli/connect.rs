//! `agentport connect`: stores a credential with the only place that it may go.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{Exit, Failure, Out, prompt, sign_in, takeover::Takeover};
use crate::{
    account::{Account, Environment, Identity, Origin},
    app::App,
    catalog::{CredentialSpec, Integration, UpstreamSpec},
    gateway::{self, ConnectError, ConnectedAccount, Connecting, SettingError},
    ledger::Sqlite,
    secret::Secret,
    snapshot::Snapshot,
    upstream::{CredentialError, destination, looks_right, oauth::SignedIn, seal_key},
    visible::visible,
};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Args {
    /// The service: github, gmail, linear, mysql, postgres, posthog, sqlite, stripe, or one of your own
    integration: Option<String>,
    /// The account's name, where there are several
    #[arg(long, value_name = "NAME", default_value = "default")]
    account: String,
    /// Where its requests go, if not to the vendor's own address
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// Allow a private or loopback address, and plain http on loopback
    #[arg(long)]
    allow_private: bool,
    /// Take the secret as one line of standard input
    #[arg(long)]
    secret_stdin: bool,
    /// Take the secret out of an agent host's JSON or TOML file, as `agentport doctor` names it
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "secret_stdin")]
    from_file: Option<std::path::PathBuf>,
    /// Where in that file it stands, such as `mcpServers.shop.env.STRIPE_KEY`
    #[arg(long, value_name = "PATH", requires = "from_file")]
    key: Option<String>,
    /// A setting of the integration
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// What the account is for; unset counts as production
    #[arg(long, value_name = "production|staging|test")]
    env: Option<Environment>,
    /// Store it without asking the vendor
    #[arg(long)]
    no_verify: bool,
    /// Replace an account by another one of the vendor's; what waits for the old one is cancelled
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    sign_in: sign_in::Args,
}

/// What proves who is calling.
enum Obtained {
    Key(Secret),
    SignIn(Box<SignedIn>),
}

impl Obtained {
    fn seal(&self, account: &Account, spec: &CredentialSpec, scopes: &[String]) -> Result<Secret, CredentialError> {
        match self {
            Self::Key(key) => seal_key(account, &spec.scheme, key, scopes),
            Self::SignIn(tokens) => tokens.seal(account),
        }
    }
}

impl Args {
    pub(super) fn of(integration: &str) -> Self {
        Self {
            integration: Some(integration.to_owned()),
            account: "default".to_owned(),
            origin: None,
            allow_private: false,
            secret_stdin: false,
            from_file: None,
            key: None,
            settings: Vec::new(),
            env: None,
            no_verify: false,
            replace: false,
            sign_in: sign_in::Args::default(),
        }
    }
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let snapshot = parts.snapshots.current()?;
    let integration = known(&snapshot, args.integration.as_deref())?;
    check_name(&args.account)?;
    refuse_unseen(&args, &snapshot, integration)?;
    let before = snapshot.account(&integration.id, &args.account).cloned();
    let mut settings = settings(integration, &args.settings, before.as_ref().map(|before| &before.settings))?;
    let credential = &integration.credential;
    let mut early = None;
    let origin = match &integration.upstream {
        UpstreamSpec::Rest { origin, .. } | UpstreamSpec::Graphql { origin, .. } => {
            match (&args.origin, &before) {
                // what it had before was its owner's choice, and another secret of it has no other place to go
                (None, Some(before)) => {
                    if before.origin.as_str() != origin {
                        out_hint(out, &format!("the account's address is {}; --origin names another", before.origin));
                    }
                    before.origin.clone()
                }
                (given, _) => Origin::parse(given.as_deref().unwrap_or(origin), args.allow_private)
                    .map_err(|error| Failure::usage(error.to_string()))?,
            }
        }
        // where a database is, its connection URL says
        UpstreamSpec::Sql { .. } => {
            let given = key(out, &args, credential)?;
            let known = before
                .as_ref()
                .is_some_and(|before| destination(&given.0, true).is_ok_and(|(origin, _)| origin == before.origin));
            let (origin, database) = destination(&given.0, args.allow_private || known).map_err(Failure::usage)?;
            agreeing(args.origin.as_deref(), &origin)?;
            settings.insert("database".to_owned(), database);
            early = Some(given);
            origin
        }
    };
    // where signing in is the only way, it need not be asked for; a ready access token still can be given
    let alone = credential.oauth.as_ref().is_some_and(|oauth| oauth.alone);
    let given = args.secret_stdin || args.from_file.is_some();
    let signs_in = args.sign_in.oauth || alone && !given;
    if args.sign_in.oauth && given {
        return Err(Failure::usage("--oauth and a secret of one's own are two ways; use one"));
    }
    let mut account = Account {
        integration: integration.id.clone(),
        name: args.account.clone(),
        id: Sqlite::fresh_account_id()?,
        origin,
        environment: args.env.or(before.as_ref().map(|before| before.environment)).unwrap_or_default(),
        identity: Identity::default(),
        settings,
        connected_at: app.clock().now().wall,
    };
    let mut takeover = None;
    let obtained = if signs_in {
        let client = snapshot.settings.oauth.get(&integration.id);
        let tokens = sign_in::sign_in(app, out, &parts, (integration, client), &account, &args.sign_in).await?;
        account.connected_at = app.clock().now().wall;
        Obtained::SignIn(Box::new(tokens))
    } else {
        let (key, taken) = match early {
            Some(given) => given,
            None => key(out, &args, credential)?,
        };
        takeover = taken;
        Obtained::Key(key)
    };
    let seal = |account: &Account, scopes: &[String]| obtained.seal(account, credential, scopes);
    let connecting = Connecting {
        integration: integration.as_ref(),
        account,
        before: before.as_deref(),
        replace: args.replace,
        verify: !args.no_verify,
        seal: &seal,
        approver: None,
    };
    let ConnectedAccount { account, inspected } = gateway.connect(&parts, connecting).await.map_err(refused)?;
    let left = takeover.map(|takeover| takeover.remove(out));
    tell(out, &Told { integration, account: &account, verified: !args.no_verify, inspected: &inspected, left });
    Ok(Exit::Done)
}

/// What there is to say of a connected account.
struct Told<'a> {
    integration: &'a Integration,
    account: &'a Account,
    verified: bool,
    inspected: &'a crate::upstream::Inspected,
    left: Option<super::takeover::Left>,
}

fn tell(out: &Out, told: &Told<'_>) {
    let Told { integration, account, verified, inspected, left } = told;
    let warnings = inspected.warnings(&integration.credential);
    let mut value = json!({
        "integration": account.integration,
        "account": account.name,
        "origin": account.origin.as_str(),
        "environment": account.environment,
        "verified": verified,
        "identity": account.identity,
    });
    if let Some(value) = value.as_object_mut() {
        let told = [
            ("settings", json!(account.settings), !account.settings.is_empty()),
            ("sign_in", json!(true), inspected.is_sign_in()),
            ("scopes", json!(inspected.scopes()), !inspected.scopes().is_empty()),
            ("warnings", json!(warnings), !warnings.is_empty()),
        ];
        value.extend(told.into_iter().filter(|(.., there)| *there).map(|(key, fact, _)| (key.to_owned(), fact)));
        if let Some(left) = left {
            value.insert("from_file".to_owned(), left.to_json());
        }
    }
    warn(out, &warnings);
    let role = gateway::better_role(integration, account, inspected.scopes());
    if let (Some(role), Some(value)) = (&role, value.as_object_mut()) {
        value.insert("role_sql".to_owned(), json!(role));
    }
    out.answer(&value, || {
        let create_at = integration.credential.create_at.as_deref();
        let left = left.as_ref().map_or_else(String::new, |left| format!("\n{}", left.to_text(create_at)));
        let role = role.as_deref().map_or_else(String::new, |role| {
            format!("\n\nA role that may read this database and nothing else; run this as its owner, then connect with it:\n\n{role}")
        });
        format!("{}{left}{role}", connected(account, *verified))
    });
}

/// What a person reads of why nothing was connected, with what helps.
fn refused(error: ConnectError) -> Failure {
    let text = visible(&error.to_string());
    match error {
        ConnectError::Another { .. } => {
            Failure::new(text).hint("--replace cancels what waits for the old one; --account NAME adds another")
        }
        ConnectError::Unverified(_) => {
            Failure::new(text).hint("check the secret and the address, or store it unverified with --no-verify")
        }
        ConnectError::Unverifiable(_) | ConnectError::Unproven => Failure::new(text),
        other => other.into(),
    }
}

/// Where the address is given too, it has to be the one of the connection URL.
fn agreeing(given: Option<&str>, origin: &Origin) -> Result<(), Failure> {
    let Some(given) = given else { return Ok(()) };
    if given.trim_end_matches('/') == origin.as_str() {
        return Ok(());
    }
    let message = format!("--origin {} is not where the connection URL leads", visible(given));
    Err(Failure::usage(message).hint(format!("it leads to {origin}; leave --origin out, or give exactly that")))
}

fn known<'a>(snapshot: &'a Snapshot, id: Option<&str>) -> Result<&'a Arc<Integration>, Failure> {
    id.and_then(|id| snapshot.catalog.integration(id)).ok_or_else(|| {
        let known: Vec<&str> = snapshot.catalog.integrations().map(|integration| integration.id.as_str()).collect();
        let (message, hint) = match id {
            Some(id) => {
                (format!("there is no integration `{}`", visible(id)), format!("there are {}", known.join(", ")))
            }
            None => ("which service?".to_owned(), format!("agentport connect NAME; there are {}", known.join(", "))),
        };
        Failure::usage(message).hint(hint)
    })
}

/// The address that a manifest of the user's own names is its owner's choice once they have seen it (T260).
fn refuse_unseen(args: &Args, snapshot: &Snapshot, integration: &Integration) -> Result<(), Failure> {
    // a sign-in goes to further addresses that the manifest names
    let signs_in = args.sign_in.oauth || integration.credential.oauth.as_ref().is_some_and(|oauth| oauth.alone);
    if !gateway::is_unseen(snapshot, integration) || args.origin.is_some() && !signs_in {
        return Ok(());
    }
    let message =
        format!("`{}` has not been approved as its manifest stands now; nothing was asked for", integration.id);
    let hint = if signs_in {
        "agentport policy apply shows it, and where its sign-in goes".to_owned()
    } else {
        let origin = integration.upstream.origin();
        format!("agentport policy apply shows it; or name the address that its key may go to: --origin {origin}")
    };
    Err(Failure::new(message).hint(hint))
}

/// What `--set` says, over what the account had.
fn settings(
    integration: &Integration,
    given: &[String],
    before: Option<&BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut pairs = Vec::with_capacity(given.len());
    for setting in given {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(
                Failure::usage(format!("`--set {}` has no `=`", visible(setting))).hint("write --set KEY=VALUE")
            );
        };
        pairs.push((key.to_owned(), value.to_owned()));
    }
    gateway::settings(integration, &pairs, before).map_err(|error| {
        let hint = match &error {
            SettingError::Unknown { .. } => match integration.settings.as_slice() {
                [] => format!("`{}` has no settings", integration.id),
                some => {
                    let names: Vec<_> = some.iter().map(|setting| setting.name.as_str()).collect();
                    format!("there are {}", names.join(", "))
                }
            },
            SettingError::Wrong { .. } => error.help(),
            SettingError::Missing { key, description, example, .. } => {
                format!("{description}; add --set {key}={example}")
            }
        };
        Failure::usage(visible(&error.to_string())).hint(hint)
    })
}

/// What a person reads of an account that was just connected.
fn connected(account: &Account, verified: bool) -> String {
    let whose = account.identity.name.as_deref().map_or(String::new(), |name| format!(" as {}", visible(name)));
    let mode = match account.identity.live {
        Some(true) => ", a LIVE account",
        Some(false) => ", a test account",
        None => "",
    };
    format!(
        "connected {}/{}{whose}{mode}, environment {}, at {}{}",
        account.integration,
        account.name,
        account.environment,
        account.origin,
        if verified { "" } else { " (not verified)" }
    )
}

/// The key, asked for, read, or taken out of a file.
fn key(out: &Out, args: &Args, credential: &CredentialSpec) -> Result<(Secret, Option<Takeover>), Failure> {
    if let (Some(file), Some(key)) = (&args.from_file, &args.key) {
        let takeover = Takeover::find(file, key, |secret| looks_right(credential, secret))?;
        return Ok((takeover.secret(), Some(takeover)));
    }
    if let Some(page) = &credential.create_at
        && !args.secret_stdin
    {
        out_hint(out, &format!("{}: make one at {page}", credential.label));
        if let Some(rights) = &credential.rights {
            out_hint(out, rights);
        }
    }
    let secret = prompt::secret(&credential.label, args.secret_stdin)?;
    if !looks_right(credential, &secret) {
        return Err(Failure::new(format!("that is no {}; nothing was stored", credential.label))
            .hint(format!("it begins like {}", credential.beginning().as_deref().unwrap_or("another one"))));
    }
    Ok((secret, None))
}

/// A credential that may do more than it should. It is stored: the person has chosen it.
fn warn(out: &Out, warnings: &[&str]) {
    if !out.is_json() {
        for warning in warnings {
            out.text(&format!("warning: {warning}"));
        }
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    if gateway::is_account_name(name) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{}` is not an account's name", visible(name)))
        .hint("use lower-case letters, digits, `-` and `_`, at most 40, a letter first"))
}

/// A word for the person beside a prompt, never on standard output of a program.
fn out_hint(out: &Out, text: &str) {
    if !out.is_json() && prompt::is_terminal() {
        out.text(text);
    }
}
