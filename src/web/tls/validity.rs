//! From when until when a certificate is valid, read from its DER (X.509, RFC 5280 section 4.1). Nothing is decided by it
//! but when to order the next one and what `doctor` says: who checks a certificate is its client.

use std::ops::Range;

use jiff::{civil::DateTime, tz::TimeZone};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::clock::Millis;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Of the first certificate in a text in PEM.
pub(super) fn of_pem(pem: &[u8]) -> Option<Range<Millis>> {
    of(&CertificateDer::from_pem_slice(pem).ok()?)
}

/// Of a certificate.
pub(super) fn of(certificate: &[u8]) -> Option<Range<Millis>> {
    let (whole, _) = expect(certificate, SEQUENCE)?;
    let (body, _) = expect(whole, SEQUENCE)?;
    let rest = match next(body)? {
        (VERSION, _, rest) => rest,
        _ => body,
    };
    // serial number, algorithm, issuer
    let (_, _, rest) = next(rest)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (_, rest) = expect(rest, SEQUENCE)?;
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (tag, from, rest) = next(validity)?;
    let from = time(tag, from)?;
    let (tag, until, _) = next(rest)?;
    Some(from..time(tag, until)?)
}

fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = next(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag, content, and what follows.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, bytes) = bytes.split_first()?;
    let (length, bytes) = bytes.split_first()?;
    let (length, bytes) = match length {
        0..=0x7f => (usize::from(*length), bytes),
        0x81..=0x84 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(length - 0x80))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), bytes)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, of the years from 1950 on, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<Millis> {
    let digits = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let mut parts = [0_i8; 5];
    if rest.len() != 2 * parts.len() {
        return None;
    }
    for (part, place) in parts.iter_mut().zip([0, 2, 4, 6, 8]) {
        *part = rest.get(place..place + 2)?.parse().ok()?;
    }
    let [month, day, hour, minute, second] = parts;
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::rfc3339;

    fn shown(from: (i32, u8, u8), until: (i32, u8, u8)) -> Option<(String, String)> {
        let mut params = rcgen::CertificateParams::new(vec!["port.example.com".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let pem = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
        of_pem(pem.as_bytes()).map(|valid| (rfc3339(valid.start), rfc3339(valid.end)))
    }

    #[test]
    fn both_ways_to_write_a_year_are_read() {
        let both = |from: &str, until: &str| Some((from.to_owned(), until.to_owned()));
        assert_eq!(shown((2020, 2, 29), (2049, 12, 31)), both("2020-02-29T00:00:00Z", "2049-12-31T00:00:00Z"));
        assert_eq!(shown((1999, 1, 1), (2050, 1, 1)), both("1999-01-01T00:00:00Z", "2050-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_has_no_validity() {
        let key = rcgen::KeyPair::generate().unwrap();
        let whole = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        assert!(of(whole.der()).is_some());
        for end in 0..whole.der().len() {
            assert_eq!(of(&whole.der()[..end]), None, "{end}");
        }
        assert_eq!((of_pem(b"nothing"), of(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff])), (None, None));
    }
}
