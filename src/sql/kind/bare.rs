//! Kinds of statement of which the class alone is known.

use sqlparser::ast::Statement as Parsed;

use crate::sql::Class;

/// By its kind, whatever is in it.
pub(super) fn class(statement: &Parsed) -> Class {
    match statement {
        Parsed::Grant(_)
        | Parsed::GrantRole(_)
        | Parsed::Deny(_)
        | Parsed::Revoke(_)
        | Parsed::RevokeRole(_)
        | Parsed::AlterDefaultPrivileges(_)
        | Parsed::CreateRole(_)
        | Parsed::AlterRole { .. }
        | Parsed::CreateUser(_)
        | Parsed::AlterUser(_)
        | Parsed::CreatePolicy(_)
        | Parsed::AlterPolicy(_)
        | Parsed::DropPolicy(_) => Class::Grant,
        Parsed::CreateVirtualTable { .. }
        | Parsed::CreateServer(_)
        | Parsed::CreateForeignTable(_)
        | Parsed::CreateForeignDataWrapper(_)
        | Parsed::CreateUserMapping(_)
        | Parsed::CreateRule(_)
        | Parsed::CreateOperator(_)
        | Parsed::CreateOperatorFamily(_)
        | Parsed::CreateOperatorClass(_)
        | Parsed::CreateTextSearch(_)
        | Parsed::CreateAggregate(_)
        | Parsed::CreateExtension(_)
        | Parsed::CreateCollation(_)
        | Parsed::CreateSchema { .. }
        | Parsed::CreateDatabase { .. }
        | Parsed::CreateFunction(_)
        | Parsed::CreateTrigger(_)
        | Parsed::CreateProcedure { .. }
        | Parsed::CreateSequence { .. }
        | Parsed::CreateDomain(_)
        | Parsed::CreateType { .. }
        | Parsed::AlterSchema(_)
        | Parsed::AlterIndex { .. }
        | Parsed::AlterView(_)
        | Parsed::AlterFunction(_)
        | Parsed::AlterType(_)
        | Parsed::AlterCollation(_)
        | Parsed::AlterOperator(_)
        | Parsed::AlterOperatorFamily(_)
        | Parsed::AlterOperatorClass(_)
        | Parsed::AlterTextSearch(_)
        | Parsed::AlterTrigger(_)
        | Parsed::DropFunction(_)
        | Parsed::DropDomain(_)
        | Parsed::DropProcedure { .. }
        | Parsed::DropRule(_)
        | Parsed::DropExtension(_)
        | Parsed::DropOperator(_)
        | Parsed::DropOperatorFamily(_)
        | Parsed::DropOperatorClass(_)
        | Parsed::DropTrigger(_)
        | Parsed::Comment { .. }
        | Parsed::RefreshMaterializedView(_) => Class::Ddl,
        _ => Class::Other,
    }
}
