//! The job file as written -> as understood.
//!
//! [`load`] reads the text into a tree that knows where everything stands (`written`), and the tree into settings
//! (`source`, `transform`, `output`, `checkpoint`), collecting every problem on the way. Expressions are only kept here,
//! with the place of each of their bytes; they are bound when the inputs' columns are known. [`diff`] tells what a change
//! of the job means for its checkpoints.
//!
//! Invariants:
//! - a [`Job`] is wholly valid in form; nobody looks at the TOML again;
//! - [`Job::effective`] names every setting, defaults too, and holds no value of an environment variable.

mod checkpoint;

pub mod diff;

mod document;

mod format;

mod former;

mod growing;

mod output;

mod paths;

mod redirect;

pub mod relocate;

mod section;

mod sinks;

mod source;

mod state;

mod text;

mod transform;

mod types;

mod units;

mod written;

pub use crate::expr::closest;
pub use document::{Document, Line, LineOrigin};
pub use former::{Variables, former_steps};
pub use output::{SinkSettings, Wanted};
pub use units::{duration, size};

use crate::checkpoint::settings::CheckpointSettings;
use crate::error::Diagnostic;
use crate::sink::settings::{RejectSettings, Target};
use crate::source::settings::{ReferenceSettings, SourceSettings};
use crate::transform::settings::{StateSettings, TransformSettings};
use section::{Placed, Section};
use serde_json::{Value as Json, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use text::{EnvironmentUse, Text};
use written::Table;

/// The longest name of a job or step: it becomes part of file names.
const NAME_BYTES_MAX: usize = 100;

/// The kinds of steps, as a job file names them.
pub fn step_kinds() -> &'static [&'static str] {
    transform::KINDS
}

/// A job, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// As given, or else the stem of the file's name.
    pub name: String,
    /// What relative paths count from: the job file's folder, `.` where the file was named without one.
    pub folder: PathBuf,
    /// `[source]`
    pub source: SourceSettings,
    /// `[[transform]]`, in order.
    pub transforms: Vec<TransformSettings>,
    /// The files that steps look things up in.
    pub references: Vec<ReferenceSettings>,
    /// `[sink]`, or each `[[sink]]`, in order; at least one.
    pub sinks: Vec<SinkSettings>,
    /// `[rejects]`
    pub rejects: RejectSettings,
    /// `[checkpoint]`
    pub checkpoint: CheckpointSettings,
    /// `[state]`
    pub state: StateSettings,
    /// Every setting with its value, in a stable order: what is stored and compared.
    pub effective: Json,
    /// Where things stand that may turn out wrong later.
    pub places: Places,
    /// What its variables of the environment are.
    pub variables: Variables,
}

impl Job {
    /// Whether its records go to standard output: such a run cannot be resumed.
    pub fn is_to_stdout(&self) -> bool {
        self.sinks.iter().any(|sink| sink.target == Target::Stdout)
    }
}

/// Byte ranges in the [`Document`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Each of [`SourceSettings::paths`].
    pub source_paths: Vec<Range<usize>>,
    /// The name of each of [`SourceSettings::types`].
    pub types: Vec<Range<usize>>,
    /// The header of each of [`Job::transforms`].
    pub transforms: Vec<Range<usize>>,
    /// Each sink's path.
    pub sink_paths: Vec<Option<Range<usize>>>,
    /// The rejects' path.
    pub rejects_path: Option<Range<usize>>,
}

/// A part of the job, and what the effective job says of it.
#[derive(Debug, Clone, PartialEq)]
struct Understood<T> {
    settings: T,
    effective: Json,
}

/// Reads a job: `text` is what `file` holds, `overrides` are the `--set key=value` of the command line.
///
/// # Errors
/// All problems at once, in the order of the [`Document`].
pub fn load(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    overrides: &[(String, String)],
) -> Result<Job, Flawed> {
    let document = Document::new(text, overrides);
    let mut problems = Vec::new();
    let mut used = EnvironmentUse::new();
    let root = written::read(&document, text.len(), environment, &mut used, &mut problems);
    let job = root.and_then(|root| understand(&root, file, &used, &mut problems));
    let value = |name: &String| Some((name.clone(), environment(name)?));
    let variables = Variables(used.keys().filter_map(value).collect());
    match job.map(|job| Job { variables, ..job }) {
        Some(job) if problems.is_empty() => Ok(job),
        sound => {
            sort_by_place(&mut problems);
            Err(Flawed { problems, sound: sound.map(Box::new) })
        }
    }
}

