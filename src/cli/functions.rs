//! `onward functions`: list the functions of expressions, or explain one.

use super::exit::Exit;
use super::messages;
use crate::error::{Error, Result};
use crate::expr::function::{self, FunctionDoc};
use crate::expr::window;
use crate::job;
use std::fmt::Write as _;

/// Explains the function of that name, or lists all.
///
/// # Errors
/// Where there is no such function, or the answer cannot be written.
pub fn functions(name: Option<&str>) -> Result<Exit> {
    let text = match name {
        None => list(),
        Some(name) => explain(name)?,
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// Everything that is documented.
fn docs() -> impl Iterator<Item = &'static FunctionDoc> {
    function::all().chain(window::all())
}

/// All functions by family, families in order of their names.
fn list() -> String {
    let mut families: Vec<&str> = docs().map(|doc| doc.family).collect();
    families.sort_unstable();
    families.dedup();
    let mut text = String::new();
    for family in families {
        push(&mut text, format_args!("{family}\n"));
        for doc in docs().filter(|doc| doc.family == family) {
            push(&mut text, format_args!("  {}\n      {}\n", doc.signature, doc.doc));
        }
    }
    text
}

fn explain(name: &str) -> Result<String> {
    match (function::find(name), window::find(name)) {
        (Some(function), _) => Ok(text_of(&function.doc, function.aliases)),
        (None, Some(doc)) => Ok(text_of(doc, &[]) + &example_values()),
        (None, None) => {
            let error = Error::usage(format!("there is no function `{name}`"));
            Err(match job::closest(name, function::names().chain(window::all().map(|doc| doc.name))) {
                Some(meant) => error.with_hint(format!("did you mean `{meant}`?")),
                None => error.with_hint("list all of them: `onward functions`"),
            })
        }
    }
}

fn text_of(doc: &FunctionDoc, aliases: &[&str]) -> String {
    let mut text = format!("{}\n  {}\n  {}\n", doc.signature, doc.doc, doc.nulls);
    if !aliases.is_empty() {
        push(&mut text, format_args!("  also called: {}\n", aliases.join(", ")));
    }
    push(&mut text, format_args!("  example: {}\n  result:  {}\n", doc.example, doc.result));
    text
}

/// The values that the examples of window functions are over.
fn example_values() -> String {
    let shown = |value: &&str| if value.is_empty() { "NULL".to_owned() } else { (*value).to_owned() };
    let values: Vec<String> = window::EXAMPLE_ROWS.iter().map(shown).collect();
    format!("  where x is {}, one record after the other\n", values.join(" "))
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_explained_with_its_example() {
        assert_eq!(
            explain("ABS").expect("a known function"),
            "abs(number) -> the same type\n  the number without its sign\n  \
             NULL where an argument is NULL\n  example: abs(-1.5)\n  result:  1.5\n"
        );
    }

    #[test]
    fn every_function_is_listed_once() {
        let text = list();
        for doc in docs() {
            let line = format!("  {}\n", doc.signature);
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
    }

    #[test]
    fn a_slip_is_recognised() {
        let error = explain("absx").expect_err("no such function");
        assert_eq!(error.hint.as_deref(), Some("did you mean `abs`?"));
    }
}
