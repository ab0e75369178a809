//! Lines that are removed, added, moved, cut off or pruned.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn t232_what_is_removed_added_or_moved_is_named() {
    let edits = [
        "DELETE FROM record WHERE seq = 4",
        "DELETE FROM record WHERE seq = 1",
        "DELETE FROM payload WHERE role = 'plan' AND record = (SELECT record FROM payload WHERE role = 'plan' LIMIT 1)",
        "DELETE FROM payload WHERE role = 'answer' AND record = (SELECT record FROM payload WHERE role = 'answer' LIMIT 1)",
        "DELETE FROM approval WHERE status = 'executed'",
        "DELETE FROM approval WHERE status = 'pending'",
        "DELETE FROM sending WHERE call = (SELECT call FROM sending LIMIT 1)",
        "DELETE FROM pin WHERE seq = 1",
        "DELETE FROM pin WHERE seq = 2",
        "INSERT INTO payload (record, role, text) SELECT id, 'extra', '{}' FROM record WHERE seq = 2",
        "INSERT INTO payload (record, role, text) VALUES ('rec_nobody', 'plan', '{}')",
        "INSERT INTO pin (text, tools, at) VALUES ('schema = 1 # looser', '[]', 1)",
        "INSERT INTO sending (call, runner, since) SELECT id, 'run_x', 1 FROM record WHERE kind = 'call' AND status = 'denied'",
        "INSERT INTO sending (call, runner, since) SELECT call, 'run_x', 1 FROM approval WHERE status = 'executed'",
        "INSERT INTO sending (call, runner, since) SELECT call, 'run_x', 1 FROM approval WHERE status = 'pending'",
        "INSERT INTO sending (call, runner, since) VALUES ('rec_nobody', 'run_x', 1)",
        "INSERT INTO approval SELECT 'apr_x', 'rec_x', 'key', caller, digest, 'approved', created_at, expires_at,
            expires_boot, boot_id, 0, 0, 0 FROM approval LIMIT 1",
        "INSERT INTO record SELECT 999, 'rec_x', 'rec_x', kind, status, at, caller, tool, account, body, prev, hash
            FROM record WHERE seq = 3",
        "UPDATE record SET seq = seq + 1000 WHERE seq >= 5",
        "UPDATE record SET seq = CASE seq WHEN 4 THEN -5 ELSE -4 END WHERE seq IN (4, 5);
            UPDATE record SET seq = -seq WHERE seq < 0",
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('pruned_before', '5')",
        "DELETE FROM payload; INSERT OR REPLACE INTO meta (key, value) VALUES ('pruned_before', '99')",
    ];
    for edit in edits {
        let home = eventful().await;
        let raw = home.raw();
        raw.execute_batch(edit).unwrap();
        assert!(found(&raw).is_some(), "unseen: {edit}");
    }
}

#[tokio::test]
async fn t233_cutting_off_the_newest_lines_shows_only_against_a_copy_of_the_head() {
    let home = eventful().await;
    let raw = home.raw();
    let whole = verify(&raw).unwrap().unwrap();
    // the last two lines are a refused call and one before it: nothing else speaks of them
    raw.execute_batch("DELETE FROM payload WHERE record IN (SELECT id FROM record ORDER BY seq DESC LIMIT 2)").unwrap();
    raw.execute_batch("DELETE FROM record WHERE seq > (SELECT max(seq) - 2 FROM record)").unwrap();
    let cut = verify(&raw).unwrap().unwrap();
    assert_eq!(cut.records, whole.records - 2);
    assert_ne!(cut.head, whole.head, "who kept the head sees it");
    // further on, what the lines led to betrays them: here an approval
    raw.execute_batch("DELETE FROM payload WHERE record = (SELECT id FROM record ORDER BY seq DESC LIMIT 1)").unwrap();
    raw.execute_batch("DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)").unwrap();
    assert_eq!(found(&raw).unwrap().what, "an approval that no record asked for");
}

