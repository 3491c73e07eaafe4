//! The settings of `sort`.

use super::{sqls, written};
use crate::job::section::Section;
use crate::transform::settings::{SortSettings, TransformKind};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("sort", "`sort = { by = [\"day\", \"amount DESC\"] }`")?;
    let place = Some(table.place);
    let mut inner = Section::new("`sort`", place, table.value, section.problems);
    let by = match inner.entry("by") {
        Some(_) => inner.texts("by", "name at least one column to sort by"),
        None => inner.missing("by", "add what to sort by: `by = [\"day\", \"amount DESC\"]`"),
    };
    let memory = match inner.entry("memory") {
        Some(_) => inner
            .size("memory", SortSettings::MEMORY_MIN)
            .map(|(memory, json)| (Some(memory), json)),
        None => Some((None, Json::Null)),
    };
    inner.finish();
    let (by, (memory, memory_written)) = (by?, memory?);
    let effective = json!({ "by": written(&by), "memory": memory_written });
    Some((TransformKind::Sort(SortSettings { by: sqls(&by), memory }), effective))
}
