//! The outputs of a run: the sink and the file of rejects, staged, marked at barriers, published together.

use super::world::World;
use crate::checkpoint::{OutputEntry, Standing};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::settings::Target;
use crate::sink::{self, Inspected, Mark, Mismatch, Occupant, Publication, StagedFile, StagedName};
use crate::storage::{Existing, File, Metadata};
use crc32fast::Hasher;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// The name of the sink in checkpoints.
const SINK: &str = "sink";
/// The name of the file of rejects in checkpoints.
const REJECTS: &str = "rejects";

/// Where an output goes, before anything is made.
#[derive(Debug, Clone)]
pub struct OutputPlan {
    /// `sink` or `rejects`.
    pub role: &'static str,
    /// The final name.
    pub target: PathBuf,
}

/// What publishing may do with a file that stands at an output's final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Keep or replace it.
    pub existing: Existing,
    /// What of ours stood there when the job began.
    pub ours: Option<Standing>,
}

impl Permission {
    /// The user may allow later what the job did not allow when it began.
    pub fn widened(self, overwrite: bool) -> Permission {
        let existing = if overwrite { Existing::Replace } else { self.existing };
        Permission { existing, ..self }
    }
}

/// An output that is being written.
#[derive(Debug)]
pub struct Output {
    role: &'static str,
    stage: Stage,
    /// What publishing does with a file of the final name.
    permission: Permission,
    /// How much of it is known to be durable.
    length_synced: u64,
    /// Whether its staged name is durable.
    name_is_synced: bool,
}

/// Whether an output's staged file is there.
#[derive(Debug)]
enum Stage {
    /// It is still to be made.
    Planned(StagedName),
    /// It is being written.
    Open(StagedFile),
}

/// All outputs of a run.
#[derive(Debug)]
pub struct Outputs {
    sink: Sink,
    rejects: Option<Output>,
}

#[derive(Debug)]
enum Sink {
    File(Box<Output>),
    Stdout,
}

/// What a checkpoint has to make durable before it may refer to the outputs.
#[derive(Debug, Default)]
pub struct Syncs {
    /// Files with new bytes.
    pub files: Vec<(PathBuf, Arc<dyn File>)>,
    /// Folders with new names.
    pub folders: Vec<PathBuf>,
}

/// The files that a job writes; the sink first, unless it is standard output.
pub fn planned(job: &Job) -> Vec<OutputPlan> {
    let mut plans = Vec::new();
    if let Target::File(target) = &job.sink.target {
        plans.push(OutputPlan { role: SINK, target: target.clone() });
    }
    if let Some(target) = &job.rejects.path {
        plans.push(OutputPlan { role: REJECTS, target: target.clone() });
    }
    plans
}

impl OutputPlan {
    /// The staged name of this output in a job with this id.
    pub fn name(&self, instance: &str) -> StagedName {
        StagedName::new(&self.target, instance)
    }

