//! What takes the owner's word: where a factor is enrolled a code of the owner's, else a word typed at the terminal.

use super::{Failure, prompt};
use crate::{
    approval::{Approver, Claim, PersonId},
    gateway::{Gateway, Parts, Presented, ProveError},
};

/// A proof, or why there is none: who has a passkey is told of the page that takes it.
pub(super) async fn or_on_page(
    parts: &Parts,
    path: &str,
    proven: Result<Approver, ProveError>,
) -> Result<Approver, Failure> {
    let error = match proven {
        Ok(approver) => return Ok(approver),
        Err(error) => Failure::from(error),
    };
    let passkeys = parts.home.passkeys(None).await?;
    let page = parts.snapshots.current()?.page(path).filter(|_| !passkeys.is_empty());
    Err(match page {
        Some(page) => error.hint(format!("a passkey is taken at {page}")),
        None => error,
    })
}

#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Take the owner's code as one line of standard input
    #[arg(long)]
    code_stdin: bool,
    /// Do not ask, where nobody is enrolled whose code could be asked for
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// The proof, or `None` where there is nobody who could give one.
    pub(super) async fn given(
        &self,
        (gateway, parts): (&Gateway, &Parts),
        claim: Claim,
        what: &str,
        word: &str,
    ) -> Result<Option<Approver>, Failure> {
        if parts.ledger.factors().await?.is_empty() {
            self.typed(what, word)?;
            return Ok(None);
        }
        let code = prompt::code(&format!("your code, to {what}:"), self.code_stdin)?;
        Ok(Some(gateway.prove(parts, claim, &Presented::Code(&PersonId::owner(), &code)).await?))
    }

    /// A word instead of a code.
    pub(super) fn typed(&self, what: &str, word: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !prompt::is_terminal() {
            return Err(Failure::usage(format!("to {what} has to be confirmed, and there is no terminal to ask on"))
                .hint("--yes"));
        }
        if prompt::ask(&format!("to {what}, type `{word}`:"))? == word {
            return Ok(());
        }
        Err(Failure::new("nothing was changed"))
    }
}
