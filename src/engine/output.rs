//! One output of a run: where it goes, what stands there, its staged file, and what a checkpoint says of it.
//!
//! Paths come from the job and from the names of partitions, never from a checkpoint.

use super::summary::Written;
use super::world::World;
use crate::checkpoint::{OutputEntry, Standing};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::settings::Target;
use crate::sink::{
    self, Inspected, Mark, Mismatch, Occupant, PartitionName, StagedFile, StagedName,
};
use crate::storage::mutants::{Mutant, is_on};
use crate::storage::{Existing, Metadata};
use std::path::PathBuf;

/// The name of the file of rejects in checkpoints.
const REJECTS: &str = "rejects";

/// Where an output goes, before anything is made.
#[derive(Debug, Clone)]
pub struct OutputPlan {
    /// The sink's name, with a partition the name of that behind a slash; or `rejects`.
    pub role: String,
    /// The final name.
    pub target: PathBuf,
    /// Whether the job lets it replace what is not its own.
    pub overwrite: bool,
    /// Which output it is.
    pub place: Place,
    /// How it takes what a round of the job brings.
    pub taking: Taking,
}

/// How an output takes what a round of an incremental job brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// It is made anew, and replaces what is there. Without rounds all are.
    Whole,
    /// It is appended to what the round before published.
    Appended,
    /// It is a file of its own, and there is none where nothing came.
    Part,
}

/// Which output it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file of a sink, by its place in the job.
    Sink(usize),
    /// A partition of a sink.
    Partition(usize, PartitionName),
    /// The file of rejects.
    Rejects,
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

/// The single files that a job writes: those of the sinks in their order, then the rejects. Which partitions there are is
/// only known from the records.
pub fn planned(job: &Job) -> Vec<OutputPlan> {
    let mut plans = Vec::new();
    let taking = |per_run: bool, appends: bool| match (per_run, appends) {
        (true, _) => Taking::Part,
        (false, true) => Taking::Appended,
        (false, false) => Taking::Whole,
    };
    for (index, sink) in job.sinks.iter().enumerate() {
        if let Target::File(target) = &sink.target {
            let (role, target, place) = (sink.name.clone(), target.clone(), Place::Sink(index));
            let taking = taking(sink.per_run, job.appends());
            plans.push(OutputPlan { role, target, overwrite: sink.overwrite, place, taking });
        }
    }
    if let Some(target) = &job.rejects.path {
        let overwrite = job.sinks.iter().all(|sink| sink.overwrite);
        let (role, target, place) = (REJECTS.to_owned(), target.clone(), Place::Rejects);
        // What was rejected of earlier rounds is not rejected again.
        let taking = taking(job.rejects.per_run, job.is_incremental());
        plans.push(OutputPlan { role, target, overwrite, place, taking });
    }
    plans
}

/// The plan of a partition of a sink.
pub fn partition(job: &Job, sink: usize, name: PartitionName) -> Option<OutputPlan> {
    let settings = job.sinks.get(sink)?;
    let Target::Partitions(partitions) = &settings.target else { return None };
    let role = format!("{}/{}", settings.name, name.as_str());
    let (target, overwrite) = (partitions.path.path(&name), settings.overwrite);
    let (place, taking) = (Place::Partition(sink, name), Taking::Whole);
    Some(OutputPlan { role, target, overwrite, place, taking })
}

