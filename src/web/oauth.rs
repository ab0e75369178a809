//! Signing in to a service from its account's page: the person's browser goes to the vendor and comes back to this site. What
//! comes back is exchanged at once, because vendors' codes are short of life, and waits until the owner has seen whose account
//! it is and stores it with their factor.
//!
//! INVARIANT: an answer counts in the session that began the sign-in alone, by its state, once, for ten minutes. Nothing is
//! stored without a proof for this account, and tokens go to the address of the manifest or of the account that is there: this
//! form names no other. What is under way is in the memory of this process, and goes with it.

mod under_way;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::under_way::{Away, Back};
pub(super) use self::under_way::{SignIns, Stage};
use super::{
    Site,
    accounts::{Named, OWNERS, answer},
    connecting::{Chosen, put, set, wanted},
    failure::Failure,
    pages::see_other,
    proof::Refused,
    visitor::{Tokened, Visitor},
};
use crate::{
    account::Account,
    approval::Claim,
    canonical::hex,
    config::is_client_id,
    gateway::way_in,
    ledger::Outcome,
    secret::Secret,
    upstream::oauth::{Authorization, Client, Code, KnownSecret, Returned},
    visible::visible,
};

#[derive(Template)]
#[template(path = "vendor.html")]
struct VendorPage {
    sign_out: String,
    service: String,
    /// Where the browser goes, whole and as a person reads it.
    url: String,
    server: String,
    /// Where codes and the client's secret go, where that is somewhere else.
    token: Option<String>,
    scopes: Vec<String>,
    redirect: String,
    /// Where the tokens go, and nowhere else.
    origin: String,
    path: String,
}

#[derive(Deserialize)]
pub(super) struct BeginForm {
    csrf: String,
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    environment: String,
    /// `set.…`, and nothing else.
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

impl Tokened for BeginForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// Where vendors send the browser back to: the address at which it has its session.
pub(super) fn redirect_uri(site: &Site, headers: &HeaderMap) -> String {
    format!("{}/oauth/callback", site.authorities().origin_of(headers).unwrap_or_default())
}

/// `POST /accounts/{integration}/{name}/sign-in`: begins. Nothing leaves this machine: the page that answers has the link to the
/// vendor, because a form of ours may lead to this site alone.
pub(super) async fn begin(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<BeginForm>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/sign-in")?;
    let (visitor, form) = Visitor::posting(&site, &headers, form, &named.purpose(), "/accounts").await?;
    match set_out(&site, &headers, &visitor, &named, form).await {
        Ok(vendor) => visitor.page(&site, &headers, StatusCode::OK, false, &vendor),
        Err(refused) => answer(&site, &headers, &visitor, &named, "", Err(refused)).await,
    }
}

async fn set_out(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    named: &Named,
    form: BeginForm,
) -> Result<VendorPage, Refused> {
    if !visitor.session.person.is_owner() {
        return Err(Refused::Form(StatusCode::FORBIDDEN, OWNERS.to_owned()));
    }
    let snapshot = &visitor.visit.snapshot;
    let integration = snapshot.catalog.integration(&named.integration).ok_or(Refused::Inside(Failure::NotFound))?;
    let before = snapshot.account(&named.integration, &named.name).map(AsRef::as_ref);
    let elsewhere = || Refused::form("this account is connected on the terminal; nothing was asked for");
    let (spec, server) = way_in(snapshot, integration, before).ok_or_else(elsewhere)?;
    let secret = Zeroizing::new(form.client_secret);
    // the form of an account that is there has no such field: its own are kept
    if before.is_some() && !(form.rest.is_empty() && form.environment.is_empty()) {
        return Err(Refused::Inside(Failure::BadForm));
    }
    let chosen = Chosen { given: set(form.rest)?, environment: &form.environment, origin: "", private: false };
    let account = wanted(site, (named, integration, before), &chosen, &Secret::new(String::new()))?;
    let id = form.client_id.trim().to_owned();
    if !is_client_id(&id) {
        return Err(Refused::form("that is not a client's id; register one with the service"));
    }
    let secret = match Some(secret.trim()).filter(|secret| !secret.is_empty()) {
        Some(typed) => Some(Secret::new(typed.to_owned())),
        // it was given for the account that is there, and goes where it went
        None if before.is_some() => {
            let credentials = &visitor.visit.parts.credentials;
            match credentials.client_secret(&named.integration, &named.name, &id, &server.token).await {
                KnownSecret::Here(secret) => Some(secret),
                KnownSecret::Elsewhere(known) => {
                    let at = server.token.url();
                    let text = "the client's secret is known for";
                    return Err(Refused::form(format!(
                        "{text} {known}, and {at} is another address: type it in again"
                    )));
                }
                KnownSecret::None => None,
            }
        }
        None => None,
    };
    if spec.client_secret && secret.is_none() {
        return Err(Refused::form(format!("{} demands a client secret, too", integration.title)));
    }
    let (client, redirect) = (Client::new(id, secret.as_ref()), redirect_uri(site, headers));
    let authorize = server.authorize.as_ref().ok_or_else(elsewhere)?;
    let scopes = (spec.scopes.clone(), spec.separator);
    let authorization =
        Authorization::begin(authorize, &client, redirect.clone(), scopes, &spec.extra).map_err(Refused::form)?;
    let vendor = VendorPage {
        sign_out: visitor.sign_out(),
        service: integration.title.clone(),
        url: authorization.url().to_owned(),
        server: authorize.origin().to_string(),
        token: Some(server.token.origin()).filter(|token| *token != authorize.origin()).map(ToString::to_string),
        scopes: spec.scopes.clone(),
        redirect,
        origin: account.origin.to_string(),
        path: named.path(),
    };
    let away = Away { account, before: before.map(|before| before.id.clone()), server, client, authorization };
    site.sign_ins().put(&visitor.session.token, named.id(), Stage::Away(Arc::new(away)), site.gateway().clock().now());
    Ok(vendor)
}

/// `GET /oauth/callback`: the browser comes back, and leaves the address with the code at once. What this session did not
/// ask for changes nothing (RFC 9700, section 4.7).
pub(super) async fn come_back(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let visitor = Visitor::open(&site, &headers, "/accounts").await?;
    let session = &visitor.session.token;
    let answered = site.sign_ins().answered(session, uri.query().unwrap_or_default(), site.gateway().clock().now());
    let (of, away, returned) = answered.ok_or(Failure::NotAwaited)?;
    let stage = match returned {
        Returned::Code(code) => exchange(&site, &visitor, &away, code).await,
        Returned::Refused(word) => Err(format!("the service or you refused: {word}")),
        Returned::Foreign(why) => Err(why.to_owned()),
    };
    let stage = match stage {
        Ok(back) => Stage::Back(Arc::new(back)),
        Err(problem) => Stage::Ended(visible(&format!("{problem}; nothing was stored"))),
    };
    let path = format!("/accounts/{of}");
    site.sign_ins().put(session, of, stage, site.gateway().clock().now());
    Ok(see_other(&path))
}

/// Tokens for the code, and whose account they are of.
async fn exchange(site: &Site, visitor: &Visitor, away: &Away, code: Code) -> Result<Back, String> {
    let mut account = away.account.clone();
    let parts = &visitor.visit.parts;
    let oauth = parts.credentials.oauth().ok_or("this home cannot sign in")?;
    let tokens = oauth.redeem(&account, &away.server, &away.client, code).await.map_err(|error| error.to_string())?;
    account.connected_at = site.gateway().clock().now().wall;
    if visitor.visit.snapshot.catalog.verify_tool(&account.integration).is_some() {
        let probe = tokens.seal(&account).map_err(|error| error.to_string())?;
        let verified = site.gateway().verify_account(&account, &probe).await?;
        match verified.outcome {
            Outcome::Succeeded { .. } => account.identity = verified.identity,
            Outcome::Failed { message, .. } | Outcome::Unknown { message, .. } => return Err(message),
        }
    }
    let mut mark = [0_u8; 16];
    getrandom::fill(&mut mark).map_err(|error| error.to_string())?;
    Ok(Back { account, before: away.before.clone(), tokens, mark: hex(&mark) })
}

/// A factor, and what it is given for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreForm {
    csrf: String,
    /// Which of the sign-ins that came back the page showed.
    #[serde(default)]
    mark: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
}

