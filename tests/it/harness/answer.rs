//! What a tool answered, checked against the contract's section 3 as it comes in.

use serde_json::{Value, json};

/// The object of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer(pub Value);

impl Answer {
    /// The same object twice, and `isError` by its status.
    pub fn of(result: &Value) -> Self {
        let object = &result["structuredContent"];
        let pretty = serde_json::to_string_pretty(object).unwrap();
        assert_eq!(result["content"], json!([{"type": "text", "text": pretty}]));
        let fine = ["completed", "approval_required", "pending"].contains(&object["status"].as_str().unwrap());
        assert_eq!(result["isError"], json!(!fine), "{object}");
        Self(object.clone())
    }

    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap()
    }

    /// The vendor's answer.
    pub fn completed(self) -> Value {
        assert_eq!(self.status(), "completed", "{self:?}");
        assert!(self.0["record"].as_str().unwrap().starts_with("rec_"), "{self:?}");
        self.0["result"].clone()
    }

    /// The id of what waits for a human now.
    pub fn approval_id(&self) -> String {
        assert_eq!(self.status(), "approval_required", "{self:?}");
        self.0["approval"]["id"].as_str().unwrap().to_owned()
    }

    /// Denied, by whom.
    pub fn denied(&self) -> &str {
        assert_eq!(self.status(), "denied", "{self:?}");
        self.0["by"].as_str().unwrap()
    }

    /// Failed, of which kind.
    pub fn failed(&self) -> &str {
        assert_eq!(self.status(), "failed", "{self:?}");
        self.0["error"]["kind"].as_str().unwrap()
    }

    /// Where the arguments were wrong.
    pub fn invalid(&self) -> Vec<&str> {
        assert_eq!(self.status(), "invalid_arguments", "{self:?}");
        self.0["problems"].as_array().unwrap().iter().map(|problem| problem["at"].as_str().unwrap()).collect()
    }
}
