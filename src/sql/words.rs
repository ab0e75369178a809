//! The lists of words that the look at the bare tokens goes by. Asked of each word of each statement, so nothing is copied.

/// A word that no plain read has, wherever it stands.
pub(super) fn is_of_no_read(word: &str) -> bool {
    is_among(&OF_NO_READ, word)
}

/// A word that is written in capitals.
pub(super) fn is_keyword(word: &str) -> bool {
    is_among(&KEYWORDS, word)
}

/// Is it in a sorted list of words in capitals, whatever its own case?
fn is_among(sorted: &[&str], word: &str) -> bool {
    let in_capitals = |entry: &&str| entry.bytes().cmp(word.bytes().map(|byte| byte.to_ascii_uppercase()));
    sorted.binary_search_by(in_capitals).is_ok()
}

/// Sorted. What a read may say in other places (`REPLACE(a, b, c)`, `FOR`) is not in it.
const OF_NO_READ: [&str; 18] = [
    "ALTER",
    "CALL",
    "COPY",
    "CREATE",
    "DELETE",
    "DROP",
    "DUMPFILE",
    "EXECUTE",
    "GRANT",
    "INSERT",
    "INTO",
    "LOCK",
    "MERGE",
    "OUTFILE",
    "PROCEDURE",
    "REVOKE",
    "TRUNCATE",
    "UPDATE",
];

/// Sorted: the words that no dialect lets stand for a column without quotes, or that would be strange as one.
const KEYWORDS: [&str; 82] = [
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CALL",
    "CASCADE",
    "CASE",
    "CHECK",
    "COLUMN",
    "CONFLICT",
    "CONSTRAINT",
    "COPY",
    "CREATE",
    "CROSS",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FETCH",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "GRANT",
    "GROUP",
    "HAVING",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MERGE",
    "NATURAL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRIMARY",
    "REFERENCES",
    "RETURNING",
    "REVOKE",
    "RIGHT",
    "SELECT",
    "SET",
    "SHOW",
    "TABLE",
    "THEN",
    "TRUNCATE",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

#[cfg(test)]
mod tests {
    use super::{KEYWORDS, OF_NO_READ, is_keyword, is_of_no_read};

    #[test]
    fn each_word_is_found_in_any_case_and_no_other() {
        for word in KEYWORDS {
            assert!(is_keyword(word) && is_keyword(&word.to_lowercase()), "{word}");
        }
        for word in OF_NO_READ {
            assert!(is_of_no_read(word) && is_of_no_read(&word.to_lowercase()), "{word}");
        }
        for word in ["", "SELEC", "SELECTS", "\u{17f}elect", "customers"] {
            assert!(!is_keyword(word) && !is_of_no_read(word), "{word}");
        }
    }
}