    /// What a checkpoint says of this output.
    pub fn entry<'m>(&self, entries: &'m [OutputEntry]) -> Option<&'m OutputEntry> {
        entries.iter().find(|entry| entry.name == self.role)
    }

    /// Checks that the output can be made, and says what publishing may do with a file that stands there: it is replaced
    /// only where an earlier start of this job made it (`past` are the outputs of that), or the user wants it.
    pub fn check(
        &self,
        world: &World,
        instance: &str,
        inputs: &[(PathBuf, Metadata)],
        past: &[OutputEntry],
        overwrite: bool,
    ) -> Result<Permission> {
        let name = self.name(instance);
        let occupant = sink::check_target(&*world.storage, &name, inputs)?;
        let mut ours = None;
        if let (Occupant::File(_), Some(entry)) = (occupant, self.entry(past)) {
            let written = Standing { length: entry.length, crc: entry.crc };
            for standing in [Some(written), entry.ours].into_iter().flatten() {
                let mark = Mark { length: standing.length, crc: standing.crc, tail: Vec::new() };
                if sink::is_published(&*world.storage, &name, &mark)? {
                    ours = Some(standing);
                }
            }
        }
        match occupant {
            _ if overwrite || ours.is_some() => {
                Ok(Permission { existing: Existing::Replace, ours })
            }
            Occupant::Vacant => Ok(Permission { existing: Existing::Keep, ours }),
            Occupant::File(_) => Err(self.not_ours()),
        }
    }

    /// Checks that publishing will be able to give the output its name, so that this is known before the work.
    pub fn check_vacant(&self, world: &World, existing: Existing) -> Result<()> {
        let occupant = sink::occupant(&*world.storage, &self.target)?;
        if existing == Existing::Keep && occupant != Occupant::Vacant {
            return Err(self.not_ours());
        }
        Ok(())
    }

    fn not_ours(&self) -> Error {
        let message = format!("`{}` exists, and this job did not make it", self.target.display());
        Error::usage(message).with_hint("move it away, or replace it with `--overwrite`")
    }

    /// Looks whether the output can be rewound to what a checkpoint says. Changes nothing.
    pub fn inspect(
        &self,
        world: &World,
        instance: &str,
        entry: &OutputEntry,
    ) -> Result<std::result::Result<Inspected, Mismatch>> {
        StagedFile::inspect(&*world.storage, self.name(instance), &mark_of(entry)?)
    }
}

/// The mark that a checkpoint carries for an output.
pub fn mark_of(entry: &OutputEntry) -> Result<Mark> {
    if entry.tail.len() as u64 != sink::tail_length(entry.length) {
        let message = format!("the checkpoint's entry of the {} is not readable", entry.name);
        return Err(Error::refused(message));
    }
    Ok(Mark { length: entry.length, crc: entry.crc, tail: entry.tail.clone() })
}

impl Output {
    /// An output that is not made before [`Outputs::open`].
    pub fn planned(plan: &OutputPlan, instance: &str, permission: Permission) -> Output {
        let stage = Stage::Planned(plan.name(instance));
        Output { role: plan.role, stage, permission, length_synced: 0, name_is_synced: false }
    }

    /// An output that was cut back to a checkpoint.
    pub fn rewound(plan: &OutputPlan, staged: StagedFile, permission: Permission) -> Output {
        let length_synced = staged.length();
        // The checkpoint of an empty output was saved before its file was made.
        let name_is_synced = length_synced > 0;
        let stage = Stage::Open(staged);
        Output { role: plan.role, stage, permission, length_synced, name_is_synced }
    }

    fn name(&self) -> &StagedName {
        match &self.stage {
            Stage::Planned(name) => name,
            Stage::Open(staged) => &staged.name,
        }
    }

    fn open(&mut self, world: &World) -> Result<()> {
        if let Stage::Planned(name) = &self.stage {
            self.stage = Stage::Open(StagedFile::create(&*world.storage, name.clone())?);
        }
        Ok(())
    }

    fn staged(&mut self) -> &mut StagedFile {
        match &mut self.stage {
            Stage::Open(staged) => staged,
            Stage::Planned(_) => unreachable!("outputs are opened before the first record"),
        }
    }

    fn mark(&self) -> Mark {
        match &self.stage {
            Stage::Planned(_) => Mark::default(),
            Stage::Open(staged) => staged.mark(),
        }
    }

    fn entry(&self) -> OutputEntry {
        let Mark { length, crc, tail } = self.mark();
        let target = self.name().target.to_string_lossy().into_owned();
        let Permission { existing, ours } = self.permission;
        let replaces = existing == Existing::Replace;
        OutputEntry { name: self.role.to_owned(), target, length, crc, tail, replaces, ours }
    }
}

impl Outputs {
    /// The outputs of a job, in the order of [`planned`].
    pub fn new(job: &Job, outputs: Vec<Output>) -> Outputs {
        let mut outputs = outputs.into_iter();
        let sink = match job.sink.target {
            Target::Stdout => Sink::Stdout,
            Target::File(_) => {
                Sink::File(Box::new(outputs.next().expect("the sink is planned first")))
            }
        };
        Outputs { sink, rejects: outputs.next() }
    }

