//! Domains that pass for others: what differs from one that is known by a letter, or by letters that look alike.

/// The domain of an address, as it is compared.
pub(super) fn domain(address: &str) -> Option<String> {
    address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase())
}

/// Do the two look alike, without being the same?
pub(super) fn look_alike(one: &str, other: &str) -> bool {
    one != other && (skeleton(one) == skeleton(other) || is_one_edit(one, other))
}

/// What a hurried eye sees: letters and pairs that pass for others are one, and punycode is read.
fn skeleton(domain: &str) -> String {
    let (read, _) = idna::domain_to_unicode(domain);
    let letters: String = read.chars().filter(|letter| *letter != '-').map(plain).collect();
    letters.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// The Latin letter that a letter passes for.
fn plain(letter: char) -> char {
    match letter {
        '0' | 'о' | 'ο' | 'օ' => 'o',
        '1' | 'i' | 'ı' | 'і' | 'ι' | 'ӏ' => 'l',
        'а' | 'α' => 'a',
        'е' => 'e',
        'р' | 'ρ' => 'p',
        'с' => 'c',
        'у' | 'γ' => 'y',
        'х' | 'χ' => 'x',
        'ѕ' | '5' => 's',
        'ј' => 'j',
        'ԁ' => 'd',
        'һ' => 'h',
        'к' | 'κ' => 'k',
        'ν' => 'v',
        'т' | 'τ' => 't',
        other => other,
    }
}

/// One letter more, less, other, or two that changed places.
fn is_one_edit(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(same..).unwrap_or_default(), other.get(same..).unwrap_or_default());
    match (one, other) {
        ([a, b, one @ ..], [c, d, other @ ..]) if a == d && b == c && one == other => true,
        ([_, one @ ..], [_, other @ ..]) if one == other => true,
        ([_, one @ ..], other) if one == other => true,
        (one, [_, other @ ..]) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t164_domains_that_pass_for_others_are_found() {
        for (one, other) in [
            ("exarnple.com", "example.com"),
            ("examp1e.com", "example.com"),
            ("example.co", "example.com"),
            ("exmaple.com", "example.com"),
            ("exampel.com", "example.com"),
            ("exam-ple.com", "example.com"),
            ("xn--pypal-4ve.com", "paypal.com"),
        ] {
            assert!(look_alike(one, other) && look_alike(other, one), "{one} {other}");
        }
        for (one, other) in [("example.com", "example.com"), ("sample.com", "example.com"), ("acme.org", "example.com")]
        {
            assert!(!look_alike(one, other), "{one} {other}");
        }
        assert_eq!(domain("Ann@Example.COM").as_deref(), Some("example.com"));
    }
}
