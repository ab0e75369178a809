//! The lists of words that the look at the bare tokens goes by. Asked of each word of each statement, so nothing is copied.

/// A word that no plain read has, wherever it stands.
pub(super) fn is_of_no_read(word: &str) -> bool {
    is_among(&OF_NO_READ, word)
}

/// A word that is written in capitals.
pub(super) fn is_keyword(word: &str) -> bool {
    is_among(&KEYWORDS, word)
}

/// A word that a parenthesis may follow without a call: a keyword, an expression of its own form, a type.
pub(super) fn is_before_parenthesis(word: &str) -> bool {
    is_keyword(word) || is_among(&BEFORE_PARENTHESES, word)
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

/// Sorted: what else is no name of a function where a parenthesis follows.
const BEFORE_PARENTHESES: [&str; 71] = [
    "AGAINST",
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BIT",
    "BOTH",
    "BPCHAR",
    "CAST",
    "CEIL",
    "CHAR",
    "CHARACTER",
    "CONVERT",
    "CUBE",
    "DATETIME",
    "DEC",
    "DECIMAL",
    "DIV",
    "DOUBLE",
    "ESCAPE",
    "EXTRACT",
    "FILTER",
    "FIRST",
    "FIXED",
    "FLOAT",
    "FLOOR",
    "GLOB",
    "GROUPS",
    "ILIKE",
    "INT",
    "INTEGER",
    "INTERVAL",
    "KEY",
    "LEADING",
    "MATCH",
    "MATERIALIZED",
    "NCHAR",
    "NEXT",
    "NUMERIC",
    "NVARCHAR",
    "OF",
    "ONLY",
    "OVERLAY",
    "POSITION",
    "PRECISION",
    "RANGE",
    "REAL",
    "REGEXP",
    "RLIKE",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SECOND",
    "SETS",
    "SMALLINT",
    "SOME",
    "SUBSTRING",
    "SYMMETRIC",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMETZ",
    "TO",
    "TRAILING",
    "TRIM",
    "VARBINARY",
    "VARBIT",
    "VARCHAR",
    "VARYING",
    "XOR",
    "YEAR",
    "ZONE",
];

#[cfg(test)]
mod tests {
    use super::{BEFORE_PARENTHESES, KEYWORDS, OF_NO_READ, is_before_parenthesis, is_keyword, is_of_no_read};

    #[test]
    fn each_word_is_found_in_any_case_and_no_other() {
        for word in KEYWORDS {
            assert!(is_keyword(word) && is_keyword(&word.to_lowercase()), "{word}");
        }
        for word in BEFORE_PARENTHESES {
            assert!(is_before_parenthesis(word) && is_before_parenthesis(&word.to_lowercase()), "{word}");
        }
        for word in OF_NO_READ {
            assert!(is_of_no_read(word) && is_of_no_read(&word.to_lowercase()), "{word}");
        }
        for word in ["", "SELEC", "SELECTS", "\u{17f}elect", "customers"] {
            assert!(!is_keyword(word) && !is_of_no_read(word), "{word}");
        }
    }
}
