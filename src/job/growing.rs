//! What a job whose inputs grow asks of its steps and outputs, and its outputs in each round.
//!
//! An incremental job goes on, round after round, with one stream of records, and its outputs take what is new in the
//! way that follows from the chain:
//! - where no step gives all that it holds at the end, what comes out is appended to the output of the round before;
//! - where one does (an `aggregate`, a `top`), it gives all of it again in every round, and the output is replaced;
//! - where the path has `{run}`, each round makes a file of its own.

use super::output::SinkSettings;
use super::{Job, Parts};
use crate::error::Diagnostic;
use crate::sink::settings::{RUN, Target, run_number};
use crate::source::settings::Mode;
use crate::transform::settings::{AtEnd, TransformSettings};
use std::ops::Range;
use std::path::{Path, PathBuf};

impl Job {
    /// Whether a finished run is followed by rounds that take what is new of the inputs.
    pub fn is_incremental(&self) -> bool {
        self.source.mode == Mode::Incremental
    }

    /// The first step that gives all that it holds at the end: in an incremental job it does so in every round.
    pub fn gives_again(&self) -> Option<usize> {
        gives_again(self.transforms.iter())
    }

    /// The first step that gives what it holds at the end of a run: in an incremental job those before wait for more.
    pub fn gives_from(&self) -> usize {
        match self.is_incremental() {
            true => self.gives_again().unwrap_or(self.transforms.len()),
            false => 0,
        }
    }

    /// Whether a round appends to what the one before published.
    pub fn appends(&self) -> bool {
        self.is_incremental() && self.gives_again().is_none()
    }

    /// The same job with the outputs of a round; counted from 1.
    pub fn of_round(&self, round: u64) -> Job {
        let mut job = self.clone();
        for sink in job.sinks.iter_mut().filter(|sink| sink.per_run) {
            match &mut sink.target {
                Target::File(path) => *path = with_run(path, round),
                Target::Partitions(partitions) => partitions.path = partitions.path.of_run(round),
                Target::Stdout => {}
            }
        }
        if let (Some(path), true) = (&mut job.rejects.path, job.rejects.per_run) {
            *path = with_run(path, round);
        }
        job
    }
}

/// A path with the number of a round in its file's name.
fn with_run(path: &Path, round: u64) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(name.replace(RUN, &run_number(round)))
}

fn gives_again<'a>(mut steps: impl Iterator<Item = &'a TransformSettings>) -> Option<usize> {
    steps.position(|step| step.kind.at_end() == AtEnd::All)
}

/// Complains about what does not go together with `mode`.
pub(super) fn check(parts: &Parts, problems: &mut Vec<Diagnostic>) {
    let Some(source) = &parts.source else { return };
    let is_incremental = source.understood.settings.mode == Mode::Incremental;
    let sinks = parts.sinks.as_deref().unwrap_or_default().iter();
    for sink in sinks {
        let settings = &sink.sink.understood.settings;
        let place = sink.sink.path_place.clone().unwrap_or(sink.place.clone());
        problems.extend(match is_incremental {
            true => of_sink(settings, place),
            false => settings.per_run.then(|| needs_incremental(place)),
        });
    }
    let rejects = &parts.rejects.understood.settings;
    if let (Some(place), true) = (&parts.rejects.path_place, rejects.per_run) {
        problems.extend(match (is_incremental, &rejects.path) {
            (true, Some(path)) => in_folder(path, place.clone()),
            _ => Some(needs_incremental(place.clone())),
        });
    }
    if is_incremental {
        check_steps(parts, problems);
    }
}

fn needs_incremental(place: Range<usize>) -> Diagnostic {
    let message = format!("`{RUN}` in a path is the number of a round, and this job has no rounds");
    Diagnostic::at(place, message)
        .with_hint("have it take what is new of its inputs: `mode = \"incremental\"` in [source]")
}

fn of_sink(sink: &SinkSettings, place: Range<usize>) -> Option<Diagnostic> {
    match &sink.target {
        Target::Stdout => {
            let message = "an incremental job cannot write to standard output";
            let hint = "name a file: what a round wrote must be there for the next one";
            Some(Diagnostic::at(place, message).with_hint(hint))
        }
        Target::Partitions(_) if !sink.per_run => {
            let message = "the files of a partitioned sink cannot be added to";
            let hint = format!("let each round make its own: put `{RUN}` into the path");
            Some(Diagnostic::at(place, message).with_hint(hint))
        }
        Target::File(path) if sink.per_run => in_folder(path, place),
        Target::Partitions(_) | Target::File(_) => None,
    }
}

/// A folder of each round would have to be made.
fn in_folder(path: &Path, place: Range<usize>) -> Option<Diagnostic> {
    let is_in_folder = path.parent().is_some_and(|path| path.to_string_lossy().contains(RUN));
    is_in_folder.then(|| {
        let message = format!("`{RUN}` can only be in the name of the file");
        let hint = format!("write it like `out/part-{RUN}.csv`");
        Diagnostic::at(place, message).with_hint(hint)
    })
}

/// Behind a step that gives all again, all others begin again in every round, and may do what they like.
fn check_steps(parts: &Parts, problems: &mut Vec<Diagnostic>) {
    let steps = &parts.steps.list;
    let settings = || steps.iter().map(|step| &step.understood.settings);
    let behind = gives_again(settings()).unwrap_or(steps.len());
    for step in &steps[..behind] {
        let TransformSettings { name, kind } = &step.understood.settings;
        let why = match kind.at_end() {
            AtEnd::Stops => {
                "leaves the rest of the inputs unread, so that nobody could tell what is new"
            }
            AtEnd::Once => {
                "gives its records once, when the input has ended, and there is more to come"
            }
            AtEnd::Nothing | AtEnd::Rest | AtEnd::All => continue,
        };
        let message = format!("`{name}` cannot be in an incremental job: it {why}");
        let hint = "it can stand behind a step that gives everything in each round, such as `aggregate` or `top`; or take `mode = \"batch\"`";
        problems.push(Diagnostic::at(step.place.clone(), message).with_hint(hint));
    }
}
