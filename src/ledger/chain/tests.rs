//! What `verify` sees: every change of every stored byte that the log speaks for, and what it cannot see.

use proptest::prelude::*;
use rusqlite::{Connection, types::Value as Cell};
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

/// `(table, key columns, columns that the log speaks for)`.
const SPOKEN_FOR: [(&str, &[&str], &[&str]); 6] = [
    (
        "record",
        &["rowid"],
        &["seq", "id", "call", "kind", "status", "at", "caller", "tool", "account", "body", "prev", "hash"],
    ),
    ("payload", &["record", "role"], &["record", "role", "text"]),
    (
        "approval",
        &["id"],
        &[
            "id",
            "call",
            "call_key",
            "caller",
            "digest",
            "status",
            "created_at",
            "expires_at",
            "expires_boot",
            "boot_id",
            "reopened",
        ],
    ),
    ("pin", &["seq"], &["text", "tools", "at"]),
    ("sending", &["call"], &["call"]),
    (
        "granted",
        &["id"],
        &["id", "text", "tool", "definition", "account_id", "origin", "given_at", "expires_at", "revoked_at"],
    ),
];

/// What the log does not speak for: whether an answer was fetched, how often it was asked for, and who sends.
const NOT_SPOKEN_FOR: [(&str, &str); 4] =
    [("approval", "delivered"), ("approval", "awaited"), ("sending", "runner"), ("sending", "since")];

/// Another value of the same type; of a status another status.
fn changed(column: &str, cell: &Cell) -> Cell {
    match cell {
        Cell::Integer(number) if column == "seq" => Cell::Integer(number + 1_000),
        Cell::Integer(number) => Cell::Integer(number ^ 1),
        Cell::Text(text) if column == "status" && text == "denied" => Cell::Text("executed".to_owned()),
        Cell::Text(_) if column == "status" => Cell::Text("denied".to_owned()),
        Cell::Text(text) => Cell::Text(format!("{text} ")),
        Cell::Blob(bytes) => Cell::Blob(bytes.iter().map(|byte| byte ^ 1).collect()),
        Cell::Null | Cell::Real(_) => panic!("{cell:?} in {column}"),
    }
}

fn cells(connection: &Connection, sql: &str) -> Vec<Vec<Cell>> {
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|index| row.get(index)).collect()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn t232_every_change_of_every_column_is_named() {
    let home = eventful().await;
    let raw = home.raw();
    let mut changes = 0;
    for (table, key, columns) in SPOKEN_FOR {
        let condition = key.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(" AND ");
        for column in columns {
            let select = format!("SELECT {column}, {} FROM {table}", key.join(", "));
            for row in cells(&raw, &select) {
                let (cell, row_key) = row.split_first().unwrap();
                let after = changed(column, cell);
                // where the column is the key itself the row is found by its new value afterwards
                let key_after: Vec<Cell> = key
                    .iter()
                    .zip(row_key)
                    .map(|(name, value)| {
                        let moved = name == column || (*name == "rowid" && *column == "seq");
                        if moved { after.clone() } else { value.clone() }
                    })
                    .collect();
                let set = |to: &Cell, key: &[Cell]| {
                    let parameters = std::iter::once(to).chain(key);
                    let sql = format!("UPDATE {table} SET {column} = ? WHERE {condition}");
                    assert_eq!(raw.execute(&sql, rusqlite::params_from_iter(parameters)).unwrap(), 1, "{sql}");
                };
                set(&after, row_key);
                let bad = found(&raw).unwrap_or_else(|| panic!("{table}.{column} {cell:?} became {after:?}, unseen"));
                match (table, *column, cell) {
                    ("record", "seq", _) | (_, _, Cell::Null) => {}
                    // the line itself is named
                    ("record", _, _) => assert_eq!(Some(&Cell::Integer(bad.seq)), row_key.first(), "{column}: {bad}"),
                    ("payload", "text" | "role", _) => assert_eq!(Cell::Text(bad.id.clone()), row_key[0], "{bad}"),
                    _ => assert!(!bad.what.is_empty()),
                }
                set(cell, &key_after);
                changes += 1;
            }
        }
    }
    assert_eq!(found(&raw), None);
    assert!(changes > 300, "{changes}");
}

#[tokio::test]
async fn t232_no_column_is_forgotten() {
    let home = eventful().await;
    let raw = home.raw();
    for (table, _, columns) in SPOKEN_FOR {
        for name in cells(&raw, &format!("SELECT name FROM pragma_table_info('{table}')")) {
            let Cell::Text(name) = &name[0] else { panic!() };
            let exempt = NOT_SPOKEN_FOR.contains(&(table, name.as_str())) || (table == "pin" && name == "seq");
            assert!(exempt || columns.contains(&name.as_str()), "{table}.{name}");
        }
    }
    for (table, column) in NOT_SPOKEN_FOR {
        raw.execute(&format!("UPDATE {table} SET {column} = {column}"), []).unwrap();
        assert_eq!(found(&raw), None);
    }
}

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

