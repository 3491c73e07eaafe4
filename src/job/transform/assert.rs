//! The settings of `assert`.

use super::{maybe_text, needed, word};
use crate::job::section::Section;
use crate::transform::settings::{AssertNull, AssertOtherwise, AssertSettings, TransformKind};
use serde_json::{Value as Json, json};

const OTHERWISE: &[(&str, AssertOtherwise)] = &[
    ("fail", AssertOtherwise::Fail),
    ("reject", AssertOtherwise::Reject),
    ("warn", AssertOtherwise::Warn),
];

const NULL: &[(&str, AssertNull)] =
    &[("passes", AssertNull::Passes), ("violates", AssertNull::Violates)];

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("assert", "`assert = { that = \"amount >= 0\" }`")?;
    let place = Some(table.place);
    let mut inner = Section::new("`assert`", place, table.value, section.problems);
    let that = needed(&mut inner, "that", "add what must hold: `that = \"amount >= 0\"`");
    let message = maybe_text(&mut inner, "message");
    let otherwise = word(&mut inner, "otherwise", OTHERWISE, AssertOtherwise::Fail);
    let null = word(&mut inner, "null", NULL, AssertNull::Passes);
    inner.finish();
    let (that, message, otherwise, null) = (that?, message?, otherwise?, null?);
    let effective = json!({
        "that": that.written,
        "message": message.map(|message| &message.written),
        "otherwise": OTHERWISE.iter().find(|(_, value)| *value == otherwise).map(|(word, _)| word),
        "null": NULL.iter().find(|(_, value)| *value == null).map(|(word, _)| word),
    });
    let message = message.map(|message| message.text.clone());
    let settings = AssertSettings { that: that.sql(), message, otherwise, null };
    Some((TransformKind::Assert(settings), effective))
}
