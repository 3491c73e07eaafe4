//! `[checkpoint]` as understood.

use super::section::Section;
use super::text::Text;
use super::written::Value;
use super::{Understood, paths, units};
use crate::checkpoint::settings::CheckpointSettings;
use crate::error::Diagnostic;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::Duration;

/// How many complete checkpoints are kept where the job does not say.
const KEEP_DEFAULT: u64 = 3;

/// The most checkpoints to keep: each is a file that every start reads the name of.
const KEEP_MAX: u64 = 1000;

/// Reads `[checkpoint]`; `name` is the job's, for the default directory.
pub fn understand(
    mut section: Section<'_, '_>,
    folder: &Path,
    name: &str,
) -> Understood<CheckpointSettings> {
    let (interval, interval_written) = interval(&mut section).unzip();
    let every_records = section.count("every_records", 1);
    let (every_bytes, every_bytes_written) = section.size("every_bytes", 1).unzip();
    let at_file_end = section.boolean("at_file_end").unwrap_or(false);
    let when = section.text("when");
    let default_directory = format!(".onward/{name}");
    let directory = section.text("directory");
    let directory_written = directory.map_or(default_directory.as_str(), |text| &text.written);
    let directory_text = directory.map_or(default_directory.as_str(), |text| &text.text);
    let keep = keep(&mut section);
    section.finish();
    let effective = json!({
        "interval": interval_written,
        "every_records": every_records,
        "every_bytes": every_bytes_written,
        "at_file_end": at_file_end,
        "when": when.map(|text| &text.written),
        "directory": directory_written,
        "keep": keep,
    });
    let settings = CheckpointSettings {
        directory: paths::resolve(folder, directory_text),
        keep: usize::try_from(keep).expect("at most KEEP_MAX"),
        interval,
        every_records,
        every_bytes,
        at_file_end,
        when: when.map(Text::sql),
    };
    Understood { settings, effective }
}

fn interval(section: &mut Section<'_, '_>) -> Option<(Duration, Json)> {
    let entry = section.entry("interval")?;
    let hint = "write it like \"30s\", \"5m\", \"1h30m\" or \"500ms\"";
    let Value::Text(text) = &entry.node.value else {
        let message = "`interval` in [checkpoint] must be a duration with its unit";
        let problem = Diagnostic::at(entry.node.place.clone(), message)
            .with_label(format!("this is {}", entry.node.value.kind()));
        return section.refuse(match entry.node.value {
            Value::Integer(number) => {
                problem.with_hint(format!("for seconds write `interval = \"{number}s\"`"))
            }
            _ => problem.with_hint(hint),
        });
    };
    match units::duration(&text.text) {
        Some(Duration::ZERO) => {
            let message = "`interval` in [checkpoint] must be longer than nothing";
            section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint))
        }
        Some(interval) => Some((interval, json!(text.written))),
        None => {
            let message = format!("`{}` is no duration", text.text);
            section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint))
        }
    }
}

fn keep(section: &mut Section<'_, '_>) -> u64 {
    let keep = section.count("keep", 1).unwrap_or(KEEP_DEFAULT);
    if keep <= KEEP_MAX {
        return keep;
    }
    if let Some(entry) = section.entry("keep") {
        let message = format!("`keep` in [checkpoint] must be at most {KEEP_MAX}");
        let problem = Diagnostic::at(entry.node.place.clone(), message);
        section.problems.push(problem);
    }
    KEEP_MAX
}
