//! The settings of `split`.

use super::{flag, maybe_text, needed, refuse_keys, sqls, word, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::text::Text;
use crate::transform::settings::{Empty, Parts, SplitSettings, Surplus, TransformKind};
use serde_json::{Value as Json, json};

const SURPLUS: &[(&str, Surplus)] =
    &[("reject", Surplus::Reject), ("merge", Surplus::Merge), ("drop", Surplus::Drop)];

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`split = { column = \"tags\", separator = \";\", records = true }`";
    let table = section.table("split", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`split`", place, table.value, section.problems);
    let column = needed(&mut inner, "column", "add the text to take apart: `column = \"tags\"`");
    let separator = match inner.entry("separator") {
        Some(entry) => {
            let place = entry.node.place.clone();
            inner.any_text("separator").and_then(|text| match text.text.is_empty() {
                true => inner.refuse(Diagnostic::at(place, "`separator` in `split` is empty")),
                false => Some(text),
            })
        }
        None => {
            inner.missing("separator", "add what stands between two parts: `separator = \";\"`")
        }
    };
    let records = flag(&mut inner, "records", false);
    let parts = match (inner.entry("into"), records) {
        (_, None) => None,
        (Some(_), _) => columns(&mut inner),
        (None, Some(true)) => self::records(&mut inner),
        (None, Some(false)) => {
            let hint = "add columns, `into = [\"a\", \"b\"]`, or make a record of each part: `records = true`";
            inner.missing("into", hint)
        }
    };
    inner.finish();
    let (column, separator, (parts, effective)) = (column?, separator?, parts?);
    let mut effective = effective;
    effective["column"] = json!(column.written);
    effective["separator"] = json!(separator.written);
    let separator = separator.text.clone();
    let settings = SplitSettings { column: column.sql(), separator, parts };
    Some((TransformKind::Split(settings), effective))
}

fn columns(inner: &mut Section<'_, '_>) -> Option<(Parts, Json)> {
    let names = inner.texts("into", "name at least one column");
    let surplus = word(inner, "surplus", SURPLUS, Surplus::Reject);
    let fits = refuse_keys(inner, &["records", "as", "index", "keep_empty"], "into");
    let (names, surplus, ()) = (names?, surplus?, fits?);
    let known = SURPLUS.iter().find(|(_, value)| *value == surplus);
    let effective = json!({ "into": written(&names), "surplus": known.map(|(word, _)| word) });
    Some((Parts::Columns { names: sqls(&names), surplus }, effective))
}

fn records(inner: &mut Section<'_, '_>) -> Option<(Parts, Json)> {
    let name = maybe_text(inner, "as");
    let index = maybe_text(inner, "index");
    let keep_empty = flag(inner, "keep_empty", false);
    let fits = refuse_keys(inner, &["surplus"], "records");
    let (name, index, keep_empty, ()) = (name?, index?, keep_empty?, fits?);
    let effective = json!({
        "records": true,
        "as": name.map(|name| &name.written),
        "index": index.map(|index| &index.written),
        "keep_empty": keep_empty,
    });
    let parts = Parts::Records {
        name: name.map(Text::sql),
        index: index.map(Text::sql),
        empty: if keep_empty { Empty::Keep } else { Empty::Drop },
    };
    Some((parts, effective))
}
