//! What the parser passes over, stops at, or takes for something else.

use super::{DIALECTS, is_no_read, refused, understood};
use crate::sql::{Class, Dialect, MAX_BYTES, Misunderstood, Settings, Statement};

#[test]
fn what_stands_between_the_words_of_a_show_is_not_overlooked() {
    for text in ["SHOW S-sleep(", "SHOW search_path(touch", "SHOW TIME ZONE, 1"] {
        is_no_read(Dialect::Postgres, text);
    }
    for text in ["SHOW search_path", "SHOW TIME ZONE", "SHOW \"search_path\";"] {
        assert!(understood(Dialect::Postgres, text).is_read(), "{text}");
    }
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
    // no rule about its place keeps this one out: it is a name before a parenthesis, and no call
    is_no_read(Dialect::Sqlite, "SELECT CAST(a AS touch(3)) FROM t");
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
