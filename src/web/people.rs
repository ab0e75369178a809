//! Who may say yes, and with what: a list for everybody who is signed in, and one page for each change of it, with the exact
//! change on it. A change takes a code or a passkey, whose proof is of that change and no other; the session takes none.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    pages::{SIGN_OUT, Visit, refused, scripted, see_other},
    passkey::challenge,
    proof::Proof,
    session::{Session, check_form_token, form_token},
    view::{ByPasskey, PersonView, factor_kind},
};
use crate::{
    approval::{Approver, Claim, FactorId, Person, PersonName},
    gateway::ProveError,
    ledger::sqlite::Factor,
};

/// What the token of the forms is for.
const PEOPLE: &str = "people";

/// A change, as an address or a form names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeForm {
    #[serde(default)]
    csrf: String,
    change: Kind,
    /// Of who is added.
    #[serde(default)]
    name: String,
    /// Of what is removed.
    #[serde(default)]
    id: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    AddPerson,
    RemovePerson,
    AddFactor,
    RemoveFactor,
}

/// A change that this person may make of what there is.
enum Change {
    AddPerson(PersonName),
    RemovePerson(Person),
    AddFactor,
    RemoveFactor(Factor),
}

impl Change {
    /// What a proof of it names.
    fn claim(&self) -> Claim {
        match self {
            Self::AddPerson(name) => Claim::AddPerson(name.clone()),
            Self::RemovePerson(person) => Claim::RemovePerson(person.id.clone()),
            Self::AddFactor => Claim::AddFactor,
            Self::RemoveFactor(factor) => Claim::RemoveFactor(factor.id.clone()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::AddPerson(_) => "add_person",
            Self::RemovePerson(_) => "remove_person",
            Self::AddFactor => "add_factor",
            Self::RemoveFactor(_) => "remove_factor",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::AddPerson(name) => name.as_str(),
            Self::RemovePerson(_) | Self::AddFactor | Self::RemoveFactor(_) => "",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::RemovePerson(person) => &person.id.0,
            Self::RemoveFactor(factor) => &factor.id.0,
            Self::AddPerson(_) | Self::AddFactor => "",
        }
    }

    /// What it is, and what comes of it.
    fn words(&self) -> (String, &'static str) {
        match self {
            Self::AddPerson(name) => (
                format!("Add {name}"),
                "They may say yes as you do, as soon as they have a factor of their own. You get a link for them, which is good once and for 15 minutes: give it to nobody else.",
            ),
            Self::RemovePerson(person) => (
                format!("Remove {}", person.name),
                "Their factors, recovery codes and sessions go. Their yes to what still waits no longer counts. What they decided stays in the log.",
            ),
            Self::AddFactor => (
                "Add a factor of yours".to_owned(),
                "The next page shows it: an authenticator app, or a passkey. Your recovery codes are replaced by new ones then.",
            ),
            Self::RemoveFactor(factor) => (
                format!("Remove your {}", factor_kind(&factor.kind)),
                "It approves and signs in no more. Your other factors stay.",
            ),
        }
    }

    fn address(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("change", self.kind());
        for (key, value) in [("name", self.name()), ("id", self.id())] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        format!("/people/change?{}", query.finish())
    }
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    sign_out: String,
    problem: Option<String>,
    /// May whoever looks add and remove people?
    owner: bool,
    people: Vec<PersonView>,
}

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    sign_out: String,
    csrf: String,
    problem: Option<String>,
    kind: &'static str,
    name: String,
    id: String,
    title: String,
    consequence: &'static str,
    passkey: ByPasskey,
}

#[derive(Template)]
#[template(path = "invited.html")]
struct InvitedPage {
    sign_out: String,
    name: String,
    link: String,
}

/// `GET /people`
pub(super) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/people", None).await;
    };
    list(&site, &headers, &visit, session, None).await
}

/// `GET /people/change`: the exact change, to be looked at.
pub(super) async fn ask(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    asked: Result<Query<ChangeForm>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(asked) = asked.map_err(|_| Failure::NotFound)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        let next = uri.path_and_query().map_or("/people", |target| target.as_str());
        return visit.ask_who(&site, &headers, StatusCode::OK, next, None).await;
    };
    match change(&visit, session, &asked).await? {
        Ok(change) => page(&site, &headers, &visit, session, &change, None).await,
        Err(problem) => list(&site, &headers, &visit, session, Some(problem)).await,
    }
}

/// `POST /people/change/challenge`: for this change, of who is signed in.
pub(super) async fn for_change(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ChangeForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    check_form_token(&session.token, PEOPLE, &form.csrf)?;
    match change(&visit, session, &form).await? {
        Ok(change) => challenge(&site, &visit.parts, change.claim(), Some(session.person.clone())).await,
        Err(_) => Ok(StatusCode::CONFLICT.into_response()),
    }
}

