//! `onward check`: validate a job without reading its records.

use super::args::CheckArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages;
use super::numbers::counted;
use super::world::{Teller, looking, real};
use crate::engine::{self, Columns, Decision, Others, Outlook, StepShape};
use crate::error::Kind;
use std::sync::Arc;

/// Says what is wrong with a job, or what its records look like at the end of its chain.
///
/// # Errors
/// With everything that is wrong, or where the job's files cannot be read.
pub fn check(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let CheckArguments { job: arguments, explain } = arguments;
    let world = real(Arc::new(Teller::default()));
    let loaded = job_file::load(&world, arguments)?;
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
    if *explain {
        text += &explained(&engine::explain(&bound.plan));
    }
    for field in &bound.plan.chain.layout.fields {
        text += &format!("   {}: {}\n", messages::escape(&field.name), field.data_type);
    }
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Each step with what a record looks like before and behind it.
fn explained(steps: &[StepShape]) -> String {
    let mut text = String::new();
    for (number, step) in (1..).zip(steps) {
        let name = match step.name == step.kind {
            true => String::new(),
            false => format!(" `{}`", messages::escape(&step.name)),
        };
        let state = if step.keeps_state { ", keeps state" } else { "" };
        let before = columns(&step.before);
        let behind = match step.behind == step.before {
            true => "the same".to_owned(),
            false => columns(&step.behind),
        };
        text += &format!("{number}. {}{name}{state}\n", step.kind);
        text += &format!("   in:  {before}\n   out: {behind}\n");
    }
    text + "output\n"
}

/// The columns of a record with their types, in one line.
fn columns(columns: &Columns) -> String {
    let known = columns.known.iter();
    let mut parts: Vec<String> =
        known.map(|(name, data_type)| format!("{} {data_type}", messages::escape(name))).collect();
    if let Others::Any { except } = &columns.others {
        let other = if parts.is_empty() { "any key" } else { "any other key" };
        let except: Vec<_> = except.iter().map(|name| messages::escape(name)).collect();
        parts.push(match except.is_empty() {
            true => other.to_owned(),
            false => format!("{other} but {}", except.join(", ")),
        });
    }
    parts.join(", ")
}
