//! A secret of its own for each test, what anybody saw, and the search for the one in the other.
//!
//! The tests beside the code share this file (`src/lib.rs`). A [`Scene`] is the only way to a folder for a home
//! (`hygiene`), and leaving one searches: no test has to remember it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, Once},
};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use tempfile::TempDir;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// What was seen in this process without anybody knowing by which test: pages, and what a gateway in it logged.
static COMMON: Mutex<String> = Mutex::new(String::new());

/// A folder for a home, and a secret that must not be seen. Dropped, it searches everything for every form of that.
pub(crate) struct Scene {
    evidence: Evidence,
    canary: String,
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        log_to_common();
        let folder = tempfile::Builder::new().prefix("agentport-it-").tempdir().unwrap();
        let (evidence, canary) = (Evidence::of(folder.path()), canary());
        evidence.keep_from(&canary);
        Self { evidence, canary, folder }
    }

    /// The secret.
    pub(crate) fn canary(&self) -> &str {
        &self.canary
    }

    /// Who saw what.
    pub(crate) fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // a test that fails anyway must not panic twice
        if !std::thread::panicking() {
            self.evidence.search();
        }
    }
}

/// What anybody saw of the program. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(super) folder: PathBuf,
    seen: Arc<Mutex<Vec<String>>>,
    pub(super) secrets: Arc<Mutex<Vec<String>>>,
    theirs: Arc<Mutex<Vec<PathBuf>>>,
}

impl Evidence {
    fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: Arc::default(), secrets: Arc::default(), theirs: Arc::default() }
    }

    /// This must not be seen.
    pub(crate) fn keep_from(&self, secret: &str) {
        assert!(secret.len() >= 6, "so short a secret stands in texts by chance");
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// This was seen.
    pub(crate) fn saw(&self, text: impl Into<String>) {
        self.seen.lock().unwrap().push(text.into());
    }

    /// The test itself put a secret into this file, or below this folder.
    pub(crate) fn planted(&self, path: impl Into<PathBuf>) {
        self.theirs.lock().unwrap().push(path.into());
    }

    /// Searches all that was seen, and every file in which the test put no secret, for every form of every secret.
    fn search(&self) {
        let mut texts: Vec<(String, String)> =
            self.seen.lock().unwrap().iter().map(|text| ("what was seen".to_owned(), text.clone())).collect();
        texts.push(("a page or the log".to_owned(), common().clone()));
        let theirs = self.theirs.lock().unwrap();
        for file in files(&self.folder).into_iter().filter(|file| !theirs.iter().any(|path| file.starts_with(path))) {
            // a file that a process removes meanwhile, or that nobody may read, is no finding
            if let Ok(bytes) = fs::read(&file) {
                texts.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        for secret in self.secrets.lock().unwrap().iter() {
            for (place, text) in &texts {
                unseen(secret, place, text);
            }
        }
    }
}

/// This was seen in this process: by whichever test, it must hold no secret of any.
pub(crate) fn saw(text: &str) {
    common().push_str(text);
}

/// Fails where a text has a form of a secret.
pub(crate) fn unseen(secret: &str, place: &str, text: &str) {
    for (form, needle) in forms(secret) {
        assert!(!text.contains(&needle), "the {form} form of a secret ({needle}) is in {place}");
    }
}

/// A key that no other test has and that no text holds by chance. It looks like one of Stripe's.
fn canary() -> String {
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

fn common() -> MutexGuard<'static, String> {
    COMMON.lock().unwrap()
}

/// What the program would write to standard error, were it not this process.
fn log_to_common() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| log_to(|| Log));
}

/// This process logs what the program would log, at every level.
pub(crate) fn log_to<W: Write + 'static>(writer: fn() -> W) {
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("agentport", LevelFilter::TRACE);
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        saw(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = canary();
    for (form, needle) in forms(&secret) {
        let scene = Scene::new();
        scene.evidence().keep_from(&secret);
        scene.evidence().saw(format!("x{needle}x"));
        assert!(fails(scene), "{form}");
    }
}

#[test]
fn a_secret_is_found_wherever_it_lies() {
    let quiet = Scene::new();
    quiet.evidence().saw("nothing");
    quiet.evidence().planted(quiet.path().join("planted"));
    fs::write(quiet.path().join("planted"), quiet.canary()).unwrap();
    assert!(!fails(quiet));
    for place in ["a.stderr", "home/vault.age", "planted2"] {
        let scene = Scene::new();
        scene.evidence().planted(scene.path().join("planted"));
        let path = scene.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, scene.canary()).unwrap();
        assert!(fails(scene), "{place}");
    }
    let page = Scene::new();
    saw(page.canary());
    assert!(fails(page));
    let log = Scene::new();
    tracing::debug!(target: "agentport::test", key = log.canary(), "a key");
    assert!(fails(log));
}

#[test]
#[should_panic(expected = "the test's own")]
fn a_test_that_fails_anyway_fails_once() {
    let scene = Scene::new();
    scene.evidence().saw(scene.canary());
    panic!("the test's own");
}

fn fails(scene: Scene) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(scene))).is_err()
}
