//! Does a path lead below a folder? As whoever reads it most freely would have it, so that no spelling gets by: in any case,
//! with `.`, `..` and empty segments, with backslashes, and escaped as often as one likes.

/// Does `path` lead to this folder, or to what lies below it?
pub(super) fn leads_below(path: &str, folder: &str) -> bool {
    segments(path).starts_with(&segments(folder))
}

/// Where a path leads, segment by segment; none for the top.
pub(super) fn segments(path: &str) -> Vec<String> {
    let mut text = path.to_owned();
    loop {
        let decoded = decoded(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    let mut segments = Vec::new();
    for segment in text.split(['/', '\\']) {
        match segment.trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_lowercase()),
        }
    }
    segments
}

/// Every escape undone once; what is none stays.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        if let Some(byte) = escaped.and_then(|digits| data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()) {
            out.extend(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t289_no_spelling_of_a_path_gets_by_its_folder() {
        for path in [
            ".github/workflows/ci.yml",
            ".github/workflows",
            ".GitHub/WORKFLOWS/ci.yml",
            "./.github/workflows/ci.yml",
            ".github/./workflows/ci.yml",
            ".github//workflows///ci.yml",
            "//.github/workflows/ci.yml",
            "docs/../.github/workflows/ci.yml",
            ".github\\workflows\\ci.yml",
            "%2egithub/workflows/ci.yml",
            "%2Egithub%2fworkflows%2Fci.yml",
            "%252egithub/work%2566lows/ci.yml",
            "a%zz/../%2e%67ithub/workflows/ci.yml",
            " .github / workflows/ci.yml",
        ] {
            assert!(leads_below(path, ".github/workflows"), "{path}");
        }
        for path in [
            "README.md",
            ".github/CODEOWNERS",
            ".github",
            ".github/workflows-old/ci.yml",
            "docs/.github/workflows/ci.yml",
            "",
        ] {
            assert!(!leads_below(path, ".github/workflows"), "{path}");
        }
    }
}
