use serde_json::{Value, json};

use super::*;

/// A JSON service with the given tools.
pub(super) fn compiled(tools: &str) -> Catalog {
    let text = format!("{HEAD}{tools}");
    Catalog::compile(&[("acme.toml", &text)]).unwrap()
}

/// A manifest up to its first tool.
pub(super) const HEAD: &str = r#"schema = 1
[integration]
id = "acme"
title = "Acme"
[upstream.rest]
origin = "https://api.acme.com"
headers = { X-Api-Version = "2" }
body = "json"
[credential.header]
name = "X-Api-Key"
prefix = "Token "
label = "Acme key"
verify = "GET /me/"
identity = { id = "/id" }
"#;

/// One tool with every kind of parameter.
pub(super) const EVERYTHING: &str = r#"
[[tool]]
name = "everything"
title = "Everything"
description = "Takes one of each."
effect = "write"
toolset = "core"
request = "POST /things/{id}/{branch}"
[tool.params]
id = { type = "integer", in = "path", description = "An id.", min = 1 }
branch = { type = "string", in = "path", description = "A branch.", slash = true, max_length = 20 }
tags = { type = "array", in = "query", description = "Tags.", required = false, max_items = 3, items = { type = "string", description = "A tag.", max_length = 5 } }
page = { type = "integer", in = "query", description = "A page.", default = 1, min = 1, max = 9, wire = "p" }
level = { type = "integer", in = "body", description = "A level.", required = false, enum = [1, 2, 3], nullable = true }
state = { type = "string", in = "body", description = "A state.", absent = "open", enum = ["open", "closed"], nullable = true }
ratio = { type = "number", in = "body", description = "A ratio.", required = false, min = 0.5, max = 2 }
flag = { type = "boolean", in = "body", description = "A flag.", required = false, nullable = true }
code = { type = "string", in = "body", description = "A code.", required = false, pattern = "^ab|c[|$]d$", example = "ab" }
prefix = { type = "string", in = "body", description = "An id of a kind.", required = false, pattern = "^(ch|py)_", example = "ch_1" }
amount = { type = "integer", in = "body", description = "Money.", unit = "minor", absent = "all of it" }
[tool.params.labels]
type = "object"
in = "body"
description = "Labels."
required = false
max_items = 2
values = { type = "string", description = "A label.", min_length = 1, max_length = 3 }
[tool.params.nested]
type = "object"
in = "body"
description = "Nested."
required = false
[tool.params.nested.fields]
size = { type = "integer", description = "A size.", default = 7 }
list = { type = "array", description = "A list.", required = false, min_items = 1, max_items = 2, items = { type = "object", description = "An element.", fields = { x = { type = "boolean", description = "An x.", wire = "X-x" } } } }
"#;

pub(super) fn everything(kind: &str) -> Arc<Tool> {
    let text = EVERYTHING.replace("[tool.params]\n", &format!("body = \"{kind}\"\n[tool.params]\n"));
    Arc::clone(compiled(&text).find("acme_everything").unwrap())
}

/// A manifest of a GraphQL service up to its first tool.
pub(super) const GRAPHQL_HEAD: &str = r#"schema = 1
[integration]
id = "acme"
title = "Acme"
[upstream.graphql]
origin = "https://api.acme.com"
path = "/api/graphql"
headers = { X-Api-Version = "2" }
[credential.header]
name = "Authorization"
prefix = ""
label = "Acme key"
verify = "query { viewer { id name } }"
identity = { id = "/viewer/id" }
"#;

/// One tool of it, with every kind of place in variables.
pub(super) const GRAPHQL_TOOL: &str = r#"
[[tool]]
name = "save_thing"
title = "Save a thing"
description = "Saves a thing."
effect = "write"
toolset = "core"
document = """
mutation($input: ThingInput!, $where: Where, $first: Int) {
  thingSave(input: $input, where: $where, first: $first) {
    success
    thing { id }
  }
}
"""
[tool.params]
name = { type = "string", in = "variable", wire = "input.name", description = "A name.", max_length = 50 }
size = { type = "integer", in = "variable", wire = "input.meta.size", description = "A size.", required = false, nullable = true }
colour = { type = "string", in = "variable", wire = "input.meta.colour", description = "A colour.", absent = "red", max_length = 50 }
team = { type = "string", in = "variable", wire = "where.team.key.eq", description = "A team.", required = false, max_length = 50 }
tags = { type = "array", in = "variable", wire = "where.tags", description = "Tags.", required = false, items = { type = "string", description = "A tag.", max_length = 50 } }
first = { type = "integer", in = "variable", description = "How many.", default = 5, min = 1, max = 9 }
[tool.params.parts]
type = "array"
in = "variable"
wire = "input.parts"
description = "Parts."
required = false
items = { type = "object", description = "A part.", fields = { part_name = { type = "string", description = "A name.", wire = "partName", max_length = 50 }, flag = { type = "boolean", description = "A flag.", required = false } } }
"#;

