//! What processes print. Their standard error goes into files, which are searched with the others.

use std::{fs, path::PathBuf, process::Stdio};

use super::{Evidence, evidence::unseen};

impl Evidence {
    /// The person saw this, who is shown a new factor once, and no secret that there was before.
    pub(crate) fn person_saw(&self, text: &str) {
        self.secrets.lock().unwrap().iter().for_each(|secret| unseen(secret, "what the person saw", text));
    }

    /// A file for a child's standard error.
    pub fn stderr(&self) -> Stdio {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).unwrap();
        let name = format!("{}-{:016x}.stderr", self.stderrs().count(), u64::from_le_bytes(bytes));
        fs::OpenOptions::new().write(true).create_new(true).open(self.folder.join(name)).unwrap().into()
    }

    /// What the children wrote to standard error so far.
    pub fn said(&self) -> String {
        self.stderrs().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
    }

    fn stderrs(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "stderr"))
    }
}
