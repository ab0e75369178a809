//! The words that a server reserves: without quotes they are no names, so that one that the parser takes for a name was
//! something else to the server. The lists are the servers' own (`pg_get_keywords()`; `information_schema.keywords`, each word
//! tried; SQLite's grammar, each word tried).

mod mysql;

use self::mysql::RESERVED as MYSQL;
use super::Words;
use crate::sql::Dialect;

/// What a bare word is to a server, where the parser takes it for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Bare {
    /// A name.
    Name,
    /// What stands for a value, such as `CURRENT_USER`; no column.
    Value,
    /// Part of the statement itself.
    Reserved,
}

/// By the word alone, whatever its case.
pub(in super::super) fn bare(dialect: Dialect, word: &str) -> Bare {
    let (reserved, values) = match dialect {
        Dialect::Postgres => (&POSTGRES, &POSTGRES_VALUES),
        Dialect::Mysql => (&MYSQL, &MYSQL_VALUES),
        Dialect::Sqlite => (&SQLITE, &SQLITE_VALUES),
    };
    if reserved.has(word) {
        Bare::Reserved
    } else if values.has(word) {
        Bare::Value
    } else {
        Bare::Name
    }
}

/// Sorted.
static POSTGRES: Words = Words::new(
    "ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC AUTHORIZATION BINARY BOTH CASE CAST CHECK COLLATE \
     COLLATION COLUMN CONCURRENTLY CONSTRAINT CREATE CROSS DEFERRABLE DESC DISTINCT DO ELSE END EXCEPT FETCH FOR \
     FOREIGN FREEZE FROM FULL GRANT GROUP HAVING ILIKE IN INITIALLY INNER INTERSECT INTO IS ISNULL JOIN LATERAL \
     LEADING LEFT LIKE LIMIT NATURAL NOT NOTNULL OFFSET ON ONLY OR ORDER OUTER OVERLAPS PLACING PRIMARY REFERENCES \
     RETURNING RIGHT SELECT SIMILAR SOME SYMMETRIC TABLE TABLESAMPLE THEN TO TRAILING UNION UNIQUE USING VARIADIC \
     VERBOSE WHEN WHERE WINDOW WITH",
);

/// Sorted.
static SQLITE: Words = Words::new(
    "ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFERRABLE DELETE \
     DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS ISNULL \
     JOIN LIMIT NOT NOTHING NOTNULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION \
     UNION UNIQUE UPDATE USING VALUES WHEN WHERE",
);

/// Sorted: what stands for a value.
static POSTGRES_VALUES: Words = Words::new(
    "CURRENT_CATALOG CURRENT_DATE CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEFAULT \
     FALSE LOCALTIME LOCALTIMESTAMP NULL SESSION_USER SYSTEM_USER TRUE USER",
);

/// Sorted: what stands for a value.
static MYSQL_VALUES: Words = Words::new(
    "CURRENT_DATE CURRENT_ROLE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEFAULT FALSE LOCALTIME LOCALTIMESTAMP \
     NULL TRUE UTC_DATE UTC_TIME UTC_TIMESTAMP",
);

/// Sorted: what stands for a value.
static SQLITE_VALUES: Words = Words::new("CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DEFAULT FALSE NULL TRUE");

#[cfg(test)]
mod tests {
    use super::{Bare, MYSQL, MYSQL_VALUES, POSTGRES, POSTGRES_VALUES, SQLITE, SQLITE_VALUES, bare};
    use crate::sql::Dialect;

    #[test]
    fn each_word_is_found_in_any_case() {
        for (dialect, words, values) in [
            (Dialect::Postgres, &POSTGRES, &POSTGRES_VALUES),
            (Dialect::Mysql, &MYSQL, &MYSQL_VALUES),
            (Dialect::Sqlite, &SQLITE, &SQLITE_VALUES),
        ] {
            for word in words.all() {
                assert_eq!(bare(dialect, word), Bare::Reserved, "{word}");
                assert_eq!(bare(dialect, &word.to_lowercase()), Bare::Reserved, "{word}");
            }
            for word in values.all() {
                assert_eq!(bare(dialect, &word.to_lowercase()), Bare::Value, "{word}");
            }
            assert_eq!(bare(dialect, "customers"), Bare::Name);
        }
    }
}
