//! Sending a permitted plan: once, to its end, whoever leaves meanwhile, with its outcome in the ledger.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::{Gateway, Parts, internal};
use crate::{
    account::{Account, Identity},
    call::{Call, Caller},
    catalog::{Effect, RequestTemplate},
    ledger::{Admission, Admit, FailureKind, Outcome, Permit},
    plan::Plan,
    policy::Evaluation,
    reply::Reply,
    secret::Secret,
    upstream::{Credential, CredentialError, Credentials, filter::mask_secrets},
};

/// How many plans may be on the wire at once.
const AT_ONCE: usize = 64;
/// What this process is sending now.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) tasks: TaskTracker,
    slots: Arc<Semaphore>,
    on_the_wire: Arc<Mutex<BTreeSet<String>>>,
    /// An outcome could not be written: take no more calls.
    wounded: Arc<AtomicBool>,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            tasks: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            on_the_wire: Arc::default(),
            wounded: Arc::default(),
        }
    }
}

/// A place on the wire.
#[derive(Debug)]
pub(super) struct Slot(#[expect(dead_code, reason = "given back when dropped")] OwnedSemaphorePermit);

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Others have them all; some time later there is one.
    Busy,
    /// An outcome could not be recorded: there is none any more.
    Wounded,
}

impl Sending {
    pub(super) fn slot(&self) -> Result<Slot, Full> {
        if self.wounded.load(Ordering::SeqCst) {
            return Err(Full::Wounded);
        }
        Arc::clone(&self.slots).try_acquire_owned().map(Slot).map_err(|_| Full::Busy)
    }
}

/// What the verifying read of a fresh credential said.
#[derive(Debug, Clone, PartialEq)]
pub struct Connected {
    /// Whose account it is.
    pub identity: Identity,
    /// How the read ended.
    pub outcome: Outcome,
    /// What the vendor says that the credential may do, where it says so in a header.
    pub scopes: Vec<String>,
}

impl Gateway {
    /// Sends, then settles. A task of its own: it runs to its end even if nobody waits for it.
    pub(super) async fn execute(
        &self,
        parts: &Arc<Parts>,
        permit: Permit,
        credential: Credential,
        slot: Slot,
    ) -> Outcome {
        let (parts, clock) = (Arc::clone(parts), Arc::clone(&self.clock));
        let (wire, wounded) = (Arc::clone(&self.sending.on_the_wire), Arc::clone(&self.sending.wounded));
        let effect = permit.plan().effect();
        let task = self.sending.tasks.spawn(async move {
            let record = permit.record().to_owned();
            lock(&wire).insert(record.clone());
            let upstream = Arc::clone(parts.upstreams.of(permit.plan().request()));
            // its own task, so that a panic in there is an outcome here, where the build unwinds
            let sent = tokio::spawn(async move { upstream.send(&permit, credential).await }).await;
            let outcome = without_secrets(&parts, &record, sent.unwrap_or_else(|_| lost(effect)));
            let mut result = parts.ledger.settle(&record, &outcome, clock.now()).await;
            for _ in 0..2 {
                if result.is_ok() {
                    break;
                }
                result = parts.ledger.settle(&record, &outcome, clock.now()).await;
            }
            if let Err(error) = result {
                // it stays noted as being sent by this process: whoever comes after settles it as unknown
                tracing::error!(%record, "an outcome could not be recorded, no more calls are taken: {error}");
                wounded.store(true, Ordering::SeqCst);
            }
            lock(&wire).remove(&record);
            drop(slot);
            outcome
        });
        task.await.unwrap_or_else(|_| lost(effect))
    }

    /// Opens the credential of a plan that may run now; where it cannot, nothing was admitted.
    pub(super) async fn open_credential(&self, parts: &Parts, call: &Call, plan: &Plan) -> Result<Credential, Reply> {
        let opened = match plan.effect() {
            Effect::Read => parts.credentials.open_for_read(plan, call.account()).await,
            Effect::Write | Effect::Destructive => parts.credentials.open(plan, call.account()).await,
        };
        match opened {
            Ok(credential) => Ok(credential),
            Err(error) => {
                tracing::warn!(tool = plan.tool(), "{error}");
                self.note_refusal(parts, call.caller(), plan.tool(), "credential", json!(plan.account())).await;
                Err(Reply::failed(FailureKind::Credential, error.agent_message()))
            }
        }
    }

