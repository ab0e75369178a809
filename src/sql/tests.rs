use std::fs;

use proptest::prelude::*;

use super::{Class, Dialect, MAX_BYTES, Misunderstood, Settings, Statement};

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];

fn understood(dialect: Dialect, text: &str) -> Statement {
    Statement::understand(dialect, text, Settings::usual(dialect)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(dialect: Dialect, text: &str) -> Misunderstood {
    match Statement::understand(dialect, text, Settings::usual(dialect)) {
        Ok(statement) => panic!("{text}: {statement:?}"),
        Err(why) => why,
    }
}

/// Not sent at all, or asked about.
fn is_no_read(dialect: Dialect, text: &str) {
    if let Ok(statement) = Statement::understand(dialect, text, Settings::usual(dialect)) {
        assert!(!statement.is_read(), "{dialect}: {text} passes as a read");
        assert!(statement.why_not_read().is_some_and(|why| !why.is_empty()));
    }
}

fn tables(dialect: Dialect, text: &str) -> Vec<String> {
    understood(dialect, text).tables().iter().cloned().collect()
}

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
            "EXPLAIN DELETE FROM t",
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

#[test]
fn a_preview_looks_at_the_rows_that_the_statement_meets() {
    let text = "UPDATE public.\"Orders\" AS o SET total = total * $1, note = $3 WHERE o.id > $2 AND note = $1";
    let statement = understood(Dialect::Postgres, text);
    let target = statement.target().unwrap();
    assert_eq!((target.table(), target.name()), ("public.\"Orders\"", "public.Orders"));
    assert_eq!(target.where_text(), Some("o.id > $2 AND note = $1"));
    let count = target.count().unwrap();
    assert_eq!(count.text, "SELECT count(*) FROM public.\"Orders\" AS o WHERE o.id > $1 AND note = $2");
    assert_eq!(count.parameters, [2, 1]);
    let rows = target.old_and_new(&["id"], 5).unwrap();
    assert_eq!(
        rows.text,
        "SELECT o.\"id\", total, (total * $1), note, ($2) FROM public.\"Orders\" AS o WHERE o.id > $3 AND note = $4 LIMIT 5"
    );
    assert_eq!(rows.parameters, [1, 3, 2, 1]);
    for preview in [count, rows, target.count_all(), target.rows(5).unwrap()] {
        assert!(understood(Dialect::Postgres, &preview.text).is_read(), "{}", preview.text);
    }
    let statement = understood(Dialect::Mysql, "UPDATE t SET a = ?, b = ? WHERE c = ?");
    assert_eq!(statement.target().unwrap().count().unwrap().parameters, [3]);
    let all = understood(Dialect::Sqlite, "DELETE FROM t");
    assert_eq!(all.target().unwrap().count().unwrap().text, "SELECT count(*) FROM t");
    for involved in ["DELETE FROM t USING u WHERE t.id = u.id", "UPDATE t SET a = 1 FROM u WHERE u.id = t.id"] {
        let statement = understood(Dialect::Postgres, involved);
        assert_eq!(statement.target().and_then(super::Target::count), None, "{involved}");
    }
    let drop = understood(Dialect::Postgres, "DROP TABLE a, s.b CASCADE");
    assert_eq!(drop.targets().iter().map(super::Target::name).collect::<Vec<_>>(), ["a", "s.b"]);
}

#[test]
fn what_is_added_is_counted_by_its_query_or_its_values() {
    let of = |dialect, text| understood(dialect, text);
    let copy = of(Dialect::Postgres, "INSERT INTO b (x) SELECT id FROM a WHERE id > $1");
    let target = copy.target().unwrap();
    assert_eq!((target.name(), target.change()), ("b", super::Change::Insert));
    let count = target.count().unwrap();
    assert_eq!(count.text, "SELECT count(*) FROM (SELECT id FROM a WHERE id > $1) AS added");
    assert_eq!(count.parameters, [1]);
    assert!(understood(Dialect::Postgres, &count.text).is_read());
    for (text, rows) in [("INSERT INTO t VALUES (1), (2)", Some(2)), ("INSERT INTO t DEFAULT VALUES", Some(1))] {
        assert_eq!(of(Dialect::Sqlite, text).target().unwrap().new_rows(), rows, "{text}");
    }
    let twice = of(Dialect::Mysql, "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2");
    assert_eq!((twice.target().unwrap().new_rows(), twice.target().unwrap().count()), (None, None));
}

#[test]
fn rows_that_point_at_what_is_met_are_found_by_quoted_names() {
    let statement = understood(Dialect::Postgres, "DELETE FROM customers c WHERE c.country = $1");
    let met = statement.target().unwrap().selection().unwrap();
    let orders = met.pointing(Some("public"), "or\"ders", &["customer"], &["id"]);
    let items = orders.pointing(None, "items", &["a", "b"], &["x", "y"]);
    let text = items.count().unwrap().text;
    let inner = "SELECT c.\"id\" FROM customers AS c WHERE c.country = $1";
    let middle = format!(
        "SELECT \"public\".\"or\"\"ders\".\"x\", \"public\".\"or\"\"ders\".\"y\" FROM \"public\".\"or\"\"ders\" \
         WHERE (\"customer\") IN ({inner})"
    );
    assert_eq!(text, format!("SELECT count(*) FROM \"items\" WHERE (\"a\", \"b\") IN ({middle})"));
    let plain = met.pointing(None, "orders", &["customer"], &["id"]).count().unwrap();
    assert!(understood(Dialect::Postgres, &plain.text).is_read());
    assert_eq!(Dialect::Mysql.qualified(Some("s"), "a`b"), "`s`.`a``b`");
}

#[test]
fn the_normalised_text_reads_as_the_original_does() {
    let text = "select/* x */ a.B ,\n \"C\"\t, E'it\\'s', 'it''s', $$x$$ from T -- end";
    let statement = understood(Dialect::Postgres, text);
    assert_eq!(statement.text(), "SELECT a.b, \"C\", E'it\\'s', 'it''s', $$x$$ FROM t");
    let again = understood(Dialect::Postgres, statement.text());
    assert_eq!(again.text(), statement.text());
    assert_eq!(statement.original(), text);
}

#[test]
fn t073_a_hidden_character_written_as_an_escape_is_refused_like_one() {
    for text in [r"SELECT E'an\b'", r"SELECT E'\u202e'", r"SELECT U&'\200b'"] {
        assert!(matches!(refused(Dialect::Postgres, text), Misunderstood::Ambiguous(_)), "{text}");
    }
    assert!(understood(Dialect::Postgres, r"SELECT E'a\nb'").is_read());
}

#[test]
fn t072_a_comment_behind_an_operator_hides_nothing() {
    for text in ["SELECT 'a' ~~/*'*/ touch()::text --'", "SHOW ~~~~OVER~~~~/*a", "SELECT 1 <->/*'*/ touch() --'"] {
        assert!(matches!(refused(Dialect::Postgres, text), Misunderstood::Ambiguous(_)), "{text}");
    }
    assert!(understood(Dialect::Postgres, "SELECT a ~~ 'x', b @@ c, d <-> /* near */ e -- f").is_read());
}

#[test]
fn a_variable_with_a_sign_in_its_name_is_no_read() {
    for text in ["SELECT a FROM @@;docs, j", "SELECT @;x", "SELECT @@,x", "SELECT FOR UPDATE@", "SELECT a@b"] {
        is_no_read(Dialect::Mysql, text);
    }
    assert!(understood(Dialect::Mysql, "SELECT @@version, @@global.sql_mode, @x, ?").is_read());
}

#[test]
fn t071_a_backslash_in_a_string_of_another_kind_hides_nothing() {
    for dialect in DIALECTS {
        assert!(matches!(refused(dialect, r"SELECT x'61\', touch(), '"), Misunderstood::Ambiguous(_)), "{dialect}");
        for text in [r"SELECT N'61\', touch(), '", r"SELECT b'01\', touch(), '", r"SELECT B'01\', touch(), '"] {
            let read =
                Statement::understand(dialect, text, Settings::usual(dialect)).map(|statement| statement.is_read());
            // MySQL's `N'…'` is a string as any other, in which a backslash does escape
            let is_string = dialect == Dialect::Mysql && text.starts_with("SELECT N");
            assert_eq!(matches!(read, Ok(true)), is_string, "{dialect}: {text}");
        }
        assert!(understood(dialect, "SELECT x'61', b'01'").is_read());
        for text in [r"SELECT b'01\', a, 'b'", "SELECT b'2'", r"SELECT a, b'01\'"] {
            // for SQLite that is a column `b` with another name
            if dialect != Dialect::Sqlite {
                assert!(matches!(refused(dialect, text), Misunderstood::Ambiguous(_)), "{dialect}: {text}");
            }
        }
    }
}

#[test]
fn what_stands_between_the_words_of_a_show_is_not_overlooked() {
    for text in ["SHOW S-sleep(", "SHOW search_path(touch", "SHOW TIME ZONE, 1"] {
        is_no_read(Dialect::Postgres, text);
    }
    for text in ["SHOW search_path", "SHOW TIME ZONE", "SHOW \"search_path\";"] {
        assert!(understood(Dialect::Postgres, text).is_read(), "{text}");
    }
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
        DIALECTS.iter().for_each(|dialect| assert_eq!(understood(*dialect, text).why_not_read(), None, "{text}"));
    }
    assert!(understood(Dialect::Postgres, "SELECT * FROM ONLY (t)").is_read());
}

/// For two grammars the parser ends a statement at an `END`, without an error; for the servers it is a column's name.
#[test]
fn what_stands_behind_an_end_is_not_overlooked() {
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        for text in [
            "SELECT 1 END",
            "SELECT 1 END, touch()",
            "SELECT a END FROM t WHERE touch() = 1",
            "SELECT 1 END UNION SELECT touch()",
            "EXPLAIN SELECT 1 END, touch()",
        ] {
            let statement = understood(dialect, text);
            assert_eq!((statement.class(), statement.is_complete()), (Class::Other, false), "{dialect}: {text}");
            assert!(!statement.is_read(), "{dialect}: {text}");
        }
        assert!(understood(dialect, "SELECT CASE WHEN a = 1 THEN 2 END AS b FROM t").is_read());
        let statement = understood(dialect, "DELETE FROM t WHERE a = 1 END");
        assert_eq!((statement.class(), statement.has_where()), (Class::Other, None));
    }
    is_no_read(Dialect::Sqlite, "SELECT 1 END, touch()");
}

