//! Texts that are hardly expressions: binding and evaluating them never panics nor uses up the stack, and every error
//! stands at a place of the text.
//!
//! The stack is half of what threads get, so that what holds here holds on every machine. Seeds are fixed.

use crate::support::random::Random;
use onward::error::Sql;
use onward::expr::{Scope, bind_items, bind_predicate, bind_scalar};
use onward::record::{
    Batch, Column, DataType, Field, Layout, RawRecords, Rest, Slot, SlotOrigin, Slots,
};
use std::path::Path;
use std::sync::Arc;

/// Half of what the standard library gives a thread.
const STACK_BYTES: usize = 1 << 20;

/// Signs, words and literals that expressions are made of, and some that they are not.
const TOKENS: &[&str] = &[
    "a",
    "b",
    "t",
    "d",
    "j",
    "l",
    "nope",
    "\"odd name\"",
    "a.b",
    "j[0]",
    "l[1:2]",
    "1",
    "-1",
    "0",
    "1.5",
    "1e3",
    "1e999",
    "9223372036854775808",
    "99999999999999999999999999999999999999999",
    "'x'",
    "''",
    "'it''s'",
    "'2024-05-17'",
    "NULL",
    "true",
    "false",
    "(",
    ")",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "^",
    "**",
    "||",
    "=",
    "<>",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&",
    "|",
    "~",
    "<<",
    ">>",
    "->",
    "->>",
    "::",
    ":",
    ";",
    "AND",
    "OR",
    "NOT",
    "IS",
    "IN",
    "LIKE",
    "ILIKE",
    "SIMILAR TO",
    "BETWEEN",
    "ESCAPE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST(",
    "AS",
    "bigint",
    "decimal(9,2)",
    "decimal(99,2)",
    "text[]",
    "DATE",
    "INTERVAL",
    "TIMESTAMP",
    "AT TIME ZONE",
    "EXTRACT(",
    "year",
    "FROM",
    "SUBSTRING(",
    "TRIM(",
    "POSITION(",
    "coalesce(",
    "round(",
    "length(",
    "list_value(",
    "json_extract(",
    "regexp_matches(",
    "TRY(",
    "greatest(",
    "date_trunc(",
    "strftime(",
    "sum(",
    "count(*)",
    "DISTINCT",
    "FILTER",
    "OVER",
    "SELECT",
    "WHERE",
    "*",
    "'",
    "\"",
    "$",
    "#",
    "@",
    "?",
    "\\",
    "--",
    "/*",
    "*/",
    "\u{e9}",
    "\u{1f600}",
    "\u{0}",
    "\n",
    "\t",
    "{",
    "}",
];

/// The columns that the texts may name.
fn with_scope<T>(run: impl FnOnce(&mut Scope) -> T) -> T {
    let types = ["bigint", "decimal(9,2)", "text", "date", "json", "bigint[]"];
    let mut layout = Layout { fields: Vec::new(), rest: Rest::Json, left_out: Vec::new() };
    let mut slots = Slots::default();
    for (index, (name, data_type)) in
        ["a", "b", "t", "d", "j", "l"].into_iter().zip(types).enumerate()
    {
        let data_type = DataType::parse(data_type).expect("a type");
        let slot = slots.add(name, data_type, SlotOrigin::CsvField(index));
        layout.fields.push(Field { name: name.to_string(), data_type, slot });
    }
    run(&mut Scope { layout: &layout, slots: &mut slots, now_micros: 0, context: "filter" })
}

/// Binds a text in every way; evaluates it over columns of NULLs where it is sound.
fn check(text: &str) {
    let sql = Sql::unplaced(text);
    let bound = with_scope(|scope| {
        let bound = bind_scalar(&sql, scope);
        let reads: Vec<(Slot, DataType)> = (0..scope.slots.infos.len())
            .map(Slot)
            .map(|slot| (slot, scope.slots.info(slot).data_type))
            .collect();
        bound.map(|expression| (expression, reads))
    });
    let errors = match bound {
        Ok((expression, slots)) => {
            let mut batch = Batch::new(RawRecords::None, 2, slots.len());
            for (slot, data_type) in slots {
                batch.fill(slot, Arc::new(Column::null(data_type, 2)));
            }
            let column = expression.evaluate(&batch, &batch.selection);
            assert_eq!(column.data_type(), expression.data_type(), "{text}");
            Vec::new()
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "no reason: {text}");
            errors
        }
    };
    let as_condition = with_scope(|scope| bind_predicate(&sql, scope).err().unwrap_or_default());
    let as_item =
        with_scope(|scope| bind_items(std::slice::from_ref(&sql), scope).err().unwrap_or_default());
    for error in errors.iter().chain(&as_condition).chain(&as_item) {
        let place = error.place.clone().unwrap_or_else(|| panic!("no place: {text}: {error:?}"));
        assert!(text.get(place.clone()).is_some(), "{place:?} is no part of: {text}: {error:?}");
        assert!(!error.message.is_empty(), "no message: {text}");
    }
}

