//! SQLite: the one that is compiled in, and Debian's shell, which has functions that write files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use agentport::sql::Dialect;
use rusqlite::Connection;

use super::{Server, calls, corpus, each_ran, files, is_name, is_seen, mutated, run_reads};
use crate::harness::{shell_of_sqlite, skip};

const SEED: &str = r#"
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, country TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers ON DELETE CASCADE, total INTEGER, note TEXT);
    CREATE INDEX customer_name ON customers (name);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO customers SELECT i, 'c' || i, 'FR' FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO orders SELECT i, i % 20 + 1, i * 3, 'n' || i FROM n;
    CREATE TABLE docs (id INTEGER, data TEXT); INSERT INTO docs VALUES (1, '{"a": 1}'), (2, '{"b": [1, 2]}');
    CREATE VIEW customer_names AS SELECT name FROM customers;
    CREATE VIRTUAL TABLE search USING fts5(text); INSERT INTO search VALUES ('some words');
    CREATE VIRTUAL TABLE old_search USING fts4(text); INSERT INTO old_search VALUES ('some words');
    CREATE TABLE touched (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO touched DEFAULT VALUES;
    CREATE TRIGGER touching AFTER UPDATE ON customers BEGIN INSERT INTO touched VALUES (NULL); END;
"#;

const SNIPPETS: [&str; 31] = [
    "END, writefile('evil.txt', 'x')",
    "writefile('evil.txt', 'x')",
    "(SELECT writefile('evil.txt', 'x'))",
    ", writefile('evil.txt', 'x')",
    "AND writefile('evil.txt', 'x') > 0",
    "|| writefile('evil.txt', 'x')",
    "WriteFile/**/('evil.txt', 'x')",
    "; DELETE FROM orders",
    "DELETE FROM orders",
    "WITH x AS (DELETE FROM orders RETURNING *)",
    "RETURNING *",
    "UNION SELECT writefile('evil.txt', 'x')",
    "ORDER BY writefile('evil.txt', 'x')",
    "LIMIT writefile('evil.txt', 'x')",
    "OVER (ORDER BY writefile('evil.txt', 'x'))",
    "FILTER (WHERE writefile('evil.txt', 'x') > 0)",
    "HAVING writefile('evil.txt', 'x') > 0",
    ", pragma_user_version(5)",
    "JOIN pragma_journal_mode('wal')",
    "FROM pragma_application_id(7)",
    "PRAGMA user_version = 5",
    "INTO 'evil.db'",
    "ATTACH 'evil.db' AS evil",
    "VACUUM",
    "= 5",
    "-- ",
    "/*",
    "'",
    "\"",
    "[",
    "`",
];

const VALUES: [&str; 6] = ["1", "'customers'", "'{\"a\": [1, 2]}'", "'2024-01-01'", "'$.a'", "x'00ff'"];

/// A file in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn seeded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Connection::open(folder.path().join("shop.db")).unwrap().execute_batch(SEED).unwrap();
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    /// The file to the last byte, and what lies beside it.
    fn state(&self) -> String {
        let bytes = data_encoding::HEXLOWER.encode(&fs::read(self.file()).unwrap());
        format!("{bytes}\n{}", files(self.folder.path(), |_| false).join("\n"))
    }
}

pub(super) struct Embedded {
    place: Place,
    connection: Connection,
    steps: Arc<AtomicU32>,
}

impl Embedded {
    fn start() -> Self {
        Self::of(Place::seeded())
    }

    /// One in which there is nothing yet.
    pub(super) fn empty() -> Self {
        Self::of(Place { folder: tempfile::tempdir().unwrap() })
    }

    fn of(place: Place) -> Self {
        let mut connection = Connection::open(place.file()).unwrap();
        // what would never end is interrupted
        let steps: Arc<AtomicU32> = Arc::default();
        let counted = Arc::clone(&steps);
        let is_enough = move || counted.fetch_add(1, Ordering::Relaxed) > 200;
        connection.progress_handler(10_000, Some(is_enough)).unwrap();
        Self { place, connection, steps }
    }

