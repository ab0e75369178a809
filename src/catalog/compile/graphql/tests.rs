use crate::catalog::{
    Catalog, Operation, RequestTemplate, Tool,
    tests::{GRAPHQL_HEAD, GRAPHQL_TOOL},
};

fn compile(text: &str) -> Result<Catalog, crate::diagnostic::Diagnostics> {
    Catalog::compile(&[("acme.toml", text)])
}

fn messages(text: &str) -> Vec<String> {
    match compile(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.into_iter().map(|problem| problem.message).collect(),
    }
}

/// The messages after one change to a manifest that is right.
fn changed(old: &str, new: &str) -> Vec<String> {
    let right = format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}");
    assert!(right.contains(old), "{old}");
    messages(&right.replacen(old, new, 1))
}

/// The messages of a tool with this document and these parameters, and nothing else that could be wrong.
fn tool(effect: &str, document: &str, params: &str) -> Vec<String> {
    messages(&format!("{GRAPHQL_HEAD}{}", text(effect, document, params)))
}

fn text(effect: &str, document: &str, params: &str) -> String {
    format!(
        "[[tool]]\nname = \"t\"\ntitle = \"T\"\ndescription = \"T.\"\neffect = \"{effect}\"\ntoolset = \"core\"\n\
         document = '''{document}'''\n[tool.params]\n{params}\n"
    )
}

const ID: &str = "id = { type = \"string\", in = \"variable\", description = \"An id.\" }";
const QUERY: &str = "query($id: ID!) { thing(id: $id) { id } }";

