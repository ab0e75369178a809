//! What a human approves of a tool that is the user's own, part by part: all that a call of it does and all that is said
//! of it to models and approvers. Two faces that are equal are the same tool to everybody.
//!
//! A part that says nothing is left out, so that a later version's further parts change no face that does not use them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    answer::AnswerSpec,
    definition::definition,
    oauth::EndpointSpec,
    param::{Param, Type},
    tool::Tool,
};
use crate::canonical;

/// The parts of a tool, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Face(Map<String, Value>);

/// A part that differs: its name, and how it was and is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartChange {
    /// `request`, `parameter amount`, `origin`
    pub part: String,
    /// In plain words; `None` where it was not there.
    pub before: Option<String>,
    /// In plain words; `None` where it is not there any more.
    pub after: Option<String>,
}

impl Face {
    /// The face of a tool.
    pub fn of(tool: &Tool) -> Self {
        let Value::Object(mut parts) = definition(tool) else { return Self(Map::new()) };
        // the name that it is kept under
        parts.remove("integration");
        parts.remove("tool");
        if let Some(Value::Array(params)) = parts.remove("params") {
            let named = params.into_iter().map(|param| {
                let name = param.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                (name, sparse(param))
            });
            parts.insert("params".to_owned(), Value::Object(named.collect()));
        }
        if let Some(Value::Object(request)) = parts.get_mut("request") {
            for kind in request.values_mut() {
                *kind = sparse(std::mem::take(kind));
            }
        }
        let AnswerSpec { keep, next, refusal } = &tool.answer;
        let mut wording = Map::new();
        for param in &tool.params {
            word(&param.name, param, &mut wording);
        }
        parts.insert("title".to_owned(), json!(tool.title));
        parts.insert("description".to_owned(), json!(tool.description));
        parts.insert("toolset".to_owned(), json!(tool.toolset));
        parts.insert("origin".to_owned(), json!(tool.integration.upstream.origin()));
        parts.insert("sign_in".to_owned(), sign_in(tool));
        parts.insert("answer".to_owned(), sparse(json!({ "keep": keep, "next": next, "failure": refusal })));
        parts.insert("descriptions".to_owned(), Value::Object(wording));
        match sparse(Value::Object(parts)) {
            Value::Object(parts) => Self(parts),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Self(Map::new()),
        }
    }

    /// What a call sends, as `POST https://slack.com/api/chat.postMessage`.
    pub fn request(&self) -> String {
        let origin = self.0.get("origin").map(plain).unwrap_or_default();
        let request = self.0.get("request");
        if let Some(path) = request.and_then(|request| request.get("graphql")?.get("path")?.as_str()) {
            return format!("POST {origin}{path}");
        }
        let rest = request.and_then(|request| request.get("rest"));
        match rest.and_then(|rest| Some((rest.get("method")?.as_str()?, path(rest.get("path")).unwrap_or_default()))) {
            Some((method, path)) => format!("{method} {origin}{path}"),
            None => origin,
        }
    }

    /// The names of its parameters.
    pub fn params(&self) -> Vec<&str> {
        let params = self.0.get("params").and_then(Value::as_object);
        params.into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    /// What differs in `after`, by name.
    pub fn changes(&self, after: &Self) -> Vec<PartChange> {
        let mut changes = Vec::new();
        for name in names(&self.0, &after.0) {
            let (old, new) = (self.0.get(name), after.0.get(name));
            if old == new {
                continue;
            }
            let empty = Map::new();
            let members = |value: Option<&Value>| value.map_or(Some(empty.clone()), |value| value.as_object().cloned());
            match (name, members(old), members(new)) {
                ("params" | "descriptions", Some(old), Some(new)) => {
                    let what = if name == "params" { "parameter" } else { "words of" };
                    for member in names(&old, &new).into_iter().filter(|member| old.get(*member) != new.get(*member)) {
                        changes.push(change(format!("{what} {member}"), old.get(member), new.get(member)));
                    }
                }
                ("request", ..) if self.request() != after.request() => {
                    changes.push(PartChange {
                        part: "request".to_owned(),
                        before: Some(self.request()),
                        after: Some(after.request()),
                    });
                    let without_path = |value: Option<&Value>| {
                        let mut value = value.cloned().unwrap_or_default();
                        if let Some(rest) = value.get_mut("rest").and_then(Value::as_object_mut) {
                            rest.retain(|key, _| key != "method" && key != "path");
                        }
                        value
                    };
                    let (old, new) = (without_path(old), without_path(new));
                    if old != new {
                        changes.push(change("how it is sent".to_owned(), Some(&old), Some(&new)));
                    }
                }
                _ => changes.push(change(name.to_owned(), old, new)),
            }
        }
        changes
    }
}

/// SHA-256 over what a call of a tool does and where it goes by default; its first half, in hexadecimal digits.
pub fn tool_digest(tool: &Tool) -> String {
    let origin = tool.integration.upstream.origin();
    let digest = canonical::sha256("agentport/tool/1", &[&tool.definition(), origin.as_bytes()]);
    canonical::hex(digest.get(..16).unwrap_or(&digest))
}

/// `value` without the members that say nothing. Only its own: what a default or a fixed value holds is content.
fn sparse(value: Value) -> Value {
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(_) | Value::Number(_) | Value::Bool(true) => false,
    };
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !says_nothing(value)).collect())
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => other,
    }
}

/// Where tokens of a sign-in come from and go to, and what is asked for.
fn sign_in(tool: &Tool) -> Value {
    let Some(oauth) = &tool.integration.credential.oauth else { return Value::Null };
    let address = |endpoint: &EndpointSpec| match endpoint {
        EndpointSpec::Own(path) => path.clone(),
        EndpointSpec::At { origin, path } => format!("{origin}{path}"),
    };
    sparse(json!({
        "authorize": oauth.authorize.as_ref().map(address),
        "token": address(&oauth.token),
        "device": oauth.device.as_ref().map(address),
        "revoke": oauth.revoke.as_ref().map(address),
        "scopes": oauth.scopes,
    }))
}

