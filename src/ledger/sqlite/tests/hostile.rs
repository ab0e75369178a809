//! Files that somebody prepared, and what a file may give away.

use super::*;
use crate::ledger::conformance::{approved, asked, done, refund};

#[cfg(unix)]
#[tokio::test]
async fn t195_all_three_files_are_private_and_what_is_deleted_is_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;

    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let marked = refund(1).with("metadata", serde_json::json!({"note": "seven-of-nine"}));
    let approval = asked(ledger, marked, at(0)).await;
    let record = approved(ledger, &approval, 1, at(1)).await.record().to_owned();
    ledger.settle(&record, &done("re_1"), at(2)).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", stage.path().display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    let contains = || {
        let bytes = std::fs::read(stage.path()).unwrap();
        bytes.windows(13).filter(|window| *window == b"seven-of-nine").count()
    };
    let checkpoint = || {
        let connection = ledger.inner.connection(Durability::Full);
        let _busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    };
    checkpoint();
    let before = contains();
    assert!(before > 0);
    assert!(ledger.prune(at(10).wall, at(10)).await.unwrap() > 0);
    checkpoint();
    // the record keeps its one line; the plan with the arguments is gone, from unused pages too
    assert!(contains() < before);
    let texts: i64 = stage.raw().query_row("SELECT count(*) FROM payload", [], |row| row.get(0)).unwrap();
    assert_eq!(texts, 0);
    stage.check().await;
}

#[cfg(unix)]
#[test]
fn t195_a_database_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let stage = Folder::with(1);
    std::fs::set_permissions(stage.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(stage.open(), Err(LedgerError::File(_))));
    std::fs::remove_file(stage.path()).unwrap();
    let elsewhere = stage.folder.path().join("elsewhere.db");
    std::fs::write(&elsewhere, "").unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, stage.path()).unwrap();
    assert!(matches!(stage.open(), Err(LedgerError::File(_))));
}

#[test]
fn t252_a_newer_schema_is_refused() {
    let stage = Folder::with(1);
    stage.raw().execute_batch("PRAGMA user_version = 1000").unwrap();
    match stage.open() {
        Err(LedgerError::Newer(1000)) => {}
        other => panic!("{other:?}"),
    }
    // and left as it is
    let version: i64 = stage.raw().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1000);
}

#[test]
fn t265_what_we_did_not_make_is_refused() {
    let plants = [
        "CREATE TRIGGER t AFTER INSERT ON approval BEGIN UPDATE approval SET status = 'approved'; END",
        "CREATE VIEW v AS SELECT * FROM record",
        "CREATE TABLE more (id TEXT)",
        "CREATE INDEX more ON record (tool)",
        "ALTER TABLE approval ADD COLUMN extra TEXT",
        "ALTER TABLE record ADD COLUMN extra TEXT AS (upper(tool))",
        "ALTER TABLE payload RENAME TO payload2; CREATE VIEW payload AS SELECT * FROM payload2",
        "DROP INDEX approval_open",
        "DROP TABLE attempt",
        "DROP TABLE attempt; CREATE TABLE attempt (purpose TEXT PRIMARY KEY, failures INTEGER, locked_until INTEGER)",
        "ANALYZE",
    ];
    for plant in plants {
        let stage = Folder::with(1);
        stage.raw().execute_batch(plant).unwrap();
        match stage.open() {
            Err(LedgerError::Corrupt(_) | LedgerError::Database(_)) => {}
            other => panic!("{plant}: {other:?}"),
        }
    }
    let stage = Folder { ledgers: Vec::new(), folder: TempDir::new().unwrap() };
    std::fs::create_dir(stage.folder.path().join("run")).unwrap();
    drop(crate::files::create_private(&stage.path()).unwrap());
    stage.raw().execute_batch("CREATE TABLE record (seq INTEGER PRIMARY KEY, id TEXT)").unwrap();
    assert!(stage.open().is_err(), "tables of ours that were there before us");
}

#[tokio::test]
async fn t265_what_is_planted_while_we_run_does_not_run() {
    let stage = Folder::with(1).enrolled().await;
    stage
        .raw()
        .execute_batch("CREATE TRIGGER t AFTER INSERT ON approval BEGIN UPDATE approval SET status = 'approved'; END")
        .unwrap();
    let approval = asked(&stage.ledgers[0], refund(1), at(0)).await;
    assert_eq!(conformance::status(&stage.ledgers[0], &approval.id).await, crate::ledger::ApprovalStatus::Pending);
}
