//! What a value is, beyond what it looks like, and how people say it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{clock::rfc3339, money};

/// What a value is, beyond what it looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Nothing more than it is.
    #[default]
    Plain,
    /// Money, in the smallest unit of this currency.
    Money(String),
    /// A moment, in seconds since the Unix epoch.
    Time,
    /// A number of rows.
    Rows,
    /// So many rows of so many in all.
    RowsOf(u64),
    /// The most rows that the call may touch; what touches more is taken back.
    MostRows,
    /// A size in bytes.
    Bytes,
    /// Whether this address was written to before; null where that could not be looked up.
    SentBefore(String),
}

impl Meaning {
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::Plain
    }

    /// `12.50 USD`, `12 of 1,000 rows (1.2 %)`. `None` where the value says it already.
    pub(super) fn in_words(&self, value: &Value) -> Option<String> {
        let share = match (self, value.as_u64()) {
            (Self::RowsOf(total), Some(part)) => share(part, *total),
            _ => String::new(),
        };
        self.in_brief(value).map(|words| words + &share)
    }

    /// The same without a share: `12 of 1,000 rows`.
    pub(super) fn in_brief(&self, value: &Value) -> Option<String> {
        if let Self::SentBefore(_) = self {
            return Some(sent_before(value).to_owned());
        }
        let whole = value.as_i64()?;
        match self {
            Self::Plain | Self::SentBefore(_) => None,
            Self::Money(currency) => money::human(i128::from(whole), currency),
            Self::Time => Some(rfc3339(whole.checked_mul(1000)?).replace('T', " ").replace('Z', " UTC")),
            Self::Rows | Self::MostRows => Some(rows(u64::try_from(whole).ok()?)),
            Self::RowsOf(total) => {
                let part = u64::try_from(whole).ok()?;
                Some(format!("{} of {}", grouped(part), rows(*total)))
            }
            Self::Bytes => bytes(u64::try_from(whole).ok()?),
        }
    }
}

fn sent_before(value: &Value) -> &'static str {
    match value.as_bool() {
        Some(true) => "written to before",
        Some(false) => "first mail from this account, as far as its sent mail says",
        None => "not looked up whether it was written to before",
    }
}

/// `1 row`, `1,000 rows`
pub fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(count)) }
}

/// `1,000,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// ` (1.2 %)`; what is nearly all or nearly nothing is not rounded to it.
fn share(part: u64, total: u64) -> String {
    if total == 0 || part > total {
        return String::new();
    }
    let tenths = u128::from(part) * 1_000 / u128::from(total);
    match (part, tenths) {
        (0, _) => " (none)".to_owned(),
        (_, 0) => " (under 0.1 %)".to_owned(),
        _ if part == total => " (all)".to_owned(),
        (_, tenths) => format!(" ({}.{} %)", tenths / 10, tenths % 10),
    }
}

/// `64 KiB`
fn bytes(size: u64) -> Option<String> {
    let (unit, word) = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| size >= *unit)?;
    let tenths = u128::from(size) * 10 / u128::from(unit);
    Some(if tenths % 10 == 0 {
        format!("{} {word}", tenths / 10)
    } else {
        format!("{}.{} {word}", tenths / 10, tenths % 10)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_of_rows_is_said_with_its_share() {
        for (meaning, value, words) in [
            (Meaning::RowsOf(1_000), 12, "12 of 1,000 rows (1.2 %)"),
            (Meaning::RowsOf(1_000), 1_000, "1,000 of 1,000 rows (all)"),
            (Meaning::RowsOf(1_000_000), 999_999, "999,999 of 1,000,000 rows (99.9 %)"),
            (Meaning::RowsOf(5_000), 1, "1 of 5,000 rows (under 0.1 %)"),
            (Meaning::RowsOf(0), 0, "0 of 0 rows"),
            (Meaning::RowsOf(7), 0, "0 of 7 rows (none)"),
            (Meaning::Rows, 1, "1 row"),
            (Meaning::MostRows, 1_234_567, "1,234,567 rows"),
            (Meaning::Bytes, 65_536, "64 KiB"),
            (Meaning::Bytes, 1_600_000, "1.5 MiB"),
        ] {
            assert_eq!(meaning.in_words(&json!(value)).as_deref(), Some(words));
        }
        assert_eq!(Meaning::Bytes.in_words(&json!(12)), None);
    }
}
