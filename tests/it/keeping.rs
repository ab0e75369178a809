//! What an operator keeps: a home through an update of the program, and root's policy above all homes.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;

use crate::harness::{Port, Upstream};

/// The schema's steps, in their order.
fn steps() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/schema");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// Puts what the home's ledger holds into one that the schema of the version before made.
fn age(port: &Port) -> usize {
    let (steps, path) = (steps(), port.home().join("agentport.db"));
    let version = steps.len() - 1;
    let aged = port.folder().join("aged.db");
    let old = rusqlite::Connection::open(&aged).unwrap();
    old.execute_batch(&steps[..version].concat()).unwrap();
    old.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    old.execute("ATTACH ? AS newer", [path.to_str().unwrap()]).unwrap();
    let names = |sql: &str, table: &str| -> Vec<String> {
        let mut statement = old.prepare(sql).unwrap();
        statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for table in names("SELECT name FROM sqlite_schema WHERE type = ?", "table") {
        let there = names("SELECT name FROM pragma_table_info(?, 'newer')", &table);
        let mut columns = names("SELECT name FROM pragma_table_info(?, 'main')", &table);
        columns.retain(|column| there.contains(column));
        let columns = columns.join(", ");
        let copy = format!("INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}");
        old.execute_batch(&copy).unwrap();
    }
    drop(old);
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", path.display())).ok();
    }
    fs::set_permissions(&aged, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(aged, path).unwrap();
    version
}

#[test]
fn an_older_home_goes_on_where_it_was_and_a_copy_is_kept() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id();
    assert_eq!(wire.end().code, Some(0));
    let version = age(&port);

    let kept = port.home().join(format!("agentport.db.schema-{version}"));
    let waiting = port.cli(["approvals", "list", "--json"]).done().json();
    assert_eq!(waiting[0]["id"], json!(id), "{waiting}");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = rusqlite::Connection::open(&kept).unwrap();
    let of_copy: usize =
        copy.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap();
    assert_eq!(of_copy, version);
    port.approve(&id);
    upstream.received_one("POST /v1/refunds");
    port.cli(["log", "verify", "--json"]).done();
}

#[test]
fn t252_a_process_that_an_update_left_behind_says_so_and_nothing_is_lost() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let token = port.let_in(&["claude"]);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id();
    let tools = wire.tools();
    let served = port.serve();
    let newest = steps().len();
    // as a newer version does it
    port.database().execute_batch("ALTER TABLE notice ADD COLUMN more TEXT; PRAGMA user_version = 1000").unwrap();

    for (tool, arguments) in [
        ("stripe_get_balance", json!({})),
        ("stripe_create_refund", json!({"charge": "ch_2"})),
        ("agentport_await_approval", json!({"approval_id": id, "wait_seconds": 0})),
        ("agentport_withdraw_approval", json!({"approval_id": id})),
        ("agentport_list_integrations", json!({})),
    ] {
        let told = wire.call(tool, arguments);
        assert_eq!(told.failed(), "internal", "{tool}: {told:?}");
        assert!(told.0["error"]["message"].as_str().unwrap().contains("restart your agent host"), "{told:?}");
    }
    assert_eq!(wire.tools(), tools);
    let heard = served.ask(&token, "POST", "/stripe/get_balance", &json!({}));
    assert_eq!(heard.told(), (502, "failed".to_owned()));
    assert!(heard.body.contains("restart"), "{heard:?}");
    assert_eq!(served.raw("GET", "/readyz", &[], "").code, 503);
    assert_eq!(served.raw("GET", "/healthz", &[], "").code, 200);
    // the program that is older than the home says what to do
    let older = port.cli(["approvals", "list", "--json"]).exits(1);
    assert!(older.error().contains("update agentport"), "{older:?}");

    let back = format!("ALTER TABLE notice DROP COLUMN more; PRAGMA user_version = {newest}");
    port.database().execute_batch(&back).unwrap();
    assert_eq!(upstream.lines(), Vec::<String>::new());
    port.approve(&id);
    upstream.received_one("POST /v1/refunds");
    assert_eq!(wire.call("agentport_await_approval", json!({"approval_id": id})).status(), "completed");
    port.cli(["log", "verify", "--json"]).done();
}

const ROOT: &str = "/etc/agentport/policy.toml";

