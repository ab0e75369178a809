//! A new factor: the seed goes into the secret store, then the ledger takes the factor in, or the seed goes again.

use super::{Gateway, Parts, seed_name};
use crate::{
    approval::{Approver, FactorId, PasskeyError, RecoveryCodes, RecoveryHash, Seed, passkey::Registration},
    ledger::{
        LedgerError, Sqlite,
        sqlite::{EnrolmentToken, SessionToken},
    },
    secret::StoreError,
};

/// Why nothing was enrolled. For the human.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Not the code that the app would show. By a link: how many more it takes.
    #[error("that code does not belong to this factor; check that the clocks of this computer and of the phone agree")]
    Wrong(u32),
    /// Not a passkey that could be enrolled.
    #[error("{0}; nothing was enrolled")]
    Passkey(#[from] PasskeyError),
    /// It may not be enrolled any more: the factors changed meanwhile, the code of the old one was used, or the link has
    /// ended.
    #[error("the factors changed meanwhile; nothing was enrolled")]
    Ended,
    /// The seed cannot be kept.
    #[error("the secret of the new factor cannot be stored: {0}")]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No randomness.
    #[error("the operating system gave no random bytes; nothing was enrolled")]
    Random(#[from] getrandom::Error),
}

/// What came of a set-up link.
pub struct ByLink {
    /// To be shown once.
    pub recovery: RecoveryCodes,
    /// The browser is signed in.
    pub session: SessionToken,
    /// The approval that the person came for.
    pub next: Option<String>,
}

impl Gateway {
    /// Enrols on the terminal: the first factor needs no approver, every later one does.
    ///
    /// # Errors
    /// Why nothing was enrolled.
    pub async fn enrol(
        &self,
        parts: &Parts,
        seed: &Seed,
        digits: &str,
        approver: Option<Approver>,
    ) -> Result<(FactorId, RecoveryCodes), EnrolError> {
        let now = self.clock.now();
        let step = seed.matching_step(digits, now).ok_or(EnrolError::Wrong(0))?;
        let (id, recovery, ()) = keep(parts, seed, async |id, hashes| {
            Ok(parts.home.enrol(id, step, hashes, approver, now).await?.then_some(()))
        })
        .await?;
        Ok((id, recovery))
    }

    /// Enrols by a set-up link, uses the link up and signs the browser in. The try is counted, durably, before the code
    /// is looked at.
    ///
    /// # Errors
    /// Why nothing was enrolled.
    pub async fn enrol_by_link(
        &self,
        parts: &Parts,
        token: &EnrolmentToken,
        digits: &str,
    ) -> Result<ByLink, EnrolError> {
        let now = self.clock.now();
        let home = &parts.home;
        let enrolment = home.try_enrolment(token, now).await?.ok_or(EnrolError::Ended)?;
        let step = enrolment.seed.matching_step(digits, now).ok_or(EnrolError::Wrong(enrolment.tries_left))?;
        let kept =
            keep(parts, &enrolment.seed, async |id, hashes| home.finish_enrolment(token, id, step, hashes, now).await)
                .await;
        if let Err(EnrolError::Store(_)) = &kept {
            home.forgive_enrolment(token, now).await?;
        }
        let (_, recovery, session) = kept?;
        Ok(ByLink { recovery, session, next: enrolment.next })
    }

    /// Enrols a passkey by a set-up link, in the same way. `origin` is where the site is, port included.
    ///
    /// # Errors
    /// Why nothing was enrolled.
    pub async fn enrol_passkey_by_link(
        &self,
        parts: &Parts,
        token: &EnrolmentToken,
        registration: &Registration,
        origin: &str,
    ) -> Result<ByLink, EnrolError> {
        let now = self.clock.now();
        let home = &parts.home;
        let enrolment = home.try_enrolment(token, now).await?.ok_or(EnrolError::Ended)?;
        let passkey = registration.check(&enrolment.challenge, origin)?;
        let (id, recovery) = (Sqlite::fresh_factor_id()?, RecoveryCodes::generate()?);
        let finished = home.finish_enrolment_by_passkey(token, id, passkey, recovery.hashes(), now).await?;
        let session = finished.ok_or(EnrolError::Ended)?;
        Ok(ByLink { recovery, session, next: enrolment.next })
    }
}

/// The seed is in the store before the factor is in the ledger, so that no factor is without one; and under an id of
/// its own, so that whoever comes second removes only what is theirs.
async fn keep<T>(
    parts: &Parts,
    seed: &Seed,
    enrol: impl AsyncFnOnce(FactorId, Vec<RecoveryHash>) -> Result<Option<T>, LedgerError>,
) -> Result<(FactorId, RecoveryCodes, T), EnrolError> {
    let (id, recovery) = (Sqlite::fresh_factor_id()?, RecoveryCodes::generate()?);
    let name = seed_name(&id);
    let _shared = parts.share_secrets().await?;
    parts.secrets.put(&name, seed.to_secret()).await?;
    match enrol(id.clone(), recovery.hashes()).await {
        Ok(Some(enrolled)) => Ok((id, recovery, enrolled)),
        refused => {
            // nothing half-done stays
            drop(parts.secrets.delete(&name).await);
            refused?;
            Err(EnrolError::Ended)
        }
    }
}
