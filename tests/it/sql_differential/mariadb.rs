//! MariaDB, as its root.

use std::{collections::BTreeSet, path::Path};

use agentport::sql::Dialect;
use mysql_async::{Conn, OptsBuilder, Row, prelude::Queryable as _};
use tokio::runtime::Runtime;

use super::{Server, calls, corpus, each_ran, files, is_name, is_seen, mutated, run_reads};
use crate::harness::Database;

const SEED: &str = r"
    CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), country varchar(9), KEY (name), FULLTEXT (name));
    CREATE TABLE orders (id int PRIMARY KEY, customer int, total int, note varchar(40),
        FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE);
    INSERT INTO customers SELECT seq, concat('c', seq), 'FR' FROM seq_1_to_20;
    INSERT INTO orders SELECT seq, seq % 20 + 1, seq * 3, concat('n', seq) FROM seq_1_to_50;
    CREATE TABLE touched (id int AUTO_INCREMENT PRIMARY KEY);
    CREATE VIEW customer_names AS SELECT name FROM customers;
    CREATE SEQUENCE counter NOCACHE; SELECT nextval(counter);
    DELIMITER //
    CREATE FUNCTION touch() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO touched VALUES (); RETURN 1; END //
    CREATE PROCEDURE clear() DELETE FROM orders //
    CREATE TRIGGER touching AFTER UPDATE ON customers FOR EACH ROW INSERT INTO touched VALUES () //
    DELIMITER ;
    CREATE USER bob;
";

const SNIPPETS: [&str; 39] = [
    "END, touch()",
    "touch()",
    "nextval(counter)",
    "(SELECT touch())",
    "(SELECT nextval(counter))",
    ", touch()",
    ", NEXT VALUE FOR counter",
    "AND touch() = 1",
    "OR nextval(counter) > 0",
    "|| touch()",
    "@x := 5",
    ", @x := touch()",
    "INTO @x",
    "INTO OUTFILE '/tmp/agentport-evil'",
    "INTO DUMPFILE 'evil'",
    "FOR UPDATE",
    "LOCK IN SHARE MODE",
    "; DELETE FROM orders",
    "DELETE FROM orders",
    "WITH x AS (DELETE FROM orders RETURNING *)",
    "UNION SELECT touch()",
    "UNION ALL SELECT nextval(counter)",
    "ORDER BY touch()",
    "LIMIT 1 PROCEDURE analyse()",
    "OVER (ORDER BY touch())",
    "HAVING touch() = 1",
    "USING (touch())",
    "/*! , touch() */",
    "/*!50000 UNION SELECT touch() */",
    "/*M! , touch() */",
    "-- ",
    "--1",
    "#",
    "'",
    "\"",
    "\\'",
    "`touch`()",
    "ANALYZE",
    "last_insert_id(7)",
];

const VALUES: [&str; 4] = ["1", "'customers'", "'{\"a\": [1, 2]}'", "'2024-01-01'"];

/// For functions that don't take whatever one has.
const PARTICULAR: [&str; 6] = [
    "SELECT date_add('2024-01-01', INTERVAL 1 DAY)",
    "SELECT date_sub('2024-01-01', INTERVAL 1 DAY)",
    "SELECT position('a' IN 'b')",
    "SELECT get_format(DATE, 'USA')",
    "SELECT timestampadd(DAY, 1, '2024-01-01')",
    "SELECT timestampdiff(DAY, '2024-01-01', '2024-01-02')",
];

/// What has to be seen.
const EFFECTS: [&str; 11] = [
    "SELECT touch()",
    "SELECT nextval(counter)",
    "SELECT setval(counter, 99)",
    "SELECT get_lock('customers', 1)",
    "SELECT name FROM customers INTO OUTFILE 'evil'",
    "SET GLOBAL max_connections = 77",
    "SET SESSION sql_mode = ''",
    "CREATE USER evil",
    "UPDATE customers SET name = 'x' WHERE id = 1",
    "CREATE EVENT evil ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders",
    "ANALYZE TABLE customers PERSISTENT FOR ALL",
];

/// Everything that MariaDB reads as a function or as a word of its own.
const NAMES: &str = "SELECT lower(function) FROM information_schema.sql_functions \
    UNION SELECT lower(word) FROM information_schema.keywords";

pub(super) struct Mariadb {
    runtime: Runtime,
    connection: Conn,
    database: Database,
}

