//! The user's own manifests: `tools/*.toml` of the home, as bytes that are compared before anything is compiled again.

use std::path::Path;

use crate::{
    catalog::Catalog,
    diagnostic::{Diagnostic, Source},
    files,
};

/// Far more than the longest of the built-in ones has.
const LARGEST: u64 = 1024 * 1024;
/// More services of one's own than anybody describes; each is read at every look.
const MOST: usize = 64;

/// What was read: the files' names as people know them, each with its text or why it cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifests(Vec<(String, Result<String, String>)>);

impl Manifests {
    /// Reads the folder. What others could have written is not used, links are not followed.
    pub fn read(folder: &Path) -> Self {
        let names = match files::list_guarded(folder) {
            Ok(names) => names.unwrap_or_default(),
            Err(error) => return Self(vec![("tools".to_owned(), Err(error.to_string()))]),
        };
        let is_manifest = |name: &std::ffi::OsString| {
            let bytes = name.as_encoded_bytes();
            bytes.ends_with(b".toml") && !bytes.starts_with(b".")
        };
        let manifests = names.into_iter().filter(is_manifest).enumerate().filter_map(|(index, name)| {
            let shown = format!("tools/{}", name.to_string_lossy());
            if index >= MOST {
                return Some((shown, Err(format!("there are more than {MOST} manifests; this one is too many"))));
            }
            // one that has gone since it was listed is as if it had not been there
            let text = files::read_guarded_up_to(&folder.join(&name), LARGEST).transpose()?;
            Some((shown, text.map_err(|error| error.to_string())))
        });
        Self(manifests.collect())
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `built_in` with those that are in order, and the problems of those that are not.
    pub fn beside(&self, built_in: &Catalog) -> (Catalog, Vec<Diagnostic>) {
        let texts = self.0.iter().filter_map(|(name, text)| Some((name.as_str(), text.as_deref().ok()?)));
        let (catalog, mut problems) = built_in.with_own(texts);
        for (name, text) in &self.0 {
            if let Err(reason) = text {
                let mut source = Source::new(name, "");
                source.problem_of_file(reason, None);
                problems.extend(source.into_problems());
            }
        }
        (catalog, problems)
    }
}
