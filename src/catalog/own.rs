//! The user's own manifests beside the built-in ones. A file with problems is left out whole, and so are two files that
//! describe one integration: which of them would count is nothing to guess. An id that is built in stays built in.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{
    Catalog, Tool,
    compile::{self, Manifest},
    prefix,
    service::{Compiled, Service},
};
use crate::diagnostic::{Diagnostic, Source};

impl Catalog {
    /// This catalog with the integrations of further files, each given as the name that messages show and its text; and
    /// the problems of those that were left out.
    pub fn with_own<'a>(&self, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<Diagnostic>) {
        let read: Vec<(Source<'_>, Manifest)> = files
            .into_iter()
            .map(|(name, text)| {
                let mut source = Source::new(name, text);
                let manifest = compile::manifest(&mut source);
                (source, manifest)
            })
            .collect();
        let mut claims: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (source, manifest) in &read {
            // also of a file that is left out for something else: it may be the one that was meant
            if let Some(id) = &manifest.id {
                claims.entry(id.value.clone()).or_default().push(source.name());
            }
        }
        let mut catalog = Self { services: self.services.clone(), own: self.own.clone(), index: OnceLock::new() };
        let mut problems = Vec::new();
        for (mut source, manifest) in read {
            if let Some(id) = &manifest.id {
                let help = "give this one another id".to_owned();
                if self.services.contains_key(&prefix(&id.value)) {
                    let message = format!("`{}` is the id of a built-in integration", id.value);
                    source.problem(id.span.clone(), message, help);
                } else if let Some(other) =
                    claims.get(&id.value).into_iter().flatten().find(|name| **name != source.name())
                {
                    let message =
                        format!("`{}` is the id of another integration, in {other}; both are left out", id.value);
                    source.problem(id.span.clone(), message, help);
                }
            }
            if source.is_clean() {
                catalog.own.extend(manifest.integration.iter().map(|integration| integration.id.clone()));
                catalog.take_in(manifest);
            }
            problems.extend(source.into_problems());
        }
        (catalog, problems)
    }

    /// Is the integration of this id the user's own?
    pub fn is_own(&self, integration: &str) -> bool {
        self.own.contains(integration)
    }

    /// The user's own tools, sorted by wire name.
    pub fn own_tools(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.own.iter().flat_map(|id| self.tools_of(id))
    }

    /// Adds what a file without problems says.
    pub(super) fn take_in(&mut self, manifest: Manifest) {
        let Some(compiled) = Compiled::of(manifest) else { return };
        self.services.insert(prefix(&compiled.integration.id), Arc::new(Service::of(compiled)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(id: &str, tool: &str) -> String {
        format!(
            "schema = 1\n[integration]\nid = \"{id}\"\ntitle = \"T\"\n[upstream.rest]\norigin = \"https://api.example.com\"\n\
             body = \"json\"\n[credential.bearer]\nlabel = \"key\"\nverify = \"GET /me\"\n[[tool]]\nname = \"{tool}\"\n\
             title = \"Look\"\ndescription = \"Looks.\"\neffect = \"read\"\ntoolset = \"core\"\nrequest = \"GET /things\"\n"
        )
    }

    fn with(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let (catalog, problems) = Catalog::built_in().with_own(files.iter().copied());
        let own = catalog.own_tools().map(|tool| tool.policy_name()).collect();
        assert!(catalog.find("stripe.create_refund").is_some());
        (own, problems.iter().map(|problem| format!("{}: {}", problem.file, problem.message)).collect())
    }

    #[test]
    fn a_file_is_added_beside_what_is_built_in() {
        let text = manifest("own", "look");
        assert_eq!(with(&[("tools/own.toml", &text)]), (vec!["own.look".to_owned()], vec![]));
        let (catalog, _) = Catalog::built_in().with_own([("own.toml", text.as_str())]);
        assert!(catalog.is_own("own") && !catalog.is_own("stripe"));
        assert!(catalog.verify_tool("own").is_some());
        assert_eq!(catalog.search("look").next().map(|tool| tool.policy_name()).as_deref(), Some("own.look"));
    }

    #[test]
    fn a_file_with_problems_is_left_out_whole_and_the_rest_is_there() {
        let (good, bad) =
            (manifest("own", "look"), manifest("bad", "look").replace("\"core\"\nrequest", "\"core\"\nrequests"));
        let (own, problems) = with(&[("bad.toml", &bad), ("good.toml", &good)]);
        assert_eq!(own, ["own.look"]);
        assert!(problems.iter().all(|problem| problem.starts_with("bad.toml: ")) && !problems.is_empty());
    }

    #[test]
    fn t260_an_id_that_is_built_in_is_not_taken_over() {
        let (own, problems) = with(&[("mine.toml", &manifest("stripe", "create_refund"))]);
        assert_eq!(
            (own, problems),
            (vec![], vec!["mine.toml: `stripe` is the id of a built-in integration".to_owned()])
        );
    }

    #[test]
    fn t260_of_two_files_with_one_id_neither_counts() {
        let (one, two) = (manifest("own", "look"), manifest("own", "see"));
        let broken = two.replace("effect = \"read\"", "effect = \"none\"");
        for second in [two, broken] {
            let (own, problems) =
                with(&[("a.toml", &one), ("b.toml", &second), ("c.toml", &manifest("other", "look"))]);
            assert_eq!(own, ["other.look"]);
            let clashes = problems.iter().filter(|problem| problem.contains("both are left out")).collect::<Vec<_>>();
            assert_eq!(clashes.len(), 2, "{problems:?}");
            assert!(clashes[0].starts_with("a.toml: ") && clashes[0].contains("in b.toml"), "{problems:?}");
        }
    }
}
