//! `onward plan`: say what a run would do.

use super::args::PlanArguments;
use super::exit::Exit;
use super::job_file::{self, Failure};
use super::messages::{self, escape};
use super::numbers::{bytes, counted, percent, thousands};
use super::world::{Teller, looking, real};
use crate::checkpoint::{Counters, Manifest, Phase};
use crate::engine::{self, Decision, Found, News, Outlook, RunOptions, acting};
use crate::job::diff::{Change, ChangeClass, ChangeKind, Effect};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Says what a run would do. The exit code is that of a run that would refuse, else 0.
///
/// # Errors
/// Where the job is wrong, or its files cannot be read.
pub fn plan(arguments: &PlanArguments) -> Result<Exit, Failure> {
    let world = real(Arc::new(Teller::default()));
    let loaded = job_file::load(&world, &arguments.job)?;
    let command = format!("onward run {}", arguments.job.job.display());
    let options = RunOptions { unsafe_directory: arguments.unsafe_dir, ..looking() };
    let outlook = engine::outlook(&loaded.job, &command, &options, &world)
        .map_err(|error| loaded.explain(&arguments.job.job, error))?;
    let text = if arguments.json {
        format!("{}\n", as_json(&loaded.job.name, &outlook))
    } else {
        as_text(&loaded.job.name, &outlook)
    };
    messages::answer(&text)?;
    Ok(match outlook.decision {
        Decision::Refuse(error) => Exit::from(error.kind),
        Decision::Start
        | Decision::Resume
        | Decision::Publish
        | Decision::TakeNew
        | Decision::Finished => Exit::Finished,
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
    for News { name, bytes: count, is_new } in news(outlook) {
        let what = if *is_new { "new" } else { "appended" };
        text +=
            &format!("   {what}: {} ({})\n", escape(&name.display().to_string()), bytes(*count));
    }
    for (path, size) in outlook.inputs.iter().filter(|_| news(outlook).is_empty()) {
        text += &format!("   input: {} ({})\n", escape(&path.display().to_string()), bytes(*size));
    }
    for change in changes(outlook) {
        text += &shown(change, outlook);
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
            let counted = counted_of(manifest);
            let what = match manifest.phase {
                Phase::Draining => "with all input read".to_owned(),
                _ => format!(
                    "at record {} ({} %)",
                    thousands(counted.records_read),
                    percent(counted.bytes_read, total)
                ),
            };
            format!("would resume from checkpoint {sequence} {what}")
        }
        (Decision::Publish, _) => "would publish the finished outputs".to_owned(),
        (Decision::TakeNew, Some((_, manifest))) => {
            let number = manifest.round.as_ref().map_or(1, |round| round.number + 1);
            let total = news(outlook).iter().map(|news| news.bytes).sum();
            let files = counted(news(outlook).len() as u64, "input");
            format!("would begin round {number} with what is new: {} of {files}", bytes(total))
        }
        (Decision::Finished, Some((_, manifest))) if manifest.round.is_some() => {
            "nothing is new; a run would do nothing".to_owned()
        }
        (Decision::Finished, _) => "finished; a run would do nothing".to_owned(),
        (Decision::Refuse(error), _) => format!("would refuse: {}", escape(&error.to_string())),
        (Decision::Start | Decision::Resume | Decision::TakeNew, _) => {
            "would start with the first record".to_owned()
        }
    }
}

/// What was counted since the job, or the round that it is in, began.
pub(super) fn counted_of(manifest: &Manifest) -> Counters {
    let before = manifest.round.as_ref().map(|round| round.before);
    manifest.counters.since(&before.unwrap_or_default())
}

/// What is new of the inputs of an incremental job.
fn news(outlook: &Outlook) -> &[News] {
    outlook.found.as_ref().map_or(&[], |found| &found.news)
}

fn changes(outlook: &Outlook) -> &[Change] {
    outlook.found.as_ref().map_or(&[], |found| &found.changes)
}

/// A change, what it needs, and how it acts then.
fn shown(change: &Change, outlook: &Outlook) -> String {
    let what = match (change.kind, &change.step) {
        (ChangeKind::Added, Some(name)) => format!(", the step `{name}`, is new"),
        (ChangeKind::Removed, Some(name)) => format!(", the step `{name}`, is gone"),
        _ => String::new(),
    };
    let needs = match needs(change) {
        Some(flag) => format!("needs {flag}"),
        None => "goes on".to_owned(),
    };
    let values = match change.kind {
        ChangeKind::Changed => format!("{} -> {}", change.stored, change.current),
        ChangeKind::Added => change.current.to_string(),
        ChangeKind::Removed => change.stored.to_string(),
    };
    format!(
        "   change: {}{} ({}; {needs}): {}\n      {}\n",
        escape(&change.path),
        escape(&what),
        change.class().word(),
        escape(&values),
        escape(&how(change, outlook)),
    )
}

/// The option without which a run refuses.
fn needs(change: &Change) -> Option<&'static str> {
    match change.class() {
        ChangeClass::Cosmetic => None,
        ChangeClass::Stateless | ChangeClass::Compatible => Some("--accept-changes"),
        ChangeClass::Incompatible => Some("--fresh"),
    }
}

fn how(change: &Change, outlook: &Outlook) -> String {
    let found = outlook.found.as_ref();
    let is_over = |found: &Found| {
        matches!(found.phase, Phase::Publishing | Phase::Done) && !found.is_incremental
    };
    if found.is_some_and(|found| is_over(found)) {
        return "all records are past it".to_owned();
    }
    acting(change, past(change, outlook))
}

/// How many records of the input were read before a change acts.
fn past(change: &Change, outlook: &Outlook) -> u64 {
    match (&change.effect, &outlook.found) {
        (Effect::All, _) | (_, None) => 0,
        (_, Some(found)) => found.records,
    }
}

fn as_json(name: &str, outlook: &Outlook) -> Json {
    let decision = match outlook.decision {
        Decision::Start => "start",
        Decision::Resume => "resume",
        Decision::Publish => "publish",
        Decision::TakeNew => "take-new",
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
    let news: Vec<Json> = news(outlook)
        .iter()
        .map(|news| json!({ "path": news.name.to_string_lossy(), "bytes": news.bytes, "is_new": news.is_new }))
        .collect();
    let changes: Vec<Json> = changes(outlook)
        .iter()
        .map(|change| {
            json!({
                "path": change.path,
                "step": change.step,
                "kind": change.kind.word(),
                "class": change.class().word(),
                "needs": needs(change),
                "how": how(change, outlook),
                "records_past": past(change, outlook),
                "stored": change.stored,
                "current": change.current,
            })
        })
        .collect();
    let is_incremental = outlook.found.as_ref().is_some_and(|found| found.is_incremental);
    let mut answer = json!({
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
    });
    if is_incremental {
        answer["news"] = Json::Array(news);
    }
    answer
}
