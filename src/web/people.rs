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
    pages::see_other,
    proof::{Proof, Refused, prove},
    view::{ByPasskey, PersonView, factor_kind},
    visitor::{Tokened, Visitor},
};
use crate::{
    approval::{Claim, FactorId, Person, PersonName},
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

impl Tokened for ChangeForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `GET /people`
pub(super) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visitor = Visitor::open(&site, &headers, "/people").await?;
    list(&site, &headers, &visitor, None).await
}

/// `GET /people/change`: the exact change, to be looked at.
pub(super) async fn ask(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    asked: Result<Query<ChangeForm>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(asked) = asked.map_err(|_| Failure::NotFound)?;
    let next = uri.path_and_query().map_or("/people", |target| target.as_str());
    let visitor = Visitor::open(&site, &headers, next).await?;
    match change(&visitor, &asked).await? {
        Ok(change) => page(&site, &headers, &visitor, &change, None).await,
        Err(problem) => list(&site, &headers, &visitor, Some(problem)).await,
    }
}

/// `POST /people/change/challenge`: for this change, of who is signed in.
pub(super) async fn for_change(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ChangeForm>, FormRejection>,
) -> Result<Response, Failure> {
    let (visitor, form) = Visitor::asking(&site, &headers, form, PEOPLE).await?;
    match change(&visitor, &form).await? {
        Ok(change) => visitor.challenge(&site, change.claim()).await,
        Err(_) => Ok(StatusCode::CONFLICT.into_response()),
    }
}

/// `POST /people/change`
pub(super) async fn make(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ChangeForm>, FormRejection>,
) -> Result<Response, Failure> {
    let (visitor, form) = Visitor::posting(&site, &headers, form, PEOPLE, "/people").await?;
    let change = match change(&visitor, &form).await? {
        Ok(change) => change,
        Err(problem) => return list(&site, &headers, &visitor, Some(problem)).await,
    };
    match made(&site, &visitor, &change, &form).await {
        Ok(Made::Done(next)) => Ok(see_other(&next)),
        Ok(Made::Invited(invited)) => visitor.page(&site, &headers, StatusCode::OK, false, &invited),
        Err(Refused::Inside(failure)) => Err(failure),
        Err(Refused::Form(status, problem)) => page(&site, &headers, &visitor, &change, Some((status, problem))).await,
    }
}

/// What came of a change: where to go on, or the link for who was added.
enum Made {
    Done(String),
    Invited(InvitedPage),
}

async fn made(site: &Site, visitor: &Visitor, change: &Change, form: &ChangeForm) -> Result<Made, Refused> {
    let shown = Proof::read(&form.code, &form.passkey);
    let shown = shown.map_err(|problem| Refused::form(format!("{problem}; nothing was changed")))?;
    let proven = prove(site, visitor, change.claim(), &shown).await?;
    let (parts, gateway) = (&visitor.visit.parts, site.gateway());
    let now = gateway.clock().now();
    let made = match change {
        Change::AddPerson(name) => {
            let added = parts.home.add_person(name.clone(), proven, now).await.map_err(Refused::inside)?;
            added.map(|token| {
                let link = format!("{}/enrol/{}", site.origin(), token.as_link());
                Made::Invited(InvitedPage { sign_out: visitor.sign_out(), name: name.to_string(), link })
            })
        }
        Change::RemovePerson(person) => {
            let removed = gateway.remove_person(parts, person.id.clone(), proven).await.map_err(Refused::inside)?;
            removed.map(|_| Made::Done("/people".to_owned()))
        }
        Change::AddFactor => {
            let opened = parts.home.open_enrolment(Some(proven), None, now).await.map_err(Refused::inside)?;
            opened.map(|token| Made::Done(format!("/enrol/{}", token.as_link())))
        }
        Change::RemoveFactor(factor) => {
            let removed = gateway.remove_factor(parts, factor.id.clone(), proven).await.map_err(Refused::inside)?;
            removed.then(|| Made::Done("/people".to_owned()))
        }
    };
    made.ok_or_else(|| Refused::form(ProveError::Used))
}

/// The change that is asked for, if it is one that this person can make now; else why not.
async fn change(visitor: &Visitor, asked: &ChangeForm) -> Result<Result<Change, String>, Failure> {
    let Visitor { visit, session } = visitor;
    let owners = matches!(asked.change, Kind::AddPerson | Kind::RemovePerson);
    if owners && !session.person.is_owner() {
        return Ok(Err("only the owner adds and removes people".to_owned()));
    }
    let people = visit.parts.home.people().await.map_err(Failure::internal)?;
    Ok(match asked.change {
        Kind::AddPerson => match asked.name.parse::<PersonName>() {
            Ok(name) if people.iter().any(|person| person.name == name && !person.is_invited()) => {
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
    visitor: &Visitor,
    problem: Option<String>,
) -> Result<Response, Failure> {
    let Visitor { visit, session } = visitor;
    let people = visit.parts.home.people().await.map_err(Failure::internal)?;
    let factors = visit.parts.ledger.factors().await.map_err(Failure::internal)?;
    let now = site.gateway().clock().now().wall;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = PeoplePage {
        sign_out: visitor.sign_out(),
        problem,
        owner: session.person.is_owner(),
        people: people.iter().map(|person| PersonView::new(person, &factors, &session.person, now)).collect(),
    };
    visitor.page(site, headers, status, false, &page)
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    change: &Change,
    problem: Option<(StatusCode, String)>,
) -> Result<Response, Failure> {
    let (title, consequence) = change.words();
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, problem)| (status, Some(problem)));
    let page = ChangePage {
        sign_out: visitor.sign_out(),
        csrf: visitor.form_token(PEOPLE),
        problem,
        kind: change.kind(),
        name: change.name().to_owned(),
        id: change.id().to_owned(),
        title,
        consequence,
        passkey: visitor.passkey(site, headers, &change.address()).await?,
    };
    visitor.page(site, headers, status, page.passkey.is_here(), &page)
}
