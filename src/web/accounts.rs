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
    response::Response,
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    oauth::{Stage, redirect_uri},
    pages::see_other,
    proof::{Proof, Refused, prove_owner},
    view::{AccountView, BackView, ByPasskey, OfferView},
    visitor::{Asking, Factor, Visitor},
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
    /// What came back from signing in and is to be stored.
    back: Option<BackView>,
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
    let visitor = Visitor::open(&site, &headers, "/accounts").await?;
    let now = site.gateway().clock().now().wall;
    let (healths, snapshot) = (healths(&site, &visitor).await?, &visitor.visit.snapshot);
    let services = snapshot.catalog.integrations();
    let page = AccountsPage {
        sign_out: visitor.sign_out(),
        accounts: healths.iter().map(|health| AccountView::new(health, snapshot, now)).collect(),
        services: services.map(|service| (service.id.clone(), service.title.clone())).collect(),
    };
    visitor.page(&site, &headers, StatusCode::OK, false, &page)
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
    let visitor = Visitor::open(&site, &headers, "/accounts").await?;
    page(&site, &headers, &visitor, &named, (StatusCode::OK, None)).await
}

/// `POST /accounts/{integration}/{name}/disconnect`
pub(super) async fn disconnect(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Factor>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/disconnect")?;
    let (visitor, form) = Visitor::posting(&site, &headers, form, &named.purpose(), "/accounts").await?;
    let done = async {
        let shown = Proof::read(&form.code, &form.passkey).map_err(Refused::form)?;
        let approver = prove_owner(&site, &visitor, Claim::Disconnect(named.id()), &shown, OWNERS).await?;
        let (integration, name) = (&named.integration, &named.name);
        match site.gateway().disconnect(&visitor.visit.parts, integration, name, Some(approver)).await {
            Ok(Disconnected::Done(_)) => Ok(()),
            Ok(Disconnected::Nobody) => Err(Refused::Inside(Failure::NotFound)),
            Ok(Disconnected::Unproven) => Err(Refused::form(ProveError::Used)),
            Err(error) => Err(Refused::inside(error)),
        }
    };
    let done = done.await;
    answer(&site, &headers, &visitor, &named, "/accounts", done).await
}

/// After a form: on to `next`, or the account's page with why not.
pub(super) async fn answer(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    named: &Named,
    next: &str,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => Ok(see_other(next)),
        Err(Refused::Inside(failure)) => Err(failure),
        Err(Refused::Form(status, problem)) => page(site, headers, visitor, named, (status, Some(problem))).await,
    }
}

/// Who else wants to change one reads this.
pub(super) const OWNERS: &str = "only the owner changes accounts";

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
    let (visitor, _) = Visitor::asking(site, headers, form, &named.purpose()).await?;
    visitor.challenge(site, claim).await
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    named: &Named,
    (status, mut problem): (StatusCode, Option<String>),
) -> Result<Response, Failure> {
    let (now, snapshot) = (site.gateway().clock().now(), &visitor.visit.snapshot);
    // as it is now, also after what was just refused
    let healths = healths(site, visitor).await?;
    let found = healths
        .iter()
        .find(|health| health.account.integration == named.integration && health.account.name == named.name);
    let integration = snapshot.catalog.integration(&named.integration);
    if found.is_none() && integration.is_none() {
        return Err(Failure::NotFound);
    }
    let back = match site.sign_ins().stage(&visitor.session.token, &named.id(), now) {
        Some(Stage::Back(back)) => Some(BackView::new(&back.account, &back.tokens, &back.mark)),
        Some(Stage::Ended(why)) => {
            problem.get_or_insert(why);
            // said once
            site.sign_ins().end(&visitor.session.token);
            None
        }
        Some(Stage::Away(_)) | None => None,
    };
    let offer = match integration {
        None => None,
        Some(integration) => {
            let mut client = snapshot.settings.oauth.get(&integration.id).map(|client| client.client_id.clone());
            if client.is_none() && found.is_some_and(|health| health.signs_in) {
                let known = visitor.visit.parts.credentials.client_of(&named.integration, &named.name).await;
                client = known;
            }
            let before = found.map(|health| health.account.as_ref());
            let client = (client.unwrap_or_default(), redirect_uri(site, headers));
            Some(OfferView::new(integration, (&named.name, before), snapshot, client))
        }
    };
    let page = AccountPage {
        sign_out: visitor.sign_out(),
        csrf: visitor.form_token(&named.purpose()),
        passkey: visitor.passkey(site, headers, &named.path()).await?,
        path: named.path(),
        name: named.name.clone(),
        account: found.map(|health| AccountView::new(health, snapshot, now.wall)),
        offer,
        owner: visitor.session.person.is_owner(),
        problem,
        back,
    };
    let script = page.owner && page.passkey.is_here();
    visitor.page(site, headers, status, script, &page)
}

async fn healths(site: &Site, visitor: &Visitor) -> Result<Vec<Health>, Failure> {
    let visit = &visitor.visit;
    site.gateway().accounts(&visit.parts, &visit.snapshot).await.map_err(Failure::internal)
}
