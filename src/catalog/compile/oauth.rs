//! `[credential.oauth2]` and `[[credential.warn]]`.

use super::{Described, rest, rest::Requests, service};
use crate::{
    account::Origin,
    catalog::{
        CredentialScheme, EndpointSpec, OAuthSpec, UpstreamSpec, WarnOn, Warning,
        reader::{At, Table, shown, text as string},
        text,
    },
    diagnostic::Source,
};

/// What the protocol itself writes into the address that the browser goes to, or what would change how it answers.
const OURS: [&str; 13] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "code",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "nonce",
];

/// Reads `[credential.oauth2]`; alone it has the keys that every credential has.
pub(super) fn oauth(
    source: &mut Source<'_>,
    mut table: Table<'_>,
    requests: &Requests,
    upstream: Option<&UpstreamSpec>,
    alone: bool,
) -> Option<(OAuthSpec, Option<Described>)> {
    let own = upstream.and_then(|upstream| Origin::parse(upstream.origin(), false).ok());
    let own = own.as_ref().map(Origin::as_str);
    let whole = table.span();
    let label = service::label(source, &mut table);
    let token = table.required(source, "token").and_then(|address| endpoint(source, "token", &address, own));
    let [authorize, device, revoke] = ["authorize", "device", "revoke"].map(|key| (key, table.string(source, key)));
    let redirect = table.string(source, "redirect");
    match (&authorize.1, &redirect) {
        (Some(_), None) => {
            let help = "add `redirect = \"loopback\"`: the browser comes back to a port of this computer".to_owned();
            source.problem(whole.clone(), "`authorize` needs `redirect`", help);
        }
        (None, Some(redirect)) => {
            source.problem(
                redirect.span.clone(),
                "`redirect` needs `authorize`",
                "add where the browser goes".to_owned(),
            );
        }
        (None, None) if device.1.is_none() => {
            let help = "add `authorize` with `redirect = \"loopback\"`, or `device`".to_owned();
            source.problem(whole, "nobody could sign in: neither `authorize` nor `device` is there", help);
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if let Some(redirect) = redirect.filter(|redirect| redirect.value != "loopback") {
        let help = "use `loopback`: a port of this computer".to_owned();
        source.problem(redirect.span, format!("`{}` is not a way back", shown(&redirect.value)), help);
    }
    let separator = match table.string(source, "scope_separator") {
        None => " ",
        Some(word) => match word.value.as_str() {
            " " => " ",
            "," => ",",
            other => {
                let message = format!("`{}` does not stand between scopes", shown(other));
                source.problem(word.span, message, "use \" \", or \",\" where the vendor wants it".to_owned());
                " "
            }
        },
    };
    let scopes = scopes(source, &mut table);
    let extra = table.table(source, "extra", "`extra`").map(|extra| parameters(source, extra)).unwrap_or_default();
    let client_secret = table.boolean(source, "client_secret").is_some_and(|demanded| demanded.value);
    // what is wrong has been noted, and lets nothing of this manifest through
    let [authorize, device, revoke] =
        [authorize, device, revoke].map(|(key, address)| endpoint(source, key, &address?, own));
    let described = if alone {
        // what a ready access token is sent as, and how the account behind it is found out
        Some(service::described(source, table, Some(CredentialScheme::Bearer), label.clone(), requests))
    } else {
        table.finish(source);
        None
    };
    let spec = OAuthSpec {
        label: label?,
        alone,
        authorize,
        token: token?,
        device,
        revoke,
        scopes,
        separator,
        extra,
        client_secret,
    };
    match described {
        None => Some((spec, None)),
        Some(described) => Some((spec, Some(described?))),
    }
}

/// A path on the integration's own origin, or an https address; the same origin written out is the own one too.
fn endpoint(source: &mut Source<'_>, key: &str, address: &At<String>, own: Option<&str>) -> Option<EndpointSpec> {
    let help =
        "write it as \"https://auth.example.com/oauth/token\", or as \"/oauth/token\" on the integration's own origin";
    let mut problem = |message: String| {
        source.problem(address.span.clone(), message, help.to_owned());
        None
    };
    let text = &address.value;
    // what the parser would change on its way to the wire does not stand here
    let base = if text.starts_with('/') { "https://own.invalid" } else { "" };
    let full = format!("{base}{text}");
    let Ok(url) = url::Url::parse(&full) else {
        return problem(format!("`{key}` must be an https address or a path"));
    };
    if url.scheme() != "https" {
        return problem(format!("`{key}` must use https"));
    }
    let origin = url.origin().ascii_serialization();
    if full != format!("{origin}{}", url.path()) || url.path() == "/" || url.path().contains("//") {
        return problem(format!("`{key}` must be a plain address with a path, as it goes out: no query, no fragment"));
    }
    let path = url.path().to_owned();
    if !base.is_empty() || Some(origin.as_str()) == own {
        return Some(EndpointSpec::Own(path));
    }
    match Origin::parse(&origin, false) {
        Ok(_) => Some(EndpointSpec::At { origin, path }),
        Err(_) => problem(format!("`{key}` is at a private or loopback address")),
    }
}

fn scopes(source: &mut Source<'_>, table: &mut Table<'_>) -> Vec<String> {
    let Some(entry) = table.take("scopes") else { return Vec::new() };
    let items = entry.list(source).unwrap_or_default();
    let mut scopes: Vec<String> = Vec::new();
    for item in &items {
        let Some(scope) = string(source, "scopes", item) else { continue };
        if !is_scope(&scope.value) {
            source.problem(scope.span, format!("`{}` is not a scope", shown(&scope.value)), None);
        } else if scopes.contains(&scope.value) {
            source.problem(scope.span, "this scope is there twice", None);
        } else {
            scopes.push(scope.value);
        }
    }
    scopes
}

/// RFC 6749 section 3.3, less the comma that some vendors put between scopes.
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte))
}

fn parameters(source: &mut Source<'_>, extra: Table<'_>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for entry in extra.entries() {
        let name = entry.key.value;
        if OURS.contains(&name) || !text::is_name(name) {
            let help = "`extra` is for the vendor's own parameters, such as `access_type`".to_owned();
            source.problem(entry.key.span, format!("`{}` is not for manifests to set", shown(name)), help);
            continue;
        }
        if let Some(value) = string(source, name, &entry.value) {
            if value.value.is_empty() || !rest::is_header_value(&value.value) {
                let message = format!("`{}` may have visible ASCII characters and spaces only", shown(name));
                source.problem(value.span, message, None);
            }
            parameters.push((name.to_owned(), value.value));
        }
    }
    parameters
}

/// Reads `[[credential.warn]]`.
pub(super) fn warnings(source: &mut Source<'_>, tables: Vec<Table<'_>>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for mut table in tables {
        let span = table.span();
        let pattern = table.string(source, "pattern");
        let scope = table.string(source, "scope");
        let message = table.required(source, "message").map(|message| text::prose(source, "message", message));
        table.finish(source);
        let on = match (pattern, scope) {
            (Some(pattern), None) => service::beginning(source, &pattern).map(WarnOn::Secret),
            (None, Some(scope)) if is_scope(&scope.value) => Some(WarnOn::Scope(scope.value)),
            (None, Some(scope)) => {
                source.problem(scope.span, format!("`{}` is not a scope", shown(&scope.value)), None);
                None
            }
            (Some(_), Some(_)) | (None, None) => {
                source.problem(span, "a warning has either `pattern` or `scope`", None);
                None
            }
        };
        warnings.extend(on.zip(message).map(|(on, message)| Warning { on, message }));
    }
    warnings
}

#[cfg(test)]
mod tests;
