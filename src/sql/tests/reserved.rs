//! Words that a server reserves, where the parser takes them for names.

use super::{DIALECTS, is_no_read, tables, understood};
use crate::sql::{Class, Dialect, Target};

/// No read, and nothing can be said of its tables.
fn is_not_known(dialect: Dialect, text: &str) {
    let statement = understood(dialect, text);
    assert!(!statement.is_read(), "{dialect}: {text} passes as a read");
    assert!(!statement.is_complete(), "{dialect}: {text}: {:?}", statement.tables());
}

#[test]
fn t074_a_word_of_the_statement_is_no_name_that_hides_a_table() {
    for text in [
        "SELECT SQL_CACHE * FROM salaries",
        "SELECT SQL_CACHE*FROM salaries",
        "SELECT SQL_CACHE*FROM(salaries)",
        "SELECT ALL SQL_CACHE * FROM salaries",
        "SELECT DISTINCT SQL_CACHE * FROM salaries",
        "SELECT HIGH_PRIORITY SQL_CACHE * FROM salaries",
        "SELECT SQL_CACHE - 1 FROM salaries",
        "SELECT 1 FROM notes UNION SELECT SQL_CACHE * FROM salaries",
        "SELECT * FROM (SELECT SQL_CACHE * FROM salaries) AS x",
        "SELECT (SELECT SQL_CACHE * FROM salaries)",
        "INSERT INTO notes SELECT SQL_CACHE * FROM salaries",
        "INSERT INTO notes (a) SELECT SQL_CACHE * FROM (salaries)",
        "CREATE TABLE x AS SELECT SQL_CACHE * FROM salaries",
        "CREATE TABLE x SELECT SQL_CACHE * FROM salaries",
        "CREATE VIEW x AS SELECT SQL_CACHE * FROM salaries",
        "REPLACE INTO notes SELECT SQL_CACHE * FROM salaries",
        "DELETE FROM notes WHERE id IN (SELECT SQL_CACHE * FROM salaries)",
        "EXPLAIN SELECT SQL_CACHE * FROM salaries",
    ] {
        is_not_known(Dialect::Mysql, text);
    }
    for dialect in DIALECTS {
        for word in ["FROM", "where", "JOIN", "Union", "SELECT", "ORDER"] {
            for shape in ["SELECT 1 * # FROM t", "SELECT a + #", "SELECT #.a FROM t", "DELETE FROM t WHERE a = #"] {
                let text = shape.replace('#', word);
                assert!(!understood(dialect, &text).is_complete(), "{dialect}: {text}");
            }
        }
        for text in
            ["SELECT 1 AS a FROM t AS \"select\"", "SELECT t.\"from\" FROM t", "INSERT INTO t (a) VALUES (DEFAULT)"]
        {
            assert!(dialect == Dialect::Mysql || understood(dialect, text).is_complete(), "{dialect}: {text}");
        }
    }
    for (dialect, text) in [
        (Dialect::Mysql, "SELECT `from`, `t`.`where`, left(a, 1), if(a, 1, 2) FROM `select` AS `join`"),
        (Dialect::Mysql, "SELECT SQL_NO_CACHE STRAIGHT_JOIN a FROM t STRAIGHT_JOIN u"),
        (Dialect::Mysql, "SELECT 1 FROM dual"),
        (Dialect::Mysql, "SELECT current_date, utc_date, NULL, TRUE, date, time, value, name, type, status FROM t"),
        (Dialect::Mysql, "SELECT a FROM t WHERE b > now() - INTERVAL 1 DAY OR c REGEXP 'x'"),
        (Dialect::Postgres, "SELECT a AS user, b AS end, c AS from, left(d, 1), user, current_date FROM t AS x"),
        (Dialect::Postgres, "SELECT a FROM t WHERE a IS DISTINCT FROM b AND (b, c) = ANY (SELECT 1, 2)"),
        (Dialect::Sqlite, "SELECT [from], `where`, \"join\", replace(a, 'x', 'y'), key, current_date FROM t"),
    ] {
        assert_eq!(understood(dialect, text).why_not_read(), None, "{dialect}: {text}");
    }
}

