//! The settings of `top`.

use super::{optional, sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::transform::settings::{TopSettings, TransformKind};
use serde_json::{Value as Json, json};

/// The most records of each key: they are held until the end.
const RECORDS_MAX: u64 = 1_000_000;

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`top = { by = [\"country\"], order = [\"amount DESC\"], n = 3 }`";
    let table = section.table("top", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`top`", place, table.value, section.problems);
    let by = optional(&mut inner, "by", "leave `by` out where all records are of one key");
    let order = match inner.entry("order") {
        Some(_) => inner.texts("order", "add at least one item, such as `amount DESC`"),
        None => inner.missing("order", "say which records come first: `order = [\"amount DESC\"]`"),
    };
    let records = match inner.entry("n") {
        Some(_) => records(&mut inner),
        None => inner.missing("n", "say how many records of each key stay: `n = 3`"),
    };
    inner.finish();
    let (by, order, records) = (by?, order?, records?);
    let effective = json!({ "by": written(&by), "order": written(&order), "n": records });
    let records = usize::try_from(records).expect("at most RECORDS_MAX");
    let settings = TopSettings { by: sqls(&by), order: sqls(&order), records };
    Some((TransformKind::Top(settings), effective))
}

fn records(section: &mut Section<'_, '_>) -> Option<u64> {
    let records = section.count("n", 1)?;
    if records <= RECORDS_MAX {
        return Some(records);
    }
    let place = section.entry("n")?.node.place.clone();
    let message = format!("`n` in `top` must be at most {RECORDS_MAX}");
    let hint = "to put all records in order, write a `sort`";
    section.refuse(Diagnostic::at(place, message).with_hint(hint))
}