#[tokio::test]
async fn t242_pruning_leaves_a_mark_in_the_chain_and_deleting_does_not() {
    let home = eventful().await;
    let ledger = &home.ledgers[0];
    let before = verify(&home.raw()).unwrap().unwrap();
    let deleted = ledger.prune(at(8).wall, at(20)).await.unwrap();
    assert!(deleted >= 2, "{deleted}");
    let after = verify(&home.raw()).unwrap().unwrap();
    assert_eq!(after.records, before.records + 1);
    let last = ledger.export(0, 999).await.unwrap().pop().unwrap();
    assert_eq!((last["kind"].as_str(), last["status"].as_str()), (Some("home"), Some("pruned")));
    assert_eq!(last["body"]["count"], json!(deleted));
    // one more that the mark does not speak of
    let newest = "DELETE FROM payload WHERE record = (SELECT id FROM record WHERE id IN (SELECT record FROM payload)
        ORDER BY seq DESC LIMIT 1)";
    home.raw().execute_batch(newest).unwrap();
    assert!(found(&home.raw()).unwrap().what.ends_with("is gone"));
}

/// One thing that somebody does to the log with the `sqlite3` shell.
#[derive(Debug, Clone)]
enum Tampering {
    Edit { row: usize, column: usize, to: String },
    Delete { row: usize },
    Insert { row: usize, at_end: bool },
    Swap { one: usize, other: usize },
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![
        (any::<usize>(), 0..7_usize, ".{0,12}").prop_map(|(row, column, to)| Tampering::Edit { row, column, to }),
        any::<usize>().prop_map(|row| Tampering::Delete { row }),
        (any::<usize>(), any::<bool>()).prop_map(|(row, at_end)| Tampering::Insert { row, at_end }),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Tampering::Swap { one, other }),
    ]
}

impl Tampering {
    /// Does it; the first line that is not as it was, or `None` where nothing changed.
    fn apply(&self, raw: &Connection) -> Option<i64> {
        const CELLS: &str = "call, kind, status, at, caller, tool, account, body, prev, hash";
        let count: i64 = raw.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
        let place = |row: &usize| i64::try_from(row % usize::try_from(count).unwrap()).unwrap() + 1;
        match self {
            Self::Edit { row, column, to } => {
                let column = ["call", "kind", "status", "caller", "tool", "account", "body"][*column];
                let sql = format!("UPDATE record SET {column} = ?1 WHERE seq = ?2 AND {column} <> ?1");
                (raw.execute(&sql, rusqlite::params![to, place(row)]).unwrap() == 1).then(|| place(row))
            }
            Self::Delete { row } => {
                // the newest one: see t233
                let seq = place(row);
                raw.execute("DELETE FROM record WHERE seq = ?", [seq]).unwrap();
                (seq < count).then_some(seq + 1)
            }
            Self::Insert { row, at_end } => {
                let seq = if *at_end { count + 1 } else { 0 };
                let sql = format!("INSERT INTO record SELECT {seq}, 'rec_planted', {CELLS} FROM record WHERE seq = ?");
                raw.execute(&sql, [place(row)]).unwrap();
                Some(seq)
            }
            Self::Swap { one, other } => {
                let (one, other) = (place(one), place(other));
                let sql = format!(
                    "UPDATE record SET seq = -seq WHERE seq IN ({one}, {other});
                     UPDATE record SET seq = CASE seq WHEN -{one} THEN {other} ELSE {one} END WHERE seq < 0;"
                );
                raw.execute_batch(&sql).unwrap();
                (one != other).then(|| one.min(other))
            }
        }
    }
}

#[test]
fn i12_any_edit_deletion_insertion_or_move_of_a_line_is_named_at_its_place() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let home = runtime.block_on(eventful());
    let _pages: i64 = home.raw().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    let whole = std::fs::read(home.path()).unwrap();
    let copy = home.folder.path().join("copy.db");
    proptest!(ProptestConfig::with_cases(200), |(tampering in tampering())| {
        for suffix in ["-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", copy.display())));
        }
        std::fs::write(&copy, &whole).unwrap();
        let raw = Connection::open(&copy).unwrap();
        let seen = tampering.apply(&raw);
        let bad = found(&raw);
        if let Some(place) = seen {
            let bad = bad.unwrap();
            prop_assert_eq!(bad.seq, place, "{}", bad);
        }
    });
}
