//! Who may expose a secret, and that tests look for theirs.

use std::path::Path;

use super::{below, files_with, read};

#[test]
fn a_secret_is_exposed_where_it_is_used_and_nowhere_else() {
    let allowed = |file: &str| {
        file.starts_with("src/secret/") || file.starts_with("src/upstream/credential") || file == "src/approval/totp.rs"
            // the shim's own token, on its way to its gateway
            || file == "src/mcp/remote.rs"
    };
    assert_eq!(files_with(".expose()", allowed), Vec::<String>::new());
}

/// A folder of a test that has a secret is a `Scene`, which looks for that in the end. The others hold none.
#[test]
fn a_test_with_a_secret_looks_for_it_in_the_end() {
    let allowed = [
        // not a test: the demo's own place, which `tests/it/demo.rs` looks at
        "src/cli/demo/sandbox.rs",
        "src/cli/doctor/place.rs",
        "src/files/tests.rs",
        "src/ledger/sqlite/tests/faults.rs",
        "src/ledger/sqlite/tests/hostile.rs",
        "src/ledger/sqlite/tests/keeping.rs",
        "src/ledger/sqlite/tests.rs",
        "src/upstream/sql/sqlite/tests.rs",
        // a server's own folder, and those of files that no home knows of
        "tests/it/harness/databases.rs",
        "tests/it/harness/evidence.rs",
        "tests/it/harness/standins.rs",
        "tests/it/sql_differential/sqlite.rs",
    ];
    let words = [["temp", "dir"], ["Temp", "Dir"], ["temp_", "dir"], ["temp", "file::"]].map(|parts| parts.concat());
    let mut found = Vec::new();
    for path in [below(Path::new("src")), below(Path::new("tests"))].concat() {
        let text = path.to_str().unwrap();
        if path.extension().is_some_and(|extension| extension == "rs")
            && words.iter().any(|word| read(text).contains(word))
        {
            found.push(text.to_owned());
        }
    }
    assert_eq!(found, allowed);
}

/// Where a test runs the program by itself, what that prints is evidence all the same.
#[test]
fn what_a_process_prints_is_evidence() {
    let words = [".output()", ".wait_with_output()"];
    let mut bad = Vec::new();
    for path in below(Path::new("tests/it")) {
        let path = path.to_str().unwrap().to_owned();
        // browsers, databases, the judge and cargo are no processes of ours, the harness has the other way
        let others = [
            "tests/it/browser.rs",
            "tests/it/hygiene/dependencies.rs",
            "tests/it/passkey/firefox.rs",
            "tests/it/judge.rs",
            "tests/it/hygiene/secrets.rs",
            "tests/it/harness/cli.rs",
            "tests/it/harness/databases.rs",
        ];
        if others.contains(&path.as_str()) {
            continue;
        }
        let text = read(&path);
        let lines = text.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        bad.extend(lines.filter(|line| !line.contains("Ran::of(")).map(|line| format!("{path}: {line}")));
    }
    assert_eq!(bad, Vec::<String>::new());
}
