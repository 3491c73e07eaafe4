//! What a run of a job has to do: from facts to one decision, without any effect.

use super::world::{ChangeMode, RunOptions, StartMode};
use crate::checkpoint::{Phase, ReferenceEntry};
use crate::error::Error;
use crate::job::diff::{Change, ChangeClass, Effect};
use crate::sink::Mismatch;
use crate::source::fingerprint::Comparison;
use crate::storage::mutants::{Mutant, is_on};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was found of an earlier run, the inputs and the outputs.
#[derive(Debug)]
pub struct Facts {
    /// What the user asked for.
    pub start: StartMode,
    /// Whether changes of steps without state are taken over.
    pub changes: ChangeMode,
    /// The job file, for messages.
    pub command: String,
    /// The checkpoints.
    pub past: Past,
    /// Why an output cannot get its final name.
    pub blocked: Option<Error>,
}

impl Facts {
    /// The facts for what the user asked for.
    pub fn new(options: &RunOptions, command: &str, past: Past, blocked: Option<Error>) -> Facts {
        let RunOptions { start, changes, .. } = *options;
        Facts { start, changes, command: command.to_owned(), past, blocked }
    }
}

/// The checkpoints that were found.
#[derive(Debug)]
pub enum Past {
    /// None: the job was never started, or started over.
    Nothing,
    /// There are some, and none is usable.
    Unusable {
        /// The files, each with the reason.
        refused: Vec<(String, String)>,
    },
    /// The newest usable one.
    Checkpoint(Box<Found>),
}

/// A checkpoint, compared with what is there now.
#[derive(Debug)]
pub struct Found {
    /// Its number.
    pub sequence: u64,
    /// How many checkpoints there are.
    pub checkpoints: usize,
    /// How far the job was.
    pub phase: Phase,
    /// The semantics version it was made with, and ours.
    pub semantics: (u32, u32),
    /// Records of all inputs before it.
    pub records: u64,
    /// What is different in the job.
    pub changes: Vec<Change>,
    /// For each step the one of the checkpoint's job that it goes on with.
    pub origins: Vec<Option<usize>>,
    /// The outputs without records that get another first line.
    pub restarts: BTreeSet<String>,
    /// The state sections that cannot be read: step and reason.
    pub unreadable_states: Vec<(String, String)>,
    /// The inputs that the checkpoint knows: name, bytes consumed, comparison; `None` where the file is gone.
    pub inputs: Vec<InputFinding>,
    /// The files that steps look things up in which are not what they were: as the checkpoint has them, and now.
    pub references: Vec<(ReferenceEntry, ReferenceEntry)>,
    /// Inputs that the job names now and the checkpoint does not know.
    pub new_inputs: Vec<PathBuf>,
    /// Whether its inputs may grow, round by round.
    pub is_incremental: bool,
    /// Of a finished incremental job, what its next round would read.
    pub news: Vec<News>,
    /// Of an incremental job, the inputs that have other names than before: the one before, and the one now.
    pub moved: Vec<(PathBuf, PathBuf)>,
    /// Outputs that cannot be rewound: their path and why.
    pub broken_outputs: Vec<(PathBuf, Mismatch)>,
    /// Published outputs that are not there any more as they were published.
    pub lost_outputs: Vec<PathBuf>,
}

impl Found {
    /// Whether a run could go on with the job as it is now.
    pub fn fits(&self) -> bool {
        self.changes.iter().all(|change| change.class() != ChangeClass::Incompatible)
    }

    /// Whether its steps are other ones, or called otherwise.
    pub fn is_other_job(&self) -> bool {
        self.changes.iter().any(|change| change.step.is_some())
    }
}

/// An input of a checkpoint and what it is now.
#[derive(Debug)]
pub struct InputFinding {
    /// What the job calls it.
    pub name: PathBuf,
    /// How many bytes were consumed.
    pub consumed: u64,
    /// `None` where the job does not name it any more, or it is gone.
    pub comparison: Option<Comparison>,
}

/// What is new of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What the job calls it.
    pub name: PathBuf,
    /// How many bytes.
    pub bytes: u64,
    /// Whether the whole input is new.
    pub is_new: bool,
}