#[test]
fn a_right_manifest_has_no_problems() {
    assert_eq!(messages(&format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}")), [""; 0]);
    assert_eq!(tool("read", QUERY, ID), [""; 0]);
}

#[test]
fn all_problems_of_a_graphql_manifest_are_shown_at_once() {
    let text = r#"schema = 1
[integration]
id = "acme"
title = "Acme"
[upstream.graphql]
origin = "https://api.acme.com/graphql"
path = "graphql?x=1"
body = "json"
[credential.header]
name = "Authorization"
prefix = ""
label = "Acme key"
verify = "mutation { logOut { success } }"
identity = { id = "/data/viewer/id" }

[[tool]]
name = "broken"
title = "Broken"
description = "Broken."
effect = "read"
toolset = "core"
document = """
query($id: ID!) {
  thing(id: $id) { id
}"""

[[tool]]
name = "secret"
title = "Secret"
description = "Secret."
effect = "read"
toolset = "core"
request = "POST /graphql"
document = 'query { things(key: "sk_live_1") { id } }'

[[tool]]
name = "update_thing"
title = "Update a thing"
description = "Updates a thing."
effect = "read"
toolset = "core"
document = """
mutation($id: ID!, $input: ThingInput!, $spare: Int) {
  thingUpdate(id: $id, input: $input, first: $spare) { success }
}"""
[tool.params]
id = { type = "string", in = "path", description = "The id." }
team = { type = "string", in = "variable", wire = "input.team", description = "The team.", required = false }
team_key = { type = "string", in = "variable", wire = "input.team.key", description = "Its key.", required = false }
name = { type = "string", in = "variable", description = "The name.", required = false }
"#;
    insta::assert_snapshot!(compile(text).unwrap_err().to_string());
}

#[test]
fn t050_a_document_is_one_operation() {
    let one = "the document must have exactly one operation";
    assert_eq!(tool("read", &format!("{QUERY} query Other {{ things {{ id }} }}"), ID), [one]);
    assert_eq!(tool("read", "fragment F on Thing { id }", ""), [one]);
    let spread = "query($id: ID!) { thing(id: $id) { ...F } } fragment F on Thing { id }";
    assert_eq!(tool("read", spread, ID), [""; 0]);
    assert_eq!(tool("read", "{ viewer { id } }", ""), [""; 0]);
    assert_eq!(tool("read", "subscription { things { id } }", ""), ["a subscription has no answer"]);
}

#[test]
fn a_mutation_does_one_thing() {
    let one = ["a mutation must do exactly one thing"];
    assert_eq!(tool("write", "mutation { a { success } }", ""), [""; 0]);
    assert_eq!(tool("write", "mutation { a { success } b { success } }", ""), one);
    assert_eq!(tool("write", "mutation { ...F } fragment F on Mutation { a { success } }", ""), one);
    assert_eq!(tool("write", "mutation { ... on Mutation { a { success } } }", ""), one);
    let flag = "id = { type = \"boolean\", in = \"variable\", description = \"Flag.\" }";
    assert_eq!(tool("write", "mutation($id: Boolean!) { a @include(if: $id) { success } }", flag), one);
}

#[test]
fn effects_are_plain_or_explained() {
    assert_eq!(tool("write", QUERY, ID), ["a query that is `write` is unusual"]);
    assert_eq!(tool("read", "mutation { a { success } }", ""), ["a mutation that is `read` is unusual"]);
    assert_eq!(tool("destructive", "mutation { a { success } }", ""), [""; 0]);
    let explained = text("write", QUERY, ID).replace("toolset", "effect_reason = \"It counts.\"\ntoolset");
    assert_eq!(messages(&format!("{GRAPHQL_HEAD}{explained}")), [""; 0]);
    let hidden = explained.replace("counts.", "counts.\\u202E");
    assert_eq!(messages(&format!("{GRAPHQL_HEAD}{hidden}")).len(), 1);
}

#[test]
fn variables_and_parameters_fit() {
    let param = |line: &str| tool("read", "query($id: ID!, $filter: F) { thing(id: $id, f: $filter) { id } }", line);
    let field = |name: &str, rest: &str| {
        format!("{name} = {{ type = \"string\", in = \"variable\", description = \"F.\", required = false, {rest} }}")
    };
    let with = |lines: &[String]| param(&format!("{ID}\n{}", lines.join("\n")));
    assert_eq!(with(&[field("a", "wire = \"filter.a.eq\""), field("b", "wire = \"filter.b.eq\"")]), [""; 0]);
    assert_eq!(with(&[field("filter", "")]), [""; 0]);
    assert_eq!(with(&[]), ["no parameter gives `$filter` a value"]);
    assert_eq!(
        with(&[field("a", "wire = \"filter.a\""), field("b", "wire = \"filter.a.eq\"")]),
        ["the places of `a` and `b` are one inside of the other"]
    );
    assert_eq!(
        with(&[field("b", "wire = \"filter.a.eq\""), field("filter", "")]),
        ["the places of `b` and `filter` are one inside of the other"]
    );
    assert_eq!(
        with(&[field("a", "wire = \"filter.a\""), field("b", "wire = \"filter.a\"")]),
        ["another parameter has the name `filter.a` in the request"]
    );
    assert_eq!(
        with(&[field("filter", ""), field("b", "wire = \"fliter.a\"")]),
        ["the document has no variable `$fliter` for `b`"]
    );
    for wire in ["filter..a", "filter.", ".a", "filter.1a", "filter.a-b", "$filter"] {
        let problems = with(&[field("filter", ""), field("b", &format!("wire = \"{wire}\""))]);
        assert_eq!(problems, ["`b` has a `wire` that is no place in variables"], "{wire}");
    }
    let nested = "filter = { type = \"object\", in = \"variable\", description = \"F.\", required = false, fields = { a = { type = \"string\", description = \"A.\", wire = \"a.b\" } } }";
    assert_eq!(with(&[nested.to_owned()]), ["`filter` has a `wire` that is no place in variables"]);
    assert_eq!(
        param(&ID.replace("variable", "query")),
        ["no parameter gives `$filter` a value", "a GraphQL operation has variables and no other places"]
    );
}

#[test]
fn a_variable_that_needs_a_value_always_has_one() {
    let document = "mutation($input: I!) { a(input: $input) { success } }";
    let field = |name: &str, rest: &str| {
        format!(
            "{name} = {{ type = \"string\", in = \"variable\", wire = \"input.{name}\", description = \"F.\", {rest} }}\n"
        )
    };
    let missing = ["`$input` must have a value, and every parameter of it may be left out"];
    let both = format!("{}{}", field("a", "required = false"), field("b", "required = false"));
    assert_eq!(tool("write", document, &both), missing);
    assert_eq!(tool("write", &document.replace("I!", "I"), &both), [""; 0]);
    assert_eq!(tool("write", &document.replace("I!", "I! = {}"), &both), [""; 0]);
    assert_eq!(tool("write", document, &field("a", "default = \"x\"")), [""; 0]);
    assert_eq!(tool("write", document, &field("a", "absent = \"x\"")), missing);
    let any = text("write", document, &both).replace("toolset", "require_any = [[\"a\", \"b\"]]\ntoolset");
    assert_eq!(messages(&format!("{GRAPHQL_HEAD}{any}")), [""; 0]);
    let elsewhere = any.replace("$input: I!)", "$input: I!, $c: Int)").replace("$input)", "$input, c: $c)");
    let elsewhere = elsewhere.replace("[\"a\", \"b\"]", "[\"a\", \"c\"]")
        + "c = { type = \"integer\", in = \"variable\", description = \"C.\", required = false }\n";
    assert_eq!(messages(&format!("{GRAPHQL_HEAD}{elsewhere}")), missing);
}

#[test]
fn variables_are_declared_once_and_used() {
    assert_eq!(tool("read", "query($id: ID!) { thing { id } }", ID), ["`$id` is declared and not used"]);
    assert_eq!(tool("read", "query($id: ID!, $id: ID!) { thing(id: $id) { id } }", ID), ["`$id` is declared twice"]);
    assert_eq!(tool("read", "query { thing(id: $id) { id } }", ""), ["`$id` is not declared"]);
    let longer = "query($id: ID!) { thing(id: $id, other: $idea) { id } }";
    assert_eq!(tool("read", longer, ID), ["`$idea` is not declared"]);
}

#[test]
fn a_document_has_no_place_for_a_secret() {
    let none = ["a document has no text of its own"];
    assert_eq!(tool("read", "query { a(key: \"sk_live_1\") { id } }", ""), none);
    assert_eq!(tool("read", "query { a(key: \"\"\"sk_live_1\"\"\") { id } }", ""), none);
    assert_eq!(tool("read", "query($id: ID = \"x\") { thing(id: $id) { id } }", ID), none);
    assert_eq!(tool("read", "query { a { id } } # sk_live_1", ""), ["a document has no comments"]);
    for hidden in ["\\u202e", "é", "\\ufeff", "\\u000b"] {
        let document = format!("\"query {{ a {{ {hidden}id }} }}\"");
        let escaped = text("read", "DOCUMENT", "").replace("'''DOCUMENT'''", &document);
        let expected = ["a document has only visible ASCII characters"];
        assert_eq!(messages(&format!("{GRAPHQL_HEAD}{escaped}")), expected, "{hidden:?}");
    }
    assert_eq!(tool("read", "query { a(first: 5, all: true, by: NAME, in: [{x: -1.5}]) { id } }", ""), [""; 0]);
}

#[test]
fn kinds_of_upstream_do_not_mix() {
    let right = format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}");
    let both =
        right.replacen("[credential", "[upstream.rest]\norigin = \"https://a.com\"\nbody = \"json\"\n[credential", 1);
    assert_eq!(messages(&both)[0], "an integration has one kind of upstream");
    assert_eq!(
        changed("toolset = \"core\"", "toolset = \"core\"\nbody = \"json\""),
        ["unknown key `body` in the tool `save_thing`"]
    );
    for path in ["graphql", "/graphql/", "//graphql", "/{x}", "/a?b", "/a/../b", ""] {
        let message = format!("`{path}` is not the path of a GraphQL service");
        assert_eq!(changed("path = \"/api/graphql\"", &format!("path = \"{path}\"")), [message]);
    }
    let rest = crate::catalog::tests::HEAD;
    let variable = "[[tool]]\nname = \"t\"\ntitle = \"T\"\ndescription = \"T.\"\neffect = \"read\"\ntoolset = \"core\"\nrequest = \"GET /t\"\n[tool.params]\nx = { type = \"string\", in = \"variable\", description = \"X.\" }\n";
    assert_eq!(messages(&format!("{rest}{variable}")), ["only a GraphQL document has variables"]);
}

