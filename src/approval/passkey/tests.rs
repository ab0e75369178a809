//! What counts and what does not, against a key in software.

use super::*;
use crate::authenticator::{Authenticator, TOUCHED, VERIFIED};

const ORIGIN: &str = "http://localhost:4747";

fn claim(approval: &str, digest: u8) -> Claim {
    Claim::Approve { approval: approval.to_owned(), digest: [digest; 32].into() }
}

fn registered(key: &Authenticator, challenge: &str) -> Result<NewPasskey, PasskeyError> {
    Registration::parse(&key.register(challenge)).unwrap().check(challenge, ORIGIN)
}

fn enrolled(key: &Authenticator) -> Passkey {
    let new = registered(key, "a-challenge").unwrap();
    assert_eq!(new.credential, key.id());
    Passkey {
        factor: FactorId("fac_1".to_owned()),
        person: PersonId::owner(),
        credential: new.credential,
        key: new.key,
        backup_eligible: new.backup_eligible,
        origin: new.origin,
    }
}

fn shown(key: &mut Authenticator, passkey: &Passkey) -> Result<Approver, PasskeyError> {
    let claim = claim("apr_1", 1);
    let assertion = key.sign(&challenge(&claim, "n"));
    prove_by_passkey(claim, &assertion, passkey, "n", ORIGIN)
}

#[test]
fn a_passkey_of_each_kind_proves_its_person_for_one_claim() {
    for mut key in [Authenticator::new(ORIGIN), Authenticator::ed25519(ORIGIN, 7)] {
        let passkey = enrolled(&key);
        let approver = shown(&mut key, &passkey).unwrap();
        assert_eq!((approver.claim(), approver.person()), (&claim("apr_1", 1), &PersonId::owner()));
        assert_eq!(approver.proof().strength(), crate::approval::Strength::Passkey);
        let again: PublicKey = String::from(passkey.key.clone()).try_into().unwrap();
        assert_eq!(again, passkey.key);
    }
}

#[test]
fn t134_what_was_signed_for_one_approval_is_good_for_no_other() {
    let mut key = Authenticator::new(ORIGIN);
    let passkey = enrolled(&key);
    let assertion = key.sign(&challenge(&claim("apr_1", 1), "n"));
    let as_claim = |claim, nonce| prove_by_passkey(claim, &assertion, &passkey, nonce, ORIGIN).map(drop);
    assert_eq!(as_claim(claim("apr_1", 1), "n"), Ok(()));
    for (claim, nonce) in [
        (claim("apr_2", 1), "n"),
        (claim("apr_1", 2), "n"),
        (claim("apr_1", 1), "m"),
        (Claim::AddFactor, "n"),
        (Claim::RemoveFactor(FactorId("apr_1".to_owned())), "n"),
        (Claim::SignIn, "n"),
        (Claim::Policy([1; 32].into()), "n"),
    ] {
        assert_eq!(as_claim(claim, nonce), Err(PasskeyError::Challenge));
    }
}

#[test]
fn t134_without_user_verification_nothing_is_proven_or_enrolled() {
    let mut key = Authenticator::new(ORIGIN);
    let passkey = enrolled(&key);
    for flags in [0, TOUCHED, VERIFIED & !TOUCHED] {
        key.flags = flags;
        assert_eq!(shown(&mut key, &passkey).map(drop), Err(PasskeyError::NotVerified), "{flags}");
        assert_eq!(registered(&key, "c").map(drop), Err(PasskeyError::NotVerified));
    }
}

