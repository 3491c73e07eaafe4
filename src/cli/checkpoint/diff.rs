//! `onward checkpoint diff`: what changed between two checkpoints.

use super::args::DiffArguments;
use super::{chosen, open};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::numbers::{bytes, thousands};
use crate::cli::world::{Teller, real};
use crate::engine::{self, Differences, OutputPair, Pair, StepPair};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Outputs that are named; the others are counted.
const OUTPUTS_SHOWN: usize = 8;

/// Says what is different.
pub fn diff(arguments: &DiffArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (job, folder) = open(&world, &arguments.job)?;
    let from = chosen(&folder, Some(&arguments.from))?;
    let to = chosen(&folder, arguments.to.as_deref())?;
    let mut differences = engine::compare(&folder, from, to)?;
    engine::compare_keys(&job, &world, &folder, &mut differences)?;
    let text = if arguments.json {
        format!("{}\n", as_json(&job.name, &differences))
    } else {
        as_text(&job.name, &differences)
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn as_text(name: &str, differences: &Differences) -> String {
    let Differences { sequence, instance, phase, position, input, counters, .. } = differences;
    let name = escape(name);
    let mut text =
        format!("{name}: from checkpoint {} to checkpoint {}\n", sequence.from, sequence.to);
    if instance.from != instance.to {
        text += "   they are of different starts of the job\n";
    }
    if phase.from != phase.to {
        text += &format!("   phase: {:?} to {:?}\n", phase.from, phase.to).to_lowercase();
    }
    let place = |input: &Option<String>, offset: u64| match input {
        Some(input) => format!("byte {} of {}", thousands(offset), escape(input)),
        None => "behind the last input".to_owned(),
    };
    let (before, after) =
        (place(&input.from, position.from.offset), place(&input.to, position.to.offset));
    text += &format!("   position: {before} to {after}\n");
    let counted = |what: &str, from: u64, to: u64| match from == to {
        true => String::new(),
        false => format!(
            "   records {what}: {} to {} ({})\n",
            thousands(from),
            thousands(to),
            signed(from, to, thousands)
        ),
    };
    let (old, new) = (&counters.from, &counters.to);
    text += &counted("read", old.records_read, new.records_read);
    text += &counted("filtered", old.records_filtered, new.records_filtered);
    text += &counted("written", old.records_written, new.records_written);
    text += &counted("rejected", old.records_rejected, new.records_rejected);
    let changed = |output: &&OutputPair| output.bytes.from != output.bytes.to;
    let outputs: Vec<&OutputPair> = differences.outputs.iter().filter(changed).collect();
    for output in outputs.iter().take(OUTPUTS_SHOWN) {
        let Pair { from, to } = output.bytes;
        let (name, grown) = (escape(&output.name), signed(from, to, bytes));
        text += &format!("   output {name}: {} to {} ({grown})\n", bytes(from), bytes(to));
    }
    if let more @ 1.. = outputs.len().saturating_sub(OUTPUTS_SHOWN) {
        text += &format!("   and {} more outputs; `--json` shows all\n", thousands(more as u64));
    }
    differences.steps.iter().for_each(|step| text += &step_line(step));
    for change in &differences.job {
        let path = escape(&change.path);
        let (stored, current) = (change.stored.to_string(), change.current.to_string());
        text += &format!("   job: {path}: {} to {}\n", escape(&stored), escape(&current));
    }
    text
}

fn step_line(step: &StepPair) -> String {
    let Pair { from, to } = step.bytes;
    let mut line = format!("   state of {}: {} to {}", escape(&step.name), bytes(from), bytes(to));
    if let Some(keys) = step.keys {
        let [from, to] = [keys.from, keys.to].map(thousands);
        let [new, gone, changed] = [keys.new, keys.gone, keys.changed].map(thousands);
        line += &format!("; {from} to {to} keys: {new} new, {gone} gone, {changed} changed");
    }
    line + "\n"
}

/// How much more or less.
fn signed(from: u64, to: u64, show: fn(u64) -> String) -> String {
    match to.checked_sub(from) {
        Some(more) => format!("+{}", show(more)),
        None => format!("-{}", show(from - to)),
    }
}

fn as_json(name: &str, differences: &Differences) -> Json {
    let Differences { sequence, instance, phase, position, input, counters, .. } = differences;
    let output = |output: &OutputPair| {
        json!({
            "name": output.name,
            "bytes": [output.bytes.from, output.bytes.to],
            "records": [output.records.from, output.records.to],
        })
    };
    let step = |step: &StepPair| {
        let keys = step.keys.map(|keys| {
            json!({
                "from": keys.from, "to": keys.to, "new": keys.new, "gone": keys.gone,
                "changed": keys.changed,
            })
        });
        json!({ "name": step.name, "bytes": [step.bytes.from, step.bytes.to], "keys": keys })
    };
    let change = |change: &crate::job::diff::Change| json!({ "path": change.path, "from": change.stored, "to": change.current });
    json!({
        "job": name,
        "checkpoints": [sequence.from, sequence.to],
        "instances": [instance.from, instance.to],
        "phases": [phase.from, phase.to],
        "positions": [position.from, position.to],
        "inputs": [input.from, input.to],
        "counters": [counters.from, counters.to],
        "outputs": differences.outputs.iter().map(output).collect::<Vec<_>>(),
        "steps": differences.steps.iter().map(step).collect::<Vec<_>>(),
        "changes": differences.job.iter().map(change).collect::<Vec<_>>(),
    })
}
