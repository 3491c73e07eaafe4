//! What earlier runs left of the outputs: cut back to a checkpoint, removed, or told of.
//!
//! Called only when every check has passed, or of what can only be looked at.

use super::inputs::Inputs;
use super::output::{Output, OutputPlan, Permission};
use super::prepare::tell;
use super::survey::{OutputPast, RestoredOutput};
use super::world::{RunOptions, World};
use crate::checkpoint::Manifest;
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::sink::settings::Target;
use crate::sink::{
    Inspected, Mark, PathPattern, StagedName, discard, discard_staged, is_staged_by, leftovers,
    refuse_writers_of,
};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Cuts all outputs back to a checkpoint; partitions are closed again.
pub fn rewind_all(
    world: &World,
    options: &RunOptions,
    inputs: &Inputs,
    instance: &str,
    outputs: Vec<RestoredOutput>,
) -> Result<Vec<(OutputPlan, Output)>> {
    let mut opened = Vec::new();
    for RestoredOutput { plan, past } in outputs {
        let overwrite = options.overwrite || plan.overwrite;
        let output = match past {
            OutputPast::Written { inspected, records, permission, extends } => {
                let permission = permission.widened(overwrite);
                rewind(world, &plan, inspected, permission, records)?.extending(extends, records)
            }
            OutputPast::Partition { mark, records, permission } => {
                let inspected = inspect_again(world, &plan, instance, &mark)?;
                let permission = permission.widened(overwrite);
                let mut output = rewind(world, &plan, inspected, permission, records)?;
                output.close();
                output
            }
            OutputPast::Restart { permission } => {
                let mut inspected = inspect_again(world, &plan, instance, &Mark::default())?;
                claim(world, &mut inspected)?;
                Output::restarted(&plan, inspected, permission.widened(overwrite))
            }
            OutputPast::Blank { records, permission, extends } => {
                discard(&*world.storage, &plan.name(instance))?;
                let output = Output::planned(&plan, instance, permission.widened(overwrite));
                output.extending(extends, records)
            }
            OutputPast::Published(entry) => Output::published(&plan, instance, &entry),
            OutputPast::New => {
                let permission = plan.check(world, instance, &inputs.known(), &[], overwrite)?;
                Output::planned(&plan, instance, permission)
            }
        };
        opened.push((plan, output));
    }
    Ok(opened)
}

fn rewind(
    world: &World,
    plan: &OutputPlan,
    mut inspected: Inspected,
    permission: Permission,
    records: u64,
) -> Result<Output> {
    claim(world, &mut inspected)?;
    Ok(Output::rewound(plan, inspected.rewind()?, permission, records))
}

fn inspect_again(
    world: &World,
    plan: &OutputPlan,
    instance: &str,
    mark: &Mark,
) -> Result<Inspected> {
    plan.inspect(world, instance, mark)?.map_err(|mismatch| {
        let path = plan.name(instance).staged;
        Error::refused(format!("the unfinished output `{}`: {mismatch}", path.display()))
    })
}

/// The paths of the partitioned sinks.
pub fn patterns(job: &Job) -> impl Iterator<Item = &PathPattern> {
    job.sinks.iter().filter_map(|sink| match &sink.target {
        Target::Partitions(partitions) => Some(&partitions.path),
        Target::File(_) | Target::Stdout => None,
    })
}

/// Removes the staged files of partitions that a killed run of this job made behind its last checkpoint.
pub fn sweep_partitions(
    job: &Job,
    world: &World,
    instance: &str,
    known: &BTreeSet<PathBuf>,
) -> Result<()> {
    for pattern in patterns(job) {
        for path in pattern.staged(&*world.storage)? {
            if is_staged_by(&path, instance) && !known.contains(&path) {
                discard_staged(&*world.storage, &path)?;
            }
        }
    }
    Ok(())
}

/// Refuses where another run is writing partitions, and tells of those that nobody will finish.
pub fn check_leftover_partitions(job: &Job, world: &World, past: Option<&Manifest>) -> Result<()> {
    for pattern in patterns(job) {
        let mut staged = pattern.staged(&*world.storage)?;
        refuse_writers_of(&*world.storage, &staged)?;
        let known = past.map(|manifest| manifest.instance.to_string());
        staged.retain(|path| !known.as_ref().is_some_and(|known| is_staged_by(path, known)));
        if let Some(first) = staged.first() {
            let (count, first) = (staged.len(), first.display());
            let note = format!(
                "there are unfinished outputs of an earlier start, {count} of them, such as `{first}`; remove them if no job needs them"
            );
            tell(world, &note);
        }
    }
    Ok(())
}

/// Takes the lock of an output. We hold the job's: who still holds this one is a process that is just ending.
pub(super) fn claim(world: &World, inspected: &mut Inspected) -> Result<()> {
    const ATTEMPTS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 0..ATTEMPTS {
        if inspected.claim(&*world.storage)? {
            return Ok(());
        }
        (world.pause)(PAUSE);
    }
    let message = format!("another run is writing `{}`", inspected.path().display());
    Err(Error::new(Kind::Locked, message))
}

/// Unfinished outputs of which no checkpoint is left are named, so that somebody can remove them. They may also belong to
/// another job with this target, so that it is not for us to do.
pub fn tell_leftovers(world: &World, name: &StagedName, past: Option<&Manifest>) -> Result<()> {
    let known = past.map(|manifest| manifest.instance.to_string());
    for path in leftovers(&*world.storage, name)? {
        let is_known = known.as_ref().is_some_and(|known| path.to_string_lossy().contains(known));
        if !is_known {
            let path = path.display();
            tell(
                world,
                &format!(
                    "`{path}` is an unfinished output of an earlier start; remove it if no job needs it"
                ),
            );
        }
    }
    Ok(())
}
