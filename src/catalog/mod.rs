//! What can be called: manifests compiled into integrations and tools, the schemas that agents are shown, and the way
//! of arguments into requests. Pure: no I/O, no clock, nothing async.
//!
//! A manifest is read by `reader` and turned into the types of `tool`, `param` and `request` by `compile`, which
//! collects every problem. From there a call passes `arguments` and `place`; agents see `schema`.

mod answer;
mod arguments;
pub mod builtin;
mod compile;
mod definition;
mod encode;
mod face;
pub mod mail;
mod nearest;
mod oauth;
mod own;
pub mod param;
mod place;
mod reader;
pub mod request;
mod schema;
mod search;
mod text;
mod tool;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

pub use self::{
    answer::{AnswerSpec, EVERYTHING, FIELDS, Next, NextFrom, Reading, Refusal},
    arguments::Arguments,
    builtin::{BuiltinTool, builtin_tools},
    face::{Face, PartChange, tool_digest},
    nearest::nearest,
    oauth::{EndpointSpec, OAuthSpec, WarnOn, Warning},
    param::{Param, Place, Problem, Type, Unit, input_schema},
    request::{
        AnswerKind, BodyKind, GraphqlTemplate, HttpRequest, Method, Operation, RequestTemplate, RestTemplate, Segment,
    },
    schema::REASON_MAX,
    tool::{
        CredentialScheme, CredentialSpec, Effect, IdentityPointers, Integration, Raise, Setting, Tool, UpstreamSpec,
        When,
    },
};
use crate::diagnostic::Diagnostics;

/// Everything that can be called.
#[derive(Debug)]
pub struct Catalog {
    /// By id.
    integrations: BTreeMap<String, Arc<Integration>>,
    /// By wire name.
    tools: BTreeMap<String, Arc<Tool>>,
    /// The verifying reads, by the integration's id.
    verify: BTreeMap<String, Arc<Tool>>,
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

    /// The catalog of the embedded manifests.
    ///
    /// # Errors
    /// As [`Catalog::compile`]; a test holds that there are none.
    pub fn built_in() -> Result<Self, Diagnostics> {
        Self::compile(&builtin::MANIFESTS)
    }

    /// The tool with exactly this wire name or policy name.
    pub fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        match name.split_once('.') {
            None => self.tools.get(name),
            // `a_b.c` must not find the tool `b_c` of `a`
            Some((id, tool)) => {
                let found = self.tools.get(&format!("{id}_{tool}"))?;
                (found.integration.id == id).then_some(found)
            }
        }
    }

    /// The wire name that was probably meant, where one is near.
    pub fn closest(&self, name: &str) -> Option<String> {
        let name = name.trim().to_lowercase().replace(['.', '-', ' ', '/'], "_");
        let bare = || self.tools.values().find(|tool| tool.name == name).map(|tool| tool.wire_name());
        nearest(&name, self.tools.keys().map(String::as_str)).map(str::to_owned).or_else(bare)
    }

    /// The tools that plain words describe, best first.
    pub fn search(&self, words: &str) -> impl Iterator<Item = &Arc<Tool>> {
        let index = self.index.get_or_init(|| search::Index::of(self.tools.values()));
        index.find(words).into_iter().filter_map(|name| self.tools.get(&name))
    }

    /// Every tool, sorted by wire name.
    pub fn tools(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.tools.values()
    }

    /// Every integration, sorted by id.
    pub fn integrations(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.integrations.values()
    }

    /// The integration of this id.
    pub fn integration(&self, id: &str) -> Option<&Arc<Integration>> {
        self.integrations.get(id)
    }

    /// The read that shows whether a credential works and whose it is. No agent can call it: it is not among
    /// [`Catalog::tools`].
    pub fn verify_tool(&self, integration: &str) -> Option<&Arc<Tool>> {
        self.verify.get(integration)
    }

    /// A catalog of hand-made integrations and tools; one named `verify` is its integration's verifying read.
    #[cfg(test)]
    pub(crate) fn of(
        integrations: impl IntoIterator<Item = Arc<Integration>>,
        tools: impl IntoIterator<Item = Arc<Tool>>,
    ) -> Self {
        let integrations = integrations.into_iter().map(|integration| (integration.id.clone(), integration)).collect();
        let (verify, tools): (Vec<_>, Vec<_>) = tools.into_iter().partition(|tool| tool.name == compile::VERIFY);
        Self {
            integrations,
            tools: tools.into_iter().map(|tool| (tool.wire_name(), tool)).collect(),
            verify: verify.into_iter().map(|tool| (tool.integration.id.clone(), tool)).collect(),
            own: BTreeSet::new(),
            index: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests;
