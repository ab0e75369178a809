//! PostgreSQL, as its superuser.

use std::{collections::BTreeSet, fs};

use agentport::sql::Dialect;
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{Server, calls, corpus, each_ran, files, is_read, is_seen, mutated, run_reads};
use crate::harness::Database;

const SEED: &str = r#"
    CREATE TABLE customers (id int PRIMARY KEY, name text, country text);
    CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE, total int, note text);
    INSERT INTO customers SELECT i, 'c' || i, 'FR' FROM generate_series(1, 20) i;
    INSERT INTO orders SELECT i, i % 20 + 1, i * 3, 'n' || i FROM generate_series(1, 50) i;
    CREATE TABLE docs (id int, data jsonb); INSERT INTO docs VALUES (1, '{"a": 1}'), (2, '{"b": [1, 2]}');
    CREATE TABLE only_quotes (a text); INSERT INTO only_quotes VALUES ('''"');
    CREATE TABLE "Quoted Table" (a int); INSERT INTO "Quoted Table" VALUES (1);
    CREATE TABLE touched (at timestamptz DEFAULT clock_timestamp());
    CREATE VIEW customer_names AS SELECT name FROM customers;
    CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) FROM orders GROUP BY customer;
    CREATE SEQUENCE counter; SELECT nextval('counter');
    CREATE FUNCTION touch() RETURNS int LANGUAGE plpgsql AS
        'BEGIN INSERT INTO touched DEFAULT VALUES; RETURN 1; END';
    CREATE FUNCTION touch_row(customers) RETURNS int LANGUAGE sql AS 'SELECT touch()';
    CREATE FUNCTION touch_add(int, int) RETURNS int LANGUAGE sql AS 'SELECT touch()';
    CREATE OPERATOR #+# (LEFTARG = int, RIGHTARG = int, FUNCTION = touch_add);
    CREATE FUNCTION touch_check(text) RETURNS bool LANGUAGE sql AS 'SELECT touch() = 1';
    CREATE DOMAIN touchy AS text CHECK (touch_check(VALUE));
    CREATE PROCEDURE clear() LANGUAGE sql AS 'DELETE FROM orders';
    CREATE FUNCTION touch_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM touch(); RETURN NEW; END';
    CREATE TRIGGER touching AFTER INSERT OR UPDATE OR DELETE ON customers EXECUTE FUNCTION touch_trigger();
    CREATE ROLE bob; SELECT lo_from_bytea(1, 'large'); CREATE STATISTICS told ON customer, total FROM orders;
    VACUUM ANALYZE;
"#;

/// What would change something, and what could make a reader lose its place.
const SNIPPETS: [&str; 41] = [
    "END, touch()",
    "touch()",
    "nextval('counter')",
    "(SELECT touch())",
    "(SELECT nextval('counter'))",
    ", touch()",
    "AND touch() = 1",
    "OR nextval('counter') > 0",
    "#+#",
    "#+# 1",
    "OPERATOR(public.#+#)",
    "::touchy",
    "CAST('x' AS touchy)",
    "touchy 'x'",
    "INTO evil",
    "INTO TEMP evil",
    "FOR UPDATE",
    "FOR SHARE OF customers",
    "; DELETE FROM orders",
    "DELETE FROM orders",
    "WITH x AS (DELETE FROM orders RETURNING *)",
    "(DELETE FROM orders RETURNING id)",
    "UNION SELECT touch()",
    "UNION ALL SELECT nextval('counter')",
    "FROM touch()",
    ", touch() t",
    "CROSS JOIN touch() t",
    ", LATERAL (SELECT nextval('counter')) l",
    "JOIN ROWS FROM (touch()) r ON true",
    "ORDER BY touch()",
    "LIMIT nextval('counter')",
    "OFFSET touch()",
    "OVER (ORDER BY nextval('counter'))",
    "FILTER (WHERE touch() = 1)",
    "WITHIN GROUP (ORDER BY touch())",
    "TABLESAMPLE SYSTEM (touch())",
    "ANALYZE",
    "EXPLAIN ANALYZE",
    "set_config('work_mem', '5MB', false)",
    "'",
    "/*",
];

/// Of those of which PostgreSQL itself says that they may give another answer each time or must not run in parallel, the ones
/// that are only that. `current_schema` makes the schema for temporary tables where that one comes first in the search path;
/// on our own connections it comes last.
const ONLY_LIVELY: [&str; 12] = [
    "clock_timestamp",
    "current_schema",
    "current_schemas",
    "gen_random_uuid",
    "pg_database_size",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_relation_size",
    "pg_table_size",
    "pg_total_relation_size",
    "random",
    "timeofday",
];

/// For functions that don't take whatever one has.
const PARTICULAR: [&str; 33] = [
    "SELECT * FROM json_to_record('{\"a\": 1}') AS x(a int)",
    "SELECT * FROM jsonb_to_record('{\"a\": 1}') AS x(a int)",
    "SELECT * FROM json_to_recordset('[{\"a\": 1}]') AS x(a int)",
    "SELECT * FROM jsonb_to_recordset('[{\"a\": 1}]') AS x(a int)",
    "SELECT convert_from('\\x61'::bytea, 'UTF8')",
    "SELECT convert_to('a', 'UTF8')",
    "SELECT date_part('year', now())",
    "SELECT date_trunc('day', now())",
    "SELECT decode('61', 'hex')",
    "SELECT encode('\\x61'::bytea, 'hex')",
    "SELECT extract(year FROM now())",
    "SELECT has_any_column_privilege('customers', 'SELECT')",
    "SELECT has_column_privilege('customers', 'id', 'SELECT')",
    "SELECT has_database_privilege('shop', 'CONNECT')",
    "SELECT has_schema_privilege('public', 'USAGE')",
    "SELECT has_table_privilege('customers', 'SELECT')",
    "SELECT json_array_elements('[1]')",
    "SELECT json_array_elements_text('[1]')",
    "SELECT json_array_length('[1]')",
    "SELECT jsonb_array_elements('[1]')",
    "SELECT jsonb_array_elements_text('[1]')",
    "SELECT jsonb_array_length('[1]')",
    "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef",
    "SELECT pg_size_pretty(1::bigint)",
    "SELECT to_ascii('a', 'LATIN1')",
    "SELECT to_number('1', '9')",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger",
    "SELECT pg_get_functiondef('touch'::regproc)",
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint",
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index",
    "SELECT current_setting('work_mem')",
    "SELECT interval(3) '1 day'",
    "SELECT position('a' IN 'b')",
];

/// What has to be seen.
const EFFECTS: [&str; 18] = [
    "SELECT touch()",
    "SELECT nextval('counter')",
    "SELECT setval('counter', 99)",
    "SELECT set_config('work_mem', '5MB', false)",
    "SELECT pg_advisory_lock(5)",
    "SELECT lo_create(777)",
    "SELECT txid_current()",
    "SELECT pg_create_physical_replication_slot('evil')",
    "SELECT pg_stat_reset()",
    "SELECT id INTO TEMP evil FROM customers",
    "COPY customers TO PROGRAM 'cat > evil'",
    "SELECT lo_export(1, 'evil-too')",
    "ALTER SYSTEM SET work_mem = '5MB'",
    "ALTER ROLE bob SET work_mem = '5MB'",
    "ALTER TABLE customers CLUSTER ON customers_pkey",
    "PREPARE x AS SELECT 1",
    "LISTEN x",
    "GRANT SELECT ON docs TO bob",
];

/// What writes must not run in a parallel worker, and what has any effect gives no promise about its answer.
const SUSPICIOUS: &str = "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace \
    AND (proparallel = 'u' OR provolatile = 'v') AND prokind <> 'p' ORDER BY proname";

pub(super) struct Postgres {
    runtime: Runtime,
    client: Client,
    /// Somebody else, who must not be disturbed.
    bystander: Client,
    pub(super) database: Database,
}

impl Postgres {
    pub(super) fn start(test: &str) -> Option<Self> {
        let database = Database::postgres(test)?;
        database.run(SEED);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = connected(&runtime, &database);
        let bystander = connected(&runtime, &database);
        Some(Self { runtime, client, bystander, database })
    }

    /// Whatever a script has begun or set is no more; temporary tables stay.
    pub(super) fn settle(&mut self) {
        for statement in ["ROLLBACK", "RESET SESSION AUTHORIZATION; RESET ALL; DEALLOCATE ALL; CLOSE ALL; UNLISTEN *"] {
            self.run(statement).unwrap();
        }
    }

    /// Another session for what is run.
    pub(super) fn reconnect(&mut self) {
        self.client = connected(&self.runtime, &self.database);
    }

    fn text(&self, client: &Client, statement: &str) -> Result<String, String> {
        let answer = self.runtime.block_on(client.simple_query(statement)).map_err(|error| {
            error
                .as_db_error()
                .map_or_else(|| error.to_string(), |said| format!("{} {}", said.code().code(), said.message()))
        })?;
        let mut text = String::new();
        for message in answer {
            if let SimpleQueryMessage::Row(row) = message {
                for column in 0..row.len() {
                    text.push_str(row.get(column).unwrap_or("NULL"));
                    text.push('\t');
                }
                text.push('\n');
            }
        }
        Ok(text)
    }
}

fn connected(runtime: &Runtime, database: &Database) -> Client {
    runtime.block_on(async {
        let (user, password) = database.superuser();
        let stream = TcpStream::connect(("127.0.0.1", database.port())).await.unwrap();
        let mut config = Config::new();
        config.user(user).password(password).dbname("shop");
        let (client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    })
}

impl Server for Postgres {
    fn run(&mut self, statement: &str) -> Result<(), String> {
        self.text(&self.client, statement).map(|_| ())
    }

    fn state(&mut self) -> String {
        // what the session holds, which a dump has not
        const SESSION: &str = "SELECT name, setting FROM pg_settings UNION ALL SELECT 'prepared', name FROM pg_prepared_statements \
            UNION ALL SELECT 'cursor', name FROM pg_cursors UNION ALL SELECT 'listens', pg_listening_channels() \
            UNION ALL SELECT 'temporary', relname FROM pg_class WHERE relpersistence = 't' ORDER BY 1, 2";
        const SERVER: &str = "SELECT 'lock', locktype, classid::text, objid::text FROM pg_locks WHERE locktype = 'advisory' \
            UNION ALL SELECT 'slot', slot_name, '', '' FROM pg_replication_slots \
            UNION ALL SELECT 'statistics since', datname, stats_reset::text, '' FROM pg_stat_database \
            UNION ALL SELECT 'prepared', gid, '', '' FROM pg_prepared_xacts \
            UNION ALL SELECT 'next number of a transaction that writes', pg_snapshot_xmax(pg_current_snapshot())::text, '', '' \
            UNION ALL SELECT 'session', backend_type, pid::text, '' FROM pg_stat_activity \
            WHERE backend_type IN ('client backend', 'checkpointer', 'logger') ORDER BY 1, 2, 3";
        let dump = self.database.dump();
        // a word that is another one in each dump
        let dump = dump.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        let mut state: String = dump.flat_map(|line| [line, "\n"]).collect();
        state.push_str(&self.text(&self.client, SESSION).unwrap());
        // those who made the dump may still be leaving
        let own = self.text(&self.client, SERVER).unwrap();
        let pids: Vec<String> = [&self.client, &self.bystander]
            .map(|client| self.text(client, "SELECT pg_backend_pid()").unwrap().trim().to_owned())
            .into();
        let is_foreign = |line: &str| line.contains("client backend") && !pids.iter().any(|pid| line.contains(pid));
        state.extend(own.lines().filter(|line| !is_foreign(line)).flat_map(|line| [line, "\n"]));
        // the server's own comings and goings; `base` holds the tables, which are in the dump
        let noise = |name: &str| {
            ["pg_wal/", "pg_stat", "pg_subtrans/", "base/", "pg_notify/"].iter().any(|part| name.starts_with(part))
        };
        state.push_str(&files(&self.database.data(), noise).join("\n"));
        for file in ["postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "postgresql.conf"] {
            state.push_str(&fs::read_to_string(self.database.data().join(file)).unwrap());
        }
        state
    }
}

/// A value that a parameter of this type could take, with and without its type.
fn value(ty: &str) -> [String; 2] {
    let literal = match ty {
        "smallint" | "integer" | "bigint" | "oid" | "numeric" | "real" | "double precision" | "anyelement"
        | "\"any\"" | "anycompatible" | "anynonarray" => return ["1".to_owned(), "'1'".to_owned()],
        "anyarray" | "anycompatiblearray" => return ["ARRAY[1, 2]".to_owned(), "ARRAY['a', 'b']".to_owned()],
        "anyrange" | "anymultirange" | "anycompatiblerange" => {
            return ["'[1,2)'::int4range".to_owned(), "'[1,2)'::numrange".to_owned()];
        }
        "record" => return ["ROW(1, 2)".to_owned(), "customers".to_owned()],
        "boolean" => return ["true".to_owned(), "false".to_owned()],
        "json" | "jsonb" => "{\"a\": [1, 2]}",
        "jsonpath" => "$.a",
        "date" | "timestamp without time zone" | "timestamp with time zone" => "2024-01-01",
        "time without time zone" | "time with time zone" => "12:00",
        "interval" => "1 day",
        "bytea" => "\\x00ff",
        "uuid" => "00000000-0000-0000-0000-000000000001",
        "inet" | "cidr" => "10.0.0.0",
        "macaddr" => "08:00:2b:01:02:03",
        "macaddr8" => "08:00:2b:01:02:03:04:05",
        "bit" | "bit varying" => "101",
        "point" => "(1,1)",
        "box" | "lseg" | "path" => "((1,1),(2,2))",
        "polygon" => "((1,1),(2,2),(3,1))",
        "circle" => "<(1,1),1>",
        "line" => "{1,1,1}",
        "tsvector" | "tsquery" => "a",
        "regconfig" => "english",
        "regtype" => "integer",
        "regproc" | "regprocedure" => "pg_backend_pid()",
        "regrole" => "postgres",
        "xml" => "<a/>",
        "pg_lsn" => "0/0",
        "tid" => "(0,1)",
        "xid" | "xid8" | "cid" | "money" => "1",
        "aclitem" => "postgres=r/postgres",
        "pg_snapshot" | "txid_snapshot" => "1:1:",
        "int4range" | "int8range" | "numrange" => "[1,2)",
        "int4multirange" | "int8multirange" | "nummultirange" => "{[1,2)}",
        "daterange" | "tsrange" | "tstzrange" => "[2024-01-01,2024-01-02)",
        array if array.ends_with("[]") => "{1,2}",
        // text, names, and what nobody can write
        _ => "counter",
    };
    let ty = ty.trim_matches('"');
    [format!("'{literal}'::{ty}"), format!("'{literal}'")]
}

/// Every function of the catalog: its name, its kind, and the types that it takes.
fn catalog(server: &Postgres) -> Vec<(String, String, Vec<String>)> {
    const FUNCTIONS: &str = "SELECT proname, prokind, (SELECT string_agg(format_type(t, NULL), ';' ORDER BY n) \
        FROM unnest(proargtypes) WITH ORDINALITY AS a (t, n)) FROM pg_proc \
        WHERE pronamespace = 'pg_catalog'::regnamespace ORDER BY proname, oid";
    let rows = server.text(&server.bystander, FUNCTIONS).unwrap();
    rows.lines()
        .map(|row| {
            let cells: Vec<&str> = row.split('\t').collect();
            let types = if cells[2] == "NULL" { Vec::new() } else { cells[2].split(';').map(str::to_owned).collect() };
            (cells[0].to_owned(), cells[1].to_owned(), types)
        })
        .collect()
}

fn calls_of((name, kind, types): &(String, String, Vec<String>)) -> Vec<String> {
    let mut all = Vec::new();
    for form in 0..2 {
        let values: Vec<String> = types.iter().map(|ty| value(ty)[form].clone()).collect();
        let list = values.join(", ");
        all.push(format!("SELECT {name}({list})"));
        all.push(format!("SELECT pg_catalog.{name}({list})"));
        match kind.as_str() {
            "f" => all.push(format!("SELECT * FROM {name}({list})")),
            "a" => {
                all.push(format!("SELECT {name}({list}) FROM customers"));
                all.push(format!("SELECT {name}({list}) WITHIN GROUP (ORDER BY id) FROM customers"));
                let (order, rest) = values.split_last().map_or(("1", &[][..]), |(order, rest)| (order.as_str(), rest));
                all.push(format!("SELECT {name}({}) WITHIN GROUP (ORDER BY {order}) FROM customers", rest.join(", ")));
            }
            _ => all.push(format!("SELECT {name}({list}) OVER (ORDER BY id) FROM customers")),
        }
    }
    all
}

#[test]
fn the_corpus_read_by_a_superuser_of_postgres_changes_nothing() {
    let Some(mut server) = Postgres::start("the_corpus_read_by_a_superuser_of_postgres") else { return };
    let ran = run_reads(&mut server, Dialect::Postgres, corpus(Dialect::Postgres));
    ran.mostly(100);
    assert!(ran.well.len() >= 200, "{} reads are few", ran.well.len());
    let ran = run_reads(&mut server, Dialect::Postgres, mutated(Dialect::Postgres, &SNIPPETS));
    assert!(ran.well.len() >= 900, "{} reads are few", ran.well.len());
    is_seen(&mut server, &EFFECTS);
}

#[test]
fn every_function_of_postgres_that_passes_changes_nothing() {
    let Some(mut server) = Postgres::start("every_function_of_postgres_that_passes") else { return };
    let catalog = catalog(&server);
    let names: BTreeSet<String> = catalog.iter().map(|(name, ..)| name.clone()).collect();
    assert!(names.len() > 2_500, "{} functions are few", names.len());
    let mut statements: Vec<String> = catalog.iter().flat_map(calls_of).collect();
    statements.extend(names.iter().flat_map(|name| calls(name, &["1", "'counter'"])));
    statements.extend(PARTICULAR.map(str::to_owned));
    let ran = run_reads(&mut server, Dialect::Postgres, statements);
    each_ran(&names, &ran, 300);
}

#[test]
fn what_postgres_says_may_write_does_not_pass() {
    let Some(server) = Postgres::start("what_postgres_says_may_write_does_not_pass") else { return };
    let rows = server.text(&server.bystander, SUSPICIOUS).unwrap();
    let passes = |name: &&str| {
        ["", "1", "'x'", "1, 1"].iter().any(|list| is_read(Dialect::Postgres, &format!("SELECT {name}({list})")))
    };
    let passing: Vec<&str> = rows.lines().map(|line| line.trim_end_matches('\t')).filter(passes).collect();
    assert_eq!(passing, ONLY_LIVELY);
}
