//! The settings of `aggregate`.

use super::{optional, sqls, written};
use crate::job::section::Section;
use crate::transform::settings::{AggregateSettings, TransformKind};
use serde_json::{Value as Json, json};

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
    inner.finish();
    let (by, select) = (by?, select?);
    let effective = json!({ "by": written(&by), "select": written(&select) });
    let settings = AggregateSettings { by: sqls(&by), select: sqls(&select) };
    Some((TransformKind::Aggregate(settings), effective))
}
