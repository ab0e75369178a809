//! Sign-ins with OAuth 2.0: from a person's consent to tokens, and from a token that runs out to the next one.
//!
//! INVARIANT: a refresh token goes to the token endpoint that was sealed beside it when a human signed in, and nowhere
//! else; no manifest, setting or argument of later can change where. Each request to an authorization server is a record
//! of the caller `agentport` before it is sent. A renewed sign-in is in the secret store before it is used.
//!
//! `endpoint` says where an authorization server is, `grant` what it gave, `wire` how it is asked, `sign_in` is the way
//! through the browser (pure: the terminal and the site drive it), `renew` keeps what is stored usable.

mod endpoint;
mod grant;
mod renew;
mod sign_in;
mod wire;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use self::renew::Place;
pub use self::{
    endpoint::{Endpoint, Server, ServerError},
    grant::{Client, KnownSecret, SignedIn},
    sign_in::{Authorization, Code, Returned},
    wire::{Device, SignInError},
};
pub(super) use self::{
    grant::Grant,
    renew::{Why, fingerprint},
};
use super::{
    Inspected,
    http::{Http, Limits},
};
use crate::{
    account::Account,
    call::CallKey,
    catalog::{AnswerKind, Effect, HttpRequest, Method},
    clock::Clock,
    files::Lock,
    ledger::{Admission, Admit, FailureKind, Ledger, LedgerError, Outcome},
    plan::Plan,
    policy::Evaluation,
    secret::SecretStore,
    trust::Trust,
};

/// How long a command waits for a process that is just renewing the same sign-in.
const PATIENCE: Duration = Duration::from_secs(35);

/// The client of authorization servers, of one home.
pub struct OAuth {
    ledger: Arc<dyn Ledger>,
    store: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    http: Http,
    /// `run/`, where locks lie.
    run: PathBuf,
    places: Mutex<BTreeMap<String, Arc<Place>>>,
    /// Renewals, which run to their end whoever waits for them.
    tasks: TaskTracker,
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OAuth").finish_non_exhaustive()
    }
}

impl OAuth {
    /// A client over the home's ledger, store and `run/` folder.
    pub fn new(ledger: Arc<dyn Ledger>, store: Arc<dyn SecretStore>, clock: Arc<dyn Clock>, run: PathBuf) -> Self {
        let limits = Limits { body: 256 * 1024, read: Duration::from_secs(25), ..Limits::DEFAULT };
        Self { ledger, store, clock, http: Http::new(limits), run, places: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// The same with what the settings say about who is believed.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { http: self.http.trusting(trust), ..self }
    }

    /// The tokens for a code that the browser brought back.
    ///
    /// # Errors
    /// The server gave none, or the request could not be recorded.
    pub async fn redeem(
        &self,
        account: &Account,
        server: &Server,
        client: &Client,
        code: Code,
    ) -> Result<SignedIn, SignInError> {
        let redeemed = async {
            let answer = wire::redeem(&self.http, &server.token, client, &code).await?;
            let facts = answer.facts();
            Ok((SignedIn::new(answer, server, client, code.scopes(), self.clock.now().wall), facts))
        };
        self.recorded(account, "oauth_sign_in", &server.token, redeemed).await
    }

    /// Asks for a device's code, which the person types in at the vendor's page.
    ///
    /// # Errors
    /// The server gave none, or the request could not be recorded.
    pub async fn start_device(
        &self,
        account: &Account,
        server: &Server,
        client: &Client,
        scope: &str,
    ) -> Result<Device, SignInError> {
        let endpoint = server.device.as_ref().ok_or(SignInError::NoWay)?;
        let started = async {
            let device = wire::start_device(&self.http, endpoint, client, scope).await?;
            let facts = json!({"expires_in": device.expires_in().as_secs()});
            Ok((device, facts))
        };
        self.recorded(account, "oauth_device", endpoint, started).await
    }

    /// Asks for the tokens until the person has typed the code in, or `stop` resolves.
    ///
    /// # Errors
    /// The person said no or did not come, the server gave no tokens, or the request could not be recorded.
    pub async fn await_device(
        &self,
        account: &Account,
        server: &Server,
        client: &Client,
        (device, scopes): (&Device, Vec<String>),
        stop: impl Future<Output = ()>,
    ) -> Result<SignedIn, SignInError> {
        let awaited = async {
            let answer = tokio::select! {
                answer = wire::await_device(&self.http, &server.token, client, device) => answer?,
                () = stop => return Err(SignInError::Stopped),
            };
            let facts = answer.facts();
            Ok((SignedIn::new(answer, server, client, scopes, self.clock.now().wall), facts))
        };
        self.recorded(account, "oauth_sign_in", &server.token, awaited).await
    }

    /// Gives a sign-in back to the vendor. `None`: it is none, or the vendor has no place for that.
    pub async fn revoke(&self, stored: &Inspected) -> Option<Result<(), SignInError>> {
        let sealed = stored.sealed();
        let grant = sealed.grant.as_ref()?;
        let endpoint = grant.revoke_endpoint.as_ref()?;
        let token = grant.refresh_token.as_deref().unwrap_or(sealed.secret());
        let revoked = async {
            wire::revoke(&self.http, endpoint, &grant.client(), token).await?;
            Ok(((), Value::Null))
        };
        Some(self.recorded(&sealed.account, "oauth_revoke", endpoint, revoked).await)
    }

    /// Alone with an account's secret: no process renews it meanwhile, so that none puts an old sign-in over a new one.
    ///
    /// # Errors
    /// Another process does not let go.
    pub async fn alone(&self, name: &str) -> Result<Lock, String> {
        let path = self.lock_path(name);
        let locked = tokio::task::spawn_blocking(move || Lock::exclusive(&path, PATIENCE)).await;
        locked.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        let digest = crate::canonical::sha256("agentport/renew/1", &[name.as_bytes()]);
        self.run.join(format!("renew_{}", crate::canonical::hex(digest.get(..8).unwrap_or_default())))
    }

    fn place(&self, name: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(name.to_owned()).or_default())
    }

