//! The settings of `sample`.

use super::{maybe, optional, refuse_keys, sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::written::{Node, Value};
use crate::record::text::parse_decimal;
use crate::transform::settings::{SampleSettings, Share, TransformKind};
use serde_json::{Value as Json, json};

/// Digits of a fraction behind its point.
const SCALE: u8 = 18;

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("sample", "`sample = { every = 10 }`")?;
    let place = Some(table.place);
    let mut inner = Section::new("`sample`", place, table.value, section.problems);
    let read = match (inner.entry("every"), inner.entry("fraction")) {
        (Some(_), _) => every(&mut inner),
        (None, Some(entry)) => fraction(&mut inner, &entry.node),
        (None, None) => {
            let hint = "add `every = 10`, or `fraction = 0.1`";
            inner.missing("every", hint)
        }
    };
    inner.finish();
    let (settings, effective) = read?;
    Some((TransformKind::Sample(settings), effective))
}

fn every(inner: &mut Section<'_, '_>) -> Option<(SampleSettings, Json)> {
    let every = inner.count("every", 1);
    let offset = maybe(inner, "offset", |inner| inner.count("offset", 0));
    let fits = refuse_keys(inner, &["fraction", "key", "seed"], "every");
    let (every, offset, ()) = (every?, offset?.unwrap_or(0), fits?);
    Some((SampleSettings::Every { every, offset }, json!({ "every": every, "offset": offset })))
}

fn fraction(inner: &mut Section<'_, '_>, node: &Node) -> Option<(SampleSettings, Json)> {
    let share = match units(node) {
        Some(units) => Some(units),
        None => {
            let problem = Diagnostic::at(
                node.place.clone(),
                "`fraction` in `sample` must be a number from 0 to 1",
            );
            inner.refuse(problem.with_hint("write it like `fraction = 0.1`, or `\"10%\"`"))
        }
    };
    let key = optional(inner, "key", "leave `key` out to choose by the record's number");
    let seed = maybe(inner, "seed", |inner| {
        inner.any_text("seed").map(|seed| (seed.text.clone(), seed.written.clone()))
    });
    let fits = refuse_keys(inner, &["offset"], "fraction");
    let (share, key, seed, ()) = (share?, key?, seed?.unwrap_or_default(), fits?);
    // In one spelling: `0.1` and `"10%"` are the same.
    let mut effective = json!({ "fraction": decimal(share), "key": written(&key) });
    effective["seed"] = json!(seed.1);
    let (share, seed) = (Share::of_units(share), seed.0);
    Some((SampleSettings::Fraction { share, key: sqls(&key), seed }, effective))
}

/// A number from 0 to 1 in units of 10^-18.
fn units(node: &Node) -> Option<u64> {
    let (number, scale) = match &node.value {
        Value::Integer(number) => (number.to_string(), SCALE),
        Value::Float(number) => (number.clone(), SCALE),
        Value::Text(text) => match text.text.strip_suffix('%') {
            Some(percent) => (percent.trim().to_owned(), SCALE - 2),
            None => (text.text.clone(), SCALE),
        },
        _ => return None,
    };
    let units = parse_decimal(number.as_bytes(), SCALE + 3, scale)?;
    u64::try_from(units).ok().filter(|units| *units <= 1_000_000_000_000_000_000)
}

/// Units of 10^-18 as a number.
fn decimal(units: u64) -> String {
    const UNIT: u64 = 1_000_000_000_000_000_000;
    format!("{}.{:018}", units / UNIT, units % UNIT)
}
