//! `onward help`: the guides that come with the program, and the help of each command.
//!
//! The guides are the texts of the source tree, so that they are as old as the program. Every recipe of `cookbook.md` is
//! executed by a test.

use super::args::{Arguments, HelpArguments};
use super::exit::Exit;
use super::messages;
use crate::error::{Error, Result};
use crate::expr::LANGUAGE;
use crate::job;
use clap::CommandFactory;
use std::fmt::Write as _;

/// The recipes, each under a heading of its own.
pub const COOKBOOK: &str = include_str!("cookbook.md");

/// The kinds of steps, each under a heading of its own; the headers of their files in one text.
const STEPS: &str = include_str!("../../transform/STEPS.md");

/// What `mode = "incremental"` does.
const GROWING: &str = include_str!("growing.md");

/// The guides: what to type, what it is about.
const TOPICS: &[(&str, &str)] = &[
    (
        "cookbook",
        "Recipes by task, each a whole job; `help cookbook WORD` shows those with the word",
    ),
    ("steps", "What a `[[transform]]` can do; `help steps NAME` explains one kind of step"),
    ("growing", "Inputs that grow: `mode = \"incremental\"`, for jobs that cron runs"),
    ("language", "The expression language; `onward functions` lists the functions"),
];

/// Shows the help of a command, a guide, or what there is.
///
/// # Errors
/// Where there is no such topic, or the answer cannot be written.
pub fn help(arguments: &HelpArguments) -> Result<Exit> {
    let text = match (arguments.topic.as_deref(), arguments.word.as_deref()) {
        (None, _) => overview(),
        (Some("cookbook"), None) => COOKBOOK.to_owned(),
        (Some("cookbook"), Some(word)) => recipes(word)?,
        (Some("steps"), None) => STEPS.to_owned(),
        (Some("steps"), Some(kind)) => step(kind)?,
        (Some("growing"), _) => GROWING.to_owned(),
        (Some("language"), _) => LANGUAGE.to_owned(),
        (Some(topic), _) => of_command(topic)?,
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn overview() -> String {
    let mut text = Arguments::command().render_help().to_string();
    text.push_str("\nGuides:\n");
    for (topic, about) in TOPICS {
        writeln!(text, "  help {topic:<10} {about}").expect("a string takes everything");
    }
    text
}

fn of_command(name: &str) -> Result<String> {
    let mut program = Arguments::command();
    // Only a built command knows the whole of its usage.
    program.build();
    if let Some(command) = program.find_subcommand_mut(name) {
        return Ok(command.render_long_help().to_string());
    }
    let commands: Vec<String> =
        program.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let topics = TOPICS.iter().map(|(topic, _)| *topic);
    let meant = job::closest(name, commands.iter().map(String::as_str).chain(topics));
    let error = Error::usage(format!("there is no help on `{name}`"));
    Err(error.with_hint(match meant {
        Some(meant) => format!("did you mean `onward help {meant}`?"),
        None => "list what there is: `onward help`".to_owned(),
    }))
}

/// What the guide says of one kind of step.
fn step(kind: &str) -> Result<String> {
    let marked = format!("`{kind}`");
    let heading = |section: &str| section.lines().next().unwrap_or_default().to_owned();
    let mut sections = STEPS.split("\n## ").skip(1);
    if let Some(section) = sections.find(|section| heading(section).contains(&marked)) {
        return Ok(format!("{}\n", section.trim_end()));
    }
    let error = Error::usage(format!("there is no step `{kind}`"));
    Err(match job::closest(kind, job::step_kinds().iter().copied()) {
        Some(meant) => error.with_hint(format!("did you mean `onward help steps {meant}`?")),
        None => error.with_hint("list all of them: `onward help steps`"),
    })
}

/// The recipes in which a word stands, without regard to case.
fn recipes(word: &str) -> Result<String> {
    let lower = word.to_lowercase();
    let all = COOKBOOK.split("\n## ").skip(1);
    let found: Vec<String> = all
        .filter(|recipe| recipe.to_lowercase().contains(&lower))
        .map(|recipe| format!("## {}\n", recipe.trim_end()))
        .collect();
    if found.is_empty() {
        let error = Error::usage(format!("no recipe speaks of `{word}`"));
        return Err(error.with_hint("read all of them: `onward help cookbook`"));
    }
    Ok(found.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_finds_its_recipes_and_no_others() {
        let found = recipes("DEDUP").expect("a recipe");
        assert!(found.starts_with("## ") && found.contains("dedup = "));
        assert!(found.len() < COOKBOOK.len() / 2);
        let error = recipes("no such word").expect_err("nothing");
        assert_eq!(error.message, "no recipe speaks of `no such word`");
    }

    #[test]
    fn every_kind_of_step_is_explained_and_slips_recognised() {
        for kind in job::step_kinds() {
            assert!(step(kind).expect(kind).contains(&format!("{kind} = ")), "{kind}");
        }
        let error = step("agregate").expect_err("a slip");
        assert_eq!(error.hint.as_deref(), Some("did you mean `onward help steps aggregate`?"));
    }

    #[test]
    fn commands_and_guides_are_found_and_slips_recognised() {
        assert!(of_command("run").expect("a command").contains("--fresh"));
        let error = of_command("cokbook").expect_err("a slip");
        assert_eq!(error.hint.as_deref(), Some("did you mean `onward help cookbook`?"));
        assert!(overview().contains("help cookbook"));
    }
}
