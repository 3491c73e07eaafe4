//! `[checkpoint]` as understood.

use super::section::Section;
use super::text::Text;
use super::written::Value;
use super::{Understood, paths, units};
use crate::checkpoint::settings::{CheckpointSettings, RequireCopies};
use crate::error::Diagnostic;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many complete checkpoints are kept where the job does not say.
const KEEP_DEFAULT: u64 = 3;

/// How many failures in a row are tolerated where the job does not say.
const FAILURES_TOLERATED: u32 = 2;

/// The most checkpoints to keep: each is a file that every start reads the name of.
const KEEP_MAX: u64 = 1000;

/// Reads `[checkpoint]`; `name` is the job's, for the default directory.
pub fn understand(
    mut section: Section<'_, '_>,
    folder: &Path,
    name: &str,
) -> Understood<CheckpointSettings> {
    let (interval, interval_written) =
        duration(&mut section, "interval", Least::MoreThanNothing).unzip();
    let every_records = section.count("every_records", 1);
    let (every_bytes, every_bytes_written) = section.size("every_bytes", 1).unzip();
    let at_file_end = section.boolean("at_file_end").unwrap_or(false);
    let when = section.text("when");
    let default_directory = format!(".onward/{name}");
    let directory = section.text("directory");
    let directory_written = directory.map_or(default_directory.as_str(), |text| &text.written);
    let directory_text = directory.map_or(default_directory.as_str(), |text| &text.text);
    let keep = keep(&mut section);
    let (min_pause, min_pause_written) =
        duration(&mut section, "min_pause", Least::Nothing).unzip();
    let (timeout, timeout_written) =
        duration(&mut section, "timeout", Least::MoreThanNothing).unzip();
    let (tolerated_failures, tolerated_written) = tolerated_failures(&mut section);
    let (copies, copies_written) =
        copies(&mut section, folder, &paths::resolve(folder, directory_text)).unzip();
    let require_copies = section.boolean("require_copies");
    section.finish();
    let effective = json!({
        "interval": interval_written,
        "every_records": every_records,
        "every_bytes": every_bytes_written,
        "at_file_end": at_file_end,
        "when": when.map(|text| &text.written),
        "directory": directory_written,
        "keep": keep,
        "min_pause": min_pause_written,
        "timeout": timeout_written,
        "tolerated_failures": tolerated_written,
        "copies": copies_written,
        "require_copies": require_copies,
    });
    let settings = CheckpointSettings {
        directory: paths::resolve(folder, directory_text),
        keep: usize::try_from(keep).expect("at most KEEP_MAX"),
        interval,
        every_records,
        every_bytes,
        at_file_end,
        when: when.map(Text::sql),
        min_pause,
        timeout,
        copies: copies.unwrap_or_default(),
        require_copies: match require_copies {
            Some(true) => RequireCopies::Yes,
            Some(false) | None => RequireCopies::No,
        },
        tolerated_failures,
    };
    Understood { settings, effective }
}

/// The shortest duration that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Least {
    Nothing,
    MoreThanNothing,
}

fn duration(
    section: &mut Section<'_, '_>,
    key: &'static str,
    least: Least,
) -> Option<(Duration, Json)> {
    let entry = section.entry(key)?;
    let hint = "write it like \"30s\", \"5m\", \"1h30m\" or \"500ms\"";
    let Value::Text(text) = &entry.node.value else {
        let message = format!("`{key}` in [checkpoint] must be a duration with its unit");
        let problem = Diagnostic::at(entry.node.place.clone(), message)
            .with_label(format!("this is {}", entry.node.value.kind()));
        return section.refuse(match entry.node.value {
            Value::Integer(number) => {
                problem.with_hint(format!("for seconds write `{key} = \"{number}s\"`"))
            }
            _ => problem.with_hint(hint),
        });
    };
    match units::duration(&text.text) {
        Some(Duration::ZERO) if least == Least::MoreThanNothing => {
            let message = format!("`{key}` in [checkpoint] must be longer than nothing");
            section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint))
        }
        Some(duration) => Some((duration, json!(text.written))),
        None => {
            let message = format!("`{}` is no duration", text.text);
            section.refuse(Diagnostic::at(text.place.clone(), message).with_hint(hint))
        }
    }
}

/// How many failures are tolerated; any greater number is as good as without end.
fn tolerated_failures(section: &mut Section<'_, '_>) -> (u32, Option<u64>) {
    let written = section.count("tolerated_failures", 0);
    let number = written.map_or(FAILURES_TOLERATED, |n| u32::try_from(n).unwrap_or(u32::MAX));
    (number, written)
}

/// The folders of copies, each another one than the checkpoints' own.
fn copies(
    section: &mut Section<'_, '_>,
    folder: &Path,
    directory: &Path,
) -> Option<(Vec<PathBuf>, Json)> {
    section.entry("copies")?;
    let texts = section.texts("copies", "name a folder on another disk, or leave it out")?;
    let mut folders = vec![directory.to_path_buf()];
    for text in &texts {
        let path = paths::resolve(folder, &text.text);
        if folders.contains(&path) {
            let message = format!("`{}` is a folder of this job's checkpoints already", text.text);
            return section.refuse(Diagnostic::at(text.place.clone(), message));
        }
        folders.push(path);
    }
    let written: Vec<&String> = texts.iter().map(|text| &text.written).collect();
    Some((folders.split_off(1), json!(written)))
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