    /// Makes those staged files that are not there yet. A checkpoint must name the job's id before: a staged file of
    /// which nobody knows would stay for ever.
    pub fn open(&mut self, world: &World) -> Result<()> {
        self.files_mut().try_for_each(|output| output.open(world))
    }

    /// Whether nothing was written to the sink yet, not even a header.
    pub fn is_blank(&self) -> bool {
        match &self.sink {
            Sink::File(output) => output.mark().length == 0,
            Sink::Stdout => true,
        }
    }

    /// Appends to the sink.
    pub fn append(&mut self, world: &World, bytes: &[u8], digest: &Hasher) -> Result<()> {
        match &mut self.sink {
            Sink::File(output) => output.staged().append(bytes, Some(digest)),
            Sink::Stdout => {
                let mut stdout = world.stdout.lock().unwrap_or_else(PoisonError::into_inner);
                stdout.write_all(bytes).map_err(|cause| {
                    Error::failed("cannot write to standard output").with_cause(cause)
                })
            }
        }
    }

    /// Appends to the file of rejects, where there is one.
    pub fn append_rejects(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.rejects {
            Some(output) => output.staged().append(bytes, None),
            None => Ok(()),
        }
    }

    /// Where the rejects so far are.
    pub fn rejects_staged(&self) -> Option<&Path> {
        self.rejects.as_ref().map(|output| output.name().staged.as_path())
    }

    fn files(&self) -> impl Iterator<Item = &Output> {
        let sink = match &self.sink {
            Sink::File(output) => Some(&**output),
            Sink::Stdout => None,
        };
        sink.into_iter().chain(&self.rejects)
    }

    fn files_mut(&mut self) -> impl Iterator<Item = &mut Output> {
        let sink = match &mut self.sink {
            Sink::File(output) => Some(&mut **output),
            Sink::Stdout => None,
        };
        sink.into_iter().chain(&mut self.rejects)
    }

    /// What a checkpoint says of the outputs.
    pub fn entries(&self) -> Vec<OutputEntry> {
        self.files().map(Output::entry).collect()
    }

    /// What must be durable before a checkpoint with the present [`Outputs::entries`] is saved; from now on
    /// counted as durable, since a failure of it ends the run.
    pub fn syncs(&mut self) -> Syncs {
        let mut syncs = Syncs::default();
        for output in self.files_mut() {
            let Stage::Open(staged) = &output.stage else { continue };
            let length = staged.length();
            if length > output.length_synced {
                syncs.files.push((staged.name.staged.clone(), staged.handle()));
                output.length_synced = length;
            }
            let folder = &staged.name.folder;
            if !output.name_is_synced {
                if !syncs.folders.contains(folder) {
                    syncs.folders.push(folder.clone());
                }
                output.name_is_synced = true;
            }
        }
        syncs
    }

    /// Gives all outputs their final names. They must be durable, and a checkpoint must say so.
    pub fn publish(&mut self, world: &World) -> Result<()> {
        for output in self.files_mut() {
            let existing = output.permission.existing;
            output.staged().publish(&*world.storage, existing)?;
        }
        Ok(())
    }
}

/// Goes on publishing where an earlier run was stopped.
pub fn publish_again(
    world: &World,
    plans: &[OutputPlan],
    instance: &str,
    entries: &[OutputEntry],
    overwrite: bool,
) -> Result<()> {
    for plan in plans {
        let entry = plan.entry(entries).ok_or_else(|| lost(plan))?;
        let replaces = entry.replaces || overwrite;
        let existing = if replaces { Existing::Replace } else { Existing::Keep };
        let (name, mark) = (plan.name(instance), mark_of(entry)?);
        if sink::publish(&*world.storage, &name, &mark, existing)? == Publication::Lost {
            return Err(lost(plan));
        }
    }
    Ok(())
}

fn lost(plan: &OutputPlan) -> Error {
    let target = plan.target.display();
    Error::refused(format!("the finished output `{target}` is gone before it got its name"))
        .with_hint("restore its `.partial` file, or start over with `--fresh`")
}