impl Mariadb {
    pub(super) fn start(test: &str) -> Option<Self> {
        let database = Database::mariadb(test)?;
        database.run(SEED);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = connected(&runtime, &database);
        Some(Self { runtime, connection, database })
    }

    /// Another session.
    pub(super) fn reconnect(&mut self) {
        self.connection = connected(&self.runtime, &self.database);
    }

    fn rows(&mut self, statement: &str) -> Result<Vec<Row>, String> {
        self.runtime.block_on(self.connection.query(statement)).map_err(|error| error.to_string())
    }

    fn text(&mut self, statement: &str) -> String {
        let rows = self.rows(statement).unwrap();
        rows.into_iter().map(|row| format!("{:?}", row.unwrap())).collect::<Vec<_>>().join("\n")
    }
}

fn connected(runtime: &Runtime, database: &Database) -> Conn {
    let (user, password) = database.superuser();
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(database.port())
        .user(Some(user))
        .pass(Some(password))
        .db_name(Some("shop"))
        .prefer_socket(false);
    let mut connection = runtime.block_on(Conn::new(opts)).unwrap();
    // the settings of the product's own connections, and a limit for what would never end
    let settings = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', max_statement_time = 5";
    runtime.block_on(connection.query_drop(settings)).unwrap();
    connection
}

impl Server for Mariadb {
    fn run(&mut self, statement: &str) -> Result<(), String> {
        self.rows(statement).map(|_| ())
    }

    fn state(&mut self) -> String {
        const LIVELY: &str = "('timestamp', 'rand_seed1', 'rand_seed2', 'identity', 'last_insert_id', 'insert_id', \
            'error_count', 'warning_count', 'pseudo_thread_id', 'innodb_buffer_pool_load_incremental', 'gtid_binlog_state')";
        let mut state = self.database.dump();
        for scope in ["SESSION", "GLOBAL"] {
            state.push_str(&self.text(&format!("SHOW {scope} VARIABLES WHERE Variable_name NOT IN {LIVELY}")));
        }
        state.push_str(&self.text("SELECT table_name FROM information_schema.tables WHERE table_type = 'TEMPORARY'"));
        let locks = VALUES[1..].iter().map(|name| format!("is_used_lock({name})")).collect::<Vec<_>>().join(", ");
        state.push_str(&self.text(&format!("SELECT {locks}")));
        let noise = |name: &str| name.starts_with("ib_") || name.starts_with("#sql") || name.contains("aria_log");
        state.push_str(&files(&self.database.data(), noise).join("\n"));
        state.push_str(&format!("{}", Path::new("/tmp/agentport-evil").exists()));
        state
    }
}

#[test]
fn the_corpus_read_by_root_of_mariadb_changes_nothing() {
    let Some(mut server) = Mariadb::start("the_corpus_read_by_root_of_mariadb") else { return };
    let ran = run_reads(&mut server, Dialect::Mysql, corpus(Dialect::Mysql));
    ran.mostly(99);
    assert!(ran.well.len() >= 190, "{} reads are few", ran.well.len());
    let ran = run_reads(&mut server, Dialect::Mysql, mutated(Dialect::Mysql, &SNIPPETS));
    assert!(ran.well.len() >= 2_000, "{} reads are few", ran.well.len());
    is_seen(&mut server, &EFFECTS);
}

#[test]
fn every_function_of_mariadb_that_passes_changes_nothing() {
    let Some(mut server) = Mariadb::start("every_function_of_mariadb_that_passes") else { return };
    let names: Vec<String> = server.rows(NAMES).unwrap().into_iter().map(mysql_async::from_row).collect();
    let names: BTreeSet<String> = names.into_iter().filter(|name| is_name(name)).collect();
    assert!(names.len() > 800, "{} names are few", names.len());
    let mut statements: Vec<String> = names.iter().flat_map(|name| calls(name, &VALUES)).collect();
    for name in &names {
        for call in [
            "(id)",
            "(id, 1)",
            "()",
            "(id) OVER (ORDER BY id)",
            "(2) OVER (ORDER BY id)",
            "(id, 1) OVER (ORDER BY id)",
            "() OVER (ORDER BY id)",
        ] {
            statements.push(format!("SELECT {name}{call} FROM customers"));
        }
    }
    statements.extend(PARTICULAR.map(str::to_owned));
    let ran = run_reads(&mut server, Dialect::Mysql, statements);
    each_ran(&names, &ran, 200);
}
