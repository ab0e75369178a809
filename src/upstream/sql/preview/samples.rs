//! The first rows that a statement meets: as they are and, for an update, as they become.

use serde_json::{Map, Value, json};

use super::{Answer, Look, Unknown, questions::Place};
use crate::{
    canonical,
    findings::{Fact, Holds},
    sql::{Change, Target},
};

/// How many rows are shown.
const SHOWN: u32 = 5;
/// Columns of a row that are shown.
const COLUMNS: usize = 12;
/// Characters of one value that are shown.
const CHARACTERS: usize = 120;
/// The most bytes of one row.
const BYTES: usize = 4 * 1024;

impl Look<'_> {
    pub(super) async fn samples(&mut self, target: &Target, place: &Place) -> Result<(), Unknown> {
        if target.change() == Change::Update {
            let keys = self.primary_key(place).await?;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            if let Ok(answer) = self.preview(target.old_and_new(&keys, SHOWN)).await? {
                for (number, row) in answer.rows.iter().enumerate() {
                    self.becomes(number, &answer, row, keys.len());
                }
                return Ok(());
            }
        }
        // what has no row to show has said why with its count
        let answer = self.preview(target.rows(SHOWN)).await?.unwrap_or_default();
        for (number, row) in answer.rows.iter().enumerate() {
            let shown = object(answer.columns.iter().zip(row));
            self.say(&format!("Row {}", number + 1), shown);
        }
        Ok(())
    }

    /// A row of an update: the key, then each column as it is and as it becomes.
    fn becomes(&mut self, number: usize, answer: &Answer, row: &[Value], keys: usize) {
        let cells: Vec<(&String, &Value)> = answer.columns.iter().zip(row).collect();
        let (key, pairs) = cells.split_at(keys.min(cells.len()));
        let is = pairs.iter().step_by(2).copied();
        let becomes = pairs.chunks(2).filter_map(|pair| match pair {
            [(column, _), (_, becomes)] => Some((*column, *becomes)),
            _ => None,
        });
        let fact = Fact::plain(format!("Row {}", number + 1), object(key.iter().copied().chain(is)));
        let holds = if self.is_fixed { Holds::Exactly } else { Holds::AsItStands };
        self.push(Fact { then: Some(object(becomes)), holds, ..fact });
    }
}

/// Columns and values, as much of them as is read.
fn object<'a>(cells: impl Iterator<Item = (&'a String, &'a Value)>) -> Value {
    let mut shown = Map::new();
    let mut left = 0_usize;
    for (column, value) in cells {
        if shown.len() < COLUMNS {
            shown.insert(column.clone(), shortened(value));
        } else {
            left += 1;
        }
    }
    if left > 0 {
        shown.insert("…".to_owned(), json!(format!("{left} more columns")));
    }
    let shown = Value::Object(shown);
    if canonical::text(&shown).len() > BYTES { json!("too long to be shown here") } else { shown }
}

fn shortened(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return value.clone(),
    };
    let length = text.chars().count();
    if length <= CHARACTERS {
        return value.clone();
    }
    let begin: String = text.chars().take(CHARACTERS).collect();
    json!(format!("{begin}… ({length} characters)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_a_row_is_said() {
        let columns: Vec<String> = (0..15).map(|number| format!("c{number}")).collect();
        let values = vec![json!("x".repeat(200)); 15];
        let shown = object(columns.iter().zip(&values));
        assert_eq!(shown["…"], json!("3 more columns"));
        assert_eq!(shown["c0"], json!(format!("{}… (200 characters)", "x".repeat(120))));
        let wide = vec![json!("\u{1}".repeat(120)); 12];
        assert_eq!(object(columns.iter().zip(&wide)), json!("too long to be shown here"));
    }
}
