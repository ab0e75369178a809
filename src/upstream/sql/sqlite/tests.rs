use std::sync::mpsc;

use super::*;
use crate::sql::Dialect;

fn request(operation: SqlOperation) -> SqlRequest {
    SqlRequest {
        dialect: Dialect::Sqlite,
        database: String::new(),
        operation,
        statement: None,
        class: None,
        params: Vec::new(),
        name: None,
        limit: 10,
        offset: 0,
        timeout_ms: 60_000,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// A file with what `statements` make.
struct File(tempfile::TempDir);

impl File {
    fn of(statements: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Connection::open(folder.path().join("a.db")).unwrap().execute_batch(statements).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.path().join("a.db").to_str().unwrap().to_owned()
    }

    fn read(&self, statement: &str) -> Result<Value, Trouble> {
        let mut connection = open(&self.path(), true, soon())?;
        let answer = reading(&mut connection, &request(SqlOperation::Query), statement)?;
        Ok(answer["rows"].clone())
    }

    fn write(&self, statement: &str) -> Result<Value, Trouble> {
        let mut connection = open(&self.path(), false, soon())?;
        writing(&mut connection, &request(SqlOperation::Execute), statement, None, soon())
    }
}

#[test]
fn t082_what_touches_more_rows_than_were_approved_is_rolled_back() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (id); INSERT INTO t VALUES (1), (2), (3); CREATE TABLE log (id);
             CREATE TRIGGER gone AFTER DELETE ON t BEGIN INSERT INTO log VALUES (old.id); END;",
        )
        .unwrap();
    let request = request(SqlOperation::Execute);
    let mut delete = |most, until| writing(&mut connection, &request, "DELETE FROM t WHERE id > 1", most, until);
    let refused = delete(Some(1), soon()).unwrap_err();
    assert!(matches!(refused, Trouble::TooManyRows { touched: 2, most: 1, undone: true }), "{refused:?}");
    // nobody waits for it any more
    let late = delete(Some(2), Instant::now()).unwrap_err();
    assert!(matches!(late, Trouble::Slow), "{late:?}");
    // what the trigger adds is told, and not what is bounded
    assert_eq!(delete(Some(2), soon()).unwrap(), json!({ "rows_affected": 4 }));
    let left: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_answered_although_a_function_does_not_end() {
    let (end, ended) = mpsc::channel::<()>();
    let answer = answered(Duration::from_secs(4), move || {
        ended.recv().ok();
        Ok(Value::Null)
    });
    assert!(matches!(answer.await, Err(Trouble::Slow)));
    drop(end);
}

#[test]
fn a_read_makes_nothing_long_and_passes_over_what_is_long() {
    let file = File::of(
        "CREATE TABLE notes (id, photo, name);
         INSERT INTO notes VALUES (1, zeroblob(3000000), 'long'), (2, x'00', 'short');",
    );
    for statement in [
        "SELECT instr(printf('%15000000d', id), printf('%7000000d', 20)) FROM notes",
        "SELECT photo FROM notes",
        "SELECT replace(hex(zeroblob(400000)), '0', '00')",
    ] {
        let refused = file.read(statement).unwrap_err();
        assert!(matches!(refused, Trouble::TooLarge), "{statement}: {refused:?}");
    }
    assert_eq!(file.read("SELECT id, name FROM notes").unwrap(), json!([[1, "long"], [2, "short"]]));
    assert_eq!(file.read("SELECT length(photo) FROM notes").unwrap(), json!([[3_000_000], [1]]));
    assert_eq!(file.read("SELECT photo FROM notes WHERE length(photo) < 100").unwrap(), json!([["\\x00"]]));
}

#[test]
fn full_text_and_r_trees_are_read_and_written() {
    let file = File::of(
        "CREATE VIRTUAL TABLE ft USING fts5(body); INSERT INTO ft VALUES ('a first note'), ('another');
         CREATE VIRTUAL TABLE old USING fts4(body); INSERT INTO old VALUES ('a first note'), ('another');
         CREATE VIRTUAL TABLE rt USING rtree(id, low, high); INSERT INTO rt VALUES (1, 2.0, 3.0), (2, 7.0, 9.0);",
    );
    for (statement, rows) in [
        ("SELECT body FROM ft", json!([["a first note"], ["another"]])),
        ("SELECT rowid FROM ft WHERE ft MATCH 'first'", json!([[1]])),
        ("SELECT snippet(ft, 0, '[', ']', '', 9) FROM ft('first') ORDER BY bm25(ft)", json!([["a [first] note"]])),
        ("SELECT body FROM old WHERE old MATCH 'first'", json!([["a first note"]])),
        ("SELECT * FROM rt", json!([[1, 2.0, 3.0], [2, 7.0, 9.0]])),
        ("SELECT id FROM rt WHERE low > 5", json!([[2]])),
    ] {
        assert_eq!(file.read(statement).unwrap(), rows, "{statement}");
    }
    for (table, values) in [("ft", "('new row')"), ("old", "('new row')"), ("rt", "(3, 1.0, 2.0)")] {
        let statement = format!("INSERT INTO {table} VALUES {values}");
        let refused = file.read(&statement).unwrap_err();
        assert!(matches!(refused, Trouble::Wrote(_)), "{statement}: {refused:?}");
        file.write(&statement).unwrap();
        assert_eq!(file.read(&format!("SELECT count(*) FROM {table}")).unwrap(), json!([[3]]), "{table}");
    }
    // the tables that these are made of are nobody's to change
    for shadow in ["ft_data", "ft_content", "rt_node"] {
        let statement = format!("DELETE FROM {shadow}");
        assert!(file.read(&statement).is_err() && file.write(&statement).is_err(), "{shadow}");
    }
}

#[test]
fn the_pragmas_that_only_tell_are_those_that_the_classifier_knows() {
    let file = File::of("CREATE TABLE t (a); CREATE INDEX i ON t (a);");
    for statement in [
        "PRAGMA page_count",
        "PRAGMA encoding",
        "PRAGMA database_list",
        "PRAGMA table_list",
        "PRAGMA module_list",
        "PRAGMA function_list",
        "PRAGMA index_xinfo('i')",
        "PRAGMA TABLE_INFO('t')",
    ] {
        assert!(
            sql::Statement::understand(Dialect::Sqlite, statement, sql::Settings::usual(Dialect::Sqlite))
                .unwrap()
                .is_read()
        );
        file.read(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    for statement in [
        "PRAGMA encoding = 'UTF-16'",
        "PRAGMA page_size = 512",
        "PRAGMA user_version = 5",
        "PRAGMA journal_mode",
        "PRAGMA data_version = 1",
    ] {
        assert!(file.read(statement).is_err(), "{statement}");
        assert!(file.write(statement).is_err(), "{statement}");
    }
}

#[test]
fn a_text_in_double_quotes_is_no_condition_of_a_change() {
    let file = File::of("CREATE TABLE t (id); INSERT INTO t VALUES (1), (2)");
    let refused = file.write("DELETE FROM t WHERE \"1\"").unwrap_err();
    assert!(matches!(refused, Trouble::Refused { .. }), "{refused:?}");
    assert_eq!(file.write("DELETE FROM t WHERE \"id\" = 1").unwrap(), json!({ "rows_affected": 1 }));
}
