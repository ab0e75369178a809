//! What anybody saw, and the search for secrets in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// What anybody saw of the program. Clones share it.
#[derive(Clone)]
pub struct Evidence {
    folder: PathBuf,
    seen: Arc<Mutex<Vec<String>>>,
    secrets: Arc<Mutex<Vec<String>>>,
}

impl Evidence {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: Arc::default(), secrets: Arc::default() }
    }

    /// This must not be seen.
    pub fn keep_from(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// This was seen.
    pub fn saw(&self, text: impl Into<String>) {
        self.seen.lock().unwrap().push(text.into());
    }

    /// A file for a child's standard error.
    pub fn stderr(&self) -> Stdio {
        let number = self.stderrs().count();
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.folder.join(format!("{number}-{:016x}.stderr", rand())))
            .unwrap();
        file.into()
    }

    /// What the children wrote to standard error so far.
    pub fn said(&self) -> String {
        self.stderrs().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
    }

    fn stderrs(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "stderr"))
    }

    /// Searches all that was seen, and every file of the home but the vault, for every form of every secret.
    pub fn search(&self, home: &Path) {
        let mut texts: Vec<(String, String)> =
            self.seen.lock().unwrap().iter().map(|text| ("an answer".to_owned(), text.clone())).collect();
        texts.push(("standard error".to_owned(), self.said()));
        for file in files(home).into_iter().filter(|file| file.file_name().unwrap() != "vault.age") {
            // a file that a process removes meanwhile is no finding
            if let Ok(bytes) = fs::read(&file) {
                texts.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        for secret in self.secrets.lock().unwrap().iter() {
            for (form, needle) in forms(secret) {
                for (place, text) in &texts {
                    assert!(!text.contains(&needle), "the {form} form of a secret ({needle}) is in {place}");
                }
            }
        }
    }
}

/// A key that no other test has and that no text holds by chance. It looks like one of Stripe's.
pub fn canary() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).unwrap();
    let random: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
    format!("sk_test_{random}")
}

/// Every form in which a secret could show.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let each = |form: &dyn Fn(u8) -> String| secret.bytes().map(form).collect::<String>();
    let mut forms = vec![
        ("raw", secret.to_owned()),
        ("lower-case hex", HEXLOWER.encode(secret.as_bytes())),
        ("upper-case hex", HEXUPPER.encode(secret.as_bytes())),
        ("percent-encoded", each(&|byte| format!("%{byte:02X}"))),
        ("percent-encoded", each(&|byte| format!("%{byte:02x}"))),
        (
            "percent-encoded",
            each(&|byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") }),
        ),
        ("JSON-escaped", each(&|byte| format!("\\u{byte:04x}"))),
        ("list of bytes", secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")),
        ("reversed", secret.chars().rev().collect()),
        ("without its dashes", secret.replace('-', "")),
    ];
    // wherever it begins in a longer text: what depends on nothing but the secret
    for offset in 0..3 {
        let shifted: Vec<u8> = std::iter::repeat_n(0, offset).chain(secret.bytes()).collect();
        let (start, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
        forms.push(("base64", BASE64_NOPAD.encode(&shifted).drain(start..end).collect()));
        forms.push(("base64url", BASE64URL_NOPAD.encode(&shifted).drain(start..end).collect()));
    }
    forms
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn rand() -> u64 {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes)
}

#[test]
fn a_secret_is_found_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let secret = canary();
    for (form, needle) in forms(&secret) {
        let evidence = Evidence::new(folder.path());
        evidence.keep_from(&secret);
        evidence.saw(format!("x{needle}x"));
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| evidence.search(folder.path())));
        assert!(found.is_err(), "{form}");
    }
    fs::write(folder.path().join("a.stderr"), &secret).unwrap();
    let evidence = Evidence::new(folder.path());
    evidence.keep_from(&secret);
    assert!(
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| evidence.search(Path::new("/nonexistent")))).is_err()
    );
}
