//! Numbers: taken exactly or not at all.

use super::*;

#[test]
fn t027_plain_spellings_of_numbers_are_taken() {
    let plain = [
        "0",
        "1",
        "-1",
        "1.0",
        "1.5",
        "1e0",
        "1e3",
        "1E+3",
        "10e-1",
        "0.1e1",
        "0.1",
        "-0.5",
        "0.0",
        "0e5",
        "1e23",
        "1.50",
        "0.30000000000000004",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014e-308",
        "9007199254740992.0",
        "100000000000000000000.0",
        "31.245270191439438",
        "1.2345678901234567",
        "2074581573820579.2",
    ];
    for number in plain {
        assert!(taken(&format!("{{\"n\":{number}}}")), "{number}");
    }
}

#[test]
fn t028_whole_numbers_beyond_64_bits_are_refused() {
    for number in ["9007199254740993", "18446744073709551615", "-9223372036854775808", "9223372036854775808"] {
        assert!(taken(number), "{number}");
    }
    let ten_to_400 = format!("1{}", "0".repeat(400));
    for number in ["18446744073709551616", "18446744073709551617", "-9223372036854775809", &ten_to_400] {
        let (code, message) = refused_call(&format!("{{\"n\":{number}}}"));
        assert_eq!(code, INVALID_PARAMS);
        assert!(message.starts_with("the number at `/params/arguments/n` would lose precision"), "{message}");
    }
}

#[test]
fn t029_numbers_that_would_be_rounded_are_refused() {
    let rounded = [
        "-0",
        "-0.0",
        "-0e1",
        "1e-400",
        "1e400",
        "-1e400",
        "100.0000000000000000001",
        "0.1000000000000000055511151231257827",
        "9007199254740993.0",
        "1e-325",
        "0.30000000000000001",
        "2074581573820579.3",
        "123456789012345678901.0",
        "1e99999999999999999999",
        "1e-99999999999999999999",
    ];
    for number in rounded {
        refused_call(&format!("[{number}]"));
    }
}
