//! The policy of a computer, which root alone writes. It is in force at once and needs no pin: whoever can write it needs
//! no way round us.

use std::sync::Arc;

use super::{compile, layer::Layer, pin::digest_of};
use crate::{
    catalog::Catalog,
    diagnostic::{Diagnostic, Source},
    plan::Digest,
};

/// What root has to say on this computer; nothing, where there is no file of root's.
#[derive(Debug, Clone, Default)]
pub struct SystemPolicy {
    layer: Option<Arc<Layer>>,
    text: Option<String>,
    digest: Option<Digest>,
}

impl SystemPolicy {
    /// Compiles what was read of `file`, and says what is wrong with it. A file that cannot be read, or understood, denies
    /// everything: nobody knows what it would have denied. A name that no tool has is only reported.
    pub fn new(file: &str, read: Result<Option<&str>, &str>, catalog: &Catalog) -> (Self, Vec<Diagnostic>) {
        let text = match read {
            Ok(Some(text)) => text,
            Ok(None) => return (Self::default(), Vec::new()),
            Err(reason) => {
                let mut source = Source::new(file, "");
                source.problem_of_file(
                    format!("it cannot be used, so that every call is denied: {reason}"),
                    Some("only root can put it right".to_owned()),
                );
                return (Self::of(Layer::closed(file), None, reason), source.into_problems());
            }
        };
        match compile::lenient(file, text) {
            Ok(layer) => {
                let problems = compile::strict(file, text, catalog).err().unwrap_or_default();
                (Self::of(layer, Some(text), text), problems)
            }
            Err(mut problems) => {
                let mut source = Source::new(file, "");
                let help = Some("only root can put it right".to_owned());
                source.problem_of_file("it cannot be understood, so that every call is denied", help);
                problems.extend(source.into_problems());
                (Self::of(Layer::closed(file), Some(text), text), problems)
            }
        }
    }

    fn of(layer: Layer, text: Option<&str>, digested: &str) -> Self {
        let digest = Some(digest_of(digested));
        Self { layer: Some(Arc::new(layer)), text: text.map(str::to_owned), digest }
    }

    /// The file's text, where there is one that could be read.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What judges, and the digest of its text.
    pub(super) fn in_force(&self) -> Option<(&Arc<Layer>, Digest)> {
        self.layer.as_ref().zip(self.digest)
    }
}
