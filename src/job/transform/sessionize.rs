//! The settings of `sessionize`.

use super::stretch::{Least, stretch};
use super::{column_name, optional, sqls, written};
use crate::job::section::Section;
use crate::job::text::Text;
use crate::transform::settings::{SessionizeSettings, TransformKind};
use serde_json::{Value as Json, json};

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let example = "`sessionize = { by = [\"user\"], time = \"clicked_at\", gap = \"30m\" }`";
    let table = section.table("sessionize", example)?;
    let place = table.place;
    let mut inner =
        Section::new("`sessionize`", Some(place.clone()), table.value, section.problems);
    let by = optional(&mut inner, "by", "leave `by` out where all records are of one key");
    let time = match inner.entry("time") {
        Some(_) => inner.text("time"),
        None => inner.missing("time", "say when it happened: `time = \"clicked_at\"`"),
    };
    let gap = match inner.entry("gap") {
        Some(_) => stretch(&mut inner, "sessionize", "gap", Least::Something),
        None => inner.missing("gap", "say which break ends a session: `gap = \"30m\"`"),
    };
    let number = column_name(&mut inner, "as", "session", &place);
    let start_is_given = inner.entry("start").is_some();
    let start = inner.text("start");
    inner.finish();
    if start_is_given && start.is_none() {
        return None;
    }
    let (by, time, (gap_micros, gap), (number, number_written)) = (by?, time?, gap?, number?);
    let effective = json!({
        "by": written(&by),
        "time": time.written,
        "gap": gap,
        "as": number_written,
        "start": start.map(|start| &start.written),
    });
    let start = start.map(Text::sql);
    let (by, time) = (sqls(&by), time.sql());
    let settings = SessionizeSettings { by, time, gap_micros, number, start };
    Some((TransformKind::Sessionize(settings), effective))
}
