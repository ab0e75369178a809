//! The request as it will be sent, less the credential.

use super::{cell::Cell, mail::MailView};
use crate::{
    catalog::{CredentialScheme, SqlOperation, SqlRequest, Tool},
    findings::Findings,
    plan::{Plan, Request},
    sql::Class,
};

/// A finished request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct RequestView {
    /// `POST`
    pub(in crate::web) method: &'static str,
    /// Origin, path and query.
    pub(in crate::web) url: Cell,
    /// Headers, the idempotency key among them.
    pub(in crate::web) headers: Vec<(Cell, Cell)>,
    /// The header that carries the credential.
    pub(in crate::web) credential: String,
    /// What the body is.
    pub(in crate::web) body_title: &'static str,
    /// The body, byte by byte.
    pub(in crate::web) body: Option<Cell>,
    /// What the fields are.
    pub(in crate::web) fields_title: &'static str,
    /// Its fields, decoded, where it is a form.
    pub(in crate::web) fields: Vec<(Cell, Cell)>,
    /// The mail in it, where there is one.
    pub(in crate::web) mail: Option<MailView>,
}

impl RequestView {
    /// What a database is asked, in the same places: the statement as it will be run is the body, its values the fields.
    fn of_statement(plan: &Plan, sql: &SqlRequest) -> Self {
        let place = format!("{} database {}", plan.origin(), sql.database);
        let mut headers = vec![(Cell::line("timeout"), Cell::line(&format!("{} ms", sql.timeout_ms)))];
        if sql.operation == SqlOperation::Query {
            headers.push((Cell::line("rows"), Cell::line(&format!("{} after {}", sql.limit, sql.offset))));
        }
        let values = sql.params.iter().enumerate();
        Self {
            method: sql.class.map_or(sql.operation.as_str(), Class::as_str),
            url: Cell::line(&place),
            headers,
            credential: "the account's own connection".to_owned(),
            body_title: "The statement, as sent",
            body: sql.statement.as_deref().or(sql.name.as_deref()).map(Cell::line),
            fields_title: "Its values, in order",
            fields: values
                .map(|(index, value)| (Cell::line(&format!("value {}", index + 1)), Cell::line(&value.to_string())))
                .collect(),
            mail: None,
        }
    }

    /// The request of a plan; `own` is the address that mail is sent from, `approval` the value of its idempotency key.
    pub(super) fn new(
        plan: &Plan,
        tool: Option<&Tool>,
        own: Option<&str>,
        findings: Option<&Findings>,
        approval: &str,
    ) -> Self {
        let http = match plan.request() {
            Request::Http(http) => http,
            Request::Sql(sql) => return Self::of_statement(plan, sql),
        };
        let query = if http.query.is_empty() { String::new() } else { format!("?{}", http.query) };
        let mut headers: Vec<_> =
            http.headers.iter().map(|(name, value)| (Cell::line(name), Cell::line(value))).collect();
        headers
            .extend(http.idempotency.iter().map(|name| (Cell::line(&name.to_ascii_lowercase()), Cell::line(approval))));
        let is_form = http
            .headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.starts_with("application/x-www-form-urlencoded"));
        let body = http.body.as_deref();
        let fields = body.filter(|_| is_form).map_or_else(Vec::new, |body| {
            let decoded = url::form_urlencoded::parse(body.as_bytes());
            decoded.map(|(name, value)| (Cell::text(&name), Cell::text(&value))).collect()
        });
        let credential = match tool.map(|tool| &tool.integration.credential.scheme) {
            Some(CredentialScheme::Header { name, .. }) => name.clone(),
            Some(CredentialScheme::Connection) => "the connection".to_owned(),
            Some(CredentialScheme::Bearer) | None => "authorization".to_owned(),
        };
        Self {
            method: http.method.as_str(),
            url: Cell::line(&format!("{}{}{query}", plan.origin(), http.path)),
            headers,
            credential,
            body_title: "Body, as sent",
            body: body.map(Cell::line),
            fields_title: "The same, decoded",
            fields,
            mail: tool.and_then(|tool| tool.letter(http)).as_ref().map(|letter| MailView::new(letter, own, findings)),
        }
    }
}
