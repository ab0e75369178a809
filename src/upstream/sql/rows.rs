//! An answer's rows, as many as fit: in number, and in bytes.

use serde_json::{Value, json};

use crate::catalog::SqlRequest;

/// Most bytes of all rows together, as JSON.
const BYTES: usize = 1024 * 1024;
/// A longer value is left out.
const CELL: usize = 128 * 1024;

/// Rows as they come in.
pub(super) struct Rows {
    columns: Vec<Value>,
    taken: Vec<Value>,
    left_out: u64,
    limit: usize,
    bytes: usize,
    truncated: bool,
}

impl Rows {
    /// None yet, of columns with these names and types.
    pub(super) fn new(request: &SqlRequest, columns: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            columns: columns.into_iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect(),
            taken: Vec::new(),
            left_out: request.offset,
            limit: usize::try_from(request.limit).unwrap_or(usize::MAX),
            bytes: 0,
            truncated: false,
        }
    }

    /// Takes one in. `false`: that was enough.
    pub(super) fn take(&mut self, row: impl FnOnce() -> Vec<Value>) -> bool {
        if self.left_out > 0 {
            self.left_out -= 1;
            return true;
        }
        if self.taken.len() >= self.limit {
            self.truncated = true;
            return false;
        }
        let row: Vec<Value> = row().into_iter().map(shortened).collect();
        let size = row.iter().map(size).sum::<usize>();
        if self.bytes + size > BYTES && !self.taken.is_empty() {
            self.truncated = true;
            return false;
        }
        self.bytes += size;
        self.taken.push(Value::Array(row));
        true
    }

    /// The answer.
    pub(super) fn into_answer(self) -> Value {
        json!({
            "columns": self.columns,
            "row_count": self.taken.len(),
            "rows": self.taken,
            "truncated": self.truncated,
        })
    }
}

/// Rows as objects.
pub(super) fn objects(answer: &Value) -> Value {
    let names: Vec<&str> = answer
        .get("columns")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|column| column.get("name")?.as_str())
        .collect();
    let rows = answer.get("rows").and_then(Value::as_array);
    let object = |row: &Value| {
        let cells = row.as_array().into_iter().flatten();
        Value::Object(names.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect())
    };
    rows.into_iter().flatten().map(object).collect()
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
    }
}

fn shortened(value: Value) -> Value {
    let size = size(&value);
    if size > CELL { json!(format!("[left out: a value of {size} bytes]")) } else { value }
}
