//! What holds of any read, however it is put together and written.

use proptest::prelude::*;

use super::{DIALECTS, is_no_read};
use crate::sql::{Dialect, Misunderstood, Settings, Statement};

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
