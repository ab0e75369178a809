mod bounds;
mod catalogs;
mod effects;
mod overlooked;
mod previews;
mod properties;
mod readers;
mod reads;
mod reserved;

use super::{Dialect, Misunderstood, Settings, Statement};

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
    match Statement::understand(dialect, text, Settings::usual(dialect)) {
        Ok(statement) => {
            assert!(!statement.is_read(), "{dialect}: {text} passes as a read");
            assert!(statement.why_not_read().is_some_and(|why| !why.is_empty()));
        }
        // a panic, or another tree than the parser's own
        Err(Misunderstood::Failed) => panic!("{dialect}: {text} could not be read"),
        Err(_) => {}
    }
}

fn tables(dialect: Dialect, text: &str) -> Vec<String> {
    understood(dialect, text).tables().iter().cloned().collect()
}
