//! Stretches of event time: durations as the job file writes them, in microseconds.

use crate::error::Diagnostic;
use crate::job::section::Section;
use crate::job::units;
use crate::job::written::Value;
use serde_json::{Value as Json, json};

/// The longest stretch: all of the calendar.
const DAYS_MAX: i64 = 10_000 * 366;

/// What is the shortest stretch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// None at all.
    Nothing,
    /// It must last.
    Something,
}

/// A duration with its unit; `None` where it is missing or wrong.
pub fn stretch(
    section: &mut Section<'_, '_>,
    name: &str,
    key: &'static str,
    least: Least,
) -> Option<(i64, Json)> {
    let entry = section.entry(key)?;
    let hint = "write it like \"30s\", \"5m\", \"1h30m\" or \"7d\"";
    let Value::Text(text) = &entry.node.value else {
        let message = format!("`{key}` in `{name}` must be a duration with its unit");
        let problem = Diagnostic::at(entry.node.place.clone(), message)
            .with_label(format!("this is {}", entry.node.value.kind()));
        return section.refuse(match entry.node.value {
            Value::Integer(number) => {
                problem.with_hint(format!("for seconds write `{key} = \"{number}s\"`"))
            }
            _ => problem.with_hint(hint),
        });
    };
    let Some(duration) = units::duration(&text.text) else {
        let message = format!("`{}` is no duration", text.text);
        return section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint));
    };
    if duration.is_zero() && least == Least::Something {
        let message = format!("`{key}` in `{name}` must be longer than nothing");
        return section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint));
    }
    let most = DAYS_MAX * 86_400_000_000;
    match i64::try_from(duration.as_micros()) {
        Ok(micros) if micros <= most => Some((micros, json!(text.written))),
        _ => {
            let message = format!("`{key}` in `{name}` is longer than the calendar");
            section.refuse(Diagnostic::at(text.place.clone(), message))
        }
    }
}