/// It is in force at once, for what runs already, too.
#[test]
fn what_root_denies_no_home_allows() {
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    port.allow("stripe.*");
    let denies = "schema = 1\n[tools]\n\"stripe.create_refund\" = \"deny\"\n";
    let Some(file) = port.of_root("what_root_denies_no_home_allows", denies) else { return };
    let mut wire = port.wire();
    assert!(!wire.tools().contains(&"stripe_create_refund".to_owned()));
    assert_eq!(wire.call("stripe_create_refund", json!({"charge": "ch_1"})).denied(), "policy");
    assert_eq!(wire.call("stripe_list_charges", json!({})).status(), "completed");
    let explained = port.cli(["policy", "explain", "stripe.create_refund", "--json"]).done().json();
    assert_eq!((&explained["decision"], &explained["reasons"][0]["file"]), (&json!("deny"), &json!(ROOT)));
    assert_eq!(explained["reasons"][0]["line"], json!(3));
    assert_eq!(port.cli(["policy", "show", "--json"]).done().json()["system"], json!(denies));
    port.cli(["policy", "check", "--json"]).done();

    // root changes its mind: a floor, which asks whatever the home says
    let floor =
        "schema = 1\n[[rule]]\nid = \"seen\"\ntools = [\"stripe.create_refund\"]\ndecision = \"ask\"\nfloor = true\n";
    fs::write(&file, floor).unwrap();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.approve(&id);
    assert_eq!(upstream.lines().last().map(String::as_str), Some("POST /v1/refunds"));
    // neither another home nor anything that an agent can set leads round it
    for (name, value) in [("AGENTPORT_SYSTEM_POLICY", "/dev/null"), ("XDG_CONFIG_DIRS", "/tmp"), ("HOME", "/tmp")] {
        port.set(name, value);
    }
    assert_eq!(port.cli(["call", "stripe.create_refund", "--args", "{\"charge\":\"ch_2\"}", "--json"]).run().code, 2);
    fs::remove_file(&file).unwrap();
    assert_eq!(wire.call("stripe_create_refund", json!({"charge": "ch_3"})).status(), "completed");
}

