//! Passkeys (`WebAuthn`, level 3): what a browser hands over, checked against what was asked of it.
//!
//! A passkey signs a challenge that names the claim: for a yes the hash of the plan's digest, the approval and a nonce. So
//! a signature is good for one request, once, and says later, without this program, which key said yes to what.
//!
//! INVARIANT: without user verification (a finger, a face, a PIN) nothing is proven; the origin is compared as a whole,
//! its port included. There is no attestation: which maker a key is from decides nothing here.

mod authenticator;
mod key;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::authenticator::AuthenticatorData;
pub use self::key::PublicKey;
use super::{Approver, Claim, FactorId, PersonId, Proof};
use crate::canonical;

/// An enrolled passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Which factor it is.
    pub factor: FactorId,
    /// Whose.
    pub person: PersonId,
    /// What its browser calls it.
    pub credential: String,
    /// What checks its signatures.
    pub key: PublicKey,
    /// May it be copied to other devices, as password managers do?
    pub backup_eligible: bool,
    /// The origin that it was enrolled at, port included: it signs for no other.
    pub origin: String,
}

/// A passkey as its browser made it, not enrolled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// What its browser calls it: base64url.
    pub credential: String,
    /// What checks its signatures.
    pub key: PublicKey,
    /// How often it has signed; many keys always say 0.
    pub counter: u32,
    /// May it be copied?
    pub backup_eligible: bool,
    /// Was it copied?
    pub backed_up: bool,
    /// The model, as far as it says so.
    pub aaguid: String,
    /// Where it was enrolled.
    pub origin: String,
}

/// What a browser hands over when a passkey signed. Each part is base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Assertion {
    /// Which passkey.
    pub id: String,
    /// Where, who was seen, how often.
    pub authenticator_data: String,
    /// What the browser says of the page.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// Over both.
    pub signature: String,
}

/// What a browser hands over when it made a passkey. Each part is base64url.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Registration {
    /// Where, who was seen, which key.
    pub authenticator_data: String,
    /// What the browser says of the page.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
}

/// A signature that was checked, with everything that is needed to check it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What it signed.
    pub assertion: Assertion,
    /// The nonce in the challenge.
    pub nonce: String,
    /// What checked it.
    pub key: PublicKey,
    /// How often the key has signed.
    pub counter: u32,
    /// Was the key copied?
    pub backed_up: bool,
}

/// Why a passkey proved nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Not in the form that browsers use.
    #[error("what the browser handed over cannot be read")]
    Form,
    /// Not what it was asked for.
    #[error("the passkey was not used for this, or not in time")]
    Challenge,
    /// Another page.
    #[error("the passkey was used on a page of another address")]
    Origin,
    /// Only touched.
    #[error("the passkey did not check who you are: use one with a PIN, a finger or a face")]
    NotVerified,
    /// Not ours.
    #[error("this passkey is not enrolled")]
    Unknown,
    /// Not signed by that key.
    #[error("the passkey's signature is not right")]
    Signature,
    /// A key of a kind that we do not know.
    #[error("this kind of passkey is not supported")]
    Kind,
}

/// The challenge of a claim: what the passkey signs.
pub fn challenge(claim: &Claim, nonce: &str) -> String {
    let (kind, parts) = claim.parts();
    let parts: Vec<&[u8]> =
        std::iter::once(kind.as_bytes()).chain(parts.iter().map(String::as_bytes)).chain([nonce.as_bytes()]).collect();
    data_encoding::BASE64URL_NOPAD.encode(&canonical::sha256("agentport/passkey/challenge", &parts))
}

/// The relying party's id: the host of an origin, without its port.
pub fn relying_party(origin: &str) -> Option<String> {
    match url::Url::parse(origin).ok()?.host()? {
        url::Host::Domain(host) => Some(host.to_owned()),
        // an address is no name: browsers refuse passkeys there
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    }
}

/// What the browser says of the page that asked. It may say more, by the specification.
#[derive(Debug, Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

impl ClientData {
    fn check(bytes: &[u8], kind: &str, challenge: &str, origin: &str) -> Result<(), PasskeyError> {
        let data: Self = serde_json::from_slice(bytes).map_err(|_| PasskeyError::Form)?;
        if data.r#type != kind || data.challenge != challenge {
            return Err(PasskeyError::Challenge);
        }
        if data.origin != origin || data.cross_origin { Err(PasskeyError::Origin) } else { Ok(()) }
    }
}

impl Assertion {
    /// From a form; `None` if it is not what browsers hand over.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The challenge that it says it signed. Nothing is checked by that.
    pub fn challenge(&self) -> Option<String> {
        let data: ClientData = serde_json::from_slice(&decode(&self.client_data_json)?).ok()?;
        Some(data.challenge)
    }

