//! Somebody who can write the whole file, and makes every hash right again: what a passkey signed they cannot.

use super::{super::super::sqlite::tests::Holder, *};
use crate::{authenticator::Authenticator, ledger::sqlite::policy_digest};

#[tokio::test]
async fn t134_a_yes_that_no_passkey_signed_is_named_even_where_every_hash_is_right() {
    let mut holder = Holder::of(Folder::with(1)).await;
    let ledger = &holder.home.ledgers[0].clone();
    let approval = asked(ledger, refund(1), at(1)).await;
    let claim = Claim::Approve { approval: approval.id.clone(), digest: approval.plan.as_ref().unwrap().digest() };
    let challenge = ledger.new_challenge(claim.clone(), at(2)).await.unwrap();
    let nonce = ledger.nonce(challenge.clone(), at(2)).await.unwrap().unwrap();
    let proven = holder.signs(claim, &challenge, at(2)).await;
    let decided = decide(ledger, &approval, Answer::Approve(proven), at(3)).await;
    assert!(matches!(decided, Decided::Permit(_)), "{decided:?}");
    holder.home.check().await;
    let edit = |from: &str, to: &str| {
        let connection = holder.home.raw();
        connection.execute("UPDATE record SET body = replace(body, ?, ?) WHERE kind = 'decision'", [from, to]).unwrap();
        make_right_again(&connection);
        let bad = found(&connection);
        connection.execute("UPDATE record SET body = replace(body, ?, ?) WHERE kind = 'decision'", [to, from]).unwrap();
        make_right_again(&connection);
        assert_eq!(found(&connection), None);
        bad.map(|bad| bad.what)
    };
    let other = "non_abcdefghijklmnopqrstuvwxyz";
    let not_asked = "its passkey does not say yes to it: the passkey was not used for this, or not in time";
    assert_eq!(edit(&nonce, other).as_deref(), Some(not_asked));
    let stranger = String::from(enrolled_key(&Authenticator::ed25519(Holder::ORIGIN, 8)));
    let mine = String::from(holder.passkey.key.clone());
    let not_signed = "its passkey does not say yes to it: the passkey's signature is not right";
    assert_eq!(edit(&mine, &stranger).as_deref(), Some(not_signed));
    assert_eq!(edit("fac_key", "fac_new").as_deref(), Some("its passkey was not enrolled"));
}

/// The same of a lock and of a grant: what stands in the database, what its record says, and what was signed for it.
#[tokio::test]
async fn t134_t232_a_grant_or_a_lock_that_nobody_signed_is_named_even_where_every_hash_is_right() {
    let mut holder = Holder::of(Folder::with(1)).await;
    let ledger = &holder.home.ledgers[0].clone();
    // a yes that gives a grant
    let approval = asked(ledger, refund(1), at(1)).await;
    let plan = approval.plan.clone().unwrap();
    let of = |text: &str| Grant::new("grt_1".to_owned(), text.to_owned(), &plan, 9_000);
    let grant = of("up to 5");
    let (id, digest) = (approval.id.clone(), plan.digest());
    let challenge = ledger.new_grant_challenge(id.clone(), digest, grant.clone(), at(2)).await.unwrap();
    assert_eq!(ledger.grant_of_challenge(challenge.clone()).await.unwrap(), Some(grant.clone()));
    let claim = Claim::Grant { approval: id, digest, grant: grant.digest() };
    let proven = holder.signs(claim, &challenge, at(2)).await;
    let decided = decide(ledger, &approval, Answer::Grant(proven, Box::new(grant)), at(3)).await;
    assert!(matches!(decided, Decided::Permit(_)), "{decided:?}");
    // a lock, and its end
    for claim in [Claim::Lock, Claim::Unlock] {
        let proven = holder.proves(claim.clone(), at(4)).await;
        let done =
            if claim == Claim::Lock { ledger.lock(proven, at(5)).await } else { ledger.unlock(proven, at(6)).await };
        assert!(done.unwrap());
    }
    holder.home.check().await;
    let whole = |connection: &Connection| {
        make_right_again(connection);
        found(connection).map(|bad| bad.what)
    };
    let edit = |sql: &str, undo: &str| {
        let connection = holder.home.raw();
        connection.execute_batch(sql).unwrap();
        let bad = whole(&connection);
        connection.execute_batch(undo).unwrap();
        assert_eq!(whole(&connection), None, "{undo}");
        bad
    };
    let not_given = Some("the grant in force is not the one that was given");
    let stands = |from: &str, to: &str| format!("UPDATE granted SET text = replace(text, '{from}', '{to}')");
    assert_eq!(edit(&stands("up to 5", "up to 9"), &stands("up to 9", "up to 5")).as_deref(), not_given);
    // with its record, and the digest in that: then nobody has signed it
    let both = |from: &str, to: &str| {
        let body = format!("replace(replace(body, '{from}', '{to}'), '{}', '{}')", of(from).digest(), of(to).digest());
        format!("{}; UPDATE record SET body = {body} WHERE status = 'granted'", stands(from, to))
    };
    let not_asked = Some("its passkey does not say yes to it: the passkey was not used for this, or not in time");
    assert_eq!(edit(&both("up to 5", "up to 9"), &both("up to 9", "up to 5")).as_deref(), not_asked);
    // one that no record gave, and one that was revoked and stands again
    let more = "INSERT INTO granted SELECT 'grt_9', text, tool, definition, account_id, origin, given_at, expires_at, NULL FROM granted";
    assert_eq!(edit(more, "DELETE FROM granted WHERE id = 'grt_9'").as_deref(), Some("a grant that nobody gave"));
    assert!(ledger.revoke_grant("grt_1", at(7)).await.unwrap());
    holder.home.check().await;
    let (stands, ended) =
        ("UPDATE granted SET revoked_at = NULL", format!("UPDATE granted SET revoked_at = {}", at(7).wall));
    assert_eq!(edit(stands, &ended).as_deref(), Some("its grant was revoked, and stands, or the other way round"));
    // the lock: what stands, and what was signed
    let locked = "INSERT INTO meta (key, value) VALUES ('locked', '1')";
    assert_eq!(
        edit(locked, "DELETE FROM meta WHERE key = 'locked'").as_deref(),
        Some("the lock does not stand as the records say")
    );
    let swap = "UPDATE record SET status = CASE status WHEN 'locked' THEN 'unlocked' ELSE 'locked' END
         WHERE status IN ('locked', 'unlocked');";
    let swapped = format!("{swap} INSERT INTO meta (key, value) VALUES ('locked', '{}')", at(6).wall);
    let undone = format!("{swap} DELETE FROM meta WHERE key = 'locked'");
    assert_eq!(edit(&swapped, &undone).as_deref(), not_asked);
}

