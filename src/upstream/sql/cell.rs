//! PostgreSQL's values as they come over the wire, as JSON. What JSON has no exact form for is a text, as `psql` shows it.

use data_encoding::HEXLOWER;
use jiff::{Span, Timestamp, civil};
use serde_json::{Number, Value, json};
use tokio_postgres::types::{FromSql, Kind, Type};

/// A value of any type.
pub(super) struct Cell(pub(super) Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(of(ty, raw).unwrap_or_else(|| json!(format!("\\x{}", HEXLOWER.encode(raw))))))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn of(ty: &Type, raw: &[u8]) -> Option<Value> {
    match ty.kind() {
        Kind::Domain(inner) => return of(inner, raw),
        Kind::Array(inner) => return array(inner, raw),
        Kind::Enum(_) => return text(raw),
        _ => {}
    }
    match *ty {
        Type::BOOL => Some(json!(raw.first()? == &1)),
        Type::INT2 => Some(json!(i16::from_be_bytes(raw.try_into().ok()?))),
        Type::INT4 => Some(json!(i32::from_be_bytes(raw.try_into().ok()?))),
        Type::INT8 => Some(whole(i64::from_be_bytes(raw.try_into().ok()?))),
        Type::OID | Type::XID | Type::CID => Some(json!(u32::from_be_bytes(raw.try_into().ok()?))),
        Type::FLOAT4 => Some(float(f64::from(f32::from_be_bytes(raw.try_into().ok()?)))),
        Type::FLOAT8 => Some(float(f64::from_be_bytes(raw.try_into().ok()?))),
        Type::NUMERIC => numeric(raw),
        Type::JSON => serde_json::from_slice(raw).ok(),
        Type::JSONB => serde_json::from_slice(raw.get(1..)?).ok(),
        Type::UUID => uuid(raw),
        Type::DATE => {
            let days = i32::from_be_bytes(raw.try_into().ok()?);
            Some(json!(epoch().date().checked_add(Span::new().try_days(days).ok()?).ok()?.to_string()))
        }
        Type::TIME => {
            let micros = i64::from_be_bytes(raw.try_into().ok()?);
            let time = civil::Time::midnight().checked_add(Span::new().try_microseconds(micros).ok()?).ok()?;
            Some(json!(time.to_string()))
        }
        Type::TIMESTAMP => {
            let micros = i64::from_be_bytes(raw.try_into().ok()?);
            Some(json!(epoch().checked_add(Span::new().try_microseconds(micros).ok()?).ok()?.to_string()))
        }
        Type::TIMESTAMPTZ => {
            const BETWEEN: i64 = 946_684_800_000_000;
            let micros = i64::from_be_bytes(raw.try_into().ok()?).checked_add(BETWEEN)?;
            Some(json!(Timestamp::from_microsecond(micros).ok()?.to_string()))
        }
        Type::INTERVAL => {
            let micros = i64::from_be_bytes(raw.get(..8)?.try_into().ok()?);
            let days = i32::from_be_bytes(raw.get(8..12)?.try_into().ok()?);
            let months = i32::from_be_bytes(raw.get(12..)?.try_into().ok()?);
            let span = Span::new().try_months(months).ok()?.try_days(days).ok()?.try_microseconds(micros).ok()?;
            Some(json!(span.to_string()))
        }
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::UNKNOWN
        | Type::XML
        | Type::CHAR
        | Type::REGTYPE => text(raw),
        _ => None,
    }
}

fn text(raw: &[u8]) -> Option<Value> {
    std::str::from_utf8(raw).ok().map(|text| json!(text))
}

/// Beyond 2^53 a number is not what every reader of JSON takes it for.
fn whole(integer: i64) -> Value {
    const EXACT: u64 = 1 << 53;
    if integer.unsigned_abs() <= EXACT { json!(integer) } else { json!(integer.to_string()) }
}

fn float(float: f64) -> Value {
    Number::from_f64(float).map_or_else(|| json!(float.to_string()), Value::Number)
}

