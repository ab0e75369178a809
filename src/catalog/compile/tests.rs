use crate::catalog::{Catalog, tests::HEAD};

const TOOL: &str = r#"
[[tool]]
name = "get_thing"
title = "Get a thing"
description = "Fetches a thing."
effect = "read"
toolset = "core"
request = "GET /things/{id}"
[tool.params]
id = { type = "string", in = "path", description = "The id." }
limit = { type = "integer", in = "query", description = "How many.", required = false }
"#;

fn problems(text: &str) -> String {
    match Catalog::compile(&[("acme.toml", text)]) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

/// The message of each problem.
fn messages(text: &str) -> Vec<String> {
    match Catalog::compile(&[("acme.toml", text)]) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.into_iter().map(|problem| problem.message).collect(),
    }
}

/// The messages after one change to a manifest that is right.
fn changed(old: &str, new: &str) -> Vec<String> {
    let right = format!("{HEAD}{TOOL}");
    assert!(right.contains(old), "{old}");
    messages(&right.replacen(old, new, 1))
}

#[test]
fn a_right_manifest_has_no_problems() {
    assert_eq!(problems(&format!("{HEAD}{TOOL}")), "");
}

#[test]
fn the_example_of_the_format_is_a_manifest() {
    let page = include_str!("../../../tools/README.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(problems(example), "");
}

#[test]
fn no_integration_is_called_as_a_route_is() {
    let routers =
        [include_str!("../../web/mod.rs"), include_str!("../../web/api/mod.rs"), include_str!("../../mcp/http.rs")];
    let paths = routers.iter().flat_map(|text| text.split("route(\"/").chain(text.split("nest_service(\"/")));
    let mut first: Vec<&str> = paths.filter_map(|rest| rest.split(['/', '"']).next()).collect();
    first.retain(|name| crate::catalog::text::is_integration_id(name));
    first.sort_unstable();
    first.dedup();
    assert!(first.len() > 15 && first.contains(&"unlock") && first.contains(&"mcp"), "{first:?}");
    for name in first {
        let said = changed("id = \"acme\"", &format!("id = \"{name}\""));
        assert_eq!(said, [format!("`{name}` is a name of the product itself")]);
        assert!(include_str!("../../../tools/README.md").contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn t260_all_problems_of_a_manifest_are_shown_at_once() {
    let text = r#"schema = 1
[integration]
id = "policy"
titel = "Acme"
[upstream.rest]
origin = "https://{tenant}.acme.com/v1"
headers = { Authorization = "Bearer x", X-Ok = "a\nb" }
body = "xml"
[credential.oauth2]
label = "x"
[[tool]]
name = "Get"
title = ""
description = "Looks\u202E fine."
effect = "delete"
toolset = "core"
request = "DELETE //evil.com/{host}"
colour = "red"
[tool.params]
id = { type = "string", in = "header", description = "The id." }
n = { type = "integer", in = "query", description = "N.", min = 5, max = 1, default = "3" }
p = { type = "string", in = "query", description = "P.", pattern = "^a(", example = "b" }
[tool.ask]
headline = "x"
"#;
    insta::assert_snapshot!("a_manifest_full_of_problems", problems(text));
}

#[test]
fn problems_of_several_files_come_together() {
    let (one, two) =
        (format!("{HEAD}{TOOL}"), format!("{HEAD}{}", TOOL.replace("effect = \"read\"", "effect = \"raed\"")));
    let problems = Catalog::compile(&[("a.toml", &one), ("b.toml", &two), ("c.toml", "schema = ")]).unwrap_err();
    insta::assert_snapshot!("problems_of_several_files", problems);
}

#[test]
fn t086_names_cannot_collide() {
    assert_eq!(changed("id = \"acme\"", "id = \"ac_me\""), ["`ac_me` is not an integration's id"]);
    assert_eq!(changed("id = \"acme\"", "id = \"Acme\""), ["`Acme` is not an integration's id"]);
    assert_eq!(changed("id = \"acme\"", "id = \"agentport\""), ["`agentport` is a name of the product itself"]);
    assert_eq!(changed("\"get_thing\"", "\"_x\""), ["`_x` is not a tool's name"]);
    assert_eq!(changed("\"get_thing\"", "\"verify\""), ["`verify` is the name of the read that checks the credential"]);
    let long = "x".repeat(37);
    assert_eq!(
        changed("\"get_thing\"", &format!("\"{long}\"")),
        [format!("`acme_{long}` has more than 41 characters")]
    );
    assert_eq!(messages(&format!("{HEAD}{TOOL}{TOOL}")), ["there is another tool `get_thing`"]);
}

#[test]
fn t046_t206_an_origin_is_fixed() {
    for (origin, message) in [
        ("https://{tenant}.acme.com", "`https://{tenant}.acme.com` has characters that no host has"),
        (
            "http://api.acme.com",
            "`http://api.acme.com` does not use https; plain http is for loopback, with --allow-private",
        ),
        (
            "http://127.0.0.1:1",
            "`http://127.0.0.1:1` is a private or loopback address; if that is meant, add --allow-private",
        ),
        (
            "https://api.acme.com/v1",
            "`https://api.acme.com/v1` has more than scheme, host and port; leave out path, query and user",
        ),
    ] {
        assert_eq!(changed("https://api.acme.com", origin), [message]);
    }
}

#[test]
fn t047_t048_t056_headers_that_are_not_for_manifests() {
    for name in [
        "Authorization",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Cookie",
        "X-Forwarded-For",
        "X-HTTP-Method-Override",
        "Proxy-Authorization",
    ] {
        let message = format!("the header `{name}` is not for manifests to set");
        assert_eq!(changed("X-Api-Version", name), [message]);
    }
    for value in ["a\\r\\nb", "a\\u0000", "é", " a", ""] {
        let message = "this is not a value for the header `X-Api-Version`";
        assert_eq!(changed("X-Api-Version = \"2\"", &format!("X-Api-Version = \"{value}\"")), [message], "{value}");
    }
    let twice = ["the header `x-api-version` carries the credential and is in `headers` too"];
    assert_eq!(changed("name = \"X-Api-Key\"", "name = \"X-API-Version\""), twice);
    assert_eq!(changed("name = \"X-Api-Key\"", "name = \"Host\""), ["the header `Host` is not for manifests to set"]);
}

#[test]
fn effects_are_plain_or_explained() {
    assert_eq!(changed("effect = \"read\"", "effect = \"write\""), ["a GET that is `write` is unusual"]);
    assert_eq!(changed("\"GET /things", "\"POST /things"), ["a POST that is `read` is unusual"]);
    assert_eq!(changed("\"GET /things", "\"DELETE /things"), ["a DELETE that is `read` is unusual"]);
    assert_eq!(changed("effect = \"read\"", "effect = \"write\"\neffect_reason = \"It counts.\""), [""; 0]);
    assert_eq!(changed("effect = \"read\"\n", ""), ["`effect` is missing in the tool `get_thing`"]);
}

#[test]
fn t042_paths_are_whole_segments() {
    for (path, message) in [
        ("/things//{id}", "the path has an empty segment"),
        ("/things/../{id}", "`..` is not a segment of a path"),
        ("/things/x{id}", "`x{id}` is not a segment of a path"),
        ("/things/{id}?a=1", "`{id}?a=1` is not a segment of a path"),
        ("https://evil.com/{id}", "the path `https://evil.com/{id}` must begin with `/`"),
    ] {
        assert_eq!(changed("/things/{id}", path), [message]);
    }
    assert_eq!(changed("/things/{id}", "/things"), ["the path has no `{id}`"]);
    assert_eq!(changed("/things/{id}", "/{id}/{id}"), ["`{id}` stands in the path twice"]);
    assert_eq!(changed("/things/{id}", "/{id}/{limit}"), ["`{limit}` is no path parameter of this tool"]);
    assert_eq!(
        changed("description = \"The id.\"", "description = \"The id.\", required = false"),
        ["the path parameter `id` must be required"]
    );
    assert_eq!(changed("GET /things", "get /things"), ["`get` is not a method"]);
}

#[test]
fn parameters_are_checked_against_themselves() {
    let limit = |rest: &str| {
        changed("description = \"How many.\", required = false", &format!("description = \"How many.\", {rest}"))
    };
    assert_eq!(limit("default = \"3\""), ["`default` is no value of `limit`: it must be a whole number, not a string"]);
    assert_eq!(limit("absent = 0, min = 1"), ["`absent` is no value of `limit`: it must be at least 1"]);
    assert_eq!(limit("absent = \"all of them\", min = 1"), [""; 0]);
    assert_eq!(limit("min = 2, max = 1, required = false"), ["`max` is smaller than `min`"]);
    assert_eq!(limit("default = 1, absent = 2"), ["`default` and `absent` exclude each other"]);
    assert_eq!(limit("default = 1, required = true"), ["what must be given has no `default` and no `absent`"]);
    assert_eq!(limit("pattern = \"1\""), ["unknown key `pattern` in the integer parameter `limit`"]);
    assert_eq!(limit("slash = true"), ["unknown key `slash` in the integer parameter `limit`"]);
    assert_eq!(limit("wire = \"a[b]\""), ["`a[b]` is not a name in a request"]);
    assert_eq!(
        limit("wire = \"a\" }\nother = { type = \"string\", in = \"query\", description = \"O.\", wire = \"a\""),
        ["another parameter has the name `a` in the request"]
    );
    assert_eq!(changed("limit = {", "account = {"), ["every tool has a parameter `account` already"]);
    assert_eq!(changed("in = \"query\"", "in = \"body\""), ["a GET has no body"]);
    let list = "in = \"query\", items = { type = \"object\", description = \"O.\", fields = {} }";
    let repeated = changed("type = \"integer\", in = \"query\"", &format!("type = \"array\", {list}"));
    assert_eq!(repeated, ["a list in a query is repeated, so its elements must be plain values"]);
    assert_eq!(changed("in = \"query\", ", ""), ["`in` is missing in the parameter `limit`"]);
    assert_eq!(changed("type = \"integer\"", "type = \"int\""), ["`int` is not a type"]);
}

#[test]
fn t247_patterns_are_bounded_and_mean_one_thing() {
    let pattern = |rest: &str| changed("description = \"The id.\"", &format!("description = \"The id.\", {rest}"));
    assert_eq!(pattern("pattern = '^t_[0-9]+$'"), ["`id` has a `pattern` and no `example`"]);
    assert_eq!(
        pattern("pattern = '^t_[0-9]+$', example = 't_x'"),
        ["`example` is no value of `id`: it must match `^t_[0-9]+$`"]
    );
    assert_eq!(
        pattern("pattern = '((a{1000}){1000}){1000}', example = 'a'"),
        ["this pattern is not usable: it is too large"]
    );
    assert_eq!(
        pattern("pattern = '\\s+', example = ' '"),
        ["`\\s` in a pattern does not mean the same to every agent"]
    );
    assert_eq!(pattern("pattern = '^t_', example = 't_1'"), [""; 0]);
}

#[test]
fn what_a_tool_names_exists() {
    let tool = |line: &str| changed("toolset = \"core\"", &format!("toolset = \"core\"\n{line}"));
    assert_eq!(tool("require_any = [[\"id\", \"limti\"]]"), ["the tool has no parameter `limti`"]);
    assert_eq!(tool("require_any = [[\"id\"]]"), ["a list of `require_any` has two parameters or more"]);
    let raise =
        |condition: &str, effect: &str| tool(&format!("raise = [{{ where = {condition}, effect = \"{effect}\" }}]"));
    assert_eq!(raise("{ limit = { any = [5] } }", "write"), [""; 0]);
    assert!(raise("{ limit = { any = [5] } }", "read").is_empty());
    assert_eq!(
        raise("{ limit = { any = [\"5\"] } }", "write"),
        ["this is no value of `limit`: it must be a whole number, not a string"]
    );
    assert_eq!(raise("{ limits = { any = [5] } }", "write"), ["the tool has no parameter `limits`"]);
    assert_eq!(
        raise("{ limit = { all = [5] } }", "write"),
        ["`any` is missing in `where`", "unknown key `all` in `where`"]
    );
    let fires = "a raise fires on some values, below some folders, or on every value";
    assert_eq!(raise("{ limit = { any = [5], present = true } }", "write"), [fires]);
    assert_eq!(raise("{ limit = { any = [5], under = [\"a\"] } }", "write"), [fires]);
    assert_eq!(raise("{ limit = { present = false } }", "write"), [fires]);
    assert_eq!(raise("{ limit = { under = [] } }", "write"), ["`under` names no value"]);
    assert_eq!(raise("{ limit = { under = [5] } }", "write"), ["`under` takes folders"]);
}

#[test]
fn keys_of_later_versions_are_named() {
    assert_eq!(
        changed("[credential.header]\nname = \"X-Api-Key\"\nprefix = \"Token \"", "[credential.basic]"),
        ["`credential.basic` is not available yet"]
    );
    assert_eq!(changed("[upstream.rest]", "[upstream.mcp]"), ["`upstream.mcp` is not available yet"]);
}

#[test]
fn t260_prose_hides_nothing() {
    for hidden in ["\\u200B", "\\u202E", "\\n", "\\U000E0041", "\\u00AD"] {
        let messages = changed("Fetches a thing.", &format!("Fetches{hidden} a thing."));
        assert_eq!(messages.len(), 1, "{hidden}");
        assert!(messages[0].ends_with("a character that cannot be seen"), "{messages:?}");
    }
    assert_eq!(changed("Fetches a thing.", " "), ["`description` is empty"]);
}

#[test]
fn the_verifying_read_takes_nothing() {
    assert_eq!(changed("GET /me/", "POST /me/"), ["`verify` must be `GET` and a path"]);
    assert_eq!(changed("GET /me/", "GET /me/{id}"), ["`verify` must be `GET` and a path"]);
    assert_eq!(changed("id = \"/id\"", "id = \"id\""), ["`id` is not a JSON pointer"]);
}

#[test]
fn a_tool_that_comes_with_the_program_says_whether_it_can_be_undone() {
    let (name, text) = ("stripe.toml", include_str!("../../../tools/stripe.toml"));
    assert!(super::built_in_catalog(&[(name, text)]).is_ok());
    let silent = text.replacen("undo = \"none\"\n", "", 1);
    let problems = super::built_in_catalog(&[(name, &silent)]).unwrap_err();
    let [problem] = problems.0.as_slice() else { panic!("{problems}") };
    assert!(problem.message.ends_with("does not say whether it can be undone"), "{problem}");
    // a file of the user's own may leave it open
    assert!(super::catalog(&[(name, &silent)]).is_ok());
}
