//! What a code of a person and one of a name that nobody has cost: the same.

use super::*;
use crate::{
    approval::{Claim, Code, PersonId},
    clock::Clock as _,
    gateway::{Presented, ProveError},
};

/// What a try took: its answer, what the secret store was asked for, and how many records it left.
async fn tried(rig: &Rig, person: &PersonId, code: &Code) -> (String, Vec<String>, usize) {
    let records = async || rig.home.export(0, 10_000).await.unwrap().len();
    let before = records().await;
    rig.store.asked.lock().unwrap().clear();
    let parts = rig.gateway.open_parts();
    let proven = rig.gateway.prove(&parts, Claim::SignIn, &Presented::Code(person, code)).await;
    let said = match proven {
        Ok(approver) => {
            format!("opened: {}", parts.home.open_session(approver, rig.clock.now()).await.unwrap().is_some())
        }
        Err(ProveError::Locked(until)) => format!("locked for {}", until - rig.clock.now().wall),
        Err(error) => error.to_string(),
    };
    let asked = rig.store.asked.lock().unwrap().clone();
    (said, asked, records().await - before)
}

#[tokio::test]
async fn t140_a_name_that_nobody_has_costs_what_a_persons_does() {
    let rig = Rig::start().await;
    let (owner, nobody) = (PersonId::owner(), PersonId::nobody(7));
    let wrong = Code::parse("000000").unwrap();
    // down to the lock, and at the same step
    for _ in 0..8 {
        let (of_owner, of_nobody) = (tried(&rig, &owner, &wrong).await, tried(&rig, &nobody, &wrong).await);
        assert_eq!(of_owner, of_nobody);
        assert!(!of_owner.1.is_empty(), "{of_owner:?}");
    }
    assert!(tried(&rig, &nobody, &wrong).await.0.starts_with("locked for"));

    // recovery codes that there are not
    let rig = Rig::start().await;
    let unknown = code(900);
    assert_eq!(tried(&rig, &owner, &unknown).await, tried(&rig, &nobody, &unknown).await);
    // what is right for the owner opens nothing for nobody, and is not burnt by the try
    for right in [digits(rig.clock.now()), rig.code()] {
        let (said, ..) = tried(&rig, &nobody, &right).await;
        assert!(!said.contains("true"), "{said}");
        assert_eq!(tried(&rig, &owner, &right).await.0, "opened: true");
    }
}