/// T257: a file that is not root's alone closes everything, and says what is wrong.
#[test]
fn t257_a_file_of_roots_that_others_can_write_closes_everything() {
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    port.allow("stripe.*");
    let Some(file) = port.of_root("t257_a_file_of_roots", "schema = 1\n") else { return };
    let mut wire = port.wire();
    assert_eq!(wire.call("stripe_list_charges", json!({})).status(), "completed");
    let before = upstream.lines().len();
    let broken = [("schema = 1\n", 0o666, "changed by others"), ("schema = 1\nfuture = 1\n", 0o644, "future")];
    for (text, mode, why) in broken {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(wire.call("stripe_list_charges", json!({})).denied(), "policy", "{why}");
        let checked = port.cli(["policy", "check", "--json"]).exits(1);
        assert!(checked.error().contains(why) && checked.error().contains(ROOT), "{checked:?}");
        let doctor = port.cli(["doctor", "--json"]).run();
        assert!(doctor.stdout.contains(why) && doctor.stdout.contains("only root can put it right"), "{doctor:?}");
    }
    fs::set_permissions(file.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(&file, "schema = 1\n").unwrap();
    assert_eq!(wire.call("stripe_list_charges", json!({})).denied(), "policy");
    fs::set_permissions(file.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(wire.call("stripe_list_charges", json!({})).status(), "completed");
    assert_eq!(upstream.lines().len(), before + 1);
}

/// `backup` and `restore` across homes: the log goes on, the accounts are there without their secrets, and what was approved
/// or waited counts no more.
#[test]
fn a_restored_home_goes_on_and_nothing_of_it_is_spent_twice() {
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    let token = port.let_in(&["claude"]);
    let mut wire = port.wire();
    let refund = |amount: u32| json!({"charge": "ch_1", "amount": amount});
    let (ran, waits) = (
        wire.call("stripe_create_refund", refund(1)).approval_id(),
        wire.call("stripe_create_refund", refund(2)).approval_id(),
    );
    port.approve(&ran);
    let file = port.folder().join("home.backup");
    let shown = file.to_str().unwrap().to_owned();
    assert_eq!(port.cli(["backup", &shown, "--json"]).done().json(), json!({"backup": file, "secrets": null}));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(port.cli(["backup", &shown, "--json"]).exits(1).error().contains("already"));
    // what the backup does not know of
    port.approve(&waits);
    assert_eq!(upstream.lines(), ["POST /v1/refunds"; 2]);
    drop(wire);

    // elsewhere
    let second = port.folder().join("second");
    port.set("AGENTPORT_HOME", second.to_str().unwrap());
    let restored = port.cli(["restore", &shown, "--json"]).done().json();
    assert_eq!((&restored["cancelled"], &restored["unknown"], &restored["secrets"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("needs secret"));
    let verified = port.cli(["log", "verify", "--json"]).done().json();
    assert!(verified["records"].as_u64() > restored["records"].as_u64(), "{verified}");
    assert!(port.log().iter().any(|line| line["status"] == "restored"));
    // no approval and no recovery code of before does anything
    for id in [&waits, &ran] {
        port.cli(["approvals", "approve", id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1);
    }
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json()["recovery_codes_left"], json!(0));
    assert_eq!(upstream.lines().len(), 2);
    // and the way out of it is said: the factor is enrolled, and nothing here can check it
    let findings = port.cli(["doctor", "--json"]).run().stdout;
    assert!(findings.contains("the secret of an authenticator app is not in the store"), "{findings}");
    let refused = port.cli(["factor", "add", "totp", "--json"]).stdin(&port.code()).exits(1).error();
    assert!(refused.contains("agentport factor reset"), "{refused}");
    // the agent is let in still, as the backup says; what it asked is a new question
    let served = port.serve();
    let call = |amount: u32| served.ask(&token, "POST", "/stripe/create_refund", &refund(amount));
    assert_eq!((call(2).code, call(3).code), (202, 202));
}

/// As the program of the schema before wrote it: its tables, with its files beside them.
#[test]
fn a_backup_of_an_older_schema_is_restored_and_brought_up_to_date() {
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1", "amount": 500})).approval_id();
    assert_eq!(wire.end().code, Some(0));
    let file = port.folder().join("home.backup");
    let shown = file.to_str().unwrap().to_owned();
    port.cli(["backup", &shown, "--json"]).done();
    let before = port.cli(["log", "verify", "--json"]).done().json();
    let home = port.home().join("agentport.db");
    let now = fs::read(&home).unwrap();
    let version = age(&port);
    {
        let old = rusqlite::Connection::open(&home).unwrap();
        old.execute("ATTACH ? AS made", [&shown]).unwrap();
        let kept: String =
            old.query_row("SELECT sql FROM made.sqlite_schema WHERE name = 'kept'", [], |row| row.get(0)).unwrap();
        old.execute_batch(&format!("{kept}; INSERT INTO main.kept SELECT * FROM made.kept; DETACH made")).unwrap();
    }
    fs::copy(&home, &file).unwrap();
    fs::write(&home, now).unwrap();

    let second = port.folder().join("second");
    port.set("AGENTPORT_HOME", second.to_str().unwrap());
    let restored = port.cli(["restore", &shown, "--json"]).done().json();
    assert_eq!(restored["cancelled"], json!(1), "{restored}");
    let opened = rusqlite::Connection::open(second.join("agentport.db")).unwrap();
    let schema: u32 = opened.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(schema, u32::try_from(version).unwrap() + 1);
    let verified = port.cli(["log", "verify", "--json"]).done().json();
    assert!(verified["ok"] == json!(true) && verified["records"].as_u64() > before["records"].as_u64(), "{verified}");
    let cancelled = port.cli(["approvals", "show", &id, "--json"]).done().json();
    assert_eq!(cancelled["status"], json!("cancelled"), "{cancelled}");
}

#[test]
fn a_backup_with_secrets_takes_a_code_and_opens_with_its_passphrase_alone() {
    const PHRASE: &str = "seven long words of a passphrase";
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    port.evidence().keep_from(PHRASE);
    let file = port.folder().join("sealed.backup");
    let shown = file.to_str().unwrap().to_owned();
    let sealed = ["backup", &shown, "--with-secrets", "--passphrase-stdin", "--code-stdin", "--json"];
    // T185: no code, a wrong one, a short passphrase: no file
    port.cli(sealed).stdin(PHRASE).exits(1);
    port.cli(sealed).stdin(PHRASE).stdin("000000").exits(1);
    let short = port.cli(sealed).stdin("short").stdin(&port.code()).exits(1);
    assert!(short.error().contains("fewer than"), "{short:?}");
    assert!(!file.exists());
    assert_eq!(port.cli(sealed).stdin(PHRASE).stdin(&port.code()).done().json()["secrets"], json!(2));

    // over the home itself: not while it runs, not without a code, not with another passphrase
    let wire = port.wire();
    let over = ["restore", &shown, "--force", "--passphrase-stdin", "--code-stdin", "--json"];
    assert!(port.cli(["restore", &shown, "--json"]).exits(1).error().contains("already"));
    assert!(port.cli(over).stdin(PHRASE).stdin(&port.code()).exits(1).error().contains("runs"));
    assert_eq!(wire.end().code, Some(0));
    port.cli(over).stdin("another passphrase").stdin(&port.code()).exits(1);
    port.cli(over).stdin(PHRASE).stdin("000000").exits(1);
    let (elsewhere, key) = (port.folder().join("elsewhere"), port.folder().join("key2"));
    port.set("AGENTPORT_HOME", elsewhere.to_str().unwrap());
    port.set("AGENTPORT_KEY_FILE", key.to_str().unwrap());
    let restored = port.cli(["restore", &shown, "--passphrase-stdin", "--json"]).stdin(PHRASE).done().json();
    assert_eq!((&restored["secrets"], &restored["aside"]), (&json!(2), &json!(null)));
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("ok"));
    port.cli(["call", "stripe.list_charges", "--json"]).done();
    assert_eq!(upstream.lines().last().map(String::as_str), Some("GET /v1/charges"));
}

#[test]
fn over_a_home_a_backup_moves_it_aside_and_what_was_changed_is_refused() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let file = port.folder().join("home.backup");
    let shown = file.to_str().unwrap().to_owned();
    port.cli(["backup", &shown, "--json"]).done();
    let over = ["restore", &shown, "--force", "--code-stdin", "--json"];
    // T232: somebody changed it, or it is something else
    let good = fs::read(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute("UPDATE record SET caller = 'other' WHERE seq = 2", []).unwrap();
    let refused = port.cli(over).exits(1);
    assert!(refused.error().contains("record 2"), "{refused:?}");
    for plant in ["CREATE TABLE more (id TEXT)", "INSERT INTO kept VALUES ('../evil', x'00')", "DROP TABLE kept"] {
        fs::write(&file, &good).unwrap();
        rusqlite::Connection::open(&file).unwrap().execute_batch(plant).unwrap();
        let refused = port.cli(over).exits(1);
        assert!(refused.error().contains("no backup that can be used"), "{plant}: {refused:?}");
    }
    fs::write(&file, "something else entirely").unwrap();
    port.cli(over).exits(1);
    fs::write(&file, &good).unwrap();
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("ok"));

    let restored = port.cli(over).stdin(&port.code()).done().json();
    let aside = Path::new(restored["aside"].as_str().unwrap());
    assert!(aside.join("agentport.db").exists());
    // its own vault went along: that is newer than any backup
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("ok"));
    port.cli(["log", "verify", "--json"]).done();
    let left: Vec<_> = fs::read_dir(port.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("restore-")), "{left:?}");
}