/// What to do.
#[derive(Debug)]
pub enum Decision {
    /// Start with the first record.
    Start,
    /// Go on from the newest usable checkpoint.
    Resume,
    /// All is written; give the outputs their names.
    Publish,
    /// Begin the next round with what is new of the inputs.
    TakeNew,
    /// Nothing is left to do.
    Finished,
    /// Do nothing, and say why.
    Refuse(Error),
}

/// Decides. What is graver is told first.
pub fn decide(facts: &mut Facts) -> Decision {
    let blocked = facts.blocked.take();
    let or_blocked = |decision| match blocked {
        Some(error) => Decision::Refuse(error),
        None => decision,
    };
    let found = match (&facts.past, facts.start) {
        (_, StartMode::Fresh) | (Past::Nothing, _) => return or_blocked(Decision::Start),
        (Past::Unusable { .. }, _) if is_on(Mutant::StartsOverOnCorruption) => {
            return or_blocked(Decision::Start);
        }
        (Past::Unusable { refused }, _) => return Decision::Refuse(no_usable(facts, refused)),
        (Past::Checkpoint(found), _) => found,
    };
    if let Some(refusal) = refusal(facts, found) {
        return Decision::Refuse(refusal);
    }
    match found.phase {
        Phase::Reading | Phase::Draining => or_blocked(Decision::Resume),
        Phase::Publishing => Decision::Publish,
        Phase::Done if found.news.is_empty() => Decision::Finished,
        Phase::Done => or_blocked(Decision::TakeNew),
    }
}

/// What a user may want to know although the run goes on.
pub fn notes(found: &Found) -> Vec<String> {
    let mut notes = Vec::new();
    for input in &found.inputs {
        if let Some(Comparison::SameButTouched) = input.comparison {
            notes.push(format!(
                "`{}` was touched since checkpoint {}; its size, both ends and all samples of it are the same",
                input.name.display(),
                found.sequence
            ));
        }
    }
    if found.changes.iter().any(|change| change.path == "source.verify") {
        notes.push("`source.verify` stays as the job began with it".to_owned());
    }
    for (was, is) in &found.moved {
        notes.push(format!("`{}` is what `{}` was", is.display(), was.display()));
    }
    if found.phase != Phase::Done {
        for path in &found.new_inputs {
            let name = path.display();
            notes.push(format!("`{name}` is new and not part of this run, which began without it"));
        }
    }
    let (stored, ours) = found.semantics;
    if stored != ours {
        notes.push(format!(
            "it was finished by a version with other rules (semantics {stored}, this is {ours}), and stays finished"
        ));
    }
    for change in found.changes.iter().filter(|change| change.class() != ChangeClass::Cosmetic) {
        notes.push(match found.phase {
            Phase::Publishing | Phase::Done if !found.is_incremental => {
                format!("`{}` has changed and acts no more", change.path)
            }
            _ => {
                format!("`{}` has changed: {}", change.path, acting(change, found.records))
            }
        });
    }
    notes
}

/// How a change acts on a job that has read so many records.
pub fn acting(change: &Change, records: u64) -> String {
    let here = match records {
        1 => "the first record".to_owned(),
        records => format!("the first {records} records"),
    };
    match &change.effect {
        Effect::None => "no output depends on it".to_owned(),
        Effect::Later => format!("acts behind {here}, which were made otherwise"),
        Effect::All => "acts on all records, since none has come to it yet".to_owned(),
        Effect::Carried => {
            format!("goes on with what it remembers; what is new in it starts empty behind {here}")
        }
        Effect::Empty => format!("starts empty behind {here}"),
        Effect::Dropped => format!("gives up what it remembers, and acts no more behind {here}"),
        Effect::Never(why) => why.clone(),
    }
}

/// The gravest reason not to go on.
fn refusal(facts: &Facts, found: &Found) -> Option<Error> {
    refusals(&facts.command, facts.changes, found).into_iter().next()
}

