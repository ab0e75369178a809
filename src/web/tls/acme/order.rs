//! One order, from the account to the certificate.

use std::{sync::Arc, time::Duration};

use instant_acme::{
    Account, AccountBuilder, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::{pki_types::PrivateKeyDer, sign::CertifiedKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Ordered, line::Line};
use crate::files;

/// How long the authority may take to look, and to sign.
const WAIT: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));

/// `tls/account.json`: by what the authority knows us. Whoever has it can order certificates for names that lead to them,
/// and nothing else.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    credentials: AccountCredentials,
}

impl Ordered {
    /// Have we an account with the authority that is wanted?
    pub(super) fn has_account(&self) -> bool {
        self.kept().is_some()
    }

    /// Orders a certificate, writes it down, and shows it from now on.
    pub(super) async fn order(&self) -> Result<(), String> {
        let account = self.account().await?;
        let names = [Identifier::Dns(self.wanted.name.clone())];
        let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(told)?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(told)?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                _ => return Err("the authority does not want to know whether the name is ours".to_owned()),
            }
            let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
            let mut challenge = challenge.ok_or("the authority does not look by `tls-alpn-01`")?;
            self.shows.prove(Some(proof(&self.wanted.name, challenge.key_authorization().digest().as_ref())?));
            challenge.set_ready().await.map_err(told)?;
        }
        if order.poll_ready(&WAIT).await.map_err(told)? != OrderStatus::Ready {
            let why = refusal(&mut order).await.unwrap_or_else(|| "it does not say why".to_owned());
            return Err(format!("the authority looked and is not satisfied: {why}"));
        }
        let key = KeyPair::generate().map_err(unmade)?;
        let mut params = CertificateParams::new([self.wanted.name.clone()]).map_err(unmade)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(unmade)?;
        order.finalize_csr(request.der()).await.map_err(told)?;
        let chain = order.poll_certificate(&WAIT).await.map_err(told)?;
        let mut text = Zeroizing::new(key.serialize_pem());
        text.push_str(&chain);
        self.show(text.as_bytes()).map_err(|problem| format!("what the authority sent cannot be used: {problem}"))?;
        files::replace_private(&self.file(), text.as_bytes()).map_err(|error| error.to_string())
    }

    /// The account that there is, else a new one.
    async fn account(&self) -> Result<Account, String> {
        if let Some(kept) = self.kept() {
            return self.builder()?.from_credentials(kept.credentials).await.map_err(told);
        }
        let contact = self.wanted.contact.iter().map(|address| format!("mailto:{address}")).collect::<Vec<_>>();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        // the terms are agreed to by whoever writes `acme` into the settings (docs/serve.md)
        let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = self.wanted.directory.clone();
        let made = self.builder()?.create(&wanted, directory.clone(), None).await;
        let (account, credentials) = made.map_err(told)?;
        let text = serde_json::to_vec(&Kept { directory, credentials }).map(Zeroizing::new);
        let text = text.map_err(|error| error.to_string())?;
        files::replace_private(&self.account_file(), &text).map_err(|error| error.to_string())?;
        Ok(account)
    }

    fn kept(&self) -> Option<Kept> {
        let text = files::read_private(&self.account_file()).map_err(|error| tracing::warn!("{error}")).ok()??;
        let kept: Kept = serde_json::from_slice(&Zeroizing::new(text)).ok()?;
        (kept.directory == self.wanted.directory).then_some(kept)
    }

    fn account_file(&self) -> std::path::PathBuf {
        self.parts.snapshots.home().tls().join("account.json")
    }

    fn builder(&self) -> Result<AccountBuilder, String> {
        let line = Line::new(&self.wanted.directory, self.parts.snapshots.trust())?;
        Ok(Account::builder_with_http(Box::new(line)))
    }
}

/// What the authority found when it looked.
async fn refusal(order: &mut Order) -> Option<String> {
    let mut authorizations = order.authorizations();
    let mut authorization = authorizations.next().await?.ok()?;
    let state = authorization.refresh().await.ok()?;
    state.challenges.iter().find_map(|challenge| challenge.error.as_ref()?.detail.clone())
}

/// What the authority looks for: a certificate for the name, signed by itself, with the answer to its question in it.
fn proof(name: &str, answer: &[u8]) -> Result<Arc<CertifiedKey>, String> {
    let key = KeyPair::generate().map_err(unmade)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(unmade)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(answer)];
    let certificate = params.self_signed(&key).map_err(unmade)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
    // no client but the authority could read it: the extension is critical, and nobody else knows it
    let key = rustls::crypto::ring::default_provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| error.to_string())?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}

/// What the authority, or the way to it, has to say.
fn told(error: Error) -> String {
    match error {
        Error::Api(problem) => format!("the authority says no: {problem}"),
        error => error.to_string(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn unmade(error: rcgen::Error) -> String {
    format!("no certificate can be made: {error}")
}