fn uuid(raw: &[u8]) -> Option<Value> {
    let digits = HEXLOWER.encode(raw);
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let parts = [part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?];
    Some(json!(parts.join("-")))
}

/// 2000-01-01, from which PostgreSQL counts.
fn epoch() -> civil::DateTime {
    civil::DateTime::constant(2000, 1, 1, 0, 0, 0, 0)
}

/// Groups of four decimal digits, with a weight and a scale.
fn numeric(raw: &[u8]) -> Option<Value> {
    let word = |at: usize| Some(u16::from_be_bytes(raw.get(at..at + 2)?.try_into().ok()?));
    let signed = |at: usize| Some(i16::from_be_bytes(raw.get(at..at + 2)?.try_into().ok()?));
    let (groups, weight, sign, scale) = (usize::from(word(0)?), signed(2)?, word(4)?, usize::from(word(6)?));
    match sign {
        0xC000 => return Some(json!("NaN")),
        0xD000 => return Some(json!("Infinity")),
        0xF000 => return Some(json!("-Infinity")),
        _ => {}
    }
    let group = |index: i32| match usize::try_from(index) {
        Ok(index) if index < groups => word(8 + 2 * index).unwrap_or(0),
        Ok(_) | Err(_) => 0,
    };
    let mut digits = String::new();
    if sign == 0x4000 {
        digits.push('-');
    }
    let weight = i32::from(weight);
    if weight < 0 {
        digits.push('0');
    } else {
        for index in 0..=weight {
            let group = group(index);
            digits += &if index == 0 { group.to_string() } else { format!("{group:04}") };
        }
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut index = weight + 1;
        while fraction.len() < scale {
            fraction += &format!("{:04}", group(index));
            index += 1;
        }
        digits.push('.');
        digits.extend(fraction.chars().take(scale));
    }
    Some(json!(digits))
}

/// Dimensions, then elements; each with its length.
fn array(inner: &Type, raw: &[u8]) -> Option<Value> {
    let int = |at: usize| Some(i32::from_be_bytes(raw.get(at..at + 4)?.try_into().ok()?));
    let dimensions = usize::try_from(int(0)?).ok()?;
    if dimensions == 0 {
        return Some(json!([]));
    }
    let mut lengths = Vec::new();
    for dimension in 0..dimensions {
        lengths.push(usize::try_from(int(12 + 8 * dimension)?).ok()?);
    }
    let mut at = 12 + 8 * dimensions;
    let mut elements = Vec::new();
    while at < raw.len() {
        let length = int(at)?;
        at += 4;
        match usize::try_from(length) {
            Err(_) => elements.push(Value::Null),
            Ok(length) => {
                elements.push(of(inner, raw.get(at..at + length)?)?);
                at += length;
            }
        }
    }
    for length in lengths.into_iter().skip(1).rev() {
        elements = elements.chunks(length.max(1)).map(|chunk| Value::Array(chunk.to_vec())).collect();
    }
    Some(Value::Array(elements))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_all_their_digits() {
        let raw = |groups: &[u16], weight: i16, sign: u16, scale: u16| {
            let head = [u16::try_from(groups.len()).unwrap(), weight.cast_unsigned(), sign, scale];
            head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
        };
        for (raw, shown) in [
            (raw(&[12, 3450], 0, 0, 2), "12.34"),
            (raw(&[1, 0, 1], 2, 0x4000, 0), "-100000001"),
            (raw(&[50], -1, 0, 4), "0.0050"),
            (raw(&[], 0, 0, 0), "0"),
            (raw(&[], 0, 0xC000, 0), "NaN"),
        ] {
            assert_eq!(numeric(&raw), Some(json!(shown)));
        }
        assert_eq!(whole(9_007_199_254_740_993), json!("9007199254740993"));
    }

    #[test]
    fn times_are_as_people_write_them() {
        assert_eq!(of(&Type::DATE, &366i32.to_be_bytes()), Some(json!("2001-01-01")));
        assert_eq!(of(&Type::TIMESTAMPTZ, &1_500_000i64.to_be_bytes()), Some(json!("2000-01-01T00:00:01.5Z")));
    }
}
