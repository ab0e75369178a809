//! What two readers could read differently: strings, names, comments, characters.

use super::{DIALECTS, is_no_read, refused, understood};
use crate::sql::{Class, Dialect, Misunderstood, Settings, Statement};

#[test]
fn the_normalised_text_reads_as_the_original_does() {
    let text = "select/* x */ a.B ,\n \"C\"\t, E'it\\'s', 'it''s', $$x$$ from T -- end";
    let statement = understood(Dialect::Postgres, text);
    assert_eq!(statement.text(), "SELECT a.b, \"C\", E'it\\'s', 'it''s', $$x$$ FROM t");
    let again = understood(Dialect::Postgres, &statement.text());
    assert_eq!(again.text(), statement.text());
    assert_eq!(statement.original(), text);
}

#[test]
fn t073_a_hidden_character_written_as_an_escape_is_refused_like_one() {
    for text in [r"SELECT E'an\b'", r"SELECT E'\u202e'", r"SELECT U&'\200b'"] {
        assert!(matches!(refused(Dialect::Postgres, text), Misunderstood::Ambiguous(_)), "{text}");
    }
    assert!(understood(Dialect::Postgres, r"SELECT E'a\nb'").is_read());
    // what is shown of it is read as the same
    let lines = understood(Dialect::Postgres, "SELECT E'a\r\nb'");
    assert!(lines.is_read() && understood(Dialect::Postgres, &lines.text()).is_read(), "{}", lines.text());
}

#[test]
fn t072_a_comment_behind_an_operator_hides_nothing() {
    for text in [
        "SELECT 'a' ~~/*'*/ touch()::text --'",
        "SHOW ~~~~OVER~~~~/*a",
        "SELECT 1 <->/*'*/ touch() --'",
        "SELECT '{}'::jsonb ?-- '\n touch()::text --'",
        "SELECT 1 ?-->'\n touch() --'",
        "SELECT 1 #-- '\n touch() --'",
    ] {
        assert!(matches!(refused(Dialect::Postgres, text), Misunderstood::Ambiguous(_)), "{text}");
    }
    assert!(understood(Dialect::Postgres, "SELECT a ~~ 'x', b @@ c, d <-> /* near */ e -- f").is_read());
}

#[test]
fn t072_signs_side_by_side_are_one_operator_to_postgres() {
    // any of these may be an operator that runs a function of somebody's own
    for text in ["SELECT a @>- 1", "SELECT a=@b", "SELECT a *= b", "SELECT a <| b", "SELECT a ?-~ b", "SELECT !!a"] {
        is_no_read(Dialect::Postgres, text);
    }
    for text in ["SELECT a=-1, b*-2, d >= -4, -e FROM t WHERE f<=-g", "SELECT a <<| b, a->>'b'||'c', d::text||e"] {
        assert_eq!(understood(Dialect::Postgres, text).why_not_read(), None, "{text}");
    }
    assert_eq!(understood(Dialect::Mysql, "SELECT a=-1, c=~d, e--1").why_not_read(), None);
    assert_eq!(understood(Dialect::Sqlite, "SELECT a=-1, b||-1, c=~d").why_not_read(), None);
    is_no_read(Dialect::Sqlite, "SELECT a #-- b\n");
}

#[test]
fn t072_nothing_is_left_out_of_what_is_read() {
    // the tokenizer leaves out what stands behind `&>`
    for text in ["SELECT a &>bc", "SELECT a &>' b', touch() --'", "SELECT a &>-b"] {
        assert!(matches!(refused(Dialect::Postgres, text), Misunderstood::Ambiguous(_)), "{text}");
    }
    // to MySQL a value and a name
    assert!(matches!(refused(Dialect::Mysql, "SELECT ?0th"), Misunderstood::Ambiguous(_)));
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
        for text in [
            "SELECT 1a",
            "SELECT NOT 1CREATE INDEX",
            "SELECT t.1a FROM t",
            "SELECT t.5 e",
            "SELECT t.5e_a FROM t",
            "SELECT t.5e3a",
            "SELECT 0xAAg FROM t",
            "SELECT 0xZZ FROM t",
            "SELECT x'41'g FROM t",
        ] {
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
