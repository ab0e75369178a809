//! `[upstream.…]`, and the `request` of a REST service's tool: where requests go and what is fixed in them.

use std::collections::BTreeSet;

use super::{graphql, refusal, sql};
use crate::{
    account::Origin,
    catalog::{
        AnswerKind, BodyKind, Integration, Method, Refusal, RestTemplate, Segment, UpstreamSpec,
        reader::{At, Table, not_yet, shown, text},
        text as names,
    },
    diagnostic::Source,
    sql::Dialect,
};

/// Headers that belong to the connection, to the credential or to us, or that make another request of this one.
const RESERVED: [&str; 22] = [
    "authorization",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "cookie",
    "set-cookie",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "forwarded",
    "via",
    "range",
    "origin",
];
const RESERVED_PREFIXES: [&str; 2] = ["x-forwarded-", "proxy-"];

/// How the tools of a file say what is sent; known as far as possible even where the rest of `[upstream]` is wrong.
pub(super) enum Requests {
    /// By method and path.
    Rest {
        /// How bodies are encoded unless a tool says otherwise.
        body: BodyKind,
        /// How a refusal looks that comes with a status of success.
        refusal: Option<Refusal>,
        /// The setting that stands before every path.
        prefix: Option<At<String>>,
    },
    /// By document.
    Graphql {
        /// Where all of them are sent to.
        path: String,
    },
    /// By what is asked of a database.
    Sql {
        /// Whose SQL it is.
        dialect: Dialect,
    },
}

impl Requests {
    /// How a refusal looks that comes with a status of success; GraphQL has its own way to say so.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Rest { refusal, .. } => refusal.as_ref(),
            Self::Graphql { .. } | Self::Sql { .. } => None,
        }
    }

    /// Puts the setting that stands before every path before this one.
    pub(super) fn with_prefix(&self, template: &mut RestTemplate) {
        if let Self::Rest { prefix: Some(prefix), .. } = self {
            template.path.insert(0, Segment::Prefix(prefix.value.clone()));
        }
    }

    /// Notes a prefix that is no setting of the integration.
    pub(super) fn check_prefix(&self, source: &mut Source<'_>, integration: &Integration) {
        let Self::Rest { prefix: Some(prefix), .. } = self else { return };
        if !integration.settings.iter().any(|setting| setting.name == prefix.value) {
            let message = format!("`{}` is no setting of this integration", shown(&prefix.value));
            let help = "declare it in `[integration.settings]`; its values are like `/api/v3`, or empty".to_owned();
            source.problem(prefix.span.clone(), message, help);
        }
    }
}

/// Reads `[upstream.rest]` or `[upstream.graphql]`.
pub(super) fn upstream(source: &mut Source<'_>, top: &mut Table<'_>) -> (Requests, Option<UpstreamSpec>) {
    // A missing one has been noted; the tools are still looked at.
    kinds(source, top).unwrap_or((Requests::Rest { body: BodyKind::Json, refusal: None, prefix: None }, None))
}

fn kinds(source: &mut Source<'_>, top: &mut Table<'_>) -> Option<(Requests, Option<UpstreamSpec>)> {
    let Some(entry) = top.take("upstream") else {
        top.missing(source, "[upstream.rest]", "add it, with `origin` and `body`, or `[upstream.graphql]`");
        return None;
    };
    let mut kinds = entry.table(source, "`[upstream]`")?;
    let rest = kinds.table(source, "rest", "`[upstream.rest]`");
    let graphql = kinds.table(source, "graphql", "`[upstream.graphql]`");
    let sql = kinds.table(source, "sql", "`[upstream.sql]`");
    let mut later = false;
    if let Some(entry) = kinds.take("mcp") {
        not_yet(source, entry.key.span, "upstream.mcp");
        later = true;
    }
    let span = kinds.span();
    kinds.finish(source);
    let mut table = match (rest, graphql, sql) {
        (Some(rest), None, None) => rest,
        (None, Some(table), None) => return Some(graphql::upstream(source, table)),
        (None, None, Some(table)) => return Some(sql::upstream(source, table)),
        (Some(_), Some(second), _) | (Some(_) | None, _, Some(second)) => {
            let help = "keep one of `[upstream.rest]`, `[upstream.graphql]` and `[upstream.sql]`".to_owned();
            source.problem(second.span(), "an integration has one kind of upstream", help);
            return None;
        }
        (None, None, None) => {
            if !later {
                let help = "add `[upstream.rest]`, `[upstream.graphql]` or `[upstream.sql]`".to_owned();
                source.problem(span, "no kind of upstream", help);
            }
            return None;
        }
    };
    let origin = table.required(source, "origin").and_then(|text| origin(source, &text));
    let headers = table.table(source, "headers", "`headers`").map(|table| headers(source, table)).unwrap_or_default();
    let body = table.required(source, "body").and_then(|word| body(source, &word));
    let refusal = refusal::refusal(source, &mut table);
    let prefix = table.string(source, "prefix");
    table.finish(source);
    let requests = Requests::Rest { body: body.unwrap_or(BodyKind::Json), refusal, prefix };
    let spec = origin.zip(body).map(|(origin, body)| UpstreamSpec::Rest { origin, headers, body });
    Some((requests, spec))
}

