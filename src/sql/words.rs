//! The lists of words that the look at the bare tokens goes by. Asked of each word of each statement, so nothing is copied.

mod reserved;

pub(super) use self::reserved::{Bare, bare};

/// A word that no plain read has, wherever it stands.
pub(super) fn is_of_no_read(word: &str) -> bool {
    OF_NO_READ.has(word)
}

/// A word that is written in capitals.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.has(word)
}

/// A word that a parenthesis may follow without a call: a keyword, an expression of its own form, a type.
pub(super) fn is_before_parenthesis(word: &str) -> bool {
    is_keyword(word) || BEFORE_PARENTHESES.has(word)
}

/// A list of words, sorted at least by their first letter, in one text: an address for each of them would be larger than the
/// words are.
pub(super) struct Words {
    text: &'static str,
    /// By the first letter: where its words begin, and a bit for each length that they have: most words of a statement have a shape
    /// of none.
    letters: [(u16, u32); 26],
}

impl Words {
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the compiler does it, and stops where it is wrong; a test finds each word"
    )]
    pub(super) const fn new(text: &'static str) -> Self {
        let (mut letters, mut at) = ([(0, 0); 26], 0);
        let bytes = text.as_bytes();
        while at < bytes.len() {
            let mut end = at;
            while end < bytes.len() && bytes[end] != b' ' {
                end += 1;
            }
            let letter = &mut letters[(bytes[at].to_ascii_uppercase() - b'A') as usize];
            if letter.1 == 0 {
                *letter = (at as u16, 0);
            }
            letter.1 |= 1 << (end - at);
            at = end + 1;
        }
        Self { text, letters }
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &'static str> {
        self.text.split(' ')
    }

    /// As it stands there, where the list is one of small letters?
    pub(super) fn has_small(&self, word: &str) -> bool {
        !word.bytes().any(|byte| byte.is_ascii_uppercase()) && self.has(word)
    }

    /// Whatever its case?
    pub(super) fn has(&self, word: &str) -> bool {
        let letter = word.bytes().next().map(|first| first.to_ascii_uppercase().wrapping_sub(b'A'));
        let found = letter.and_then(|letter| self.letters.get(usize::from(letter)));
        let Some((from, lengths)) = found.copied() else { return false };
        let is_shaped =
            u32::try_from(word.len()).ok().and_then(|length| lengths.checked_shr(length)).unwrap_or_default();
        if is_shaped & 1 == 0 {
            return false;
        }
        let first = word.as_bytes().first().map(u8::to_ascii_uppercase);
        let words = self.text.as_bytes().get(usize::from(from)..).unwrap_or_default().split(|byte| *byte == b' ');
        let mut of_letter = words.take_while(|entry| entry.first().map(u8::to_ascii_uppercase) == first);
        of_letter.any(|entry| entry.eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// Sorted. What a read may say in other places (`REPLACE(a, b, c)`, `FOR`) is not in it.
static OF_NO_READ: Words = Words::new(
    "ALTER CALL COPY CREATE DELETE DROP DUMPFILE EXECUTE GRANT INSERT INTO LOCK MERGE OUTFILE PROCEDURE REVOKE \
     TRUNCATE UPDATE",
);

/// Sorted: the words that no dialect lets stand for a column without quotes, or that would be strange as one.
static KEYWORDS: Words = Words::new(
    "ALL ALTER ANALYZE AND ANY AS ASC BETWEEN BY CALL CASCADE CASE CHECK COLUMN CONFLICT CONSTRAINT COPY CREATE \
     CROSS DEFAULT DELETE DESC DISTINCT DO DROP ELSE END EXCEPT EXISTS EXPLAIN FETCH FOR FOREIGN FROM FULL GRANT \
     GROUP HAVING IN INDEX INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE LIMIT MERGE NATURAL NOT NULL \
     OFFSET ON OR ORDER OUTER OVER PARTITION PRIMARY REFERENCES RETURNING REVOKE RIGHT SELECT SET SHOW TABLE THEN \
     TRUNCATE UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHERE WINDOW WITH",
);

/// Sorted: what else is no name of a function where a parenthesis follows.
static BEFORE_PARENTHESES: Words = Words::new(
    "AGAINST ARRAY BIGINT BINARY BIT BOTH BPCHAR CAST CEIL CHAR CHARACTER CONVERT CUBE DATETIME DEC DECIMAL DIV \
     DOUBLE ESCAPE EXTRACT FILTER FIRST FIXED FLOAT FLOOR GLOB GROUPS ILIKE INT INTEGER INTERVAL KEY LEADING MATCH \
     MATERIALIZED NCHAR NEXT NUMERIC NVARCHAR OF ONLY OVERLAY POSITION PRECISION RANGE REAL REGEXP RLIKE ROLLUP ROW \
     ROWS SECOND SETS SMALLINT SOME SUBSTRING SYMMETRIC TIME TIMESTAMP TIMESTAMPTZ TIMETZ TO TRAILING TRIM \
     VARBINARY VARBIT VARCHAR VARYING XOR YEAR ZONE",
);

#[cfg(test)]
mod tests {
    use super::{BEFORE_PARENTHESES, KEYWORDS, OF_NO_READ, is_before_parenthesis, is_keyword, is_of_no_read};

    #[test]
    fn each_word_is_found_in_any_case_and_no_other() {
        for word in KEYWORDS.all() {
            assert!(is_keyword(word) && is_keyword(&word.to_lowercase()), "{word}");
        }
        for word in BEFORE_PARENTHESES.all() {
            assert!(is_before_parenthesis(word) && is_before_parenthesis(&word.to_lowercase()), "{word}");
        }
        for word in OF_NO_READ.all() {
            assert!(is_of_no_read(word) && is_of_no_read(&word.to_lowercase()), "{word}");
        }
        for word in ["", "1", "_", "SELEC", "SELECTS", "\u{17f}elect", "customers", &"S".repeat(99)] {
            assert!(!is_keyword(word) && !is_of_no_read(word), "{word}");
        }
    }
}
