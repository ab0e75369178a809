//! A small catalog made by hand, and one file of tests per question.

mod conditions;
mod diagnostics;
mod diffs;
mod edits;
mod facts;
mod grants;
mod mails;
mod own;
mod pins;
mod properties;
mod semantics;
mod system;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::*;
use crate::{
    catalog::{
        AnswerKind, BodyKind, CredentialScheme, CredentialSpec, Effect, IdentityPointers, Integration, Method, Param,
        Place, Raise, RequestTemplate, RestTemplate, Type, UpstreamSpec,
    },
    pattern::Pattern,
};

const REFUND: &str = "stripe.create_refund";
const CUSTOMER: &str = "stripe.update_customer";

fn param(name: &str, ty: Type) -> Param {
    Param::plain(name, Place::Body, ty)
}

fn string() -> Type {
    Type::String { pattern: None, choices: None, min_length: None, max_length: 500 }
}

fn integer() -> Type {
    Type::Integer { min: None, max: None, choices: None }
}

fn list(items: Type) -> Type {
    Type::Array { items: Box::new(param("item", items)), min_items: None, max_items: 50 }
}

fn absent(param: Param, absent: Value) -> Param {
    Param { absent: Some(absent), ..param }
}

fn tool(integration: &Arc<Integration>, name: &str, effect: Effect, params: Vec<Param>) -> Tool {
    Tool {
        integration: Arc::clone(integration),
        name: name.to_owned(),
        title: name.to_owned(),
        description: String::new(),
        effect,
        raises: Vec::new(),
        toolset: "core".to_owned(),
        params,
        require_any: Vec::new(),
        answer: crate::catalog::AnswerSpec::default(),
        ask: crate::catalog::Ask::default(),
        request: RequestTemplate::Rest(RestTemplate {
            method: Method::Post,
            path: Vec::new(),
            trailing_slash: false,
            body: BodyKind::Json,
            fixed: serde_json::Map::new(),
            idempotency: None,
            raw: Vec::new(),
            decode: AnswerKind::Plain,
        }),
        definition: crate::catalog::Definition::default(),
    }
}

fn integration(id: &str) -> Arc<Integration> {
    Arc::new(Integration {
        id: id.to_owned(),
        title: id.to_owned(),
        docs: None,
        settings: Vec::new(),
        upstream: UpstreamSpec::Rest {
            origin: "https://api.example.com".to_owned(),
            headers: Vec::new(),
            body: BodyKind::Json,
        },
        credential: CredentialSpec {
            scheme: CredentialScheme::Bearer,
            label: "key".to_owned(),
            create_at: None,
            rights: None,
            pattern: None,
            identity: IdentityPointers::default(),
            oauth: None,
            scopes_header: None,
            warnings: Vec::new(),
        },
    })
}

fn catalog() -> Catalog {
    let [stripe, github] = ["stripe", "github"].map(integration);
    let reasons = ["duplicate", "fraudulent"].map(str::to_owned).to_vec();
    let reason = Type::String { pattern: None, choices: Some(reasons), min_length: None, max_length: 50 };
    let bank = Type::String { pattern: Pattern::new("ba_.*").ok(), choices: None, min_length: None, max_length: 50 };
    let item = Type::Object { fields: vec![param("email", string()), absent(param("count", integer()), json!(1))] };
    let address = Type::Object { fields: vec![param("country", string()), param("city", string())] };
    let metadata = Type::Map { values: Box::new(param("value", string())), max_items: 50 };
    let intent = Tool {
        raises: vec![Raise {
            param: "confirm".to_owned(),
            when: crate::catalog::When::Any(vec![json!(true)]),
            effect: Effect::Destructive,
        }],
        ..tool(
            &stripe,
            "create_payment_intent",
            Effect::Write,
            vec![param("amount", integer()), absent(param("confirm", Type::Boolean), json!(false))],
        )
    };
    let tools = vec![
        tool(&stripe, "list_charges", Effect::Read, vec![absent(param("limit", integer()), json!(10))]),
        tool(
            &stripe,
            "create_refund",
            Effect::Destructive,
            vec![
                param("charge", string()),
                absent(param("amount", integer()), json!("everything not yet refunded")),
                param("reason", reason),
            ],
        ),
        tool(
            &stripe,
            "create_payout",
            Effect::Destructive,
            vec![param("amount", integer()), absent(param("destination", bank), json!("the default account"))],
        ),
        intent,
        tool(
            &stripe,
            "update_customer",
            Effect::Write,
            vec![
                param("email", string()),
                param("website", string()),
                param("balance", Type::Number { min: None, max: None }),
                param("address", address),
                param("tags", list(string())),
                param("items", list(item)),
                param("metadata", metadata),
            ],
        ),
        tool(&github, "list_issues", Effect::Read, vec![]),
        tool(&github, "create_issue", Effect::Write, vec![param("title", string()), param("labels", list(string()))]),
        tool(&github, "delete_repository", Effect::Destructive, vec![param("repo", string())]),
    ];
    Catalog::of(vec![stripe, github], tools.into_iter().map(Arc::new).collect::<Vec<_>>())
}

fn names(catalog: &Catalog) -> BTreeSet<String> {
    catalog.tools().map(|tool| tool.policy_name()).collect()
}

fn pinned(catalog: &Catalog, text: &str) -> Pinned {
    Pinned { text: text.to_owned(), tools: Known::of(catalog) }
}

fn caller(name: &str) -> Caller {
    Caller::parse(name).unwrap()
}

/// Arguments as no parser checked them: policies must cope with anything.
fn arguments(value: Value) -> Arguments {
    serde_json::from_value(value).unwrap()
}

/// A policy file of `schema` and what is given.
fn policy(body: &str) -> String {
    format!("schema = 1\n{body}\n")
}

/// A rule about `stripe.<tool>` with further lines.
fn rule(id: &str, tool: &str, decision: &str, rest: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\ntools = [\"stripe.{tool}\"]\ndecision = \"{decision}\"\n{rest}\n")
}

struct Asked<'a> {
    policy: &'a Policy,
    catalog: &'a Catalog,
}

impl Asked<'_> {
    fn of(&self, tool: &str, arguments: Option<Value>) -> Evaluation {
        self.by("local", tool, arguments)
    }

    fn by(&self, by: &str, tool: &str, given: Option<Value>) -> Evaluation {
        let given = given.map(arguments);
        self.policy.evaluate(&Facts {
            tool: self.catalog.find(tool).unwrap(),
            arguments: given.as_ref(),
            caller: &caller(by),
            account: "default",
            environment: Environment::Production,
            findings: None,
            now: 0,
        })
    }
}

/// What a pinned text says of calls with these arguments; the text must be one that could have been applied.
fn decisions<const N: usize>(text: &str, tool: &str, calls: [Value; N]) -> [Decision; N] {
    let catalog = catalog();
    check("policy.toml", text, &catalog).unwrap_or_else(|problems| panic!("{problems}"));
    let (policy, problems) = Policy::new(&catalog, &pinned(&catalog, text), None);
    assert_eq!(problems, []);
    calls.map(|call| Asked { policy: &policy, catalog: &catalog }.of(tool, Some(call)).decision)
}
