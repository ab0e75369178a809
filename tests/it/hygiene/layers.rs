//! Who may use whom, and what is pure.

use std::{collections::BTreeSet, path::Path};

use super::{is_test, read, sources, without_tests};

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
const BESIDE: [(&str, &[&str]); 17] = [
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
    ("packed", &[]),
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

/// What people read of the table is the table.
#[test]
fn the_documents_draw_the_same_table() {
    let names = |text: &str| -> BTreeSet<String> {
        let start = text.find("cli → app →").unwrap();
        let (drawn, _) = text.split_at(start).1.split_once("```").unwrap();
        let words = drawn.replace("beside them", "").replace("//!", "");
        words
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .map(str::to_owned)
            .filter(|word| !word.is_empty())
            .collect()
    };
    let table: BTreeSet<String> =
        LAYERS.concat().into_iter().chain(BESIDE.map(|(name, _)| name)).map(str::to_owned).collect();
    for document in ["ARCHITECTURE.md", "src/lib.rs"] {
        assert_eq!(names(&read(document)), table, "{document}");
    }
    let described = read("ARCHITECTURE.md");
    for module in table {
        let row = |line: &str| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{module}`")));
        assert!(described.lines().any(row), "ARCHITECTURE.md has no line for `{module}`");
    }
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

#[test]
fn what_a_file_uses_is_read_from_every_form() {
    let text = "use crate::{a::{b, c}, d, e::F};\nuse crate::g::H;\n// crate::no::I\nfn x() { crate::j::k() }\n\n#[cfg(test)]\nmod tests {\n use crate::no;\n}";
    assert_eq!(uses(text), ["a", "d", "e", "g", "j"].map(str::to_owned).into());
    assert!(may_use("cli", "catalog") && !may_use("catalog", "cli") && !may_use("web", "mcp"));
    assert!(may_use("ledger", "approval") && !may_use("call", "approval") && !may_use("policy", "reply"));
}