/// All outputs that a job and a checkpoint of it name, each with what the checkpoint says of it.
pub fn known<'m>(
    job: &Job,
    entries: &'m [OutputEntry],
) -> Result<Vec<(OutputPlan, Option<&'m OutputEntry>)>> {
    let entry_of = |plan: &OutputPlan| entries.iter().find(|entry| entry.name == plan.role);
    let mut known: Vec<(OutputPlan, Option<&OutputEntry>)> = planned(job)
        .into_iter()
        .map(|mut plan| {
            let entry = entry_of(&plan);
            if let (true, Some(entry)) = (is_on(Mutant::OutputPathFromCheckpoint), entry) {
                plan.target = PathBuf::from(&entry.target);
            }
            (plan, entry)
        })
        .collect();
    for entry in entries {
        let Some((sink, name)) = entry.name.split_once('/') else { continue };
        let columns = |target: &Target| match target {
            Target::Partitions(partitions) => partitions.by.len(),
            Target::File(_) | Target::Stdout => 0,
        };
        let place = job.sinks.iter().position(|settings| settings.name == sink);
        let plan = place.and_then(|place| {
            let name = PartitionName::parse(name, columns(&job.sinks[place].target))?;
            partition(job, place, name)
        });
        known.push((plan.ok_or_else(|| unreadable(entry))?, Some(entry)));
    }
    Ok(known)
}

impl OutputPlan {
    /// The staged name of this output in a job with this id.
    pub fn name(&self, instance: &str) -> StagedName {
        StagedName::new(&self.target, instance)
    }

    /// Whether it is one of the files of a partitioned sink.
    pub fn is_partition(&self) -> bool {
        matches!(self.place, Place::Partition(..))
    }

    /// Whether each round of the job has its own.
    pub fn is_of_round(&self, job: &Job) -> bool {
        match &self.place {
            Place::Sink(index) | Place::Partition(index, _) => {
                job.sinks.get(*index).is_some_and(|sink| sink.per_run)
            }
            Place::Rejects => job.rejects.per_run,
        }
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
        let occupant = sink::check_target(&*world.storage, &self.name(instance), inputs)?;
        let entry = past.iter().find(|entry| entry.name == self.role);
        let standings: Vec<Standing> = entry.map(standings).unwrap_or_default();
        self.permission(world, occupant, &standings, overwrite)
    }

    /// The same for an output that goes on with what the round before published: that must be there as it was.
    pub fn check_extended(
        &self,
        world: &World,
        inputs: &[(PathBuf, Metadata)],
        base: Standing,
    ) -> Result<Permission> {
        let occupant = sink::check_target(&*world.storage, &self.name("check"), inputs)?;
        match self.permission(world, occupant, &[base], false) {
            Ok(permission) if permission.ours.is_some() => Ok(permission),
            _ => Err(self.not_as_left()),
        }
    }

    /// That what the round before published is not there any more as it was.
    pub fn not_as_left(&self) -> Error {
        let target = self.target.display();
        let message = format!("cannot append to `{target}`: it is not as the run before left it");
        Error::refused(message).with_hint(
            "put it back as it was, or start over with `--fresh`; where others take it away, let each run write its own: `part-{run}.csv`",
        )
    }

    /// The same for a partition, whose folder may be missing; `standings` is what an earlier start may have left there.
    pub fn check_partition(
        &self,
        world: &World,
        inputs: &[(PathBuf, Metadata)],
        standings: &[Standing],
        overwrite: bool,
    ) -> Result<Permission> {
        let occupant = sink::check_no_input(&*world.storage, &self.target, inputs)?;
        self.permission(world, occupant, standings, overwrite)
    }

