//! The settings of `window`.

use super::ttl::ttl;
use super::{optional, sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::units;
use crate::job::written::Value;
use crate::transform::settings::{
    TransformKind, WINDOW_MEMORY_BYTES, WINDOW_MEMORY_BYTES_MAX, WindowSettings,
};
use serde_json::{Value as Json, json};

/// Reads the settings. How much memory there is does not change what comes out: it is no part of the effective job.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`window = { by = [\"user\"], compute = [\"row_number() AS n\"] }`";
    let table = section.table("window", example)?;
    let place = Some(table.place);
    let mut inner = Section::new("`window`", place, table.value, section.problems);
    let by = optional(&mut inner, "by", "leave `by` out where all records are of one key");
    let compute = match inner.entry("compute") {
        Some(_) => inner.texts("compute", "add at least one item, such as `row_number() AS n`"),
        None => {
            inner.missing("compute", "add what to compute: `compute = [\"row_number() AS n\"]`")
        }
    };
    let memory_bytes = memory(&mut inner);
    let ttl = ttl(&mut inner, "window");
    inner.finish();
    let (by, compute, memory_bytes, ttl) = (by?, compute?, memory_bytes?, ttl?);
    let mut effective = json!({ "by": written(&by), "compute": written(&compute) });
    let ttl = ttl.map(|ttl| ttl.told(&mut effective));
    let settings = WindowSettings { by: sqls(&by), compute: sqls(&compute), memory_bytes, ttl };
    Some((TransformKind::Window(settings), effective))
}

fn memory(section: &mut Section<'_, '_>) -> Option<u64> {
    let Some(entry) = section.entry("memory") else { return Some(WINDOW_MEMORY_BYTES) };
    let hint = "write it like \"64MiB\" or \"512MiB\"";
    let Value::Text(text) = &entry.node.value else {
        return section.wrong_kind("memory", &entry.node, "a number of bytes such as \"512MiB\"");
    };
    match units::size(&text.text) {
        Some(bytes) if bytes <= WINDOW_MEMORY_BYTES_MAX => Some(bytes),
        Some(_) => {
            let most = WINDOW_MEMORY_BYTES_MAX >> 20;
            let message = format!("`memory` in `window` must be at most {most}MiB");
            section.refuse(Diagnostic::at(text.place.clone(), message))
        }
        None => {
            let message = format!("`{}` is no number of bytes", text.text);
            section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint))
        }
    }
}
