//! A disk that is full, a lock that is held, a process that is gone: then nothing is permitted.

use super::*;
use crate::ledger::{
    ApprovalStatus, LineFilter, Outcome, Permit,
    conformance::{approved, asked, balance, decide, done, permitted, refund, status, yes},
};

/// Both connections of a handle.
fn each(ledger: &Sqlite, change: impl Fn(&Connection)) {
    change(&ledger.inner.connection(Durability::Normal));
    change(&ledger.inner.connection(Durability::Full));
}

/// T253: a person who searches the log, or checks it whole, holds up no call, and none holds them up.
#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "that nobody waits for what is held is what is tried")]
async fn t253_who_reads_the_log_and_who_is_written_into_it_do_not_wait_for_each_other() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let permit = permitted(ledger, balance(), at(0)).await;
    ledger.settle(permit.record(), &done("re_1"), at(1)).await.unwrap();
    let (normal, full) = (ledger.inner.connection(Durability::Normal), ledger.inner.connection(Durability::Full));
    full.execute_batch("BEGIN IMMEDIATE").unwrap();
    let words = LineFilter { text: vec!["balance".to_owned()], ..LineFilter::default() };
    let lines = ledger.lines(words).await.unwrap();
    let found = ledger.detail(&lines[0].id).await.unwrap().unwrap();
    assert_eq!((lines.len(), found.records.len()), (1, 2));
    assert_eq!(ledger.export(0, 9).await.unwrap().len() as u64, ledger.verify().await.unwrap().unwrap().records);
    assert_eq!(ledger.by_day(0).await.unwrap().len(), 1);
    full.execute_batch("ROLLBACK").unwrap();
    drop((normal, full));
}

#[tokio::test]
async fn t229_without_room_or_right_to_write_nothing_is_permitted() {
    for name in ["full", "read-only"] {
        let fault = |connection: &Connection| match name {
            // no page beyond those that there are
            "full" => drop(connection.query_row("PRAGMA max_page_count = 1", [], |row| row.get::<_, i64>(0)).unwrap()),
            _ => connection.execute_batch("PRAGMA query_only = ON").unwrap(),
        };
        let stage = Folder::with(2).enrolled().await;
        let [broken, sound] = &stage.ledgers[..] else { panic!() };
        let waiting = asked(broken, refund(1), at(0)).await;
        let running = permitted(broken, balance(), at(1)).await;
        each(broken, fault);
        let big = "x".repeat(200_000);
        // a record of this size needs a page of its own
        let read = broken.admit(balance().with("_reason", serde_json::json!("x".repeat(2_000))).admit(), at(2)).await;
        let mut outcomes = vec![read.map(drop)];
        for number in 10..40 {
            outcomes.push(broken.admit(refund(number).admit(), at(2)).await.map(drop));
        }
        assert!(matches!(outcomes.last(), Some(Err(LedgerError::Database(_)))), "{name}: {outcomes:?}");
        let outcome =
            Outcome::Succeeded { result: serde_json::json!(big), http_status: Some(200), truncated: false, next: None };
        let settled = broken.settle(running.record(), &outcome, at(3)).await;
        assert!(matches!(settled, Err(LedgerError::Database(_))), "{name}: {settled:?}");
        if name == "read-only" {
            let evaluation = conformance::evaluation(crate::policy::Decision::Ask);
            let decided = broken.decide(&waiting.id, yes(&waiting, 1), &evaluation, at(4)).await;
            assert!(matches!(decided, Err(LedgerError::Database(_))), "{name}: {decided:?}");
        }
        // the transactions that failed left nothing behind: neither half a record nor a spent code
        stage.check().await;
        assert_eq!(status(sound, &waiting.id).await, ApprovalStatus::Pending);
        approved(sound, &waiting, 1, at(5)).await;
        // what could not be settled is settled by who comes after
        assert!(sound.settle(running.record(), &done("late"), at(6)).await.unwrap());
        stage.check().await;
    }
}

#[tokio::test]
async fn t230_while_another_process_holds_the_write_lock_nothing_is_permitted() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let waiting = asked(ledger, refund(1), at(0)).await;
    each(ledger, |connection| connection.busy_timeout(std::time::Duration::from_millis(50)).unwrap());
    let holder = stage.raw();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let evaluation = conformance::evaluation(crate::policy::Decision::Ask);
    let busy = |error: &LedgerError| matches!(error, LedgerError::Database(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy));
    let admitted = ledger.admit(balance().admit(), at(1)).await;
    assert!(admitted.as_ref().is_err_and(busy), "{admitted:?}");
    let decided = ledger.decide(&waiting.id, yes(&waiting, 1), &evaluation, at(1)).await;
    assert!(decided.as_ref().is_err_and(busy), "{decided:?}");
    let attempt = ledger.begin_attempt(&PersonId::owner(), Purpose::Decide, at(1)).await;
    assert!(attempt.as_ref().is_err_and(busy), "{attempt:?}");
    // it can be looked at meanwhile, and goes on afterwards
    assert_eq!(status(ledger, &waiting.id).await, ApprovalStatus::Pending);
    holder.execute_batch("ROLLBACK").unwrap();
    approved(ledger, &waiting, 1, at(2)).await;
    stage.check().await;
}

