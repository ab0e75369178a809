//! A token that runs out becomes the next one: one renewal at a time across the processes of a home, in the store before
//! it is used, and never asked for again once the vendor has refused.
//!
//! What cannot be closed: a process that is killed after the vendor rotated its refresh token and before the store has
//! the new one loses the sign-in, and a human must connect the account again. So does an answer that is lost on the way.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    super::credential::{CredentialError, Sealed},
    OAuth, SignInError,
    grant::{Grant, Standing},
    wire::{self, TokenAnswer},
};
use crate::{canonical, clock::Millis, files::Lock, secret::Secret};

/// How long a call waits for a renewal, its own or another process's. The renewal itself runs on to its end.
const WAIT: Duration = Duration::from_secs(9);
/// How long a renewal waits for another process's.
const TURN: Duration = Duration::from_secs(30);
/// After a server that could not be asked, for so long nobody asks it again.
const COOL: Millis = 10_000;

/// Why a token is to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Why {
    /// It ends soon, or has ended.
    Due,
    /// The service answered 401 to the token of this fingerprint.
    Rejected([u8; 32]),
}

/// What a process knows of one account's sign-in.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// One renewal at a time within the process; the lock file does it across processes.
    turn: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// A renewed sign-in that the store did not take, and the fingerprint of the refresh token that it replaces there.
    unsaved: Option<([u8; 32], Arc<Secret>)>,
    /// Not before this moment of the boot clock, and why.
    cooling: Option<(Millis, String)>,
    /// When storing it was last tried, by the boot clock.
    tried: Option<Millis>,
    /// A fresh token that the service rejects all the same: renewing it again would change nothing.
    stubborn: Option<[u8; 32]>,
}

impl Place {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OAuth {
    /// The sealed secret as it can be used now: `stored`, unless it holds a sign-in that has to be renewed first.
    pub(in super::super) async fn current(
        self: &Arc<Self>,
        name: &str,
        stored: Arc<Secret>,
    ) -> Result<Arc<Secret>, CredentialError> {
        let (sealed, unsaved) = self.newest(name, stored)?;
        let opened = Sealed::read(&sealed)?;
        let Some(grant) = &opened.grant else { return Ok(sealed) };
        match grant.standing(self.clock.now().wall) {
            Standing::Over => Err(opened.signed_out()),
            Standing::Due { over } => match self.renew(name, Why::Due).await {
                // slow, or somebody else's turn: until it ends the old token does
                Err(CredentialError::NotRenewed(_)) if !over => Ok(sealed),
                renewed => renewed,
            },
            Standing::Fresh => {
                if unsaved {
                    self.save_again(name);
                }
                Ok(sealed)
            }
        }
    }

    /// May a read go on with this secret, which was opened a moment ago?
    pub(in super::super) fn is_fresh(&self, sealed: &Secret) -> bool {
        let now = self.clock.now().wall;
        Sealed::read(sealed)
            .is_ok_and(|opened| opened.grant.as_ref().is_none_or(|grant| grant.standing(now) == Standing::Fresh))
    }

    /// Renews, or finds that somebody has. The work goes on when whoever waits for it leaves: a rotated token must reach
    /// the store.
    pub(in super::super) async fn renew(
        self: &Arc<Self>,
        name: &str,
        why: Why,
    ) -> Result<Arc<Secret>, CredentialError> {
        let (oauth, owned) = (Arc::clone(self), name.to_owned());
        let work = self.tasks.spawn(async move { oauth.take_turn(&owned, why).await });
        match tokio::time::timeout(WAIT, work).await {
            Ok(Ok(renewed)) => renewed,
            Ok(Err(_)) => Err(CredentialError::NotRenewed("the renewal was stopped".to_owned())),
            Err(_) => Err(CredentialError::NotRenewed("it takes longer than a call waits; try again".to_owned())),
        }
    }

    /// The service rejects this token though it was renewed a moment ago: what is wrong is not its age.
    pub(in super::super) fn note_rejected(&self, name: &str, fingerprint: [u8; 32]) {
        self.place(name).memory().stubborn = Some(fingerprint);
    }

    /// Would renewing this token change nothing?
    pub(in super::super) fn is_stubborn(&self, name: &str, fingerprint: [u8; 32]) -> bool {
        self.place(name).memory().stubborn == Some(fingerprint)
    }

