//! `[tool.ask]` and `[[tool.preview]]`: what an approver reads first.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

use crate::{
    catalog::{
        Effect, Param, Tool,
        ask::{Ask, Otherwise, Path, Piece, Preview, Show, ShowUnit, Source as Given},
        mail,
        nearest::nearest,
        param::find_param,
        reader::{At, Entry, Table, json, list, shown},
        text as names,
    },
    diagnostic::Source,
};

/// More reads than an approver waits for.
const PREVIEWS_MAX: usize = 6;

/// A preview's call, to be compared with the tools of the file when all of them are read.
pub(super) struct Promise {
    call: At<String>,
    args: Vec<(String, Range<usize>)>,
}

/// Reads both tables of a tool.
pub(super) fn ask(source: &mut Source<'_>, table: &mut Table<'_>, params: &[Param]) -> (Ask, Vec<Promise>) {
    let mut ask = Ask::default();
    let heading = table.table(source, "ask", "`[tool.ask]`");
    let tables = table.tables(source, "preview", "`[[tool.preview]]`");
    if let Some(extra) = tables.get(PREVIEWS_MAX) {
        let help = "an approver waits for them; leave out what decides least".to_owned();
        source.problem(extra.span(), format!("there are more than {PREVIEWS_MAX} previews"), help);
    }
    let mut scope = Scope { params, facts: BTreeMap::new() };
    let mut promises = Vec::new();
    for table in tables {
        if let Some((preview, promise)) = preview(source, table, &mut scope) {
            ask.previews.push(preview);
            promises.push(promise);
        }
    }
    if let Some(mut table) = heading {
        if let Some(line) = table.string(source, "headline") {
            let span = line.span.clone();
            let line = names::prose(source, "headline", line);
            ask.headline = headline(source, &line, &span, &scope).unwrap_or_default();
        }
        for mut table in table.tables(source, "otherwise", "`otherwise = [{ without = \"…\", headline = \"…\" }]`")
        {
            let without = table.string(source, "without");
            if let Some(without) = &without {
                known_param(source, without, scope.params);
            }
            if let Some(line) = table.required(source, "headline") {
                let span = line.span.clone();
                let line = names::prose(source, "headline", line);
                ask.otherwise.extend(
                    headline(source, &line, &span, &scope)
                        .map(|headline| Otherwise { without: without.map(|without| without.value), headline }),
                );
            }
            table.finish(source);
        }
        ask.undo = table.string(source, "undo").map(|undo| names::prose(source, "undo", undo));
        table.finish(source);
    }
    (ask, promises)
}

/// Compares what previews call with the tools of the file.
pub(super) fn keep(source: &mut Source<'_>, promises: Vec<Promise>, tools: &[Tool]) {
    for Promise { call, args } in promises {
        let Some(tool) = tools.iter().find(|tool| tool.name == call.value) else {
            let known = tools.iter().filter(|tool| tool.effect == Effect::Read).map(|tool| tool.name.as_str());
            let help = nearest(&call.value, known).map(|meant| format!("did you mean `{meant}`?"));
            source.problem(call.span, format!("this file has no tool `{}`", shown(&call.value)), help);
            continue;
        };
        if tool.strongest_effect() != Effect::Read {
            let message = format!("`{}` is no read, and a preview changes nothing", tool.name);
            source.problem(call.span, message, "call a tool whose effect is `read`".to_owned());
            continue;
        }
        for (name, span) in &args {
            if !tool.params.iter().any(|param| param.name == *name) {
                let known: Vec<&str> = tool.params.iter().map(|param| param.name.as_str()).collect();
                let help = format!("it has {}", list(&known));
                source.problem(span.clone(), format!("`{}` has no parameter `{}`", tool.name, shown(name)), help);
            }
        }
        let given = |name: &str| args.iter().any(|(given, _)| given == name);
        for param in tool.params.iter().filter(|param| param.required && !given(&param.name)) {
            let message = format!("`{}` needs `{}`", tool.name, param.name);
            source.problem(call.span.clone(), message, format!("add `{}` to `args`", param.name));
        }
    }
}

/// What a path may begin with.
struct Scope<'a> {
    params: &'a [Param],
    /// The previews so far; whether each is made for every call.
    facts: BTreeMap<String, bool>,
}

