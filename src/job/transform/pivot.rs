//! The settings of `pivot`.

use super::aggregate::ORDERS;
use super::{optional, sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::transform::settings::{GroupOrder, PivotSettings, TransformKind};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`pivot = { by = [\"day\"], on = \"country\", columns = [\"DE\", \"FR\"], \
                   values = [\"sum(amount)\"] }`";
    let table = section.table("pivot", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`pivot`", place, table.value, section.problems);
    let by = optional(&mut inner, "by", "leave `by` out for one group of everything");
    let on = match inner.entry("on") {
        Some(_) => inner.text("on"),
        None => inner.missing("on", "name what becomes columns: `on = \"country\"`"),
    };
    let columns = match inner.entry("columns") {
        Some(_) => inner.texts("columns", "name at least one value"),
        None => {
            let hint = "name the values that become columns: `columns = [\"DE\", \"FR\"]`";
            inner.missing("columns", hint)
        }
    };
    let values = match inner.entry("values") {
        Some(_) => inner.texts("values", "add at least one item, such as `sum(amount)`"),
        None => inner.missing("values", "add what to compute: `values = [\"sum(amount)\"]`"),
    };
    let order = inner.choice("order", ORDERS);
    for (index, column) in columns.iter().flatten().enumerate() {
        let before = columns.iter().flatten().take(index);
        if before.into_iter().any(|other| other.text == column.text) {
            let message = format!("`{}` is named twice in `columns`", column.text);
            let problem = Diagnostic::at(column.place.clone(), message);
            inner.problems.push(problem.with_hint("leave one of them out"));
        }
    }
    inner.finish();
    let (by, on, columns, values) = (by?, on?, columns?, values?);
    let mut effective = json!({
        "by": written(&by),
        "on": on.written,
        "columns": written(&columns),
        "values": written(&values),
    });
    if let Some(order) = &order {
        effective["order"] = json!(order.written);
    }
    let settings = PivotSettings {
        by: sqls(&by),
        on: on.sql(),
        columns: columns.iter().map(|column| column.text.clone()).collect(),
        values: sqls(&values),
        order: order.map_or(GroupOrder::FirstSeen, |order| order.value),
    };
    Some((TransformKind::Pivot(settings), effective))
}