/// The same of a policy: who changes the text in force, its record and every hash has no signature for it.
#[tokio::test]
async fn t134_t232_a_policy_that_nobody_signed_is_named_and_a_signed_kind_that_is_not_known_is_counted() {
    let home = Folder::with(1);
    let of = |text: &str| Pinned { text: text.to_owned(), tools: std::iter::once("a.b".to_owned()).collect() };
    assert!(home.ledgers[0].pin(of("first"), None, at(0)).await.unwrap());
    let mut holder = Holder::of(home).await;
    let ledger = &holder.home.ledgers[0].clone();
    let mut proven = Vec::new();
    for claim in [Claim::Policy(pin_digest(&of("tight")).unwrap()), Claim::Lock, Claim::Unlock] {
        proven.push(holder.proves(claim, at(1)).await);
    }
    let [policy, lock, unlock] = proven.try_into().unwrap();
    assert!(ledger.pin(of("tight"), Some(policy), at(2)).await.unwrap());
    assert!(ledger.lock(lock, at(3)).await.unwrap() && ledger.unlock(unlock, at(4)).await.unwrap());
    let whole = |sql: &str| {
        let connection = holder.home.raw();
        connection.execute_batch(sql).unwrap();
        make_right_again(&connection);
        verify(&connection).unwrap().map_err(|bad| bad.what)
    };
    let unchecked = |sql: &str| whole(sql).map(|verified| verified.unchecked);
    assert_eq!(unchecked(""), Ok(BTreeMap::new()));
    let swap = |from: &str, to: &str| {
        let (old, new) = (policy_digest(from), policy_digest(to));
        format!(
            "UPDATE pin SET text = '{to}' WHERE text = '{from}';
             UPDATE record SET body = replace(body, '{old}', '{new}') WHERE status = 'policy applied'"
        )
    };
    let not_asked = "its passkey does not say yes to it: the passkey was not used for this, or not in time";
    assert_eq!(unchecked(&swap("tight", "loose")), Err(not_asked.to_owned()));
    assert_eq!(unchecked(&swap("loose", "tight")), Ok(BTreeMap::new()));
    // a kind of which it is not known what it claims is not passed over
    let renamed = "UPDATE record SET status = 'turned ' || status WHERE status IN ('locked', 'unlocked')";
    let kinds = BTreeMap::from([("turned locked".to_owned(), 1), ("turned unlocked".to_owned(), 1)]);
    assert_eq!(unchecked(renamed), Ok(kinds.clone()));
    assert_eq!(
        unchecked_text(&kinds).as_deref(),
        Some(
            "not checked: what a passkey signed in 1 `turned locked`, 1 `turned unlocked`, a kind of change that this version \
             does not know; check it with the version that wrote it"
        )
    );
}

fn enrolled_key(key: &Authenticator) -> crate::approval::passkey::PublicKey {
    let registration = crate::approval::passkey::Registration::parse(&key.register("c")).unwrap();
    registration.check("c", &key.origin).unwrap().key
}

/// The hashes of all records, computed anew.
fn make_right_again(connection: &Connection) {
    let mut statement = connection
        .prepare("SELECT seq, id, call, kind, status, caller, tool, account, body, at FROM record ORDER BY seq")
        .unwrap();
    let rows: Vec<(i64, Vec<String>, i64)> = statement
        .query_map([], |row| Ok((row.get(0)?, (1..9).map(|index| row.get(index).unwrap()).collect(), row.get(9)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut prev = vec![0_u8; 32];
    for (seq, texts, at) in rows {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let hash = record_hash(&prev, seq, texts.try_into().unwrap(), at);
        connection.execute("UPDATE record SET prev = ?, hash = ? WHERE seq = ?", params![prev, hash, seq]).unwrap();
        prev = hash.to_vec();
    }
}
