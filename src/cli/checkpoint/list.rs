//! `onward checkpoint list`: a job's checkpoints, oldest first.

use super::open;
use crate::checkpoint::Manifest;
use crate::checkpoint::format::Skimmed;
use crate::cli::args::AnswerArguments;
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::numbers::{bytes, thousands};
use crate::cli::world::{Teller, real};
use crate::engine;
use serde_json::json;
use std::sync::Arc;

/// Lists all checkpoints, those that are not usable too.
pub fn list(arguments: &AnswerArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (job, folder) = open(&world, &arguments.job)?;
    let savepoints = folder.savepoints()?;
    let mut text = match arguments.json {
        true => String::new(),
        false => "number  taken (UTC)          why              bytes  records\n".to_owned(),
    };
    for (sequence, skimmed) in folder.list()? {
        let read = match skimmed {
            Ok(skimmed) => folder.read(sequence)?.map(|read| (skimmed, read)),
            Err(invalid) => Err(invalid),
        };
        let names = savepoints.iter().filter(|one| one.sequence == sequence);
        let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
        let line = match (read, arguments.json) {
            (Ok((skimmed, read)), true) => as_json(&skimmed, &read.checkpoint.manifest, &names),
            (Err(invalid), true) => json!({
                "checkpoint": sequence, "invalid": invalid.to_string(), "savepoints": names,
            })
            .to_string(),
            (Ok((skimmed, read)), false) => as_text(&skimmed, &read.checkpoint.manifest, &names),
            (Err(invalid), false) => {
                format!("{sequence:>6}  not usable: {invalid}{}", beside(&names))
            }
        };
        text += &line;
        text.push('\n');
    }
    if let (false, Some(owner)) = (arguments.json, engine::owner(&folder)?)
        && owner != job.name
    {
        let (owner, name) = (escape(&owner), escape(&job.name));
        text += &format!("the newest is of job `{owner}`, and this one is `{name}`\n");
    }
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn as_json(skimmed: &Skimmed, manifest: &Manifest, names: &[&str]) -> String {
    json!({
        "checkpoint": skimmed.id.sequence,
        "job": manifest.job_name,
        "parent": skimmed.parent.map(|parent| parent.sequence),
        "savepoints": names,
        "bytes": skimmed.length,
        "spill_bytes": spill_bytes(manifest),
        "trigger": manifest.trigger,
        "phase": manifest.phase,
        "taken_at_micros": manifest.taken_at_micros,
        "records_read": manifest.counters.records_read,
        "bytes_read": manifest.counters.bytes_read,
    })
    .to_string()
}

fn as_text(skimmed: &Skimmed, manifest: &Manifest, names: &[&str]) -> String {
    let mut time = Vec::new();
    crate::record::text::write_timestamp(&mut time, manifest.taken_at_micros);
    let spilled = match spill_bytes(manifest) {
        0 => String::new(),
        spilled => format!("  ({} in spills)", bytes(spilled)),
    };
    format!(
        "{:>6}  {}  {:<10}  {:>10}  {}{spilled}{}",
        skimmed.id.sequence.0,
        String::from_utf8_lossy(&time[..19]),
        manifest.trigger.word(),
        bytes(skimmed.length),
        thousands(manifest.counters.records_read),
        beside(names)
    )
}

/// The names of a checkpoint, behind its line.
fn beside(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!("  savepoint {}", names.join(", ")),
    }
}

/// Bytes of the files beside a checkpoint that it needs.
fn spill_bytes(manifest: &Manifest) -> u64 {
    manifest.spills.iter().map(|spill| spill.length).fold(0, u64::saturating_add)
}
