use crate::{
    catalog::RequestTemplate,
    catalog::{Catalog, Next, NextFrom, Place, Segment, tests::HEAD},
};

const TOOL: &str = r#"
[integration.settings]
project = { description = "The project.", pattern = "[0-9]+|@current", example = "12", default = "@current" }
[[tool]]
name = "list_things"
title = "List things"
description = "Lists things."
effect = "read"
toolset = "core"
request = "GET /projects/{project}/things"
[tool.params]
page = { type = "integer", in = "query", description = "Which page.", wire = "p", required = false }
after = { type = "string", in = "query", description = "After this one.", required = false, max_length = 20 }
flag = { type = "boolean", in = "query", description = "A flag.", required = false }
[tool.fixed]
kind = "thing"
[tool.answer]
keep = ["id", "owner.name"]
[tool.next]
param = "page"
link = true
"#;

fn compile(text: &str) -> Result<Catalog, Vec<String>> {
    // the settings belong to the table above
    let text = format!("{HEAD}{text}");
    let compiled = Catalog::compile(&[("acme.toml", &text)]);
    compiled.map_err(|problems| problems.0.into_iter().map(|problem| problem.message).collect())
}

fn changed(old: &str, new: &str) -> Vec<String> {
    assert!(TOOL.contains(old), "{old}");
    compile(&TOOL.replacen(old, new, 1)).err().unwrap_or_default()
}

#[test]
fn a_tool_says_how_its_answers_are_read() {
    let catalog = compile(TOOL).unwrap();
    let tool = catalog.find("acme_list_things").unwrap();
    let next = Next { param: "page".to_owned(), wire: "p".to_owned(), number: true, from: NextFrom::Link };
    assert_eq!((tool.answer.keep.join(" "), &tool.answer.next), ("id owner.name".to_owned(), &Some(next)));
    let fields = tool.params.last().unwrap();
    assert_eq!((fields.name.as_str(), fields.place, fields.required), ("fields", Place::Answer, false));
    let RequestTemplate::Rest(template) = &tool.request else { panic!("a REST request") };
    assert_eq!(template.path[1], Segment::Setting("project".to_owned()));
    assert_eq!(template.fixed.get("kind").unwrap(), "thing");
    let [setting] = tool.integration.settings.as_slice() else { panic!("one setting") };
    assert_eq!((setting.name.as_str(), setting.default.as_deref()), ("project", Some("@current")));

    let plain = compile(&TOOL.replace("[tool.answer]\nkeep = [\"id\", \"owner.name\"]\n", "")).unwrap();
    assert!(plain.find("acme_list_things").unwrap().params.iter().all(|param| param.name != "fields"));
}

#[test]
fn what_an_answer_keeps_is_paths() {
    for (path, message) in [
        ("owner..name", "`owner..name` is no path into an answer"),
        ("*", "`*` is no path into an answer"),
        ("/owner", "`/owner` is no path into an answer"),
        ("id", "`id` is there twice"),
    ] {
        assert_eq!(changed("owner.name", path), [message]);
    }
    assert_eq!(
        changed("keep = ", "kept = "),
        ["`keep` is missing in `[tool.answer]`", "unknown key `kept` in `[tool.answer]`"]
    );
    assert_eq!(changed("flag = {", "fields = {"), ["`fields` asks for more of a trimmed answer"]);
}

#[test]
fn the_next_page_is_said_in_one_way() {
    const ONE: &str = "`[tool.next]` must say in one way where the next page stands";
    for right in [
        "url = \"/next\"",
        "cursor = \"/a/b\"",
        "cursor = \"/a\"\nmore = \"/b\"",
        "last = \"/data\"\nfield = \"id\"\nmore = \"/m\"",
    ] {
        assert_eq!(changed("link = true", right), [""; 0], "{right}");
    }
    for wrong in [
        "link = false",
        "link = true\nurl = \"/next\"",
        "more = \"/b\"",
        "last = \"/data\"\nmore = \"/m\"",
        "url = \"/a\"\nmore = \"/b\"",
    ] {
        assert_eq!(changed("link = true", wrong), [ONE], "{wrong}");
    }
    assert_eq!(changed("link = true", "url = \"next\""), [ONE, "`next` is not a JSON pointer"]);
    assert_eq!(
        changed("param = \"page\"", "param = \"flag\""),
        ["`flag` is no string or integer parameter of this tool"]
    );
    assert_eq!(
        changed("param = \"page\"", "param = \"pag\""),
        ["`pag` is no string or integer parameter of this tool"]
    );
}

#[test]
fn what_is_fixed_is_no_parameter() {
    assert_eq!(changed("kind = \"thing\"", "p = \"thing\""), ["`p` is fixed, and a parameter goes there too"]);
}

#[test]
fn settings_match_their_patterns() {
    assert_eq!(
        changed("default = \"@current\"", "default = \"x\""),
        ["`default` does not match the pattern of `project`"]
    );
    assert_eq!(changed("example = \"12\"", "example = \"x\""), ["`example` does not match the pattern of `project`"]);
    assert_eq!(
        changed("example = \"12\", ", ""),
        ["`example` is missing in the setting `project`", "`{project}` is no path parameter of this tool"]
    );
    assert_eq!(changed("{project}", "{projct}"), ["`{projct}` is no path parameter of this tool"]);
}

#[test]
fn places_in_a_body_do_not_stand_in_each_other() {
    let tool = TOOL
        .replace("GET", "POST")
        .replace("effect = \"read\"", "effect = \"write\"")
        .replace("in = \"query\"", "in = \"body\"");
    let with = |wire: &str| {
        compile(&tool.replace("After this one.\"", &format!("After this one.\", wire = \"{wire}\"")))
            .err()
            .unwrap_or_default()
    };
    assert_eq!(with("p.after"), ["`p.after` would stand inside of what `page` gives"]);
    assert_eq!(with("pp.after"), [""; 0]);
}
