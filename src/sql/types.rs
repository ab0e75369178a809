//! The types that a read may cast to.

use sqlparser::ast::DataType;

use super::words::Words;

/// Is this a type of PostgreSQL's own that the parser knows by name only?
pub(super) fn is_type(name: &str) -> bool {
    POSTGRES.has_small(name)
}

/// Is it one of PostgreSQL's own? The parser knows those of others by name as well, and in PostgreSQL `string` is a type of
/// somebody's own, of which a value is checked by a function of theirs.
pub(super) fn is_built_in(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Character(_)
            | DataType::Char(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
            | DataType::Varchar(_)
            | DataType::Text
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Dec(_)
            | DataType::SmallInt(_)
            | DataType::Int2(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::Int8(_)
            | DataType::Float(_)
            | DataType::Float4
            | DataType::Float8
            | DataType::Real
            | DataType::DoublePrecision
            | DataType::Bool
            | DataType::Boolean
            | DataType::Date
            | DataType::Time(..)
            | DataType::Timestamp(..)
            | DataType::Interval { .. }
            | DataType::JSON
            | DataType::JSONB
            | DataType::Uuid
            | DataType::Regclass
            | DataType::Bytea
            | DataType::Bit(_)
            | DataType::BitVarying(_)
            | DataType::VarBit(_)
            | DataType::GeometricType(_)
            | DataType::TsVector
            | DataType::TsQuery
    )
}

static POSTGRES: Words = Words::new(
    "aclitem bit bool box bpchar bytea char cid cidr circle date daterange inet int2 int4 int4range int8 int8range \
     json jsonb jsonpath line lseg macaddr macaddr8 money name numrange oid path pg_lsn point polygon regnamespace \
     regproc regprocedure regrole regtype tid timestamptz timetz tsrange tstzrange uuid varbit xid xml",
);
