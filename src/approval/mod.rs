//! Who says yes: factors, codes, and the proof that a human decided.
//!
//! The only minter of [`Approver`]. Nothing here reads or writes a store: codes and enrolled factors come in, a proof
//! goes out, and `ledger` burns it in the transaction in which it decides.
//!
//! ```compile_fail,E0451
//! use agentport::approval::{Approver, Claim, FactorId, Proof};
//! # use agentport::approval::PersonId;
//! let (person, factor) = (PersonId("p".into()), Some(FactorId("f".into())));
//! let forged = Approver { claim: Claim::SignIn, person, factor, proof: Proof::Totp { step: 1 } };
//! ```

mod code;
pub mod passkey;
mod person;
mod recovery;
mod totp;

use serde::{Deserialize, Serialize};

pub use self::{
    code::Code,
    passkey::{Assertion, Passkey, PasskeyError, prove_by_passkey},
    person::{Person, PersonId, PersonName},
    recovery::{RecoveryCodes, RecoveryHash},
    totp::{Seed, otpauth_uri},
};
use crate::{clock::Now, plan::Digest};

/// Names one enrolled factor: `fac_…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactorId(pub String);

/// One of several approvals that are decided on one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticked {
    /// `apr_…`
    pub approval: String,
    /// The plan and the facts that the human saw.
    pub digest: Digest,
}

/// What a code is given for. A proof holds for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Running this plan of this approval.
    Approve {
        /// `apr_…`
        approval: String,
        /// The plan that the human saw.
        digest: Digest,
    },
    /// The same, and giving this grant with it.
    Grant {
        /// `apr_…`
        approval: String,
        /// The plan that the human saw.
        digest: Digest,
        /// The rule that is granted.
        grant: Digest,
    },
    /// Running each of these plans, ticked on one page.
    Together(Vec<Ticked>),
    /// Putting this policy text in force.
    Policy(Digest),
    /// Adding a factor of one's own.
    AddFactor,
    /// Removing this one.
    RemoveFactor(FactorId),
    /// Adding a person of this name, who may say yes.
    AddPerson(PersonName),
    /// Removing this one.
    RemovePerson(PersonId),
    /// Refusing every call.
    Lock,
    /// Ending that.
    Unlock,
    /// Letting an agent in, or giving it another token.
    Agents,
    /// Shutting this agent out.
    ShutOut(String),
    /// Storing a credential for this account, `integration/name`.
    Connect(String),
    /// Taking this account away.
    Disconnect(String),
    /// Taking the secrets elsewhere: into a backup, or into another store.
    Secrets,
    /// Putting another home in the place of this one, or none.
    Home,
    /// Opening a session, which reads and denies.
    SignIn,
}

impl Claim {
    /// Codes count once for signing in and once for deciding; so do wrong ones.
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::SignIn => Purpose::SignIn,
            Self::Approve { .. }
            | Self::Grant { .. }
            | Self::Together(_)
            | Self::Policy(_)
            | Self::AddFactor
            | Self::RemoveFactor(_)
            | Self::AddPerson(_)
            | Self::RemovePerson(_)
            | Self::Agents
            | Self::ShutOut(_)
            | Self::Connect(_)
            | Self::Disconnect(_)
            | Self::Lock
            | Self::Unlock
            | Self::Secrets
            | Self::Home => Purpose::Decide,
        }
    }

    /// What names it, part by part: what a passkey signs, beside a nonce.
    fn parts(&self) -> (&'static str, Vec<String>) {
        match self {
            Self::Approve { approval, digest } => ("approve", vec![digest.to_string(), approval.clone()]),
            Self::Grant { approval, digest, grant } => {
                ("grant", vec![digest.to_string(), approval.clone(), grant.to_string()])
            }
            Self::Together(ticked) => {
                let both = |one: &Ticked| [one.digest.to_string(), one.approval.clone()];
                ("together", ticked.iter().flat_map(both).collect())
            }
            Self::Policy(digest) => ("policy", vec![digest.to_string()]),
            Self::AddFactor => ("add factor", Vec::new()),
            Self::RemoveFactor(factor) => ("remove factor", vec![factor.0.clone()]),
            Self::AddPerson(name) => ("add person", vec![name.to_string()]),
            Self::RemovePerson(person) => ("remove person", vec![person.0.clone()]),
            Self::Lock => ("lock", Vec::new()),
            Self::Unlock => ("unlock", Vec::new()),
            Self::Agents => ("agents", Vec::new()),
            Self::ShutOut(agent) => ("shut_out", vec![agent.clone()]),
            Self::Connect(account) => ("connect", vec![account.clone()]),
            Self::Disconnect(account) => ("disconnect", vec![account.clone()]),
            Self::Secrets => ("secrets", Vec::new()),
            Self::Home => ("home", Vec::new()),
            Self::SignIn => ("sign_in", Vec::new()),
        }
    }
}