/// Puts problems into the order of the [`Document`]; those without a place come last.
pub fn sort_by_place(problems: &mut [Diagnostic]) {
    let place = |problem: &Diagnostic| problem.place.as_ref().map(|place| place.start);
    problems.sort_by_key(|problem| (place(problem).is_none(), place(problem)));
}

/// What is wrong with the form of a job.
#[derive(Debug)]
pub struct Flawed {
    /// All problems at once, in the order of the [`Document`].
    pub problems: Vec<Diagnostic>,
    /// The job without its steps from the first bad one on: its expressions may be wrong, too. `None` where more
    /// than steps is bad.
    pub sound: Option<Box<Job>>,
}

/// The parts of a job file, each understood for itself.
struct Parts {
    name: Option<Understood<String>>,
    source: Option<source::SourceUnderstood>,
    steps: transform::Steps,
    references: Vec<Placed<ReferenceSettings>>,
    sinks: Option<sinks::Sinks>,
    rejects: output::OutputUnderstood<RejectSettings>,
    checkpoint: Understood<CheckpointSettings>,
    state: Understood<StateSettings>,
}

fn understand(
    root: &Table,
    file: &Path,
    used: &EnvironmentUse,
    problems: &mut Vec<Diagnostic>,
) -> Option<Job> {
    let folder = folder_of(file);
    let parts = parts(root, file, &folder, problems);
    check_paths(&parts, &folder, file, problems);
    growing::check(&parts, problems);
    let (name, source, sinks) = (parts.name?, parts.source?, parts.sinks?);
    let mut steps = parts.steps.list;
    steps.truncate(parts.steps.sound);
    let effective = json!({
        "name": name.effective,
        "source": source.understood.effective,
        "transform": steps.iter().map(|step| &step.understood.effective).collect::<Vec<_>>(),
        "sink": sinks::effective(&sinks),
        "rejects": parts.rejects.understood.effective,
        "checkpoint": parts.checkpoint.effective,
        "state": parts.state.effective,
        "environment": used,
    });
    let places = Places {
        source_paths: source.path_places,
        types: source.type_places,
        transforms: steps.iter().map(|step| step.place.clone()).collect(),
        sink_paths: sinks.iter().map(|sink| sink.sink.path_place.clone()).collect(),
        rejects_path: parts.rejects.path_place,
    };
    let settings = |step: transform::Step| step.understood.settings;
    Some(Job {
        name: name.settings,
        folder,
        source: source.understood.settings,
        transforms: steps.into_iter().map(settings).collect(),
        references: parts.references.into_iter().map(|reference| reference.value).collect(),
        sinks: sinks.into_iter().map(|sink| sink.sink.understood.settings).collect(),
        rejects: parts.rejects.understood.settings,
        checkpoint: parts.checkpoint.settings,
        state: parts.state.settings,
        effective,
        places,
        variables: Variables::default(),
    })
}

fn parts(root: &Table, file: &Path, folder: &Path, problems: &mut Vec<Diagnostic>) -> Parts {
    let mut top = Section::new("the job file", None, root, problems);
    let name = name(&mut top, file);
    let source = table(&mut top, "source", Some("`path = \"orders.csv\"`"));
    let transforms = top.entry("transform").map(|entry| &entry.node);
    let sinks = top.entry("sink").map(|entry| &entry.node);
    let rejects = table(&mut top, "rejects", None);
    let checkpoint = table(&mut top, "checkpoint", None);
    let state = table(&mut top, "state", None);
    top.finish();

    let source = source.and_then(|table| {
        let section = Section::new("[source]", Some(table.place), table.value, problems);
        source::understand(section)
    });
    let mut references = Vec::new();
    let steps = transform::understand(transforms, &mut references, problems);
    let sinks = sinks::understand(sinks, folder, problems);
    let empty = Table::default();
    let rejects = rejects.map_or(&empty, |table| table.value);
    let rejects = output::rejects(Section::new("[rejects]", None, rejects, problems), folder);
    let checkpoint = checkpoint.map_or(&empty, |table| table.value);
    let section = Section::new("[checkpoint]", None, checkpoint, problems);
    let job_name = name.as_ref().map_or("", |name| &name.settings);
    let checkpoint = checkpoint::understand(section, folder, job_name);
    let state = state.map_or(&empty, |table| table.value);
    let state = state::understand(Section::new("[state]", None, state, problems));
    Parts { name, source, steps, references, sinks, rejects, checkpoint, state }
}

