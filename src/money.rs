//! Money as people read it, out of a number in the currency's smallest unit.

/// Currencies with two decimals (ISO 4217, list one of 2025), apart from those that vendors count in other ways.
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
    CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR \
    IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK \
    NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS \
    TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG";
/// Currencies without decimals.
const NONE: &str = "BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF";
/// Currencies with three.
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";

/// `1250` and `usd` are `12.50 USD`. `None` for a currency that is not known, or that vendors count otherwise than ISO
/// 4217 does (ISK, MGA, UGX): a wrong point is worse than none.
pub fn human(minor: i128, currency: &str) -> Option<String> {
    let code = currency.to_ascii_uppercase();
    let within = |list: &str| list.split_ascii_whitespace().any(|known| known == code);
    let decimals: u32 = if within(TWO) {
        2
    } else if within(NONE) {
        0
    } else if within(THREE) {
        3
    } else {
        return None;
    };
    let unit = 10_u128.pow(decimals);
    let (sign, size) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    let whole = grouped(size / unit);
    Some(match decimals {
        0 => format!("{sign}{whole} {code}"),
        _ => format!("{sign}{whole}.{:0width$} {code}", size % unit, width = decimals as usize),
    })
}

/// `1234567` is `1,234,567`.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t170_money_has_the_decimals_of_its_currency() {
        for (minor, currency, shown) in [
            (1250, "usd", Some("12.50 USD")),
            (5, "EUR", Some("0.05 EUR")),
            (0, "gbp", Some("0.00 GBP")),
            (-1250, "usd", Some("-12.50 USD")),
            (500, "jpy", Some("500 JPY")),
            (1_234_567_890, "usd", Some("12,345,678.90 USD")),
            (1050, "kwd", Some("1.050 KWD")),
            (100, "xxx", None),
            (100, "isk", None),
            (100, "usd ", None),
            (100, "", None),
            (100, "us", None),
        ] {
            assert_eq!(human(minor, currency).as_deref(), shown, "{minor} {currency}");
        }
    }
}