#[test]
fn t074_a_modifier_of_a_change_is_no_table() {
    for text in [
        "UPDATE IGNORE salaries SET amount = 0 WHERE id = 1",
        "UPDATE LOW_PRIORITY salaries SET amount = 0 WHERE id = 1",
        "UPDATE LOW_PRIORITY IGNORE salaries SET amount = 0 WHERE id = 1",
        "DELETE LOW_PRIORITY FROM salaries WHERE id = 1",
        "DELETE QUICK FROM salaries WHERE id = 1",
        "DELETE IGNORE FROM salaries WHERE id = 1",
        "DELETE LOW_PRIORITY salaries FROM salaries WHERE id = 1",
        "DELETE QUICK salaries FROM salaries WHERE id = 1",
    ] {
        is_not_known(Dialect::Mysql, text);
    }
    // those that are understood have their table
    for text in [
        "INSERT LOW_PRIORITY INTO salaries VALUES (1)",
        "INSERT HIGH_PRIORITY salaries VALUES (1)",
        "INSERT DELAYED salaries VALUES (1)",
        "INSERT IGNORE INTO salaries VALUES (1)",
        "INSERT IGNORE salaries VALUES (1)",
        "INSERT LOW_PRIORITY IGNORE salaries VALUES (1)",
        "INSERT salaries SET a = 1",
        "REPLACE LOW_PRIORITY INTO salaries VALUES (1)",
        "REPLACE LOW_PRIORITY salaries VALUES (1)",
        "REPLACE DELAYED salaries VALUES (1)",
        "REPLACE salaries VALUES (1)",
    ] {
        let statement = understood(Dialect::Mysql, text);
        let said: Vec<&String> = statement.tables().iter().collect();
        assert!(!statement.is_complete() || said == ["salaries"], "{text}: {said:?}");
    }
    for text in
        ["UPDATE ONLY salaries SET a = 1", "DELETE FROM ONLY salaries", "TABLE ONLY salaries", "TRUNCATE ONLY salaries"]
    {
        let statement = understood(Dialect::Postgres, text);
        let said: Vec<&String> = statement.tables().iter().collect();
        assert!(!statement.is_complete() || said == ["salaries"], "{text}: {said:?}");
    }
}

#[test]
fn t074_what_is_changed_is_no_name_of_with() {
    for (text, expected) in [
        (
            "WITH salaries AS (SELECT 1) UPDATE salaries SET amount = 0 FROM notes WHERE notes.id = 1 AND salaries.id = 1",
            &["notes", "salaries"][..],
        ),
        ("WITH salaries AS (SELECT 1) DELETE FROM salaries WHERE id = 1", &["salaries"]),
        ("WITH salaries AS (SELECT 1) INSERT INTO salaries SELECT id FROM notes", &["notes", "salaries"]),
        ("WITH s AS (SELECT 1) UPDATE notes SET a = 1 FROM s WHERE notes.id = 1", &["notes"]),
    ] {
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            assert_eq!(tables(dialect, text), expected, "{dialect}: {text}");
        }
    }
    for text in [
        "WITH salaries AS (SELECT 1), x AS (DELETE FROM salaries WHERE id = 1 RETURNING 1) SELECT * FROM x",
        "WITH salaries AS (SELECT 1) DELETE FROM salaries USING salaries AS s WHERE true",
        "WITH salaries AS (SELECT 1) MERGE INTO salaries USING x ON salaries.id = x.id WHEN MATCHED THEN DELETE",
    ] {
        assert!(tables(Dialect::Postgres, text).contains(&"salaries".to_owned()), "{text}");
    }
    assert_eq!(tables(Dialect::Postgres, "WITH c AS (SELECT 1) SELECT * FROM c, t"), ["t"]);
}

