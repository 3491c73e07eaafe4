//! `onward functions`: list the functions of expressions, look for some, or explain one.

use super::args::FunctionsArguments;
use super::exit::Exit;
use super::messages;
use crate::error::{Error, Result};
use crate::expr::function::{self, Function};
use crate::job;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Explains the function of that name, or lists those that a word is about, or all.
///
/// # Errors
/// Where there is no such function, or the answer cannot be written.
pub fn functions(arguments: &FunctionsArguments) -> Result<Exit> {
    let chosen = match (&arguments.name, &arguments.search) {
        (Some(name), _) => vec![named(name)?],
        (None, Some(word)) => about(word)?,
        (None, None) => function::functions().collect(),
    };
    let text = match (&arguments.name, arguments.json) {
        (_, true) => as_json(&chosen),
        (Some(_), false) => chosen.iter().map(|function| text_of(function)).collect(),
        (None, false) => list(&chosen),
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

fn named(name: &str) -> Result<&'static Function> {
    if let Some(function) = function::find(name) {
        return Ok(function);
    }
    let error = Error::usage(format!("there is no function `{name}`"));
    Err(match (job::closest(name, function::names()), mentions(name).is_empty()) {
        (Some(meant), _) => error.with_hint(format!("did you mean `{meant}`?")),
        (None, false) => {
            error.with_hint(format!("some have to do with it: `onward functions --search {name}`"))
        }
        (None, true) => error.with_hint("list all of them: `onward functions`"),
    })
}

fn about(word: &str) -> Result<Vec<&'static Function>> {
    let found = mentions(word);
    if found.is_empty() {
        let error = Error::usage(format!("no function has to do with `{word}`"));
        return Err(error.with_hint("list all of them: `onward functions`"));
    }
    Ok(found)
}

/// The functions in whose names, family, signature or description a word stands, without regard to case.
fn mentions(word: &str) -> Vec<&'static Function> {
    let word = word.to_lowercase();
    let is_about = |function: &&Function| {
        let doc = &function.doc;
        let texts = [doc.name, doc.family, doc.signature, doc.doc];
        let mut texts = texts.iter().chain(function.aliases);
        texts.any(|text| text.to_lowercase().contains(&word))
    };
    function::functions().filter(is_about).collect()
}

/// Functions by family, families in order of their names.
fn list(functions: &[&Function]) -> String {
    let mut families: Vec<&str> = functions.iter().map(|function| function.doc.family).collect();
    families.sort_unstable();
    families.dedup();
    let mut text = String::new();
    for family in families {
        push(&mut text, format_args!("{family}\n"));
        for function in functions.iter().filter(|function| function.doc.family == family) {
            let doc = &function.doc;
            push(&mut text, format_args!("  {}\n      {}\n", doc.signature, doc.doc));
        }
    }
    text
}

fn text_of(Function { doc, aliases, .. }: &Function) -> String {
    let mut text = format!("{}\n  {}\n  {}\n", doc.signature, doc.doc, doc.nulls);
    if !aliases.is_empty() {
        push(&mut text, format_args!("  also called: {}\n", aliases.join(", ")));
    }
    push(&mut text, format_args!("  example: {}\n  result:  {}\n", doc.example, doc.result));
    text
}

/// An array of objects, one for each function.
fn as_json(functions: &[&Function]) -> String {
    let object = |function: &&Function| {
        let doc = &function.doc;
        json!({
            "name": doc.name,
            "aliases": function.aliases,
            "family": doc.family,
            "signature": doc.signature,
            "doc": doc.doc,
            "nulls": doc.nulls,
            "example": doc.example,
            "result": doc.result,
        })
    };
    format!("{:#}\n", Json::Array(functions.iter().map(object).collect()))
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_hint(name: &str, hint: &str) {
        let error = named(name).expect_err("no such function");
        assert_eq!(error.hint.as_deref(), Some(hint), "{name}");
    }

    #[test]
    fn a_function_is_explained_with_its_example() {
        let abs = named("ABS").expect("a known function");
        assert_eq!(
            text_of(abs),
            "abs(number) -> the same type\n  the number without its sign\n  \
             NULL where an argument is NULL\n  example: abs(-1.5)\n  result:  1.5\n"
        );
    }

    #[test]
    fn every_function_is_listed_once() {
        let functions: Vec<&Function> = function::functions().collect();
        let text = list(&functions);
        for doc in function::all() {
            let line = format!("  {}\n", doc.signature);
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
    }

    #[test]
    fn an_unknown_name_leads_to_a_known_one() {
        check_hint("absx", "did you mean `abs`?");
        check_hint(
            "hexadecimal",
            "some have to do with it: `onward functions --search hexadecimal`",
        );
        check_hint("frobnicate", "list all of them: `onward functions`");
    }

    #[test]
    fn a_word_is_looked_for_in_names_aliases_and_descriptions() {
        let names = |word: &str| -> Vec<&str> {
            about(word).expect("some").iter().map(|function| function.doc.name).collect()
        };
        assert_eq!(names("EDITDIST"), ["levenshtein"]);
        assert_eq!(names("binary"), ["bin", "unbin"]);
        assert!(names("keyed").contains(&"hmac_sha256"));
    }
}