/// One of the top tables; `required` is an example of a key of a table that must be there.
fn table<'a>(
    top: &mut Section<'a, '_>,
    key: &'static str,
    required: Option<&str>,
) -> Option<Placed<&'a Table>> {
    let example = format!("`[{key}]` on a line of its own, with its keys below");
    match (top.entry(key), required) {
        (None, Some(content)) => top.refuse(
            missing(format!("[{key}] is missing"))
                .with_hint(format!("add `[{key}]` with {content}")),
        ),
        _ => top.table(key, &example),
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The job's name and what the effective job says of it.
fn name(top: &mut Section<'_, '_>, file: &Path) -> Option<Understood<String>> {
    if top.entry("name").is_some() {
        let text = top.text("name")?;
        if !is_sound_name(&text.text) {
            return top.refuse(unsound_name(text));
        }
        return Some(Understood { settings: text.text.clone(), effective: json!(text.written) });
    }
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) if is_sound_name(stem) => {
            Some(Understood { settings: stem.to_owned(), effective: json!(stem) })
        }
        _ => top.refuse(
            missing("the job has no name, and its file's name cannot serve as one")
                .with_hint("add a first line: `name = \"daily\"`"),
        ),
    }
}

/// Complains where an output is something else too.
fn check_paths(parts: &Parts, folder: &Path, file: &Path, problems: &mut Vec<Diagnostic>) {
    let paths = parts.source.iter().flat_map(|source| &source.understood.settings.paths);
    let references = parts.references.iter().map(|reference| &reference.value.path);
    let inputs = paths.chain(references).map(|path| paths::resolve(folder, path));
    let inputs: Vec<PathBuf> = inputs.collect();
    let mut outputs = Vec::new();
    let sinks = parts.sinks.as_deref().unwrap_or_default();
    for sink in sinks {
        let settings = &sink.sink.understood.settings;
        let path = match &settings.target {
            Target::File(path) => path.clone(),
            Target::Partitions(partitions) => partitions.path.as_written(),
            Target::Stdout => continue,
        };
        let what = match sinks.len() {
            1 => "the output".to_owned(),
            _ => format!("the output of `{}`", settings.name),
        };
        let place = sink.sink.path_place.clone().unwrap_or(sink.place.clone());
        outputs.push(paths::Role { what, path, place });
    }
    if let (Some(path), Some(place)) =
        (&parts.rejects.understood.settings.path, &parts.rejects.path_place)
    {
        let (what, path) = ("the file of rejects".to_owned(), path.clone());
        outputs.push(paths::Role { what, path, place: place.clone() });
    }
    paths::check_collisions(&inputs, &outputs, file, problems);
}

/// Whether a name can be part of a file name.
fn is_sound_name(name: &str) -> bool {
    let has_odd = name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.') && !has_odd
}

fn unsound_name(name: &Text) -> Diagnostic {
    Diagnostic::at(name.place.clone(), format!("`{}` cannot be a name", name.text)).with_hint(
        format!(
            "a name becomes part of file names: at most {NAME_BYTES_MAX} bytes, \
             no slash, no leading dot"
        ),
    )
}

