//! What the classifier takes for a read, run by a privileged user with nothing in the way: no read-only transaction, no
//! role without rights, no authorizer. Afterwards all that the server stores has to be byte by byte what it was.
//!
//! Four sources: the corpus (`sql/*.sql`), each of its reads with something dangerous put between any two of its words,
//! every function that the server itself says it has, called with whatever it might take, and the servers' own suites
//! (`suites.rs`). A read that fails proves nothing, so the failures are counted.

mod mariadb;
mod postgres;
mod sqlite;
mod suites;

use std::{collections::BTreeSet, fs, path::Path};

use agentport::sql::{Dialect, Settings, Statement};

/// Statements between two looks at what is stored.
const CHUNK: usize = 2_000;

/// A server, and somebody who may do everything on it.
trait Server {
    /// Runs a statement as it stands.
    fn run(&mut self, statement: &str) -> Result<(), String>;

    /// Everything that a statement could have changed.
    fn state(&mut self) -> String;
}

/// What became of statements that left everything as it was.
#[derive(Default)]
struct Ran {
    well: Vec<String>,
    /// With the server's words.
    failed: Vec<(String, String)>,
}

impl Ran {
    /// Of a hundred, at least so many must have run.
    fn mostly(&self, percent: usize) {
        let (well, all) = (self.well.len(), self.well.len() + self.failed.len());
        assert!(well * 100 >= all * percent, "only {well} of {all} ran: {:#?}", self.failed);
    }
}

/// Does the classifier take it for a read, so that `<db>_query` would run it?
fn is_read(dialect: Dialect, statement: &str) -> bool {
    Statement::understand(dialect, statement, Settings::usual(dialect)).is_ok_and(|statement| statement.is_read())
}

/// Runs what is taken for a read; fails with the statements after which something is different.
fn run_reads(server: &mut impl Server, dialect: Dialect, statements: impl IntoIterator<Item = String>) -> Ran {
    let reads: BTreeSet<String> = statements.into_iter().filter(|statement| is_read(dialect, statement)).collect();
    let reads: Vec<String> = reads.into_iter().collect();
    let mut ran = Ran::default();
    reads.chunks(CHUNK).for_each(|chunk| change_nothing(server, chunk, &mut ran));
    ran
}

/// Runs reads between two looks at what is stored.
fn change_nothing(server: &mut impl Server, reads: &[String], ran: &mut Ran) {
    if reads.is_empty() {
        return;
    }
    let before = server.state();
    run_all(server, reads, ran);
    let after = server.state();
    if before != after {
        // the search may take longer than a test may
        tell(&format!("something is different:\n{}", difference(&before, &after)));
        let mut culprits = Vec::new();
        search(server, reads, &mut culprits);
        panic!("taken for reads, and they change something: {culprits:#?}");
    }
}

fn run_all(server: &mut impl Server, reads: &[String], ran: &mut Ran) {
    for read in reads {
        match server.run(read) {
            Ok(()) => ran.well.push(read.clone()),
            Err(error) => ran.failed.push((read.clone(), error)),
        }
    }
}

/// The statements of a chunk after which something is different each time; each half is run again.
fn search(server: &mut impl Server, chunk: &[String], culprits: &mut Vec<String>) {
    let before = server.state();
    for statement in chunk {
        server.run(statement).ok();
    }
    if before == server.state() {
        return;
    }
    if let [one] = chunk {
        return culprits.push(one.clone());
    }
    let (left, right) = chunk.split_at(chunk.len() / 2);
    search(server, left, culprits);
    search(server, right, culprits);
}

/// The first lines that only one of two has.
fn difference(before: &str, after: &str) -> String {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (before.lines().collect(), after.lines().collect());
    let gone = old.difference(&new).take(10).map(|line| format!("- {line}"));
    let come = new.difference(&old).take(10).map(|line| format!("+ {line}"));
    gone.chain(come).map(|line| line.chars().take(300).collect::<String>() + "\n").collect()
}

#[expect(clippy::print_stderr, reason = "what was found or done is to be seen, also where a test goes on")]
fn tell(what: &str) {
    eprintln!("{what}");
}

/// A dialect's corpus.
fn corpus(dialect: Dialect) -> Vec<String> {
    let file = format!("{}/tests/it/sql/{dialect}.sql", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("--")).map(str::to_owned).collect()
}

/// The reads of a corpus that aren't generated themselves, with each of `snippets` in each place between two words, and in
/// place of each word.
fn mutated(dialect: Dialect, snippets: &[&str]) -> Vec<String> {
    let reads = corpus(dialect).into_iter().filter(|statement| is_read(dialect, statement)).take(80);
    let mut all = Vec::new();
    for read in reads {
        let words: Vec<&str> = read.split(' ').collect();
        for snippet in snippets {
            for at in 0..=words.len() {
                let (before, after) = words.split_at(at);
                all.push([before, &[snippet], after].concat().join(" "));
                if let Some((_, after)) = after.split_first() {
                    all.push([before, &[snippet], after].concat().join(" "));
                }
            }
        }
    }
    all
}

/// Calls of a function with up to three of `values`, where the value of a column is wanted and where a table is.
fn calls(name: &str, values: &[&str]) -> Vec<String> {
    let mut lists = vec![String::new()];
    for one in values {
        lists.push((*one).to_owned());
        for two in values {
            lists.push(format!("{one}, {two}"));
            lists.push(format!("{one}, {two}, {two}"));
        }
    }
    lists.iter().flat_map(|list| [format!("SELECT {name}({list})"), format!("SELECT * FROM {name}({list})")]).collect()
}

/// Of a server's functions, those that pass: each must have run once without an error, and there must be `at_least` so many.
fn each_ran(names: &BTreeSet<String>, ran: &Ran, at_least: usize) {
    let called = |statement: &String, name: &str| statement.starts_with(&format!("SELECT {name}("));
    let from = |statement: &String, name: &str| statement.starts_with(&format!("SELECT * FROM {name}("));
    let failed: Vec<&String> = ran.failed.iter().map(|(statement, _)| statement).collect();
    let (well, never): (Vec<&String>, Vec<&String>) = names
        .iter()
        .filter(|name| ran.well.iter().chain(failed.iter().copied()).any(|statement| called(statement, name)))
        .partition(|name| ran.well.iter().any(|statement| called(statement, name) || from(statement, name)));
    assert_eq!(never, Vec::<&String>::new(), "pass, and were never seen to run");
    assert!(well.len() >= at_least, "only {} functions passed", well.len());
}

/// Each of these does something, and the look at what is stored must see it: otherwise it proves nothing.
fn is_seen(server: &mut impl Server, effects: &[&str]) {
    for effect in effects {
        let before = server.state();
        server.run(effect).unwrap_or_else(|error| panic!("{effect}: {error}"));
        assert!(before != server.state(), "not seen: {effect}");
    }
}

/// Can it stand before a parenthesis as it is?
fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Every file below a folder but those that `is_noise`, sorted.
fn files(folder: &Path, is_noise: impl Fn(&str) -> bool + Copy) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            if !is_noise(&name) {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}
