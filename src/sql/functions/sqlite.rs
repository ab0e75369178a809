//! SQLite's own functions.

/// Those that make as much as they are told to.
pub(super) const SIZED: [&str; 2] = ["generate_series", "zeroblob"];

/// Those that fill up to the widths of a format, which stands first.
pub(super) const FORMATS: [&str; 2] = ["format", "printf"];

/// Those that change nothing, by what they are about.
pub(super) const PLAIN: [&str; 69] = [
    // text and values
    "char",
    "glob",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "like",
    "likelihood",
    "likely",
    "quote",
    "random",
    "soundex",
    "string_agg",
    "typeof",
    "unhex",
    "unicode",
    "unlikely",
    "octet_length",
    // numbers
    "acosh",
    "asinh",
    "atanh",
    "cosh",
    "log2",
    "sinh",
    "tanh",
    "trunc",
    // time
    "date",
    "datetime",
    "julianday",
    "strftime",
    "time",
    "timediff",
    "unixepoch",
    // aggregates
    "group_concat",
    "total",
    "median",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    // JSON
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_extract",
    "jsonb_object",
    "jsonb_array",
    // full text
    "bm25",
    "highlight",
    "snippet",
    "matchinfo",
    "offsets",
    // what there is
    "changes",
    "last_insert_rowid",
    "sqlite_version",
    "total_changes",
];
