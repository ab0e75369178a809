//! What a server asks of its clients in headers: how long to wait, and whether trying again can help.

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Pairs of headers: what is left of a quota, and when there is a new one, in seconds since the Unix epoch (GitHub) or
/// milliseconds (Linear).
const QUOTAS: [(&str, &str); 3] = [
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-ratelimit-requests-remaining", "x-ratelimit-requests-reset"),
    ("x-ratelimit-complexity-remaining", "x-ratelimit-complexity-reset"),
];
/// Larger numbers are milliseconds: as seconds they would be beyond the year 5000.
const MILLISECONDS: i64 = 100_000_000_000;

/// Seconds to wait before the next request: `Retry-After` (RFC 9110 section 10.2.3), else the time until an exhausted
/// quota is renewed. Moments are compared with the server's own `Date`, so that our clock does not matter.
pub(super) fn wait(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = text(DATE.as_str()).and_then(http_date);
    let until = |moment: i64| u64::try_from(moment.checked_sub(date?)?).ok();
    if let Some(after) = text(RETRY_AFTER.as_str()) {
        return after.parse().ok().or_else(|| until(http_date(after)?));
    }
    let renewals = QUOTAS.iter().filter(|(left, _)| text(left) == Some("0")).filter_map(|(_, renewed)| {
        let moment: i64 = text(renewed)?.parse().ok()?;
        until(if moment > MILLISECONDS { moment / 1_000 } else { moment })
    });
    renewals.max()
}

/// What Stripe says about trying again (`Stripe-Should-Retry`).
pub(super) fn may_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("stripe-should-retry")?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// Seconds since the Unix epoch of an HTTP date (RFC 9110 section 5.6.7).
fn http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|moment| moment.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).try_into().unwrap(), (*value).try_into().unwrap())).collect()
    }

    #[test]
    fn the_wait_is_what_the_server_says_by_its_own_clock() {
        const NOW: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT"); // 784111777
        for (pairs, expected) in [
            (vec![], None),
            (vec![("retry-after", "120")], Some(120)),
            (vec![("retry-after", " 7 ")], Some(7)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], None),
            (vec![NOW, ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60)),
            (vec![NOW, ("retry-after", "Sun, 06 Nov 1994 08:48:37 GMT")], None),
            (vec![("retry-after", "-1")], None),
            (vec![NOW, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111807")], Some(30)),
            (vec![NOW, ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "784111807")], None),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111807")], None),
            (vec![NOW, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "-9223372036854775808")], None),
            (
                vec![NOW, ("x-ratelimit-requests-remaining", "0"), ("x-ratelimit-requests-reset", "784111797000")],
                Some(20),
            ),
            (
                vec![NOW, ("retry-after", "5"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111807")],
                Some(5),
            ),
        ] {
            assert_eq!(wait(&headers(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn stripe_says_whether_trying_again_helps() {
        assert_eq!(may_retry(&headers(&[])), None);
        assert_eq!(may_retry(&headers(&[("stripe-should-retry", "true")])), Some(true));
        assert_eq!(may_retry(&headers(&[("stripe-should-retry", "false")])), Some(false));
        assert_eq!(may_retry(&headers(&[("stripe-should-retry", "maybe")])), None);
    }
}
