//! PostgreSQL's own functions.

use crate::sql::words::Words;

/// Those that make as much as they are told to.
pub(super) const SIZED: [&str; 4] = ["generate_series", "repeat", "lpad", "rpad"];

/// Those that fill up to the widths of a format, which stands first.
pub(super) const FORMATS: [&str; 1] = ["format"];

/// Those that change nothing, by what they are about.
pub(super) static PLAIN: [Words; 9] = [
    // text
    Words::new(
        "ascii bit_count bit_length btrim character_length chr convert_from convert_to decode encode get_bit \
         get_byte initcap left md5 normalize overlay parse_ident quote_ident quote_literal quote_nullable \
         regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array \
         regexp_split_to_table regexp_substr reverse right sha224 sha256 sha384 sha512 split_part starts_with \
         string_to_array string_to_table strpos to_ascii to_hex translate unistr",
    ),
    // numbers
    Words::new(
        "acosh asinh atanh cbrt cosd cosh div factorial gcd lcm min_scale random scale sind sinh tand tanh to_number \
         trim_scale trunc width_bucket",
    ),
    // time
    Words::new(
        "age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours \
         justify_interval localtime localtimestamp make_date make_interval make_time make_timestamp make_timestamptz \
         now statement_timestamp timeofday to_char to_date to_timestamp transaction_timestamp",
    ),
    // aggregates
    Words::new(
        "any_value array_agg bit_and bit_or bit_xor bool_and bool_or corr covar_pop covar_samp every grouping \
         json_agg json_object_agg jsonb_agg jsonb_object_agg mode percentile_cont percentile_disc range_agg \
         regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev \
         stddev_pop stddev_samp string_agg var_pop var_samp variance",
    ),
    // arrays, ranges and rows
    Words::new(
        "array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions \
         array_prepend array_remove array_replace array_to_string array_upper cardinality isempty lower_inc \
         lower_inf num_nonnulls num_nulls range_merge row trim_array unnest upper_inc upper_inf",
    ),
    // JSON
    Words::new(
        "array_to_json json_array_elements json_array_elements_text json_array_length json_build_array \
         json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object \
         json_object_keys json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_array_elements \
         jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each \
         jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys \
         jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first \
         jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json \
         to_json to_jsonb",
    ),
    // search
    Words::new(
        "numnode phraseto_tsquery plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_headline \
         ts_rank ts_rank_cd websearch_to_tsquery",
    ),
    // networks and ids
    Words::new("abbrev broadcast family gen_random_uuid host hostmask masklen netmask network"),
    // what there is
    Words::new(
        "col_description current_catalog current_database current_role current_schema current_schemas \
         current_setting current_user format_type has_any_column_privilege has_column_privilege \
         has_database_privilege has_schema_privilege has_table_privilege obj_description pg_column_size \
         pg_database_size pg_encoding_to_char pg_get_constraintdef pg_get_expr pg_get_functiondef pg_get_indexdef \
         pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_indexes_size pg_is_in_recovery pg_postmaster_start_time \
         pg_relation_size pg_size_pretty pg_table_is_visible pg_table_size pg_total_relation_size pg_typeof \
         session_user shobj_description to_regclass to_regtype user version",
    ),
];