#[test]
fn t134_the_origin_counts_as_a_whole_and_so_does_the_host() {
    for origin in [
        "http://localhost:4748",
        "http://localhost",
        "https://localhost:4747",
        "http://localhost:4747/",
        "http://127.0.0.1:4747",
        "http://localhost:4747.evil.example",
        "null",
    ] {
        let mut key = Authenticator::new(ORIGIN);
        let passkey = enrolled(&key);
        key.origin = origin.to_owned();
        assert_eq!(shown(&mut key, &passkey).map(drop), Err(PasskeyError::Origin), "{origin}");
        assert_eq!(registered(&key, "c").map(drop), Err(PasskeyError::Origin), "{origin}");
    }
    let mut key = Authenticator::new(ORIGIN);
    let passkey = enrolled(&key);
    key.rp = "evil.example".to_owned();
    assert_eq!(shown(&mut key, &passkey).map(drop), Err(PasskeyError::Origin));
    let mut key = Authenticator::new(ORIGIN);
    let passkey = enrolled(&key);
    key.cross_origin = true;
    assert_eq!(shown(&mut key, &passkey).map(drop), Err(PasskeyError::Origin));
    // an enrolled key of another port is none here, even where the browser was wrong about the page
    let other = Passkey { origin: "http://localhost:4748".to_owned(), ..passkey };
    key.cross_origin = false;
    assert_eq!(shown(&mut key, &other).map(drop), Err(PasskeyError::Origin));
}

#[test]
fn what_is_changed_after_signing_is_not_signed() {
    let mut key = Authenticator::new(ORIGIN);
    let (passkey, claim) = (enrolled(&key), claim("apr_1", 1));
    let good = key.sign(&challenge(&claim, "n"));
    let check = |assertion: &Assertion| prove_by_passkey(claim.clone(), assertion, &passkey, "n", ORIGIN).map(drop);
    assert_eq!(check(&good), Ok(()));
    let flip = |text: &str| {
        let mut bytes = decode(text).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    };
    let counted = Assertion { authenticator_data: flip(&good.authenticator_data), ..good.clone() };
    let signed = Assertion { signature: flip(&good.signature), ..good.clone() };
    assert_eq!((check(&counted), check(&signed)), (Err(PasskeyError::Signature), Err(PasskeyError::Signature)));
    let another = Authenticator::new(ORIGIN);
    assert_eq!(check(&Assertion { id: another.id(), ..good.clone() }), Err(PasskeyError::Unknown));
    let other_key = Passkey { key: enrolled(&another).key, ..passkey.clone() };
    assert_eq!(prove_by_passkey(claim.clone(), &good, &other_key, "n", ORIGIN).map(drop), Err(PasskeyError::Signature));
    // one spelling of each part: no padding, nothing between
    for text in [format!("{}=", good.signature), format!(" {}", good.signature), String::new(), "é".to_owned()] {
        assert!(check(&Assertion { signature: text.clone(), ..good.clone() }).is_err(), "{text}");
    }
    // a key that could be copied does not become one that cannot
    key.flags = VERIFIED | 0x08;
    assert_eq!(shown(&mut key, &passkey).map(drop), Err(PasskeyError::Signature));
}

#[test]
fn a_recorded_yes_can_be_checked_from_the_record_alone() {
    let mut key = Authenticator::ed25519(ORIGIN, 7);
    let passkey = enrolled(&key);
    let approver = shown(&mut key, &passkey).unwrap();
    let Proof::Passkey(signed) = approver.proof() else { panic!("{approver:?}") };
    let record = signed.to_json();
    assert_eq!(check_recorded(&record, &claim("apr_1", 1)), Ok(passkey.key));
    assert_eq!(check_recorded(&record, &claim("apr_1", 2)), Err(PasskeyError::Challenge));
    assert_eq!(check_recorded(&json!({"kind": "passkey"}), &claim("apr_1", 1)), Err(PasskeyError::Form));
}

#[test]
fn what_is_no_form_of_a_browser_is_no_assertion() {
    for text in ["", "{}", "[]", "null", r#"{"id":"a","authenticatorData":"a","clientDataJSON":"a"}"#] {
        assert_eq!(Assertion::parse(text), None, "{text}");
    }
    let junk = r#"{"id":"a","authenticatorData":"a","clientDataJSON":"a","signature":"a","more":1}"#;
    assert_eq!(Assertion::parse(junk), None);
}

proptest::proptest! {
    /// No bytes that somebody sends make the reader panic, and none of them is a key that nobody made.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        drop(AuthenticatorData::read(&bytes));
        drop(PublicKey::from_cose(&bytes));
        let mut map = vec![0xa5, 0x01, 0x02];
        map.extend(&bytes);
        drop(PublicKey::from_cose(&map));
    }
}
