//! Times as people read them: the moment in UTC, and how far it is from now.

use crate::clock::{Millis, rfc3339};

/// A moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct When {
    /// `2026-11-23 09:30:00 UTC`
    pub(in crate::web) at: String,
    /// `2026-11-23T09:30:00Z`, for machines.
    pub(in crate::web) iso: String,
    /// `3 minutes ago`, `in 58 minutes`.
    pub(in crate::web) from_now: String,
}

impl When {
    /// `at`, seen from `now`.
    pub(in crate::web) fn new(at: Millis, now: Millis) -> Self {
        let iso = rfc3339(at);
        let from_now = if at > now {
            format!("in {}", span(at.saturating_sub(now)))
        } else if now.saturating_sub(at) < 10_000 {
            "just now".to_owned()
        } else {
            format!("{} ago", span(now.saturating_sub(at)))
        };
        Self { at: iso.replace('T', " ").replace('Z', " UTC"), iso, from_now }
    }

    /// As the log writes it, to the second.
    pub(in crate::web) fn of_text(iso: &str, now: Millis) -> Self {
        match iso.parse::<jiff::Timestamp>() {
            Ok(at) => Self::new(at.as_millisecond(), now),
            Err(_) => Self { at: String::new(), iso: String::new(), from_now: String::new() },
        }
    }
}

fn span(millis: Millis) -> String {
    let seconds = millis / 1000;
    let (number, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_twice() {
        let now = 1_764_000_000_000;
        for (offset, from_now) in [
            (0, "just now"),
            (-9_000, "just now"),
            (-61_000, "1 minute ago"),
            (3_540_000, "in 59 minutes"),
            (3_600_000, "in 1 hour"),
            (-86_400_000, "24 hours ago"),
            (-172_800_000, "2 days ago"),
            (1_000, "in 1 second"),
        ] {
            assert_eq!(When::new(now + offset, now).from_now, from_now, "{offset}");
        }
        assert_eq!(When::new(now, now).at, "2025-11-24 16:00:00 UTC");
    }
}
