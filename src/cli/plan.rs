//! `onward plan`: say what a run would do.

use super::args::AnswerArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages::{self, escape};
use super::numbers::{bytes, percent, thousands};
use super::world::{Teller, looking, real};
use crate::checkpoint::Phase;
use crate::engine::{self, Decision, Outlook};
use crate::job::diff::{Change, ChangeClass};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Says what a run would do. The exit code is that of a run that would refuse, else 0.
///
/// # Errors
/// Where the job is wrong, or its files cannot be read.
pub fn plan(arguments: &AnswerArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let loaded = job_file::load(&world, &arguments.job)?;
    let command = format!("onward run {}", arguments.job.job.display());
    let outlook = engine::outlook(&loaded.job, &command, &looking(), &world)
        .map_err(|error| loaded.explain(&arguments.job.job, error))?;
    let text = if arguments.json {
        format!("{}\n", as_json(&loaded.job.name, &outlook))
    } else {
        as_text(&loaded.job.name, &outlook)
    };
    messages::answer(&text)?;
    Ok(match outlook.decision {
        Decision::Refuse(error) => Exit::from(error.kind),
        Decision::Start | Decision::Resume | Decision::Publish | Decision::Finished => {
            Exit::Finished
        }
    })
}

fn as_text(name: &str, outlook: &Outlook) -> String {
    let mut text = format!("{}: {}\n", escape(name), headline(outlook));
    if let Some(holder) = &outlook.running {
        let who = holder.as_ref().map_or_else(String::new, |holder| {
            format!(" (process {} on {})", holder.pid, escape(&holder.host))
        });
        text += &format!("   it is running now{who}; this is what a run after it would do\n");
    }
    for (path, size) in &outlook.inputs {
        text += &format!("   input: {} ({})\n", escape(&path.display().to_string()), bytes(*size));
    }
    for change in changes(outlook) {
        text += &format!(
            "   change: {} ({}): {} -> {}\n",
            escape(&change.path),
            class(change),
            escape(&change.stored.to_string()),
            escape(&change.current.to_string())
        );
    }
    for (file, reason) in &outlook.refused {
        text += &format!("   passes over: {}: {}\n", escape(file), escape(reason));
    }
    for note in &outlook.notes {
        text += &format!("   note: {}\n", escape(note));
    }
    if let Decision::Refuse(error) = &outlook.decision
        && let Some(hint) = &error.hint
    {
        text += &format!("   hint: {}\n", escape(hint));
    }
    text
}

fn headline(outlook: &Outlook) -> String {
    let newest = outlook.newest.as_ref();
    match (&outlook.decision, newest) {
        (Decision::Resume, Some((sequence, manifest))) => {
            let total: u64 = outlook.inputs.iter().map(|(_, size)| size).sum();
            let what = match manifest.phase {
                Phase::Draining => "with all input read".to_owned(),
                _ => format!(
                    "at record {} ({} %)",
                    thousands(manifest.counters.records_read),
                    percent(manifest.counters.bytes_read, total)
                ),
            };
            format!("would resume from checkpoint {sequence} {what}")
        }
        (Decision::Publish, _) => "would publish the finished outputs".to_owned(),
        (Decision::Finished, _) => "finished; a run would do nothing".to_owned(),
        (Decision::Refuse(error), _) => format!("would refuse: {}", escape(&error.to_string())),
        (Decision::Start | Decision::Resume, _) => "would start with the first record".to_owned(),
    }
}

fn changes(outlook: &Outlook) -> &[Change] {
    outlook.found.as_ref().map_or(&[], |found| &found.changes)
}

fn class(change: &Change) -> &'static str {
    match change.class {
        ChangeClass::Cosmetic => "goes on",
        ChangeClass::Stateless => "needs --accept-changes",
        ChangeClass::Incompatible => "does not fit",
    }
}

fn as_json(name: &str, outlook: &Outlook) -> Json {
    let decision = match outlook.decision {
        Decision::Start => "start",
        Decision::Resume => "resume",
        Decision::Publish => "publish",
        Decision::Finished => "finished",
        Decision::Refuse(_) => "refuse",
    };
    let (reason, hint) = match &outlook.decision {
        Decision::Refuse(error) => (Some(error.to_string()), error.hint.clone()),
        _ => (None, None),
    };
    let newest = outlook.newest.as_ref().map(|(sequence, manifest)| {
        json!({
            "checkpoint": sequence,
            "records_read": manifest.counters.records_read,
            "position": manifest.position,
        })
    });
    let inputs: Vec<Json> = outlook
        .inputs
        .iter()
        .map(|(path, size)| json!({ "path": path.to_string_lossy(), "bytes": size }))
        .collect();
    let changes: Vec<Json> = changes(outlook)
        .iter()
        .map(|change| {
            json!({
                "path": change.path,
                "class": class(change),
                "stored": change.stored,
                "current": change.current,
            })
        })
        .collect();
    json!({
        "job": name,
        "decision": decision,
        "running": outlook.running.is_some(),
        "reason": reason,
        "hint": hint,
        "newest": newest,
        "inputs": inputs,
        "changes": changes,
        "refused": outlook.refused,
        "notes": outlook.notes,
    })
}