#[test]
fn the_verifying_read_is_a_query_without_variables() {
    let verify =
        |document: &str| changed("verify = \"query { viewer { id name } }\"", &format!("verify = \"{document}\""));
    assert_eq!(verify("mutation { a { success } }"), ["`verify` must be a query without variables"]);
    assert_eq!(verify("query($a: Int) { b(c: $a) { id } }"), ["`verify` must be a query without variables"]);
    assert_eq!(verify("GET /me"), ["the document is not GraphQL: unexpected `GET`"]);
    assert_eq!(
        changed("id = \"/viewer/id\"", "id = \"/data/viewer/id\""),
        ["the answer of a GraphQL service is the content of its `data`"]
    );
    let catalog = compile(&format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}")).unwrap();
    let template = graphql(catalog.verify_tool("acme").unwrap());
    assert_eq!((template.document.as_str(), template.operation), ("query { viewer { id name } }", Operation::Query));
}

#[test]
fn a_document_is_kept_in_one_line() {
    let catalog = compile(&format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}")).unwrap();
    let tool = catalog.find("acme_save_thing").unwrap();
    let template = graphql(tool);
    let document = "mutation($input: ThingInput!, $where: Where, $first: Int) \
                    { thingSave(input: $input, where: $where, first: $first) { success thing { id } } }";
    assert_eq!((template.document.as_str(), template.path.as_str()), (document, "/api/graphql"));
    assert_eq!(template.operation, Operation::Mutation);
    assert!(!tool.is_idempotent() && catalog.verify_tool("acme").unwrap().is_idempotent());
}

#[test]
fn a_definition_changes_with_document_and_path() {
    let digest = |text: &str| compile(text).unwrap().find("acme_save_thing").unwrap().definition();
    let right = format!("{GRAPHQL_HEAD}{GRAPHQL_TOOL}");
    let before = digest(&right);
    assert_eq!(before, digest(&right.replace("thing { id }", "thing   { id\n}")), "spaces mean nothing");
    for (old, new) in [
        ("thing { id }", "thing { id title }"),
        ("/api/graphql", "/graphql"),
        ("wire = \"input.meta.size\"", "wire = \"input.size\""),
        ("X-Api-Version = \"2\"", "X-Api-Version = \"3\""),
    ] {
        assert!(right.contains(old), "{old}");
        assert_ne!(before, digest(&right.replace(old, new)), "{new}");
    }
}

fn graphql(tool: &Tool) -> &crate::catalog::GraphqlTemplate {
    let RequestTemplate::Graphql(template) = &tool.request else { panic!("a GraphQL service") };
    template
}
