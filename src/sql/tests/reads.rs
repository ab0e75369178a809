//! What is a read, what class it has otherwise, and what it touches.

use std::fs;

use super::{DIALECTS, is_no_read, tables, understood};
use crate::sql::{Class, Dialect, Settings, Statement};

#[test]
fn what_a_read_is() {
    for dialect in DIALECTS {
        for text in [
            "SELECT 1",
            "select id, name from customers where id = 7 order by name desc limit 10 offset 5;",
            "SELECT count(*), max(total) FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.name HAVING count(*) > 2",
            "WITH big AS (SELECT * FROM orders WHERE total > 100) SELECT * FROM big UNION ALL SELECT * FROM orders",
            "SELECT CASE WHEN a IS NULL THEN 'x' ELSE upper(b) END FROM t WHERE a IN (1, 2) AND b LIKE 'x%' OR NOT EXISTS (SELECT 1 FROM u WHERE u.id = t.id)",
            "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t",
            "SELECT coalesce(a, 0), substr(b, 1, 3), CAST(a AS char(3)) FROM t WHERE a BETWEEN 1 AND 2",
            "EXPLAIN SELECT * FROM t",
        ] {
            let statement = understood(dialect, text);
            assert_eq!(statement.why_not_read(), None, "{dialect}: {text}");
            assert_eq!(statement.class(), Class::Select, "{dialect}: {text}");
        }
    }
    for (dialect, text) in [
        (
            Dialect::Postgres,
            "SELECT data->>'a', x::int, ARRAY[1,2], now() AT TIME ZONE 'utc' FROM t WHERE data @> '{}' AND n ~ 'x'",
        ),
        (Dialect::Postgres, "SELECT DISTINCT ON (a) a FROM t CROSS JOIN LATERAL (SELECT 1) s, unnest(ARRAY[1]) u"),
        (Dialect::Postgres, "EXPLAIN DELETE FROM t"),
        (Dialect::Postgres, "SHOW server_version"),
        (Dialect::Postgres, "SELECT * FROM generate_series(1, 10)"),
        (Dialect::Postgres, "SELECT pg_size_pretty(pg_total_relation_size('customers'::regclass))"),
        (Dialect::Postgres, "VALUES (1), (2)"),
        (Dialect::Mysql, "SHOW TABLES"),
        (Dialect::Mysql, "SHOW COLUMNS FROM customers"),
        (Dialect::Mysql, "SHOW CREATE TABLE customers"),
        (Dialect::Mysql, "DESCRIBE customers"),
        (Dialect::Mysql, "SELECT `a`, @@version, date_add(now(), INTERVAL 1 DAY), if(a, 1, 2) FROM `t` LIMIT 5, 10"),
        (Dialect::Mysql, "SELECT group_concat(a ORDER BY b SEPARATOR ',') FROM t # why not\n"),
        (Dialect::Sqlite, "PRAGMA table_info('customers')"),
        (Dialect::Sqlite, "SELECT [a], \"b\", json_extract(c, '$.x') FROM t, json_each(t.c) WHERE a GLOB 'x*'"),
    ] {
        let statement = understood(dialect, text);
        assert_eq!(statement.why_not_read(), None, "{dialect}: {text}");
    }
}

#[test]
fn classes_tables_functions_and_conditions() {
    let statement = understood(Dialect::Postgres, "update Public.Customers set name = lower($1) where id = $2");
    assert_eq!(statement.class(), Class::Update);
    assert_eq!(statement.tables(), &["customers", "public.customers"].map(str::to_owned).into());
    assert_eq!(statement.functions(), &["lower".to_owned()].into());
    assert_eq!((statement.has_where(), statement.parameters()), (Some(true), 2));
    assert_eq!(statement.why_not_read(), Some("it is of class `update`"));
    assert_eq!(statement.text(), "UPDATE public.customers SET name = lower($1) WHERE id = $2");
    for (text, class, has_where) in [
        ("DELETE FROM t", Class::Delete, Some(false)),
        ("DELETE FROM t WHERE 1 = 1", Class::Delete, Some(false)),
        ("DELETE FROM t WHERE true", Class::Delete, Some(false)),
        ("DELETE FROM t WHERE id = 1", Class::Delete, Some(true)),
        ("INSERT INTO t VALUES (1)", Class::Insert, None),
        ("INSERT INTO t (a) SELECT a FROM u", Class::Insert, None),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", Class::Insert, None),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", Class::Update, Some(true)),
        ("WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x", Class::Delete, Some(false)),
        ("CREATE TABLE t (a int)", Class::Ddl, None),
        ("DROP TABLE t", Class::Ddl, None),
        ("TRUNCATE t", Class::Ddl, None),
        ("ALTER TABLE t ADD COLUMN b int", Class::Ddl, None),
        ("CREATE INDEX i ON t (a)", Class::Ddl, None),
        ("GRANT SELECT ON t TO bob", Class::Grant, None),
        ("REVOKE ALL ON t FROM bob", Class::Grant, None),
        ("CREATE ROLE bob", Class::Grant, None),
        ("EXPLAIN ANALYZE DELETE FROM t", Class::Delete, Some(false)),
        ("BEGIN", Class::Other, None),
        ("REINDEX TABLE t", Class::Other, None),
    ] {
        let statement = understood(Dialect::Postgres, text);
        assert_eq!((statement.class(), statement.has_where()), (class, has_where), "{text}");
    }
    assert_eq!(understood(Dialect::Mysql, "REPLACE INTO t VALUES (1)").class(), Class::Delete);
    assert_eq!(understood(Dialect::Sqlite, "INSERT OR REPLACE INTO t VALUES (1)").class(), Class::Delete);
}

