//! The settings of `unpivot`.

use super::{flag, needed, needed_list, sqls, written};
use crate::job::section::Section;
use crate::transform::settings::{Empty, TransformKind, UnpivotSettings};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example =
        "`unpivot = { columns = [\"jan\", \"feb\"], name = \"month\", value = \"amount\" }`";
    let table = section.table("unpivot", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`unpivot`", place, table.value, section.problems);
    let hint = "add the columns to make records of: `columns = [\"jan\", \"feb\"]`";
    let columns = needed_list(&mut inner, "columns", hint);
    let hint = "add the name of the column for their names: `name = \"month\"`";
    let name = needed(&mut inner, "name", hint);
    let hint = "add the name of the column for their values: `value = \"amount\"`";
    let value = needed(&mut inner, "value", hint);
    let keep_nulls = flag(&mut inner, "keep_nulls", false);
    inner.finish();
    let (columns, name, value, keep_nulls) = (columns?, name?, value?, keep_nulls?);
    let effective = json!({
        "columns": written(&columns),
        "name": name.written,
        "value": value.written,
        "keep_nulls": keep_nulls,
    });
    let settings = UnpivotSettings {
        columns: sqls(&columns),
        name: name.sql(),
        value: value.sql(),
        nulls: if keep_nulls { Empty::Keep } else { Empty::Drop },
    };
    Some((TransformKind::Unpivot(settings), effective))
}
