//! Looks at an incremental job that goes on, and changes nothing: what is new of its inputs, or where its round was left.

use super::decision::{Facts, Found, Past, changed_inputs, changed_references};
use super::inputs::Inputs;
use super::output::planned;
use super::plan::{Plan, Purpose};
use super::rounds::{RoundInputs, current, next, next_output};
use super::survey::{Survey, blocked_resume, compare_references, found_of, restore};
use super::world::{RunOptions, World};
use crate::checkpoint::{OutputEntry, Phase, Restored, Round};
use crate::error::{Error, Result};
use crate::job::Job;

/// Looks at everything where an incremental job goes on.
pub fn survey_round(
    job: &Job,
    command: &str,
    options: &RunOptions,
    world: &World,
    newest: Restored,
    checkpoints: usize,
) -> Result<Survey> {
    let storage = &*world.storage;
    let past = newest.manifest.clone();
    let round = past.round.clone().unwrap_or_default();
    let job_of_round = job.of_round(round.number);
    let looked = match past.phase {
        Phase::Done => next(job, storage, &past, &round)?,
        _ => current(job, storage, &past, &round)?,
    };
    let RoundInputs { inputs, known, settled, findings, news, moved } = looked;
    let is_next = !news.is_empty();
    let found = found_of(job, newest.id.sequence, &past, checkpoints);
    let mut found = Found { inputs: findings, news, moved, ..found };
    if let Some(refusal) = changed_inputs(command, &found) {
        return Err(refusal);
    }
    // Once all is written nothing is looked up any more.
    if matches!(past.phase, Phase::Reading | Phase::Draining) {
        found.references = compare_references(&inputs, &past);
        if let Some(refusal) = changed_references(command, &found) {
            return Err(refusal);
        }
    }
    let now = if is_next { world.clock.wall_micros() } else { round.started_at_micros };
    let plan = Plan::bind(job, &inputs, now, Purpose::Run).map_err(Error::job_file)?;
    let mut restored = restore(&job_of_round, world, options, &plan, &inputs, newest, &mut found)?;
    let (job, round) = if is_next {
        plan.chain.begin_again(&mut restored.states, &plan);
        let (number, before) = (round.number + 1, past.counters);
        (job.of_round(number), Round { number, started_at_micros: now, before, settled })
    } else {
        (job_of_round, round)
    };
    let blocked = match is_next {
        true => blocked_round(&job, options, world, &inputs, &past.outputs),
        false => blocked_resume(options, world, &restored),
    };
    let found = Past::Checkpoint(Box::new(found));
    let facts = Facts::new(options, command, found, blocked.err());
    let (round, known, newest, past) = (Some(round), Some(known), Some(restored), Some(past));
    Ok(Survey { job, round, known, inputs, plan, facts, newest, past })
}

/// Whether the outputs of a new round can be made.
fn blocked_round(
    job: &Job,
    options: &RunOptions,
    world: &World,
    inputs: &Inputs,
    past: &[OutputEntry],
) -> Result<()> {
    for plan in planned(job) {
        next_output(&plan, world, &inputs.known(), past, options.overwrite)?;
    }
    Ok(())
}