fn preview(source: &mut Source<'_>, mut table: Table<'_>, scope: &mut Scope<'_>) -> Option<(Preview, Promise)> {
    let name = table.required(source, "as");
    let call = table.required(source, "call");
    let when = table.string(source, "when");
    let each = table.string(source, "each");
    let args = table.table(source, "args", "`args`").map(Table::entries).unwrap_or_default();
    let show = table.tables(source, "show", "`show = [{ field = \"…\", label = \"…\" }]`");
    table.finish(source);
    if let Some(when) = &when {
        known_param(source, when, scope.params);
    }
    let each_recipient = each.as_ref().is_some_and(|each| for_each_recipient(source, each, show.len(), scope));
    let mut spans = Vec::new();
    let mut given = Vec::new();
    for Entry { key, value } in args {
        spans.push((key.value.to_owned(), key.span.clone()));
        if let Some(argument) = argument(source, &value, scope, each_recipient) {
            given.push((key.value.to_owned(), argument));
        }
    }
    let show = show.into_iter().filter_map(|table| line(source, table, scope)).collect();
    let (name, call) = (name?, call?);
    if !names::is_name(&name.value) {
        let message = format!("`{}` cannot name a preview", shown(&name.value));
        let help = "use lower-case letters, digits and `_`".to_owned();
        source.problem(name.span, message, help);
        return None;
    }
    let always = when.is_none();
    if scope.facts.insert(name.value.clone(), always).is_some_and(|before| before || always) {
        let message = format!("two previews are called `{}`", name.value);
        source.problem(name.span, message, "only those with a `when` each may stand for one another".to_owned());
        return None;
    }
    let preview = Preview {
        name: name.value,
        call: call.value.clone(),
        args: given,
        each_recipient,
        when: when.map(|when| when.value),
        show,
    };
    Some((preview, Promise { call, args: spans }))
}

/// `each = "recipients"`: of each it is told whether the one field that is shown has anything.
fn for_each_recipient(source: &mut Source<'_>, each: &At<String>, shown_fields: usize, scope: &Scope<'_>) -> bool {
    let has_mail = scope.params.iter().any(|param| matches!(param.name.as_str(), "to" | "cc" | "bcc"));
    let problem = if each.value != mail::RECIPIENTS {
        format!("`{}` is nothing that a preview can be made for each of", shown(&each.value))
    } else if !has_mail {
        "the tool sends no mail".to_owned()
    } else if shown_fields != 1 {
        "a preview for each recipient shows one field: whether there is anything".to_owned()
    } else {
        return true;
    };
    source.problem(each.span.clone(), problem, "write `each = \"recipients\"` in a tool with a mail".to_owned());
    false
}

fn argument(
    source: &mut Source<'_>,
    value: &At<&toml::de::DeValue<'_>>,
    scope: &Scope<'_>,
    each_recipient: bool,
) -> Option<Given> {
    let literal = json(source, value.value, &value.span)?;
    let Value::String(written) = &literal else { return Some(Given::Literal(literal)) };
    if let Some(after) = written.strip_suffix("{recipient}").filter(|_| each_recipient) {
        return Some(Given::Recipient { after: after.to_owned() });
    }
    match written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inside) => path(source, inside, &value.span, scope).map(Given::At),
        None if written.contains(['{', '}']) => {
            let help = "a placeholder stands alone: `\"{charge}\"`".to_owned();
            source.problem(value.span.clone(), "an argument is one value, and not put together", help);
            None
        }
        None => Some(Given::Literal(literal)),
    }
}

