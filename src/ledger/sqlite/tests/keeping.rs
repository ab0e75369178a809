//! What a backup holds, and what of it counts when it comes back.

use serde_json::Map;

use super::*;
use crate::{
    approval::{Claim, Purpose},
    ledger::{
        ApprovalStatus, Grant,
        conformance::{approved, asked, balance, decide, done, human, permitted, refund, status},
    },
};

impl Folder {
    /// A folder of its own with the backup in it as a ledger, and the files that lay in it.
    fn unpacked(backup: &Path) -> Result<(Self, Vec<KeptFile>), LedgerError> {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let mut other = Self { ledgers: Vec::new(), folder };
        crate::files::replace_private(&other.path(), &std::fs::read(backup).unwrap()).unwrap();
        let files = Sqlite::unpack_backup(&other.path())?;
        other.ledgers.push(other.open().unwrap());
        Ok((other, files))
    }
}

#[tokio::test]
async fn what_comes_back_is_the_log_and_nothing_that_could_be_spent_again() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let (waits, sends, ran) = (
        asked(ledger, refund(1), at(0)).await,
        asked(ledger, refund(2), at(0)).await,
        asked(ledger, refund(3), at(0)).await,
    );
    let sending = approved(ledger, &sends, 1, at(1)).await.record().to_owned();
    let plan = ran.plan.clone().unwrap();
    let grant = Grant::new("grt_1".to_owned(), "[[rule]]\nid = \"grt_1\"".to_owned(), &plan, at(1_000).wall);
    let claim = Claim::Grant { approval: ran.id.clone(), digest: plan.digest(), grant: grant.digest() };
    let decided = decide(ledger, &ran, Answer::Grant(human(claim, 2), Box::new(grant)), at(1)).await;
    let Decided::Permit(permit) = decided else { panic!("not approved: {decided:?}") };
    let record = permit.record().to_owned();
    assert!(ledger.settle(&record, &done("re_3"), at(2)).await.unwrap());
    let reading = permitted(ledger, balance(), at(2)).await.record().to_owned();
    stage.raw().execute("INSERT INTO session VALUES ('h', 0, 0, 'per_owner')", []).unwrap();
    let head = ledger.verify().await.unwrap().unwrap();

    let backup = stage.folder.path().join("backup");
    let files = vec![("policy.toml".to_owned(), b"schema = 1".to_vec())];
    ledger.back_up(&backup, files.clone()).await.unwrap();
    let (other, found) = Folder::unpacked(&backup).unwrap();
    let restored = &other.ledgers[0];
    assert_eq!(found, files);
    assert_eq!(restored.home_id(), ledger.home_id());
    assert_eq!(restored.verify().await.unwrap().unwrap(), head);

    let voided = restored.restored(Some("older".to_owned()), at(100)).await.unwrap();
    assert_eq!(voided, Voided { cancelled: 1, unknown: 2, grants: 1 });
    for (id, expected) in [
        (&waits.id, ApprovalStatus::Cancelled),
        (&sends.id, ApprovalStatus::Executed),
        (&ran.id, ApprovalStatus::Executed),
    ] {
        assert_eq!(status(restored, id).await, expected);
    }
    for call in [&sending, &reading] {
        let outcome: String = other
            .raw()
            .query_row("SELECT status FROM record WHERE call = ? AND kind = 'outcome'", [call], |row| row.get(0))
            .unwrap();
        assert_eq!(outcome, "unknown");
        assert!(!restored.settle(call, &done("late"), at(101)).await.unwrap());
    }
    assert_eq!(restored.grants().unwrap(), []);
    assert_eq!(restored.recovery_codes_left().await.unwrap(), 0);
    let sessions: i64 = other.raw().query_row("SELECT count(*) FROM session", [], |row| row.get(0)).unwrap();
    assert_eq!(sessions, 0);
    // the app's codes of before, and the next one, are used
    let step = u64::try_from(at(100).wall / 30_000).unwrap() + 1;
    for factor in restored.factors().await.unwrap() {
        let steps = [Purpose::Decide, Purpose::SignIn].map(|purpose| factor.last_step(purpose));
        assert_eq!(steps, [Some(step), Some(step)]);
    }
    other.check().await;
    let (kind, body): (String, String) = other
        .raw()
        .query_row("SELECT status, body FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(kind, "restored");
    assert!(body.contains(&head.head) && body.contains("\"replaced\":\"older\""), "{body}");
}

#[tokio::test]
async fn t265_a_backup_that_brings_more_than_ours_is_refused() {
    let stage = Folder::with(1);
    let backup = stage.folder.path().join("backup");
    stage.ledgers[0].back_up(&backup, Vec::new()).await.unwrap();
    let good = std::fs::read(&backup).unwrap();
    for plant in [
        "CREATE TRIGGER t AFTER DELETE ON kept BEGIN DELETE FROM record; END",
        "CREATE VIEW v AS SELECT * FROM record",
        "DROP TABLE kept; CREATE VIEW kept AS SELECT 'policy.toml' AS name, x'00' AS content",
        "DROP TABLE kept; CREATE TABLE kept (name TEXT, content BLOB)",
        "ALTER TABLE record ADD COLUMN more TEXT",
        "PRAGMA user_version = 1000",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
    ] {
        std::fs::write(&backup, &good).unwrap();
        Connection::open(&backup).unwrap().execute_batch(plant).unwrap();
        assert!(Folder::unpacked(&backup).is_err(), "{plant}");
    }
    std::fs::write(&backup, &good).unwrap();
    Folder::unpacked(&backup).unwrap();
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_others_write() {
    let stage = Folder::with(2).enrolled().await;
    let writing = stage.ledgers[1].clone();
    let writer = tokio::spawn(async move {
        for amount in 1..40 {
            asked(&writing, refund(amount), at(0)).await;
        }
    });
    for number in 0..4 {
        let backup = stage.folder.path().join(format!("backup-{number}"));
        stage.ledgers[0].back_up(&backup, Vec::new()).await.unwrap();
        let (other, _) = Folder::unpacked(&backup).unwrap();
        other.check().await;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn what_takes_the_owners_word_takes_a_proof_of_that_very_thing_once() {
    let stage = Folder::with(1).enrolled().await;
    let ledger = &stage.ledgers[0];
    let note = |claim: Claim, approver| ledger.note_proven((claim, approver), "purged", Map::new(), at(1));
    assert!(!note(Claim::Home, None).await.unwrap());
    assert!(!note(Claim::Home, Some(human(Claim::Secrets, 1))).await.unwrap());
    assert!(note(Claim::Home, Some(human(Claim::Home, 1))).await.unwrap());
    assert!(!note(Claim::Home, Some(human(Claim::Home, 1))).await.unwrap());
    let bare = Folder::with(1);
    assert!(bare.ledgers[0].note_proven((Claim::Home, None), "purged", Map::new(), at(1)).await.unwrap());
}
