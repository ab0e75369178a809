//! One table of a TOML file, changed through `toml_edit`: comments, order and everything else stay as they are.

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table};

/// The table at `place`, as JSON.
///
/// # Errors
/// Why the file cannot be used, and where.
pub(super) fn find(text: &str, place: &[&str]) -> Result<Option<Value>, String> {
    let document = parse(text)?;
    let mut item = document.as_item();
    for key in place {
        let table = item.as_table_like().ok_or_else(|| format!("what should hold `{key}` is not a table"))?;
        match table.get(key) {
            Some(found) => item = found,
            None => return Ok(None),
        }
    }
    Ok(Some(to_json(item)))
}

/// `text` with a table of these members at `place`.
///
/// # Errors
/// Why the file cannot be used, and where.
pub(super) fn set(text: &str, place: &[&str], members: &[(String, Value)]) -> Result<String, String> {
    let mut document = parse(text)?;
    let Some((name, parents)) = place.split_last() else { return Err("it has no place for the entry".to_owned()) };
    let mut item = document.as_item_mut();
    for key in parents {
        let table = item.as_table_like_mut().ok_or_else(|| format!("what should hold `{key}` is not a table"))?;
        item = table.entry(key).or_insert_with(|| {
            let mut table = Table::new();
            // only the header of what is inside is written
            table.set_implicit(true);
            Item::Table(table)
        });
    }
    let inline = item.is_inline_table();
    let holder = item.as_table_like_mut().ok_or_else(|| format!("what should hold `{name}` is not a table"))?;
    let mut table = match holder.get(name) {
        // its position and the comment above it stay
        Some(Item::Table(old)) => {
            let mut table = old.clone();
            table.clear();
            table
        }
        Some(_) | None => Table::new(),
    };
    for (key, value) in members {
        if let Some(value) = to_toml(value) {
            table.insert(key, Item::Value(value));
        }
    }
    let new = if inline { Item::Value(table.into_inline_table().into()) } else { Item::Table(table) };
    holder.insert(name, new);
    Ok(document.to_string())
}

/// `text` less what stands at `place`: the very bytes of one of `before` where nothing else has changed since.
///
/// # Errors
/// Why the file cannot be used, and where.
pub(super) fn without(text: &str, place: &[&str], before: &[&str]) -> Result<String, String> {
    let mut document = parse(text)?;
    let Some((name, parents)) = place.split_last() else { return Err("it has no place for the entry".to_owned()) };
    let mut item = document.as_item_mut();
    for key in parents {
        let table = item.as_table_like_mut().ok_or_else(|| format!("what should hold `{key}` is not a table"))?;
        let Some(found) = table.get_mut(key) else { return Ok(text.to_owned()) };
        item = found;
    }
    if let Some(holder) = item.as_table_like_mut() {
        holder.remove(name);
    }
    let left = document.to_string();
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    // comments count too: only blank space may differ
    let same = before.iter().find(|before| letters(before) == letters(&left) && values(before) == values(&left));
    Ok(same.map_or(left, |same| (*same).to_owned()))
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        // the error's own text quotes the line, which may hold a key
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let (line, column) =
            (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        let message = error.message().lines().next().unwrap_or("it is broken").to_lowercase();
        format!("it is not TOML: {message} at line {line} column {column}")
    })
}

/// What the text means, without its layout.
fn values(text: &str) -> Option<Value> {
    parse(text).ok().map(|document| to_json(document.as_item()))
}

fn to_json(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => value_to_json(value),
        Item::Table(table) => Value::Object(table.iter().map(|(key, item)| (key.to_owned(), to_json(item))).collect()),
        Item::ArrayOfTables(tables) => tables
            .iter()
            .map(|table| {
                Value::Object(table.iter().map(|(key, item)| (key.to_owned(), to_json(item))).collect::<Map<_, _>>())
            })
            .collect(),
    }
}

fn value_to_json(value: &toml_edit::Value) -> Value {
    use toml_edit::Value as Toml;
    match value {
        Toml::String(text) => Value::from(text.value().as_str()),
        Toml::Integer(number) => Value::from(*number.value()),
        Toml::Float(number) => Value::from(*number.value()),
        Toml::Boolean(truth) => Value::from(*truth.value()),
        Toml::Datetime(at) => Value::from(at.value().to_string()),
        Toml::Array(elements) => elements.iter().map(value_to_json).collect(),
        Toml::InlineTable(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.to_owned(), value_to_json(value))).collect())
        }
    }
}

/// `None` for what TOML has no word for.
fn to_toml(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(elements) => elements.iter().filter_map(to_toml).collect::<Array>().into(),
        Value::Object(members) => members
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), to_toml(value)?)))
            .collect::<InlineTable>()
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLACE: [&str; 2] = ["mcp_servers", "agentport"];

    fn entry() -> Vec<(String, Value)> {
        vec![
            ("command".into(), json!("/bin/agentport")),
            ("args".into(), json!(["stdio", "--as", "codex"])),
            ("env_vars".into(), json!(["XDG_RUNTIME_DIR"])),
        ]
    }

    #[test]
    fn the_table_is_added_and_all_else_stays() {
        let text = "# mine\nmodel = \"x\"   # here too\n\n[mcp_servers.other]\ncommand = 'a'\n";
        let added = set(text, &PLACE, &entry()).unwrap();
        assert_eq!(
            added,
            format!(
                "{text}\n[mcp_servers.agentport]\ncommand = \"/bin/agentport\"\nargs = [\"stdio\", \"--as\", \"codex\"]\nenv_vars = [\"XDG_RUNTIME_DIR\"]\n"
            )
        );
        assert_eq!(without(&added, &PLACE, &[text]).unwrap(), text);
        assert_eq!(set(&added, &PLACE, &entry()).unwrap(), added);
    }

    #[test]
    fn every_way_to_write_the_servers_is_understood() {
        for text in [
            "",
            "a = 1\n",
            "[mcp_servers]\n",
            "mcp_servers = { other = { command = 'a' } }\n",
            "mcp_servers.other.command = 'a'\n",
        ] {
            let added = set(text, &PLACE, &entry()).unwrap();
            assert_eq!(find(&added, &PLACE).unwrap().unwrap()["command"], json!("/bin/agentport"), "{added}");
            assert_eq!(without(&added, &PLACE, &[text]).unwrap(), text);
        }
    }

    #[test]
    fn a_broken_file_is_refused_without_quoting_it() {
        let reason = set("a = 1\nkey = sk_live_x y\n", &PLACE, &entry()).unwrap_err();
        assert!(reason.starts_with("it is not TOML: ") && reason.contains("at line 2"), "{reason}");
        assert!(!reason.contains("sk_live_x"), "{reason}");
        assert_eq!(
            set("mcp_servers = 1\n", &PLACE, &entry()).unwrap_err(),
            "what should hold `agentport` is not a table"
        );
    }
}