/// `customers x (SELECT nextval('counter'))` has, for the parser, an alias with one column `select` of a type `nextval`.
#[test]
fn a_type_in_an_alias_is_of_a_function_and_built_in() {
    for from in [
        "json_to_record('{}') AS x(a int, b text)",
        "json_to_recordset('[]') AS x(a numeric(5, 2)[], \"B\" timestamptz)",
        "LATERAL jsonb_to_record('{}') x(a int)",
        "unnest(ARRAY[1]) WITH ORDINALITY AS x(a, n)",
        "customers x(a, b)",
    ] {
        let statement = understood(Dialect::Postgres, &format!("SELECT * FROM {from}"));
        assert_eq!(statement.why_not_read(), None, "{from}");
    }
    for from in [
        "customers x (SELECT nextval('counter'))",
        "customers x(a int)",
        "(SELECT 1) x(a int)",
        "(customers JOIN orders USING (id)) x(a int)",
        "json_to_record('{}') AS x(a evil)",
        "json_to_record('{}') AS x(a public.evil)",
        "json_to_record('{}') x (SELECT nextval('counter'))",
    ] {
        is_no_read(Dialect::Postgres, &format!("SELECT * FROM {from}"));
    }
    is_no_read(Dialect::Postgres, "WITH x(a int) AS (SELECT 1) SELECT * FROM x");
    for dialect in [Dialect::Mysql, Dialect::Sqlite] {
        is_no_read(dialect, "SELECT * FROM json_each('[]') AS x(a int)");
        is_no_read(dialect, "SELECT * FROM customers x (SELECT touch('counter'))");
    }
}