/// How bodies are encoded.
pub(super) fn body(source: &mut Source<'_>, word: &At<String>) -> Option<BodyKind> {
    match word.value.as_str() {
        "json" => Some(BodyKind::Json),
        "form" => Some(BodyKind::Form),
        "mime" => Some(BodyKind::Mime),
        other => {
            let help = "use `json`, `form` or `mime`".to_owned();
            source.problem(word.span.clone(), format!("`{}` is not an encoding of bodies", shown(other)), help);
            None
        }
    }
}

/// `METHOD /path/{param}`; whether its parameters exist is for the tool to say.
pub(super) fn request(
    source: &mut Source<'_>,
    text: &At<String>,
    body: BodyKind,
    idempotency: Option<String>,
) -> Option<RestTemplate> {
    let mut problem = |message: String, help: &str| source.problem(text.span.clone(), message, help.to_owned());
    let Some((word, path)) = text.value.split_once(' ') else {
        problem("`request` must be a method and a path".to_owned(), "write it as `GET /things/{id}`");
        return None;
    };
    let Some(method) = Method::from_word(word) else {
        let message = format!("`{}` is not a method", shown(word));
        problem(message, "use GET, HEAD, POST, PUT, PATCH or DELETE");
        return None;
    };
    let Some(path) = path.strip_prefix('/') else {
        let help = "scheme and host come from the account; only the path stands here";
        problem(format!("the path `{}` must begin with `/`", shown(path)), help);
        return None;
    };
    let (path, trailing_slash) = match path.strip_suffix('/') {
        Some(path) => (path, true),
        None => (path, false),
    };
    let mut segments = Vec::new();
    if !path.is_empty() || trailing_slash {
        for segment in path.split('/') {
            segments.push(self::segment(segment).map_err(|message| problem(message, SEGMENT_HELP)).ok()?);
        }
    }
    let (fixed, raw, decode) = (serde_json::Map::new(), Vec::new(), AnswerKind::Plain);
    Some(RestTemplate { method, path: segments, trailing_slash, body, fixed, raw, decode, idempotency })
}

const SEGMENT_HELP: &str =
    "a segment is `{name}` or consists of letters, digits and `-._~@:`; query parameters are `in = \"query\"`";

pub(super) fn segment(segment: &str) -> Result<Segment, String> {
    if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
        && names::is_name(name)
    {
        return Ok(Segment::Param(name.to_owned()));
    }
    let plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte));
    if segment.is_empty() {
        return Err("the path has an empty segment".to_owned());
    }
    if !plain || segment == "." || segment == ".." {
        return Err(format!("`{}` is not a segment of a path", shown(segment)));
    }
    Ok(Segment::Literal(segment.to_owned()))
}

/// Is this a header that a manifest may name? Notes why not.
pub(super) fn is_free_header(source: &mut Source<'_>, name: &At<String>) -> bool {
    let lower = name.value.to_ascii_lowercase();
    if !names::is_token(&name.value) {
        source.problem(name.span.clone(), format!("`{}` is not a header's name", shown(&name.value)), None);
        return false;
    }
    if RESERVED.contains(&lower.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        let message = format!("the header `{}` is not for manifests to set", name.value);
        source.problem(
            name.span.clone(),
            message,
            "remove it; it belongs to the connection or the credential".to_owned(),
        );
        return false;
    }
    true
}

/// Visible ASCII and spaces: other bytes mean different things to different servers.
pub(super) fn is_header_value(value: &str) -> bool {
    const LONGEST: usize = 1_000;
    value.len() <= LONGEST && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Reads the `headers` of an upstream.
pub(super) fn headers(source: &mut Source<'_>, table: Table<'_>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut headers = Vec::new();
    for entry in table.entries() {
        let name = At { value: entry.key.value.to_owned(), span: entry.key.span.clone() };
        let Some(value) = text(source, entry.key.value, &entry.value) else { continue };
        let lower = name.value.to_ascii_lowercase();
        if !is_free_header(source, &name) {
            continue;
        }
        if value.value.trim() != value.value || value.value.is_empty() || !is_header_value(&value.value) {
            let help = "use visible ASCII characters, with spaces only between them".to_owned();
            source.problem(value.span, format!("this is not a value for the header `{}`", name.value), help);
        } else if !seen.insert(lower.clone()) {
            source.problem(name.span, format!("the header `{}` is there twice", name.value), None);
        } else {
            headers.push((lower, value.value));
        }
    }
    headers
}

/// Reads the `origin` of an upstream.
pub(super) fn origin(source: &mut Source<'_>, text: &At<String>) -> Option<String> {
    // An argument or a setting in the host would let a call choose where the secret goes.
    let host = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:/-[]".contains(&byte));
    let reason = match Origin::parse(&text.value, false) {
        Ok(origin) if host(&text.value) => return Some(origin.as_str().to_owned()),
        Ok(_) => format!("`{}` has characters that no host has", shown(&text.value)),
        Err(error) => error.to_string(),
    };
    let help = "write scheme, host and port, such as `https://api.example.com`; another host is for `connect --origin`";
    source.problem(text.span.clone(), reason, help.to_owned());
    None
}