    fn texts(&self, statement: &str) -> Vec<String> {
        let mut prepared = self.connection.prepare(statement).unwrap();
        let rows = prepared.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

impl Server for Embedded {
    fn run(&mut self, statement: &str) -> Result<(), String> {
        self.steps.store(0, Ordering::Relaxed);
        let run = || {
            let mut prepared = self.connection.prepare(statement)?;
            for index in 1..=prepared.parameter_count() {
                prepared.raw_bind_parameter(index, 1)?;
            }
            let mut rows = prepared.raw_query();
            while rows.next()?.is_some() {}
            Ok(())
        };
        run().map_err(|error: rusqlite::Error| error.to_string())
    }

    fn state(&mut self) -> String {
        let mut state = self.place.state();
        state.push_str(&self.texts("SELECT name FROM temp.sqlite_schema").join("\n"));
        state.push_str(&self.texts("SELECT name || coalesce(file, '') FROM pragma_database_list").join("\n"));
        for pragma in ["query_only", "foreign_keys", "synchronous", "cache_size", "user_version", "recursive_triggers"]
        {
            let value: i64 = self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap();
            state.push_str(&format!("{pragma} {value}\n"));
        }
        state.push_str(&format!("{} changes", self.connection.total_changes()));
        state
    }
}

struct Shell {
    place: Place,
}

impl Server for Shell {
    fn run(&mut self, statement: &str) -> Result<(), String> {
        shell_of_sqlite(&self.place.file(), statement)
    }

    fn state(&mut self) -> String {
        self.place.state()
    }
}

#[test]
fn the_corpus_read_by_sqlite_changes_nothing() {
    let mut server = Embedded::start();
    let ran = run_reads(&mut server, Dialect::Sqlite, corpus(Dialect::Sqlite));
    ran.mostly(99);
    assert!(ran.well.len() >= 180, "{} reads are few", ran.well.len());
    let ran = run_reads(&mut server, Dialect::Sqlite, mutated(Dialect::Sqlite, &SNIPPETS));
    assert!(ran.well.len() >= 100, "{} reads are few", ran.well.len());
    let effects = [
        "UPDATE customers SET name = 'x' WHERE id = 1",
        "PRAGMA user_version = 5",
        "PRAGMA query_only = 1",
        "PRAGMA query_only = 0",
        "ATTACH 'file:evil?mode=memory' AS evil",
        "CREATE TEMP TABLE evil (a)",
        "PRAGMA journal_mode = wal",
    ];
    is_seen(&mut server, &effects);
}

#[test]
fn the_corpus_read_by_the_shell_of_sqlite_changes_nothing() {
    if !Path::new("/usr/bin/sqlite3").exists() {
        return skip("the_corpus_read_by_the_shell_of_sqlite: there is no sqlite3; install sqlite3");
    }
    let mut server = Shell { place: Place::seeded() };
    let ran = run_reads(&mut server, Dialect::Sqlite, corpus(Dialect::Sqlite));
    ran.mostly(97);
    let ran = run_reads(&mut server, Dialect::Sqlite, mutated(Dialect::Sqlite, &SNIPPETS));
    assert!(ran.well.len() >= 100, "{} reads are few", ran.well.len());
    is_seen(&mut server, &["SELECT writefile('evil.txt', 'x')", "VACUUM INTO 'evil.db'", "DELETE FROM orders"]);
}

#[test]
fn every_function_of_sqlite_that_passes_changes_nothing() {
    let mut server = Embedded::start();
    let names = server.texts("SELECT name FROM pragma_function_list UNION SELECT name FROM pragma_module_list");
    let names: BTreeSet<String> =
        names.into_iter().filter(|name| is_name(name) && !name.starts_with("current_")).collect();
    assert!(names.len() > 120, "{} names are few", names.len());
    let mut statements: Vec<String> = names.iter().flat_map(|name| calls(name, &VALUES)).collect();
    for name in &names {
        for call in ["(id)", "(id) OVER (ORDER BY id)", "(id, 1) OVER (ORDER BY id)", "() OVER (ORDER BY id)"] {
            statements.push(format!("SELECT {name}{call} FROM customers"));
        }
        for (call, table) in [
            ("{}(search, 0, 'a', 'b')", "search"),
            ("{}(search, 0, 'a', 'b', 'c', 5)", "search"),
            ("{}(old_search)", "old_search"),
            ("{}(search)", "search"),
        ] {
            let call = call.replace("{}", name);
            statements.push(format!("SELECT {call} FROM {table} WHERE {table} MATCH 'some'"));
        }
    }
    statements.push("SELECT likelihood(1, 0.5)".to_owned());
    let ran = run_reads(&mut server, Dialect::Sqlite, statements);
    each_ran(&names, &ran, 85);
}