    fn permission(
        &self,
        world: &World,
        occupant: Occupant,
        standings: &[Standing],
        overwrite: bool,
    ) -> Result<Permission> {
        let mut ours = None;
        if let Occupant::File(_) = occupant {
            for standing in standings {
                let mark = Mark { length: standing.length, crc: standing.crc, tail: Vec::new() };
                if sink::is_published(&*world.storage, &self.name(""), &mark)? {
                    ours = Some(*standing);
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
        mark: &Mark,
    ) -> Result<std::result::Result<Inspected, Mismatch>> {
        StagedFile::inspect(&*world.storage, self.name(instance), mark)
    }
}

/// What an output that a checkpoint knows may have left at its final name.
pub fn standings(entry: &OutputEntry) -> Vec<Standing> {
    let written = Standing { length: entry.length, crc: entry.crc };
    [Some(written), entry.ours].into_iter().flatten().collect()
}

/// Whether nothing was written yet of an output that is only made when something comes, as a checkpoint says.
pub fn is_untouched(plan: &OutputPlan, entry: &OutputEntry) -> bool {
    match entry.extends {
        Some(base) => base.length == entry.length,
        None => plan.taking == Taking::Part && entry.length == 0,
    }
}

/// The mark that a checkpoint carries for an output that is being written.
pub fn mark_of(entry: &OutputEntry) -> Result<Mark> {
    if entry.tail.len() as u64 != sink::tail_length(entry.length) {
        return Err(unreadable(entry));
    }
    Ok(Mark { length: entry.length, crc: entry.crc, tail: entry.tail.clone() })
}

/// That a checkpoint says of an output what cannot be.
pub fn unreadable(entry: &OutputEntry) -> Error {
    let message = format!("the checkpoint's entry of the {} is not readable", entry.name);
    Error::refused(message)
}

/// An output that is being written.
#[derive(Debug)]
pub struct Output {
    role: String,
    stage: Stage,
    /// What publishing does with a file of the final name.
    permission: Permission,
    taking: Taking,
    /// What it begins with.
    extends: Option<Standing>,
    records: u64,
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
    /// It is to be begun again: its file is cut to nothing when it is opened.
    Restart(Box<Inspected>),
    /// It is being written.
    Open(StagedFile),
    /// It is being written, and not open now.
    Closed(StagedName, Mark),
}

/// What has to become durable of an output.
pub struct Unsynced {
    /// It has new bytes.
    pub has_bytes: bool,
    /// Its name is new.
    pub has_name: bool,
}

impl Output {
    /// An output that is not made before [`Output::open`].
    pub fn planned(plan: &OutputPlan, instance: &str, permission: Permission) -> Output {
        let (role, taking) = (plan.role.clone(), plan.taking);
        let stage = Stage::Planned(plan.name(instance));
        let (extends, records, length_synced, name_is_synced) = (None, 0, 0, false);
        Output { role, stage, permission, taking, extends, records, length_synced, name_is_synced }
    }

    /// The same output, which begins with what the round before published, so many records.
    pub fn extending(self, extends: Option<Standing>, records: u64) -> Output {
        Output { extends, records, ..self }
    }

    /// An output that has its final name already, as a checkpoint says.
    pub fn published(plan: &OutputPlan, instance: &str, entry: &OutputEntry) -> Output {
        let existing = if entry.replaces { Existing::Replace } else { Existing::Keep };
        let permission = Permission { existing, ours: entry.ours };
        let mark = Mark { length: entry.length, crc: entry.crc, tail: Vec::new() };
        Output {
            stage: Stage::Closed(plan.name(instance), mark),
            length_synced: entry.length,
            name_is_synced: true,
            ..Output::planned(plan, instance, permission).extending(entry.extends, entry.records)
        }
    }

    /// An output that was cut back to a checkpoint, which knows so many records in it.
    pub fn rewound(
        plan: &OutputPlan,
        staged: StagedFile,
        permission: Permission,
        records: u64,
    ) -> Output {
        let length_synced = staged.length();
        // The checkpoint of an empty output was saved before its file was made.
        let name_is_synced = length_synced > 0;
        let (role, stage, taking) = (plan.role.clone(), Stage::Open(staged), plan.taking);
        let extends = None;
        Output { role, stage, permission, taking, extends, records, length_synced, name_is_synced }
    }

    /// Whether its file is made before anything comes.
    pub fn is_made_at_once(&self) -> bool {
        self.taking != Taking::Part && self.extends.is_none()
    }

    /// An output whose file is cut to nothing by [`Output::open`], and not before: checkpoints may still name what it
    /// holds.
    pub fn restarted(plan: &OutputPlan, inspected: Inspected, permission: Permission) -> Output {
        let (role, stage) = (plan.role.clone(), Stage::Restart(Box::new(inspected)));
        Output {
            role,
            stage,
            permission,
            records: 0,
            length_synced: 0,
            name_is_synced: true,
            extends: None,
            taking: plan.taking,
        }
    }

    /// What checkpoints call it.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Where it is staged and where it goes.
    pub fn name(&self) -> &StagedName {
        match &self.stage {
            Stage::Planned(name) | Stage::Closed(name, _) => name,
            Stage::Restart(inspected) => inspected.name(),
            Stage::Open(staged) => &staged.name,
        }
    }

    /// Opens it, and makes it where it is not there yet.
    pub fn open(&mut self, world: &World) -> Result<()> {
        let storage = &*world.storage;
        if self.is_open() {
            return Ok(());
        }
        let name = self.name().clone();
        self.stage = Stage::Open(match std::mem::replace(&mut self.stage, Stage::Planned(name)) {
            Stage::Planned(name) => match self.extends {
                Some(Standing { length, crc }) => {
                    StagedFile::extending(storage, &name, length, crc)?
                }
                None => StagedFile::create(storage, name)?,
            },
            Stage::Closed(name, mark) => StagedFile::reopen(storage, name, &mark)?,
            Stage::Restart(inspected) => inspected.rewind()?,
            Stage::Open(staged) => staged,
        });
        Ok(())
    }

    /// Closes it, where it is open.
    pub fn close(&mut self) {
        let name = self.name().clone();
        let stage = std::mem::replace(&mut self.stage, Stage::Planned(name));
        self.stage = match stage {
            Stage::Open(staged) => {
                let (name, mark) = staged.close();
                Stage::Closed(name, mark)
            }
            stage => stage,
        };
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Whether nothing was written into its file yet.
    pub fn is_planned(&self) -> bool {
        matches!(self.stage, Stage::Planned(_) | Stage::Restart(_))
    }

    /// The open file.
    pub fn staged(&mut self) -> &mut StagedFile {
        match &mut self.stage {
            Stage::Open(staged) => staged,
            Stage::Planned(_) | Stage::Closed(..) | Stage::Restart(_) => {
                unreachable!("an output is opened before it is written")
            }
        }
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        match &self.stage {
            Stage::Planned(_) => self.extends.map_or(0, |base| base.length),
            Stage::Restart(_) => 0,
            Stage::Open(staged) => staged.length(),
            Stage::Closed(_, mark) => mark.length,
        }
    }

    /// Counts records that were appended.
    pub fn count(&mut self, records: u64) {
        self.records += records;
    }

    /// What publishing does with a file of the final name.
    pub fn existing(&self) -> Existing {
        self.permission.existing
    }

    /// How far it has come.
    pub fn mark(&self) -> Mark {
        match &self.stage {
            Stage::Planned(_) => match self.extends {
                Some(Standing { length, crc }) => Mark { length, crc, tail: Vec::new() },
                None => Mark::default(),
            },
            Stage::Restart(_) => Mark::default(),
            Stage::Open(staged) => staged.mark(),
            Stage::Closed(_, mark) => mark.clone(),
        }
    }

    /// What a checkpoint says of it.
    pub fn entry(&self) -> OutputEntry {
        let Mark { length, crc, tail } = self.mark();
        let target = self.name().target.to_string_lossy().into_owned();
        let Permission { existing, ours } = self.permission;
        let replaces = existing == Existing::Replace;
        let (name, records, extends) = (self.role.clone(), self.records, self.extends);
        OutputEntry { name, target, length, crc, tail, records, replaces, ours, extends }
    }

    /// Where it goes and what it holds.
    pub fn written(&self) -> Written {
        Written { target: self.name().target.clone(), records: self.records }
    }

    /// What has to become durable before a checkpoint refers to it; from now on counted as durable, since a failure of it
    /// ends the run.
    pub fn take_unsynced(&mut self) -> Unsynced {
        if self.is_planned() {
            return Unsynced { has_bytes: false, has_name: false };
        }
        let length = self.length();
        let unsynced =
            Unsynced { has_bytes: length > self.length_synced, has_name: !self.name_is_synced };
        self.length_synced = length;
        self.name_is_synced = true;
        unsynced
    }
}
