//! What can be called: manifests compiled into integrations and tools, the schemas that agents are shown, and the way
//! of arguments into requests. Pure: no I/O, no clock, nothing async.
//!
//! A manifest is read by `reader` and turned into the types of `tool`, `param` and `request` by `compile`, which
//! collects every problem. From there a call passes `arguments` and `place`; agents see `schema`.

mod answer;
mod arguments;
pub mod ask;
pub mod builtin;
mod compile;
mod definition;
mod encode;
mod face;
mod folder;
pub mod mail;
mod nearest;
mod oauth;
mod own;
mod parallel;
pub mod param;
mod place;
mod reader;
pub mod request;
mod schema;
mod search;
mod service;
mod statement;
mod text;
mod tool;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use self::service::{Compiled, Service};
pub use self::{
    answer::{AnswerSpec, EVERYTHING, FIELDS, Next, NextFrom, Reading, Refusal},
    arguments::Arguments,
    ask::Ask,
    builtin::{BuiltinTool, builtin_tools},
    face::{Face, PartChange, tool_digest},
    nearest::nearest,
    oauth::{EndpointSpec, OAuthSpec, WarnOn, Warning},
    param::{Param, Place, Problem, Type, Unit, input_schema},
    request::{
        AnswerKind, BodyKind, GraphqlTemplate, HttpRequest, Method, Operation, RequestTemplate, RestTemplate, Segment,
        SqlOperation, SqlRequest, SqlTemplate,
    },
    schema::REASON_MAX,
    tool::{
        CredentialScheme, CredentialSpec, Definition, Effect, IdentityPointers, Integration, Raise, Setting, Tool,
        UpstreamSpec, When,
    },
};
use crate::diagnostic::Diagnostics;

/// Everything that can be called.
#[derive(Debug)]
pub struct Catalog {
    /// By what the wire names of their tools begin with: `stripe_`. An id has no `_`, so no name begins with two of them.
    services: BTreeMap<String, Arc<Service>>,
    /// The ids of integrations that are not built in.
    own: BTreeSet<String>,
    /// Made at the first search.
    index: OnceLock<search::Index>,
}

/// May this text be asked for as a scope?
pub fn is_scope(text: &str) -> bool {
    compile::is_scope(text)
}

