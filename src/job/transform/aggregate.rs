//! The settings of `aggregate`.

use super::{optional, sqls, written};
use crate::job::section::Section;
use crate::job::text::Text;
use crate::transform::settings::{AggregateSettings, GroupOrder, TransformKind};
use serde_json::{Value as Json, json};

/// The orders in which groups can come.
pub const ORDERS: &[(&str, GroupOrder)] =
    &[("first_seen", GroupOrder::FirstSeen), ("key", GroupOrder::Key)];

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`aggregate = { by = [\"day\"], select = [\"count(*) AS records\"] }`";
    let table = section.table("aggregate", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`aggregate`", place, table.value, section.problems);
    let by = optional(&mut inner, "by", "leave `by` out for one group of everything");
    let select = match inner.entry("select") {
        Some(_) => inner.texts("select", "add at least one item, such as `count(*) AS records`"),
        None => {
            inner.missing("select", "add what to compute: `select = [\"count(*) AS records\"]`")
        }
    };
    let having = inner.text("having");
    let order = inner.choice("order", ORDERS);
    inner.finish();
    let (by, select) = (by?, select?);
    let mut effective = json!({ "by": written(&by), "select": written(&select) });
    // What was not said is not in the effective job, so that jobs of before still are the same.
    if let Some(having) = having {
        effective["having"] = json!(having.written);
    }
    if let Some(order) = &order {
        effective["order"] = json!(order.written);
    }
    let order = order.map_or(GroupOrder::FirstSeen, |order| order.value);
    let (by, select) = (sqls(&by), sqls(&select));
    let settings = AggregateSettings { by, select, having: having.map(Text::sql), order };
    Some((TransformKind::Aggregate(settings), effective))
}
