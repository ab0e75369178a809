//! Places arguments into a request by type, never by interpolation, and proves afterwards that nothing moved.

mod mail;
mod nested;
mod variables;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    arguments::{Arguments, pointer},
    encode,
    param::{Param, Place, Problem, Type},
    request::{BodyKind, HttpRequest, Method, RequestTemplate, RestTemplate, Segment, SqlRequest},
    statement,
    tool::Tool,
};
use crate::{account::Origin, canonical};

/// A finished request, of the kind that its upstream sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// For the HTTP client.
    Http(HttpRequest),
    /// For a database.
    Sql(SqlRequest),
}

#[cfg(test)]
impl Placed {
    /// The request over HTTP that it has to be.
    fn http(self) -> HttpRequest {
        match self {
            Self::Http(http) => http,
            Self::Sql(sql) => panic!("not over HTTP: {sql:?}"),
        }
    }
}

/// The request of a call, complete but for origin, credential and idempotency key. `settings` are the account's own;
/// where one is not set, its default holds.
///
/// # Errors
/// Arguments that have no safe place, such as a path segment `..`; a setting that the account lacks.
pub fn place(
    tool: &Tool,
    arguments: &Arguments,
    origin: &Origin,
    settings: &BTreeMap<String, String>,
) -> Result<Placed, Vec<Problem>> {
    match &tool.request {
        RequestTemplate::Rest(template) => rest(tool, template, arguments, origin, settings).map(Placed::Http),
        RequestTemplate::Graphql(template) => Ok(Placed::Http(variables::request(tool, template, arguments))),
        RequestTemplate::Sql(template) => {
            let database = settings.get("database").map_or("", String::as_str);
            Ok(Placed::Sql(statement::request(*template, tool, arguments, database)))
        }
    }
}

fn rest(
    tool: &Tool,
    template: &RestTemplate,
    arguments: &Arguments,
    origin: &Origin,
    settings: &BTreeMap<String, String>,
) -> Result<HttpRequest, Vec<Problem>> {
    let segments = segments(tool, template, arguments.as_map(), settings)?;
    let mut path = String::new();
    for segment in &segments {
        path.push('/');
        path.push_str(&segment.encoded);
    }
    if template.trailing_slash || path.is_empty() {
        path.push('/');
    }
    let given = |place| {
        let params = tool.params.iter().filter(move |param| param.place == place);
        params.filter_map(|param| Some((param, arguments.as_map().get(&param.name)?)))
    };
    let mut query: Vec<_> =
        given(Place::Query).flat_map(|(param, value)| encode::pairs(param, value, template.body)).collect();
    let fixed_in_query = match template.method {
        Method::Get | Method::Head | Method::Delete => true,
        Method::Post | Method::Put | Method::Patch => false,
    };
    if fixed_in_query {
        query.extend(encode::fixed_pairs(&template.fixed, template.body));
    }
    let fixed_in_body = !fixed_in_query && !template.fixed.is_empty();
    let has_body = fixed_in_body || tool.params.iter().any(|param| matches!(param.place, Place::Body | Place::Mail));
    let body = has_body.then(|| match template.body {
        BodyKind::Mime => mail::body(tool, template, arguments),
        BodyKind::Json => {
            let mut members = Map::new();
            for (param, value) in given(Place::Body) {
                nested::put(&mut members, &param.wire, on_the_wire(param, value));
            }
            if fixed_in_body {
                nested::merge(&mut members, &template.fixed);
            }
            Ok(canonical::object_text(&members))
        }
        BodyKind::Form => {
            let mut pairs: Vec<_> =
                given(Place::Body).flat_map(|(param, value)| encode::pairs(param, value, template.body)).collect();
            if fixed_in_body {
                pairs.extend(encode::fixed_pairs(&template.fixed, template.body));
            }
            Ok(encode::joined(&pairs))
        }
    });
    let body = body.transpose()?;
    let request = HttpRequest {
        method: template.method,
        path,
        query: encode::joined(&query),
        headers: headers(tool, body.as_ref().map(|_| template.body)),
        body,
        idempotency: template.idempotency.clone(),
        answer: template.decode,
    };
    unmoved(&request, &segments, template, origin).map_err(|message| vec![Problem { at: String::new(), message }])?;
    Ok(request)
}

/// A segment as it will be sent, and what it has to say when it is read again.
struct PlacedSegment {
    encoded: String,
    meant: String,
}

fn segments(
    tool: &Tool,
    template: &RestTemplate,
    arguments: &Map<String, Value>,
    settings: &BTreeMap<String, String>,
) -> Result<Vec<PlacedSegment>, Vec<Problem>> {
    let mut placed = Vec::new();
    let mut problems = Vec::new();
    for segment in &template.path {
        match segment {
            Segment::Literal(text) => placed.push(PlacedSegment { encoded: text.clone(), meant: text.clone() }),
            Segment::Setting(name) => match setting(tool, name, settings) {
                Ok(meant) => placed.push(PlacedSegment { encoded: encode::percent(&meant), meant }),
                Err(message) => problems.push(Problem { at: String::new(), message }),
            },
            Segment::Prefix(name) => match prefix(tool, name, settings) {
                Ok(pieces) => {
                    placed.extend(
                        pieces.into_iter().map(|meant| PlacedSegment { encoded: encode::percent(&meant), meant }),
                    );
                }
                Err(message) => problems.push(Problem { at: String::new(), message }),
            },
            Segment::Param(name) => {
                let param = tool.params.iter().find(|param| param.name == *name);
                let meant = match (param, arguments.get(name)) {
                    (Some(param), Some(value)) => one_segment(value, param.slash),
                    (None, _) | (_, None) => Err("is missing, and the path needs it".to_owned()),
                };
                match meant {
                    Ok(meant) => placed.push(PlacedSegment { encoded: encode::percent(&meant), meant }),
                    Err(message) => problems.push(Problem { at: pointer("", name), message }),
                }
            }
        }
    }
    if problems.is_empty() { Ok(placed) } else { Err(problems) }
}