impl Tokened for StoreForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `POST /accounts/{integration}/{name}/sign-in/store/challenge`: for what the page showed, if that is what waits.
pub(super) async fn for_store(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<StoreForm>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/sign-in/store/challenge")?;
    let (visitor, form) = Visitor::asking(&site, &headers, form, &named.purpose()).await?;
    match shown(&site, &visitor, &named, &form.mark) {
        Ok(_) => visitor.challenge(&site, Claim::Connect(named.id())).await,
        Err(Refused::Form(status, problem)) => Ok((status, format!("{problem}.")).into_response()),
        Err(Refused::Inside(failure)) => Err(failure),
    }
}

/// `POST /accounts/{integration}/{name}/sign-in/store`: stores what came back, with the owner's factor.
pub(super) async fn store(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<StoreForm>, FormRejection>,
) -> Result<Response, Failure> {
    let named = Named::of(&uri, "/sign-in/store")?;
    let (visitor, form) = Visitor::posting(&site, &headers, form, &named.purpose(), "/accounts").await?;
    let done = keep(&site, &visitor, &named, &form).await;
    answer(&site, &headers, &visitor, &named, &named.path(), done).await
}

async fn keep(site: &Site, visitor: &Visitor, named: &Named, form: &StoreForm) -> Result<(), Refused> {
    let back = shown(site, visitor, named, &form.mark)?;
    let snapshot = &visitor.visit.snapshot;
    let integration = snapshot.catalog.integration(&named.integration).ok_or(Refused::Inside(Failure::NotFound))?;
    let before = snapshot.account(&named.integration, &named.name).map(AsRef::as_ref);
    let seal = |account: &Account, _: &[String]| back.tokens.seal(account);
    put(site, visitor, (integration, before), back.account.clone(), &seal, (&form.code, &form.passkey)).await?;
    site.sign_ins().end(&visitor.session.token);
    Ok(())
}

/// What came back and is to be stored, if it is what the page showed and its account is still what it was at the beginning.
/// Whoever has the session can begin and end another sign-in between the page and the button; that one is not stored unseen.
fn shown(site: &Site, visitor: &Visitor, named: &Named, mark: &str) -> Result<Arc<Back>, Refused> {
    let stage = site.sign_ins().stage(&visitor.session.token, &named.id(), site.gateway().clock().now());
    let Some(Stage::Back(back)) = stage else {
        return Err(Refused::form("no sign-in waits here to be stored; begin it again"));
    };
    if !bool::from(back.mark.as_bytes().ct_eq(mark.as_bytes())) {
        let text =
            "another sign-in came back after that page was shown, and nothing was stored; look whose it is first";
        return Err(Refused::form(text));
    }
    let before = visitor.visit.snapshot.account(&named.integration, &named.name);
    if before.map(|before| &before.id) != back.before.as_ref() {
        let text = "the account that is there is not the one for which this sign-in began, and nothing was stored; begin it again";
        return Err(Refused::form(text));
    }
    Ok(back)
}
