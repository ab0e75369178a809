//! Numbers and texts as conditions compare them.

use std::cmp::Ordering;

use serde_json::Number;

/// Compares exactly: never by turning a whole number into a float (T093).
pub(super) fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(left), None) => right.as_f64().and_then(|right| compare_whole(left, right)),
        (None, Some(right)) => left.as_f64().and_then(|left| compare_whole(right, left)).map(Ordering::reverse),
        (None, None) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn compare_whole(left: i128, right: f64) -> Option<Ordering> {
    // every integer that JSON gives us is within 2^64, so a larger float needs no exact value
    const BEYOND: f64 = 1e30;
    if right.abs() >= BEYOND {
        return 0.0.partial_cmp(&right);
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 10^30, checked above")]
    let floor = right.floor() as i128;
    Some(left.cmp(&floor).then(if right.fract() == 0.0 { Ordering::Equal } else { Ordering::Less }))
}

/// `*` stands for any run of characters, the rest for itself.
pub(super) fn glob_matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    // the earliest place of each part leaves the most for the next
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::pattern::Pattern;

    fn number(value: Value) -> Number {
        match value {
            Value::Number(number) => number,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn t093_numbers_are_compared_exactly() {
        for (left, right, ordering) in [
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), Ordering::Greater),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0), Ordering::Greater),
            (json!(u64::MAX), json!(i64::MAX), Ordering::Greater),
            (json!(u64::MAX), json!(18_446_744_073_709_551_616.0), Ordering::Less),
            (json!(49), json!(49.999_999_999), Ordering::Less),
            (json!(50), json!(49.999_999_999), Ordering::Greater),
            (json!(-49), json!(-49.5), Ordering::Greater),
            (json!(5), json!(5.0), Ordering::Equal),
            (json!(1), json!(1e300), Ordering::Less),
            (json!(1), json!(-1e300), Ordering::Greater),
            (json!(0.1), json!(0.2), Ordering::Less),
        ] {
            assert_eq!(compare(&number(left.clone()), &number(right.clone())), Some(ordering), "{left} {right}");
            assert_eq!(
                compare(&number(right.clone()), &number(left.clone())),
                Some(ordering.reverse()),
                "{right} {left}"
            );
        }
    }

    #[test]
    fn a_glob_is_the_whole_value_in_its_own_case() {
        for (glob, text, matches) in [
            ("acme/*", "acme/web", true),
            ("acme/*", "Acme/web", false),
            ("acme/*", "evil/acme/web", false),
            ("*.md", "a.md\n", false),
            ("a*b*c", "a-c-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("plain", "plain", true),
            ("plain", "plain2", false),
            ("*", "", true),
            ("?", "x", false),
        ] {
            assert_eq!(glob_matches(glob, text), matches, "{glob} {text}");
        }
    }

    proptest! {
        /// The quick way says what the slow and obvious one says.
        #[test]
        fn a_glob_is_the_pattern_that_it_looks_like(glob in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let pattern = Pattern::new(&glob.replace('*', ".*")).unwrap();
            prop_assert_eq!(glob_matches(&glob, &text), pattern.matches(&text));
        }
    }
}