fn line(source: &mut Source<'_>, mut table: Table<'_>, scope: &Scope<'_>) -> Option<Show> {
    let field = table.required(source, "field");
    let label = table.required(source, "label").map(|label| names::prose(source, "label", label));
    let unit = table.string(source, "unit").and_then(|unit| {
        let known = match unit.value.split_once(':') {
            Some(("minor", currency)) if is_path(currency) => Some(ShowUnit::Minor(currency.to_owned())),
            None if unit.value == "date" => Some(ShowUnit::Date),
            None if unit.value == "count" => Some(ShowUnit::Count),
            Some(_) | None => None,
        };
        if known.is_none() {
            let message = format!("`{}` is no unit of a fact", shown(&unit.value));
            source.problem(unit.span, message, "use `minor:currency`, `date` or `count`".to_owned());
        }
        known
    });
    let becomes = table.string(source, "becomes");
    table.finish(source);
    if let Some(becomes) = &becomes {
        known_param(source, becomes, scope.params);
    }
    let field = field?;
    if field.value != "." && !is_path(&field.value) {
        let message = format!("`{}` is no path into an answer", shown(&field.value));
        let help = "write `a.b`, `data.0.id` for an element of a list, or `.` for the whole answer".to_owned();
        source.problem(field.span, message, help);
        return None;
    }
    Some(Show { field: field.value, label: label?, unit, becomes: becomes.map(|becomes| becomes.value) })
}

