//! `[integration]` and `[credential.…]`: who the service is, and what proves who is calling.

use super::{Credential, answer, graphql, rest, setting};
use crate::{
    catalog::{
        CredentialScheme, CredentialSpec, IdentityPointers, Method, RequestTemplate, Segment, Setting,
        reader::{At, Table, not_yet, shown},
        text,
    },
    diagnostic::Source,
    pattern::Pattern,
};

/// Routes, commands and words of messages: an integration of that name would be mistaken for the product itself.
const RESERVED: [&str; 9] = ["agentport", "approve", "approvals", "log", "policy", "accounts", "login", "tools", "mcp"];

/// `[integration]`, as far as it could be read.
pub(super) struct Heading {
    pub(super) id: Option<At<String>>,
    title: Option<String>,
    docs: Option<String>,
    settings: Vec<Setting>,
}

impl Heading {
    /// Id, title, documentation and settings.
    pub(super) fn whole(self) -> Option<(String, String, Option<String>, Vec<Setting>)> {
        Some((self.id?.value, self.title?, self.docs, self.settings))
    }
}

/// Reads `[integration]`.
pub(super) fn integration(source: &mut Source<'_>, top: &mut Table<'_>) -> Option<Heading> {
    let Some(entry) = top.take("integration") else {
        top.missing(source, "[integration]", "add it, with `id` and `title`");
        return None;
    };
    let mut table = entry.table(source, "`[integration]`")?;
    let id = table.required(source, "id").filter(|id| {
        let reserved = RESERVED.contains(&id.value.as_str());
        let good = text::is_integration_id(&id.value);
        if reserved {
            let message = format!("`{}` is a name of the product itself", id.value);
            source.problem(id.span.clone(), message, "choose another id".to_owned());
        } else if !good {
            let message = format!("`{}` is not an integration's id", shown(&id.value));
            source.problem(id.span.clone(), message, "use lower-case letters and digits, a letter first".to_owned());
        }
        good && !reserved
    });
    let title = table.required(source, "title").map(|title| text::prose(source, "title", title));
    let docs = link(source, &mut table, "docs");
    let settings = table.table(source, "settings", "`[integration.settings]`");
    let settings = settings.map(|table| setting::settings(source, table)).unwrap_or_default();
    table.finish(source);
    Some(Heading { id, title, docs, settings })
}

/// Reads `[credential.bearer]` or `[credential.header]`.
pub(super) fn credential(
    source: &mut Source<'_>,
    top: &mut Table<'_>,
    requests: &rest::Requests,
) -> Option<Credential> {
    let Some(entry) = top.take("credential") else {
        top.missing(source, "[credential.bearer]", "add it, or `[credential.header]`");
        return None;
    };
    let mut kinds = entry.table(source, "`[credential]`")?;
    let bearer = kinds.take("bearer");
    let header = kinds.take("header");
    let mut later = false;
    for kind in ["basic", "oauth2"] {
        if let Some(entry) = kinds.take(kind) {
            not_yet(source, entry.key.span, &format!("credential.{kind}"));
            later = true;
        }
    }
    let span = kinds.span();
    kinds.finish(source);
    match (bearer, header) {
        (Some(entry), None) => {
            let table = entry.table(source, "`[credential.bearer]`")?;
            described(source, table, Some(CredentialScheme::Bearer), requests)
        }
        (None, Some(entry)) => {
            let mut table = entry.table(source, "`[credential.header]`")?;
            let scheme = header_scheme(source, &mut table);
            described(source, table, scheme, requests)
        }
        (Some(_), Some(second)) => {
            let help = "keep one of `[credential.bearer]` and `[credential.header]`".to_owned();
            source.problem(second.key.span, "an integration has one kind of credential", help);
            None
        }
        (None, None) => {
            if !later {
                source.problem(
                    span,
                    "no kind of credential",
                    "add `[credential.bearer]` or `[credential.header]`".to_owned(),
                );
            }
            None
        }
    }
}

