//! The settings of `fill`.

use super::ttl::ttl;
use super::{flag, needed_list, optional, refuse_keys, sqls, word, written};
use crate::error::Sql;
use crate::job::section::Section;
use crate::job::written::{Node, Value};
use crate::transform::settings::{EmptyText, FillSettings, FillWith, TransformKind, Written};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`fill = { columns = [\"city\"], with = \"down\" }`";
    let table = section.table("fill", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`fill`", place, table.value, section.problems);
    let columns =
        needed_list(&mut inner, "columns", "add the columns to fill: `columns = [\"city\"]`");
    let with = match inner.entry("value") {
        Some(entry) => constant(&mut inner, &entry.node),
        None => down(&mut inner),
    };
    let empty = flag(&mut inner, "empty", false);
    inner.finish();
    let (columns, (with, mut effective), empty) = (columns?, with?, empty?);
    effective["columns"] = written(&columns);
    effective["empty"] = json!(empty);
    let empty = if empty { EmptyText::Missing } else { EmptyText::Value };
    let settings = FillSettings { columns: sqls(&columns), with, empty };
    Some((TransformKind::Fill(settings), effective))
}

fn down(inner: &mut Section<'_, '_>) -> Option<(FillWith, Json)> {
    if inner.entry("with").is_none() {
        let hint =
            "add `with = \"down\"` for the last value before, or a constant: `value = \"unknown\"`";
        return inner.missing("with", hint);
    }
    let with = word(inner, "with", &[("down", ())], ());
    let by = optional(inner, "by", "leave `by` out where all records belong together");
    let ttl = ttl(inner, "fill");
    let ((), by, ttl) = (with?, by?, ttl?);
    let mut effective = json!({ "with": "down", "by": written(&by) });
    let ttl = ttl.map(|ttl| ttl.told(&mut effective));
    Some((FillWith::Down { by: sqls(&by), ttl }, effective))
}

fn constant(inner: &mut Section<'_, '_>, node: &Node) -> Option<(FillWith, Json)> {
    let place = node.place.clone();
    let plain = |text: String| Sql { offsets: vec![place.start; text.len()], text };
    let plain = |text: String| {
        let mut sql = plain(text);
        sql.offsets.push(place.end);
        sql
    };
    let (sql, written, effective) = match &node.value {
        Value::Text(text) => (text.sql(), Written::Text, json!(text.written)),
        Value::Integer(number) => (plain(number.to_string()), Written::Plain, json!(number)),
        Value::Float(number) => (plain(number.clone()), Written::Plain, json!(number)),
        Value::Boolean(value) => (plain(value.to_string()), Written::Plain, json!(value)),
        _ => return inner.wrong_kind("value", node, "a string, a number, true or false"),
    };
    refuse_keys(inner, &["with", "by", "ttl", "time"], "value")?;
    Some((FillWith::Value(sql, written), json!({ "value": effective })))
}
