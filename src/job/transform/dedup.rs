//! The settings of `dedup`.

use super::ttl::ttl;
use super::{optional, sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::text::Text;
use crate::transform::settings::{DedupSettings, Keep, TransformKind};
use serde_json::{Value as Json, json};

/// How `keep` is written.
const KEEPS: &[(&str, Keep)] = &[("first", Keep::First), ("last", Keep::Last)];

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("dedup", "`dedup = { key = [\"order_id\"] }`")?;
    let place = table.place;
    let mut inner = Section::new("`dedup`", Some(place.clone()), table.value, section.problems);
    let key = optional(&mut inner, "key", "leave `key` out to compare whole records");
    let given = inner.entry("keep").is_some();
    let keep = inner.choice("keep", KEEPS);
    let mark_given = inner.entry("mark").is_some();
    let mark = inner.text("mark");
    let ttl = ttl(&mut inner, "dedup");
    inner.finish();
    if (given && keep.is_none()) || (mark_given && mark.is_none()) {
        return None;
    }
    let key = key?;
    let (keep, keep_written) =
        keep.map_or((Keep::First, "first".to_owned()), |keep| (keep.value, keep.written));
    let ttl = ttl?;
    if keep == Keep::Last && ttl.is_some() {
        let message = "with `keep = \"last\"` each key is remembered until the input has ended";
        let problem = Diagnostic::at(place, message)
            .with_hint("leave out `ttl`, or `keep`: then the first record of a key is kept");
        return section.refuse(problem);
    }
    let mut effective = json!({
        "key": written(&key),
        "keep": keep_written,
        "mark": mark.map(|mark| &mark.written),
    });
    let ttl = ttl.map(|ttl| ttl.told(&mut effective));
    let settings = DedupSettings { key: sqls(&key), keep, mark: mark.map(Text::sql), ttl, place };
    Some((TransformKind::Dedup(settings), effective))
}
