use std::fs;

use proptest::prelude::*;

use super::*;
use crate::sql::{Settings, Statement, tokens::split};

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];

fn layout(dialect: Dialect, text: &str) -> Layout {
    Statement::understand(dialect, text, Settings::usual(dialect)).unwrap().layout().unwrap()
}

/// What the server reads of a text: its tokens without spaces and comments.
fn read(dialect: Dialect, text: &str) -> Vec<sqlparser::tokenizer::Token> {
    let tokens = split(dialect, text).unwrap();
    tokens
        .into_iter()
        .map(|token| token.token)
        .filter(|token| !matches!(token, sqlparser::tokenizer::Token::Whitespace(_)))
        .collect()
}

#[test]
fn clauses_have_lines_of_their_own() {
    for (dialect, text, lines) in [
        (Dialect::Postgres, "DROP TABLE customers", "DROP TABLE customers"),
        (
            Dialect::Postgres,
            "delete from customers where country=$1 and id between $2 and 7 or name is null",
            "delete from customers\nwhere country=$1\n  and id between $2 and 7\n  or name is null",
        ),
        (
            Dialect::Mysql,
            "UPDATE `a b` SET name = 'x', n = n+1 WHERE id IN (1, 2) -- why\n LIMIT 3;",
            "UPDATE `a b`\nSET name = 'x',\n  n = n+1\nWHERE id IN (1, 2) -- why\nLIMIT 3;",
        ),
        (
            Dialect::Postgres,
            "WITH gone AS (DELETE FROM orders o USING c WHERE o.c = c.id RETURNING o.id), x AS (SELECT 1) INSERT INTO log (id, at) SELECT id, now() FROM gone ON CONFLICT (id) DO UPDATE SET at = now()",
            "WITH gone AS (\n  DELETE FROM orders o USING c\n  WHERE o.c = c.id\n  RETURNING o.id\n),\nx AS (\n  SELECT 1\n)\nINSERT INTO log (id, at)\nSELECT id, now()\nFROM gone\nON CONFLICT (id) DO UPDATE\nSET at = now()",
        ),
        (
            Dialect::Postgres,
            "SELECT a.id FROM a LEFT OUTER JOIN b ON b.id = a.id AND b.x JOIN c USING (id) WHERE left(a.n, 1) = 'x' GROUP BY 1 ORDER BY 1 LIMIT 5",
            "SELECT a.id\nFROM a\nLEFT OUTER JOIN b ON b.id = a.id\n  AND b.x\nJOIN c USING (id)\nWHERE left(a.n, 1) = 'x'\nGROUP BY 1\nORDER BY 1\nLIMIT 5",
        ),
        (
            Dialect::Sqlite,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, c INTEGER REFERENCES c (id) ON DELETE SET NULL)",
            "CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  c INTEGER REFERENCES c (id) ON DELETE SET NULL\n)",
        ),
        (Dialect::Postgres, "GRANT SELECT, UPDATE ON t TO app", "GRANT SELECT, UPDATE ON t TO app"),
        (Dialect::Sqlite, "INSERT INTO t VALUES (1, 'a'), (2, 'b')", "INSERT INTO t\nVALUES (1, 'a'),\n  (2, 'b')"),
    ] {
        assert_eq!(layout(dialect, text).text(), lines);
    }
}

#[test]
fn each_part_has_its_kind() {
    let layout = layout(Dialect::Postgres, "UPDATE t SET \"Set\" = 'it''s', n = -1.5 /* why */ WHERE t.select = $2");
    let parts = layout.lines().iter().flat_map(|line| &line.parts);
    let parts: Vec<_> = parts.map(|part| (part.text.as_str(), part.kind)).collect();
    for expected in [
        ("UPDATE", Kind::Keyword),
        ("t", Kind::Name),
        ("\"Set\"", Kind::Name),
        ("'it''s'", Kind::String),
        ("1.5", Kind::Number),
        ("-", Kind::Sign),
        ("/* why */", Kind::Comment),
        ("select", Kind::Name),
        ("$2", Kind::Parameter(2)),
    ] {
        assert!(parts.contains(&expected), "{expected:?}: {parts:?}");
    }
}

#[test]
fn values_stand_where_the_server_binds_them() {
    let values = ["\"DE\"".to_owned(), "7".to_owned(), "null".to_owned()];
    for (dialect, text, shown) in [
        (Dialect::Postgres, "SELECT $2, $1, $2, $9", "SELECT ⟨$2 = 7⟩, ⟨$1 = \"DE\"⟩, ⟨$2 = 7⟩, $9"),
        (Dialect::Mysql, "SELECT ?, '?', ?", "SELECT ⟨?1 = \"DE\"⟩, '?', ⟨?2 = 7⟩"),
        (Dialect::Sqlite, "SELECT ?2, ?, ?1", "SELECT ⟨?2 = 7⟩, ⟨?3 = null⟩, ⟨?1 = \"DE\"⟩"),
    ] {
        assert_eq!(layout(dialect, text).with_values(&values), shown);
    }
}