#[test]
fn purge_takes_a_code_and_leaves_nothing_of_ours() {
    let port = Port::connected(&Upstream::plain());
    let would = port.cli(["purge", "--dry-run", "--json"]).done().json();
    assert_eq!(would["secrets"].as_array().unwrap().len(), 2, "{would}");
    port.cli(["purge", "--code-stdin", "--json"]).stdin("000000").exits(1);
    // a word does not do where a code is to be had
    port.cli(["purge", "--yes", "--json"]).exits(64);
    let wire = port.wire();
    assert!(port.cli(["purge", "--code-stdin", "--json"]).stdin(&port.code()).exits(1).error().contains("runs"));
    assert_eq!(wire.end().code, Some(0));
    fs::write(port.home().join("notes.txt"), "mine").unwrap();
    let purged = port.cli(["purge", "--code-stdin", "--json"]).stdin(&port.code()).done().json();
    assert_eq!(purged["left"], json!([port.home().join("notes.txt")]));
    let left: Vec<_> = fs::read_dir(port.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
    assert!(port.cli(["accounts", "--json"]).exits(1).error().contains("there is no home"));
}

/// Where there is no keyring nothing is moved, and everything is as it was.
#[test]
fn a_move_that_fails_leaves_everything_usable() {
    let upstream = Upstream::plain();
    let port = Port::connected(&upstream);
    let settings = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let to = |store: &'static str| ["secrets", "move", "--to", store, "--code-stdin", "--json"];
    port.cli(to("keyring")).stdin("000000").exits(1);
    let failed = port.cli(to("keyring")).stdin(&port.code()).exits(1);
    assert!(failed.error().contains("keyring"), "{failed:?}");
    assert_eq!(fs::read_to_string(port.home().join("agentport.toml")).unwrap(), settings);
    assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("ok"));
    port.cli(["call", "stripe.list_charges", "--json"]).done();
}
