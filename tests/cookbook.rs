//! Every recipe of the cookbook is run: the files before its job are its input, those behind it must come out.
//!
//! `ONWARD_BLESS=1` rewrites the outputs; review them by diff.

use crate::support::folder;
use onward::cli::help::COOKBOOK;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/help/cookbook.md");

/// At least so many things people do.
const RECIPES_MIN: usize = 30;

/// A file that a recipe shows.
struct Shown<'a> {
    name: &'a str,
    content: &'a str,
}

/// One recipe.
struct Recipe<'a> {
    title: &'a str,
    inputs: Vec<Shown<'a>>,
    job: &'a str,
    outputs: Vec<Shown<'a>>,
}

fn recipes(text: &str) -> Vec<Recipe<'_>> {
    text.split("\n## ").skip(1).map(recipe).collect()
}

fn recipe(text: &str) -> Recipe<'_> {
    let (title, body) = text.split_once('\n').expect("a title and a body");
    let mut inputs = Vec::new();
    let mut job = None;
    let mut outputs = Vec::new();
    for block in body.split("\n```").skip(1).step_by(2) {
        let (info, content) = block.split_once('\n').expect("a block begins with its kind");
        let (_, name) = info.split_once(' ').expect("a block names its file");
        match (name, &job) {
            ("job.toml", _) => job = Some(content),
            (name, None) => inputs.push(Shown { name, content }),
            (name, Some(_)) => outputs.push(Shown { name, content }),
        }
    }
    let job = job.unwrap_or_else(|| panic!("`{title}` has no job.toml"));
    Recipe { title, inputs, job, outputs }
}

/// A file ends with a line feed, which here belongs to the fence.
fn with_end(content: &str) -> String {
    format!("{content}\n")
}

/// Runs a recipe in a folder of its own; what went wrong.
fn run(recipe: &Recipe<'_>, folder: &Path) -> Result<(), String> {
    for input in &recipe.inputs {
        folder::write(&folder.join(input.name), with_end(input.content).as_bytes());
    }
    folder::write(&folder.join("job.toml"), with_end(recipe.job).as_bytes());
    let run = Command::new(env!("CARGO_BIN_EXE_onward"))
        .args(["run", "job.toml", "--progress", "never"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    match run.status.code() {
        Some(0 | 3) => Ok(()),
        _ => Err(String::from_utf8_lossy(&run.stderr).into_owned()),
    }
}

#[test]
fn every_recipe_gives_what_it_shows() {
    let bless = std::env::var_os("ONWARD_BLESS").is_some();
    let text =
        if bless { fs::read_to_string(FILE).expect("the cookbook") } else { COOKBOOK.into() };
    let mut blessed = text.clone();
    let mut differences = String::new();
    let recipes = recipes(&text);
    for recipe in &recipes {
        let scratch = folder::scratch();
        if let Err(problem) = run(recipe, scratch.path()) {
            differences.push_str(&format!("## {}\n{problem}\n", recipe.title));
            continue;
        }
        for output in &recipe.outputs {
            let found = fs::read_to_string(scratch.path().join(output.name));
            let found = found.unwrap_or_else(|error| format!("{error}\n"));
            if found == with_end(output.content) {
                continue;
            }
            if bless {
                let (before, rest) = blessed.split_once(recipe.title).expect("the title");
                let rest = rest.replacen(
                    &format!(" {}\n{}", output.name, with_end(output.content)),
                    &format!(" {}\n{found}", output.name),
                    1,
                );
                blessed = format!("{before}{}{rest}", recipe.title);
            } else {
                let expected = with_end(output.content);
                let (title, name) = (recipe.title, output.name);
                differences.push_str(&format!(
                    "## {title}\n--- {name}, expected\n{expected}--- found\n{found}"
                ));
            }
        }
        assert!(!recipe.outputs.is_empty(), "`{}` shows no output", recipe.title);
    }
    if bless {
        fs::write(FILE, blessed).expect("a writable cookbook");
    }
    assert!(differences.is_empty(), "\n{differences}");
    assert!(recipes.len() >= RECIPES_MIN, "only {} recipes", recipes.len());
}
