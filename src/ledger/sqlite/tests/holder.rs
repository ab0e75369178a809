//! The owner with a passkey as the only factor.

use super::*;
use crate::{
    approval::{
        Approver, Claim,
        passkey::{Passkey, Registration},
        prove_by_passkey,
    },
    authenticator::Authenticator,
};

/// A home, and the authenticator that has its one passkey.
pub(crate) struct Holder {
    pub(crate) home: Folder,
    pub(crate) key: Authenticator,
    pub(crate) passkey: Passkey,
}

impl Holder {
    pub(crate) const ORIGIN: &str = "http://localhost:4747";

    /// Enrolled by a set-up link, as the first factor of this home.
    pub(crate) async fn of(home: Folder) -> Self {
        let ledger = &home.ledgers[0];
        let key = Authenticator::ed25519(Self::ORIGIN, 7);
        let token = ledger.open_enrolment(None, None, at(0)).await.unwrap().unwrap();
        let challenge = ledger.enrolment(&token, at(0)).await.unwrap().unwrap().challenge;
        let new = Registration::parse(&key.register(&challenge)).unwrap().check(&challenge, Self::ORIGIN).unwrap();
        let factor = FactorId("fac_key".to_owned());
        assert!(ledger.finish_enrolment_by_passkey(&token, factor, new, vec![], at(0)).await.unwrap().is_some());
        let passkey = ledger.passkeys(None).await.unwrap().remove(0);
        Self { home, key, passkey }
    }

    /// The proof of this claim, asked for and signed now.
    pub(crate) async fn proves(&mut self, claim: Claim, now: Now) -> Approver {
        let challenge = self.home.ledgers[0].new_challenge(claim.clone(), now).await.unwrap();
        self.signs(claim, &challenge, now).await
    }

    /// The proof of this claim, for a challenge that was asked for.
    pub(crate) async fn signs(&mut self, claim: Claim, challenge: &str, now: Now) -> Approver {
        let nonce = self.home.ledgers[0].nonce(challenge.to_owned(), now).await.unwrap().unwrap();
        prove_by_passkey(claim, &self.key.sign(challenge), &self.passkey, &nonce, Self::ORIGIN).unwrap()
    }
}
