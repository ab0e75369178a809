//! No file is forgotten, and none tells of the place where it was written.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{below, read, root, sources};

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
