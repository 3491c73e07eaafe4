//! The settings of `frequency` and `count`.

use super::{sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::written::Value;
use crate::transform::settings::{COUNT_NAME, FrequencySettings, GroupOrder, TransformKind};
use serde_json::{Value as Json, json};

const ORDERS: &[(&str, GroupOrder)] = &[
    ("frequency", GroupOrder::Count),
    ("first_seen", GroupOrder::FirstSeen),
    ("key", GroupOrder::Key),
];

/// Reads the settings of `frequency`.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("frequency", "`frequency = { by = [\"country\"] }`")?;
    let place = Some(table.place);
    let mut inner = Section::new("`frequency`", place, table.value, section.problems);
    let by = match inner.entry("by") {
        Some(_) => inner.texts("by", "name at least one field"),
        None => inner.missing("by", "name what is counted: `by = [\"country\"]`"),
    };
    let name = inner.text("name");
    let share = inner.text("share");
    let top = inner.entry("top").and_then(|_| inner.count("top", 1));
    let order = inner.choice("order", ORDERS);
    inner.finish();
    let by = by?;
    let mut effective = json!({ "by": written(&by) });
    for (key, text) in [("name", name), ("share", share)] {
        if let Some(text) = text {
            effective[key] = json!(text.written);
        }
    }
    if let Some(top) = top {
        effective["top"] = json!(top);
    }
    if let Some(order) = &order {
        effective["order"] = json!(order.written);
    }
    let settings = FrequencySettings {
        by: sqls(&by),
        name: name.map_or(COUNT_NAME, |name| &name.text).to_owned(),
        share: share.map(|share| share.text.clone()),
        top,
        order: order.map_or(GroupOrder::Count, |order| order.value),
    };
    Some((TransformKind::Frequency(settings), effective))
}

/// Reads the settings of `count`: `true`, or a table.
pub fn understand_count(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let node = &section.entry("count")?.node;
    match &node.value {
        Value::Boolean(true) => Some((TransformKind::Count(COUNT_NAME.to_owned()), json!(true))),
        Value::Boolean(false) => {
            let problem = Diagnostic::at(node.place.clone(), "`count = false` does nothing");
            section.refuse(problem.with_hint("leave the step out"))
        }
        Value::Table(_) => {
            let table = section.table("count", "`count = { name = \"records\" }`")?;
            let place = Some(table.place);
            let mut inner = Section::new("`count`", place, table.value, section.problems);
            let name = inner.text("name");
            inner.finish();
            let effective = match name {
                Some(name) => json!({ "name": name.written }),
                None => json!({}),
            };
            let name = name.map_or(COUNT_NAME, |name| &name.text).to_owned();
            Some((TransformKind::Count(name), effective))
        }
        _ => {
            let wanted = "`true` or a table such as `count = { name = \"records\" }`";
            section.wrong_kind("count", node, wanted)
        }
    }
}
