//! What `verify` sees: every change of every stored byte that the log speaks for, and what it cannot see.

mod lines;
mod signed;
mod spoken_for;

use rusqlite::Connection;
use serde_json::json;

use super::{
    super::{
        Answer, CancelledBy, Decided, Grant, Refusal,
        conformance::{Stage as _, approved, asked, at, balance, decide, done, human, no, permitted, refund},
        sqlite::tests::Folder,
    },
    *,
};
use crate::{
    approval::Claim,
    ledger::{Ledger as _, sqlite::pin_digest},
    policy::Pinned,
};

/// A home in which everything has happened once.
async fn eventful() -> Folder {
    let home = Folder::with(1).enrolled().await;
    let ledger = &home.ledgers[0];
    let pinned =
        |text: &str| Pinned { text: text.to_owned(), tools: ["stripe.get_balance".to_owned()].into_iter().collect() };
    ledger.pin(pinned("schema = 1"), None, at(0)).await.unwrap();
    let yes_to_it = human(Claim::Policy(pin_digest(&pinned("schema = 1 #")).unwrap()), 9);
    ledger.pin(pinned("schema = 1 #"), Some(yes_to_it), at(1)).await.unwrap();
    for (claim, code) in [(Claim::Lock, 6), (Claim::Unlock, 7)] {
        let locks = claim == Claim::Lock;
        let human = human(claim, code);
        assert!(if locks { ledger.lock(human, at(1)).await } else { ledger.unlock(human, at(1)).await }.unwrap());
    }
    let granting = asked(ledger, refund(7), at(1)).await;
    let plan = granting.plan.clone().unwrap();
    let grant = Grant::new("grt_1".to_owned(), "[[rule]]\nid = \"grt_1\"".to_owned(), &plan, 9_000);
    let (approval, digest) = (granting.id.clone(), plan.digest());
    let both = human(Claim::Grant { approval, digest, grant: grant.digest() }, 8);
    let Decided::Permit(permit) = decide(ledger, &granting, Answer::Grant(both, Box::new(grant)), at(1)).await else {
        panic!("not approved")
    };
    ledger.settle(permit.record(), &done("re_7"), at(1)).await.unwrap();
    assert!(ledger.revoke_grant("grt_1", at(1)).await.unwrap());
    let read = permitted(ledger, balance(), at(2)).await;
    ledger.settle(read.record(), &done("first"), at(3)).await.unwrap();
    permitted(ledger, balance(), at(4)).await;
    for (number, code) in [(1, 1), (2, 2)] {
        let approval = asked(ledger, refund(number), at(5)).await;
        let permit = approved(ledger, &approval, code, at(6)).await;
        if number == 1 {
            ledger.settle(permit.record(), &done("re_1"), at(7)).await.unwrap();
        }
    }
    let denied = asked(ledger, refund(3), at(8)).await;
    decide(ledger, &denied, no(), at(9)).await;
    ledger.reopen(&denied.id, at(10)).await.unwrap();
    let cancelled = asked(ledger, refund(4), at(11)).await;
    ledger.cancel(&cancelled.id, CancelledBy::Agent, at(12)).await.unwrap();
    asked(ledger, refund(5), at(13)).await;
    ledger.admit(refund(6).judged(crate::policy::Decision::Deny).admit(), at(14)).await.unwrap();
    let refusal = Refusal { caller: "local".into(), tool: "x".into(), status: "invalid", body: json!(["/a"]) };
    ledger.refuse(refusal, at(15)).await.unwrap();
    home.check().await;
    home
}

fn found(connection: &Connection) -> Option<Bad> {
    verify(connection).unwrap().err()
}
