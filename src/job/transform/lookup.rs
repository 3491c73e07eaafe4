//! The settings of `lookup`, and of the file that it reads.

use super::{sqls, written};
use crate::error::Diagnostic;
use crate::job::format::{self, FormatName};
use crate::job::section::{Placed, Section};
use crate::job::text::Text;
use crate::job::{source, types};
use crate::source::settings::ReferenceSettings;
use crate::transform::settings::{Duplicates, LookupKind, LookupSettings, TransformKind};
use serde_json::{Map, Value as Json, json};

const KINDS: &[(&str, LookupKind)] = &[
    ("left", LookupKind::Left),
    ("inner", LookupKind::Inner),
    ("semi", LookupKind::Semi),
    ("anti", LookupKind::Anti),
];

const DUPLICATES: &[(&str, Duplicates)] =
    &[("error", Duplicates::Error), ("first", Duplicates::First), ("all", Duplicates::All)];

/// The largest file where the job does not say.
const MEMORY: u64 = 256 << 20;

/// The largest file at all: places in it have 32 bits, and so have those in what is computed of it.
const MEMORY_MAX: u64 = 2 << 30;

/// Reads the settings; the file is added to `references`.
pub fn understand(
    section: &mut Section<'_, '_>,
    references: &mut Vec<Placed<ReferenceSettings>>,
) -> Option<(TransformKind, Json)> {
    let example = "`lookup = { from = \"countries.csv\", on = [\"country = code\"] }`";
    let table = section.table("lookup", example)?;
    let place = Some(table.place.clone());
    let mut inner = Section::new("`lookup`", place, table.value, section.problems);
    let from = match inner.entry("from") {
        Some(_) => inner.text("from"),
        None => inner.missing("from", "name the file: `from = \"countries.csv\"`"),
    };
    let on = match inner.entry("on") {
        Some(_) => inner.texts("on", "say what must be equal, such as `country = code`"),
        None => inner.missing("on", "say what must be equal: `on = [\"country = code\"]`"),
    };
    let kind = inner.choice("kind", KINDS);
    let duplicates = inner.choice("duplicates", DUPLICATES);
    let select = match inner.entry("select") {
        Some(_) => inner.texts("select", "leave `select` out to take all columns").map(Some),
        None => Some(None),
    };
    let mut effective = Map::new();
    let reference = from.and_then(|from| file(&mut inner, from, &mut effective));
    let kind_value = kind.as_ref().map_or(LookupKind::Left, |choice| choice.value);
    if let (LookupKind::Semi | LookupKind::Anti, Some(entry)) = (kind_value, inner.entry("select"))
    {
        let message = "a `semi` or `anti` lookup takes nothing from the file";
        let problem = Diagnostic::at(entry.key_place.clone(), message);
        inner.problems.push(problem.with_hint("leave `select` out, or write `kind = \"inner\"`"));
    }
    inner.finish();
    let (from, on, select, reference) = (from?, on?, select?, reference?);
    let kind_written = kind.as_ref().map_or("left", |choice| &choice.written);
    let duplicates_written = duplicates.as_ref().map_or("error", |choice| &choice.written);
    let select_written = select.as_deref().map_or(Json::Null, written);
    for (key, value) in [
        ("from", json!(from.written)),
        ("on", written(&on)),
        ("kind", json!(kind_written)),
        ("duplicates", json!(duplicates_written)),
        ("select", select_written),
    ] {
        effective.insert(key.into(), value);
    }
    let settings = LookupSettings {
        from: (references.len(), from.sql()),
        on: sqls(&on),
        kind: kind_value,
        duplicates: match (kind_value, duplicates) {
            // Nothing is taken from the file, so it does not matter from which record.
            (LookupKind::Semi | LookupKind::Anti, None) => Duplicates::First,
            (_, duplicates) => duplicates.map_or(Duplicates::Error, |choice| choice.value),
        },
        select: select.map(|select| sqls(&select)),
    };
    references.push(Placed { value: reference, place: from.place.clone() });
    Some((TransformKind::Lookup(settings), Json::Object(effective)))
}

/// The file, and how it is to be read.
fn file(
    section: &mut Section<'_, '_>,
    from: &Text,
    effective: &mut Map<String, Json>,
) -> Option<ReferenceSettings> {
    let memory = memory(section);
    let format = format::format(section, &[from]);
    let declared = types::types(section);
    let name = format.as_ref().map_or(FormatName::Csv, |format| format.value);
    let source_format = source::source_format(section, "file", name, effective);
    effective.insert("format".into(), json!(format?.written));
    effective.insert("types".into(), Json::Object(declared.effective));
    Some(ReferenceSettings {
        path: from.text.clone(),
        format: source_format,
        types: declared.types,
        readings: declared.readings,
        memory: memory?,
    })
}

/// No output byte depends on it, so the effective job does not name it.
fn memory(section: &mut Section<'_, '_>) -> Option<u64> {
    let Some(entry) = section.entry("memory") else { return Some(MEMORY) };
    let (memory, _) = section.size("memory", 1)?;
    if memory <= MEMORY_MAX {
        return Some(memory);
    }
    let message = "`memory` in `lookup` must be at most 2GiB";
    section.refuse(Diagnostic::at(entry.node.place.clone(), message))
}
