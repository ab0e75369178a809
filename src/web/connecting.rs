//! Connecting an account on the site, and giving one another secret. It goes from the form into the secret store; no page
//! shows one.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, Uri},
    response::Response,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Site,
    accounts::{Named, OWNERS, answer},
    failure::Failure,
    proof::{Proof, Refused, prove_owner},
    visitor::{Tokened, Visitor},
};
use crate::{
    account::{Account, Environment, Identity, Origin},
    approval::{Claim, Purpose},
    catalog::{Integration, UpstreamSpec},
    gateway::{ConnectError, Connecting, Seal, is_unseen, settings as settle},
    ledger::Sqlite,
    secret::Secret,
    upstream::{destination, looks_right, seal_key},
};

#[derive(Deserialize)]
pub(super) struct ConnectForm {
    csrf: String,
    secret: String,
    #[serde(default)]
    environment: String,
    /// Where it may go, where that is not what the manifest says.
    #[serde(default)]
    origin: String,
    /// Ticked: a database may be on this computer or in a private network.
    #[serde(default)]
    private: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
    /// `set.…`, and nothing else.
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

impl Tokened for ConnectForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `POST /accounts/{integration}/{name}/connect`: stores a secret, of a new account or instead of the one before.
pub(super) async fn connect(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<ConnectForm>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/connect")?;
    let (visitor, form) = Visitor::posting(&site, &headers, form, &named.purpose(), "/accounts").await?;
    let done = store(&site, &visitor, &named, form).await;
    answer(&site, &headers, &visitor, &named, &named.path(), done).await
}

async fn store(site: &Site, visitor: &Visitor, named: &Named, form: ConnectForm) -> Result<(), Refused> {
    let snapshot = &visitor.visit.snapshot;
    let integration = snapshot.catalog.integration(&named.integration).ok_or(Refused::Inside(Failure::NotFound))?;
    let spec = &integration.credential;
    if spec.oauth.as_ref().is_some_and(|oauth| oauth.alone) || is_unseen(snapshot, integration) {
        return Err(Refused::form("this account takes no secret here; nothing was stored"));
    }
    let secret = Secret::new(Zeroizing::new(form.secret).trim().to_owned());
    if !looks_right(spec, &secret) {
        let like = spec.beginning();
        let like = like.as_deref().unwrap_or("another one");
        return Err(Refused::form(format!("that is no {}, which begins like {like}; nothing was stored", spec.label)));
    }
    let before = snapshot.account(&named.integration, &named.name).map(AsRef::as_ref);
    let chosen = Chosen {
        given: set(form.rest)?,
        environment: &form.environment,
        origin: form.origin.trim(),
        private: !form.private.is_empty(),
    };
    let account = wanted(site, (named, integration, before), &chosen, &secret)?;
    let seal = |account: &Account, scopes: &[String]| seal_key(account, &spec.scheme, &secret, scopes);
    put(site, visitor, (integration, before), account, &seal, (&form.code, &form.passkey)).await
}

/// What a form sets.
pub(super) fn set(rest: BTreeMap<String, String>) -> Result<Vec<(String, String)>, Refused> {
    let mut given = Vec::new();
    for (key, value) in rest {
        let key = key.strip_prefix("set.").ok_or(Refused::Inside(Failure::BadForm))?;
        given.extend(
            Some(value.trim()).filter(|value| !value.is_empty()).map(|value| (key.to_owned(), value.to_owned())),
        );
    }
    Ok(given)
}

/// Connects it, with the owner's factor.
pub(super) async fn put(
    site: &Site,
    visitor: &Visitor,
    (integration, before): (&Integration, Option<&Account>),
    account: Account,
    seal: &Seal<'_>,
    (code, passkey): (&str, &str),
) -> Result<(), Refused> {
    let Visitor { visit, session } = visitor;
    let shown = Proof::read(code, passkey).map_err(Refused::form)?;
    let claim = Claim::Connect(format!("{}/{}", account.integration, account.name));
    let approver = prove_owner(site, visitor, claim, &shown, OWNERS).await?;
    let verify = visit.snapshot.catalog.verify_tool(&integration.id).is_some();
    let connecting =
        Connecting { integration, account, before, replace: false, verify, seal, approver: Some(approver) };
    let Err(error) = site.gateway().connect(&visit.parts, connecting).await else { return Ok(()) };
    match error {
        ConnectError::Ledger(error) => return Err(Refused::inside(error)),
        // spent
        ConnectError::Unproven => return Err(Refused::form(error)),
        ConnectError::Another { .. }
        | ConnectError::Unverified(_)
        | ConnectError::Unverifiable(_)
        | ConnectError::Credential(_)
        | ConnectError::Store(_) => {}
    }
    // the code was right, and is not spent
    if matches!(shown, Proof::Code(_)) {
        let forgiven = visit.parts.ledger.forgive_attempt(&session.person, Purpose::Decide).await;
        forgiven.map_err(Refused::inside)?;
    }
    Err(Refused::form(match next_step(&error) {
        Some(next) => format!("{error}: {next}"),
        None => error.to_string(),
    }))
}

/// What helps, where that is not in the reason.
fn next_step(error: &ConnectError) -> Option<&'static str> {
    match error {
        ConnectError::Another { .. } => {
            Some("remove the old one first, which cancels what waits for it, or connect this one under another name")
        }
        ConnectError::Unverified(_) => Some("check it and what it may do, then try again"),
        ConnectError::Unverifiable(_)
        | ConnectError::Unproven
        | ConnectError::Credential(_)
        | ConnectError::Store(_)
        | ConnectError::Ledger(_) => None,
    }
}

/// What the form says of an account that is to be.
pub(super) struct Chosen<'a> {
    pub(super) given: Vec<(String, String)>,
    pub(super) environment: &'a str,
    /// Empty: the manifest's.
    pub(super) origin: &'a str,
    pub(super) private: bool,
}

/// The account as it shall be.
pub(super) fn wanted(
    site: &Site,
    (named, integration, before): (&Named, &Integration, Option<&Account>),
    chosen: &Chosen<'_>,
    secret: &Secret,
) -> Result<Account, Refused> {
    let settled = settle(integration, &chosen.given, before.map(|before| &before.settings));
    let mut settings = settled.map_err(|error| Refused::form(format!("{error}: {}", error.help())))?;
    let private = before.map_or(chosen.private, |before| before.origin.allows_private());
    let origin = match (&integration.upstream, before) {
        (UpstreamSpec::Sql { .. }, _) => {
            let (origin, database) = destination(secret, private).map_err(Refused::form)?;
            settings.insert("database".to_owned(), database);
            origin
        }
        (UpstreamSpec::Rest { .. } | UpstreamSpec::Graphql { .. }, Some(before)) => before.origin.clone(),
        (UpstreamSpec::Rest { origin, .. } | UpstreamSpec::Graphql { origin, .. }, None) => {
            let origin = if chosen.origin.is_empty() { origin } else { chosen.origin };
            Origin::parse(origin, false).map_err(Refused::form)?
        }
    };
    let environment = match before {
        Some(before) => before.environment,
        None if chosen.environment.is_empty() => Environment::default(),
        None => chosen.environment.parse().map_err(Refused::form)?,
    };
    Ok(Account {
        integration: named.integration.clone(),
        name: named.name.clone(),
        id: Sqlite::fresh_account_id().map_err(Refused::inside)?,
        origin,
        environment,
        identity: Identity::default(),
        settings,
        connected_at: site.gateway().clock().now().wall,
    })
}