/// `POST /people/change`
pub(super) async fn make(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ChangeForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/people", None).await;
    };
    check_form_token(&session.token, PEOPLE, &form.csrf)?;
    let change = match change(&visit, session, &form).await? {
        Ok(change) => change,
        Err(problem) => return list(&site, &headers, &visit, session, Some(problem)).await,
    };
    let refuse =
        async |status, problem: String| page(&site, &headers, &visit, session, &change, Some((status, problem))).await;
    let proven = match proven(&site, &visit, session, &form, change.claim()).await {
        Ok(approver) => approver,
        Err(Refused::Form(problem)) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, problem).await,
        Err(Refused::Proof(ProveError::Ledger(error))) => return Err(Failure::internal(error)),
        Err(Refused::Proof(error)) => return refuse(refused(&error), error.to_string()).await,
    };
    let (parts, gateway) = (&visit.parts, site.gateway());
    let now = gateway.clock().now();
    let used = || refuse(StatusCode::UNPROCESSABLE_ENTITY, ProveError::Used.to_string());
    match &change {
        Change::AddPerson(name) => {
            let added = parts.home.add_person(name.clone(), proven, now).await.map_err(Failure::internal)?;
            let Some(token) = added else { return used().await };
            let invited = InvitedPage {
                sign_out: form_token(&session.token, SIGN_OUT),
                name: name.to_string(),
                link: format!("{}/enrol/{}", site.origin(), token.as_link()),
            };
            visit.page(&site, &headers, &session.token, StatusCode::OK, &invited)
        }
        Change::RemovePerson(person) => {
            let removed = gateway.remove_person(parts, person.id.clone(), proven).await.map_err(Failure::internal)?;
            if removed.is_some() { Ok(see_other("/people")) } else { used().await }
        }
        Change::AddFactor => {
            let opened = parts.home.open_enrolment(Some(proven), None, now).await.map_err(Failure::internal)?;
            match opened {
                Some(token) => Ok(see_other(&format!("/enrol/{}", token.as_link()))),
                None => used().await,
            }
        }
        Change::RemoveFactor(factor) => {
            let removed = gateway.remove_factor(parts, factor.id.clone(), proven).await.map_err(Failure::internal)?;
            if removed { Ok(see_other("/people")) } else { used().await }
        }
    }
}

enum Refused {
    Form(String),
    Proof(ProveError),
}

/// The person who is signed in, proven for this change.
async fn proven(
    site: &Site,
    visit: &Visit,
    session: &Session,
    form: &ChangeForm,
    claim: Claim,
) -> Result<Approver, Refused> {
    let proof = Proof::read(&form.code, &form.passkey);
    let proof = proof.map_err(|problem| Refused::Form(format!("{problem}; nothing was changed")))?;
    let proven = site.gateway().prove(&visit.parts, claim, &proof.presented(site.origin(), &session.person)).await;
    proven.map_err(Refused::Proof)
}

/// The change that is asked for, if it is one that this person can make now; else why not.
async fn change(visit: &Visit, session: &Session, asked: &ChangeForm) -> Result<Result<Change, String>, Failure> {
    let owners = matches!(asked.change, Kind::AddPerson | Kind::RemovePerson);
    if owners && !session.person.is_owner() {
        return Ok(Err("only the owner adds and removes people".to_owned()));
    }
    let people = visit.parts.home.people().await.map_err(Failure::internal)?;
    Ok(match asked.change {
        Kind::AddPerson => match asked.name.parse::<PersonName>() {
            Ok(name) if people.iter().any(|person| person.name == name) => {
                Err(format!("there is a person `{name}` already"))
            }
            Ok(name) => Ok(Change::AddPerson(name)),
            Err(error) => Err(error.to_string()),
        },
        Kind::RemovePerson => match people.into_iter().find(|person| person.id.0 == asked.id) {
            Some(person) if person.id.is_owner() => Err("the owner cannot be removed".to_owned()),
            Some(person) => Ok(Change::RemovePerson(person)),
            None => Err("there is no such person any more".to_owned()),
        },
        Kind::AddFactor => Ok(Change::AddFactor),
        Kind::RemoveFactor => {
            let mut factors = visit.parts.ledger.factors().await.map_err(Failure::internal)?;
            factors.retain(|factor| factor.person == session.person);
            let last = factors.len() == 1;
            let id = FactorId(asked.id.clone());
            match factors.into_iter().find(|factor| factor.id == id) {
                Some(_) if last => Err("it is your last factor: enrol another one first".to_owned()),
                Some(factor) => Ok(Change::RemoveFactor(factor)),
                None => Err("you have no such factor any more".to_owned()),
            }
        }
    })
}

async fn list(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    problem: Option<String>,
) -> Result<Response, Failure> {
    let people = visit.parts.home.people().await.map_err(Failure::internal)?;
    let factors = visit.parts.ledger.factors().await.map_err(Failure::internal)?;
    let now = site.gateway().clock().now().wall;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = PeoplePage {
        sign_out: form_token(&session.token, SIGN_OUT),
        problem,
        owner: session.person.is_owner(),
        people: people.iter().map(|person| PersonView::new(person, &factors, &session.person, now)).collect(),
    };
    visit.page(site, headers, &session.token, status, &page)
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    change: &Change,
    problem: Option<(StatusCode, String)>,
) -> Result<Response, Failure> {
    let passkeys = visit.parts.home.passkeys(Some(session.person.clone())).await.map_err(Failure::internal)?;
    let here = site.authorities().origin_of(headers);
    let (title, consequence) = change.words();
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, problem)| (status, Some(problem)));
    let page = ChangePage {
        sign_out: form_token(&session.token, SIGN_OUT),
        csrf: form_token(&session.token, PEOPLE),
        problem,
        kind: change.kind(),
        name: change.name().to_owned(),
        id: change.id().to_owned(),
        title,
        consequence,
        passkey: ByPasskey::new(&passkeys, here, site.origin(), &change.address()),
    };
    let response = visit.page(site, headers, &session.token, status, &page)?;
    Ok(if page.passkey.is_here() { scripted(response) } else { response })
}
