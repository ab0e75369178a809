//! The request as it will be sent, less the credential.

use super::{cell::Cell, mail::MailView};
use crate::{
    catalog::{CredentialScheme, Tool},
    plan::{Plan, Request},
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
    /// The body, byte by byte.
    pub(in crate::web) body: Option<Cell>,
    /// Its fields, decoded, where it is a form.
    pub(in crate::web) fields: Vec<(Cell, Cell)>,
    /// The mail in it, where there is one.
    pub(in crate::web) mail: Option<MailView>,
}

impl RequestView {
    /// The request of a plan; `approval` is the value of its idempotency key.
    pub(super) fn new(plan: &Plan, tool: Option<&Tool>, approval: &str) -> Self {
        let Request::Http(http) = plan.request();
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
            Some(CredentialScheme::Bearer) | None => "authorization".to_owned(),
        };
        Self {
            method: http.method.as_str(),
            url: Cell::line(&format!("{}{}{query}", plan.origin(), http.path)),
            headers,
            credential,
            body: body.map(Cell::line),
            fields,
            mail: tool.and_then(|tool| tool.letter(http)).as_ref().map(MailView::new),
        }
    }
}
