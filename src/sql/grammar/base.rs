//! What is asked of a grammar and answered as its database's own does: all of it but the two questions in `grammar.rs`. A test
//! compares this list with the trait.

use std::{any::TypeId, iter::Peekable, str::Chars};

use sqlparser::{
    ast::{ColumnOption, DataType, Expr, GranteesType, Ident, ObjectNamePart, Statement},
    dialect::{BindPlaceholderStyle, Dialect, Precedence},
    keywords::Keyword,
    parser::{Parser, ParserError},
};

use super::{Grammar, no_data_type, plain_prefix};

type ColumnAnswer = Result<Option<Result<Option<ColumnOption>, ParserError>>, ParserError>;

macro_rules! passed_on {
    ($($question:ident($($argument:ident: $given:ty),*) -> $answer:ty;)*) => {
        $(fn $question(&self, $($argument: $given),*) -> $answer { self.0.$question($($argument),*) })*
    };
    ($($question:ident)*) => {
        $(fn $question(&self) -> bool { self.0.$question() })*
    };
}

impl<Base: Dialect> Dialect for Grammar<Base> {
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        plain_prefix(parser).or_else(|| self.0.parse_prefix(parser))
    }

    fn parse_data_type(&self, parser: &mut Parser<'_>) -> Option<Result<DataType, ParserError>> {
        no_data_type(parser).map(Err).or_else(|| self.0.parse_data_type(parser))
    }

    passed_on! {
        // whose it is: the parser asks for the database's own by its type
        dialect() -> TypeId;

        is_delimited_identifier_start(first: char) -> bool;
        is_nested_delimited_identifier_start(first: char) -> bool;
        peek_nested_delimited_identifier_quotes(text: Peekable<Chars<'_>>) -> Option<(char, Option<char>)>;
        identifier_quote_style(name: &str) -> Option<char>;
        ordered_bind_placeholder_style() -> Option<BindPlaceholderStyle>;
        is_identifier_start(character: char) -> bool;
        is_identifier_part(character: char) -> bool;
        is_custom_operator_part(character: char) -> bool;
        is_identifier_generating_function_name(name: &Ident, parts: &[ObjectNamePart]) -> bool;
        is_custom_type_typed_string(first: Keyword, qualified: bool) -> bool;
        is_interval_qualifier(word: Keyword) -> bool;
        is_reserved_for_identifier(word: Keyword) -> bool;

        parse_infix(parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>>;
        parse_statement(parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>>;
        parse_column_option(parser: &mut Parser<'_>) -> ColumnAnswer;

        get_next_precedence(parser: &Parser<'_>) -> Option<Result<u8, ParserError>>;
        get_next_precedence_default(parser: &Parser<'_>) -> Result<u8, ParserError>;
        prec_value(precedence: Precedence) -> u8;
        prec_unknown() -> u8;
        between_low_bound_precedence() -> u8;

        get_reserved_keywords_for_select_item_operator() -> &[Keyword];
        get_reserved_grantees_types() -> &[GranteesType];
        is_column_alias(word: &Keyword, parser: &mut Parser<'_>) -> bool;
        is_select_item_alias(explicit: bool, word: &Keyword, parser: &mut Parser<'_>) -> bool;
        is_table_factor(word: &Keyword, parser: &mut Parser<'_>) -> bool;
        is_table_alias(word: &Keyword, parser: &mut Parser<'_>) -> bool;
        is_table_factor_alias(explicit: bool, word: &Keyword, parser: &mut Parser<'_>) -> bool;
        supports_string_literal_column_alias(explicit: bool) -> bool;
        supports_string_literal_table_alias(explicit: bool) -> bool;
    }

    passed_on! {
        allow_extract_custom allow_extract_single_quotes convert_type_before_value describe_requires_table_keyword
        ignores_wildcard_escapes require_interval_qualifier requires_hash_comment_space
        requires_single_line_comment_whitespace support_map_literal_syntax supports_add_column_if_not_exists
        supports_aggregate_order_by_with_empty_args supports_aliased_function_args supports_alter_column_position
        supports_alter_column_type_using supports_alter_user_as_alter_role supports_approximate_percentile_disc
        supports_array_element_not_null supports_array_join_syntax supports_array_typedef_with_brackets
        supports_array_typedef_with_parentheses supports_array_typedef_without_element_type
        supports_asc_desc_in_column_definition supports_attach_partition_of supports_bang_not_operator
        supports_binary_kw_as_cast supports_bitwise_shift_operators supports_boolean_literals
        supports_cast_empty_data_type_to_unspecified supports_column_definition_trailing_commas
        supports_column_generic_options supports_comma_join_constraint supports_comma_separated_drop_column_list
        supports_comma_separated_set_assignments supports_comma_separated_trim supports_comment_on
        supports_comment_optimizer_hint supports_comparison_in_between_low_bound supports_connect_by
        supports_constraint_keyword_without_name supports_copy_from_stdin_data supports_create_group
        supports_create_index_with_clause supports_create_proc_syntax supports_create_role_if_not_exists
        supports_create_table_like_parenthesized supports_create_table_multi_schema_info_sources
        supports_create_table_select supports_create_table_using supports_create_view_comment_syntax
        supports_cross_join_constraint supports_cte_materialization supports_cte_without_as
        supports_data_type_collation supports_data_type_signed_suffix supports_data_type_zerofill_suffix
        supports_detach supports_detach_partition_of supports_dictionary_syntax supports_dollar_as_money_prefix
        supports_dollar_placeholder supports_double_ampersand_operator supports_double_eq_assignment
        supports_drop_group supports_empty_projections supports_end_transaction_modifier supports_eq_alias_assignment
        supports_exclude_constraint supports_execute_immediate supports_explain_with_utility_options
        supports_extract_comma_syntax supports_factorial_operator supports_filter_during_aggregation
        supports_from_first_insert supports_from_first_select supports_from_trailing_commas supports_geometric_types
        supports_global_in supports_group_by_expr supports_group_by_with_modifier supports_hash_comment
        supports_in_empty_list supports_in_table_expression supports_in_unparenthesized_expr supports_indexed_by
        supports_insert_format supports_insert_set supports_insert_table_alias supports_insert_table_function
        supports_insert_table_query supports_install supports_interpolate supports_interval_options
        supports_is_operator supports_key_column_option supports_lambda_functions supports_lambda_keyword_syntax
        supports_leading_comma_before_table_options supports_left_associative_joins_without_parens supports_limit_by
        supports_limit_comma supports_listen_notify supports_literal_prefix_in_qualified_name supports_load_data
        supports_load_extension supports_long_type_as_bigint supports_map_literal_with_angle_brackets
        supports_map_typedef_with_parentheses supports_map_value_not_null supports_match_against
        supports_match_recognize supports_multiline_comment_hints supports_named_fn_args_with_assignment_operator
        supports_named_fn_args_with_colon_operator supports_named_fn_args_with_eq_operator
        supports_named_fn_args_with_expr_name supports_named_fn_args_with_rarrow_operator
        supports_national_string_literal supports_nested_comments supports_non_decimal_integer_literals
        supports_notnull_operator supports_numeric_literal_underscores supports_numeric_prefix
        supports_object_name_double_dot_notation supports_optimize_table supports_order_by_all
        supports_order_by_using_operator supports_outer_join_operator supports_over_keyword_as_column_alias
        supports_parens_around_table_factor supports_parenthesized_set_variables supports_partiql
        supports_partition_by_after_order_by supports_pipe_operator supports_prewhere
        supports_projection_trailing_commas supports_quote_delimited_string supports_select_exclude
        supports_select_expr_star supports_select_format supports_select_item_multi_column_alias
        supports_select_modifiers supports_select_wildcard_except supports_select_wildcard_exclude
        supports_select_wildcard_ilike supports_select_wildcard_rename supports_select_wildcard_replace
        supports_select_wildcard_with_alias supports_semantic_view_table_factor supports_set_names
        supports_set_stmt_without_operator supports_settings supports_show_like_before_in
        supports_singular_value_keyword supports_space_separated_column_options supports_sql_option_without_value
        supports_stages supports_start_transaction_modifier supports_string_escape_constant
        supports_string_literal_backslash_escape supports_string_literal_column_names
        supports_string_literal_concatenation supports_string_literal_concatenation_with_newline
        supports_struct_literal supports_subquery_as_function_arg supports_table_hints
        supports_table_inheritance_markers supports_table_partitions supports_table_sample_before_alias
        supports_table_versioning supports_tilde_like_match_operator supports_top_before_distinct
        supports_trailing_commas supports_triple_quoted_string supports_try_convert supports_tuple_element_access
        supports_unicode_string_literal supports_unpivot_expr supports_unterminated_block_comments
        supports_update_order_by supports_user_host_grantee supports_values_as_table_factor
        supports_window_clause_named_window_reference supports_window_function_null_treatment_arg supports_with_fill
        supports_within_after_array_aggregation supports_xml_expressions
    }
}
