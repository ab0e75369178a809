//! How long something is, as people write it.

use crate::{clock::Millis, diagnostic::Source};

pub(super) const DAY: Millis = 24 * 60 * 60 * 1000;

/// `90s`, `5m`, `1h`, `30d` in milliseconds.
pub fn parse_duration(text: &str) -> Option<Millis> {
    let unit = text.chars().next_back()?;
    let number: Millis = text.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
    let factor = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The value of `key`; a problem where it is none, or lies outside of its bounds.
pub(super) fn duration(
    value: &toml::Spanned<String>,
    key: &str,
    (min, max): (Millis, Millis),
    source: &mut Source<'_>,
) -> Option<Millis> {
    let parsed = parse_duration(value.get_ref()).filter(|millis| (min..=max).contains(millis));
    if parsed.is_none() {
        source.problem(
            value.span(),
            format!("`{key}` must be a duration between {} and {}", shown(min), shown(max)),
            Some("for example \"90s\", \"5m\", \"1h\" or \"30d\"".to_owned()),
        );
    }
    parsed
}

fn shown(millis: Millis) -> String {
    if millis % DAY == 0 { format!("{}d", millis / DAY) } else { format!("{}m", millis / 60_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("5m"), Some(300_000));
        assert_eq!(parse_duration("30d"), Some(30 * DAY));
        for text in ["", "5", "m", "-1h", "1.5h", "1w", "１h"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
