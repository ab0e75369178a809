//! `connect --from-file FILE --key PATH`: a key that lies in plain text in an agent host's file moves into the store, and
//! goes from the file. PATH is what `doctor` prints.
//!
//! First it is stored and verified, then the person sees what would go and is asked. Nothing is kept of the file as it
//! was: a backup would hold the key. Where nobody can be asked the file stays as it is, and that is said.

use std::path::Path;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    Failure, Out,
    doctor::{mask, strings},
    host::HostFile,
    prompt,
};
use crate::{secret::Secret, visible::visible};

/// Shorter than any key; to take out every place of it could take out something else.
const SHORTEST: usize = 8;

/// A key that was found.
#[derive(Debug)]
pub(super) struct Takeover {
    file: HostFile,
    place: String,
    key: Zeroizing<String>,
}

/// What became of the file.
#[derive(Debug)]
pub(super) struct Left {
    file: String,
    removed: bool,
    /// Why it is still there.
    reason: Option<String>,
}

impl Takeover {
    /// Finds the key at `place` of a file. `fits` says whether a text looks like a key of this service: it may stand
    /// behind `Bearer` or within an argument.
    pub(super) fn find(path: &Path, place: &str, fits: impl Fn(&Secret) -> bool) -> Result<Self, Failure> {
        let shown = visible(&path.display().to_string());
        let file = HostFile::read(path)?;
        let text = file.text().ok_or_else(|| Failure::usage(format!("there is no file `{shown}`")))?;
        let strings = strings(text).ok_or_else(|| {
            Failure::new(format!("`{shown}` is neither plain JSON nor TOML; nothing was stored"))
                .hint("copy the key out by hand: without --from-file, connect asks for it; then delete it there")
        })?;
        let mut at_place = strings.iter().filter(|(at, _)| at == place);
        let key = match (at_place.next(), at_place.next()) {
            (Some((_, value)), None) => key_in(value, fits).to_owned(),
            (Some(_), Some(_)) => {
                let message = format!("`{}` stands for two places of `{shown}`; nothing was stored", visible(place));
                return Err(
                    Failure::new(message).hint("a name with dots in it looks like two; copy the key out by hand")
                );
            }
            (None, _) => {
                let message = format!("`{shown}` has no text at `{}`", visible(place));
                return Err(
                    Failure::usage(message).hint("agentport doctor prints the places of the keys that it finds")
                );
            }
        };
        if key.is_empty() {
            return Err(Failure::new(format!("the text at `{}` is empty; nothing was stored", visible(place))));
        }
        Ok(Self { file, place: place.to_owned(), key: Zeroizing::new(key) })
    }

    /// The key, for the store.
    pub(super) fn secret(&self) -> Secret {
        Secret::new(self.key.as_str().to_owned())
    }

    /// Shows what would go from the file, and takes it out if the person says so.
    pub(super) fn remove(self, out: &Out) -> Left {
        let file = self.file.path().display().to_string();
        let kept = |reason: &str| Left { file: file.clone(), removed: false, reason: Some(reason.to_owned()) };
        let (lines, text) = match self.without() {
            Ok(without) => without,
            Err(reason) => return kept(&reason),
        };
        if out.is_json() || !prompt::is_terminal() {
            return kept("there was nobody to ask");
        }
        out.text(&format!("{}:\n{}", visible(&file), lines.join("\n")));
        let question = "stored. Take it out of that file? No copy of the file is kept. [Y/n]";
        match prompt::ask(question) {
            Ok(answer) if matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes") => {}
            Ok(_) | Err(_) => return kept("you said no"),
        }
        match self.file.overwrite(&text) {
            Ok(()) => Left { file, removed: true, reason: None },
            Err(failure) => kept(failure.message()),
        }
    }

    /// The file without the key, wherever it stands in it, and what that changes.
    fn without(&self) -> Result<(Vec<String>, Zeroizing<String>), String> {
        let text = self.file.text().unwrap_or_default();
        let (before, key) = (strings(text).unwrap_or_default(), self.key.as_str());
        if key.len() < SHORTEST || !text.contains(key) {
            return Err("it cannot be taken out safely".to_owned());
        }
        let without = Zeroizing::new(text.replace(key, ""));
        let after = strings(&without).unwrap_or_default();
        let expected = before.iter().map(|(at, value)| (at.as_str(), value.replace(key, "")));
        let same = before.len() == after.len()
            && expected
                .zip(&after)
                .all(|(expected, found)| (expected.0, expected.1.as_str()) == (found.0.as_str(), found.1.as_str()));
        if !same || !before.iter().any(|(at, _)| *at == self.place) {
            return Err("it cannot be taken out safely".to_owned());
        }
        let changed = before.iter().zip(&after).filter(|(before, after)| before.1 != after.1);
        let lines = changed.flat_map(|((at, old), (_, new))| {
            // another key may stand beside it
            let shown = |text: &str| visible(&mask(&Value::from(text)).to_string());
            [format!("- {at} = {}", shown(&old.replace(key, "[a key]"))), format!("+ {at} = {}", shown(new))]
        });
        Ok((lines.collect(), without))
    }
}

