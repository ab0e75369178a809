//! MySQL's and MariaDB's own functions.

use crate::sql::words::Words;

/// Those that make as much as they are told to.
pub(super) const SIZED: [&str; 4] = ["repeat", "space", "lpad", "rpad"];

/// Those that the grammar itself knows, if their parenthesis stands next to their name. With a space between, a function of
/// somebody's own is called.
/// <https://mariadb.com/docs/server/reference/sql-functions/function-name-parsing-and-resolution>
pub(super) static OF_GRAMMAR: Words = Words::new(
    "adddate bit_and bit_or bit_xor cast count cume_dist curdate curtime date_add date_format date_sub dense_rank \
     extract first_value group_concat json_arrayagg json_objectagg json_table lag last_value lead max median mid min \
     now nth_value ntile percent_rank percentile_cont percentile_disc position rank row_number session_user std \
     stddev stddev_pop stddev_samp subdate substr substring sum sysdate system_user trim var_pop var_samp variance",
);

/// Those that change nothing, by what they are about.
pub(super) static PLAIN: [Words; 7] = [
    // text
    Words::new(
        "ascii bin bit_length char character_length crc32 elt export_set field find_in_set format from_base64 hex \
         instr lcase left locate make_set md5 mid oct ord quote regexp_instr regexp_replace regexp_substr reverse \
         right sha sha1 sha2 soundex strcmp substring_index to_base64 ucase unhex weight_string",
    ),
    // numbers
    Words::new("bit_count conv inet6_aton inet6_ntoa inet_aton inet_ntoa log2 rand truncate"),
    // choices
    Words::new("if ifnull interval isnull"),
    // time
    Words::new(
        "adddate addtime convert_tz curdate curtime date date_add date_format date_sub datediff day dayname \
         dayofmonth dayofweek dayofyear from_days from_unixtime get_format hour last_day localtime localtimestamp \
         makedate maketime microsecond minute month monthname now period_add period_diff quarter sec_to_time second \
         str_to_date subdate subtime sysdate time time_format time_to_sec timediff timestamp timestampadd \
         timestampdiff to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week weekday weekofyear \
         year yearweek",
    ),
    // aggregates
    Words::new(
        "bit_and bit_or bit_xor group_concat json_arrayagg json_objectagg std stddev stddev_pop stddev_samp var_pop \
         var_samp variance",
    ),
    // JSON
    Words::new(
        "json_array json_contains json_contains_path json_depth json_extract json_keys json_length json_object \
         json_overlaps json_pretty json_quote json_search json_type json_unquote json_valid json_value",
    ),
    // what there is
    Words::new("charset collation connection_id current_user database schema session_user user uuid version"),
];