/// SQLite itself says which value it takes where.
#[test]
fn sqlite_numbers_its_values_as_we_do() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for text in ["SELECT ?, ?", "SELECT ?2, ?, ?1", "SELECT ?, ?1, ?", "SELECT ?3, ?1, ?2, ?", "SELECT ?2, ?2, ?"] {
        let mut prepared = connection.prepare(text).unwrap();
        let count = prepared.parameter_count();
        let numbers: Vec<i64> = (1..).take(count).collect();
        let width = prepared.column_count();
        let bound = rusqlite::params_from_iter(&numbers);
        let row: Vec<i64> = prepared.query_row(bound, |row| (0..width).map(|at| row.get(at)).collect()).unwrap();
        let layout = layout(Dialect::Sqlite, text);
        let ours = layout.lines().iter().flat_map(|line| &line.parts).filter_map(|part| match part.kind {
            Kind::Parameter(number) => i64::try_from(number).ok(),
            _ => None,
        });
        assert_eq!(ours.collect::<Vec<_>>(), row, "{text}");
    }
    for text in ["SELECT :a", "SELECT ?, @a", "SELECT $a", "SELECT $1"] {
        assert!(Statement::understand(Dialect::Sqlite, text, Settings::usual(Dialect::Sqlite)).is_err(), "{text}");
    }
}

/// A value that looks like SQL, or like our own brackets, stays a value.
#[test]
fn t072_a_value_stays_visibly_a_value() {
    let layout = layout(Dialect::Postgres, "SELECT * FROM t WHERE a = $1");
    for (value, shown) in
        [("x' OR '1'='1", "⟨$1 = \"x' OR '1'='1\"⟩"), ("⟩ OR true -- ⟨", "⟨$1 = \"⟨U+27E9⟩ OR true -- ⟨U+27E8⟩\"⟩")]
    {
        let value = visible(&serde_json::json!(value).to_string());
        assert_eq!(layout.with_values(&[value]).lines().last(), Some(format!("WHERE a = {shown}").as_str()));
    }
}

/// What is shown over lines is the statement: the same tokens, for every statement of the corpus.
#[test]
fn t072_no_token_is_lost_or_changed() {
    for dialect in DIALECTS {
        let name = if dialect == Dialect::Mysql { "mysql" } else { dialect.as_str() };
        let corpus = fs::read_to_string(format!("tests/it/sql/{name}.sql")).unwrap();
        let mut seen = 0;
        for text in corpus.lines() {
            let Ok(statement) = Statement::understand(dialect, text, Settings::usual(dialect)) else { continue };
            let layout = statement.layout().unwrap_or_else(|| panic!("no layout of {text}"));
            assert_eq!(read(dialect, &layout.text()), read(dialect, text), "{text}");
            let comments = |text: &str| text.matches("/*").count() + text.matches("--").count();
            assert_eq!(comments(&layout.text()), comments(text), "{text}");
            seen += 1;
        }
        assert!(seen > 300, "{dialect}: {seen}");
    }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "SELECT",
        "DELETE FROM",
        "FROM",
        "WHERE",
        "SET",
        "UPDATE",
        "VALUES",
        "t",
        "\"a b\"",
        "'x'",
        "'a  b'",
        "'$1'",
        "$1",
        "$2",
        "1.5",
        "(",
        ")",
        ",",
        "AND",
        "OR",
        "BETWEEN",
        "CASE",
        "END",
        "JOIN",
        "LEFT",
        "ON",
        "=",
        "-",
        "--\n",
        "-- x\n",
        "/* y */",
        "/**/",
        "E'\\n'",
        "$$ ; $$",
        "WITH",
        "AS",
        "LIMIT",
        ";",
        ".",
        "::",
        "||",
        "ORDER BY",
    ]);
    prop::collection::vec((word, prop::sample::select(vec![" ", "", "\n", "  "])), 1..14)
        .prop_map(|words| words.into_iter().flat_map(|(word, space)| [word, space]).collect())
}

proptest! {
    /// Whatever the text: there is a layout with the same tokens, or there is none.
    #[test]
    fn t072_a_layout_has_the_tokens_of_its_text(text in words()) {
        for dialect in DIALECTS {
            if let Some(layout) = Layout::of(dialect, &text) {
                prop_assert_eq!(read(dialect, &layout.text()), read(dialect, &text));
            }
        }
    }

    /// I11: what is shown in place differs where statement or values do.
    #[test]
    fn t072_other_tokens_or_values_are_shown_otherwise(
        one in words(), other in words(), a in "[ab\"'$1⟨⟩ =]{0,4}", b in "[ab\"'$1⟨⟩ =]{0,4}",
    ) {
        let dialect = Dialect::Postgres;
        let shown = |text: &str, value: &str| {
            let value = visible(&serde_json::json!(value).to_string());
            Layout::of(dialect, text).map(|layout| layout.with_values(&[value]))
        };
        if let (Some(first), Some(second)) = (shown(&one, &a), shown(&other, &b)) {
            let parts = |text: &str| {
                let parts = Layout::of(dialect, text).into_iter().flat_map(|layout| layout.0).flat_map(|line| line.parts);
                parts.map(|part| part.text).collect::<Vec<_>>()
            };
            if parts(&one) != parts(&other) {
                prop_assert_ne!(&first, &second);
            }
        }
        if let (Some(first), Some(second)) = (shown(&one, &a), shown(&one, &b)) {
            let takes = Layout::of(dialect, &one).is_some_and(|layout| {
                layout.0.iter().flat_map(|line| &line.parts).any(|part| part.kind == Kind::Parameter(1))
            });
            prop_assert_eq!(takes && a != b, first != second);
        }
    }
}