    /// Waits until no renewal is under way, for at most `patience`.
    pub async fn drain(&self, patience: Duration) {
        self.tasks.close();
        // what then still runs ends with the process
        drop(tokio::time::timeout(patience, self.tasks.wait()).await);
    }

    /// Alone with the account's secret, in this process and among all of the home's.
    async fn turn<'a>(
        &self,
        name: &str,
        place: &'a Place,
    ) -> Result<(tokio::sync::MutexGuard<'a, ()>, Lock), CredentialError> {
        let turn = place.turn.lock().await;
        let path = self.lock_path(name);
        let locked = tokio::task::spawn_blocking(move || Lock::exclusive(&path, TURN)).await;
        let locked = locked.map_err(|_| CredentialError::NotRenewed("the renewal was stopped".to_owned()))?;
        Ok((turn, locked.map_err(|error| CredentialError::NotRenewed(error.to_string()))?))
    }

    async fn take_turn(&self, name: &str, why: Why) -> Result<Arc<Secret>, CredentialError> {
        let place = self.place(name);
        let _alone = self.turn(name, &place).await?;
        // somebody may have renewed it, or a human replaced it, while we waited
        let stored = self
            .store
            .get(name)
            .await?
            .ok_or_else(|| CredentialError::NotRenewed("the account was disconnected".to_owned()))?;
        // what the store has in the place of whatever this process may not be able to store
        let over =
            Sealed::read(&stored)?.grant.as_ref().and_then(|grant| grant.refresh_token.as_deref()).map(fingerprint);
        let (sealed, _) = self.newest(name, Arc::new(stored))?;
        let opened = Sealed::read(&sealed)?;
        let Some(grant) = &opened.grant else { return Ok(sealed) };
        let now = self.clock.now();
        let standing = grant.standing(now.wall);
        let usable = match (standing, why) {
            (Standing::Over, _) => return Err(opened.signed_out()),
            (Standing::Fresh, Why::Due) => return Ok(sealed),
            (Standing::Fresh | Standing::Due { .. }, Why::Rejected(rejected)) => {
                if opened.fingerprint() != rejected {
                    return Ok(sealed);
                }
                false
            }
            (Standing::Due { over }, Why::Due) => !over,
        };
        let Some(refresh_token) = &grant.refresh_token else { return Err(opened.signed_out()) };
        let cooling = place.memory().cooling.clone().filter(|(until, _)| now.boot < *until);
        let result = match cooling {
            Some((_, reason)) => Err(SignInError::Unavailable(reason)),
            None => self.ask(&opened, grant, refresh_token).await,
        };
        match result {
            Ok(answer) => self.keep((name, over), &opened, grant, &answer).await,
            Err(SignInError::Refused { code, words }) => {
                let said = words.map_or_else(|| code.clone(), |words| format!("{code}: {words}"));
                Err(self.refuse((name, over), opened, &said).await)
            }
            Err(error @ (SignInError::Unavailable(_) | SignInError::NoWay | SignInError::Stopped)) => {
                let reason = match error {
                    SignInError::Unavailable(reason) => reason,
                    other => other.to_string(),
                };
                let mut memory = place.memory();
                if memory.cooling.as_ref().is_none_or(|(until, _)| now.boot >= *until) {
                    tracing::warn!(account = name, "a sign-in could not be renewed: {reason}");
                    memory.cooling = Some((self.clock.now().boot.saturating_add(COOL), reason.clone()));
                }
                drop(memory);
                if usable { Ok(sealed) } else { Err(CredentialError::NotRenewed(reason)) }
            }
        }
    }

    async fn ask(&self, opened: &Sealed, grant: &Grant, token: &str) -> Result<TokenAnswer, SignInError> {
        let asked = async {
            let answer = wire::refresh(&self.http, &grant.token_endpoint, &grant.client(), token).await?;
            let facts = answer.facts();
            Ok((answer, facts))
        };
        self.recorded(&opened.account, "oauth_renew", &grant.token_endpoint, asked).await
    }