/// Somebody who can write the whole file makes every hash right again; what a passkey signed they cannot.
#[tokio::test]
async fn t134_a_yes_that_no_passkey_signed_is_named_even_where_every_hash_is_right() {
    use crate::{
        approval::{FactorId, passkey::Registration, prove_by_passkey},
        authenticator::Authenticator,
    };
    const ORIGIN: &str = "http://localhost:4747";
    let home = Folder::with(1);
    let ledger = &home.ledgers[0];
    let mut key = Authenticator::ed25519(ORIGIN, 7);
    let token = ledger.open_enrolment(None, None, at(0)).await.unwrap().unwrap();
    let challenge = ledger.enrolment(&token, at(0)).await.unwrap().unwrap().challenge;
    let new = Registration::parse(&key.register(&challenge)).unwrap().check(&challenge, ORIGIN).unwrap();
    let factor = FactorId("fac_key".to_owned());
    assert!(ledger.finish_enrolment_by_passkey(&token, factor, new, vec![], at(0)).await.unwrap().is_some());
    let approval = asked(ledger, refund(1), at(1)).await;
    let claim = Claim::Approve { approval: approval.id.clone(), digest: approval.plan.as_ref().unwrap().digest() };
    let challenge = ledger.new_challenge(claim.clone(), at(2)).await.unwrap();
    let nonce = ledger.nonce(challenge.clone(), at(2)).await.unwrap().unwrap();
    let passkey = ledger.passkeys(None).await.unwrap().remove(0);
    let proven = prove_by_passkey(claim, &key.sign(&challenge), &passkey, &nonce, ORIGIN).unwrap();
    let decided = decide(ledger, &approval, Answer::Approve(proven), at(3)).await;
    assert!(matches!(decided, Decided::Permit(_)), "{decided:?}");
    home.check().await;
    let edit = |from: &str, to: &str| {
        let connection = home.raw();
        connection.execute("UPDATE record SET body = replace(body, ?, ?) WHERE kind = 'decision'", [from, to]).unwrap();
        make_right_again(&connection);
        let bad = found(&connection);
        connection.execute("UPDATE record SET body = replace(body, ?, ?) WHERE kind = 'decision'", [to, from]).unwrap();
        make_right_again(&connection);
        assert_eq!(found(&connection), None);
        bad.map(|bad| bad.what)
    };
    let other = "non_abcdefghijklmnopqrstuvwxyz";
    let not_asked = "its passkey does not say yes to it: the passkey was not used for this, or not in time";
    assert_eq!(edit(&nonce, other).as_deref(), Some(not_asked));
    let stranger = String::from(enrolled_key(&Authenticator::ed25519(ORIGIN, 8)));
    let mine = String::from(passkey.key.clone());
    let not_signed = "its passkey does not say yes to it: the passkey's signature is not right";
    assert_eq!(edit(&mine, &stranger).as_deref(), Some(not_signed));
    assert_eq!(edit("fac_key", "fac_new").as_deref(), Some("its passkey was not enrolled"));
}

