//! The architecture, held by looking at the source: who may use whom, who may expose a secret or start a process, what
//! comes from others, and that no file is forgotten.

mod dangers;
mod dependencies;
mod files;
mod layers;
mod secrets;

use std::{
    fs,
    path::{Path, PathBuf},
};

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
