//! `onward checkpoint show`: what a checkpoint holds.

use super::args::{ShowArguments, StateFormat};
use super::{chosen, open, refused};
use crate::checkpoint::SavepointName;
use crate::cli::exit::Exit;
use crate::cli::job_file::Failure;
use crate::cli::messages;
use crate::cli::world::{Teller, real};
use crate::engine::{self, Notation};
use crate::error::Error;
use serde_json::{Value as Json, json};
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
    let sections: Vec<_> = checkpoint
        .sections
        .iter()
        .map(|section| {
            json!({
                "name": section.name,
                "form": section.form,
                "version": section.version,
                "bytes": section.bytes.len(),
            })
        })
        .collect();
    let mut shown = json!({
        "checkpoint": sequence,
        "parent": checkpoint.parent,
        "savepoints": names.iter().map(SavepointName::as_str).collect::<Vec<_>>(),
        "manifest": checkpoint.manifest,
        "sections": sections,
    });
    if !arguments.json {
        shorten(&mut shown["manifest"], "outputs");
        shorten(&mut shown["manifest"], "earlier");
    }
    let text = if arguments.json {
        shown.to_string()
    } else {
        serde_json::to_string_pretty(&shown)
            .map_err(|cause| Failure::Error(Error::internal("JSON").with_cause(cause)))?
    };
    messages::answer(&format!("{text}\n"))?;
    Ok(Exit::Finished)
}

/// Leaves the first entries of a long list and says how many more there are. For people: `--json` gives all.
fn shorten(manifest: &mut Json, key: &str) {
    const SHOWN: usize = 8;
    if let Some(Json::Array(entries)) = manifest.get_mut(key)
        && entries.len() > SHOWN
    {
        let more = entries.len() - SHOWN;
        entries.truncate(SHOWN);
        entries.push(json!(format!("... and {more} more; `--json` shows all")));
    }
}
