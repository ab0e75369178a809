//! A ledger on its way to another home.

use super::{
    super::{super::conformance::*, moving::Still},
    *,
};

fn held(ledger: &Sqlite) -> Still {
    ledger.stand_still().unwrap()
}

#[tokio::test]
async fn what_is_copied_is_the_whole_ledger_and_nobody_writes_meanwhile() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    asked(ledger, refund(1), at(0)).await;
    let still = held(ledger);
    let raw = stage.raw();
    raw.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(raw.execute_batch("BEGIN IMMEDIATE").is_err(), "somebody writes while it stands still");
    let copy = stage.folder.path().join("copy.db");
    drop(crate::files::create_private(&copy).unwrap());
    still.copy_to(&copy).unwrap();
    let there = ledger.verify().await.unwrap().unwrap();
    drop(still);
    // as if nothing had been: the next call is admitted
    asked(ledger, refund(2), at(1)).await;

    let arrived = Sqlite::open(&copy, Runner::start(&stage.folder.path().join("run")).unwrap()).unwrap();
    assert_eq!((arrived.verify().await.unwrap().unwrap(), arrived.home_id()), (there.clone(), ledger.home_id()));
    assert!(ledger.has_record(&there.head).unwrap() && arrived.has_record(&there.head).unwrap());
    let newer = ledger.verify().await.unwrap().unwrap().head;
    assert!(!arrived.has_record(&newer).unwrap() && !arrived.has_record("").unwrap());
}

#[tokio::test]
async fn what_was_given_up_is_nobodys_ledger() {
    let stage = Folder::with(1);
    let ledger = &stage.ledgers[0];
    held(ledger).give_up().unwrap();
    assert!(ledger.is_outdated());
    assert!(matches!(stage.open(), Err(LedgerError::Newer(_))));
}