#[test]
fn a_name_of_with_is_no_table_and_hides_none() {
    let text = "WITH a AS (SELECT * FROM real) SELECT * FROM a JOIN b ON a.x = b.x";
    assert_eq!(tables(Dialect::Postgres, text), ["b", "real"]);
    assert_eq!(tables(Dialect::Postgres, "WITH t AS (SELECT * FROM t) SELECT * FROM t"), ["t"]);
    assert_eq!(tables(Dialect::Postgres, "SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) x, t"), ["t"]);
    assert_eq!(tables(Dialect::Postgres, "WITH t AS (SELECT 1) SELECT * FROM public.t"), ["public.t", "t"]);
}

/// Within an `EXPLAIN` the parser takes a `SHOW`, too, and passes over what is no word in it.
#[test]
fn what_is_explained_has_a_plan() {
    for text in [
        "EXPLAIN SHOW 1 := 2",
        "EXPLAIN SHOW search_path",
        "EXPLAIN EXPLAIN SELECT 1",
        "EXPLAIN PRAGMA a",
        "EXPLAIN SHOW TABLES",
    ] {
        DIALECTS.iter().for_each(|dialect| is_no_read(*dialect, text));
    }
    for text in
        ["EXPLAIN SELECT lower(a) FROM t", "EXPLAIN INSERT INTO t (a, b) VALUES (1, 2)", "EXPLAIN DELETE FROM t"]
    {
        assert_eq!(understood(Dialect::Postgres, text).why_not_read(), None, "{text}");
        // the others take the plan of a change for a change, and would stop it with an alarm
        for dialect in [Dialect::Mysql, Dialect::Sqlite] {
            assert_eq!(understood(dialect, text).is_read(), text.contains("SELECT"), "{dialect}: {text}");
        }
    }
    assert!(understood(Dialect::Postgres, "SELECT * FROM ONLY (t)").is_read());
}

#[test]
fn t061_t062_a_change_anywhere_is_no_read() {
    for text in [
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "WITH x AS (WITH y AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM y) SELECT * FROM x",
        "SELECT * FROM (WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x) q",
        "SELECT (WITH x AS (DELETE FROM t RETURNING 1) SELECT 1 FROM x)",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "((DELETE FROM t))",
        "WITH x AS (SELECT 1) UPDATE t SET a = 1",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "WITH x AS (SELECT 1) MERGE INTO t USING x ON t.a = x.a WHEN MATCHED THEN DELETE",
        "SELECT 1 UNION (DELETE FROM t RETURNING 1)",
    ] {
        DIALECTS.iter().for_each(|dialect| is_no_read(*dialect, text));
    }
    let statement = understood(Dialect::Postgres, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x");
    assert_eq!((statement.class(), statement.has_where()), (Class::Delete, Some(false)));
    assert_eq!(tables(Dialect::Postgres, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"), ["t"]);
}

#[test]
fn t064_explain_analyze_runs_what_it_explains() {
    for text in [
        "EXPLAIN ANALYZE DELETE FROM t",
        "EXPLAIN (FORMAT JSON, ANALYZE on) UPDATE t SET a = 1",
        "EXPLAIN (ANALYZE) INSERT INTO t VALUES (1)",
        "EXPLAIN (ANALYZE 1) DELETE FROM t",
        "EXPLAIN (ANALYZE 'true') DELETE FROM t",
        "EXPLAIN (analyze maybe) DELETE FROM t",
        "EXPLAIN ANALYZE SELECT evil()",
        "EXPLAIN SELECT evil()",
        "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
        "EXPLAIN EXECUTE x",
        "EXPLAIN DELETE FROM t WHERE evil() = 1",
    ] {
        is_no_read(Dialect::Postgres, text);
    }
    is_no_read(Dialect::Mysql, "ANALYZE DELETE FROM t");
    assert!(understood(Dialect::Postgres, "EXPLAIN ANALYZE SELECT * FROM t").is_explain_analyze());
    assert!(understood(Dialect::Postgres, "EXPLAIN (ANALYZE off) DELETE FROM t").is_read());
    assert!(!understood(Dialect::Postgres, "EXPLAIN (VERBOSE, COSTS off) SELECT * FROM t").is_explain_analyze());
}

#[test]
fn t074_names_are_compared_as_the_server_does() {
    assert_eq!(understood(Dialect::Postgres, "dElEtE fRoM \"Delete\"").class(), Class::Delete);
    assert_eq!(tables(Dialect::Postgres, "SELECT * FROM CUSTOMERS"), ["customers"]);
    assert_eq!(tables(Dialect::Postgres, "SELECT * FROM \"CUSTOMERS\""), ["CUSTOMERS"]);
    assert_eq!(tables(Dialect::Sqlite, "SELECT * FROM \"CUSTOMERS\""), ["customers"]);
    assert_eq!(tables(Dialect::Mysql, "SELECT * FROM `Shop`.`CUSTOMERS`"), ["customers", "shop.customers"]);
    is_no_read(Dialect::Postgres, &format!("SELECT * FROM {}", "a".repeat(64)));
}

#[test]
fn every_statement_of_the_corpus_is_survived_and_stays_what_it_is() {
    for dialect in DIALECTS {
        let file = format!("{}/tests/it/sql/{dialect}.sql", env!("CARGO_MANIFEST_DIR"));
        let Ok(corpus) = fs::read_to_string(&file) else { continue };
        for text in corpus.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("--")) {
            let Ok(statement) = Statement::understand(dialect, text, Settings::usual(dialect)) else { continue };
            let again = understood(dialect, &statement.text());
            assert_eq!(again.text(), statement.text(), "{text}");
            assert_eq!((again.class(), again.is_read()), (statement.class(), statement.is_read()), "{text}");
            assert!(!statement.is_read() || (statement.class() == Class::Select && statement.is_complete()), "{text}");
        }
    }
}
