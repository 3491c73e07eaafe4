//! The settings of `unnest`.

use super::{flag, maybe_text, needed};
use crate::job::section::Section;
use crate::job::text::Text;
use crate::transform::settings::{Empty, TransformKind, UnnestSettings};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("unnest", "`unnest = { column = \"items\" }`")?;
    let place = Some(table.place);
    let mut inner = Section::new("`unnest`", place, table.value, section.problems);
    let column = needed(&mut inner, "column", "add the list to take apart: `column = \"items\"`");
    let name = maybe_text(&mut inner, "as");
    let index = maybe_text(&mut inner, "index");
    let keep_empty = flag(&mut inner, "keep_empty", false);
    inner.finish();
    let (column, name, index, keep_empty) = (column?, name?, index?, keep_empty?);
    let effective = json!({
        "column": column.written,
        "as": name.map(|name| &name.written),
        "index": index.map(|index| &index.written),
        "keep_empty": keep_empty,
    });
    let settings = UnnestSettings {
        column: column.sql(),
        name: name.map(Text::sql),
        index: index.map(Text::sql),
        empty: if keep_empty { Empty::Keep } else { Empty::Drop },
    };
    Some((TransformKind::Unnest(settings), effective))
}
