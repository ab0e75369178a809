//! What the binary brings along: the embedded manifests, and the arguments of the product's own tools.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::Effect;
use crate::packed::{Packed, packed};

macro_rules! embedded {
    ($id:literal) => {
        Embedded { id: $id, name: concat!("tools/", $id, ".toml"), packed: packed!(concat!($id, ".toml")) }
    };
}

/// A manifest that is embedded, packed by `build.rs`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedded {
    /// Of the integration.
    pub(super) id: &'static str,
    /// What messages call the file.
    pub(super) name: &'static str,
    packed: Packed,
}

/// The embedded manifests.
pub(super) const MANIFESTS: [Embedded; 8] = [
    embedded!("github"),
    embedded!("gmail"),
    embedded!("linear"),
    embedded!("mysql"),
    embedded!("postgres"),
    embedded!("posthog"),
    embedded!("sqlite"),
    embedded!("stripe"),
];

impl Embedded {
    /// The file as it was written; empty, which is no manifest, were it not packed as it should be.
    pub(super) fn text(self) -> String {
        self.packed.text()
    }
}

/// A tool of the product itself, as data; what it does stands with the server.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltinTool {
    /// `agentport_await_approval`
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For models.
    pub description: &'static str,
    /// A closed JSON Schema object.
    pub input_schema: Map<String, Value>,
    /// What it does to the world.
    pub effect: Effect,
    /// Does a repeat change nothing more?
    pub idempotent: bool,
}

/// Arguments of `agentport_list_integrations`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIntegrations {
    /// What the call is for, in a sentence.
    #[serde(rename = "_reason", default, deserialize_with = "given")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
}

/// Arguments of `agentport_find_tools`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindTools {
    /// What is to be done, in plain words, with the service's name if it is known: `refund a charge on stripe`.
    #[schemars(length(min = 1, max = 300))]
    pub query: String,
    /// Only tools of this integration, such as `stripe`.
    #[serde(default, deserialize_with = "given")]
    pub integration: Option<String>,
    /// Only tools that do this to the world: `read`, `write` or `destructive`.
    #[serde(default, deserialize_with = "given")]
    #[schemars(extend("enum" = ["read", "write", "destructive"]))]
    pub effect: Option<String>,
    /// How many to return at most. Default: 5.
    #[serde(default = "found_tools", deserialize_with = "bounded_tools")]
    #[schemars(range(min = 1, max = 20))]
    pub limit: usize,
    /// What the call is for, in a sentence.
    #[serde(rename = "_reason", default, deserialize_with = "given")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
}

/// Arguments of `agentport_call_tool`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallTool {
    /// The tool's name, such as `stripe_create_refund`.
    pub tool: String,
    /// The tool's arguments, as its own schema has them.
    pub arguments: Map<String, Value>,
    /// What the call is for, in a sentence. Shown as unverified to a human who may have to approve it; never sent on.
    #[serde(rename = "_reason", default, deserialize_with = "given")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
}

/// Arguments of `agentport_await_approval`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitApproval {
    /// The approval's id, `apr_…`. Without it: all of yours that are open or whose outcome you have not seen.
    #[serde(default, deserialize_with = "given")]
    pub approval_id: Option<String>,
    /// How long to wait for an answer, in seconds; 0 only looks. Default: 45.
    #[serde(default = "wait_seconds", deserialize_with = "bounded_wait")]
    #[schemars(range(min = 0, max = 50))]
    pub wait_seconds: u64,
    /// What the call is for, in a sentence.
    #[serde(rename = "_reason", default, deserialize_with = "given")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
}

/// Arguments of `agentport_withdraw_approval`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawApproval {
    /// The approval's id, `apr_…`.
    pub approval_id: String,
    /// What the call is for, in a sentence.
    #[serde(rename = "_reason", default, deserialize_with = "given")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
}

/// The product's own tools, sorted by name.
pub fn builtin_tools() -> Vec<BuiltinTool> {
    vec![
        BuiltinTool {
            name: "agentport_await_approval",
            title: "Wait for an approval",
            description: "Waits until a human has answered an approval and returns the outcome of the call, or that it is \
                          still pending. An approved call has then already run; do not call the tool again.",
            input_schema: schema::<AwaitApproval>(),
            effect: Effect::Read,
            idempotent: true,
        },
        BuiltinTool {
            name: "agentport_call_tool",
            title: "Call any tool by name",
            description: "Calls a tool that is not in the list of tools, by its name; the same checks, policy and approvals \
                          apply as for a listed one.",
            input_schema: schema::<CallTool>(),
            effect: Effect::Destructive,
            idempotent: false,
        },
        BuiltinTool {
            name: "agentport_find_tools",
            title: "Find tools",
            description: "Finds tools of the connected services by what they do, best first, each with its arguments. Most \
                          tools are not in the list of tools: look here, then call one with agentport_call_tool.",
            input_schema: schema::<FindTools>(),
            effect: Effect::Read,
            idempotent: true,
        },
        BuiltinTool {
            name: "agentport_list_integrations",
            title: "List integrations",
            description: "Lists the services that can be worked on, with their accounts and what is not set up yet.",
            input_schema: schema::<ListIntegrations>(),
            effect: Effect::Read,
            idempotent: true,
        },
        BuiltinTool {
            name: "agentport_withdraw_approval",
            title: "Withdraw an approval request",
            description: "Takes back a call of yours that still waits for a human's approval, for example because it is no \
                          longer needed. It will not run.",
            input_schema: schema::<WithdrawApproval>(),
            effect: Effect::Write,
            idempotent: true,
        },
    ]
}

fn wait_seconds() -> u64 {
    45
}

fn found_tools() -> usize {
    5
}

fn bounded_tools<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let limit = usize::deserialize(deserializer)?;
    if (1..=20).contains(&limit) { Ok(limit) } else { Err(D::Error::custom("`limit` must be from 1 to 20")) }
}

fn bounded_wait<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if seconds > 50 { Err(D::Error::custom("`wait_seconds` must be at most 50")) } else { Ok(seconds) }
}

/// A value that may be left out, but is not null: the schema says so.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The schema of a struct: closed, in one piece, with nothing that models have no use for.
fn schema<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = std::mem::take(settings.into_generator().into_root_schema_for::<T>().ensure_object());
    schema.remove("title");
    schema.remove("description");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            if let Some(Value::Array(types)) = property.get("type")
                && let Some(first) = types.first().cloned()
            {
                property.insert("type".to_owned(), first);
            }
            property.remove("format");
            if property.get("default") == Some(&Value::Null) {
                property.remove("default");
            }
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_products_own_tools() {
        let tools: Vec<_> = builtin_tools().into_iter().map(|tool| (tool.name, tool.input_schema)).collect();
        insta::assert_json_snapshot!("builtin_tools", tools);
    }

    #[test]
    fn arguments_are_what_the_schemas_say() {
        let parse = |value: Value| serde_json::from_value::<AwaitApproval>(value).map_err(|error| error.to_string());
        let all = AwaitApproval { approval_id: None, wait_seconds: 45, reason: None };
        assert_eq!(parse(json!({})), Ok(all));
        assert_eq!(parse(json!({"wait_seconds": 51})), Err("`wait_seconds` must be at most 50".to_owned()));
        assert!(parse(json!({"approval_id": null})).is_err());
        assert!(parse(json!({"id": "apr_1"})).is_err());
    }
}