/// Checks texts on a small stack; tells the text at which it panicked.
fn check_all(texts: impl Iterator<Item = String> + Send + 'static) {
    let run = move || {
        let mut failed = Vec::new();
        for text in texts {
            if std::panic::catch_unwind(|| check(&text)).is_err() {
                failed.push(text);
            }
        }
        failed
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    let failed = thread.expect("a thread").join().expect("panics are caught");
    assert!(
        failed.is_empty(),
        "{} texts, the first ones: {:#?}",
        failed.len(),
        &failed[..failed.len().min(5)]
    );
}

/// The expressions of `fixtures/expressions/expected/`.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/expressions/expected");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the expected results")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    let mut expressions = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).expect("a text");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        expressions.extend(lines.filter_map(|line| line.split('\t').next()).map(str::to_string));
    }
    expressions.dedup();
    expressions
}

fn index(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end.max(1) as u64)).expect("an index")
}

/// One to three changes: a part taken out, doubled, replaced by a token, or by a part of another expression.
fn mutated(random: &mut Random, corpus: &[String]) -> String {
    let mut text: Vec<char> = random.pick(corpus).chars().collect();
    for _ in 0..=random.below(3) {
        let start = index(random, text.len() + 1);
        let end = start + index(random, (text.len() - start).min(8) + 1);
        let part: Vec<char> = match random.below(4) {
            0 => Vec::new(),
            1 => text[start..end].repeat(2),
            2 => random.pick(TOKENS).chars().collect(),
            _ => {
                let other: Vec<char> = random.pick(corpus).chars().collect();
                let from = index(random, other.len());
                other[from..].iter().copied().take(12).collect()
            }
        };
        text.splice(start..end, part);
    }
    text.into_iter().collect()
}

#[test]
fn soups_of_tokens_are_refused_with_a_place_or_evaluated() {
    let mut random = Random::new(1);
    check_all((0..6_000).map(move |_| {
        let count = 1 + random.below(12);
        let separator = if random.below(4) == 0 { "" } else { " " };
        let tokens: Vec<&str> = (0..count).map(|_| *random.pick(TOKENS)).collect();
        tokens.join(separator)
    }));
}

#[test]
fn changed_expressions_are_refused_with_a_place_or_evaluated() {
    let corpus = corpus();
    assert!(corpus.len() > 2_000);
    let mut random = Random::new(2);
    check_all((0..8_000).map(move |_| mutated(&mut random, &corpus)));
}

#[test]
fn deep_nesting_ends_in_an_error_and_not_in_the_stack() {
    let mut texts = Vec::new();
    let nestings = [
        ("(", "1", ")"),
        ("((a", "+ 1", "))"),
        ("abs(", "1", ")"),
        ("CASE WHEN true THEN ", "1", " END"),
        ("CASE ", "1", " WHEN 1 THEN 1 END"),
        ("CAST(", "1", " AS text)"),
        ("[", "1", "]"),
        ("TRY(", "1", ")"),
        ("NOT ", "true", ""),
        ("- ", "1", ""),
        ("~ ", "1", ""),
        ("1 + (2 * ", "3", ")"),
        ("1 IN (", "1", ")"),
        ("a BETWEEN ", "1", " AND 2"),
        ("EXTRACT(year FROM ", "d", ")"),
        ("SUBSTRING(", "t", " FROM 1)"),
        ("j[", "0", "]"),
        ("coalesce(1, ", "2", ")"),
        ("x -> ", "x", ""),
        ("INTERVAL ", "'1'", ""),
        ("count(*) FILTER (WHERE ", "true", ")"),
        ("(SELECT ", "1", ")"),
        ("EXISTS (", "1", ")"),
        ("CASE WHEN ", "a", ""),
        ("{'a': ", "1", "}"),
    ];
    for (open, middle, close) in nestings {
        for depth in [10, 49, 51, 60, 200, 1_000, 6_000] {
            texts.push(format!("{}{middle}{}", open.repeat(depth), close.repeat(depth)));
            texts.push(format!("{}{middle}", open.repeat(depth)));
        }
    }
    let chains = [
        "1 + ",
        "a || ",
        "true AND ",
        "false OR ",
        "1 = ",
        "1 < ",
        "a -> ",
        "1::text::",
        "2 ^ ",
        "a.",
        "j[0]",
        "1, ",
        "NOT ",
        "a IS NULL = ",
        "'x' LIKE ",
        "a IS DISTINCT FROM ",
        "~~",
        "- -",
        "a[1]",
    ];
    for chain in chains {
        for count in [100, 199, 201, 500, 999, 1_001, 10_000] {
            texts.push(format!("{}1", chain.repeat(count)));
        }
    }
    check_all(texts.into_iter());
}
