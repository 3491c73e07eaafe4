//! `onward status`: how far a job is.

use super::args::AnswerArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages::{self, escape};
use super::numbers::{bytes, counted, duration, short};
use super::standing::{input_bytes, output_lines, progress_lines, round_line};
use super::world::{Teller, real};
use crate::checkpoint::{
    Holder, Loaded, Manifest, OutputEntry, Phase, Refused, Restored, Sequence, Trust,
};
use crate::engine::{self, News};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is known of a job.
struct Status {
    /// The process that runs it.
    running: Option<Option<Holder>>,
    newest: Option<Restored>,
    /// The folder of copies that it is in, where the job's own folder holds none as new.
    copy: Option<PathBuf>,
    /// Checkpoint files that a run would pass over.
    refused: Vec<Refused>,
    now_micros: i64,
    /// Of a finished incremental job, what is new of its inputs.
    news: Vec<News>,
}

/// Shows how far a job is.
///
/// # Errors
/// Where the job file is wrong, or the job's folder cannot be read.
pub fn status(arguments: &AnswerArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let job = job_file::load(&world, &arguments.job)?.job;
    let mut status = Status {
        running: None,
        newest: None,
        copy: None,
        refused: Vec::new(),
        now_micros: world.clock.wall_micros(),
        news: Vec::new(),
    };
    let mut loaded = Loaded { newest: None, refused: Vec::new(), sequence_max: Sequence(0) };
    if let Some(folder) = engine::folder(&job, &world, Trust::Anyones)? {
        if folder.is_locked()? {
            status.running = Some(folder.holder());
        }
        loaded = folder.peek()?;
    }
    if let Some((copied, path)) = engine::newest_copy(&job, &world, Trust::Anyones, &loaded) {
        (loaded.newest, status.copy) = (copied.newest, Some(path));
    }
    (status.newest, status.refused) = (loaded.newest, loaded.refused);
    if let Some(newest) = &status.newest {
        // What is wrong with the inputs `plan` tells.
        status.news = engine::news(&job, &newest.manifest, &world).unwrap_or_default();
    }
    let text = if arguments.json { status.as_json(&job.name) } else { status.as_text(&job.name) };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

impl Status {
    fn word(&self) -> &'static str {
        match (&self.running, self.newest.as_ref().map(|newest| newest.manifest.phase)) {
            (Some(_), _) => "running",
            (None, Some(Phase::Done)) => "finished",
            (None, Some(_)) => "stopped",
            (None, None) if !self.refused.is_empty() => "stopped, and no checkpoint is usable",
            (None, None) => "not started",
        }
    }

    fn as_text(&self, name: &str) -> String {
        let mut text = format!("{}: {}", escape(name), self.word());
        if let Some(Some(holder)) = &self.running {
            text += &format!(" (process {} on {})", holder.pid, escape(&holder.host));
        }
        text.push('\n');
        for refused in &self.refused {
            text += &format!("   checkpoint file {}\n", escape(&refused.to_string()));
        }
        let Some(newest) = &self.newest else { return text };
        let indented = |lines: Vec<String>| -> String {
            lines.iter().map(|line| format!("   {line}\n")).collect()
        };
        text += &indented(round_line(&newest.manifest).into_iter().collect());
        text += &format!(
            "   checkpoint {} ({}), {} ago\n",
            newest.id.sequence,
            newest.manifest.trigger.word(),
            duration(self.age(&newest.manifest))
        );
        if let Some(copy) = &self.copy {
            let copy = escape(&copy.display().to_string());
            text += &format!("   it is in the copy in {copy}; the next run takes it from there\n");
        }
        text += &indented(progress_lines(&newest.manifest));
        if !self.news.is_empty() {
            let total = bytes(self.news.iter().map(|news| news.bytes).sum());
            let inputs = counted(self.news.len() as u64, "input");
            text += &format!("   new since then: {total} of {inputs}\n");
        }
        if newest.manifest.outputs.iter().filter(|output| output.name != "rejects").count() > 1 {
            text += &indented(output_lines(&newest.manifest));
        }
        if let Some((records, input_bytes)) = rates(&newest.manifest) {
            text += &format!("   {} records/s, {}/s\n", short(records), bytes(input_bytes));
        }
        for (step, size) in sizes(newest) {
            text += &format!("   state of {}: {}\n", escape(step), bytes(size));
        }
        text
    }

    fn age(&self, manifest: &Manifest) -> Duration {
        let micros = self.now_micros.saturating_sub(manifest.taken_at_micros);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    fn as_json(&self, name: &str) -> String {
        let holder = self.running.as_ref().and_then(Option::as_ref);
        let newest = self.newest.as_ref().map(|newest| {
            json!({
                "checkpoint": newest.id.sequence,
                "copy": self.copy.as_ref().map(|path| path.display().to_string()),
                "trigger": newest.manifest.trigger,
                "phase": newest.manifest.phase,
                "taken_at_micros": newest.manifest.taken_at_micros,
                "position": newest.manifest.position,
                "counters": newest.manifest.counters,
                "bytes_total": newest.manifest.inputs.iter().map(input_bytes).sum::<u64>(),
                "news_bytes": self.news.iter().map(|news| news.bytes).sum::<u64>(),
                "round": newest.manifest.round.as_ref().map(|round| round.number),
                "state_bytes": state_bytes(newest),
                "outputs": outputs(&newest.manifest),
            })
        });
        let refused: Vec<String> = self.refused.iter().map(Refused::to_string).collect();
        let status = json!({ "job": name, "status": self.word(), "process": holder, "newest": newest, "refused": refused });
        format!("{status}\n")
    }
}

fn outputs(manifest: &Manifest) -> Json {
    let output = |output: &OutputEntry| {
        json!({
            "name": output.name,
            "target": output.target,
            "bytes": output.length,
            "records": output.records,
        })
    };
    manifest.outputs.iter().map(output).collect()
}

fn state_bytes(newest: &Restored) -> Json {
    let sizes = sizes(newest).into_iter();
    Json::Object(sizes.map(|(step, size)| (step.to_owned(), json!(size))).collect())
}

/// Records and input bytes a second, over all runs.
fn rates(manifest: &Manifest) -> Option<(u64, u64)> {
    let counters = manifest.counters;
    let rate = |count: u64| count.saturating_mul(1000).checked_div(counters.active_millis);
    Some((rate(counters.records_read)?, rate(counters.bytes_read)?))
}

/// Bytes of each step's state, as saved before compression.
fn sizes(newest: &Restored) -> Vec<(&str, u64)> {
    let size = |state: &crate::checkpoint::State| {
        state.parts.iter().map(|part| part.bytes.len() as u64).sum()
    };
    let steps = newest
        .states
        .iter()
        .filter(|state| newest.manifest.steps.iter().any(|step| step.name == state.name));
    steps.map(|state| (state.name.as_str(), size(state))).collect()
}