impl Catalog {
    /// Compiles manifests, each given as the name that messages show and its text.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn compile(files: &[(&str, &str)]) -> Result<Self, Diagnostics> {
        compile::catalog(files)
    }

    /// The catalog of the embedded manifests; each is compiled when something of it is first needed.
    pub fn built_in() -> Self {
        Self::with_services(builtin::MANIFESTS.map(|manifest| (manifest.id, Service::built_in(manifest))))
    }

    /// What is wrong with the embedded manifests: nothing, as a test holds.
    ///
    /// # Errors
    /// All problems of all of them.
    pub fn check_built_in() -> Result<(), Diagnostics> {
        let texts = builtin::MANIFESTS.map(|manifest| (manifest.name, manifest.text()));
        compile::built_in_catalog(&texts.each_ref().map(|(name, text)| (*name, text.as_str()))).map(drop)
    }

    /// The tool with exactly this wire name or policy name.
    pub fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        let (id, tool) = name.split_once(['.', '_'])?;
        self.service(id)?.tools.get(&format!("{id}_{tool}"))
    }

    /// The wire name that was probably meant, where one is near.
    pub fn closest(&self, name: &str) -> Option<String> {
        let name = name.trim().to_lowercase().replace(['.', '-', ' ', '/'], "_");
        let bare = || self.tools().find(|tool| tool.name == name).map(|tool| tool.wire_name());
        let names = self.compiled().flat_map(|service| service.tools.keys());
        nearest(&name, names.map(String::as_str)).map(str::to_owned).or_else(bare)
    }

    /// The tools that plain words describe, best first.
    pub fn search(&self, words: &str) -> impl Iterator<Item = &Arc<Tool>> {
        let index = self.index.get_or_init(|| search::Index::of(self.tools()));
        index.find(words).into_iter().filter_map(|name| self.find(&name))
    }

    /// Every tool, sorted by wire name.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<Tool>> + Clone {
        self.compiled().flat_map(|service| service.tools.values())
    }

    /// The tools of one integration, sorted by wire name.
    pub fn tools_of(&self, integration: &str) -> impl Iterator<Item = &Arc<Tool>> {
        self.service(integration).into_iter().flat_map(|service| service.tools.values())
    }

    /// Every integration, in the order of its tools.
    pub fn integrations(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.compiled().map(|service| &service.integration)
    }

    /// The integration of this id.
    pub fn integration(&self, id: &str) -> Option<&Arc<Integration>> {
        self.service(id).map(|service| &service.integration)
    }

    /// The read that shows whether a credential works and whose it is. No agent can call it: it is not among
    /// [`Catalog::tools`].
    pub fn verify_tool(&self, integration: &str) -> Option<&Arc<Tool>> {
        self.service(integration)?.verify.as_ref()
    }

    /// The read that shows what a statement would change, of a database. No agent can call it either.
    pub fn preview_tool(&self, integration: &str) -> Option<&Arc<Tool>> {
        self.service(integration)?.preview.as_ref()
    }

    fn with_services<'a>(services: impl IntoIterator<Item = (&'a str, Service)>) -> Self {
        let services = services.into_iter().map(|(id, service)| (prefix(id), Arc::new(service))).collect();
        Self { services, own: BTreeSet::new(), index: OnceLock::new() }
    }

    fn service(&self, id: &str) -> Option<&Compiled> {
        self.services.get(&prefix(id))?.compiled()
    }

    fn compiled(&self) -> impl Iterator<Item = &Compiled> + Clone {
        let waiting: Vec<_> = self.services.values().filter(|service| !service.is_compiled()).collect();
        parallel::each(&waiting, |service| {
            service.compiled();
        });
        self.services.values().filter_map(|service| service.compiled())
    }

    /// What is built in, less `[tool.ask]` and what follows it: for tests that count what is sent.
    #[cfg(test)]
    pub(crate) fn without_previews() -> Self {
        let texts = builtin::MANIFESTS.map(|manifest| {
            let text = manifest.text();
            let tools = text.split("[[tool]]\n").map(|tool| tool.split("[tool.ask]\n").next().unwrap_or_default());
            (manifest.name, tools.collect::<Vec<_>>().join("[[tool]]\n"))
        });
        Self::compile(&texts.each_ref().map(|(name, text)| (*name, text.as_str()))).unwrap_or_else(|_| Self::built_in())
    }

    /// A catalog of hand-made integrations and tools; one named `verify` is its integration's verifying read.
    #[cfg(test)]
    pub(crate) fn of(
        integrations: impl IntoIterator<Item = Arc<Integration>>,
        tools: impl IntoIterator<Item = Arc<Tool>>,
    ) -> Self {
        let mut services: BTreeMap<String, Compiled> = integrations
            .into_iter()
            .map(|integration| {
                let id = integration.id.clone();
                (id, Compiled { integration, tools: BTreeMap::new(), verify: None, preview: None })
            })
            .collect();
        for tool in tools {
            let id = &tool.integration.id;
            let Some(service) = services.get_mut(id) else { continue };
            if tool.name == compile::VERIFY {
                service.verify = Some(tool);
            } else if tool.name == compile::PREVIEW {
                service.preview = Some(tool);
            } else {
                service.tools.insert(tool.wire_name(), tool);
            }
        }
        let services =
            services.into_iter().map(|(id, service)| (prefix(&id), Arc::new(Service::of(service)))).collect();
        Self { services, own: BTreeSet::new(), index: OnceLock::new() }
    }
}

fn prefix(id: &str) -> String {
    format!("{id}_")
}

#[cfg(test)]
mod tests;
