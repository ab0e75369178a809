//! `/log`: what was asked, decided and done, newest first; each record in full; and whether anybody changed it.

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
    pages::{SIGN_OUT, Visit},
    session::{Session, check_form_token, form_token},
    view::{A_DAY, LogLine, Names, RecordView},
};
use crate::{
    clock::Millis,
    ledger::{LineFilter, standings, unchecked_text},
    snapshot::Snapshot,
    visible::visible,
};

/// What the token of its form is for.
const VERIFY: &str = "log/verify";
/// Lines on one page.
const PAGE: u32 = 50;
/// No value that is looked for is longer.
const LONGEST: usize = 200;
/// Where a call can stand, in the log's own words.
const OUTCOMES: [&str; 9] =
    ["succeeded", "failed", "unknown", "pending", "sending", "denied", "expired", "cancelled", "invalid"];

/// What is looked for, as the address says it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    text: String,
    tool: String,
    account: String,
    #[serde(rename = "caller")]
    asker: String,
    /// `only`, or nothing.
    agents: String,
    status: String,
    since: String,
    until: String,
    /// The place in the chain that a page begins before.
    before: String,
}

impl Search {
    fn fields(&self) -> [(&'static str, &str); 9] {
        [
            ("text", &self.text),
            ("tool", &self.tool),
            ("account", &self.account),
            ("caller", &self.asker),
            ("agents", &self.agents),
            ("status", &self.status),
            ("since", &self.since),
            ("until", &self.until),
            ("before", &self.before),
        ]
    }

    /// Is more than words looked for?
    fn is_narrowed(&self) -> bool {
        self.fields().iter().any(|(name, value)| *name != "text" && *name != "before" && !value.is_empty())
    }

    /// The same from another place on.
    fn from(&self, before: Option<i64>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.fields() {
            if name != "before" && !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        let query = query.finish();
        if query.is_empty() { "/log".to_owned() } else { format!("/log?{query}") }
    }

    /// What the ledger looks for; a date that is none, or a value that is too long, is a mistake.
    fn filter(&self, snapshot: &Snapshot) -> Result<LineFilter, String> {
        if let Some((name, _)) = self.fields().iter().find(|(_, value)| value.chars().count() > LONGEST) {
            return Err(format!("`{name}` is longer than {LONGEST} characters"));
        }
        let some = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let before = some(&self.before).map(|text| text.parse().map_err(|_| "that page is none".to_owned()));
        Ok(LineFilter {
            tool: some(&self.tool).map(|name| snapshot.policy_name(&name)),
            caller: some(&self.asker),
            account: some(&self.account),
            agents_only: some(&self.agents).is_some(),
            since: day(&self.since)?,
            until: day(&self.until)?.map(|begin| begin.saturating_add(A_DAY)),
            status: some(&self.status).map(|word| listed(&word)).unwrap_or_default(),
            text: self.text.split_whitespace().map(str::to_owned).collect(),
            before: before.transpose()?,
            limit: Some(PAGE + 1),
        })
    }
}

/// What happened to the home has words of its own.
fn listed(word: &str) -> Vec<String> {
    let found = standings(word);
    if found.is_empty() { vec![word.to_owned()] } else { found }
}

/// The beginning of a day in UTC, as a browser's date field writes it.
fn day(text: &str) -> Result<Option<Millis>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let moment = format!("{text}T00:00:00Z").parse::<jiff::Timestamp>();
    let moment = moment.map_err(|_| format!("`{}` is no date; write it as 2026-11-23", visible(text)))?;
    Ok(Some(moment.as_millisecond()))
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    sign_out: String,
    verify: String,
    search: Search,
    outcomes: [&'static str; 9],
    problem: Option<String>,
    verified: Option<Verified>,
    lines: Vec<LogLine>,
    /// Where the older ones are.
    older: Option<String>,
    /// Where the newest ones are, where these are not.
    newest: Option<String>,
}

/// What came of looking at every record.
enum Verified {
    Good { records: String, head: String, unchecked: Option<String> },
    Bad(String),
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    sign_out: String,
    record: RecordView,
}

/// `GET /log`
pub(super) async fn list(
    State(site): State<Arc<Site>>,
    search: Result<Query<Search>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(search) = search.map_err(|_| Failure::NotFound)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/log", None).await;
    };
    page(&site, &headers, &visit, session, search, None).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyForm {
    csrf: String,
}

/// `POST /log/verify`: looks at every stored byte. It changes nothing; being asked for by a form keeps other pages from asking.
pub(super) async fn verify(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<VerifyForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/log", None).await;
    };
    check_form_token(&session.token, VERIFY, &form.csrf)?;
    let verified = match visit.parts.home.verify().await.map_err(Failure::internal)? {
        Ok(good) => Verified::Good {
            records: good.records.to_string(),
            head: good.head,
            unchecked: unchecked_text(&good.unchecked).map(|text| visible(&text)),
        },
        Err(bad) => Verified::Bad(visible(&bad.to_string())),
    };
    page(&site, &headers, &visit, session, Search::default(), Some(verified)).await
}

/// `GET /log/{id}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let id = uri.path().strip_prefix("/log/").filter(|id| is_record(id)).ok_or(Failure::NotFound)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/log", None).await;
    };
    let now = site.gateway().clock().now();
    let detail = visit.parts.home.detail(id).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)?;
    let record = RecordView::new(&detail, &visit.snapshot, now.wall);
    let page = RecordPage { sign_out: form_token(&session.token, SIGN_OUT), record };
    visit.page(&site, &headers, &session.token, StatusCode::OK, &page)
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    search: Search,
    verified: Option<Verified>,
) -> Result<Response, Failure> {
    let now = site.gateway().clock().now();
    visit.parts.ledger.sweep(now).await.map_err(Failure::internal)?;
    let (found, problem) = match search.filter(&visit.snapshot) {
        Ok(filter) => (visit.parts.home.lines(filter).await.map_err(Failure::internal)?, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let last = found.get(most.saturating_sub(1)).filter(|_| found.len() > most).map(|line| line.seq);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let people = visit.parts.home.people().await.map_err(Failure::internal)?;
    let names = Names::new(&people, &visit.parts.ledger.factors().await.map_err(Failure::internal)?);
    let page = LogPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        verify: form_token(&session.token, VERIFY),
        outcomes: OUTCOMES,
        problem,
        verified,
        lines: found.iter().take(most).map(|line| LogLine::named(line, &names, now.wall)).collect(),
        older: last.map(|seq| search.from(Some(seq))),
        newest: (!search.before.is_empty()).then(|| search.from(None)),
        search,
    };
    visit.page(site, headers, &session.token, status, &page)
}

/// Has this the shape of a record's id, or an approval's?
fn is_record(text: &str) -> bool {
    let random = text.strip_prefix("rec_").or_else(|| text.strip_prefix("apr_"));
    random.is_some_and(|random| {
        (1..=64).contains(&random.len()) && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_an_address_and_nothing_of_it_breaks_out() {
        let search = Search { text: "a&b=c \"<".into(), status: "failed".into(), ..Search::default() };
        assert_eq!(search.from(Some(9)), "/log?text=a%26b%3Dc+%22%3C&status=failed&before=9");
        assert_eq!((Search::default().from(None), search.is_narrowed()), ("/log".to_owned(), true));
        assert!(!Search { text: "x".into(), before: "9".into(), ..Search::default() }.is_narrowed());
    }

    #[test]
    fn a_date_is_a_day_in_utc_or_a_mistake() {
        assert_eq!(day("2026-11-23"), Ok(Some(1_795_392_000_000)));
        assert_eq!(day(" "), Ok(None));
        for wrong in ["23.11.2026", "2026-13-01", "2026-11-23T09:00:00Z", "x\u{202E}"] {
            assert!(day(wrong).is_err_and(|problem| !problem.contains('\u{202E}')), "{wrong}");
        }
    }
}
