//! From the text of a manifest to an integration and its tools, or to every problem of it.
//!
//! INVARIANT: whenever a function in here returns `None`, it has noted a problem.

mod answer;
mod ask;
mod graphql;
mod mail;
mod oauth;
mod param;
mod raise;
mod refusal;
mod rest;
mod service;
mod setting;
mod sql;
mod tool;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use toml::de::DeTable;

pub(super) use self::oauth::is_scope;
use self::service::Described;
#[cfg(test)]
pub(super) use self::{sql::PREVIEW, tool::VERIFY};
use super::{
    Catalog, CredentialScheme, CredentialSpec, Effect, Integration, Tool, parallel,
    reader::{At, Table},
};
use crate::{
    diagnostic::{Diagnostics, Source},
    pattern,
};

/// Compiles manifests into a catalog; all problems of all of them at once.
pub(super) fn catalog(files: &[(&str, &str)]) -> Result<Catalog, Diagnostics> {
    catalog_of(files, manifest)
}

/// The same of manifests that come with the program.
pub(super) fn built_in_catalog(files: &[(&str, &str)]) -> Result<Catalog, Diagnostics> {
    catalog_of(files, built_in)
}

fn catalog_of(files: &[(&str, &str)], read: fn(&mut Source<'_>) -> Manifest) -> Result<Catalog, Diagnostics> {
    let mut catalog = Catalog { services: BTreeMap::new(), own: BTreeSet::new(), index: OnceLock::new() };
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for ((name, _), (mut source, manifest)) in files.iter().zip(read_all(files, read)) {
        // Ids have no `_`, so tools of different integrations cannot share a wire name.
        if let Some(id) = &manifest.id {
            match seen.get(&id.value) {
                Some(other) => source.problem(
                    id.span.clone(),
                    format!("`{}` is the id of another integration, in {other}", id.value),
                    "give this one another id".to_owned(),
                ),
                None => drop(seen.insert(id.value.clone(), name)),
            }
        }
        if source.is_clean() {
            catalog.take_in(Manifest { id: None, ..manifest });
        }
        problems.extend(source.into_problems());
    }
    pattern::forget_compiled();
    if problems.is_empty() { Ok(catalog) } else { Err(Diagnostics(problems)) }
}

/// Reads files that know nothing of each other, several at a time; what they say is in their order.
fn read_all<'f>(
    files: &[(&'f str, &'f str)],
    read: fn(&mut Source<'_>) -> Manifest,
) -> impl Iterator<Item = (Source<'f>, Manifest)> {
    let slots: Vec<_> = files.iter().map(|file| (file, OnceLock::new())).collect();
    parallel::each(&slots, |((name, text), slot)| {
        let mut source = Source::new(name, text);
        let manifest = read(&mut source);
        // each is worked on once, so that nothing is there yet
        drop(slot.set((source, manifest)));
    });
    slots.into_iter().filter_map(|(_, slot)| slot.into_inner())
}

/// What one file says, as far as it could be read.
#[derive(Default)]
pub(super) struct Manifest {
    pub(super) id: Option<At<String>>,
    pub(super) integration: Option<Arc<Integration>>,
    pub(super) tools: Vec<Tool>,
    pub(super) verify: Option<Tool>,
    pub(super) preview: Option<Tool>,
}

/// Reads one file that comes with the program. Whoever approves a call of it has to know whether it can be undone.
pub(super) fn built_in(source: &mut Source<'_>) -> Manifest {
    let manifest = manifest(source);
    let silent = |tool: &&Tool| tool.strongest_effect() > Effect::Read && tool.ask.undo.is_none();
    for tool in manifest.tools.iter().filter(silent) {
        let help = "say `undo = \"none\"` in its `[tool.ask]`, or how it is undone".to_owned();
        source.problem_of_file(format!("`{}` does not say whether it can be undone", tool.policy_name()), help);
    }
    manifest
}

/// Reads one file; what is wrong with it is noted in `source`.
pub(super) fn manifest(source: &mut Source<'_>) -> Manifest {
    let (document, errors) = DeTable::parse_recoverable(source.text());
    if !errors.is_empty() {
        for error in errors {
            match error.span() {
                Some(span) => source.problem(span, error.message(), None),
                None => source.problem_of_file(error.message(), None),
            }
        }
        return Manifest::default();
    }
    // Problems of the file as a whole, such as a missing table, point at its first byte.
    let mut top = Table::new("the manifest", 0..0, document.get_ref());
    schema(source, &mut top);
    let heading = service::integration(source, &mut top);
    let (requests, upstream) = rest::upstream(source, &mut top);
    let credential = service::credential(source, &mut top, &requests, upstream.as_ref());
    let id = heading.as_ref().and_then(|heading| heading.id.clone());
    if let (Some(upstream), Some(credential)) = (&upstream, &credential)
        && let CredentialScheme::Header { name, .. } = &credential.spec.scheme
        && upstream.headers().iter().any(|(header, _)| header == name)
    {
        let help = "remove it from `headers`".to_owned();
        source.problem_of_file(format!("the header `{name}` carries the credential and is in `headers` too"), help);
    }
    let mut verify = None;
    let integration = match (heading.and_then(service::Heading::whole), upstream, credential) {
        (Some((id, title, docs, settings)), Some(upstream), Some(credential)) => {
            verify = Some(credential.verify);
            Some(Arc::new(Integration { id, title, docs, upstream, credential: credential.spec, settings }))
        }
        _ => None,
    };
    if let Some(integration) = &integration {
        requests.check_prefix(source, integration);
    }
    let scope = tool::Scope {
        id: id.as_ref().map(|id| id.value.as_str()),
        integration: integration.as_ref(),
        requests: &requests,
    };
    let tools = tool::tools(source, &mut top, &scope);
    let verify = integration
        .as_ref()
        .zip(verify)
        .map(|(integration, template)| tool::verify(integration, template, requests.refusal()));
    let preview = sql::preview(&tools);
    top.finish(source);
    Manifest { id, integration, tools, verify, preview }
}

fn schema(source: &mut Source<'_>, top: &mut Table<'_>) {
    match top.take("schema") {
        None => top.missing(source, "schema", "begin the file with `schema = 1`"),
        Some(entry) => {
            if entry.json(source).is_some_and(|schema| schema.value != 1) {
                source.problem(entry.value.span, "`schema` must be 1", "this version reads `schema = 1`".to_owned());
            }
        }
    }
}

/// The credential with the read that verifies it.
struct Credential {
    spec: CredentialSpec,
    verify: super::RequestTemplate,
}

#[cfg(test)]
mod tests;
