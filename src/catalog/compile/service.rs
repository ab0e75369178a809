//! `[integration]` and `[credential.…]`: who the service is, and what proves who is calling.

use super::{Credential, answer, graphql, oauth, rest, setting, sql};
use crate::{
    catalog::{
        CredentialScheme, CredentialSpec, IdentityPointers, Method, OAuthSpec, RequestTemplate, Segment, Setting,
        UpstreamSpec, Warning,
        reader::{At, Table, not_yet, shown},
        text,
    },
    diagnostic::Source,
    pattern::Pattern,
};

/// Routes, commands and words of messages: an integration of that name would be mistaken for the product itself, and its
/// tools could not be called over HTTP.
#[rustfmt::skip]
const RESERVED: [&str; 21] = [
    "accounts", "agentport", "agents", "approvals", "approve", "enrol", "grants", "healthz", "lock", "log", "login",
    "logout", "mcp", "metrics", "oauth", "people", "policy", "readyz", "together", "tools", "unlock",
];

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

/// Reads `[credential.…]`: a key as `bearer` or `header`, a sign-in as `oauth2`, or both.
pub(super) fn credential(
    source: &mut Source<'_>,
    top: &mut Table<'_>,
    requests: &rest::Requests,
    upstream: Option<&UpstreamSpec>,
) -> Option<Credential> {
    let Some(entry) = top.take("credential") else {
        top.missing(source, "[credential.bearer]", "add it, or `[credential.header]`, or `[credential.oauth2]`");
        return None;
    };
    let mut kinds = entry.table(source, "`[credential]`")?;
    let bearer = kinds.take("bearer");
    let header = kinds.take("header");
    let connection = kinds.take("connection");
    let oauth2 = kinds.take("oauth2");
    let warnings = kinds.tables(source, "warn", "[[credential.warn]]");
    let warnings = oauth::warnings(source, warnings);
    let basic = kinds.take("basic");
    let later = basic.is_some();
    if let Some(entry) = basic {
        not_yet(source, entry.key.span, "credential.basic");
    }
    let span = kinds.span();
    kinds.finish(source);
    let alone = bearer.is_none() && header.is_none();
    let is_database = matches!(requests, rest::Requests::Sql { .. });
    if is_database != connection.is_some() || connection.is_some() && (!alone || oauth2.is_some() || later) {
        let help = "a database has `[credential.connection]` and nothing else; anything else has none".to_owned();
        source.problem(span, "the kind of credential does not fit the kind of upstream", help);
        return None;
    }
    if let Some(entry) = connection {
        let mut table = entry.table(source, "`[credential.connection]`")?;
        let label = label(source, &mut table);
        return Some(
            described(source, table, Some(CredentialScheme::Connection), label, requests)?.credential(None, warnings),
        );
    }
    let oauth2 = match oauth2 {
        None => None,
        Some(entry) => {
            let table = entry.table(source, "`[credential.oauth2]`")?;
            Some(oauth::oauth(source, table, requests, upstream, alone))
        }
    };
    let described = match (bearer, header) {
        (Some(entry), None) => {
            let mut table = entry.table(source, "`[credential.bearer]`")?;
            let label = label(source, &mut table);
            described(source, table, Some(CredentialScheme::Bearer), label, requests)
        }
        (None, Some(entry)) => {
            let mut table = entry.table(source, "`[credential.header]`")?;
            let scheme = header_scheme(source, &mut table);
            let label = label(source, &mut table);
            described(source, table, scheme, label, requests)
        }
        (Some(_), Some(second)) => {
            let help = "keep one of `[credential.bearer]` and `[credential.header]`".to_owned();
            source.problem(second.key.span, "an integration has one kind of credential", help);
            None
        }
        (None, None) => {
            if let Some(oauth2) = oauth2 {
                let (oauth, described) = oauth2?;
                return Some(described?.credential(Some(oauth), warnings));
            }
            if !later {
                let help = "add `[credential.bearer]`, `[credential.header]` or `[credential.oauth2]`".to_owned();
                source.problem(span, "no kind of credential", help);
            }
            None
        }
    };
    let oauth = match oauth2 {
        None => None,
        Some(oauth2) => Some(oauth2?.0),
    };
    Some(described?.credential(oauth, warnings))
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

/// What a person calls it.
pub(super) fn label(source: &mut Source<'_>, table: &mut Table<'_>) -> Option<String> {
    table.required(source, "label").map(|label| text::prose(source, "label", label))
}

/// What every kind of credential has, beside its label.
pub(super) fn described(
    source: &mut Source<'_>,
    mut table: Table<'_>,
    scheme: Option<CredentialScheme>,
    label: Option<String>,
    requests: &rest::Requests,
) -> Option<Described> {
    let create_at = link(source, &mut table, "create_at");
    let rights = table.string(source, "rights").map(|rights| text::prose(source, "rights", rights));
    let pattern = table.string(source, "pattern").and_then(|pattern| beginning(source, &pattern));
    let verify = match requests {
        rest::Requests::Rest { .. } => table.required(source, "verify").and_then(|verify| {
            verifying_read(source, &verify).map(|mut template| {
                requests.with_prefix(&mut template);
                RequestTemplate::Rest(template)
            })
        }),
        rest::Requests::Graphql { path } => {
            table.required(source, "verify").and_then(|verify| graphql::verifying_read(source, &verify, path))
        }
        // what a database is asked then is the same for all of them
        rest::Requests::Sql { dialect } => Some(sql::verifying_read(*dialect)),
    };
    let identity = table.table(source, "identity", "`identity`");
    let identity = identity.map(|identity| pointers(source, identity, requests)).unwrap_or_default();
    let scopes_header = table.string(source, "scopes_header").and_then(|name| {
        let good = rest::is_free_header(source, &name);
        good.then(|| name.value.to_ascii_lowercase())
    });
    table.finish(source);
    Some(Described {
        scheme: scheme?,
        label: label?,
        create_at,
        rights,
        pattern,
        identity,
        scopes_header,
        verify: verify?,
    })
}

/// A pattern that, unlike a parameter's, may match a part: what comes after it is the secret's own.
pub(super) fn beginning(source: &mut Source<'_>, pattern: &At<String>) -> Option<Pattern> {
    let compiled = Pattern::new(&format!("(?:{}).*", pattern.value));
    compiled.map_err(|reason| bad_pattern(source, pattern, &reason)).ok()
}

/// A kind of credential, as its table describes it.
pub(super) struct Described {
    scheme: CredentialScheme,
    label: String,
    create_at: Option<String>,
    rights: Option<String>,
    pattern: Option<Pattern>,
    identity: IdentityPointers,
    scopes_header: Option<String>,
    verify: RequestTemplate,
}

impl Described {
    fn credential(self, oauth: Option<OAuthSpec>, warnings: Vec<Warning>) -> Credential {
        let Self { scheme, label, create_at, rights, pattern, identity, scopes_header, verify } = self;
        let spec =
            CredentialSpec { scheme, label, create_at, rights, pattern, identity, oauth, scopes_header, warnings };
        Credential { spec, verify }
    }
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