/// The same of a lock and of a grant: what stands in the database, what its record says, and what was signed for it.
#[tokio::test]
async fn t134_t232_a_grant_or_a_lock_that_nobody_signed_is_named_even_where_every_hash_is_right() {
    use crate::{
        approval::{FactorId, passkey::Registration, prove_by_passkey},
        authenticator::Authenticator,
    };
    const ORIGIN: &str = "http://localhost:4747";
    let home = Folder::with(1);
    let ledger = &home.ledgers[0];
    let mut key = Authenticator::ed25519(ORIGIN, 7);
    let token = ledger.open_enrolment(None, None, at(0)).await.unwrap().unwrap();
    let challenge = ledger.enrolment(&token, at(0)).await.unwrap().unwrap().challenge;
    let new = Registration::parse(&key.register(&challenge)).unwrap().check(&challenge, ORIGIN).unwrap();
    let factor = FactorId("fac_key".to_owned());
    assert!(ledger.finish_enrolment_by_passkey(&token, factor, new, vec![], at(0)).await.unwrap().is_some());
    let passkey = ledger.passkeys(None).await.unwrap().remove(0);
    // a yes that gives a grant
    let approval = asked(ledger, refund(1), at(1)).await;
    let plan = approval.plan.clone().unwrap();
    let of = |text: &str| Grant::new("grt_1".to_owned(), text.to_owned(), &plan, 9_000);
    let grant = of("up to 5");
    let (id, digest) = (approval.id.clone(), plan.digest());
    let challenge = ledger.new_grant_challenge(id.clone(), digest, grant.clone(), at(2)).await.unwrap();
    assert_eq!(ledger.grant_of_challenge(challenge.clone()).await.unwrap(), Some(grant.clone()));
    let nonce = ledger.nonce(challenge.clone(), at(2)).await.unwrap().unwrap();
    let claim = Claim::Grant { approval: id, digest, grant: grant.digest() };
    let proven = prove_by_passkey(claim, &key.sign(&challenge), &passkey, &nonce, ORIGIN).unwrap();
    let decided = decide(ledger, &approval, Answer::Grant(proven, Box::new(grant)), at(3)).await;
    assert!(matches!(decided, Decided::Permit(_)), "{decided:?}");
    // a lock, and its end
    for claim in [Claim::Lock, Claim::Unlock] {
        let challenge = ledger.new_challenge(claim.clone(), at(4)).await.unwrap();
        let nonce = ledger.nonce(challenge.clone(), at(4)).await.unwrap().unwrap();
        let proven = prove_by_passkey(claim.clone(), &key.sign(&challenge), &passkey, &nonce, ORIGIN).unwrap();
        let done =
            if claim == Claim::Lock { ledger.lock(proven, at(5)).await } else { ledger.unlock(proven, at(6)).await };
        assert!(done.unwrap());
    }
    home.check().await;
    let whole = |connection: &Connection| {
        make_right_again(connection);
        found(connection).map(|bad| bad.what)
    };
    let edit = |sql: &str, undo: &str| {
        let connection = home.raw();
        connection.execute_batch(sql).unwrap();
        let bad = whole(&connection);
        connection.execute_batch(undo).unwrap();
        assert_eq!(whole(&connection), None, "{undo}");
        bad
    };
    let not_given = Some("the grant in force is not the one that was given");
    let stands = |from: &str, to: &str| format!("UPDATE granted SET text = replace(text, '{from}', '{to}')");
    assert_eq!(edit(&stands("up to 5", "up to 9"), &stands("up to 9", "up to 5")).as_deref(), not_given);
    // with its record, and the digest in that: then nobody has signed it
    let both = |from: &str, to: &str| {
        let body = format!("replace(replace(body, '{from}', '{to}'), '{}', '{}')", of(from).digest(), of(to).digest());
        format!("{}; UPDATE record SET body = {body} WHERE status = 'granted'", stands(from, to))
    };
    let not_asked = Some("its passkey does not say yes to it: the passkey was not used for this, or not in time");
    assert_eq!(edit(&both("up to 5", "up to 9"), &both("up to 9", "up to 5")).as_deref(), not_asked);
    // one that no record gave, and one that was revoked and stands again
    let more = "INSERT INTO granted SELECT 'grt_9', text, tool, definition, account_id, origin, given_at, expires_at, NULL FROM granted";
    assert_eq!(edit(more, "DELETE FROM granted WHERE id = 'grt_9'").as_deref(), Some("a grant that nobody gave"));
    assert!(ledger.revoke_grant("grt_1", at(7)).await.unwrap());
    home.check().await;
    let (stands, ended) =
        ("UPDATE granted SET revoked_at = NULL", format!("UPDATE granted SET revoked_at = {}", at(7).wall));
    assert_eq!(edit(stands, &ended).as_deref(), Some("its grant was revoked, and stands, or the other way round"));
    // the lock: what stands, and what was signed
    let locked = "INSERT INTO meta (key, value) VALUES ('locked', '1')";
    assert_eq!(
        edit(locked, "DELETE FROM meta WHERE key = 'locked'").as_deref(),
        Some("the lock does not stand as the records say")
    );
    let swap = "UPDATE record SET status = CASE status WHEN 'locked' THEN 'unlocked' ELSE 'locked' END
         WHERE status IN ('locked', 'unlocked');";
    let swapped = format!("{swap} INSERT INTO meta (key, value) VALUES ('locked', '{}')", at(6).wall);
    let undone = format!("{swap} DELETE FROM meta WHERE key = 'locked'");
    assert_eq!(edit(&swapped, &undone).as_deref(), not_asked);
}

