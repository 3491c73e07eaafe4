//! `onward checkpoint show`: what a checkpoint holds.

use super::args::{ShowArguments, StateFormat};
use super::{chosen, open, refused};
use crate::checkpoint::{Checkpoint, Form, Phase, SavepointName, Section, Sequence};
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages::{self, escape};
use crate::cli::numbers::{bytes, counted};
use crate::cli::standing::{output_lines, progress_lines, round_line};
use crate::cli::world::{Teller, real};
use crate::engine::{self, Notation};
use serde_json::json;
use std::sync::Arc;

/// Shows the manifest and what there is of state.
pub fn show(arguments: &ShowArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let (state, format) = (&arguments.state, arguments.format);
    let arguments = &arguments.one;
    let (job, folder) = open(&world, &arguments.job)?;
    let sequence = chosen(&folder, arguments.checkpoint.as_deref())?;
    if let Some(step) = state {
        let notation = match format {
            _ if arguments.json => Notation::Jsonl,
            Some(StateFormat::Jsonl) => Notation::Jsonl,
            Some(StateFormat::Csv) | None => Notation::Csv,
        };
        let take = &mut messages::answer_bytes;
        engine::show_state(&job, &world, &folder, sequence, step, notation, take)?;
        return Ok(Exit::Finished);
    }
    let names = folder.names_of(sequence)?;
    let read = folder.read(sequence)?;
    let checkpoint = read.map_err(|invalid| refused(sequence, &invalid.to_string()))?.checkpoint;
    let text = match arguments.json {
        true => as_json(sequence, &checkpoint, &names),
        false => as_text(sequence, &checkpoint, &names),
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Everything but the bytes of states.
fn as_json(sequence: Sequence, checkpoint: &Checkpoint, names: &[SavepointName]) -> String {
    let section = |section: &Section| {
        json!({
            "name": section.name,
            "form": section.form,
            "version": section.version,
            "bytes": section.bytes.len(),
        })
    };
    let shown = json!({
        "checkpoint": sequence,
        "parent": checkpoint.parent,
        "savepoints": names.iter().map(SavepointName::as_str).collect::<Vec<_>>(),
        "manifest": checkpoint.manifest,
        "sections": checkpoint.sections.iter().map(section).collect::<Vec<_>>(),
    });
    format!("{shown}\n")
}

/// What people ask a checkpoint.
fn as_text(sequence: Sequence, checkpoint: &Checkpoint, names: &[SavepointName]) -> String {
    let manifest = &checkpoint.manifest;
    let mut time = Vec::new();
    crate::record::text::write_timestamp(&mut time, manifest.taken_at_micros);
    let mut lines = Vec::new();
    lines.push(format!(
        "taken {} UTC by onward {}",
        String::from_utf8_lossy(&time[..19]),
        escape(&manifest.onward_version)
    ));
    if !names.is_empty() {
        let names: Vec<&str> = names.iter().map(SavepointName::as_str).collect();
        lines.push(format!("savepoint {}", names.join(", ")));
    }
    lines.push(match manifest.phase {
        Phase::Reading => "reading".to_owned(),
        Phase::Draining => "all input is read; what steps hold back is being written".to_owned(),
        Phase::Publishing => "all is written; outputs are getting their names".to_owned(),
        Phase::Done => "finished".to_owned(),
    });
    lines.extend(round_line(manifest));
    lines.extend(progress_lines(manifest));
    lines.extend(output_lines(manifest));
    let is_step = |section: &&Section| manifest.steps.iter().any(|step| step.name == section.name);
    for section in checkpoint.sections.iter().filter(is_step) {
        let what = if section.form == Form::Delta { ", of changes" } else { "" };
        let size = bytes(section.bytes.len() as u64);
        lines.push(format!("state of {}: {size}{what}", escape(&section.name)));
    }
    if let Some(parent) = &checkpoint.parent {
        lines.push(format!("the changes are those since checkpoint {}", parent.sequence));
    }
    if let files @ 1.. = manifest.spills.len() as u64 {
        let size = manifest.spills.iter().map(|spill| spill.length).fold(0, u64::saturating_add);
        lines.push(format!("spilled: {}, {}", counted(files, "file"), bytes(size)));
    }
    let trigger = manifest.trigger.word();
    let name = escape(&manifest.job_name);
    let mut text = format!("{name}: checkpoint {sequence} ({trigger})\n");
    lines.iter().for_each(|line| text += &format!("   {line}\n"));
    text + "   `--json` shows all of it, `--state STEP` what a step remembers\n"
}