fn headline(source: &mut Source<'_>, text: &str, span: &Range<usize>, scope: &Scope<'_>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((inside, after)) = after.split_once('}') else {
            source.problem(span.clone(), "a `{` has no `}`", None);
            return None;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(match inside.split_once("|money:") {
            Some((amount, currency)) => {
                let (amount, less) = amount.split_once(" - ").map_or((amount, None), |(all, less)| (all, Some(less)));
                let mut path = |written| path(source, written, span, scope);
                let less = match less {
                    Some(less) => Some(path(less)?),
                    None => None,
                };
                Piece::Money { amount: path(amount)?, less, currency: path(currency)? }
            }
            None => Piece::Value(path(source, inside, span, scope)?),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Some(pieces)
}

/// `charge`, an argument, or `charge.currency`, a fact: arguments come first, and a preview may have the name of one.
fn path(source: &mut Source<'_>, written: &str, span: &Range<usize>, scope: &Scope<'_>) -> Option<Path> {
    if find_param(scope.params, written).is_some() {
        return Some(Path::Argument(written.to_owned()));
    }
    let (of, at) = written.split_once('.').unwrap_or((written, ""));
    if scope.facts.contains_key(of) && (at.is_empty() || is_path(at)) {
        return Some(Path::Fact { of: of.to_owned(), at: at.to_owned() });
    }
    let known = scope.params.iter().map(|param| param.name.as_str()).chain(scope.facts.keys().map(String::as_str));
    let help = nearest(of, known).map(|meant| format!("did you mean `{meant}`?"));
    let message = format!("`{}` is neither a parameter nor an earlier preview", shown(written));
    source.problem(span.clone(), message, help);
    None
}

fn known_param(source: &mut Source<'_>, name: &At<String>, params: &[Param]) {
    if find_param(params, &name.value).is_none() {
        let help = nearest(&name.value, params.iter().map(|param| param.name.as_str()));
        let help = help.map(|meant| format!("did you mean `{meant}`?"));
        source.problem(name.span.clone(), format!("the tool has no parameter `{}`", shown(&name.value)), help);
    }
}

fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use crate::catalog::{
        Catalog,
        ask::{Path, Piece},
        tests::HEAD,
    };

    const READ: &str = "\n[[tool]]\nname = \"get_thing\"\ntitle = \"Get\"\ndescription = \"Gets.\"\neffect = \"read\"\n\
        toolset = \"core\"\nrequest = \"GET /things/{id}\"\n[tool.params]\n\
        id = { type = \"string\", in = \"path\", description = \"The id.\" }\n";
    const DELETE: &str = "\n[[tool]]\nname = \"delete_thing\"\ntitle = \"Delete\"\ndescription = \"Deletes.\"\n\
        effect = \"destructive\"\ntoolset = \"core\"\nrequest = \"DELETE /things/{id}\"\n[tool.params]\n\
        id = { type = \"string\", in = \"path\", description = \"The id.\" }\n\
        [tool.ask]\nheadline = \"Delete {now.name}, {now.price|money:now.currency}\"\nundo = \"none\"\n\
        [[tool.preview]]\nas = \"now\"\ncall = \"get_thing\"\nargs = { id = \"{id}\" }\n\
        show = [{ field = \"name\", label = \"Name\" }, { field = \"price\", label = \"Price\", unit = \"minor:currency\" }]\n";

    fn messages(text: &str) -> Vec<String> {
        match Catalog::compile(&[("acme.toml", text)]) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.0.into_iter().map(|problem| problem.message).collect(),
        }
    }

    fn changed(old: &str, new: &str) -> Vec<String> {
        let right = format!("{HEAD}{READ}{DELETE}");
        assert!(right.contains(old), "{old}");
        messages(&right.replacen(old, new, 1))
    }

    #[test]
    fn what_is_asked_is_compiled() {
        let catalog = Catalog::compile(&[("acme.toml", &format!("{HEAD}{READ}{DELETE}"))]).unwrap();
        let ask = &catalog.find("acme.delete_thing").unwrap().ask;
        let fact = |at: &str| Path::Fact { of: "now".to_owned(), at: at.to_owned() };
        assert_eq!(
            ask.headline,
            [
                Piece::Text("Delete ".to_owned()),
                Piece::Value(fact("name")),
                Piece::Text(", ".to_owned()),
                Piece::Money { amount: fact("price"), less: None, currency: fact("currency") },
            ]
        );
        assert_eq!(ask.undo.as_deref(), Some("none"));
        assert_eq!(ask.previews.len(), 1);
    }

    #[test]
    fn what_cannot_be_looked_up_is_no_preview() {
        for (old, new, message) in [
            (
                "call = \"get_thing\"",
                "call = \"delete_thing\"",
                "`delete_thing` is no read, and a preview changes nothing",
            ),
            ("call = \"get_thing\"", "call = \"get_thin\"", "this file has no tool `get_thin`"),
            ("args = { id = \"{id}\" }\n", "", "`get_thing` needs `id`"),
            ("args = { id = ", "args = { ids = 1, id = ", "`get_thing` has no parameter `ids`"),
            ("id = \"{id}\" }\nshow", "id = \"{idd}\" }\nshow", "`idd` is neither a parameter nor an earlier preview"),
            ("id = \"{id}\" }\nshow", "id = \"x{id}\" }\nshow", "an argument is one value, and not put together"),
            ("as = \"now\"", "as = \"Now\"", "`Now` cannot name a preview"),
            ("unit = \"minor:currency\"", "unit = \"euro\"", "`euro` is no unit of a fact"),
            ("{now.name}", "{then.name}", "`then.name` is neither a parameter nor an earlier preview"),
            ("{now.price|money:now.currency}", "{now.price", "a `{` has no `}`"),
            (
                "{now.price|money:now.currency}",
                "{now.price - then.price|money:now.currency}",
                "`then.price` is neither a parameter nor an earlier preview",
            ),
            (
                "undo = \"none\"\n",
                "otherwise = [{ without = \"ids\", headline = \"x\" }]\n",
                "the tool has no parameter `ids`",
            ),
            (
                "undo = \"none\"\n",
                "otherwise = [{ headline = \"{idd}\" }]\n",
                "`idd` is neither a parameter nor an earlier preview",
            ),
            ("label = \"Name\"", "label = \"Name\", becomes = \"name\"", "the tool has no parameter `name`"),
            ("call = \"get_thing\"", "each = \"recipients\"\ncall = \"get_thing\"", "the tool sends no mail"),
            (
                "call = \"get_thing\"",
                "each = \"ids\"\ncall = \"get_thing\"",
                "`ids` is nothing that a preview can be made for each of",
            ),
            ("undo = \"none\"", "undos = \"none\"", "unknown key `undos` in `[tool.ask]`"),
        ] {
            let found = changed(old, new);
            assert!(found.iter().any(|found| found == message), "{new}: {found:?}");
        }
    }

    #[test]
    fn two_of_one_name_stand_for_one_another_only_where_each_has_its_case() {
        let again = "[[tool.preview]]\nas = \"now\"\ncall = \"get_thing\"\nargs = { id = \"{id}\" }\nshow = []\n";
        let twice = format!("{HEAD}{READ}{DELETE}{again}");
        assert_eq!(messages(&twice), ["two previews are called `now`"]);
        let apart = twice.replace("as = \"now\"\n", "as = \"now\"\nwhen = \"id\"\n");
        assert_eq!(messages(&apart), Vec::<String>::new());
    }
}
