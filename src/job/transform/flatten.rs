//! The settings of `flatten` and `unflatten`.

use super::{maybe_text, optional, sqls, written};
use crate::job::section::Section;
use crate::transform::settings::{FlattenSettings, TransformKind};
use serde_json::{Value as Json, json};

/// Reads the settings of `flatten`.
pub fn flatten(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("flatten", "`flatten = { columns = [\"user\"] }`")?;
    let place = Some(table.place);
    let inner = Section::new("`flatten`", place, table.value, section.problems);
    let (settings, effective) = understand(inner, "leave `columns` out to flatten all objects")?;
    Some((TransformKind::Flatten(settings), effective))
}

/// Reads the settings of `unflatten`.
pub fn unflatten(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("unflatten", "`unflatten = { columns = [\"user\"] }`")?;
    let place = Some(table.place);
    let inner = Section::new("`unflatten`", place, table.value, section.problems);
    let (settings, effective) = understand(inner, "leave `columns` out to take all such keys")?;
    Some((TransformKind::Unflatten(settings), effective))
}

fn understand(
    mut inner: Section<'_, '_>,
    instead_of_empty: &str,
) -> Option<(FlattenSettings, Json)> {
    let columns = optional(&mut inner, "columns", instead_of_empty);
    let separator = maybe_text(&mut inner, "separator");
    inner.finish();
    let (columns, separator) = (columns?, separator?);
    let word = separator.map_or(".", |separator| &separator.written);
    let effective = json!({ "columns": written(&columns), "separator": word });
    let separator = separator.map_or(".", |separator| &separator.text).to_owned();
    Some((FlattenSettings { columns: sqls(&columns), separator }, effective))
}
