//! How alike two texts are. Characters are compared, not bytes.
//!
//! Most of these take time and room with the product of both lengths, which is bounded.

use super::declare::declare;
use super::{
    Body, Function, Kernel, Parameter, ResultType, bigint_answer, double_answer, double_of, str_of,
};
use crate::expr::evaluate::cell::{Answer, Cell, Failure};
use crate::record::DataType;
use std::collections::BTreeSet;

/// The largest product of two lengths in characters: 2,048 by 2,048, which takes some milliseconds.
const PRODUCT_MAX: usize = 1 << 22;

const FAMILY: &str = "similarity";
const BIGINT: ResultType = |_| DataType::Bigint;
const DOUBLE: ResultType = |_| DataType::Double;
const TWO: &[Parameter] = &[Parameter::Text, Parameter::Text];
const WITH_CUTOFF: &[Parameter] = &[Parameter::Text, Parameter::Text, Parameter::Double];

/// The functions.
pub const FUNCTIONS: &[Function] = &[
    Function {
        aliases: &["editdist3"],
        ..distance(
            [
                "levenshtein",
                "levenshtein(text, other text) -> bigint",
                "how many characters must be put in, left out or replaced to make one text the other",
                "levenshtein('kitten', 'sitting')",
                "3",
            ],
            |cells, _| measured(cells, strsim::levenshtein),
        )
    },
    distance(
        [
            "damerau_levenshtein",
            "damerau_levenshtein(text, other text) -> bigint",
            "as levenshtein, but two neighbours exchanged count as one change",
            "damerau_levenshtein('form', 'from')",
            "1",
        ],
        |cells, _| measured(cells, strsim::damerau_levenshtein),
    ),
    Function {
        aliases: &["mismatches"],
        ..distance(
            [
                "hamming",
                "hamming(text, other text) -> bigint",
                "in how many places two texts of one length differ; a fault where lengths differ or are 0",
                "hamming('duck', 'luck')",
                "1",
            ],
            |cells, _| {
                let [left, right] = pair(cells);
                if left.is_empty() && right.is_empty() {
                    return Err("both texts are empty".into());
                }
                let distance = strsim::hamming(left, right);
                bigint_answer(distance.map_err(|_| "the texts differ in length")?)
            },
        )
    },
    declare(
        FAMILY,
        [
            "jaccard",
            "jaccard(text, other text) -> double",
            "which share of the characters of both texts is in both of them; a fault where one is empty",
            "jaccard('duck', 'luck')",
            "0.6",
        ],
        TWO,
        Body::Strict(DOUBLE, |cells, _| {
            let [left, right] = pair(cells).map(|text| text.chars().collect::<BTreeSet<char>>());
            if left.is_empty() || right.is_empty() {
                return Err("a text is empty".into());
            }
            let both = u32::try_from(left.intersection(&right).count());
            let all = u32::try_from(left.union(&right).count());
            let count = |count: Result<u32, _>| f64::from(count.expect("few characters exist"));
            double_answer(count(both) / count(all))
        }),
    ),
    share(
        [
            "jaro_similarity",
            "jaro_similarity(text, other text[, least double]) -> double",
            "Jaro's similarity from 0 to 1; 0 where it is less than the least",
            "jaro_similarity('duck', 'duckdb')",
            "0.8888888888888888",
        ],
        |cells, _| likeness(cells, strsim::jaro),
    ),
    share(
        [
            "jaro_winkler_similarity",
            "jaro_winkler_similarity(text, other text[, least double]) -> double",
            "Jaro's similarity, greater for texts that begin alike; 0 where it is less than the least",
            "jaro_winkler_similarity('duck', 'duckdb')",
            "0.9333333333333333",
        ],
        |cells, _| likeness(cells, strsim::jaro_winkler),
    ),
];

const fn distance(doc: [&'static str; 5], kernel: Kernel) -> Function {
    declare(FAMILY, doc, TWO, Body::Strict(BIGINT, kernel))
}

const fn share(doc: [&'static str; 5], kernel: Kernel) -> Function {
    let body = Body::Strict(DOUBLE, kernel);
    Function { required: 2, ..declare(FAMILY, doc, WITH_CUTOFF, body) }
}

fn pair<'a>(cells: &[Cell<'a>]) -> [&'a str; 2] {
    [str_of(cells[0]), str_of(cells[1])]
}

fn bounded<'a>(cells: &[Cell<'a>]) -> Result<[&'a str; 2], Failure> {
    let texts = pair(cells);
    let [left, right] = texts.map(str::len);
    // Bytes are at least as many as characters; only where they are too many is it worth to count.
    if left.saturating_mul(right) > PRODUCT_MAX {
        let [left, right] = texts.map(|text| text.chars().count());
        if left.saturating_mul(right) > PRODUCT_MAX {
            return Err("the texts are too long to compare: 2,048 by 2,048 characters".into());
        }
    }
    Ok(texts)
}

fn measured<'a>(cells: &[Cell], measure: fn(&str, &str) -> usize) -> Result<Answer<'a>, Failure> {
    let [left, right] = bounded(cells)?;
    bigint_answer(measure(left, right))
}

fn likeness<'a>(cells: &[Cell], measure: fn(&str, &str) -> f64) -> Result<Answer<'a>, Failure> {
    let [left, right] = bounded(cells)?;
    // What is empty is like nothing.
    let value = if left.is_empty() || right.is_empty() { 0.0 } else { measure(left, right) };
    let least = cells.get(2).map_or(0.0, |least| double_of(*least));
    double_answer(if value < least { 0.0 } else { value })
}

#[cfg(test)]
mod tests {
    use crate::expr::tests::text_of;

    #[test]
    fn long_texts_are_a_fault_and_not_a_long_wait() {
        let sql =
            |length: u32| format!("levenshtein(repeat('a', 2048), repeat('\u{e4}', {length}))");
        assert_eq!(text_of(&sql(2048)), Ok("2048".to_string()));
        let reason = text_of(&sql(2049)).expect_err("too long");
        assert_eq!(reason, "the texts are too long to compare: 2,048 by 2,048 characters");
    }
}
