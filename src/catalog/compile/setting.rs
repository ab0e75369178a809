//! `[integration.settings]`: what an account has beside its secret, such as a project's id.

use super::service::bad_pattern;
use crate::{
    catalog::{
        Setting,
        reader::{At, Table, shown},
        text,
    },
    diagnostic::Source,
    pattern::Pattern,
};

/// Reads the settings, in the order of the file.
pub(super) fn settings(source: &mut Source<'_>, table: Table<'_>) -> Vec<Setting> {
    table
        .entries()
        .into_iter()
        .filter_map(|entry| {
            let name = At { value: entry.key.value.to_owned(), span: entry.key.span.clone() };
            let table = entry.table(source, &format!("the setting `{}`", shown(&name.value)))?;
            setting(source, &name, table)
        })
        .collect()
}

fn setting(source: &mut Source<'_>, name: &At<String>, mut table: Table<'_>) -> Option<Setting> {
    if !text::is_name(&name.value) {
        let help = "use lower-case letters, digits and `_`, a letter first".to_owned();
        source.problem(name.span.clone(), format!("`{}` is not a setting's name", shown(&name.value)), help);
    }
    let description = table.required(source, "description").map(|text| text::prose(source, "description", text));
    let pattern = table.required(source, "pattern");
    let compiled = pattern
        .as_ref()
        .and_then(|pattern| Pattern::new(&pattern.value).map_err(|reason| bad_pattern(source, pattern, &reason)).ok());
    let example = table.required(source, "example");
    let default = table.string(source, "default");
    table.finish(source);
    let compiled = compiled?;
    for (key, value) in [("example", &example), ("default", &default)] {
        if let Some(value) = value.as_ref().filter(|value| !compiled.matches(&value.value)) {
            source.problem(value.span.clone(), format!("`{key}` does not match the pattern of `{}`", name.value), None);
        }
    }
    Some(Setting {
        name: name.value.clone(),
        description: description?,
        pattern: compiled,
        example: example?.value,
        default: default.map(|default| default.value),
    })
}
