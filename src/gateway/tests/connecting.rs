//! A new secret and its record: never one without the other, wherever it stops in between.

use serde_json::json;

use super::*;
use crate::{
    account::Account,
    approval::Claim,
    catalog::CredentialScheme,
    clock::Clock as _,
    gateway::{ConnectError, Connecting},
    ledger::conformance::{self, CATALOG},
    secret::{Secret, SecretStore as _},
    upstream::{CredentialError, seal},
};

const PLACE: &str = "account/stripe/default";
const WAITING: &str = "account/stripe/default/new";
const SECOND: &str = "rk_test_the_second_one";

/// The account as it is to be: its secret another, and its id too where it is somebody else's.
fn next(rig: &Rig, same: bool) -> Account {
    rig.clock.pass(1_000);
    let before = conformance::account().as_ref().clone();
    let id = if same { before.id.clone() } else { "acc_2".to_owned() };
    Account { id, connected_at: rig.clock.now().wall, ..before }
}

async fn connect(rig: &Rig, account: &Account, code: u32) -> Result<(), ConnectError> {
    let seal =
        |account: &Account, _: &[String]| seal(account, &CredentialScheme::Bearer, &Secret::new(SECOND.to_owned()));
    let before = rig.home.accounts().unwrap().into_iter().next();
    let integration = CATALOG.integration("stripe").unwrap();
    let approver = Some(conformance::human(Claim::Connect("stripe/default".to_owned()), code));
    let account = account.clone();
    let before = before.as_ref();
    let connecting = Connecting { integration, account, before, replace: true, verify: false, seal: &seal, approver };
    rig.gateway.connect(connecting).await.map(drop)
}

/// Whether what is in the place is the second secret, and whether one waits.
fn stored(rig: &Rig) -> (bool, bool) {
    let secrets = rig.store.secrets.lock().unwrap();
    (secrets.get(PLACE).is_some_and(|sealed| sealed.contains(SECOND)), secrets.contains_key(WAITING))
}

/// The account in the ledger, as it opens in another process: what went wrong, and what is stored after that.
async fn opened(rig: &Rig) -> (Option<CredentialError>, (bool, bool)) {
    let account = rig.home.accounts().unwrap().remove(0);
    let credentials = &rig.another().gateway.open_parts().credentials.clone();
    let found = credentials.inspect_stored(&account).await;
    (found.err(), stored(rig))
}

#[tokio::test]
async fn a_store_that_takes_nothing_spends_no_proof_and_changes_nothing() {
    let rig = Rig::start().await;
    let (before, account, code) = (rig.home.accounts().unwrap(), next(&rig, false), rig.fresh());
    *rig.store.room.lock().unwrap() = Some(0);
    let error = connect(&rig, &account, code).await.unwrap_err();
    assert!(matches!(error, ConnectError::Credential(CredentialError::Store(_))), "{error:?}");
    assert_eq!((rig.home.accounts().unwrap(), opened(&rig).await), (before, (None, (false, false))));
    *rig.store.room.lock().unwrap() = None;
    connect(&rig, &account, code).await.unwrap();
    assert_eq!((rig.home.accounts().unwrap(), opened(&rig).await), (vec![account], (None, (true, false))));
    rig.verified().await;
}

#[tokio::test]
async fn a_store_that_fails_after_the_record_gives_the_new_secret_or_none() {
    for same in [true, false] {
        let rig = Rig::start().await;
        let account = next(&rig, same);
        *rig.store.room.lock().unwrap() = Some(1);
        connect(&rig, &account, rig.fresh()).await.unwrap();
        assert_eq!((rig.home.accounts().unwrap(), stored(&rig)), (vec![account], (false, true)), "{same}");
        // the old secret is not used for the new record, in this or any process
        let (error, _) = opened(&rig).await;
        assert!(matches!(error, Some(CredentialError::Store(_))), "{same}: {error:?}");
        let answer = rig.call("stripe_get_balance", json!({})).await;
        assert_eq!((&answer["status"], &answer["error"]["kind"]), (&"failed".into(), &"credential".into()), "{answer}");
        // and it takes its place as soon as the store does its work again
        *rig.store.room.lock().unwrap() = None;
        assert_eq!(rig.call("stripe_get_balance", json!({})).await["status"], "completed");
        assert_eq!(opened(&rig).await, (None, (true, false)), "{same}");
        rig.verified().await;
    }
}

#[tokio::test]
async fn a_proof_that_was_used_leaves_the_old_secret_alone() {
    for same in [true, false] {
        let rig = Rig::start().await;
        let (first, code) = (next(&rig, same), rig.fresh());
        connect(&rig, &first, code).await.unwrap();
        let second = Account { id: "acc_3".to_owned(), ..next(&rig, same) };
        let error = connect(&rig, &second, code).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unproven), "{error:?}");
        assert_eq!((rig.home.accounts().unwrap(), opened(&rig).await), (vec![first], (None, (true, false))));
    }
}

/// Whoever comes next puts it into its place first, even where nothing comes of what they want.
#[tokio::test]
async fn a_secret_that_waits_for_its_record_is_not_lost_to_the_next_one() {
    for used in [true, false] {
        let rig = Rig::start().await;
        let (first, code) = (next(&rig, false), rig.fresh());
        *rig.store.room.lock().unwrap() = Some(1);
        connect(&rig, &first, code).await.unwrap();
        assert_eq!(stored(&rig), (false, true));
        *rig.store.room.lock().unwrap() = if used { None } else { Some(1) };
        let second = Account { id: "acc_3".to_owned(), ..next(&rig, false) };
        assert!(connect(&rig, &second, if used { code } else { rig.fresh() }).await.is_err());
        *rig.store.room.lock().unwrap() = None;
        assert_eq!(rig.home.accounts().unwrap(), [first]);
        assert_eq!(opened(&rig).await, (None, (true, false)), "{used}");
        assert_eq!(rig.home.noted_secrets().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_waits_for_a_record_that_never_came_opens_nothing() {
    let rig = Rig::start().await;
    let sealed = seal(&next(&rig, true), &CredentialScheme::Bearer, &Secret::new(SECOND.to_owned())).unwrap();
    rig.store.put(WAITING, sealed).await.unwrap();
    assert_eq!(opened(&rig).await, (None, (false, true)));
    assert_eq!(rig.call("stripe_get_balance", json!({})).await["status"], "completed");
    assert_eq!(stored(&rig), (false, true));
    // the next one goes over it
    connect(&rig, &next(&rig, true), rig.fresh()).await.unwrap();
    assert_eq!(opened(&rig).await, (None, (true, false)));
}