/// The same of a policy: who changes the text in force, its record and every hash has no signature for it.
#[tokio::test]
async fn t134_t232_a_policy_that_nobody_signed_is_named_and_a_signed_kind_that_is_not_known_is_counted() {
    use crate::{
        approval::{FactorId, passkey::Registration, prove_by_passkey},
        authenticator::Authenticator,
        ledger::sqlite::pin_digest,
        policy::Pinned,
    };
    const ORIGIN: &str = "http://localhost:4747";
    let home = Folder::with(1);
    let ledger = &home.ledgers[0];
    let of = |text: &str| Pinned { text: text.to_owned(), tools: std::iter::once("a.b".to_owned()).collect() };
    assert!(ledger.pin(of("first"), None, at(0)).await.unwrap());
    let mut key = Authenticator::ed25519(ORIGIN, 7);
    let token = ledger.open_enrolment(None, None, at(0)).await.unwrap().unwrap();
    let challenge = ledger.enrolment(&token, at(0)).await.unwrap().unwrap().challenge;
    let new = Registration::parse(&key.register(&challenge)).unwrap().check(&challenge, ORIGIN).unwrap();
    let factor = FactorId("fac_key".to_owned());
    assert!(ledger.finish_enrolment_by_passkey(&token, factor, new, vec![], at(0)).await.unwrap().is_some());
    let passkey = ledger.passkeys(None).await.unwrap().remove(0);
    let mut proven = Vec::new();
    for claim in [Claim::Policy(pin_digest(&of("tight")).unwrap()), Claim::Lock, Claim::Unlock] {
        let challenge = ledger.new_challenge(claim.clone(), at(1)).await.unwrap();
        let nonce = ledger.nonce(challenge.clone(), at(1)).await.unwrap().unwrap();
        proven.push(prove_by_passkey(claim, &key.sign(&challenge), &passkey, &nonce, ORIGIN).unwrap());
    }
    let [policy, lock, unlock] = proven.try_into().unwrap();
    assert!(ledger.pin(of("tight"), Some(policy), at(2)).await.unwrap());
    assert!(ledger.lock(lock, at(3)).await.unwrap() && ledger.unlock(unlock, at(4)).await.unwrap());
    let whole = |sql: &str| {
        let connection = home.raw();
        connection.execute_batch(sql).unwrap();
        make_right_again(&connection);
        verify(&connection).unwrap().map_err(|bad| bad.what)
    };
    let unchecked = |sql: &str| whole(sql).map(|verified| verified.unchecked);
    assert_eq!(unchecked(""), Ok(BTreeMap::new()));
    let swap = |from: &str, to: &str| {
        let (old, new) = (policy_digest(from), policy_digest(to));
        format!(
            "UPDATE pin SET text = '{to}' WHERE text = '{from}';
             UPDATE record SET body = replace(body, '{old}', '{new}') WHERE status = 'policy applied'"
        )
    };
    let not_asked = "its passkey does not say yes to it: the passkey was not used for this, or not in time";
    assert_eq!(unchecked(&swap("tight", "loose")), Err(not_asked.to_owned()));
    assert_eq!(unchecked(&swap("loose", "tight")), Ok(BTreeMap::new()));
    // a kind of which it is not known what it claims is not passed over
    let renamed = "UPDATE record SET status = 'turned ' || status WHERE status IN ('locked', 'unlocked')";
    let kinds = BTreeMap::from([("turned locked".to_owned(), 1), ("turned unlocked".to_owned(), 1)]);
    assert_eq!(unchecked(renamed), Ok(kinds.clone()));
    assert_eq!(
        unchecked_text(&kinds).as_deref(),
        Some(
            "not checked: what a passkey signed in 1 `turned locked`, 1 `turned unlocked`, a kind of change that this version \
             does not know; check it with the version that wrote it"
        )
    );
}

fn enrolled_key(key: &crate::authenticator::Authenticator) -> crate::approval::passkey::PublicKey {
    let registration = crate::approval::passkey::Registration::parse(&key.register("c")).unwrap();
    registration.check("c", &key.origin).unwrap().key
}

/// The hashes of all records, computed anew.
fn make_right_again(connection: &Connection) {
    let mut statement = connection
        .prepare("SELECT seq, id, call, kind, status, caller, tool, account, body, at FROM record ORDER BY seq")
        .unwrap();
    let rows: Vec<(i64, Vec<String>, i64)> = statement
        .query_map([], |row| Ok((row.get(0)?, (1..9).map(|index| row.get(index).unwrap()).collect(), row.get(9)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut prev = vec![0_u8; 32];
    for (seq, texts, at) in rows {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let hash = record_hash(&prev, seq, texts.try_into().unwrap(), at);
        connection.execute("UPDATE record SET prev = ?, hash = ? WHERE seq = ?", params![prev, hash, seq]).unwrap();
        prev = hash.to_vec();
    }
}
