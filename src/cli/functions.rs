//! `onward functions`: list what expressions can call, look for something, or explain one.

use super::args::FunctionsArguments;
use super::exit::Exit;
use super::messages;
use crate::error::{Error, Result};
use crate::expr::catalogue::{self, Entry};
use crate::job;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Explains the function of that name, or lists those that a word is about, or all.
///
/// # Errors
/// Where there is no such function, or the answer cannot be written.
pub fn functions(arguments: &FunctionsArguments) -> Result<Exit> {
    let chosen = match (&arguments.name, &arguments.search) {
        (Some(name), _) => named(name)?,
        (None, Some(word)) => about(word)?,
        (None, None) => catalogue::all().collect(),
    };
    let text = match (&arguments.name, arguments.json) {
        (_, true) => as_json(&chosen),
        (Some(_), false) => chosen.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        (None, false) => list(&chosen),
    };
    messages::answer(&text)?;
    Ok(Exit::Finished)
}

/// What has that name: `sum` is an aggregate and a window function.
fn named(name: &str) -> Result<Vec<Entry>> {
    let is_meant = |entry: &Entry| entry.names().any(|known| known.eq_ignore_ascii_case(name));
    let found: Vec<Entry> = catalogue::all().filter(is_meant).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let error = Error::usage(format!("there is no function `{name}`"));
    let names = catalogue::all().flat_map(|entry| entry.names());
    Err(match (job::closest(name, names), mentions(name).is_empty()) {
        (Some(meant), _) => error.with_hint(format!("did you mean `{meant}`?")),
        (None, false) => {
            error.with_hint(format!("some have to do with it: `onward functions --search {name}`"))
        }
        (None, true) => error.with_hint("list all of them: `onward functions`"),
    })
}

fn about(word: &str) -> Result<Vec<Entry>> {
    let found = mentions(word);
    if found.is_empty() {
        let error = Error::usage(format!("no function has to do with `{word}`"));
        return Err(error.with_hint("list all of them: `onward functions`"));
    }
    Ok(found)
}

/// Those in whose names, family, signature or description a word stands, without regard to case.
fn mentions(word: &str) -> Vec<Entry> {
    let word = word.to_lowercase();
    let is_about = |entry: &Entry| {
        let doc = entry.doc;
        let texts = [doc.family, doc.signature, doc.doc];
        texts.into_iter().chain(entry.names()).any(|text| text.to_lowercase().contains(&word))
    };
    catalogue::all().filter(is_about).collect()
}

/// Entries by family, families in order of their names.
fn list(entries: &[Entry]) -> String {
    let mut families: Vec<&str> = entries.iter().map(|entry| entry.doc.family).collect();
    families.sort_unstable();
    families.dedup();
    let mut text = String::new();
    for family in families {
        push(&mut text, format_args!("{family}\n"));
        for entry in entries.iter().filter(|entry| entry.doc.family == family) {
            let doc = entry.doc;
            push(&mut text, format_args!("  {}\n      {}\n", doc.signature, doc.doc));
        }
    }
    text
}

fn text_of(entry: &Entry) -> String {
    let doc = entry.doc;
    let mut text = format!("{}\n  {}\n  {}\n", doc.signature, doc.doc, doc.nulls);
    if !entry.aliases.is_empty() {
        push(&mut text, format_args!("  also called: {}\n", entry.aliases.join(", ")));
    }
    push(&mut text, format_args!("  example: {}\n  result:  {}\n", doc.example, doc.result));
    let records = entry.example_records();
    if !records.is_empty() {
        text.push_str("  over these records:\n");
    }
    for record in records {
        let cells: Vec<String> = record.iter().map(|cell| format!("{cell:<7}")).collect();
        push(&mut text, format_args!("    {}\n", cells.join(" ").trim_end()));
    }
    text
}

/// An array of objects, one for each entry.
fn as_json(entries: &[Entry]) -> String {
    let object = |entry: &Entry| {
        let doc = entry.doc;
        json!({
            "name": doc.name,
            "aliases": entry.aliases,
            "family": doc.family,
            "signature": doc.signature,
            "doc": doc.doc,
            "nulls": doc.nulls,
            "example": doc.example,
            "result": doc.result,
        })
    };
    format!("{:#}\n", Json::Array(entries.iter().map(object).collect()))
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

    fn check_text(name: &str, expected: &str) {
        let entries = named(name).expect("a known function");
        let text: Vec<String> = entries.iter().map(text_of).collect();
        assert_eq!(text.join("\n"), expected);
    }

    #[test]
    fn a_function_is_explained_with_its_example() {
        check_text(
            "ABS",
            "abs(number) -> the same type\n  the number without its sign\n  \
             NULL where an argument is NULL\n  example: abs(-1.5)\n  result:  1.5\n",
        );
    }

    #[test]
    fn an_aggregate_is_explained_with_the_records_of_its_example() {
        check_text(
            "Array_Agg",
            "list([DISTINCT] x [ORDER BY ...]) -> list\n  all values; more than a million or 16 MiB of \
             them in one group are a fault\n  a NULL is a value like others; NULL of no records\n  \
             also called: array_agg\n  example: list(price ORDER BY weight)\n  \
             result:  [2.50,null,4.00,2.50]\n  over these records:\n    \
             id      city    price   weight\n    1       Rome    2.50    1.0\n    \
             2       Oslo    4.00    3.0\n    3       Rome    NULL    2.0\n    \
             4       Lima    2.50    7.0\n",
        );
    }

    #[test]
    fn a_name_that_stands_for_several_is_explained_for_each() {
        let families: Vec<&str> =
            named("sum").expect("known").iter().map(|entry| entry.doc.family).collect();
        assert_eq!(families, ["aggregate", "window"]);
    }

    #[test]
    fn everything_is_listed_once() {
        let entries: Vec<Entry> = catalogue::all().collect();
        let text = list(&entries);
        for entry in &entries {
            let twins = entries.iter().filter(|other| other.doc.signature == entry.doc.signature);
            let line = format!("  {}\n", entry.doc.signature);
            assert_eq!(text.matches(&line).count(), twins.count(), "{line}");
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
            about(word).expect("some").iter().map(|entry| entry.doc.name).collect()
        };
        assert_eq!(names("EDITDIST"), ["levenshtein"]);
        assert_eq!(names("binary"), ["bin", "unbin"]);
        assert!(names("keyed").contains(&"hmac_sha256"));
    }
}
