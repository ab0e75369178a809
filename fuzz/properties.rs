//! What holds of the classifier whatever the text is. Fuzzed by `fuzz/run`, and part of the product's own tests.
//!
//! The second opinion (`lexical.rs`) shares nothing with the classifier: it knows quotes and comments as the servers read
//! them, and the words that change something.

#[path = "lexical.rs"]
mod lexical;

use agentport::sql::{Class, Dialect, MAX_BYTES, Settings, Statement};

use self::lexical::Lexical;

/// Panics where one of them does not hold.
pub(super) fn hold(text: &str) {
    for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
        let usual = Statement::understand(dialect, text, Settings::usual(dialect));
        // what is not known of a server can only make it stricter
        if let Ok(unknown) = Statement::understand(dialect, text, Settings::unknown()) {
            assert_eq!(usual.as_ref(), Ok(&unknown), "{dialect}: {text:?}");
        }
        let Ok(statement) = usual else { continue };
        assert_eq!(statement.is_read(), statement.why_not_read().is_none());
        assert!(statement.why_not_read().is_none_or(|why| !why.is_empty()), "{dialect}: {text:?}");
        assert_eq!(statement.original(), text);
        if statement.is_read() {
            a_read(dialect, text, &statement);
        }
    }
}

fn a_read(dialect: Dialect, text: &str, read: &Statement) {
    assert_eq!(read.class(), Class::Select, "{dialect}: {text:?}");
    assert!(read.is_complete(), "{dialect}: {text:?}");
    assert_eq!((read.has_where(), read.targets().len()), (None, 0), "{dialect}: {text:?}");
    assert!(!read.is_explain_analyze() || read.class() == Class::Select, "{dialect}: {text:?}");

    let lexical = Lexical::of(dialect, text);
    assert!(lexical.is_whole(), "{dialect}: {text:?} ends within a string, a name or a comment");
    assert!(lexical.is_one_statement(), "{dialect}: {text:?} has more than one statement");
    assert_eq!(lexical.writes(), None, "{dialect}: {text:?} passes as a read");
    // both have read the same words, strings and signs, and so the same comments; `0x61` is written `X'61'`
    let normalised = read.text();
    if !text.to_ascii_lowercase().contains("0x") {
        assert!(lexical.has_parts_of(&Lexical::of(dialect, &normalised)), "{dialect}: {text:?}: {normalised:?}");
    }

    // room for what is put round it
    if text.len() + 64 > MAX_BYTES {
        return;
    }
    let mut clothes = vec![format!("{text} \n"), format!("\t{text}"), format!("/* it reads */ {text}")];
    if !lexical.ends_in_a_comment() {
        clothes.extend([format!("{text}\n-- it reads"), format!("{text}\n/* it does */")]);
        if !lexical.ends_in_semicolon() {
            clothes.push(format!("{text}\n;"));
        }
    }
    for clothed in clothes {
        let other = Statement::understand(dialect, &clothed, Settings::usual(dialect));
        let other = other.unwrap_or_else(|error| panic!("{dialect}: {clothed:?}: {error}"));
        assert_eq!(other.why_not_read(), None, "{dialect}: {clothed:?}");
        assert_eq!(other.text(), read.text(), "{dialect}: {clothed:?}");
        assert_eq!((other.tables(), other.functions()), (read.tables(), read.functions()), "{dialect}: {clothed:?}");
    }
    // what is shown is what is sent: the normalised text is the same statement
    let shown = Statement::understand(dialect, &read.text(), Settings::usual(dialect));
    let shown = shown.unwrap_or_else(|error| panic!("{dialect}: {:?}: {error}", read.text()));
    assert_eq!(shown.why_not_read(), None, "{dialect}: {:?}", read.text());
    assert_eq!((shown.tables(), shown.functions()), (read.tables(), read.functions()), "{dialect}: {text:?}");
}