    /// A request to an authorization server, written down before it is sent and settled after. What it gave is told
    /// without any token.
    async fn recorded<T>(
        &self,
        account: &Account,
        tool: &str,
        endpoint: &Endpoint,
        send: impl Future<Output = Result<(T, Value), SignInError>>,
    ) -> Result<T, SignInError> {
        let asked = Account { origin: endpoint.origin().clone(), ..account.clone() };
        let request = HttpRequest {
            method: Method::Post,
            path: endpoint.path().to_owned(),
            query: String::new(),
            headers: vec![
                ("accept".to_owned(), "application/json".to_owned()),
                ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ],
            body: None,
            idempotency: None,
            answer: AnswerKind::Plain,
        };
        let plan = Plan::own(&asked, tool, Effect::Read, request);
        let admit = Admit {
            key: CallKey::own(plan.integration(), tool, plan.account()),
            summary: format!("Sign-in at {}", endpoint.origin()),
            plan: Arc::new(plan),
            evaluation: Evaluation::own_read(),
            findings: None,
            expires_in: 0,
            max_pending: 0,
            hourly: 0,
        };
        let unrecorded = |error: &LedgerError| SignInError::Unavailable(format!("it could not be recorded: {error}"));
        let permit = match self.ledger.admit(admit, self.clock.now()).await.map_err(|error| unrecorded(&error))? {
            Admission::Permit(permit) => permit,
            Admission::Pending(_) | Admission::Settled(_) | Admission::Denied(_) | Admission::NoFactor => {
                return Err(SignInError::Unavailable("it was not admitted".to_owned()));
            }
        };
        let result = send.await;
        let outcome = match &result {
            Ok((_, facts)) => {
                Outcome::Succeeded { result: facts.clone(), http_status: Some(200), truncated: false, next: None }
            }
            Err(error) => Outcome::Failed {
                kind: match error {
                    SignInError::Refused { .. } | SignInError::NoWay => FailureKind::Credential,
                    SignInError::Unavailable(_) | SignInError::Stopped => FailureKind::Network,
                },
                http_status: None,
                message: error.to_string(),
                body: None,
            },
        };
        // the tokens are stored by whoever asked for them, recorded or not: losing them would help nobody
        if let Err(error) = self.ledger.settle(permit.record(), &outcome, self.clock.now()).await {
            tracing::error!(record = permit.record(), "an outcome could not be recorded: {error}");
        }
        result.map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests;