#[tokio::test]
async fn t230_a_damaged_page_permits_nothing() {
    let stage = Folder::with(1).enrolled().await;
    for number in 1..40 {
        asked(&stage.ledgers[0], refund(number), at(0)).await;
    }
    let path = stage.path();
    let Folder { ledgers, folder } = stage;
    drop(ledgers);
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xAA);
    }
    std::fs::write(&path, bytes).unwrap();
    let broken = Folder { ledgers: Vec::new(), folder };
    match broken.open() {
        Err(LedgerError::Database(_) | LedgerError::Corrupt(_)) => {}
        Err(other) => panic!("{other}"),
        Ok(ledger) => {
            let admitted = ledger.admit(balance().admit(), at(1)).await;
            assert!(matches!(admitted, Err(LedgerError::Database(_))), "{admitted:?}");
        }
    }
}

#[tokio::test]
async fn t125_what_a_dead_process_was_sending_is_unknown_and_what_a_living_one_sends_is_not() {
    let mut stage = Folder::with(3).enrolled().await;
    let (read, write) = {
        let dying = &stage.ledgers[2];
        let approval = asked(dying, refund(1), at(0)).await;
        let write: Permit = approved(dying, &approval, 1, at(1)).await;
        (permitted(dying, balance(), at(2)).await.record().to_owned(), write)
    };
    let living = permitted(&stage.ledgers[1], balance(), at(3)).await;
    stage.ledgers[0].sweep(at(4)).await.unwrap();
    assert_eq!(status(&stage.ledgers[0], write.idempotency_key()).await, ApprovalStatus::Approved);
    drop(stage.ledgers.pop());
    stage.ledgers[0].sweep(at(5)).await.unwrap();
    let found = stage.ledgers[1].approval(write.idempotency_key()).await.unwrap().unwrap();
    assert_eq!(found.status, ApprovalStatus::Executed);
    assert!(matches!(found.outcome, Some((Outcome::Unknown { .. }, _))), "{found:?}");
    for record in [&read, write.record()] {
        assert!(!stage.ledgers[1].settle(record, &done("too late"), at(6)).await.unwrap());
    }
    assert!(stage.ledgers[1].settle(living.record(), &done("in time"), at(7)).await.unwrap());
    stage.check().await;
}

#[test]
fn t262_a_process_is_seen_from_its_start_to_its_end() {
    let folder = TempDir::new().unwrap();
    let watcher = Runner::start(folder.path()).unwrap();
    // others tidy up all the time while processes start: none of them must lose its file
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    watcher.tidy();
                }
            });
        }
        let lost: Vec<usize> = (0..2_000)
            .filter(|_| match Runner::start(folder.path()) {
                Ok(runner) => watcher.is_gone(runner.id()),
                Err(_) => true,
            })
            .collect();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(lost, Vec::<usize>::new(), "taken for gone while they lived");
    });
    let gone = Runner::start(folder.path()).unwrap().id().to_owned();
    assert!(watcher.is_gone(&gone));
    assert!(!watcher.is_gone(watcher.id()));
    for strange in ["", "run_../x", "other", "run_a/b"] {
        assert!(!watcher.is_gone(strange), "{strange}");
    }
}

#[tokio::test]
async fn a_file_under_run_that_cannot_be_looked_at_stops_nobody() {
    let stage = Folder::with(2).enrolled().await;
    let approval = asked(&stage.ledgers[0], refund(1), at(0)).await;
    let permit = permitted(&stage.ledgers[1], balance(), at(0)).await;
    stage.raw().execute("UPDATE sending SET runner = 'run_strange'", []).unwrap();
    std::fs::create_dir(stage.folder.path().join("run").join("run_strange")).unwrap();
    stage.ledgers[0].sweep(at(1)).await.unwrap();
    assert!(stage.ledgers[1].settle(permit.record(), &done("re"), at(2)).await.unwrap());
    assert!(matches!(decide(&stage.ledgers[0], &approval, conformance::no(), at(3)).await, Decided::Denied));
}