    /// Was this signed by `key` for this claim and nonce, at this origin, by a person that the key has verified?
    fn check(
        &self,
        claim: &Claim,
        nonce: &str,
        key: &PublicKey,
        origin: &str,
    ) -> Result<AuthenticatorData, PasskeyError> {
        let client = decode(&self.client_data_json).ok_or(PasskeyError::Form)?;
        let bytes = decode(&self.authenticator_data).ok_or(PasskeyError::Form)?;
        let signature = decode(&self.signature).ok_or(PasskeyError::Form)?;
        ClientData::check(&client, "webauthn.get", &challenge(claim, nonce), origin)?;
        let data = AuthenticatorData::read(&bytes)?;
        data.check(origin)?;
        if key.signed(&signed_bytes(&bytes, &client), &signature) { Ok(data) } else { Err(PasskeyError::Signature) }
    }
}

/// Proves a person for one claim by what a passkey signed. The ledger deletes the challenge as it burns the proof, and
/// takes a counter only if it goes up.
///
/// # Errors
/// Why it proves nothing.
pub fn prove_by_passkey(
    claim: Claim,
    assertion: &Assertion,
    passkey: &Passkey,
    nonce: &str,
    origin: &str,
) -> Result<Approver, PasskeyError> {
    if assertion.id != passkey.credential {
        return Err(PasskeyError::Unknown);
    }
    if passkey.origin != origin {
        return Err(PasskeyError::Origin);
    }
    let data = assertion.check(&claim, nonce, &passkey.key, origin)?;
    if data.backup_eligible() != passkey.backup_eligible {
        // a key is made with it and keeps it
        return Err(PasskeyError::Signature);
    }
    let signed = Signed {
        assertion: assertion.clone(),
        nonce: nonce.to_owned(),
        key: passkey.key.clone(),
        counter: data.counter,
        backed_up: data.backed_up(),
    };
    let (person, factor) = (passkey.person.clone(), Some(passkey.factor.clone()));
    Ok(Approver { claim, person, factor, proof: Proof::Passkey(Box::new(signed)) })
}

impl Registration {
    /// From a form; `None` if it is not what browsers hand over.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The passkey that a browser made for this challenge at this origin.
    ///
    /// # Errors
    /// Why there is none to enrol.
    pub fn check(&self, challenge: &str, origin: &str) -> Result<NewPasskey, PasskeyError> {
        let client = decode(&self.client_data_json).ok_or(PasskeyError::Form)?;
        let bytes = decode(&self.authenticator_data).ok_or(PasskeyError::Form)?;
        ClientData::check(&client, "webauthn.create", challenge, origin)?;
        let data = AuthenticatorData::read(&bytes)?;
        data.check(origin)?;
        let attested = data.attested.as_ref().ok_or(PasskeyError::Form)?;
        Ok(NewPasskey {
            credential: data_encoding::BASE64URL_NOPAD.encode(&attested.credential),
            key: attested.key.clone(),
            counter: data.counter,
            backup_eligible: data.backup_eligible(),
            backed_up: data.backed_up(),
            aaguid: canonical::hex(&attested.aaguid),
            origin: origin.to_owned(),
        })
    }
}

impl Signed {
    /// As the decision's record keeps it.
    pub fn to_json(&self) -> Value {
        json!({
            "kind": "passkey",
            "assertion": self.assertion,
            "nonce": self.nonce,
            "public_key": self.key,
            "counter": self.counter,
            "backed_up": self.backed_up,
        })
    }
}

/// Checks a signature that a record keeps: was this claim signed, by the key that the record names, at the origin that the
/// browser wrote down, by a person that the key had verified?
///
/// # Errors
/// What is wrong with it.
pub fn check_recorded(proof: &Value, claim: &Claim) -> Result<PublicKey, PasskeyError> {
    #[derive(Deserialize)]
    struct Kept {
        assertion: Assertion,
        nonce: String,
        public_key: PublicKey,
    }
    let kept = Kept::deserialize(proof).map_err(|_| PasskeyError::Form)?;
    let client = decode(&kept.assertion.client_data_json).ok_or(PasskeyError::Form)?;
    let data: ClientData = serde_json::from_slice(&client).map_err(|_| PasskeyError::Form)?;
    kept.assertion.check(claim, &kept.nonce, &kept.public_key, &data.origin)?;
    Ok(kept.public_key)
}

/// What an authenticator signs.
fn signed_bytes(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    [authenticator_data, sha2::Sha256::digest(client_data).as_slice()].concat()
}

/// Base64url of one spelling.
fn decode(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}