impl Left {
    pub(super) fn to_json(&self) -> Value {
        json!({"file": self.file, "removed": self.removed, "reason": self.reason})
    }

    /// For the person who has to do the rest.
    pub(super) fn to_text(&self, create_at: Option<&str>) -> String {
        let file = visible(&self.file);
        let first = match &self.reason {
            None => format!("the key is gone from {file}; take out the entry that used it, it does not work any more"),
            Some(reason) => format!("the key is still in {file} ({}): delete it there", visible(reason)),
        };
        let page = create_at.map_or_else(String::new, |page| format!(" ({page})"));
        format!(
            "{first}\nit could be read there until now: have the vendor replace it{page}, then connect again with the new one"
        )
    }
}

/// The key in a text: all of it, or the word of it that looks like one.
fn key_in(text: &str, fits: impl Fn(&Secret) -> bool) -> &str {
    let text = text.trim();
    let bare = match text.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        Some(_) | None => text,
    };
    let is_key = |word: &&str| fits(&Secret::new((*word).to_owned()));
    let words = || bare.split(|letter: char| letter.is_whitespace() || "=,;\"'".contains(letter));
    [bare].into_iter().find(is_key).or_else(|| words().filter(|word| !word.is_empty()).find(is_key)).unwrap_or(bare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Scene;

    const KEY: &str = "sk_live_51Hplantedplanted";

    fn found(text: &str, place: &str) -> Result<Takeover, Failure> {
        let scene = Scene::new();
        let path = scene.path().join("config");
        scene.evidence().keep_from(KEY);
        scene.evidence().planted(&path);
        std::fs::write(&path, text).unwrap();
        let pattern = crate::pattern::Pattern::new("(?:^sk_live_).*").unwrap();
        // `Secret` shows nothing, so that the test asks the credential's own check
        let spec = crate::catalog::CredentialSpec {
            scheme: crate::catalog::CredentialScheme::Bearer,
            label: "key".to_owned(),
            create_at: None,
            rights: None,
            pattern: Some(pattern),
            identity: crate::catalog::IdentityPointers::default(),
            oauth: None,
            scopes_header: None,
            warnings: Vec::new(),
        };
        Takeover::find(&path, place, |secret| crate::upstream::looks_right(&spec, secret))
    }

    #[test]
    fn a_key_is_found_at_the_place_that_doctor_prints() {
        let json =
            format!(r#"{{"a": {{"args": ["x", "--key={KEY}"], "env": {{"K": "{KEY}", "H": "Bearer {KEY}"}}}}}}"#);
        for place in ["a.args[1]", "a.env.K", "a.env.H"] {
            assert_eq!(*found(&json, place).unwrap().key, KEY, "{place}");
        }
        let toml = format!("[a.env]\nK = '{KEY}' # mine\n");
        assert_eq!(*found(&toml, "a.env.K").unwrap().key, KEY);
        for (text, place) in [
            (json.as_str(), "a.env"),
            (&json, "a.env.X"),
            (&json, ""),
            (r#"{"a": {"b": "x"}, "a.b": "y"}"#, "a.b"),
            ("{\"a\": \"\"}", "a"),
            ("{ // mine\n\"a\": \"x\" }", "a"),
        ] {
            assert!(found(text, place).is_err(), "{text} {place}");
        }
    }

    #[test]
    fn t260_the_key_goes_wherever_it_stands_and_nothing_else_does() {
        let json = format!("{{\n  \"a\": \"{KEY}\",\n  \"b\": [\"--key={KEY}\", 7],\n  \"c\": \"kept\"\n}}\n");
        let (lines, without) = found(&json, "a").unwrap().without().unwrap();
        assert_eq!(*without, "{\n  \"a\": \"\",\n  \"b\": [\"--key=\", 7],\n  \"c\": \"kept\"\n}\n");
        assert_eq!(lines, ["- a = \"[a key]\"", "+ a = \"\"", "- b[0] = \"--key=[a key]\"", "+ b[0] = \"--key=\""]);
        let toml = format!("# {KEY}\n[a]\nk = '{KEY}' # mine\n");
        assert_eq!(*found(&toml, "a.k").unwrap().without().unwrap().1, "# \n[a]\nk = '' # mine\n");
    }

    #[test]
    fn what_cannot_be_taken_out_safely_stays() {
        // the key's own letters, written otherwise
        let escaped = format!(r#"{{"a": "\u0073{}"}}"#, KEY.trim_start_matches('s'));
        assert_eq!(found(&escaped, "a").unwrap().without().unwrap_err(), "it cannot be taken out safely");
        // its name is the key too
        let named = format!(r#"{{"{KEY}": 1, "a": "{KEY}"}}"#);
        assert!(found(&named, "a").unwrap().without().is_ok());
        let short = r#"{"a": "abc", "abc": "abc"}"#;
        assert!(found(short, "a").unwrap().without().is_err());
    }
}
