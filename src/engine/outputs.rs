//! The outputs of a run together: sinks, their partitions and the file of rejects, staged, marked at barriers, published.

use super::output::{Output, OutputPlan, Place, is_untouched, known};
use super::partitions::{Admission, Partitions};
use super::routes::Part;
use super::summary::Written;
use super::world::World;
use crate::checkpoint::{EarlierOutput, OutputEntry};
use crate::error::{Error, Result};
use crate::job::{Job, SinkSettings};
use crate::sink::settings::Target;
use crate::sink::{self, Mark, PartitionName};
use crate::storage::mutants::{Mutant, is_on};
use crate::storage::{Existing, File, Storage};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// All outputs of a run.
#[derive(Debug)]
pub struct Outputs {
    sinks: Vec<Sink>,
    /// What stands before the first record of each.
    headers: Vec<Vec<u8>>,
    rejects: Option<Output>,
    admission: Admission,
}

#[derive(Debug)]
enum Sink {
    File(Box<Output>),
    Partitions(Box<Partitions>),
    Stdout,
}

/// What a checkpoint has to make durable before it may refer to the outputs.
#[derive(Debug, Default)]
pub struct Syncs {
    /// Files with new bytes.
    pub files: Vec<(PathBuf, Arc<dyn File>)>,
    /// The same, to be opened for it.
    pub closed: Vec<PathBuf>,
    /// Folders with new names.
    pub folders: Vec<PathBuf>,
}

impl Syncs {
    /// Adds a folder, once.
    pub fn add_folder(&mut self, folder: &Path) {
        if !self.folders.iter().any(|known| known == folder) {
            self.folders.push(folder.to_path_buf());
        }
    }

    /// These and others.
    pub fn and(mut self, others: Syncs) -> Syncs {
        self.files.extend(others.files);
        self.closed.extend(others.closed);
        others.folders.iter().for_each(|folder| self.add_folder(folder));
        self
    }
}

impl Outputs {
    /// The outputs of a job: those of [`super::output::planned`], and the partitions that there are already.
    pub fn new(
        job: &Job,
        made: Vec<(OutputPlan, Output)>,
        mut admission: Admission,
    ) -> Result<Outputs> {
        let mut sinks: Vec<Option<Sink>> = Vec::new();
        let is_partitioned = |sink: &&SinkSettings| matches!(sink.target, Target::Partitions(_));
        let partitioned = job.sinks.iter().filter(is_partitioned).count();
        for sink in &job.sinks {
            sinks.push(match &sink.target {
                Target::File(_) => None,
                Target::Stdout => Some(Sink::Stdout),
                Target::Partitions(settings) => {
                    Some(Sink::Partitions(Box::new(Partitions::new(settings.max, partitioned))))
                }
            });
        }
        let mut rejects = None;
        for (plan, output) in made {
            admission.own_known(&plan)?;
            match plan.place {
                Place::Sink(index) => sinks[index] = Some(Sink::File(Box::new(output))),
                Place::Rejects => rejects = Some(output),
                Place::Partition(index, name) => match &mut sinks[index] {
                    Some(Sink::Partitions(partitions)) => partitions.put(name, output),
                    _ => return Err(Error::internal("a partition of a sink without such")),
                },
            }
        }
        let sinks = sinks.into_iter().map(|sink| sink.expect("every file is planned"));
        Ok(Outputs { sinks: sinks.collect(), headers: Vec::new(), rejects, admission })
    }

    /// Makes those staged files that are not there yet, except partitions, and writes what stands before the first
    /// record. A checkpoint must name the job's id before: a staged file of which nobody knows would stay for ever.
    pub fn open(&mut self, world: &World, headers: Vec<Vec<u8>>) -> Result<()> {
        for (sink, header) in self.sinks.iter_mut().zip(&headers) {
            match sink {
                Sink::File(output) if output.is_made_at_once() => open(world, output, header)?,
                Sink::File(_) => {}
                Sink::Partitions(partitions) => partitions.set_header(header.clone()),
                Sink::Stdout => print(world, header)?,
            }
        }
        self.headers = headers;
        match &mut self.rejects {
            Some(output) if output.is_made_at_once() => output.open(world),
            _ => Ok(()),
        }
    }

    /// Makes room for partitions that are new in these parts; all or none of them.
    pub fn admit(&mut self, world: &World, job: &Job, parts: &[Part]) -> Result<()> {
        let mut admitted: Vec<(usize, Vec<(PartitionName, Output)>)> = Vec::new();
        for (index, sink) in self.sinks.iter().enumerate() {
            let Sink::Partitions(partitions) = sink else { continue };
            let parts: Vec<&Part> = parts.iter().filter(|part| part.sink == index).collect();
            let new = partitions.admit(world, job, &mut self.admission, &parts)?;
            admitted.push((index, new));
        }
        for (index, new) in admitted {
            let Sink::Partitions(partitions) = &mut self.sinks[index] else { continue };
            for (name, output) in new {
                // What stood there is from now on told by the output itself.
                self.admission.earlier.remove(output.role());
                partitions.put(name, output);
            }
        }
        Ok(())
    }

    /// Appends to a sink, or to a partition that was admitted.
    pub fn append(&mut self, world: &World, part: &Part) -> Result<()> {
        match &mut self.sinks[part.sink] {
            Sink::File(_) if part.bytes.is_empty() => Ok(()),
            Sink::File(output) => {
                open(world, output, &self.headers[part.sink])?;
                output.count(part.records);
                output.staged().append(&part.bytes, Some(&part.digest))
            }
            Sink::Partitions(partitions) => partitions.append(world, part),
            Sink::Stdout => print(world, &part.bytes),
        }
    }

