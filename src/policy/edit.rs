//! `policy set`: one line of `[tools]` is changed or added, every other byte of its owner's file stays.

use toml_edit::{DocumentMut, Item, Table, Value};

use super::{Decision, Diagnostics, selector::Selector};
use crate::{catalog::Catalog, diagnostic::Source};

/// Why a line can't be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No such tool.
    #[error("{message}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Target {
        /// What is wrong with the target.
        message: String,
        /// What was probably meant.
        help: Option<String>,
    },
    /// The file is not TOML, or `tools` is not a table.
    #[error(transparent)]
    File(Diagnostics),
}

/// The text with the line `target = decision` in `[tools]`. A wire name becomes the policy name.
///
/// # Errors
/// The catalog has no such tool, or the text can't be edited.
pub fn set(text: &str, target: &str, decision: Decision, catalog: &Catalog) -> Result<String, SetError> {
    let key = resolve(target, catalog)?.to_string();
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| file_problem(text, error.span().unwrap_or(0..0), error.message()))?;
    let tools = document.entry("tools").or_insert_with(|| Item::Table(Table::new()));
    let Some(tools) = tools.as_table_like_mut() else {
        return Err(file_problem(text, 0..0, "`tools` must be a table"));
    };
    match tools.get_mut(&key).and_then(Item::as_value_mut) {
        Some(value) => {
            // the comment behind the value belongs to the line
            let decor = value.decor().clone();
            *value = Value::from(decision.as_str());
            *value.decor_mut() = decor;
        }
        None => drop(tools.insert(&key, Item::Value(decision.as_str().into()))),
    }
    Ok(with_untouched_lines(text, &document.to_string()))
}

fn resolve(target: &str, catalog: &Catalog) -> Result<Selector, SetError> {
    let selector = Selector::parse(target).map_err(|message| SetError::Target { message, help: None })?;
    let selector = match (selector, catalog.find(target)) {
        (Selector::Exact(_), Some(tool)) => Selector::Exact(tool.policy_name()),
        (selector, _) => selector,
    };
    match selector.unknown_in(catalog) {
        None => Ok(selector),
        Some((message, help)) => Err(SetError::Target { message, help }),
    }
}

/// `toml_edit` writes every line end as `\n`; lines that did not change are taken from the owner's text.
fn with_untouched_lines(old: &str, new: &str) -> String {
    let plain = |line: &str| line.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let same = |(old, new): &(&&str, &&str)| plain(old) == plain(new);
    let otherwise = old.contains("\r\n");
    let (old, new): (Vec<_>, Vec<_>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let head = old.iter().zip(&new).take_while(same).count();
    let tail = old.iter().skip(head).rev().zip(new.iter().skip(head).rev()).take_while(same).count();
    let windows = |line: &&str| if line.ends_with('\n') { line.ends_with("\r\n") } else { otherwise };
    let ends = old.iter().take(old.len() - tail).skip(head).map(windows);
    let changed = new.iter().take(new.len() - tail).skip(head).zip(ends.chain(std::iter::repeat(otherwise)));
    let changed = changed.map(|(line, windows)| line.replace('\n', if windows { "\r\n" } else { "\n" }));
    let kept = |lines: &mut dyn Iterator<Item = &&str>| lines.map(|line| (*line).to_owned()).collect::<String>();
    kept(&mut old.iter().take(head)) + &changed.collect::<String>() + &kept(&mut old.iter().skip(old.len() - tail))
}

fn file_problem(text: &str, span: std::ops::Range<usize>, message: &str) -> SetError {
    let mut source = Source::new("policy.toml", text);
    source.problem(span, message, None);
    SetError::File(Diagnostics(source.into_problems()))
}
