//! Which numbers are taken: those that every reader takes for the same number.
//!
//! A number that a parser rounds is not what the agent wrote; two spellings of one rounded number would be two
//! requests with one digest.

/// Is what `spelling` (a JSON number) means kept by an i64, a u64 or an f64?
pub(super) fn is_exact(spelling: &str) -> bool {
    if !spelling.contains(['.', 'e', 'E']) {
        return spelling != "-0" && (spelling.parse::<i64>().is_ok() || spelling.parse::<u64>().is_ok());
    }
    let Ok(value) = spelling.parse::<f64>() else { return false };
    let negative_zero = value == 0.0 && value.is_sign_negative();
    // Without its feature `float_roundtrip` serde_json is off by one in the last place of some numbers. Nothing that
    // it would read differently may pass here, whichever features a build has.
    let as_serde_reads_it = serde_json::from_str::<f64>(spelling).is_ok_and(|read| read.to_bits() == value.to_bits());
    // Compared with how it is written again, on pages and upstream: where two spellings of the shortest length mean one
    // value, writers differ.
    let again = serde_json::to_string(&value).unwrap_or_default();
    value.is_finite()
        && !negative_zero
        && as_serde_reads_it
        && Decimal::parse(spelling).is_some_and(|written| Decimal::parse(&again) == Some(written))
}

/// A decimal number: its digits without zeros at either end, and the power of ten of the last one.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(spelling: &str) -> Option<Self> {
        let (mantissa, power) = spelling.split_once(['e', 'E']).unwrap_or((spelling, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let dropped = all.len() - kept.len();
        let digits = kept.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative, digits, exponent: 0 });
        }
        let power: i64 = power.parse().ok()?;
        let shift = i64::try_from(dropped).ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits, exponent: power.checked_add(shift)? })
    }
}
