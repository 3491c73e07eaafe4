//! How far a checkpoint is, in the lines that `status` and `checkpoint show` have in common.

use super::messages::escape;
use super::numbers::{bytes, counted, percent, thousands};
use super::plan::counted_of;
use crate::checkpoint::{InputEntry, Manifest, OutputEntry};

/// Outputs that are named; the others are counted.
const OUTPUTS_SHOWN: usize = 5;

/// The round of an incremental job, and what there was before it.
pub fn round_line(manifest: &Manifest) -> Option<String> {
    let round = manifest.round.as_ref()?;
    let before = counted(round.before.records_read, "record");
    Some(format!("round {}, with {before} before it", round.number))
}

/// What was read and what became of it.
pub fn progress_lines(manifest: &Manifest) -> Vec<String> {
    let Manifest { inputs, position, .. } = manifest;
    let counters = counted_of(manifest);
    let total: u64 = inputs.iter().map(input_bytes).sum();
    let mut lines = vec![format!(
        "read {} records, {} of {} ({} %)",
        thousands(counters.records_read),
        bytes(counters.bytes_read),
        bytes(total),
        percent(counters.bytes_read, total)
    )];
    if let Some(input) = inputs.get(position.source.0 as usize) {
        let (path, offset) = (escape(&input.path), thousands(position.offset));
        lines.push(format!("at byte {offset} of {path}, line {}", position.lines + 1));
    }
    lines.push(format!(
        "written {}, filtered {}, rejected {}",
        thousands(counters.records_written),
        thousands(counters.records_filtered),
        thousands(counters.records_rejected)
    ));
    lines
}

/// The first outputs besides that of the rejects, and how many more there are.
pub fn output_lines(manifest: &Manifest) -> Vec<String> {
    let is_sink = |output: &&OutputEntry| output.name != "rejects";
    let outputs: Vec<&OutputEntry> = manifest.outputs.iter().filter(is_sink).collect();
    let line = |output: &&OutputEntry| {
        let (name, records) = (escape(&output.name), counted(output.records, "record"));
        format!("output {name}: {records}, {}", bytes(output.length))
    };
    let mut lines: Vec<String> = outputs.iter().take(OUTPUTS_SHOWN).map(line).collect();
    if let more @ 1.. = outputs.len().saturating_sub(OUTPUTS_SHOWN) {
        lines.push(format!("and {} more outputs", thousands(more as u64)));
    }
    lines
}

/// Bytes of an input that are read, or were, in the round.
pub fn input_bytes(input: &InputEntry) -> u64 {
    let skipped =
        input.part.map_or(0, |part| if part.from.records > 0 { part.from.offset } else { 0 });
    input.fingerprint.size.saturating_sub(skipped)
}
