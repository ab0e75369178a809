//! The architecture, held by looking at the source: who may use whom, who may expose a secret or start a process, and
//! that no test file is forgotten.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each may use what stands below it, and never what stands above.
const LAYERS: [&[&str]; 11] = [
    &["cli"],
    &["app"],
    &["mcp", "web"],
    &["gateway"],
    &["snapshot"],
    &["upstream"],
    &["ledger"],
    &["policy"],
    &["plan"],
    &["call"],
    &["catalog"],
];

/// What stands beside the layers, and what of theirs or of its own kind it may use.
const BESIDE: [(&str, &[&str]); 16] = [
    ("account", &[]),
    ("approval", &["plan"]),
    ("canonical", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("diagnostic", &[]),
    ("files", &[]),
    ("findings", &["plan"]),
    ("money", &[]),
    ("notify", &["catalog", "ledger", "snapshot", "upstream"]),
    ("pattern", &[]),
    ("reply", &["catalog", "ledger"]),
    ("secret", &[]),
    ("sql", &["visible"]),
    ("trust", &[]),
    ("visible", &[]),
];

/// What only tests have (`src/lib.rs`).
const TESTS_OWN: [&str; 3] = ["authenticator", "doubles", "evidence"];

/// The pure ones: they look nothing up, so that the same call has the same answer.
const PURE: [&str; 4] = ["catalog", "call", "plan", "policy"];

#[test]
fn dependencies_point_down_and_never_back() {
    let mut bad = Vec::new();
    for (file, text) in sources() {
        let module = module(&file);
        if ["main", "lib"].contains(&module.as_str()) {
            continue;
        }
        for used in uses(&text) {
            let tests_own = is_test(&file) && TESTS_OWN.contains(&used.as_str());
            if used != module && !tests_own && !may_use(&module, &used) {
                bad.push(format!("{}: `{module}` uses `{used}`", file.display()));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_table_names_every_module_and_no_other() {
    let declared: BTreeSet<String> = read("src/lib.rs")
        .lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
        .collect();
    let named: BTreeSet<String> =
        LAYERS.concat().into_iter().chain(BESIDE.map(|(name, _)| name)).map(str::to_owned).collect();
    assert_eq!(declared, named);
}

#[test]
fn what_is_pure_does_no_io_and_reads_no_clock() {
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "tokio::",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "rusqlite",
        "reqwest",
        "async fn",
        "jiff::Timestamp::now",
    ];
    let mut bad = Vec::new();
    for (file, text) in
        sources().into_iter().filter(|(file, _)| PURE.contains(&module(file).as_str()) && !is_test(file))
    {
        let text = without_tests(&text);
        bad.extend(words.iter().filter(|word| text.contains(*word)).map(|word| format!("{}: {word}", file.display())));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

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
        // browsers, databases and the judge are no processes of ours, the harness has the other way
        let others = [
            "tests/it/browser.rs",
            "tests/it/passkey/firefox.rs",
            "tests/it/judge.rs",
            "tests/it/hygiene.rs",
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

#[test]
fn t059_t184_a_process_is_started_by_the_browser_the_demo_and_the_installation_alone() {
    let allowed =
        |file: &str| ["src/cli/browser.rs", "src/cli/demo/agent.rs", "src/cli/install/system.rs"].contains(&file);
    for word in ["Command::new", "process::Command", "::spawn_process", "libc::system", "execve"] {
        assert_eq!(files_with(word, allowed), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn each_danger_has_its_one_place() {
    for (word, places) in [
        ("Permit::mint", &["src/ledger/"][..]),
        ("env::var", &["src/config.rs"]),
        ("Client::builder", &["src/upstream/http.rs"]),
        ("println!", &[]),
        ("eprintln!", &[]),
        ("unsafe ", &[]),
        ("danger_accept", &[]),
        ("todo!(", &[]),
        ("unimplemented!(", &[]),
    ] {
        let allowed = |file: &str| places.iter().any(|place| file.starts_with(place));
        assert_eq!(files_with(word, allowed), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn t180_the_released_program_ends_at_a_panic() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    assert_eq!(manifest["profile"]["release"]["panic"].as_str(), Some("abort"));
}

/// What is released is what is tested: no feature, and no line that only one of the two has.
#[test]
fn t282_the_released_program_is_the_tested_one() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    assert!(manifest.get("features").is_none());
    for word in ["debug_assertions", "cfg(feature", "cfg!(feature", "cfg!(test"] {
        assert_eq!(files_with(word, |_| false), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn every_test_file_is_named() {
    let main = read("tests/it/main.rs");
    for path in below(Path::new("tests/it")) {
        let text = path.to_str().unwrap();
        let (Some(name), Some("rs")) = (path.file_stem(), path.extension().and_then(|extension| extension.to_str()))
        else {
            continue;
        };
        let name = name.to_str().unwrap();
        let owner = match path.parent().unwrap().to_str().unwrap() {
            "tests/it" if name == "main" => continue,
            "tests/it" => main.clone(),
            folder => read(&format!("{folder}.rs")),
        };
        assert!(
            owner.lines().any(|line| line.ends_with(&format!("mod {name};")) && !line.trim_start().starts_with("//")),
            "{text} is forgotten"
        );
    }
    // and of the source, what a `mod` line was commented out for
    for (file, text) in sources() {
        let parked = text
            .lines()
            .filter(|line| line.trim_start().starts_with("// mod ") || line.trim_start().starts_with("// pub mod "))
            .count();
        assert_eq!(parked, 0, "{} has a module that is commented out", file.display());
    }
}

#[test]
fn every_source_file_is_named() {
    let files: BTreeSet<PathBuf> = sources().into_iter().map(|(file, _)| file).collect();
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap();
        if ["src/main.rs", "src/lib.rs"].contains(&file.to_str().unwrap()) {
            continue;
        }
        let (name, folder) = if name == "mod" {
            (folder.file_name().unwrap().to_str().unwrap(), folder.parent().unwrap())
        } else {
            (name, folder)
        };
        let owners = [folder.join("mod.rs"), folder.with_extension("rs"), folder.join("lib.rs")];
        let declared = owners.iter().filter(|owner| files.contains(*owner)).any(|owner| {
            read(owner.to_str().unwrap()).lines().any(|line| {
                let line = line
                    .trim()
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("pub(super) ")
                    .trim_start_matches("pub ");
                line == format!("mod {name};")
            })
        });
        assert!(declared, "{} is forgotten", file.display());
    }
}

/// Nothing of the place where this was written, and no address of a registry's stand-in.
#[test]
fn nothing_of_a_workplace_is_in_the_tree() {
    let words = [
        ["/wo", "rk/"],
        ["/tmp", "/wt"],
        ["/ro", "ot/"],
        ["/ho", "me/user"],
        ["localhost:", "4873"],
        ["registry.", "npmjs"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X "],
    ]
    .map(|parts| parts.concat());
    let mut bad = Vec::new();
    for folder in ["src", "tests", "tools", "policies", "examples", "benches", "npm", "deploy", ".ci", "fuzz"] {
        for path in below(Path::new(folder)) {
            let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
            let found = words.iter().filter(|word| text.contains(*word));
            bad.extend(found.map(|word| format!("{}: {word}", path.display())));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    let lock = read("tests/standins/package-lock.json");
    assert!(!lock.contains("\"resolved\""), "package-lock.json names a registry");
}

/// Features that would change what a byte means, or whom we trust, are not on; nor do their crates come in.
#[test]
fn t277_t278_no_dependency_brings_what_would_weaken_us() {
    let lock: toml::Table = toml::from_str(&read("Cargo.lock")).unwrap();
    let packages: BTreeSet<&str> =
        lock["package"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    // reqwest brings rustls-platform-verifier along; t199 shows that it is not asked
    for bad in [
        "openssl",
        "openssl-sys",
        "native-tls",
        "hyper-tls",
        "tokio-native-tls",
        "tokio-socks",
        "cookie_store",
        "aws-lc-sys",
        "hickory-resolver",
        "dotenvy",
        "dotenv",
        "libloading",
    ] {
        assert!(!packages.contains(bad), "{bad} is a dependency");
    }
    let sources: BTreeSet<&str> =
        lock["package"].as_array().unwrap().iter().filter_map(|package| package.get("source")?.as_str()).collect();
    assert_eq!(sources, ["registry+https://github.com/rust-lang/crates.io-index"].into());
    // serde_json: a duplicate key, a number and an order mean what the gate thinks
    let value: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":18446744073709551616}"#).unwrap();
    assert_eq!(
        value.to_string(),
        r#"{"a":1.8446744073709552e+19,"b":1}"#,
        "preserve_order or arbitrary_precision is on"
    );
    let raw = r#"{"$serde_json::private::RawValue":"[1]"}"#;
    assert_eq!(serde_json::from_str::<serde_json::Value>(raw).unwrap().to_string(), raw, "raw_value is on");
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let features = |name: &str| -> BTreeSet<&str> {
        let dependency = &manifest["dependencies"][name];
        assert_eq!(dependency.get("default-features").and_then(toml::Value::as_bool), Some(false), "{name}");
        let features = dependency.get("features").and_then(toml::Value::as_array);
        features.into_iter().flatten().map(|feature| feature.as_str().unwrap()).collect()
    };
    for bad in ["socks", "cookies", "native-tls", "default-tls", "rustls", "system-proxy", "hickory-dns", "charset"] {
        assert!(!features("reqwest").contains(bad), "{bad}");
    }
    for bad in ["json", "macros", "multipart", "ws"] {
        assert!(!features("axum").contains(bad), "{bad}");
    }
    assert!(!features("rmcp").contains("transport-io"));
}

fn may_use(module: &str, used: &str) -> bool {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let beside = |name: &str| BESIDE.iter().find(|(known, _)| *known == name);
    match (layer(module), layer(used)) {
        (Some(above), Some(below)) => above < below,
        // what stands beside may be used by all who stand above what it uses itself
        (Some(above), None) => {
            beside(used).is_some_and(|(_, theirs)| theirs.iter().all(|one| layer(one).is_none_or(|one| above <= one)))
        }
        (None, Some(_)) => beside(module).is_some_and(|(_, theirs)| theirs.contains(&used)),
        (None, None) => {
            beside(module).is_some() && beside(used).is_some_and(|(_, theirs)| theirs.is_empty()) || {
                beside(module).is_some_and(|(_, theirs)| theirs.contains(&used))
            }
        }
    }
}

/// The modules that a file uses, by every path that begins with `crate::`.
fn uses(text: &str) -> BTreeSet<String> {
    let text = without_tests(text);
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.insert(first_segment(&name));
                        name.clear();
                    }
                    _ if depth == 0 => name.push(character),
                    _ => {}
                }
            }
            found.insert(first_segment(&name));
        } else {
            found.insert(first_segment(rest));
        }
    }
    found.retain(|name| !name.is_empty() && name.starts_with(|first: char| first.is_ascii_lowercase()));
    found
}

fn first_segment(path: &str) -> String {
    path.trim().chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect()
}

fn module(file: &Path) -> String {
    let mut parts = file.strip_prefix("src").unwrap().components();
    let first = parts.next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The program's files that contain a word outside of tests, less those where it belongs.
fn files_with(word: &str, allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let files = sources().into_iter().filter(|(file, _)| !is_test(file));
    let found = files.filter(|(_, text)| {
        let code = without_tests(text);
        code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word))
    });
    found.map(|(file, _)| file.to_str().unwrap().to_owned()).filter(|file| !allowed(file)).collect()
}

fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
}

/// What stands before the tests at the bottom of a file.
fn without_tests(text: &str) -> &str {
    ["\n#[cfg(test)]\nmod tests {", "\n#[cfg(all(test, unix))]\nmod tests {"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .map_or(text, |end| text.split_at(end).0)
}

/// Every Rust file of the program, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let files =
        below(Path::new("src")).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| (path.clone(), read(path.to_str().unwrap()))).collect()
}

/// Every file below a folder of the tree, sorted; none where there is no such folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| folder.join(entry.unwrap().file_name())).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if root().join(&path).is_dir() { below(&path) } else { vec![path] }).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_a_file_uses_is_read_from_every_form() {
    let text = "use crate::{a::{b, c}, d, e::F};\nuse crate::g::H;\n// crate::no::I\nfn x() { crate::j::k() }\n\n#[cfg(test)]\nmod tests {\n use crate::no;\n}";
    assert_eq!(uses(text), ["a", "d", "e", "g", "j"].map(str::to_owned).into());
    assert!(may_use("cli", "catalog") && !may_use("catalog", "cli") && !may_use("web", "mcp"));
    assert!(may_use("ledger", "approval") && !may_use("call", "approval") && !may_use("policy", "reply"));
}
