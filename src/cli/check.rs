//! `onward check`: validate a job without reading its records.

use super::args::JobArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages;
use super::numbers::counted;
use super::world::{Teller, looking, real};
use crate::engine::{self, Decision, Outlook};
use crate::error::Kind;
use std::sync::Arc;

/// Says what is wrong with a job, or what its records look like at the end of its chain.
///
/// # Errors
/// With everything that is wrong, or where the job's files cannot be read.
pub fn check(arguments: &JobArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let loaded = job_file::load(&*world.storage, arguments)?;
    let bound =
        engine::bind(&loaded.job, &world).map_err(|error| loaded.explain(&arguments.job, error))?;
    let command = format!("onward run {}", arguments.job.display());
    let outlook = engine::outlook(&loaded.job, &command, &looking(), &world);
    if let Ok(Outlook { decision: Decision::Refuse(error), .. }) | Err(error) = outlook
        && error.kind == Kind::Usage
    {
        return Err(loaded.explain(&arguments.job, error));
    }
    for note in &bound.inputs.notes {
        messages::show(&messages::note(note));
    }
    let steps = u64::try_from(loaded.job.transforms.len()).unwrap_or(u64::MAX);
    let inputs = u64::try_from(bound.inputs.files.len()).unwrap_or(u64::MAX);
    let file = messages::escape(&arguments.job.display().to_string());
    let mut text =
        format!("{file}: ok, {}, {}\n", counted(inputs, "input"), counted(steps, "step"));
    for field in &bound.plan.chain.layout.fields {
        text += &format!("   {}: {}\n", messages::escape(&field.name), field.data_type);
    }
    messages::answer(&text)?;
    Ok(Exit::Finished)
}