/// What the account has for a setting, as the one segment that it stands for.
fn setting(tool: &Tool, name: &str, settings: &BTreeMap<String, String>) -> Result<String, String> {
    segment_of(name, set(tool, name, settings)?)
}

/// The segments that stand before the path, from `/api/v3`.
fn prefix(tool: &Tool, name: &str, settings: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let value = set(tool, name, settings)?;
    match value.strip_prefix('/') {
        None if value.is_empty() => Ok(Vec::new()),
        None => Err(format!("the account's `{name}` must begin with `/`")),
        Some(rest) => rest.split('/').map(|piece| segment_of(name, piece)).collect(),
    }
}

fn segment_of(name: &str, value: &str) -> Result<String, String> {
    one_segment(&Value::String(value.to_owned()), false).map_err(|reason| format!("the account's `{name}` {reason}"))
}

/// What is set, or what holds unless it is.
fn set<'a>(tool: &'a Tool, name: &str, settings: &'a BTreeMap<String, String>) -> Result<&'a str, String> {
    let declared = tool.integration.settings.iter().find(|setting| setting.name == name);
    let value = settings.get(name).or_else(|| declared?.default.as_ref());
    let Some(value) = value.filter(|value| declared.is_some_and(|declared| declared.pattern.matches(value))) else {
        return Err(format!("the account has no usable `{name}`; a human must finish its set-up"));
    };
    Ok(value)
}

/// The text of a path argument: one segment that no server reads as another path, however often it decodes.
fn one_segment(value: &Value, slash: bool) -> Result<String, String> {
    if value.is_null() || value.is_array() || value.is_object() {
        return Err("must be a string, a number or a boolean to stand in a path".to_owned());
    }
    let text = encode::scalar(value);
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    let mut reading = text.clone();
    loop {
        if reading.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        if !slash && reading.contains(['/', '\\']) {
            return Err("must not contain `/` or `\\`; it is one segment of a path".to_owned());
        }
        if reading.split(['/', '\\']).any(|piece| matches!(piece, "" | "." | "..")) {
            let what = if slash { "no part of it between slashes may be" } else { "must not be" };
            return Err(format!("{what} empty, `.` or `..`"));
        }
        match encode::decode(&reading) {
            Some(decoded) if decoded != reading => reading = decoded,
            Some(_) | None => return Ok(text),
        }
    }
}

/// A value with the names that the vendor knows its members by.
fn on_the_wire(param: &Param, value: &Value) -> Value {
    match (&param.ty, value) {
        (Type::Array { items, .. }, Value::Array(elements)) => {
            elements.iter().map(|element| on_the_wire(items, element)).collect()
        }
        (Type::Object { fields }, Value::Object(members)) => {
            let known = fields.iter().filter_map(|field| Some((field, members.get(&field.name)?)));
            Value::Object(known.map(|(field, member)| (field.wire.clone(), on_the_wire(field, member))).collect())
        }
        (Type::Map { values, .. }, Value::Object(members)) => {
            Value::Object(members.iter().map(|(key, member)| (key.clone(), on_the_wire(values, member))).collect())
        }
        (
            Type::String { .. }
            | Type::Integer { .. }
            | Type::Number { .. }
            | Type::Boolean
            | Type::Value { .. }
            | Type::Array { .. }
            | Type::Object { .. }
            | Type::Map { .. },
            value,
        ) => value.clone(),
    }
}

/// What is the same for every call; nothing of it comes from arguments.
fn headers(tool: &Tool, body: Option<BodyKind>) -> Vec<(String, String)> {
    let mut headers = tool.integration.upstream.headers().to_vec();
    let mut unless_set = |name: &str, value: &str| {
        if !headers.iter().any(|(set, _)| set == name) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    unless_set("accept", "application/json");
    unless_set("user-agent", concat!("agentport/", env!("CARGO_PKG_VERSION")));
    if let Some(kind) = body {
        unless_set("content-type", kind.content_type());
    }
    headers
}

/// Reads the finished URL as a server would. Encoding alone is no proof: parsers drop `..`, turn `\` into `/` and
/// lose tabs.
fn unmoved(
    request: &HttpRequest,
    segments: &[PlacedSegment],
    template: &RestTemplate,
    origin: &Origin,
) -> Result<(), String> {
    const MOVED: &str = "the arguments would lead to another address than the tool's";
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let text = format!("{}{}{query}", origin.as_str(), request.path);
    let url = url::Url::parse(&text).map_err(|_| MOVED.to_owned())?;
    let home = url::Url::parse(origin.as_str()).map_err(|_| MOVED.to_owned())?;
    let authority =
        |url: &url::Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let mut read: Vec<&str> = url.path().strip_prefix('/').unwrap_or_default().split('/').collect();
    if template.trailing_slash || segments.is_empty() {
        // what follows the last `/`
        if read.pop() != Some("") {
            return Err(MOVED.to_owned());
        }
    }
    let same = authority(&url) == authority(&home)
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && url.path() == request.path
        && url.query().unwrap_or_default() == request.query
        && read.len() == segments.len()
        && read
            .iter()
            .zip(segments)
            .all(|(read, placed)| encode::decode(read).as_deref() == Some(placed.meant.as_str()));
    if same { Ok(()) } else { Err(MOVED.to_owned()) }
}

#[cfg(test)]
mod tests;
