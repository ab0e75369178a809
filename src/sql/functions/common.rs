//! Functions that PostgreSQL, MySQL and SQLite all have, or that only one has and no other means something else by.

use crate::sql::words::Words;

/// Those that change nothing.
pub(super) static PLAIN: Words = Words::new(
    "abs acos asin atan atan2 avg ceil ceiling char_length coalesce concat concat_ws cos cot count cume_dist \
     current_date current_time current_timestamp degrees dense_rank exp first_value floor greatest lag last_value \
     lead least length ln log log10 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi \
     position pow power radians rank replace round row_number rtrim sign sin sqrt substr substring sum tan trim \
     upper",
);
