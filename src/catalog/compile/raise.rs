//! What a tool says about its parameters together: which must be given, and which make its effect stronger.

use serde_json::Value;

use crate::{
    catalog::{
        Effect, Param, Raise, When, arguments, folder,
        nearest::nearest,
        param::find_param,
        reader::{At, Entry, Table, list, shown, text},
    },
    diagnostic::Source,
};

/// One of the three words.
pub(super) fn effect(source: &mut Source<'_>, word: &At<String>) -> Option<Effect> {
    let effect = [Effect::Read, Effect::Write, Effect::Destructive].into_iter().find(|e| e.as_str() == word.value);
    if effect.is_none() {
        let message = format!("`{}` is not an effect", shown(&word.value));
        source.problem(word.span.clone(), message, "use `read`, `write` or `destructive`".to_owned());
    }
    effect
}

/// Reads `require_any`: of each list at least one parameter has to be given.
pub(super) fn require_any(source: &mut Source<'_>, entry: &Entry<'_>, params: Option<&[Param]>) -> Vec<Vec<String>> {
    let Some(groups) = entry.list(source) else { return Vec::new() };
    let mut all = Vec::new();
    for group in groups {
        let span = group.span.clone();
        let inner = Entry { key: entry.key.clone(), value: group };
        let Some(items) = inner.list(source) else { continue };
        let mut members = Vec::new();
        for item in items {
            let Some(name) = text(source, "require_any", &item) else { continue };
            if let Some(params) = params
                && !params.iter().any(|param| param.name == name.value)
            {
                unknown_param(source, &name, params);
            }
            members.push(name.value);
        }
        if members.len() < 2 {
            source.problem(span, "a list of `require_any` has two parameters or more", None);
        }
        all.push(members);
    }
    all
}

/// Reads one `[[tool.raise]]`.
pub(super) fn raise(
    source: &mut Source<'_>,
    mut table: Table<'_>,
    params: Option<&[Param]>,
    base: Option<&At<Effect>>,
) -> Option<Raise> {
    let word = table.required(source, "effect");
    let raised = word.as_ref().and_then(|word| effect(source, word));
    if let (Some(word), Some(raised), Some(base)) = (&word, raised, base)
        // one that is as strong says nothing new, and nothing wrong
        && raised < base.value
    {
        let message = format!("`{raised}` is weaker than the tool's `{}`", base.value);
        source.problem(word.span.clone(), message, "a raise makes the effect stronger".to_owned());
    }
    let condition = table.take("where");
    if condition.is_none() {
        table.missing(source, "where", "add `where = { param = { any = [value] } }`");
    }
    let condition = condition.and_then(|entry| self::condition(source, entry, params));
    table.finish(source);
    let (param, when) = condition?;
    Some(Raise { param, when, effect: raised? })
}

fn condition(source: &mut Source<'_>, entry: Entry<'_>, params: Option<&[Param]>) -> Option<(String, When)> {
    let span = entry.value.span.clone();
    let Ok([entry]) = <[Entry<'_>; 1]>::try_from(entry.table(source, "`where`")?.entries()) else {
        let help = "write one `[[tool.raise]]` for each parameter".to_owned();
        source.problem(span, "`where` names exactly one parameter", help);
        return None;
    };
    let path = At { value: entry.key.value.to_owned(), span: entry.key.span.clone() };
    let mut table = entry.table(source, "`where`")?;
    let (any, under, present) = (table.take("any"), table.take("under"), table.boolean(source, "present"));
    let help =
        "write the values as `any = [true]`, folders as `under = [\"docs\"]`, or `present = true` for every value";
    if any.is_none() && under.is_none() && present.is_none() {
        table.missing(source, "any", help);
    }
    table.finish(source);
    let (listed, is_under) = match (any, under, present) {
        (Some(any), None, None) => (Some(any), false),
        (None, Some(under), None) => (Some(under), true),
        (None, None, Some(present)) if present.value => (None, false),
        (None, None, None) => return None,
        (..) => {
            let message = "a raise fires on some values, below some folders, or on every value";
            source.problem(span, message, help.to_owned());
            return None;
        }
    };
    let items = match &listed {
        Some(entry) => entry.list(source)?,
        None => Vec::new(),
    };
    let Some(param) = find_param(params?, &path.value) else {
        unknown_param(source, &path, params?);
        return None;
    };
    let Some(Entry { key, value }) = listed else { return Some((path.value, When::Present)) };
    if items.is_empty() {
        source.problem(value.span, format!("`{}` names no value", key.value), None);
    }
    let (mut values, mut folders) = (Vec::new(), Vec::new());
    for item in items {
        let inner = Entry { key: key.clone(), value: item };
        let Some(given) = inner.json(source) else { continue };
        match arguments::fits(param, &given.value) {
            Ok(Value::String(folder)) if is_under && !folder::segments(&folder).is_empty() => folders.push(folder),
            Ok(_) if is_under => {
                let help = "name a folder from the top, such as `docs`".to_owned();
                source.problem(given.span, "`under` takes folders", help);
            }
            Ok(value) => values.push(value),
            Err(reason) => {
                let message = format!("this is no value of `{}`: it {reason}", path.value);
                source.problem(given.span, message, None);
            }
        }
    }
    Some((path.value, if is_under { When::Under(folders) } else { When::Any(values) }))
}

fn unknown_param(source: &mut Source<'_>, name: &At<String>, params: &[Param]) {
    let known: Vec<_> = params.iter().map(|param| param.name.as_str()).collect();
    let help = match nearest(&name.value, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "the tool has no parameters".to_owned(),
        None => format!("the tool has {}", list(&known)),
    };
    source.problem(name.span.clone(), format!("the tool has no parameter `{}`", shown(&name.value)), help);
}