#[test]
fn t060_more_than_one_statement_is_refused() {
    for dialect in DIALECTS {
        for text in [
            "SELECT 1; DROP TABLE t",
            "COMMIT; DELETE FROM t",
            "END; BEGIN; DELETE FROM t",
            "SELECT 1; SELECT 2;",
            "SELECT 1 /* ; */; DELETE FROM t -- x",
            "garbage here; DROP TABLE t",
            ";SELECT 1",
            "SELECT 1;;",
        ] {
            assert_eq!(refused(dialect, text), Misunderstood::Several, "{dialect}: {text}");
        }
        for text in ["", " ", ";", ";;", "-- x\n", "/* x */"] {
            assert!(matches!(refused(dialect, text), Misunderstood::Empty | Misunderstood::Several), "{text}");
        }
        assert!(understood(dialect, "SELECT ';' ;").is_read());
    }
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
fn t063_t067_t080_what_writes_elsewhere_is_no_read() {
    for text in [
        "SELECT * INTO evil FROM t",
        "SELECT * INTO TEMP evil FROM t",
        "CREATE TABLE evil AS SELECT * FROM t",
        "COPY t TO PROGRAM 'sh'",
        "COPY t TO '/tmp/x'",
        "COPY t FROM '/etc/passwd'",
        "COPY (SELECT 1) TO STDOUT",
        "SELECT * FROM t INTO OUTFILE '/tmp/x'",
        "SELECT 1 INTO @x",
        "SELECT @x := 1",
        "SELECT * FROM t INTO DUMPFILE '/tmp/x'",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
        "HANDLER t OPEN",
        "SET GLOBAL general_log = 1",
        "SELECT * FROM t PROCEDURE ANALYSE()",
        "SELECT NEXT VALUE FOR s",
    ] {
        DIALECTS.iter().for_each(|dialect| is_no_read(*dialect, text));
    }
    for text in ["SELECT 1 /*!50000 , sleep(1) */", "/*! DROP TABLE t */", "SELECT 1 /*M! + 1 */"] {
        DIALECTS.iter().for_each(|dialect| {
            assert!(matches!(refused(*dialect, text), Misunderstood::Ambiguous(_)), "{text}");
        });
    }
    is_no_read(Dialect::Mysql, "SELECT /*+ SET_VAR(sql_mode = '') */ 1");
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
fn t065_only_functions_of_the_list_are_reads() {
    for call in [
        "pg_terminate_backend(1)",
        "pg_cancel_backend(1)",
        "pg_read_file('/etc/passwd')",
        "lo_import('/etc/passwd')",
        "lo_export(1, '/tmp/x')",
        "lo_unlink(1)",
        "pg_ls_dir('/')",
        "dblink('', 'delete from t')",
        "pg_reload_conf()",
        "pg_notify('a', 'b')",
        "pg_advisory_lock(1)",
        "pg_try_advisory_lock(1)",
        "set_config('a.b', 'c', false)",
        "nextval('s')",
        "setval('s', 1)",
        "pg_sleep(1)",
        "pg_switch_wal()",
        "pg_create_restore_point('x')",
        "txid_current()",
        "setseed(0.1)",
        "query_to_xml('delete from t', true, true, '')",
        "ts_stat('select 1')",
        "LOAD_FILE('/etc/passwd')",
        "SLEEP(1)",
        "BENCHMARK(1, 1)",
        "GET_LOCK('a', 1)",
        "last_insert_id(5)",
        "load_extension('x')",
        "writefile('x', 'y')",
        "randomblob(1)",
        "my_function(1)",
        "public.lower('x')",
        "lower.lower('x')",
        "\"Lower\"('x')",
        "generate_series(1, 1000000000)",
        "generate_series(1, a)",
        "repeat('a', 1000000000)",
    ] {
        for shape in [
            "SELECT #",
            "SELECT * FROM t WHERE # IS NULL",
            "SELECT 1 ORDER BY #",
            "SELECT count(*) FILTER (WHERE # = 1) FROM t",
        ] {
            DIALECTS.iter().for_each(|dialect| {
                // SQLite's `lower` has no case
                if *dialect == Dialect::Postgres || !call.contains("Lower") {
                    is_no_read(*dialect, &shape.replace('#', call));
                }
            });
        }
    }
    let nested =
        ["SELECT lower((SELECT # FROM t))", "SELECT sum(1) OVER (ORDER BY #)", "VALUES (#)", "SELECT 1 LIMIT #"];
    for shape in nested {
        is_no_read(Dialect::Postgres, &shape.replace('#', "nextval('s')"));
    }
    is_no_read(Dialect::Postgres, "SELECT * FROM dblink('', '') AS t(a int)");
    is_no_read(Dialect::Postgres, "SELECT * FROM ROWS FROM (pg_ls_dir('/'))");
    is_no_read(Dialect::Postgres, "SELECT 1 OPERATOR(public.+) 2");
    is_no_read(Dialect::Postgres, "SELECT 'x'::public.evil");
    is_no_read(Dialect::Postgres, "SELECT CAST('x' AS evil)");
    is_no_read(Dialect::Postgres, "SELECT evil 'x'");
    is_no_read(Dialect::Postgres, "SELECT (t).evil FROM t");
    is_no_read(Dialect::Postgres, "SELECT * FROM t ORDER BY a USING OPERATOR(public.<)");
    is_no_read(Dialect::Postgres, "SELECT * FROM pg_authid");
    is_no_read(Dialect::Mysql, "SELECT * FROM mysql.user");
}

#[test]
fn t068_t069_t079_commands_are_no_reads() {
    for text in [
        "DO $$ BEGIN DELETE FROM t; END $$",
        "CALL p()",
        "PREPARE x AS DELETE FROM t",
        "EXECUTE x",
        "DECLARE c CURSOR FOR SELECT 1",
        "FETCH ALL FROM c",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
        "LOCK TABLE t",
        "LISTEN x",
        "NOTIFY x",
        "UNLISTEN x",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "ANALYZE t",
        "REINDEX TABLE t",
        "CLUSTER t",
        "CHECKPOINT",
        "LOAD 'x'",
        "DISCARD ALL",
        "DEALLOCATE ALL",
        "SECURITY LABEL ON TABLE t IS 'x'",
        "COMMENT ON TABLE t IS 'x'",
        "REFRESH MATERIALIZED VIEW v",
        "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z",
        "SET TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "SET ROLE admin",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION admin",
        "SET search_path = evil",
        "BEGIN",
        "BEGIN READ WRITE",
        "START TRANSACTION READ WRITE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT x",
        "RELEASE x",
        "SELECT 1 FOR UPDATE",
        "SELECT * FROM t FOR SHARE",
        "SELECT * FROM t FOR NO KEY UPDATE",
        "SELECT * FROM t LOCK IN SHARE MODE",
        "ATTACH '/tmp/x' AS y",
        "DETACH y",
        "PRAGMA query_only = 0",
        "PRAGMA query_only(0)",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = delete",
        "PRAGMA journal_mode",
        "PRAGMA wal_checkpoint",
        "PRAGMA user_version = 5",
        "KILL 1",
        "FLUSH PRIVILEGES",
        "USE mysql",
        "SHUTDOWN",
        "INSTALL PLUGIN x SONAME 'y'",
        "CREATE EXTENSION dblink",
    ] {
        DIALECTS.iter().for_each(|dialect| is_no_read(*dialect, text));
    }
    is_no_read(Dialect::Sqlite, "SELECT * FROM pragma_wal_checkpoint");
}

#[test]
fn t071_what_two_servers_read_differently_is_refused() {
    let unknown = Settings::unknown();
    for (dialect, text) in [
        (Dialect::Postgres, r"SELECT '\'; DROP TABLE t; --'"),
        (Dialect::Mysql, r"SELECT 'a\'', 'b'"),
        (Dialect::Mysql, "SELECT \"a\""),
    ] {
        assert!(matches!(Statement::understand(dialect, text, unknown), Err(Misunderstood::Ambiguous(_))), "{text}");
    }
    // where they read the same, nothing needs to be known
    assert!(Statement::understand(Dialect::Mysql, "SELECT 'it''s', `a` FROM t", unknown).is_ok_and(|it| it.is_read()));
    assert!(understood(Dialect::Postgres, r"SELECT '\' AS a").is_read());
    assert_eq!(refused(Dialect::Postgres, r"SELECT '\'; DROP TABLE t; --'"), Misunderstood::Several);
    assert!(understood(Dialect::Mysql, r"SELECT '\'; DROP TABLE t; --'").is_read());
    for text in ["SELECT E'\\'; DROP TABLE t; --'", "SELECT $a$ ; DROP TABLE t; $a$", "SELECT $$'$$"] {
        assert!(understood(Dialect::Postgres, text).is_read(), "{text}");
    }
    for text in ["SELECT U&'\\0061'", "SELECT U&\"\\0061\" FROM t", "SELECT 1 /* a /* b */ c */"] {
        is_no_read(Dialect::Postgres, text);
    }
    assert_eq!(refused(Dialect::Sqlite, "SELECT [a'b] FROM t; DROP TABLE t"), Misunderstood::Several);
    // MySQL takes no comment there, and nor do we: one minus minus one
    assert_eq!(understood(Dialect::Mysql, "SELECT 1--1").text(), "SELECT 1 - - 1");
}

#[test]
fn t071_a_number_and_a_name_have_a_space_between_them() {
    for dialect in DIALECTS {
        for text in ["SELECT t.5 e", "SELECT t.5e_a FROM t", "SELECT t.5e3a"] {
            is_no_read(dialect, text);
        }
        for text in ["SELECT 1 a, .5, 1.5e3, t5.a, -1 FROM t5 LIMIT 1", "SELECT (1)a, a+.5 FROM t WHERE a IN(1)AND b=1"]
        {
            assert_eq!(understood(dialect, text).why_not_read(), None, "{dialect}: {text}");
        }
    }
}

#[test]
fn t072_comments_hide_nothing() {
    for dialect in DIALECTS {
        // SQLite's own reader ends it where the text ends
        if dialect != Dialect::Sqlite {
            assert!(matches!(refused(dialect, "SELECT 1 /* unterminated"), Misunderstood::NotSql(_)));
        }
        assert_eq!(understood(dialect, "DELETE/**/FROM/**/t").class(), Class::Delete);
        assert_eq!(understood(dialect, "-- ;\nDELETE FROM t").class(), Class::Delete);
        assert_eq!(understood(dialect, "SELECT 1 /**/ -- ; DROP TABLE t").text(), "SELECT 1");
    }
    assert!(matches!(refused(Dialect::Sqlite, "SELECT 1 -- a\rDELETE FROM t"), Misunderstood::Ambiguous(_)));
}

#[test]
fn t073_hidden_characters_are_refused_and_foreign_letters_asked_about() {
    for dialect in DIALECTS {
        for hidden in ["\u{a0}", "\u{feff}", "\0", "\u{200b}", "\u{202e}", "\u{c}", "\u{2028}"] {
            let text = format!("SELECT{hidden}1");
            assert!(matches!(refused(dialect, &text), Misunderstood::Ambiguous(_)), "{text:?}");
        }
        let statement = understood(dialect, "SELECT * FROM cust\u{43e}mers");
        assert!(!statement.is_read());
        assert_eq!(statement.why_not_read(), Some("the name `cust⟨U+043E⟩mers` is not plain ASCII"));
        assert!(understood(dialect, "SELECT * FROM t WHERE name = 'Łukasz'").is_read());
    }
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
fn t075_deep_and_long_statements_end_no_process() {
    for dialect in DIALECTS {
        let nested =
            |open: &str, close: &str, times: usize| format!("SELECT {}1{}", open.repeat(times), close.repeat(times));
        for text in [nested("(", ")", 49), nested("(", ")", 4_000), nested("- ", "", 2_000), nested("NOT ", "", 4_000)]
        {
            is_no_read(dialect, &text);
        }
        let long = format!("SELECT 1{}", " OR 1=1".repeat(200_000));
        assert_eq!(refused(dialect, &long), Misunderstood::TooLong(long.len()));
        assert!(long.len() > MAX_BYTES);
        let chain = format!("SELECT 1{}", " OR 1".repeat(4_000));
        assert!(understood(dialect, &chain).is_read());
        let union = format!("SELECT 1{}", " UNION SELECT 1".repeat(2_000));
        assert!(understood(dialect, &union).is_read());
        let postfix = format!("SELECT a{}", " IS NULL".repeat(2_700));
        let _either = Statement::understand(dialect, &postfix, Settings::usual(dialect));
        let list = format!("SELECT 1 IN (1{})", ",1".repeat(9_000));
        assert!(matches!(refused(dialect, &list), Misunderstood::TooManyParts(_)));
    }
    let casts = format!("SELECT 1{}", "::int".repeat(4_000));
    assert!(understood(Dialect::Postgres, &casts).is_read());
}

#[test]
fn every_statement_of_the_corpus_is_survived_and_stays_what_it_is() {
    for dialect in DIALECTS {
        let file = format!("{}/tests/it/sql/{dialect}.sql", env!("CARGO_MANIFEST_DIR"));
        let Ok(corpus) = fs::read_to_string(&file) else { continue };
        for text in corpus.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("--")) {
            let Ok(statement) = Statement::understand(dialect, text, Settings::usual(dialect)) else { continue };
            let again = understood(dialect, statement.text());
            assert_eq!(again.text(), statement.text(), "{text}");
            assert_eq!((again.class(), again.is_read()), (statement.class(), statement.is_read()), "{text}");
            assert!(!statement.is_read() || (statement.class() == Class::Select && statement.is_complete()), "{text}");
        }
    }
}

fn a_read() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("a".to_owned()),
        Just("t.b".to_owned()),
        Just("'x'".to_owned()),
        Just("lower(a)".to_owned()),
        Just("NULL".to_owned()),
        Just("count(*)".to_owned()),
    ];
    let value = value.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} + {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} = {other} OR {one} IS NULL")),
            inner.clone().prop_map(|one| format!("coalesce({one}, 0)")),
            inner.prop_map(|one| format!("(SELECT {one} FROM u)")),
        ]
    });
    let select = (value.clone(), value).prop_map(|(one, other)| format!("SELECT {one} FROM t WHERE {other}"));
    select.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|read| format!("SELECT * FROM ({read}) q")),
            inner.clone().prop_map(|read| format!("WITH w AS ({read}) SELECT * FROM w")),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| format!("{one} UNION ALL SELECT 1 FROM ({other}) z")),
            inner.prop_map(|read| format!("SELECT 1 FROM t WHERE EXISTS ({read})")),
        ]
    })
}

