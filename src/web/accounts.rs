//! `/accounts`: whose they are and how they are, and taking one away. Each change takes the owner's factor.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    pages::{SIGN_OUT, Visit, scripted, see_other},
    passkey::challenge,
    proof::{Proof, Refused, prove_owner},
    session::{Session, check_form_token, form_token},
    view::{AccountView, ByPasskey, OfferView},
};
use crate::{
    approval::Claim,
    gateway::{Disconnected, Health, ProveError, is_account_name},
};

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    sign_out: String,
    accounts: Vec<AccountView>,
    /// What can be connected: id and name.
    services: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    sign_out: String,
    csrf: String,
    /// `/accounts/stripe/default`
    path: String,
    name: String,
    account: Option<AccountView>,
    offer: Option<OfferView>,
    passkey: ByPasskey,
    /// Is it the owner who looks?
    owner: bool,
    problem: Option<String>,
}

/// Which account, as the path says it.
pub(super) struct Named {
    /// `stripe`
    pub(super) integration: String,
    /// The account's name.
    pub(super) name: String,
}

impl Named {
    /// `/accounts/stripe/default` and what may follow; nothing is decoded.
    pub(super) fn of(uri: &Uri, end: &str) -> Result<Self, Failure> {
        let path = uri.path().strip_suffix(end).and_then(|path| path.strip_prefix("/accounts/"));
        let (integration, name) = path.and_then(|path| path.split_once('/')).ok_or(Failure::NotFound)?;
        let good = !integration.is_empty()
            && integration.len() <= 40
            && integration.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !good || !is_account_name(name) {
            return Err(Failure::NotFound);
        }
        Ok(Self { integration: integration.to_owned(), name: name.to_owned() })
    }

    /// `stripe/default`
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.integration, self.name)
    }

    pub(super) fn path(&self) -> String {
        format!("/accounts/{}", self.id())
    }

    /// What the token of its forms is for.
    pub(super) fn purpose(&self) -> String {
        format!("accounts/{}", self.id())
    }
}

/// `GET /accounts`
pub(super) async fn list(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/accounts", None).await;
    };
    let now = site.gateway().clock().now().wall;
    let healths = healths(&site, &visit).await?;
    let services = visit.snapshot.catalog.integrations();
    let page = AccountsPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        accounts: healths.iter().map(|health| AccountView::new(health, &visit.snapshot, now)).collect(),
        services: services.map(|service| (service.id.clone(), service.title.clone())).collect(),
    };
    visit.page(&site, &headers, &session.token, StatusCode::OK, &page)
}

#[derive(Deserialize)]
pub(super) struct New {
    integration: String,
    name: String,
}

/// `GET /accounts/new`: leads to the page of the account that is to be.
pub(super) async fn new(new: Result<Query<New>, QueryRejection>) -> Result<Response, Failure> {
    let Query(New { integration, name }) = new.map_err(|_| Failure::NotFound)?;
    let path = format!("/accounts/{}/{}", integration.trim(), name.trim().to_lowercase());
    let uri: Uri = path.parse().map_err(|_| Failure::NotFound)?;
    Named::of(&uri, "").map(|named| see_other(&named.path()))
}

/// `GET /accounts/{integration}/{name}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let named = Named::of(&uri, "")?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/accounts", None).await;
    };
    page(&site, &headers, &visit, session, &named, (StatusCode::OK, None)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DisconnectForm {
    csrf: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
}

/// `POST /accounts/{integration}/{name}/disconnect`
pub(super) async fn disconnect(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<DisconnectForm>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/disconnect")?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/accounts", None).await;
    };
    check_form_token(&session.token, &named.purpose(), &form.csrf)?;
    let done = async {
        let shown = Proof::read(&form.code, &form.passkey).map_err(Refused::form)?;
        let approver = prove_owner(&site, (&visit, session), Claim::Disconnect(named.id()), &shown, OWNERS).await?;
        let (integration, name) = (&named.integration, &named.name);
        match site.gateway().disconnect(&visit.parts, integration, name, Some(approver)).await {
            Ok(Disconnected::Done(_)) => Ok(()),
            Ok(Disconnected::Nobody) => Err(Refused::Inside(Failure::NotFound)),
            Ok(Disconnected::Unproven) => Err(Refused::form(ProveError::Used)),
            Err(error) => Err(Refused::inside(error)),
        }
    };
    match done.await {
        Ok(()) => Ok(see_other("/accounts")),
        Err(Refused::Inside(failure)) => Err(failure),
        Err(Refused::Form(status, problem)) => {
            page(&site, &headers, &visit, session, &named, (status, Some(problem))).await
        }
    }
}

/// Who else wants to change one reads this.
pub(super) const OWNERS: &str = "only the owner changes accounts";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asking {
    csrf: String,
}

/// `POST /accounts/{integration}/{name}/connect/challenge`
pub(super) async fn for_connect(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/connect/challenge")?;
    asked(&site, &headers, form, &named, Claim::Connect(named.id())).await
}

/// `POST /accounts/{integration}/{name}/disconnect/challenge`
pub(super) async fn for_disconnect(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/disconnect/challenge")?;
    asked(&site, &headers, form, &named, Claim::Disconnect(named.id())).await
}

async fn asked(
    site: &Site,
    headers: &HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
    named: &Named,
    claim: Claim,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(site, headers).await?;
    let Some(session) = &visit.session else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    check_form_token(&session.token, &named.purpose(), &form.csrf)?;
    challenge(site, &visit.parts, claim, Some(session.person.clone())).await
}

pub(super) async fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    named: &Named,
    (status, problem): (StatusCode, Option<String>),
) -> Result<Response, Failure> {
    let now = site.gateway().clock().now().wall;
    // as it is now, also after what was just refused
    let healths = healths(site, visit).await?;
    let found = healths
        .iter()
        .find(|health| health.account.integration == named.integration && health.account.name == named.name);
    let integration = visit.snapshot.catalog.integration(&named.integration);
    if found.is_none() && integration.is_none() {
        return Err(Failure::NotFound);
    }
    let passkeys = visit.parts.home.passkeys(Some(session.person.clone())).await.map_err(Failure::internal)?;
    let here = site.authorities().origin_of(headers);
    let page = AccountPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        csrf: form_token(&session.token, &named.purpose()),
        passkey: ByPasskey::new(&passkeys, here, site.origin(), &named.path()),
        path: named.path(),
        name: named.name.clone(),
        account: found.map(|health| AccountView::new(health, &visit.snapshot, now)),
        offer: integration.map(|integration| OfferView::new(integration, &named.name, &visit.snapshot)),
        owner: session.person.is_owner(),
        problem,
    };
    let response = visit.page(site, headers, &session.token, status, &page)?;
    Ok(if page.owner && page.passkey.is_here() { scripted(response) } else { response })
}

async fn healths(site: &Site, visit: &Visit) -> Result<Vec<Health>, Failure> {
    site.gateway().accounts(&visit.parts, &visit.snapshot).await.map_err(Failure::internal)
}
