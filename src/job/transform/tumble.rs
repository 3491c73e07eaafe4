//! The settings of `tumble`.

use super::stretch::{Least, stretch};
use super::{column_name, optional, sqls, written};
use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::text::Text;
use crate::transform::settings::{Late, TransformKind, TumbleSettings, Windows};
use serde_json::{Value as Json, json};
use std::ops::Range;

/// How `late` is written.
const LATES: &[(&str, Late)] = &[("reject", Late::Reject), ("drop", Late::Drop)];

const EXAMPLE: &str =
    "`tumble = { by = [\"sensor\"], time = \"at\", size = \"1h\", select = [\"count(*) AS n\"] }`";

/// Reads the settings.
pub fn understand(section: &mut Section<'_, '_>) -> Option<(TransformKind, Json)> {
    let table = section.table("tumble", EXAMPLE)?;
    let place = table.place;
    let mut inner = Section::new("`tumble`", Some(place.clone()), table.value, section.problems);
    let by = optional(&mut inner, "by", "leave `by` out for one record per window");
    let time = match inner.entry("time") {
        Some(_) => inner.text("time"),
        None => inner.missing("time", "say when it happened: `time = \"at\"`"),
    };
    let size = match inner.entry("size") {
        Some(_) => stretch(&mut inner, "tumble", "size", Least::Something),
        None => inner.missing("size", "say how long a window is: `size = \"1h\"`"),
    };
    let offset = optional_stretch(&mut inner, "offset");
    let lateness = optional_stretch(&mut inner, "lateness");
    let select = match inner.entry("select") {
        Some(_) => inner.texts("select", "add at least one item, such as `count(*) AS records`"),
        None => {
            inner.missing("select", "add what to compute: `select = [\"count(*) AS records\"]`")
        }
    };
    let having_is_given = inner.entry("having").is_some();
    let having = inner.text("having");
    let names = names(&mut inner, &place);
    let late_is_given = inner.entry("late").is_some();
    let late = inner.choice("late", LATES);
    inner.finish();
    if (having_is_given && having.is_none()) || (late_is_given && late.is_none()) {
        return None;
    }
    let (by, time, select) = (by?, time?, select?);
    let ((size, size_written), (offset, offset_written)) = (size?, offset?);
    let ((lateness, lateness_written), (names, names_written)) = (lateness?, names?);
    let (late, late_written) =
        late.map_or((Late::Reject, "reject".to_owned()), |late| (late.value, late.written));
    let effective = json!({
        "by": written(&by),
        "time": time.written,
        "size": size_written,
        "offset": offset_written,
        "lateness": lateness_written,
        "select": written(&select),
        "having": having.map(|having| &having.written),
        "as": names_written,
        "late": late_written,
    });
    let settings = TumbleSettings {
        by: sqls(&by),
        time: time.sql(),
        select: sqls(&select),
        having: having.map(Text::sql),
        windows: Windows { size, offset, lateness },
        names,
        late,
    };
    Some((TransformKind::Tumble(settings), effective))
}

fn optional_stretch(section: &mut Section<'_, '_>, key: &'static str) -> Option<(i64, Json)> {
    match section.entry(key) {
        Some(_) => stretch(section, "tumble", key, Least::Nothing),
        None => Some((0, json!("0s"))),
    }
}

/// The names of the columns with the window's start and end.
fn names(
    section: &mut Section<'_, '_>,
    place: &Range<usize>,
) -> Option<([crate::error::Sql; 2], Json)> {
    if section.entry("as").is_none() {
        let (start, start_written) = column_name(section, "as", "window_start", place)?;
        let (end, end_written) = column_name(section, "as", "window_end", place)?;
        return Some(([start, end], json!([start_written, end_written])));
    }
    let texts = section.texts("as", "name the columns with the window's start and end")?;
    let [start, end] = *texts else {
        let list = section.entry("as")?.node.place.clone();
        let message = "`as` in `tumble` must be two names: of the window's start, and of its end";
        let hint = "write it like `as = [\"window_start\", \"window_end\"]`";
        return section.refuse(Diagnostic::at(list, message).with_hint(hint));
    };
    Some(([start.sql(), end.sql()], json!([start.written, end.written])))
}