fn header_scheme(source: &mut Source<'_>, table: &mut Table<'_>) -> Option<CredentialScheme> {
    let name = table.required(source, "name");
    let prefix = table.string(source, "prefix");
    if let Some(prefix) = prefix.as_ref().filter(|prefix| !rest::is_header_value(&prefix.value)) {
        source.problem(prefix.span.clone(), "`prefix` may have visible ASCII characters and spaces only", None);
    }
    let name = name?;
    // A vendor's own use of `Authorization` is no Bearer scheme: Linear has the bare key there.
    if !name.value.eq_ignore_ascii_case("authorization") && !rest::is_free_header(source, &name) {
        return None;
    }
    let prefix = prefix.map(|prefix| prefix.value).unwrap_or_default();
    Some(CredentialScheme::Header { name: name.value.to_ascii_lowercase(), prefix })
}

fn described(
    source: &mut Source<'_>,
    mut table: Table<'_>,
    scheme: Option<CredentialScheme>,
    requests: &rest::Requests,
) -> Option<Credential> {
    let label = table.required(source, "label").map(|label| text::prose(source, "label", label));
    let create_at = link(source, &mut table, "create_at");
    let pattern = table.string(source, "pattern").and_then(|pattern| {
        // unlike a parameter's, it may match a part: what comes after it is the secret's own
        let compiled = Pattern::new(&format!("(?:{}).*", pattern.value));
        compiled.map_err(|reason| bad_pattern(source, &pattern, &reason)).ok()
    });
    let verify = table.required(source, "verify").and_then(|verify| match requests {
        rest::Requests::Rest { .. } => verifying_read(source, &verify).map(RequestTemplate::Rest),
        rest::Requests::Graphql { path } => graphql::verifying_read(source, &verify, path),
    });
    let identity = table.table(source, "identity", "`identity`");
    let identity = identity.map(|identity| pointers(source, identity, requests)).unwrap_or_default();
    table.finish(source);
    let spec = CredentialSpec { scheme: scheme?, label: label?, create_at, pattern, identity };
    Some(Credential { spec, verify: verify? })
}

fn verifying_read(source: &mut Source<'_>, verify: &At<String>) -> Option<crate::catalog::RestTemplate> {
    let template = rest::request(source, verify, crate::catalog::BodyKind::Json, None)?;
    let literal = template.path.iter().all(|segment| matches!(segment, Segment::Literal(_)));
    if template.method != Method::Get || !literal {
        let help = "write one cheap read without parameters, such as `GET /me`".to_owned();
        source.problem(verify.span.clone(), "`verify` must be `GET` and a path", help);
        return None;
    }
    Some(template)
}

fn pointers(source: &mut Source<'_>, mut table: Table<'_>, requests: &rest::Requests) -> IdentityPointers {
    let mut pointer = |key| {
        table.string(source, key).map(|pointer| {
            if answer::is_pointer(source, &pointer)
                && let (rest::Requests::Graphql { .. }, Some(rest)) = (requests, pointer.value.strip_prefix("/data/"))
            {
                let help = format!("write it as `/{}`", shown(rest));
                source.problem(pointer.span, "the answer of a GraphQL service is the content of its `data`", help);
            }
            pointer.value
        })
    };
    let pointers = IdentityPointers { id: pointer("id"), name: pointer("name"), live: pointer("live") };
    table.finish(source);
    pointers
}

/// Notes why a pattern does not compile.
pub(super) fn bad_pattern(source: &mut Source<'_>, pattern: &At<String>, reason: &str) {
    let reason = reason.trim_start_matches("error: ");
    source.problem(pattern.span.clone(), format!("this pattern is not usable: {reason}"), None);
}

fn link(source: &mut Source<'_>, table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let link = table.string(source, key)?;
    let good = url::Url::parse(&link.value).is_ok_and(|url| url.scheme() == "https")
        && link.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        source.problem(link.span, format!("`{key}` must be an https address"), None);
    }
    Some(link.value)
}