/// All reasons not to go on, what is graver first.
pub fn refusals(command: &str, mode: ChangeMode, found: &Found) -> Vec<Error> {
    let (stored, ours) = found.semantics;
    let mut refusals = Vec::new();
    // What is finished stays finished, by whatever rules.
    if stored != ours && found.phase != Phase::Done {
        let message = format!(
            "cannot resume: checkpoint {} was made by a version with other rules (semantics {stored}, this is {ours})",
            found.sequence
        );
        refusals.push(Error::refused(message).with_hint(fresh_hint(command, found)));
    }
    let mut changes: Vec<&Change> = found.changes.iter().collect();
    // Of equally grave ones the first.
    changes.sort_by_key(|change| Reverse(change.class()));
    refusals.extend(changes.iter().filter_map(|change| changed_job(command, mode, found, change)));
    let states = found.unreadable_states.iter();
    refusals.extend(states.map(|(step, why)| unreadable_state(command, found, step, why)));
    let inputs = found.inputs.iter();
    refusals.extend(inputs.filter_map(|input| changed_input(command, found, input)));
    let references = found.references.iter();
    refusals.extend(references.map(|(was, now)| changed_reference(command, found, was, now)));
    refusals.extend(new_input(command, found));
    let broken = found.broken_outputs.iter();
    refusals.extend(broken.map(|(path, why)| broken_output(command, found, path, why)));
    refusals.extend(found.lost_outputs.iter().map(|path| lost_output(command, path)));
    refusals
}

fn fresh_hint(command: &str, found: &Found) -> String {
    let count = found.checkpoints;
    let drops = if count == 1 { "1 checkpoint".to_owned() } else { format!("{count} checkpoints") };
    format!("start over with `{command} --fresh` (drops {drops})")
}

fn no_usable(facts: &Facts, refused: &[(String, String)]) -> Error {
    let list: Vec<String> =
        refused.iter().map(|(file, reason)| format!("`{file}`: {reason}")).collect();
    let message = format!("cannot resume: no checkpoint is usable ({})", list.join("; "));
    Error::refused(message).with_hint(format!(
        "restore one of the files, or start over with `{} --fresh`",
        facts.command
    ))
}

fn changed_job(command: &str, mode: ChangeMode, found: &Found, change: &Change) -> Option<Error> {
    let class = change.class();
    let (is, was) = (shown(&change.current), shown(&change.stored));
    let what = format!("`{}` is {is} and was {was}", change.path);
    if found.phase == Phase::Done && !found.is_incremental && class != ChangeClass::Cosmetic {
        if class != ChangeClass::Incompatible && mode == ChangeMode::Accept {
            // No record is left for it to act on.
            return None;
        }
        let message =
            format!("the job has finished and stays so, and since then it has changed: {what}");
        let hint = format!("run the changed job from the start with `{command} --fresh`");
        return Some(Error::refused(message).with_hint(hint));
    }
    match (class, mode) {
        (ChangeClass::Cosmetic, _)
        | (ChangeClass::Stateless | ChangeClass::Compatible, ChangeMode::Accept) => None,
        (ChangeClass::Stateless | ChangeClass::Compatible, ChangeMode::Refuse) => {
            let how = acting(change, found.records);
            let message = format!("cannot resume: the job has changed: {what}; it {how}");
            let fresh = fresh_hint(command, found);
            Some(Error::refused(message).with_hint(format!(
                "undo the change; or let it act from here on with `{command} --accept-changes`; or {fresh}"
            )))
        }
        (ChangeClass::Incompatible, _) => {
            let why = acting(change, found.records);
            let message = format!(
                "cannot resume: the job has changed and its checkpoint does not fit: {what} ({why})"
            );
            Some(
                Error::refused(message)
                    .with_hint(format!("undo the change, or {}", fresh_hint(command, found))),
            )
        }
    }
}

fn shown(value: &serde_json::Value) -> String {
    if value.is_null() { "not set".to_owned() } else { format!("`{value}`") }
}

fn unreadable_state(command: &str, found: &Found, step: &str, reason: &str) -> Error {
    let sequence = found.sequence;
    let message =
        format!("cannot resume: the state of `{step}` in checkpoint {sequence}: {reason}");
    Error::refused(message).with_hint(fresh_hint(command, found))
}

/// The refusal where an input is not what it was.
pub fn changed_inputs(command: &str, found: &Found) -> Option<Error> {
    found.inputs.iter().find_map(|input| changed_input(command, found, input))
}