#[test]
fn a_condition_without_a_column_says_nothing_of_a_row() {
    for (dialect, condition) in [
        (Dialect::Mysql, "@@server_id"),
        (Dialect::Mysql, "@@global.server_id = 1"),
        (Dialect::Mysql, "@x IS NULL"),
        (Dialect::Mysql, "timestampdiff(MINUTE, now(), now()) = 0"),
        (Dialect::Mysql, "timestampadd(DAY, 1, now())"),
        (Dialect::Mysql, "get_format(DATE, 'USA')"),
        (Dialect::Mysql, "utc_date"),
        (Dialect::Mysql, "utc_timestamp IS NOT NULL"),
        (Dialect::Mysql, "current_role IS NULL"),
        (Dialect::Mysql, "current_user"),
        (Dialect::Postgres, "current_role = current_role"),
        (Dialect::Postgres, "current_schema IS NOT NULL"),
        (Dialect::Postgres, "session_user = user"),
        (Dialect::Sqlite, "current_date IS NOT NULL"),
    ] {
        let statement = understood(dialect, &format!("DELETE FROM t WHERE {condition}"));
        assert_eq!(statement.has_where(), Some(false), "{dialect}: {condition}");
    }
    for (dialect, condition) in [
        (Dialect::Mysql, "timestampdiff(MINUTE, made, now()) > 5"),
        (Dialect::Mysql, "`utc_date` = 1"),
        (Dialect::Mysql, "user = 'x'"),
        (Dialect::Postgres, "\"user\" = user"),
        (Dialect::Sqlite, "\"id\" = 1"),
    ] {
        let statement = understood(dialect, &format!("DELETE FROM t WHERE {condition}"));
        assert_eq!(statement.has_where(), Some(true), "{dialect}: {condition}");
    }
    for (merge, has_where) in [
        ("ON true WHEN MATCHED THEN DELETE", false),
        ("ON true WHEN MATCHED AND t.a = 1 THEN UPDATE SET a = 2", true),
        ("ON t.a = u.a WHEN MATCHED THEN DELETE", true),
        ("ON t.a = u.a WHEN NOT MATCHED BY SOURCE THEN DELETE", false),
        ("ON t.a = u.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)", true),
    ] {
        let statement = understood(Dialect::Postgres, &format!("MERGE INTO t USING u {merge}"));
        assert_eq!(statement.has_where(), Some(has_where), "{merge}");
    }
}

#[test]
fn what_is_not_proved_to_read_is_no_select_to_a_rule() {
    for (dialect, text) in [
        (Dialect::Postgres, "SELECT lo_unlink(1)"),
        (Dialect::Postgres, "SELECT pg_read_file('/etc/passwd')"),
        (Dialect::Postgres, "SELECT * FROM t FOR UPDATE"),
        (Dialect::Postgres, "EXPLAIN SELECT evil()"),
        (Dialect::Mysql, "SELECT sleep(1)"),
        (Dialect::Sqlite, "SELECT load_extension('x')"),
    ] {
        let statement = understood(dialect, text);
        assert_eq!(statement.class(), Class::Other, "{dialect}: {text}");
        assert!(statement.is_complete() && !statement.is_read(), "{dialect}: {text}");
    }
    // why it is none is still said
    assert_eq!(
        understood(Dialect::Postgres, "SELECT * FROM t FOR UPDATE").why_not_read(),
        Some("it locks the rows that it reads")
    );
}

