//! Older files, and older processes.

use super::{super::migration, *};
use crate::{
    ledger::{
        ApprovalStatus,
        conformance::{approved, asked, done, refund, status},
    },
    policy::{BUILT_IN, Known, Pinned},
};

impl Folder {
    /// Puts what is there into a file that the first `version` steps of the schema made.
    fn age(&mut self, version: i64) {
        self.ledgers.clear();
        let newer = self.folder.path().join("newer.db");
        std::fs::rename(self.path(), &newer).unwrap();
        drop(crate::files::create_private(&self.path()).unwrap());
        let connection = self.raw();
        connection.execute_batch(&migration::tests::steps(version)).unwrap();
        connection.execute("ATTACH ? AS newer", [newer.to_str().unwrap()]).unwrap();
        let names = |sql: &str, table: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for table in names("SELECT name FROM sqlite_schema WHERE type = ? AND name <> 'person'", "table") {
            let there = names("SELECT name FROM pragma_table_info(?, 'newer')", &table);
            let mut columns = names("SELECT name FROM pragma_table_info(?, 'main')", &table);
            columns.retain(|column| there.contains(column));
            let columns = columns.join(", ");
            connection
                .execute_batch(&format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}"))
                .unwrap();
        }
        connection.execute_batch("DETACH newer").unwrap();
        std::fs::remove_file(newer).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_older_ledger_loses_nothing_and_is_kept_beside_the_new_one() {
    use std::os::unix::fs::PermissionsExt as _;

    for version in 1..migration::newest() {
        let mut stage = Folder::with(1).enrolled().await;
        let ledger = stage.ledgers[0].clone();
        let pinned = Pinned { text: BUILT_IN.to_owned(), tools: Known::default() };
        assert!(ledger.pin(pinned.clone(), None, at(0)).await.unwrap());
        let (waits, ran) = (asked(&ledger, refund(1), at(1)).await, asked(&ledger, refund(2), at(1)).await);
        let record = approved(&ledger, &ran, 1, at(2)).await.record().to_owned();
        assert!(ledger.settle(&record, &done("re_2"), at(2)).await.unwrap());
        let before = ledger.verify().await.unwrap().unwrap();
        drop(ledger);
        stage.age(version);

        let ledger = stage.open().unwrap();
        assert_eq!(ledger.verify().await.unwrap().unwrap(), before, "{version}");
        assert_eq!(ledger.pinned().unwrap(), Some(pinned), "{version}");
        assert_eq!(status(&ledger, &waits.id).await, ApprovalStatus::Pending, "{version}");
        let kept = migration::kept(&stage.path(), version);
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        let copy = Connection::open(&kept).unwrap();
        let of_copy: i64 = copy.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        let records: i64 = copy.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
        assert_eq!((of_copy, records), (version, i64::try_from(before.records).unwrap()));
        // what waited is decided as ever, once
        let record = approved(&ledger, &waits, 2, at(3)).await.record().to_owned();
        assert!(ledger.settle(&record, &done("re_1"), at(4)).await.unwrap());
        assert!(ledger.verify().await.unwrap().is_ok(), "{version}");
        // the next start keeps nothing more
        std::fs::remove_file(&kept).unwrap();
        drop(stage.open().unwrap());
        assert!(!kept.exists());
    }
}

#[tokio::test]
async fn without_a_copy_an_older_ledger_stays_as_it_is() {
    let mut stage = Folder::with(1);
    let version = migration::newest() - 1;
    stage.age(version);
    let kept = migration::kept(&stage.path(), version);
    std::fs::create_dir(&kept).unwrap();
    assert!(matches!(stage.open(), Err(LedgerError::File(_))));
    let now: i64 = stage.raw().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(now, version);
    std::fs::remove_dir(&kept).unwrap();
    stage.open().unwrap();
    let left: Vec<_> =
        std::fs::read_dir(stage.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn t251_of_many_that_start_at_once_one_migrates() {
    let mut stage = Folder::with(1);
    let version = migration::newest() - 1;
    stage.age(version);
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| stage.open().map(|ledger| ledger.is_outdated()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(opened.iter().all(|outdated| matches!(outdated, Ok(false))), "{opened:?}");
    assert!(migration::kept(&stage.path(), version).exists());
}

#[tokio::test]
async fn t252_a_process_of_an_older_version_writes_only_how_its_calls_ended() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let (waits, sends) = (asked(ledger, refund(1), at(0)).await, asked(ledger, refund(2), at(0)).await);
    let record = approved(ledger, &sends, 1, at(1)).await.record().to_owned();
    stage.raw().execute_batch("ALTER TABLE notice ADD COLUMN more TEXT; PRAGMA user_version = 1000").unwrap();
    assert!(ledger.is_outdated());
    assert!(matches!(ledger.pinned(), Err(LedgerError::Updated(1000))));
    assert!(matches!(ledger.approval(&waits.id).await, Err(LedgerError::Updated(1000))));
    assert!(matches!(ledger.cancel(&waits.id, CancelledBy::Agent, at(2)).await, Err(LedgerError::Updated(1000))));
    // the outcome of what is on the wire is known here alone
    assert!(ledger.settle(&record, &done("re_1"), at(3)).await.unwrap());
    stage.raw().execute_batch("ALTER TABLE notice DROP COLUMN more").unwrap();
    stage.raw().pragma_update(None, "user_version", migration::newest()).unwrap();
    assert_eq!(status(ledger, &waits.id).await, ApprovalStatus::Pending);
    assert_eq!(status(ledger, &sends.id).await, ApprovalStatus::Executed);
    stage.check().await;
}
