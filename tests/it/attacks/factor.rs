//! G: the second factor. Without one nothing is approved; a code counts once, and guessing is locked out.

use serde_json::json;

use crate::harness::{Port, Upstream};

#[test]
fn t129_without_a_factor_nothing_is_approved() {
    let upstream = Upstream::plain();
    let port = Port::new();
    port.connect_stripe(&upstream.origin());
    let mut wire = port.wire();
    let refund = json!({"charge": "ch_1"});
    assert_eq!(wire.call("stripe_create_refund", refund.clone()).failed(), "setup");
    assert_eq!(port.cli(["approvals", "list", "--json"]).done().json(), json!([]));
    port.cli(["policy", "set", "stripe.create_refund", "allow"]).done();
    let refused = port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin("123456").exits(1);
    assert!(refused.error().contains("no second factor"), "{refused:?}");
    assert_eq!(wire.call("stripe_create_refund", refund.clone()).failed(), "setup");
    // enrolled, asked, and then the factor is taken out of the database
    port.enrol();
    let id = wire.call("stripe_create_refund", refund).approval_id();
    port.database().execute_batch("DELETE FROM factor").unwrap();
    for code in ["", "000000", &port.code(), &port.code()] {
        port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(code).exits(1);
    }
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[test]
fn t130_a_code_counts_once_and_only_as_it_is() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let mut ask = |charge: &str| wire.call("stripe_create_refund", json!({"charge": charge})).approval_id();
    let (first, second) = (ask("ch_1"), ask("ch_2"));
    let approve = |id: &str, code: &str| port.cli(["approvals", "approve", id, "--code-stdin"]).stdin(code).run().code;
    let code = port.code();
    let fullwidth: String = code.chars().map(|digit| char::from_u32(u32::from(digit) + 0xfee0).unwrap()).collect();
    let (a, b) = code.split_at(3);
    for bent in [
        format!("{a} {b}"),
        format!("{a}-{b}"),
        fullwidth,
        format!("+{code}"),
        format!("0{code}"),
        format!("{code}0"),
        format!("{code};"),
    ] {
        assert_eq!(approve(&first, &bent), 1, "{bent}");
    }
    assert_eq!(approve(&first, &code), 0);
    for again in [code.clone(), format!("{code} "), format!(" {code}")] {
        assert_eq!(approve(&second, &again), 1, "{again}");
    }
    // a recovery code too
    let recovery = port.code();
    assert_eq!(approve(&second, &recovery), 0);
    let third = ask("ch_3");
    for again in [recovery.clone(), recovery.replace('-', ""), recovery.to_uppercase()] {
        assert_eq!(approve(&third, &again), 1, "{again}");
    }
    assert_eq!(upstream.lines(), ["POST /v1/refunds"; 2]);
}

#[test]
fn t131_wrong_codes_lock_all_deciding_and_nothing_else() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let mut ask = |charge: &str| wire.call("stripe_create_refund", json!({"charge": charge})).approval_id();
    let (first, second) = (ask("ch_1"), ask("ch_2"));
    // all at once, over both approvals and another use: one counter
    let mut said: Vec<String> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|number| {
                let id = if number % 2 == 0 { &first } else { &second };
                let approve = port.cli(["approvals", "approve", id, "--code-stdin", "--json"]);
                scope.spawn(|| approve.stdin("aaaa-bbbb-cccc-dddd").exits(1).error())
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    said.sort();
    assert!(said[..5].iter().all(|words| words.starts_with("that code was used already")), "{said:?}");
    assert!(said[5..].iter().all(|words| words.starts_with("too many wrong codes")), "{said:?}");
    // the right code is not looked at, here or for another use, in this process or the next
    let code = port.code();
    let locked = port.cli(["approvals", "approve", &first, "--code-stdin", "--json"]).stdin(&code).exits(1);
    assert!(locked.error().contains("too many wrong codes"), "{locked:?}");
    port.cli(["policy", "set", "stripe.create_refund", "allow"]).done();
    assert!(port.cli(["policy", "apply", "--code-stdin", "--json"]).stdin(&code).exits(1).error().contains("too many"));
    port.cli(["factor", "add", "totp", "--json"]).stdin(&code).exits(1);
    assert_eq!(upstream.lines(), Vec::<String>::new());
    // a lock of deciding does not lock the human out of saying no
    port.cli(["approvals", "deny", &second]).done();
    let (failures, until): (u32, i64) = port
        .database()
        .query_row("SELECT failures, locked_until FROM attempt WHERE purpose = 'decide'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let now = i64::try_from(crate::harness::now()).unwrap() * 1000;
    assert!(failures >= 5 && until > now + 30_000, "{failures} {until} {now}");
    // when its time is over the right code counts
    port.database().execute_batch("UPDATE attempt SET locked_until = 1").unwrap();
    port.cli(["approvals", "approve", &first, "--code-stdin"]).stdin(&code).done();
    upstream.received_one("POST /v1/refunds");
}
