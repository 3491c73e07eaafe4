//! The settings of `dedup`.

use super::{optional, sqls, written};
use crate::job::section::Section;
use crate::transform::settings::{DedupSettings, TransformKind};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("dedup", "`dedup = { key = [\"order_id\"] }`")?;
    let place = Some(table.place);
    let mut inner = Section::new("`dedup`", place, table.value, section.problems);
    let key = optional(&mut inner, "key", "leave `key` out to compare whole records");
    inner.finish();
    let key = key?;
    let effective = json!({ "key": written(&key) });
    Some((TransformKind::Dedup(DedupSettings { key: sqls(&key) }), effective))
}