fn changed_input(command: &str, found: &Found, input: &InputFinding) -> Option<Error> {
    let name = input.name.display();
    let difference = match &input.comparison {
        None => format!("`{name}` is gone"),
        Some(Comparison::Same | Comparison::SameButTouched) => return None,
        Some(comparison) => {
            difference_of(&name.to_string(), *comparison, input.consumed, found.sequence)
        }
    };
    if found.is_incremental {
        let hint = format!(
            "restore the file; if it was rotated, let `path` find it under its new name, too (`{name}*`); or {}",
            fresh_hint(command, found)
        );
        return Some(Error::refused(format!("cannot go on: {difference}")).with_hint(hint));
    }
    if found.phase == Phase::Done {
        let message = format!("the job has finished, and since then {difference}");
        let is_grown = matches!(input.comparison, Some(Comparison::Grown { .. }));
        let again = format!("process it again with `{command} --fresh`");
        let hint = if is_grown { format!("{again}; {TAKE_NEW}") } else { again };
        return Some(Error::refused(message).with_hint(hint));
    }
    Some(
        Error::refused(format!("cannot resume: {difference}"))
            .with_hint(format!("restore the file, or {}", fresh_hint(command, found))),
    )
}

/// How to have a job take what is new of its inputs.
const TAKE_NEW: &str =
    "a job with `mode = \"incremental\"` in [source] from the start takes what is new alone";

/// The refusal where a file that a step looks things up in is not what it was.
pub fn changed_references(command: &str, found: &Found) -> Option<Error> {
    found.references.first().map(|(stored, now)| changed_reference(command, found, stored, now))
}

fn changed_reference(
    command: &str,
    found: &Found,
    stored: &ReferenceEntry,
    now: &ReferenceEntry,
) -> Error {
    let name = &now.path;
    let difference = match stored.length == now.length {
        true => format!(
            "`{name}`, which a lookup reads, has changed (checksum {:08x}; it was {:08x})",
            now.crc, stored.crc
        ),
        false => format!(
            "`{name}`, which a lookup reads, has changed ({} bytes; it had {})",
            now.length, stored.length
        ),
    };
    if found.phase == Phase::Done {
        let message = format!("the job has finished, and since then {difference}");
        let hint = format!("process it again with `{command} --fresh`");
        return Error::refused(message).with_hint(hint);
    }
    Error::refused(format!("cannot resume: {difference}"))
        .with_hint(format!("restore the file, or {}", fresh_hint(command, found)))
}

/// Both sides of a difference.
pub fn difference_of(name: &str, comparison: Comparison, consumed: u64, sequence: u64) -> String {
    match comparison {
        Comparison::Same | Comparison::SameButTouched => format!("`{name}` is the same"),
        Comparison::Shrunk { was, is } => format!(
            "`{name}` is shorter than it was ({is} bytes; it had {was}, and checkpoint {sequence} had read {consumed})"
        ),
        Comparison::Grown { was, is } => {
            format!("`{name}` has grown since the job began ({is} bytes; it had {was})")
        }
        Comparison::HeadDiffers { stored, found } => format!(
            "`{name}` begins with other bytes than before (checksum of the first 64 KiB: {found:08x}; it was {stored:08x})"
        ),
        Comparison::WindowDiffers { stored, found } => format!(
            "`{name}` was changed before byte {consumed}, where checkpoint {sequence} had come to (checksum of the 64 KiB before: {found:08x}; it was {stored:08x})"
        ),
        Comparison::SampleDiffers { segment, stored, found } => format!(
            "`{name}` was changed in what checkpoint {sequence} had read (checksum of samples of MiB {} to {}: {found:08x}; it was {stored:08x})",
            segment * 64,
            segment * 64 + 63
        ),
    }
}

fn new_input(command: &str, found: &Found) -> Option<Error> {
    let path = found.new_inputs.first().filter(|_| found.phase == Phase::Done)?;
    let message = format!("the job has finished, and since then `{}` is new", path.display());
    let hint = format!("process all inputs again with `{command} --fresh`; {TAKE_NEW}");
    Some(Error::refused(message).with_hint(hint))
}

fn broken_output(command: &str, found: &Found, path: &Path, why: &Mismatch) -> Error {
    let message = format!("cannot resume: the unfinished output `{}`: {why}", path.display());
    let hint = match why {
        Mismatch::NotOurs => format!("run as that user, or trust it with `{command} --unsafe-dir`"),
        _ => format!("restore the file, or {}", fresh_hint(command, found)),
    };
    Error::refused(message).with_hint(hint)
}

fn lost_output(command: &str, path: &Path) -> Error {
    let message = format!("the job has finished, but `{}` is not as it left it", path.display());
    Error::refused(message).with_hint(format!("make it again with `{command} --fresh`"))
}
