//! One line of `agentport.toml`, changed as a person would: the rest of the file stays as it is, comments too.

use super::StoreKind;

/// The text with `store` of `[secrets]` as given. Where it does not name one, the line is added.
pub fn with_store(text: &str, store: StoreKind) -> String {
    let value = store.as_str();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let header = |line: &str| line.trim_start().starts_with('[');
    let section = lines.iter().position(|line| line.split('#').next().is_some_and(|line| line.trim() == "[secrets]"));
    let Some(section) = section else {
        return format!("{}\n[secrets]\nstore = \"{value}\"\n", text.trim_end());
    };
    let named =
        lines.iter().enumerate().skip(section + 1).take_while(|(_, line)| !header(line)).find_map(|(at, line)| {
            let (key, rest) = line.split_once('=')?;
            (key.trim() == "store").then(|| (at, rest.split_once('#').map(|(_, comment)| comment.trim().to_owned())))
        });
    match named {
        Some((at, comment)) => {
            let line = format!("store = \"{value}\"");
            if let Some(slot) = lines.get_mut(at) {
                *slot = comment.map_or_else(|| line.clone(), |comment| format!("{line:<37} # {comment}"));
            }
        }
        None => lines.insert(section + 1, format!("store = \"{value}\"")),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Settings};

    #[test]
    fn only_the_store_changes() {
        let (keyring, vault) = (Settings::template(StoreKind::Keyring), Settings::template(StoreKind::Vault));
        assert_eq!(with_store(&keyring, StoreKind::Vault), vault);
        assert_eq!(with_store(&vault, StoreKind::Keyring), keyring);
        for (before, after) in [
            ("", "\n[secrets]\nstore = \"vault\"\n"),
            ("[site]\nsession = \"1d\"\n", "[site]\nsession = \"1d\"\n[secrets]\nstore = \"vault\"\n"),
            ("[secrets] # mine\nkey_file = \"/k\"\n", "[secrets] # mine\nstore = \"vault\"\nkey_file = \"/k\"\n"),
            ("[secrets]\nstore=\"keyring\"\n[log]\n", "[secrets]\nstore = \"vault\"\n[log]\n"),
        ] {
            let changed = with_store(before, StoreKind::Vault);
            assert_eq!(changed, after);
            let settings = Settings::parse(&changed, &Environment::default());
            assert!(
                before.is_empty() || settings.is_ok_and(|settings| settings.store == StoreKind::Vault),
                "{changed}"
            );
        }
    }
}
