//! SQLite's own functions.

use crate::sql::words::Words;

/// Those that make as much as they are told to.
pub(super) const SIZED: [&str; 2] = ["generate_series", "zeroblob"];

/// Those that fill up to the widths of a format, which stands first.
pub(super) const FORMATS: [&str; 2] = ["format", "printf"];

/// Those that change nothing, by what they are about.
pub(super) static PLAIN: [Words; 7] = [
    // text and values
    Words::new(
        "char glob hex ifnull iif instr like likelihood likely octet_length quote random soundex string_agg typeof \
         unhex unicode unlikely",
    ),
    // numbers
    Words::new("acosh asinh atanh cosh log2 sinh tanh trunc"),
    // time
    Words::new("date datetime julianday strftime time timediff unixepoch"),
    // aggregates
    Words::new("group_concat median percentile percentile_cont percentile_disc total"),
    // JSON
    Words::new(
        "json json_array json_array_length json_each json_extract json_group_array json_group_object json_insert \
         json_object json_patch json_quote json_remove json_replace json_set json_tree json_type json_valid jsonb \
         jsonb_array jsonb_extract jsonb_object",
    ),
    // full text
    Words::new("bm25 highlight matchinfo offsets snippet"),
    // what there is
    Words::new("changes last_insert_rowid sqlite_version total_changes"),
];