    /// Appends to the file of rejects, where there is one.
    pub fn append_rejects(&mut self, world: &World, bytes: &[u8], records: u64) -> Result<()> {
        match &mut self.rejects {
            Some(output) if !bytes.is_empty() => {
                output.open(world)?;
                output.count(records);
                output.staged().append(bytes, None)
            }
            _ => Ok(()),
        }
    }

    /// Where the rejects so far are.
    pub fn rejects_staged(&self) -> Option<&Path> {
        self.rejects.as_ref().map(|output| output.name().staged.as_path())
    }

    /// What a checkpoint says of the outputs.
    pub fn entries(&self) -> Vec<OutputEntry> {
        let mut entries = Vec::new();
        for sink in &self.sinks {
            match sink {
                Sink::File(output) => entries.push(output.entry()),
                Sink::Partitions(partitions) => {
                    entries.extend(partitions.files().iter().map(Output::entry));
                }
                Sink::Stdout => {}
            }
        }
        entries.extend(self.rejects.iter().map(Output::entry));
        entries
    }

    /// The outputs of the sinks and the records in them.
    pub fn written(&self) -> Vec<Written> {
        let mut written = Vec::new();
        for sink in &self.sinks {
            match sink {
                Sink::File(output) => written.push(output.written()),
                Sink::Partitions(partitions) => {
                    written.extend(partitions.files().iter().map(Output::written));
                }
                Sink::Stdout => {}
            }
        }
        written
    }

    /// What earlier starts of the job published and this one may replace, should it come to the same names.
    pub fn earlier(&self) -> Vec<EarlierOutput> {
        self.admission.earlier_outputs()
    }

    /// What must be durable before a checkpoint with the present [`Outputs::entries`] is saved; from now on
    /// counted as durable, since a failure of it ends the run.
    pub fn syncs(&mut self) -> Syncs {
        let mut syncs = Syncs::default();
        for sink in &mut self.sinks {
            if let (Sink::File(output), true) =
                (&mut *sink, is_on(Mutant::CheckpointTracedInOutput))
                && output.is_open()
            {
                _ = output.staged().append(b"\n", None);
            }
            match sink {
                Sink::File(output) => sync_into(output, &mut syncs),
                Sink::Partitions(partitions) => partitions.sync_into(&mut syncs),
                Sink::Stdout => {}
            }
        }
        if let Some(output) = &mut self.rejects {
            sync_into(output, &mut syncs);
        }
        syncs
    }

    /// Gives all outputs their final names. They must be durable, and a checkpoint must say so.
    pub fn publish(&mut self, world: &World) -> Result<()> {
        let storage = &*world.storage;
        for sink in &mut self.sinks {
            match sink {
                Sink::File(output) => publish(storage, output)?,
                Sink::Partitions(partitions) => partitions.publish(world)?,
                Sink::Stdout => {}
            }
        }
        self.rejects.iter_mut().try_for_each(|output| publish(storage, output))
    }
}

/// Opens an output, and makes it where it is not there yet.
fn open(world: &World, output: &mut Output, header: &[u8]) -> Result<()> {
    if !output.is_open() {
        output.open(world)?;
    }
    if output.length() == 0 { output.staged().append(header, None) } else { Ok(()) }
}

/// Gives an output its final name; one that was not made has nothing new.
fn publish(storage: &dyn Storage, output: &mut Output) -> Result<()> {
    if output.is_planned() {
        return Ok(());
    }
    let existing = output.existing();
    output.staged().publish(storage, existing)
}

fn print(world: &World, bytes: &[u8]) -> Result<()> {
    let mut stdout = world.stdout.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = |cause| Error::failed("cannot write to standard output").with_cause(cause);
    stdout.write_all(bytes).map_err(failed)
}

fn sync_into(output: &mut Output, syncs: &mut Syncs) {
    let unsynced = output.take_unsynced();
    if unsynced.has_bytes {
        let (path, handle) = (output.name().staged.clone(), output.staged().handle());
        syncs.files.push((path, handle));
    }
    if unsynced.has_name {
        syncs.add_folder(&output.name().folder);
    }
}

/// Goes on publishing where an earlier run was stopped: first all are found, then they get their names.
pub fn publish_again(
    job: &Job,
    world: &World,
    instance: &str,
    entries: &[OutputEntry],
    overwrite: bool,
) -> Result<()> {
    let mut found = Vec::new();
    for (plan, entry) in known(job, entries)? {
        let entry = entry.ok_or_else(|| lost(&plan))?;
        if is_untouched(&plan, entry) {
            continue;
        }
        let mark = Mark { length: entry.length, crc: entry.crc, tail: Vec::new() };
        let whereabouts = sink::find(&*world.storage, &plan.name(instance), &mark)?;
        let whereabouts = whereabouts.ok_or_else(|| lost(&plan))?;
        found.push((plan, entry, mark, whereabouts));
    }
    for (plan, entry, mark, whereabouts) in found {
        let replaces = entry.replaces || overwrite || plan.overwrite;
        let existing = if replaces { Existing::Replace } else { Existing::Keep };
        sink::publish(&*world.storage, &plan.name(instance), &mark, existing, whereabouts)?;
    }
    Ok(())
}

fn lost(plan: &OutputPlan) -> Error {
    let target = plan.target.display();
    Error::refused(format!(
        "the finished output `{target}` is gone or has changed before it got its name"
    ))
    .with_hint("restore its `.partial` file, or start over with `--fresh`")
}
