//! What is known of a step from its settings as the effective job has them.

use serde_json::Value as Json;

/// What a step remembers from record to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Nothing.
    None,
    /// Which records pass, and no more: without it the records are whole.
    Passes,
    /// Something that records behind it depend on.
    Keeps,
    /// Everything, until the input has ended.
    Drains,
}

/// What a step does to the records that pass it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// They stay as they are.
    Same,
    /// They have other values or other columns.
    Other,
}

/// The kind of a step: its key that is not `name`.
pub fn kind(step: &Json) -> Option<&str> {
    let keys = step.as_object()?.keys();
    keys.map(String::as_str).find(|key| *key != "name")
}

/// Its name; empty where it has none.
pub fn name(step: &Json) -> &str {
    step["name"].as_str().unwrap_or_default()
}

/// Its settings.
pub fn settings(step: &Json) -> &Json {
    kind(step).map_or(&Json::Null, |kind| &step[kind])
}

/// What a step remembers; what is not known to remember nothing may.
pub fn memory(step: &Json) -> Memory {
    let settings = settings(step);
    match kind(step) {
        Some("filter" | "select" | "compute" | "lookup") => Memory::None,
        Some("unnest" | "split" | "unpivot" | "flatten" | "unflatten") => Memory::None,
        Some("assert") if settings["otherwise"] == "warn" => Memory::Passes,
        Some("assert") => Memory::None,
        Some("fill") if settings.get("value").is_some() => Memory::None,
        Some("sample") if settings["key"].as_array().is_some_and(|key| !key.is_empty()) => {
            Memory::None
        }
        Some("sample" | "limit" | "offset") => Memory::Passes,
        Some("dedup") if settings["keep"] == "last" => Memory::Drains,
        Some("dedup") if settings["mark"].is_null() => Memory::Passes,
        Some("aggregate" | "count" | "frequency" | "pivot" | "sort" | "top") => Memory::Drains,
        _ => Memory::Keeps,
    }
}

/// What a step does to the records that pass it.
pub fn columns(step: &Json) -> Columns {
    match kind(step) {
        Some("filter" | "assert" | "sample" | "limit" | "offset" | "sort" | "top") => Columns::Same,
        Some("dedup") if settings(step)["mark"].is_null() => Columns::Same,
        _ => Columns::Other,
    }
}

/// Whether nothing behind a step sees other columns than those that the step names.
pub fn closes(step: &Json) -> bool {
    match kind(step) {
        Some("aggregate" | "count" | "frequency" | "pivot" | "tumble") => true,
        Some("select") => {
            items(step).is_some_and(|items| !items.iter().any(|item| item.contains('*')))
        }
        _ => false,
    }
}

/// Whether a step's state depends on no columns but those that its settings name.
pub fn is_free_of_others(step: &Json) -> bool {
    match kind(step) {
        Some("limit" | "offset" | "sample" | "count" | "assert" | "fill" | "sessionize") => true,
        Some("aggregate" | "frequency" | "pivot" | "tumble") => true,
        Some("dedup") => {
            let settings = settings(step);
            let has_key = settings["key"].as_array().is_some_and(|key| !key.is_empty());
            has_key && settings["keep"] != "last"
        }
        _ => false,
    }
}

/// The items of a `compute` or `select`.
pub fn items(step: &Json) -> Option<Vec<&str>> {
    match kind(step) {
        Some("compute" | "select") => settings(step).as_array()?.iter().map(Json::as_str).collect(),
        _ => None,
    }
}

/// The name behind a final `AS`; `None` where there is none, or none that is plain to see.
pub fn alias(item: &str) -> Option<&str> {
    let item = item.trim_end();
    let start = match item.strip_suffix('"') {
        Some(inner) => inner.rfind('"')?,
        None => item.rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1,
    };
    let (before, name) = item.split_at_checked(start)?;
    let expression = before.trim_end();
    let word = expression.len().checked_sub(3)?;
    let (_, last) = expression.split_at_checked(word)?;
    let word = last.strip_prefix(char::is_whitespace)?;
    let is_alias = word.eq_ignore_ascii_case("as") && before.len() > expression.len();
    (is_alias && !name.is_empty()).then_some(name)
}

/// Whether a name stands in a text as a word of its own, in whatever case.
pub fn mentions_name(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.trim_matches('"').to_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&name).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + found.len()..].chars().next();
        !before.is_some_and(is_word) && !behind.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_only_where_they_are_plain() {
        let cases = [
            ("n + 1 AS m", Some("m")),
            ("n + 1 as  \"a b\"  ", Some("\"a b\"")),
            ("CAST(n AS bigint)", None),
            ("n + 1", None),
            ("n", None),
            ("has m", None),
            ("(1)AS m", None),
            ("* REPLACE (1 AS m)", None),
            ("'x as m", Some("m")),
            ("as m", None),
            ("", None),
            ("\u{3000}as b", None),
            ("a\u{3000}\u{3000} b", None),
        ];
        for (item, expected) in cases {
            assert_eq!(alias(item), expected, "{item}");
        }
    }

    #[test]
    fn a_name_is_mentioned_only_as_a_whole_word() {
        assert!(mentions_name("sum(Total) AS t", "total"));
        assert!(mentions_name("\"unit price\" * 2", "\"Unit Price\""));
        assert!(!mentions_name("sum(subtotal)", "total"));
        assert!(!mentions_name("total_2", "total"));
    }
}