    /// The cheap read that proves a fresh credential, recorded and admitted like every other read.
    ///
    /// # Errors
    /// The credential is not usable, or the call could not be recorded; in words for the human.
    pub async fn verify_account(self: &Arc<Self>, account: &Account, sealed: &Secret) -> Result<Connected, String> {
        let parts = self.parts().ok_or("there is no home yet; run `agentport init`")?;
        let snapshot = parts.snapshots.current().map_err(|error| error.to_string())?;
        let tool = snapshot
            .catalog
            .verify_tool(&account.integration)
            .ok_or_else(|| format!("`{}` has no read to verify with; use --no-verify", account.integration))?;
        let call = Call::parse(tool, Map::new(), &Caller::agentport(), &[Arc::new(account.clone())])
            .map_err(|error| error.to_string())?;
        let plan = Plan::build(&call).map_err(|_| "the verifying read cannot be built".to_owned())?;
        let mut credential =
            Credentials::from_sealed(sealed, &plan).map_err(|error: CredentialError| error.to_string())?;
        let spec = &tool.integration.credential;
        let header = spec.scopes_header.as_ref().map(|header| credential.watch(header));
        let slot = self.sending.slot().map_err(|_| "no call can be sent now; try again")?;
        let admit = Admit {
            summary: format!("Verify the {} credential", tool.integration.title),
            plan: Arc::new(plan),
            key: call.key(),
            evaluation: Evaluation::own_read(),
            findings: None,
            expires_in: 0,
            max_pending: 0,
            hourly: 0,
        };
        let admission = parts.ledger.admit(admit, self.clock.now()).await.map_err(|error| error.to_string())?;
        let Admission::Permit(permit) = admission else { return Err("the verifying read was not admitted".to_owned()) };
        let outcome = spoken(self.execute(&parts, permit, credential, slot).await, &tool.integration.id);
        let pointers = &tool.integration.credential.identity;
        let found = |pointer: &Option<String>| -> Option<Value> {
            match &outcome {
                Outcome::Succeeded { result, .. } => result.pointer(pointer.as_deref()?).cloned(),
                Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
            }
        };
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let identity = Identity {
            id: found(&pointers.id).and_then(text),
            name: found(&pointers.name).and_then(text),
            live: found(&pointers.live).and_then(|value| value.as_bool()),
        };
        // a database says it in its answer
        let said = found(&Some("/scopes".to_owned())).filter(|_| matches!(tool.request, RequestTemplate::Sql(_)));
        let said: Vec<String> = said.and_then(|said| serde_json::from_value(said).ok()).unwrap_or_default();
        let scopes = header.and_then(|header| header.value()).unwrap_or_default();
        let scopes = said
            .into_iter()
            .chain(scopes.split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned))
            .collect();
        Ok(Connected { identity, outcome, scopes })
    }

    /// Waits until nothing is being sent any more, for at most `patience`; what then still runs is settled as unknown.
    /// A sign-in that is being renewed is waited for too: its next token must reach the store.
    pub async fn drain(&self, patience: Duration) {
        let begun = tokio::time::Instant::now();
        self.sending.tasks.close();
        let sent = tokio::time::timeout(patience, self.sending.tasks.wait()).await.is_ok();
        let left: Vec<String> = lock(&self.sending.on_the_wire).iter().cloned().collect();
        let Some(parts) = self.opened_parts() else { return };
        if !sent {
            for record in left {
                let message = "agentport was stopped while it waited for the answer; it may have happened".to_owned();
                let outcome = Outcome::Unknown { http_status: None, message };
                if let Err(error) = parts.ledger.settle(&record, &outcome, self.clock.now()).await {
                    internal(&error);
                }
            }
        }
        if let Some(oauth) = parts.credentials.oauth() {
            oauth.drain(patience.saturating_sub(begun.elapsed())).await;
        }
    }
}

/// A page answers 200 to everything, and proves no credential: what does must be JSON, or nothing where the status says so.
fn spoken(outcome: Outcome, integration: &str) -> Outcome {
    let (came, http_status) = match &outcome {
        Outcome::Succeeded { result: Value::Object(_) | Value::Array(_), .. }
        | Outcome::Succeeded { result: Value::Null, http_status: Some(204), .. }
        | Outcome::Failed { .. }
        | Outcome::Unknown { .. } => return outcome,
        Outcome::Succeeded { result, http_status, truncated, .. } => {
            let came = match result {
                Value::String(text) if text.trim_start().starts_with('<') => "a page",
                Value::String(_) => "text",
                Value::Null if *truncated => "what cannot be read",
                Value::Null => "nothing",
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => "a single value",
            };
            (came, *http_status)
        }
    };
    let status = http_status.map_or_else(String::new, |status| format!(" {status}"));
    let message = format!(
        "`{integration}` answered{status} with {came} where JSON says whose credential it is; look at the address"
    );
    Outcome::Failed { kind: FailureKind::Upstream, http_status, message, body: None }
}

/// As the settings say; where they cannot be read, as they would say by themselves.
fn without_secrets(parts: &Parts, record: &str, outcome: Outcome) -> Outcome {
    if parts.snapshots.current().is_ok_and(|snapshot| !snapshot.settings.mask_secrets) {
        return outcome;
    }
    let (outcome, masked) = mask_secrets(outcome);
    if masked > 0 {
        tracing::warn!(record, masked, "the answer held what looks like secrets; they were cut out");
    }
    outcome
}

fn lock(wire: &Mutex<BTreeSet<String>>) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sender itself broke.
fn lost(effect: Effect) -> Outcome {
    match effect {
        Effect::Read => Outcome::Failed {
            kind: FailureKind::Internal,
            http_status: None,
            message: "agentport failed while reading; nothing was changed".to_owned(),
            body: None,
        },
        Effect::Write | Effect::Destructive => Outcome::Unknown {
            http_status: None,
            message: "agentport failed while sending; it may have happened".to_owned(),
        },
    }
}
