//! `failure` of `[upstream.rest]`: how a vendor says in an answer of status 2xx that it did nothing.

use super::answer::is_pointer;
use crate::{
    catalog::{Refusal, reader::Table},
    diagnostic::Source,
};

/// Reads `failure = { at = "/ok", is = false, message = "/error" }`.
pub(super) fn refusal(source: &mut Source<'_>, table: &mut Table<'_>) -> Option<Refusal> {
    let mut table = table.table(source, "failure", "`failure`")?;
    let at = table.required(source, "at").filter(|at| is_pointer(source, at));
    let is = table.take("is");
    if is.is_none() {
        table.missing(source, "is", "add the value that says so, such as `is = false`");
    }
    let is = is.and_then(|entry| {
        let value = entry.json(source)?;
        let plain = value.value.is_boolean() || value.value.is_string() || value.value.is_i64();
        if !plain {
            let help = "write `true`, `false`, a string or a whole number".to_owned();
            source.problem(value.span, "`is` must be a plain value", help);
        }
        plain.then_some(value.value)
    });
    let message = table.string(source, "message").filter(|message| is_pointer(source, message));
    table.finish(source);
    Some(Refusal { at: at?.value, is: is?, message: message.map(|message| message.value) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::catalog::{Catalog, Refusal, tests::HEAD};

    const TOOL: &str = "[[tool]]\nname = \"look\"\ntitle = \"Look\"\ndescription = \"Looks.\"\neffect = \"read\"\n\
        toolset = \"core\"\nrequest = \"GET /things\"\n";

    fn compiled(failure: &str) -> Result<Catalog, Vec<String>> {
        assert!(HEAD.contains("body = \"json\"\n"), "{HEAD}");
        let head = HEAD.replacen("body = \"json\"\n", &format!("body = \"json\"\nfailure = {failure}\n"), 1);
        let catalog = Catalog::compile(&[("acme.toml", &format!("{head}{TOOL}"))]);
        catalog.map_err(|problems| problems.0.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn every_tool_and_the_verifying_read_know_how_a_refusal_looks() {
        let catalog = compiled("{ at = \"/ok\", is = false, message = \"/error\" }").unwrap();
        let expected = Refusal { at: "/ok".to_owned(), is: json!(false), message: Some("/error".to_owned()) };
        for tool in [catalog.find("acme.look").unwrap(), catalog.verify_tool("acme").unwrap()] {
            assert_eq!(tool.answer.refusal.as_ref(), Some(&expected));
        }
        assert!(compiled("{ at = \"/status\", is = \"error\" }").is_ok());
    }

    #[test]
    fn what_says_no_refusal_is_a_problem() {
        for (failure, message) in [
            ("{ is = false }", "`at` is missing in `failure`"),
            ("{ at = \"/ok\" }", "`is` is missing in `failure`"),
            ("{ at = \"ok\", is = false }", "`ok` is not a JSON pointer"),
            ("{ at = \"/ok\", is = [] }", "`is` must be a plain value"),
            ("{ at = \"/ok\", is = 1.5 }", "`is` must be a plain value"),
            ("{ at = \"/ok\", is = false, message = \"error\" }", "`error` is not a JSON pointer"),
            ("{ at = \"/ok\", is = false, why = \"/error\" }", "unknown key `why` in `failure`"),
        ] {
            assert_eq!(compiled(failure).err(), Some(vec![message.to_owned()]), "{failure}");
        }
    }
}