    /// Into the store first, then into use. A store that does not take it is said loudly, and this process goes on.
    async fn keep(
        &self,
        (name, over): (&str, Option<[u8; 32]>),
        opened: &Sealed,
        grant: &Grant,
        answer: &TokenAnswer,
    ) -> Result<Arc<Secret>, CredentialError> {
        let mut renewed = grant.renewed(answer, self.clock.now().wall);
        if let Some(scope) = grant.widened(answer) {
            renewed.refused = Some(format!("it came back with the scope {scope}, which nobody agreed to"));
        }
        let sealed = match opened.with_sign_in(&answer.access, &renewed) {
            Ok(sealed) => Arc::new(sealed),
            // no header can carry the new token: what was given with it, and is the only one that counts now, is kept
            Err(error) => {
                let now = self.clock.now().wall;
                (renewed.renew_at, renewed.expires_at) = (Some(now), Some(now));
                let sealed = Arc::new(opened.with_sign_in(&opened.secret, &renewed)?);
                self.place(name).memory().unsaved = over.map(|over| (over, Arc::clone(&sealed)));
                self.save(name, &sealed).await;
                return Err(CredentialError::NotRenewed(format!("its new token cannot be used: {error}")));
            }
        };
        self.place(name).memory().unsaved = over.map(|over| (over, Arc::clone(&sealed)));
        self.save(name, &sealed).await;
        self.place(name).memory().cooling = None;
        match &renewed.refused {
            None => Ok(sealed),
            Some(reason) => {
                tracing::error!(account = name, "a renewed sign-in is not used: {reason}; {}", opened.signed_out());
                Err(opened.signed_out())
            }
        }
    }

    /// Writes that the vendor refused, so that no process asks again before a human has signed in.
    async fn refuse(&self, (name, over): (&str, Option<[u8; 32]>), opened: Sealed, said: &str) -> CredentialError {
        let signed_out = opened.signed_out();
        tracing::error!(account = name, "{signed_out}: {said}");
        match opened.refused(said) {
            Ok(sealed) => {
                let sealed = Arc::new(sealed);
                self.place(name).memory().unsaved = over.map(|over| (over, Arc::clone(&sealed)));
                self.save(name, &sealed).await;
            }
            Err(error) => tracing::error!(account = name, "the refusal could not be kept: {error}"),
        }
        signed_out
    }

    /// Tries once more to store what only this process has, now and then, while calls go on.
    fn save_again(self: &Arc<Self>, name: &str) {
        let place = self.place(name);
        let now = self.clock.now().boot;
        let mut memory = place.memory();
        if memory.tried.is_some_and(|tried| now < tried.saturating_add(COOL)) {
            return;
        }
        memory.tried = Some(now);
        drop(memory);
        let (oauth, name) = (Arc::clone(self), name.to_owned());
        let saving = async move {
            let place = oauth.place(&name);
            let Ok(_alone) = oauth.turn(&name, &place).await else { return };
            let Ok(Some(stored)) = oauth.store.get(&name).await else { return };
            if let Ok((sealed, true)) = oauth.newest(&name, Arc::new(stored)) {
                oauth.save(&name, &sealed).await;
            }
        };
        drop(self.tasks.spawn(saving));
    }

    /// Puts into the store what only this process has.
    async fn save(&self, name: &str, sealed: &Arc<Secret>) {
        match self.store.put(name, super::super::credential::copy(sealed)).await {
            Ok(()) => {
                let place = self.place(name);
                let mut memory = place.memory();
                if memory.unsaved.as_ref().is_some_and(|(_, unsaved)| Arc::ptr_eq(unsaved, sealed)) {
                    memory.unsaved = None;
                }
            }
            Err(error) => tracing::error!(
                account = name,
                "A RENEWED SIGN-IN COULD NOT BE STORED: {error}; this process goes on with it, others cannot, and when \
                 it ends the account must be connected again; put the store right now"
            ),
        }
    }

    /// The store's copy, or what this process could not store, for as long as the store has what that replaces.
    fn newest(&self, name: &str, stored: Arc<Secret>) -> Result<(Arc<Secret>, bool), CredentialError> {
        let place = self.place(name);
        let mut memory = place.memory();
        let Some((over, unsaved)) = memory.unsaved.clone() else { return Ok((stored, false)) };
        let opened = Sealed::read(&stored)?;
        let same = Sealed::read(&unsaved).is_ok_and(|unsaved| unsaved.account == opened.account);
        let token = opened.grant.as_ref().and_then(|grant| grant.refresh_token.as_ref());
        if same && token.is_some_and(|token| fingerprint(token) == over) {
            return Ok((unsaved, true));
        }
        // a human connected it again, or another process has newer ones
        memory.unsaved = None;
        Ok((stored, false))
    }
}

/// Tells one token from another without being one.
pub(in super::super) fn fingerprint(token: &str) -> [u8; 32] {
    canonical::sha256("agentport/token/1", &[token.as_bytes()])
}