/// A problem that has no place: something is not there.
fn missing(message: impl Into<String>) -> Diagnostic {
    Diagnostic { message: message.into(), place: None, label: String::new(), hint: None }
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::settings::TransformKind;

    const DAILY: &str = r#"
[source]
path = ["orders/*.csv", "late.csv"]
types = { amount = "decimal(12,2)" }

[[transform]]
filter = "day = '${DAY}' AND amount > 0"

[[transform]]
dedup = { key = ["order_id"] }

[sink]
path = "daily.csv"
"#;

    fn environment(name: &str) -> Option<String> {
        (name == "DAY").then(|| "monday".to_owned())
    }

    fn load_daily(overrides: &[(&str, &str)]) -> Result<Job, Flawed> {
        let overrides: Vec<(String, String)> =
            overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        load(DAILY, Path::new("jobs/daily.toml"), &environment, &overrides)
    }

    #[test]
    fn a_short_job_is_understood_with_its_defaults() {
        let job = load_daily(&[]).expect("a valid job");
        assert_eq!(job.name, "daily");
        assert_eq!(job.folder, Path::new("jobs"));
        assert_eq!(job.sinks[0].target, Target::File("jobs/daily.csv".into()));
        assert_eq!(job.checkpoint.directory, Path::new("jobs/.onward/daily"));
        let names: Vec<&str> = job.transforms.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["filter", "dedup"]);
        assert_eq!(&DAILY[job.places.source_paths[1].clone()], "\"late.csv\"");
        assert_eq!(&DAILY[job.places.types[0].clone()], "amount");
    }

    #[test]
    fn the_effective_job_names_everything_but_the_values_of_variables() {
        let job = load_daily(&[]).expect("a valid job");
        let expected = json!({
            "name": "daily",
            "source": {
                "path": ["orders/*.csv", "late.csv"],
                "format": "csv",
                "types": { "amount": "decimal(12,2)" },
                "verify": "sampled",
                "delimiter": ",",
                "quote": "\"",
                "escape": null,
                "comment": null,
                "skip_lines": 0,
                "columns": null,
                "null": [""],
                "ragged": "reject",
            },
            "transform": [
                { "name": "filter", "filter": "day = '${DAY}' AND amount > 0" },
                { "name": "dedup", "dedup": { "key": ["order_id"], "keep": "first", "mark": null } },
            ],
            "sink": {
                "path": "daily.csv",
                "format": "csv",
                "delimiter": ",",
                "quote": "\"",
                "header": true,
                "line_end": "lf",
                "overwrite": false,
            },
            "rejects": { "path": null, "limit": 0 },
            "checkpoint": {
                "interval": null,
                "every_records": null,
                "every_bytes": null,
                "at_file_end": false,
                "when": null,
                "directory": ".onward/daily",
                "keep": 3,
                "min_pause": null,
                "timeout": null,
                "tolerated_failures": null,
                "copies": null,
                "require_copies": null,
            },
            "state": { "memory": null, "max_state": null },
            "environment": { "DAY": 57298 },
        });
        assert_eq!(job.effective, expected);
        assert!(!job.effective.to_string().contains("monday"));
    }

    #[test]
    fn overrides_replace_add_and_reach_into_the_chain() {
        let job = load_daily(&[
            ("sink.path", "other.tsv"),
            ("rejects.limit", "5"),
            ("transform.0.filter", "amount > 3"),
            ("source.types.\"unit price\"", "double"),
        ])
        .expect("a valid job");
        assert_eq!(job.sinks[0].target, Target::File("jobs/other.tsv".into()));
        assert_eq!(job.effective["sink"]["format"], json!("tsv"));
        assert_eq!(job.effective["rejects"]["limit"], json!(5));
        assert_eq!(job.source.types[1].0, "unit price");
        let TransformKind::Filter(filter) = &job.transforms[0].kind else {
            panic!("the first step is a filter");
        };
        let overrides = [("transform.0.filter".to_owned(), "amount > 3".to_owned())];
        let document = Document::new("", &overrides);
        let shift = DAILY.len() + "\nsink.path=other.tsv\nrejects.limit=5".len();
        let place = filter.place(0..6);
        let slice = document.slice(place.start - shift..place.end - shift);
        assert_eq!(slice, "amount");
    }

    #[test]
    fn problems_come_in_the_order_of_the_file() {
        let text = "[sink]\npath='-'\nformat='xml'\n[rejects]\nlimit=-1\n[source]\npath=1\n";
        let problems =
            load(text, Path::new("x.toml"), &environment, &[]).expect_err("bad").problems;
        let places: Vec<usize> = problems
            .iter()
            .filter_map(|problem| problem.place.as_ref().map(|place| place.start))
            .collect();
        assert_eq!(places.len(), 3);
        assert!(places.is_sorted());
    }
}
