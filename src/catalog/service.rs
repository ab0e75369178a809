//! One integration with all its tools. What is built in is read when something of it is first needed: most homes use one
//! or two services, and the manifests of all of them are the largest thing that a start could read.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{
    Integration, Tool,
    builtin::Embedded,
    compile::{self, Manifest},
};
use crate::{diagnostic::Source, pattern};

/// One integration; compiled, or built in and compiled when it is needed.
#[derive(Debug)]
pub(super) struct Service {
    manifest: Option<Embedded>,
    compiled: OnceLock<Option<Compiled>>,
}

/// What a manifest says.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) integration: Arc<Integration>,
    /// By wire name.
    pub(super) tools: BTreeMap<String, Arc<Tool>>,
    /// The read that shows whether a credential works.
    pub(super) verify: Option<Arc<Tool>>,
    /// The read that shows what a statement would change.
    pub(super) preview: Option<Arc<Tool>>,
}

impl Service {
    /// One that is built in.
    pub(super) fn built_in(manifest: Embedded) -> Self {
        Self { manifest: Some(manifest), compiled: OnceLock::new() }
    }

    /// One that is compiled already.
    pub(super) fn of(compiled: Compiled) -> Self {
        Self { manifest: None, compiled: OnceLock::from(Some(compiled)) }
    }

    /// Is it compiled already?
    pub(super) fn is_compiled(&self) -> bool {
        self.compiled.get().is_some()
    }

    /// What it is. A built-in manifest that has problems is as if it were not there; a test holds that none has.
    pub(super) fn compiled(&self) -> Option<&Compiled> {
        let compiled = self.compiled.get_or_init(|| {
            let manifest = self.manifest?;
            let text = manifest.text();
            let mut source = Source::new(manifest.name, &text);
            let manifest = compile::built_in(&mut source);
            pattern::forget_compiled();
            source.is_clean().then(|| Compiled::of(manifest)).flatten()
        });
        compiled.as_ref()
    }
}

impl Compiled {
    /// What a manifest without problems says.
    pub(super) fn of(manifest: Manifest) -> Option<Self> {
        let tools = manifest.tools.into_iter().map(|tool| (tool.wire_name(), Arc::new(tool))).collect();
        let [verify, preview] = [manifest.verify, manifest.preview].map(|tool| tool.map(Arc::new));
        Some(Self { integration: manifest.integration?, tools, verify, preview })
    }
}