/// What models are told of a parameter and of those in it.
fn word(path: &str, param: &Param, wording: &mut Map<String, Value>) {
    wording.insert(path.to_owned(), json!(param.description));
    match &param.ty {
        Type::Object { fields } => {
            for field in fields {
                word(&format!("{path}.{}", field.name), field, wording);
            }
        }
        Type::Array { items, .. } => word(&format!("{path}[]"), items, wording),
        Type::Map { values, .. } => word(&format!("{path}.*"), values, wording),
        Type::String { .. } | Type::Integer { .. } | Type::Number { .. } | Type::Boolean | Type::Value { .. } => {}
    }
}

fn names<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> Vec<&'a str> {
    let mut names: Vec<&str> = old.keys().chain(new.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn change(part: String, before: Option<&Value>, after: Option<&Value>) -> PartChange {
    PartChange { part, before: before.map(plain), after: after.map(plain) }
}

/// A text as it is, everything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| canonical::text(value), str::to_owned)
}

fn path(segments: Option<&Value>) -> Option<String> {
    let mut path = String::new();
    for segment in segments?.as_array()? {
        let (kind, name) = segment.as_object()?.iter().next()?;
        let name = name.as_str()?;
        path.push('/');
        path += &if kind == "literal" { name.to_owned() } else { format!("{{{name}}}") };
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    const TEXT: &str = "schema = 1\n[integration]\nid = \"own\"\ntitle = \"T\"\n[upstream.rest]\norigin = \"https://api.example.com\"\n\
        body = \"json\"\n[credential.bearer]\nlabel = \"key\"\nverify = \"GET /me\"\n[[tool]]\nname = \"add\"\ntitle = \"Add\"\n\
        description = \"Adds.\"\neffect = \"write\"\ntoolset = \"core\"\nrequest = \"POST /things/{id}\"\n[tool.params]\n\
        id = { type = \"string\", in = \"path\", description = \"Which.\", max_length = 9 }\n\
        size = { type = \"integer\", in = \"body\", description = \"How much.\", default = 0 }\n";

    fn faced(old: &str, new: &str) -> Face {
        assert!(TEXT.contains(old), "{old}");
        let text = TEXT.replace(old, new);
        let catalog = Catalog::compile(&[("own.toml", &text)]).unwrap_or_else(|problems| panic!("{problems}"));
        Face::of(catalog.find("own.add").unwrap())
    }

    fn changes(old: &str, new: &str) -> Vec<String> {
        let said = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let changes = faced("schema = 1", "schema = 1").changes(&faced(old, new));
        changes
            .into_iter()
            .map(|change| format!("{}: {} -> {}", change.part, said(change.before), said(change.after)))
            .collect()
    }

    #[test]
    fn t260_whatever_a_manifest_says_of_a_tool_is_in_its_face() {
        assert_eq!(changes("schema = 1", "# a comment\nschema = 1"), [""; 0]);
        assert_eq!(
            changes("api.example.com", "evil.example.com"),
            ["origin: https://api.example.com -> https://evil.example.com"]
        );
        assert_eq!(
            changes("POST /things/{id}", "PUT /all/{id}"),
            ["request: POST https://api.example.com/things/{id} -> PUT https://api.example.com/all/{id}"]
        );
        assert_eq!(changes("effect = \"write\"", "effect = \"destructive\""), ["effect: write -> destructive"]);
        assert_eq!(changes("Adds.", "Adds and removes."), ["description: Adds. -> Adds and removes."]);
        assert_eq!(changes("Which.", "Any."), ["words of id: Which. -> Any."]);
        assert_eq!(changes("\"Add\"", "\"Look\""), ["title: Add -> Look"]);
        assert_eq!(changes("toolset = \"core\"", "toolset = \"more\""), ["toolset: core -> more"]);
        for (old, new, part) in [
            ("default = 0", "default = 1", "parameter size"),
            ("default = 0", "required = false", "parameter size"),
            ("max_length = 9", "max_length = 10", "parameter id"),
            ("in = \"body\", description = \"How", "in = \"query\", description = \"How", "parameter size"),
            ("body = \"json\"", "body = \"form\"", "request"),
            ("body = \"json\"", "body = \"json\"\nheaders = { X-A = \"1\" }", "headers"),
            ("body = \"json\"", "body = \"json\"\nfailure = { at = \"/ok\", is = false }", "answer"),
            ("[credential.bearer]", "[credential.header]\nname = \"x-key\"", "credential"),
            ("[tool.params]", "[tool.fixed]\na = false\n[tool.params]", "request"),
            ("[tool.params]", "[tool.answer]\nkeep = [\"id\"]\n[tool.params]", "answer"),
            (
                "[tool.params]",
                "[[tool.raise]]\nwhere = { size = { any = [1] } }\neffect = \"destructive\"\n[tool.params]",
                "raises",
            ),
        ] {
            let found = changes(old, new);
            assert!(found.iter().any(|change| change.starts_with(&format!("{part}: "))), "{old}: {found:?}");
        }
    }

    #[test]
    fn a_face_survives_being_stored() {
        let face = faced("schema = 1", "schema = 1");
        let stored = serde_json::to_string(&face).unwrap();
        assert_eq!(serde_json::from_str::<Face>(&stored).unwrap(), face);
        assert_eq!(face.request(), "POST https://api.example.com/things/{id}");
        assert_eq!(face.params(), ["id", "size"]);
    }
}