#[test]
fn the_built_in_manifests_compile_and_are_found_by_the_ids_that_they_have() {
    Catalog::check_built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let catalog = Catalog::built_in();
    for manifest in builtin::MANIFESTS {
        assert_eq!(catalog.integration(manifest.id).map(|integration| integration.id.as_str()), Some(manifest.id));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + manifest.name;
        assert!(manifest.text() == std::fs::read_to_string(file).unwrap(), "{}", manifest.name);
    }
    let names: Vec<_> = catalog.integrations().map(|integration| integration.id.as_str()).collect();
    assert_eq!(names, ["github", "gmail", "linear", "mysql", "postgres", "posthog", "sqlite", "stripe"]);
    assert_eq!(catalog.tools().count(), 289);
    assert!(catalog.tools().map(|tool| tool.wire_name()).is_sorted());
}

#[test]
fn t086_names_are_found_exactly() {
    let catalog = Catalog::built_in();
    let found = |name: &str| catalog.find(name).map(|tool| tool.policy_name());
    let refund = Some("stripe.create_refund".to_owned());
    assert_eq!(found("stripe_create_refund"), refund);
    assert_eq!(found("stripe.create_refund"), refund);
    for name in [
        "Stripe_create_refund",
        "stripe.create.refund",
        "stripe_create.refund",
        "create_refund",
        "stripe_verify",
        "stripe.create_refund ",
        "",
    ] {
        assert_eq!(found(name), None, "{name}");
    }
}

#[test]
fn a_near_name_is_suggested() {
    let catalog = Catalog::built_in();
    let closest = |name: &str| catalog.closest(name);
    assert_eq!(closest("stripe.create_refnd"), Some("stripe_create_refund".to_owned()));
    assert_eq!(closest("Stripe-Create-Refund"), Some("stripe_create_refund".to_owned()));
    assert_eq!(closest("create_refund"), Some("stripe_create_refund".to_owned()));
    assert_eq!(closest("rm -rf"), None);
}

#[test]
fn the_verifying_read_is_hidden() {
    let catalog = compiled(EVERYTHING);
    let tool = catalog.verify_tool("acme").unwrap();
    let RequestTemplate::Rest(template) = &tool.request else { panic!("a REST service") };
    assert_eq!((tool.policy_name(), tool.effect, tool.params.len()), ("acme.verify".to_owned(), Effect::Read, 0));
    assert_eq!(
        (template.method, &template.path, template.trailing_slash),
        (Method::Get, &vec![Segment::Literal("me".to_owned())], true)
    );
    assert!(catalog.tools().all(|tool| tool.name != "verify"));
    assert_eq!(catalog.find("acme_verify"), None);
}

#[test]
fn t086_an_id_with_a_separator_does_not_borrow_a_tool() {
    let catalog = compiled(EVERYTHING);
    let again =
        Catalog::of(catalog.integrations().cloned(), catalog.tools().chain(catalog.verify_tool("acme")).cloned());
    assert_eq!(again.tools().count(), 1);
    assert!(again.find("acme.everything").is_some() && again.verify_tool("acme").is_some());
    assert_eq!(again.find("acme_every.thing"), None);
    assert_eq!(again.find("acme.verify"), None);
}

#[test]
fn an_integration_is_what_its_manifest_says() {
    let catalog = compiled(EVERYTHING);
    let expected = Integration {
        settings: Vec::new(),
        id: "acme".to_owned(),
        title: "Acme".to_owned(),
        docs: None,
        upstream: UpstreamSpec::Rest {
            origin: "https://api.acme.com".to_owned(),
            headers: vec![("x-api-version".to_owned(), "2".to_owned())],
            body: BodyKind::Json,
        },
        credential: CredentialSpec {
            scheme: CredentialScheme::Header { name: "x-api-key".to_owned(), prefix: "Token ".to_owned() },
            label: "Acme key".to_owned(),
            create_at: None,
            rights: None,
            pattern: None,
            identity: IdentityPointers { id: Some("/id".to_owned()), name: None, live: None },
            oauth: None,
            scopes_header: None,
            warnings: Vec::new(),
        },
    };
    assert_eq!(**catalog.integration("acme").unwrap(), expected);
}

#[test]
fn a_pasted_secret_may_match_a_part() {
    let catalog = Catalog::built_in();
    let pattern = catalog.integration("stripe").unwrap().credential.pattern.clone().unwrap();
    assert!(pattern.matches("rk_test_51Nabc"));
    assert!(!pattern.matches("xrk_test_51Nabc"));
    assert!(!pattern.matches("ghp_abc"));
}

#[test]
fn effects_are_raised_by_arguments() {
    let catalog = Catalog::built_in();
    let tool = catalog.find("github_create_repository").unwrap();
    let effect = |given: Value| {
        let arguments = Arguments::parse(tool, given.as_object().unwrap()).unwrap();
        tool.effect_of(Some(&arguments))
    };
    assert_eq!(effect(json!({"name": "x", "private": true})), Effect::Write);
    assert_eq!(effect(json!({"name": "x", "private": false})), Effect::Destructive);
    assert_eq!(effect(json!({"name": "x"})), Effect::Destructive, "what the vendor assumes counts");
}