/// The two separate uses of a code, each with its own counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Opening a session.
    SignIn,
    /// Approving, applying, changing factors.
    Decide,
}

impl Purpose {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Decide => "decide",
        }
    }
}

/// An enrolled factor, with what is needed to check a code of this purpose.
#[derive(Debug)]
pub struct Enrolled {
    /// Which one.
    pub id: FactorId,
    /// Its seed, out of the secret store.
    pub seed: Seed,
    /// The last accepted time step of this purpose.
    pub last_step: Option<u64>,
}

/// What was shown, to be burnt by the ledger in the deciding transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A code of this time step (RFC 6238, 30 seconds); the ledger takes only a later one next time.
    Totp {
        /// Unix time divided by 30.
        step: u64,
    },
    /// A recovery code; the ledger deletes it.
    Recovery {
        /// Its hash, as stored.
        hash: RecoveryHash,
    },
    /// What a passkey signed; the ledger deletes its challenge, and keeps the rest for whoever checks it later.
    Passkey(Box<passkey::Signed>),
}

impl Proof {
    /// How much it proves.
    pub fn strength(&self) -> Strength {
        match self {
            Self::Totp { .. } | Self::Recovery { .. } => Strength::Any,
            Self::Passkey(_) => Strength::Passkey,
        }
    }
}

/// The least that a rule takes, weakest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Any enrolled factor.
    #[default]
    Any,
    /// A passkey, which has seen its person and is bound to the very request.
    Passkey,
}

/// A human, proven for one claim. Consumed by the ledger.
#[derive(Debug)]
pub struct Approver {
    claim: Claim,
    person: PersonId,
    factor: Option<FactorId>,
    proof: Proof,
}

impl Approver {
    /// What it was given for.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Who it is.
    pub fn person(&self) -> &PersonId {
        &self.person
    }

    /// The factor that was used; a recovery code is nobody's but its person's.
    pub fn factor(&self) -> Option<&FactorId> {
        self.factor.as_ref()
    }

    /// What the ledger burns.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Checks a code of a person for one claim: against each app enrolled, from one step before now to one after and later
/// than the last accepted one; or, if it has the shape of one, as a recovery code, whose hash the ledger looks up as it
/// burns it.
///
/// `None`: the code is wrong. The caller has already counted the attempt.
pub fn prove(claim: Claim, code: &Code, person: &PersonId, enrolled: &[Enrolled], now: Now) -> Option<Approver> {
    let (factor, proof) = match code {
        Code::Totp(digits) => enrolled.iter().find_map(|factor| {
            let step = factor.seed.matching_step(digits, now)?;
            let fresh = factor.last_step.is_none_or(|last| step > last);
            fresh.then(|| (Some(factor.id.clone()), Proof::Totp { step }))
        })?,
        Code::Recovery(code) => (None, Proof::Recovery { hash: RecoveryHash::of(code) }),
    };
    Some(Approver { claim, person: person.clone(), factor, proof })
}
