//! Statements out of the scripts of three test runners.

#![expect(clippy::string_slice, reason = "each place is that of a sign of ASCII; another one would end the test")]

use agentport::sql::Dialect;

/// psql's: its own commands begin with a backslash, and data stand behind a `COPY … FROM STDIN`.
pub(super) fn of_psql(text: &str) -> Vec<String> {
    let mut kept = String::new();
    let mut is_data = false;
    for line in text.lines() {
        if is_data {
            is_data = line != "\\.";
        } else if !line.starts_with('\\') {
            // `\gset` and the like end a statement
            let line = line.split_once(" \\g").map_or(line.to_owned(), |(statement, _)| format!("{statement};"));
            let lower = line.to_lowercase();
            is_data = lower.starts_with("copy ") && lower.contains("from stdin");
            if !is_data {
                kept.push_str(&line);
                kept.push('\n');
            }
        }
    }
    split(Dialect::Postgres, &kept, ";")
}

/// mysqltest's: its own commands begin with two dashes or with a word of its own.
pub(super) fn of_mysqltest(text: &str) -> Vec<String> {
    const COMMANDS: [&str; 39] = [
        "let",
        "eval",
        "echo",
        "connect",
        "disconnect",
        "connection",
        "source",
        "sleep",
        "real_sleep",
        "inc",
        "dec",
        "if",
        "while",
        "die",
        "exec",
        "exit",
        "error",
        "send",
        "send_eval",
        "reap",
        "perl",
        "query_vertical",
        "query_horizontal",
        "sync_slave_with_master",
        "sync_with_master",
        "save_master_pos",
        "change_user",
        "remove_file",
        "write_file",
        "cat_file",
        "copy_file",
        "enable_warnings",
        "disable_warnings",
        "query",
        "evalp",
        "ps_enable_protocol",
        "skip",
        "vertical_results",
        "horizontal_results",
    ];
    let mut delimiter = ";".to_owned();
    let (mut found, mut kept) = (Vec::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with("--") && !line.starts_with('#')) {
        let is_own = kept.trim().is_empty();
        if let Some(next) = line.trim().to_lowercase().strip_prefix("delimiter ").filter(|_| is_own) {
            found.extend(split(Dialect::Mysql, &kept, &delimiter));
            kept.clear();
            next.strip_suffix(delimiter.as_str()).unwrap_or(next).trim().clone_into(&mut delimiter);
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
        if line.trim_end().ends_with(delimiter.as_str()) {
            found.extend(split(Dialect::Mysql, &kept, &delimiter));
            kept.clear();
        }
    }
    found.retain(|statement| {
        let word =
            statement.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next().unwrap_or_default();
        !statement.starts_with(['}', '{', '$']) && !COMMANDS.contains(&word.to_lowercase().as_str())
    });
    found
}

/// SQLite's: SQL stands in braces behind a few procedures of Tcl.
pub(super) fn of_tcl(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for procedure in ["execsql {", "db eval {", "do_execsql_test "] {
        for (at, _) in text.match_indices(procedure) {
            let Some(open) = text[at..].find('{').map(|open| at + open) else { continue };
            // on the line of the procedure: what is further down is somebody else's
            if text[at..open].contains('\n') {
                continue;
            }
            found.push((at, block(&text[open..])));
        }
    }
    found.sort();
    // a variable of Tcl is a parameter to SQLite, and is bound
    found.into_iter().flat_map(|(_, block)| split(Dialect::Sqlite, &block, ";")).collect()
}

/// What stands between a brace and its own.
fn block(text: &str) -> String {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text[1..at].to_owned();
        }
    }
    String::new()
}

/// Statements between delimiters that stand outside quotes and comments. Those with a body of statements come apart: they
/// fail, as a part of a script may.
fn split(dialect: Dialect, text: &str, delimiter: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let quoted = match rest.as_bytes()[0] {
            _ if rest.starts_with(delimiter) => {
                found.push(bare(&text[from..at]));
                from = at + delimiter.len();
                delimiter.len()
            }
            b'\'' | b'"' | b'`' => quoted(rest, dialect == Dialect::Mysql),
            b'-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            b'#' if dialect == Dialect::Mysql => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'$' if dialect == Dialect::Postgres => dollars(rest),
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += quoted;
    }
    found.push(bare(&text[from..]));
    found.retain(|statement| !statement.is_empty());
    found
}

/// Without the comments before it.
fn bare(statement: &str) -> String {
    let statement = statement.trim();
    let comment = match statement.get(..2) {
        Some("--") => statement.find('\n').or(Some(statement.len())),
        Some("/*") if !statement.starts_with("/*!") => statement.find("*/").map(|end| end + 2),
        _ => None,
    };
    comment.map_or_else(|| statement.to_owned(), |end| bare(&statement[end..]))
}

fn quoted(text: &str, backslash: bool) -> usize {
    let quote = text.as_bytes()[0];
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && backslash {
            bytes.next();
        } else if byte == quote {
            return at + 1;
        }
    }
    text.len()
}

/// `$tag$ … $tag$`, or the sign alone.
fn dollars(text: &str) -> usize {
    let Some(end) = text[1..].find('$').map(|end| end + 2) else { return 1 };
    let tag = &text[..end];
    if !tag[1..end - 1].bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
        return 1;
    }
    text[end..].find(tag).map_or(1, |close| end + close + tag.len())
}