fn a_change() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "DELETE FROM t RETURNING 1",
        "UPDATE t SET a = 1 RETURNING 1",
        "INSERT INTO t VALUES (1) RETURNING 1",
    ])
}

/// The same statement in other clothes.
fn dressed(text: &str, how: &[u8]) -> String {
    let mut how = how.iter().cycle();
    let words = text.split(' ').map(|word| {
        let quoted = word.contains('\'');
        match how.next() {
            Some(0) if !quoted => word.to_ascii_uppercase(),
            Some(1) if !quoted => word.to_ascii_lowercase(),
            _ => word.to_owned(),
        }
    });
    let words: Vec<String> = words.collect();
    let mut out = String::new();
    for word in words {
        out.push_str(&word);
        out.push_str(match how.next() {
            Some(2) => "\n\t",
            Some(3) => " /* DELETE ; */ ",
            Some(4) => " -- ; x\n",
            _ => " ",
        });
    }
    out
}

proptest! {
    #[test]
    fn a_read_wrapped_in_reads_is_a_read(text in a_read()) {
        for dialect in DIALECTS {
            let statement = Statement::understand(dialect, &text, Settings::usual(dialect));
            let statement = statement.map_err(|why| TestCaseError::fail(format!("{text}: {why}")))?;
            // nests deeper than is followed: asked about
            if statement.why_not_read().is_some_and(|why| why.contains("recursion")) {
                continue;
            }
            prop_assert_eq!(statement.why_not_read(), None, "{}: {}", dialect, text);
        }
    }

    #[test]
    fn clothes_change_nothing(text in a_read(), how in prop::collection::vec(0_u8..5, 1..9)) {
        let other = dressed(&text, &how);
        for dialect in DIALECTS {
            let one = Statement::understand(dialect, &text, Settings::usual(dialect)).unwrap();
            let other = Statement::understand(dialect, &other, Settings::usual(dialect)).unwrap();
            prop_assert_eq!((one.class(), one.is_read(), one.tables()), (other.class(), other.is_read(), other.tables()));
            if dialect != Dialect::Mysql {
                prop_assert_eq!(one.text(), other.text());
            }
        }
    }

    #[test]
    fn a_change_within_reads_is_never_a_read(read in a_read(), change in a_change(), how in prop::collection::vec(0_u8..5, 1..9)) {
        for text in [
            format!("WITH x AS ({change}) {read}"),
            format!("WITH x AS (WITH y AS ({change}) {read}) {read}"),
            format!("SELECT * FROM (WITH x AS ({change}) {read}) q"),
            format!("{read} UNION ({change})"),
            format!("SELECT lower(({change}))"),
        ] {
            for dialect in DIALECTS {
                is_no_read(dialect, &text);
                is_no_read(dialect, &dressed(&text, &how));
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,80}", words in prop::collection::vec("(SELECT|FROM|DELETE|\\(|\\)|,|'|\"|/\\*|\\*/|--|;|\\$\\$|E'|::|a|1|:=|`|\\[|\\]|#|@|WITH|AS|UNION)", 0..40)) {
        for text in [text, words.join(" "), words.concat()] {
            for dialect in DIALECTS {
                for settings in [Settings::usual(dialect), Settings::unknown()] {
                    // the parser's panic, which would end the released program
                    let failed = matches!(Statement::understand(dialect, &text, settings), Err(Misunderstood::Failed));
                    prop_assert!(!failed, "{}: {}", dialect, text);
                }
            }
        }
    }
}