#[test]
fn t289_a_file_that_ci_runs_is_more_than_a_write_however_its_path_is_spelt() {
    let catalog = Catalog::built_in();
    let tool = catalog.find("github_create_or_update_file").unwrap();
    let effect = |path: &str| {
        let given = json!({"owner": "a", "repo": "b", "path": path, "message": "m", "content": "eA=="});
        tool.effect_of(Some(&Arguments::parse(tool, given.as_object().unwrap()).unwrap()))
    };
    for path in [
        ".github/workflows/ci.yml",
        ".github/actions/build/action.yml",
        ".GitHub/Workflows/ci.yml",
        "./.github/workflows/ci.yml",
        ".github//workflows/ci.yml",
        "docs/../.github/workflows/ci.yml",
        "%2egithub/workflows/ci.yml",
        "%252Egithub%2Fworkflows/ci.yml",
    ] {
        assert_eq!(effect(path), Effect::Destructive, "{path}");
    }
    for path in ["README.md", ".github/CODEOWNERS", "docs/workflows/ci.yml", ".github/workflows.md"] {
        assert_eq!(effect(path), Effect::Write, "{path}");
    }
}

#[test]
fn t104_a_definition_changes_with_what_a_call_depends_on() {
    let digest = |text: &str| compiled(text).find("acme_everything").unwrap().definition();
    let before = digest(EVERYTHING);
    assert_eq!(before, digest(&EVERYTHING.replace("Takes one of each.", "Takes one of every kind.")));
    for (old, new) in [
        ("max = 9", "max = 10"),
        ("default = 1", "default = 2"),
        ("absent = \"open\"", "absent = \"closed\""),
        ("POST", "PUT"),
        ("/things/", "/other/"),
        ("effect = \"write\"", "effect = \"destructive\""),
        ("wire = \"p\"", "wire = \"q\""),
        ("unit = \"minor\", ", ""),
        ("slash = true, ", ""),
        ("min_length = 1, ", ""),
        ("toolset = \"core\"", "toolset = \"core\"\nrequire_any = [[\"code\", \"flag\"]]"),
        ("toolset = \"core\"", "toolset = \"core\"\nidempotency = \"Idempotency-Key\""),
        ("toolset = \"core\"", "toolset = \"core\"\nbody = \"form\""),
        (
            "toolset = \"core\"",
            "toolset = \"core\"\nraise = [{ where = { flag = { any = [true] } }, effect = \"destructive\" }]",
        ),
    ] {
        assert!(EVERYTHING.contains(old), "{old}");
        assert_ne!(before, digest(&EVERYTHING.replace(old, new)), "{new}");
    }
}

/// What removes or changes much at once is bounded, named one by one, and there is no tool that empties a collection.
/// What its owner names is as free as a name is, and goes as one segment, or as a path of the very file.
#[test]
fn t055_many_at_once_are_counted_and_no_id_means_all() {
    fn most(param: &Param, at: &str) {
        match &param.ty {
            Type::Array { items, max_items, .. } => {
                assert!(*max_items <= 1000, "{at}/{}: {max_items}", param.name);
                most(items, at);
            }
            Type::Object { fields } => fields.iter().for_each(|field| most(field, at)),
            Type::Map { values, max_items } => {
                assert!(*max_items <= 1000, "{at}/{}: {max_items}", param.name);
                most(values, at);
            }
            Type::Value { max_items, .. } => assert!(*max_items <= 1000, "{at}/{}", param.name),
            Type::String { .. } | Type::Integer { .. } | Type::Number { .. } | Type::Boolean => {}
        }
    }
    let names = ["github_delete_file/path", "github_delete_branch_protection/branch", "stripe_delete_product/product"];
    let mut deletions = 0;
    for tool in Catalog::built_in().tools() {
        tool.params.iter().for_each(|param| most(param, &tool.wire_name()));
        let RequestTemplate::Rest(template) = &tool.request else { continue };
        if template.method != Method::Delete {
            continue;
        }
        deletions += 1;
        let paths = || tool.params.iter().filter(|param| param.place == Place::Path);
        assert!(paths().next().is_some(), "{}: a collection", tool.wire_name());
        for param in paths() {
            assert!(param.required, "{}/{}", tool.wire_name(), param.name);
            if let Type::String { pattern, .. } = &param.ty {
                let taken = |all| pattern.as_ref().is_none_or(|pattern| pattern.matches(all));
                let at = format!("{}/{}", tool.wire_name(), param.name);
                assert_eq!(["*", "a,b", "a*"].iter().any(|all| taken(all)), names.contains(&at.as_str()), "{at}");
            }
        }
    }
    assert!(deletions > 20, "{deletions}");
}