#[test]
fn what_replaces_deletes_and_a_role_is_no_table() {
    let class = |dialect, text| understood(dialect, text).class();
    assert_eq!(class(Dialect::Sqlite, "UPDATE OR REPLACE t SET a = 1 WHERE b = 2"), Class::Delete);
    assert_eq!(class(Dialect::Sqlite, "UPDATE OR IGNORE t SET a = 1 WHERE b = 2"), Class::Update);
    let replacing = understood(Dialect::Sqlite, "UPDATE OR REPLACE t SET a = 1 WHERE b = 2");
    assert_eq!(replacing.target().unwrap().count(), None);
    for (text, class) in [
        ("DROP ROLE bob", Class::Grant),
        ("DROP USER bob", Class::Grant),
        ("DROP GROUP bob", Class::Grant),
        ("DROP SCHEMA bob CASCADE", Class::Ddl),
        ("DROP DATABASE bob", Class::Ddl),
        ("DROP INDEX bob", Class::Ddl),
    ] {
        let statement = understood(Dialect::Postgres, text);
        assert_eq!((statement.class(), statement.is_complete()), (class, false), "{text}");
        assert!(statement.tables().is_empty(), "{text}");
        let is_looked_at = statement.targets().iter().all(Target::is_of_a_table);
        assert_eq!(is_looked_at, text.contains("INDEX"), "{text}");
    }
    assert_eq!(tables(Dialect::Postgres, "DROP TABLE a.b, c"), ["a.b", "b", "c"]);
    for text in [
        "CREATE TABLE x (id int, FOREIGN KEY (id) REFERENCES salaries(id)) SELECT 1 AS id",
        "CREATE TABLE x (id int REFERENCES salaries(id)) AS SELECT 1 AS id",
        "CREATE TABLE x ENGINE=MERGE UNION=(salaries) SELECT 1 AS a",
    ] {
        assert!(!understood(Dialect::Mysql, text).is_complete(), "{text}");
    }
}

#[test]
fn where_several_tables_are_joined_none_is_the_one_that_changes() {
    for text in [
        "UPDATE notes JOIN salaries ON 1 = 1 SET salaries.amount = 0 WHERE notes.id = 1",
        "DELETE salaries FROM notes JOIN salaries ON notes.id = salaries.id",
        "DELETE salaries FROM salaries WHERE id = 1",
    ] {
        let statement = understood(Dialect::Mysql, text);
        assert_eq!(statement.targets(), [], "{text}");
        assert!(statement.tables().contains("salaries"), "{text}");
    }
}

#[test]
fn t065_a_type_or_operator_of_somebodys_own_is_no_read() {
    for text in [
        "SELECT 'a'::string",
        "SELECT string 'a'",
        "SELECT CAST('a' AS datetime)",
        "SELECT 'a'::double",
        "SELECT 1::tinyint",
        "SELECT 1::uint8",
        "SELECT 'a'::blob",
        "SELECT ARRAY['a']::string[]",
        "SELECT * FROM json_to_record('{}') AS x(a string)",
        "SELECT a == b FROM t",
        "SELECT a <=> b FROM t",
        "EXPLAIN SELECT a == b FROM t",
    ] {
        is_no_read(Dialect::Postgres, text);
    }
    for text in [
        "SELECT a::text, b::varchar(3), c::numeric(5, 2), d::double precision, e::timestamptz, f::time, g::bit(3)[]",
        "SELECT a::int2, b::int8, c::float, d::float4, e::real, f::jsonb, g::uuid, h::point, i::tsvector, j::interval",
        "SELECT date '2024-01-01', a::char(3), b::bytea, c::regclass, d::bool, e::character varying, f::name, g::dec",
    ] {
        assert_eq!(understood(Dialect::Postgres, text).why_not_read(), None, "{text}");
    }
    assert!(understood(Dialect::Mysql, "SELECT a <=> b FROM t").is_read());
    assert!(understood(Dialect::Sqlite, "SELECT a == b FROM t").is_read());
}

#[test]
fn t065_a_stored_function_with_the_name_of_a_built_in_one_is_no_read() {
    for text in [
        "SELECT count (1)",
        "SELECT count/**/(1)",
        "SELECT Max\n(a) FROM t",
        "SELECT `count`(1)",
        "SELECT `left`('a', 1)",
        "SELECT trim ('a')",
        "SELECT regexp_like('a', 'b')",
        "SELECT grouping(a) FROM t",
        "EXPLAIN SELECT count (1)",
    ] {
        is_no_read(Dialect::Mysql, text);
    }
    for text in ["SELECT count(1), lower ('A') FROM t WHERE a IN (1)", "WITH `x` (a) AS (SELECT 1) SELECT a FROM x"] {
        assert_eq!(understood(Dialect::Mysql, text).why_not_read(), None, "{text}");
    }
    assert!(understood(Dialect::Postgres, "SELECT count (1), \"count\"(2)").is_read());
}
